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
//	pending ──> canceled                  an editor canceled the edition
//
// A dispatch is complete when every recipient has an end: recipients = sent +
// rejected + suppressed + expired + unrenderable + held, and canceled if it
// was. [Tally.Complete] says so from the rows themselves, never because a queue
// is empty.
//
// # Batches
//
// The recipients are divided into batches. Each has a job in River's queue,
// which carries it to one of the processes at work, on this machine or others.
// Whoever takes a batch gets a number for it, the fence, and a lease; an
// outcome is accepted only under the fence that its delivery was taken with. A
// process that was merely asleep while its lease ran out can change nothing when
// it wakes up.
//
// To take a delivery is one statement, which marks it as sending and asks
// whether the reader may still be mailed, the batch is still ours, and nobody
// has halted the dispatch. The connections of a process share such statements,
// see clerk.
//
// # The journal, and what a crash leaves behind
//
// Beside each batch that it holds, a process keeps a journal on local disk: a
// record before the final dot of a message, and one after the reply. What the
// ledger says is as old as its last statement; the journal says what was under
// way at the moment of death. Whoever takes the batch over, on the same machine
// at once since the lock on the journal went with the process, settles by it:
// answered deliveries get their outcome, those that had not begun are made as if
// nothing had been, and those with a dot and no reply are in doubt, one for each
// connection at most. [InDoubt] says what happens to them; if the message is
// sent again it has the same Message-ID.
//
// The ledger does not wait for the disk while messages go out, so a loss of
// power, or the death of the database's server, may take back the last of what
// it was told. The journal has that as well.
//
// A machine that is lost takes its journals with it. Then all that its
// processes had taken counts as in doubt, two deliveries for each connection at
// most.
//
// # Trouble
//
// A refusal of us rather than of a recipient stops the dispatch for every
// process, see [StopError]; nobody is suppressed over it. A disk that is full
// and a database that is locked or away stop the mail, not the dispatch: it
// goes on by itself.
package dispatch
