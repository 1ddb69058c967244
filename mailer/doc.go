// Package mailer composes one message, signs it, and hands it to a mail server
// in an SMTP conversation whose replies it reads.
//
// It knows nothing of editions, lists or databases. A message is composed into
// bytes and checked before a connection is opened, so what was looked at is
// what is sent. Errors say what a caller must know to decide: whether the
// server refused ([ReplyError], [Permanent]), or whether the server may have
// taken the message although no reply was read ([InDoubt]).
package mailer
