// Package smtptest is an SMTP server for tests and for the inbox of the demo.
// It holds a real SMTP conversation on a loopback address, keeps every message
// as it came, and can be told to refuse, defer or hang up at any command.
package smtptest
