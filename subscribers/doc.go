// Package subscribers knows who asked for which list: the subscribers, their
// consent and its proof, the addresses that must not be mailed, the tokens
// that stand in links, and import and export.
//
// It owns the tables lists, subscribers, consents and suppressions, and the
// view mailable: the members of a list that may be mailed right now. Other
// packages never read the tables; dispatch selects from the view, so that a
// suppression acts on every delivery that has not begun.
package subscribers
