package mailer

import (
	"errors"
	"testing"

	"github.com/zotpaper/zotpaper/internal/smtptest"
)

// What Send refuses before it says a word to the server.

func TestSendRefusesEnvelopes(t *testing.T) {
	s := play(t, greeting, upTo(".", ok)...)
	c := dial(t, s.Relay)
	for name, payload := range injections() {
		for which, env := range map[string]Envelope{
			"sender": {payload, "ann@example.org"}, "recipient": {"bounce@example.org", payload},
		} {
			if _, err := c.Send(t.Context(), env, finished); err == nil || !c.Usable() {
				t.Errorf("Send with %s as %s: got %v, usable %t", name, which, err, c.Usable())
			}
		}
	}
	if got := s.heard(); len(got) != 1 || got[0] != "EHLO localhost" {
		t.Errorf("the server heard %q, want EHLO alone", got)
	}
	if _, err := send(t.Context(), c); err != nil { // the connection is still good
		t.Error(err)
	}
}

func TestSendRefusesBytesThatAreNoMessage(t *testing.T) {
	s := play(t, greeting, upTo(".", ok)...)
	c := dial(t, s.Relay)
	for name, raw := range map[string]string{
		"nothing":               "",
		"no end of line":        "Subject: x\r\n\r\nend",
		"a lone LF":             "Subject: x\r\n\r\na\nb\r\n",
		"a lone CR":             "Subject: x\r\n\r\na\rb\r\n",
		"a dot between LFs":     "Subject: x\r\n\r\na\n.\nMAIL FROM:<x@example.net>\r\n",
		"a dot between LF, CR":  "Subject: x\r\n\r\na\n.\r\nMAIL FROM:<x@example.net>\r\n",
		"a dot between CRs":     "Subject: x\r\n\r\na\r.\rMAIL FROM:<x@example.net>\r\n",
		"a CR before the CRLF":  "Subject: x\r\n\r\na\r\r\n",
		"an LF behind the CRLF": "Subject: x\r\n\r\na\r\n\n",
	} {
		if _, err := c.Send(t.Context(), to("ann@example.org"), []byte(raw)); err == nil || InDoubt(err) || !c.Usable() {
			t.Errorf("%s: got %v, usable %t", name, err, c.Usable())
		}
	}
	if got := s.heard(); len(got) != 1 {
		t.Errorf("the server heard %q, want EHLO alone", got)
	}
}

func TestSendKeepsToTheSizeOffered(t *testing.T) {
	s := play(t, greeting, append([]exchange{{"EHLO", "250-test\r\n250 SIZE 44\r\n"}}, upTo(".", ok)[1:]...)...)
	c := dial(t, s.Relay)
	if c.MaxSize() != int64(len(finished)) {
		t.Fatalf("MaxSize = %d, want %d", c.MaxSize(), len(finished))
	}
	_, err := c.Send(t.Context(), to("ann@example.org"), append([]byte("X"), finished...))
	var refused *ReplyError
	if !errors.As(err, &refused) || refused.Reply.Code != 552 || refused.Reply.Enhanced != "5.3.4" || !OurFault(err) || !c.Usable() {
		t.Errorf("Send: got %v, usable %t", err, c.Usable())
	}
	if got := s.heard(); len(got) != 1 {
		t.Errorf("the server heard %q, want EHLO alone", got)
	}
	if _, err := send(t.Context(), c); err != nil {
		t.Errorf("a message of just that size: %v", err)
	}
	server := start(t, smtptest.Options{MaxSize: 100})
	if n := dial(t, relayTo(server)).MaxSize(); n != 100 {
		t.Errorf("MaxSize = %d, want 100", n)
	}
	if n := dial(t, play(t, greeting, upTo("EHLO", "250-test\r\n250 SIZE\r\n")...).Relay).MaxSize(); n != 0 {
		t.Errorf("SIZE without a number: MaxSize = %d, want 0", n)
	}
}
