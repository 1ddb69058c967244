// Package emltest holds a finished edition, as the bytes of its mail, to the
// rules that mailbox providers, mail programs and readers' aids lay down. It
// reads the mail with parsers that did not write it.
//
// Each rule has a name: M for the MIME structure, H for the header, U for
// unsubscribing, E for the encoding, T for the plain text, S for the size, P
// for the preheader, X for the HTML, D for the dark mode and A for
// accessibility.
package emltest
