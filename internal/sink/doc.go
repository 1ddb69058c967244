// Package sink is an SMTP server for loads and faults: it takes mail as fast as
// it can be sent, keeps none of it, and knows afterwards who got what and how
// often. It is fast where smtptest is scripted; a sender must never be measured
// against a server that is slower than itself.
//
// With a ledger file it records a message before it answers for it, so that a
// test can kill a sender at any moment and still say which readers have the
// message.
//
// It listens on loopback addresses only. [Spawn] runs it as a process of its
// own, so that its processor time is not its sender's.
package sink
