// Package words holds what the paper says to its readers: on its pages, and in
// the notices it writes to one of them. All of it stands in one file a
// language, so that a newsroom can put its own beside it.
//
// The editions themselves are not among it: their words are in the templates;
// see package templates.
package words
