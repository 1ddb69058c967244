// Package templates holds the paper's markup and the renderer that turns an
// [edition.Edition] into an [Issue]: the subject, the HTML part, the
// plain-text part and the page readers see in a browser.
//
// # How a page is made
//
// The HTML comes from edition.html through html/template, which escapes every
// word of an article for the place it stands in. go-premailer then writes the
// rules of edition.css into style attributes, because many mail programs
// ignore style sheets; that sheet keeps to single-class selectors, which the
// inliner handles like a browser. What cannot be inlined (the small screen,
// the dark mode) stands in head.css and reaches the mail untouched, cut down
// to the classes this issue uses.
//
// The plain text comes from edition.txt and the same model, never from the
// HTML, so it has paragraphs and headings instead of the ruins of a layout.
//
// # Slots
//
// An issue is rendered once for all readers. Where a reader's own links
// belong, it carries a [Slot]: an address that exists nowhere, replaced for
// each reader when the message is composed.
//
// # Fit to size
//
// Gmail shows only the first 102,400 bytes or so of a mail's HTML, and with
// the rest the unsubscribe link would go. An issue stays under [Budget]: the
// longest bodies are cut at a paragraph's end and continue on the web, the
// lead last. [Issue.Cuts] says what was cut.
package templates
