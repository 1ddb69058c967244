// Package web serves the readers' pages: the front page with its form, the
// links in our mails (confirm, unsubscribe, preferences), the archive of
// editions with its feed, and the pictures of the mail.
//
// A link in a mail is opened by scanners, previews and people alike, so GET
// changes nothing anywhere; what changes something is a POST, behind a button,
// and is answered with a redirect to a page that says what was done. The token
// in a link is all the proof there is: no page needs a cookie, and each works
// on any device.
//
// The pages need no script and nothing from another server. What they say is in
// package words, how they look in style.css, what stands where in pages/.
package web
