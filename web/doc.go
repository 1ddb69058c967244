// Package web serves the readers' pages: unsubscribe and preferences, the
// editions in a browser, and the pictures of the mail.
//
// A link in a mail is opened by scanners, previews and people alike, so GET
// changes nothing anywhere; what changes something is a POST, behind a button.
// The pages need no script, no cookie and nothing from another server.
package web
