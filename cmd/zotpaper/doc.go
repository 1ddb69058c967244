// Command zotpaper makes a daily paper that arrives by email.
//
// It assembles the day's articles into an edition, renders it once, and sends
// it to everyone who asked for it. "zotpaper demo" shows all of that and needs
// nothing; "zotpaper init" starts a paper of one's own; "zotpaper help" lists
// the rest.
//
// # Exit status
//
//	0  done
//	1  failed
//	2  wrong use: an unknown command, flag or value
//	3  held, or nothing to do: nothing failed, and nothing was sent either
//
// Facts go to standard output, as text or with --json as JSON. Everything else
// goes to standard error, where an error is one line: what is wrong, where,
// and what to do.
//
// # How it is put together
//
// main only deals with the process; run is the program, and what tests call.
// newRoot lists the commands, each of which stands in a file of its own and
// gets what it needs from app: the streams, the clock, the flags all commands
// share, and the configuration.
package main
