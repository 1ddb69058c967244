package mailer

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/wneessen/go-mail/smtp"
)

// A login picks the way to log in and goes it. go-mail could pick, but takes
// every connection that it did not open itself for one in clear, over which it
// does not log in.
type login struct {
	username, password, host string
	begun                    bool // the server may have seen something of it
	smtp.Auth                     // the way picked
}

// Start begins the login: with SCRAM, which does not show the server the
// password, if it is offered.
//
// https://www.rfc-editor.org/rfc/rfc4954#section-4
func (l *login) Start(server *smtp.ServerInfo) (mechanism string, response []byte, err error) {
	if !server.TLS && !isLoopback(l.host) {
		return "", nil, &TLSError{errors.New("a password would go over the network in clear")}
	}
	offered := func(name string) bool { return slices.Contains(server.Auth, name) }
	switch {
	case offered("SCRAM-SHA-256"):
		l.Auth = smtp.ScramSHA256Auth(l.username, l.password)
	case offered("PLAIN"):
		l.Auth = smtp.PlainAuth("", l.username, l.password, l.host, true)
	case offered("LOGIN"):
		l.Auth = smtp.LoginAuth(l.username, l.password, l.host, true)
	case offered("CRAM-MD5"):
		l.Auth = smtp.CRAMMD5Auth(l.username, l.password)
	case len(server.Auth) == 0:
		return "", nil, &ReplyError{Command: "AUTH", Reply: Reply{Text: "it offers no login"}}
	default:
		return "", nil, &ReplyError{Command: "AUTH", Reply: Reply{
			Text: fmt.Sprintf("it offers %s; we know SCRAM-SHA-256, PLAIN, LOGIN and CRAM-MD5", printable(strings.Join(server.Auth, " "))),
		}}
	}
	l.begun = true
	return l.Auth.Start(server)
}
