package mailer

import (
	"errors"
	"strings"
	"testing"

	"github.com/wneessen/go-mail/smtp"
)

// TestLoginPicksTheSafestWay: SCRAM does not show the server the password, and
// CRAM-MD5 is for a server that offers nothing better.
func TestLoginPicksTheSafestWay(t *testing.T) {
	for offer, want := range map[string]string{
		"LOGIN PLAIN SCRAM-SHA-256 CRAM-MD5": "SCRAM-SHA-256",
		"CRAM-MD5 LOGIN PLAIN":               "PLAIN",
		"CRAM-MD5 LOGIN":                     "LOGIN",
		"XOAUTH2 CRAM-MD5":                   "CRAM-MD5",
	} {
		l := &login{username: "press", password: "secret", host: "mail.example.org"}
		mechanism, response, err := l.Start(&smtp.ServerInfo{Name: "mail.example.org", TLS: true, Auth: strings.Fields(offer)})
		if err != nil || mechanism != want || !l.begun {
			t.Errorf("of %s: got %q, %v, begun %t; want %s", offer, mechanism, err, l.begun, want)
		}
		if want == "SCRAM-SHA-256" && strings.Contains(string(response), "secret") {
			t.Errorf("SCRAM shows the password: %q", response)
		}
	}
}

func TestLoginNeedsEncryption(t *testing.T) {
	for host, refused := range map[string]bool{
		"mail.example.org": true, "192.0.2.1": true, "localhost.example.org": true, "": true,
		"localhost": false, "127.0.0.1": false, "127.8.8.8": false, "::1": false,
	} {
		l := &login{username: "press", password: "secret", host: host}
		_, response, err := l.Start(&smtp.ServerInfo{Name: host, Auth: []string{"PLAIN"}})
		var encryption *TLSError
		if errors.As(err, &encryption) != refused || refused == (err == nil) || refused == l.begun || refused && response != nil {
			t.Errorf("in clear to %q: %v, begun %t, refused %t wanted", host, err, l.begun, refused)
		}
	}
}
