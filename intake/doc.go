// Package intake reads articles: from a folder of Markdown files, and from RSS,
// Atom and JSON feeds.
//
// Whatever it reads was written by somebody else, perhaps a moment ago,
// perhaps by a program, so every source is bounded in size and time and one
// bad article never costs the edition: it is refused with file, line and
// reason, and the others go on. The text of an article passes through a
// sanitiser and leaves this package as blocks and spans of package edition,
// never as markup. What a feed sends us to ask for is held to be written by an
// enemy: no private network is reached that its editors have not named.
package intake
