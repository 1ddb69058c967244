// Package intake reads articles: today from a folder of Markdown files, later
// from feeds.
//
// Whatever it reads was written by somebody else, perhaps a moment ago,
// perhaps by a program, so every source is bounded in size and time and one
// bad article never costs the edition: it is refused with file, line and
// reason, and the others go on. The text of an article passes through a
// sanitiser and leaves this package as blocks and spans of package edition,
// never as markup.
package intake
