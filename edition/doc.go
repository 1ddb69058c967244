// Package edition says what a paper is: articles, the slots of the day, the
// window of time an edition covers, the lineup that says which article stands
// where, and the states an edition goes through.
//
// The package is pure. It knows no mail, no database, no HTML and no clock:
// every function takes what it needs and gives the same answer for the same
// arguments, so an edition assembled twice from the same articles is equal
// byte for byte. Packages that read articles (intake) produce its types;
// packages that print them (templates) consume them.
//
// # From articles to a lineup
//
// A slot comes round once a day. Its edition carries the articles whose time
// (see [Article.Due]) falls into the edition's [Window], which begins where
// the window of the slot's previous edition ended. [Assemble] drops drafts,
// articles outside the window and articles a reader of this slot has already
// had, chooses the lead, and puts the rest in order of the slot's sections.
// Whatever it leaves out it names in [Edition.Omitted], with the reason, so
// that nobody has to guess why a story is missing from the paper.
package edition
