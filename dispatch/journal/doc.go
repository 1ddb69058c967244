// Package journal records on local disk what one process does with the
// deliveries of one batch while it holds that batch.
//
// A record is written before the final dot of a message goes to the mail
// server ([Journal.Begin]), and another when its outcome is known
// ([Journal.End]). Writing to a file survives the death of the process, and
// costs microseconds where a transaction of the ledger costs milliseconds. What
// survives a loss of power is what [Journal.Sync] was called for.
//
// Whoever takes the batch over on the same machine opens what the dead owner
// left, with [Find]. A delivery that has begun and not ended is in doubt; one
// that has ended has its outcome; one without a record has not begun. Once
// all that is in the ledger, durably, the file is removed.
//
// # The lock
//
// The owner holds a lock on the file, which the system releases when the
// process is gone, however it died. It lies on the very file that is written,
// through the same open file: there is no second file that could be left behind
// or removed by itself, and no moment in which one is locked and the other is
// not.
//
// # The file
//
// First a line of text, which names the version of the format and the batch:
//
//	zotpaper journal 1 edition 12 batch 7 fence 3
//
// Then records, one write each, integers in little-endian order:
//
//	2 bytes  length of the outcome, at most 2,000
//	1 byte   kind: B begun, without outcome; E ended
//	8 bytes  position of the delivery
//	n bytes  outcome
//	4 bytes  CRC-32C of the above
//
// The checksum goes on from that of the first line, XOR the record's own offset
// in the file. So a record is valid only in its own journal at its own place:
// not after bytes before it were lost, nor as part of an outcome that happens
// to look like a record.
//
// A process that dies while it writes leaves the beginning of a record at the
// end of the file; its Begin did not return, so its dot was not written, and it
// counts for nothing. After a loss of power zeros may follow, or stand in its
// place. Anything else that is not a valid record is damage, and is reported
// rather than skipped: the missing record might be the one that keeps a reader
// from getting a second copy.
package journal
