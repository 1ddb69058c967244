// Package dispatch takes one issue to a whole list, over time and through
// crashes.
//
// # The ledger
//
// When an edition is frozen, [Ledger.Freeze] copies its recipients into
// deliveries, one row each, in the transaction that also fixes the issue. From
// then on the ledger, and nothing else, knows who got the edition:
//
//	pending ──> sending ──> sent          the next server answered 250
//	   ^           │  └───> rejected      it refused this recipient for good
//	   │           │  └───> held          in doubt, and an editor decides
//	deferred <─────┘                      not now; again later
//	   └──────────────────> expired       the edition is too old to try again
//	pending ──> suppressed                no longer to be mailed
//	pending ──> unrenderable              no message could be composed
//
// A dispatch is complete when every recipient has an end: recipients = sent +
// rejected + suppressed + expired + unrenderable + held. [Tally.Complete] says
// so from the rows themselves, never because a queue is empty.
//
// # What a crash leaves behind
//
// A row is committed as sending before its SMTP conversation begins, and its
// outcome before the same connection begins another; the connections share
// transactions, see clerk. A process that dies leaves at most one row in the
// state sending for each of its connections. Whoever takes the dispatch
// over, told by an expired lease that the owner is gone, finds them in doubt:
// the server may have taken the message. [InDoubt] says what happens then;
// if the message is sent again it has the same Message-ID.
//
// Every owner gets a number, the fence, and every outcome is written on
// condition that the row still bears it. A process that was merely asleep
// while its lease ran out can change nothing when it wakes up.
package dispatch
