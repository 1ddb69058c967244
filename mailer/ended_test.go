package mailer

import (
	"bytes"
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/zotpaper/zotpaper/internal/smtptest"
)

// What becomes of a connection that ends, at moments that a server cannot
// choose alone.

// A tapped connection shows what is read from it before anybody else sees it,
// and asks before it writes. Both functions may be nil.
type tapped struct {
	net.Conn
	read  func([]byte)
	write func([]byte) error
}

func (c *tapped) Write(b []byte) (int, error) {
	if c.write != nil {
		if err := c.write(b); err != nil {
			return 0, err
		}
	}
	return c.Conn.Write(b)
}

func (c *tapped) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.read != nil {
		c.read(b[:n])
	}
	return n, err
}

// TestASentMessageIsSentThoughItsContextEnds: the reply was read, so nothing is
// in doubt; but the connection may be cut already.
func TestASentMessageIsSentThoughItsContextEnds(t *testing.T) {
	s := play(t, greeting, upTo(".", "250 2.0.0 taken\r\n")...)
	c := dial(t, s.Relay)
	ctx, cancel := context.WithCancel(t.Context())
	c.net.Conn = &tapped{Conn: c.net.Conn, read: func(b []byte) {
		if bytes.Contains(b, []byte("taken")) {
			cancel()
		}
	}}
	reply, err := send(ctx, c)
	if err != nil || reply != (Reply{250, "2.0.0", "taken"}) || c.Usable() {
		t.Errorf("Send: got %+v, %v, usable %t; want it sent and the connection given up", reply, err, c.Usable())
	}
}

// TestACutInsideDATA: the server hangs up while the message is on its way. As
// long as the dot was not written it has nothing, and nothing is in doubt.
func TestACutInsideDATA(t *testing.T) {
	large := bytes.Repeat([]byte("0123456789abcdef 0123456789abcdef 0123456789abcdef\r\n"), 180_000) // beyond what sockets hold
	for _, pipelining := range []bool{false, true} {
		s := start(t, smtptest.Options{Script: at(smtptest.Data, smtptest.Answer{HangUp: true})})
		r := relayTo(s)
		r.Pipelining = pipelining
		c := dial(t, r)
		if c.MaxSize() < int64(len(large)) {
			t.Fatalf("the server takes %d bytes, want room for %d", c.MaxSize(), len(large))
		}
		_, err := c.Send(t.Context(), to("ann@example.org"), large)
		if err == nil || InDoubt(err) || Permanent(err) || OurFault(err) || c.Usable() {
			t.Errorf("Send: got %v, in doubt %t, usable %t", err, InDoubt(err), c.Usable())
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if n := len(s.Messages()); n != 0 {
			t.Errorf("the server kept %d messages", n)
		}
	}
}

// TestAGoodbyeInsteadOf354: the server closes before it has seen any of the
// message.
func TestAGoodbyeInsteadOf354(t *testing.T) {
	s := play(t, greeting, upTo("DATA", "421 4.3.2 closing\r\n")...)
	c := dial(t, s.Relay)
	_, err := send(t.Context(), c)
	var refused *ReplyError
	if !errors.As(err, &refused) || refused.Command != "DATA" || refused.Reply.Code != 421 || Permanent(err) || InDoubt(err) || c.Usable() {
		t.Errorf("Send: got %v, usable %t", err, c.Usable())
	}
	if got := s.heard(); slices.Contains(got, "RSET") || slices.Contains(got, "QUIT") {
		t.Errorf("the server heard %q after its goodbye", got)
	}
}

// TestASecondReplyIsNotForTheNextMessage: one that was not asked for ends the
// connection before the next envelope goes out, in a pipeline as well.
func TestASecondReplyIsNotForTheNextMessage(t *testing.T) {
	for _, pipelining := range []bool{false, true} {
		s := play(t, greeting, upTo(".", "250 2.0.0 first\r\n250 2.0.0 second\r\n")...)
		r := s.Relay
		r.Pipelining = pipelining
		c := dial(t, r)
		reply, err := send(t.Context(), c)
		if err != nil || reply.Text != "first" {
			t.Fatalf("Send: got %v, %v", reply, err)
		}
		if _, err := send(t.Context(), c); err == nil || InDoubt(err) || Permanent(err) || c.Usable() || !strings.Contains(err.Error(), "unasked") {
			t.Errorf("the next message: got %v, usable %t; want it unsent and the connection given up", err, c.Usable())
		}
		if got := s.heard(); len(got) != 5 {
			t.Errorf("the server heard %q, want one envelope", got)
		}
	}
}

// TestAReplyToADotThatWasNotWritten is not taken for one, and the dot is kept
// back: nobody has the message.
func TestAReplyToADotThatWasNotWritten(t *testing.T) {
	for _, pipelining := range []bool{false, true} {
		s := play(t, greeting, upTo("DATA", "354 go\r\n250 2.0.0 taken\r\n")...)
		r := s.Relay
		r.Pipelining = pipelining
		c := dial(t, r)
		reply, err := send(t.Context(), c)
		if err == nil || InDoubt(err) || Permanent(err) || c.Usable() || !strings.Contains(err.Error(), "unasked") {
			t.Errorf("Send: got %+v, %v, usable %t; want it unsent and the connection given up", reply, err, c.Usable())
		}
		if got := s.heard(); slices.Contains(got, ".") {
			t.Errorf("the server heard %q, the dot among it", got)
		}
	}
}

// TestAWriteThatFails at each step: only the last leaves the message in doubt.
func TestAWriteThatFails(t *testing.T) {
	broken := errors.New("broken")
	for step, inDoubt := range map[string]bool{"MAIL": false, "RCPT": false, "DATA": false, "From:": false, ".\r\n": true} {
		s := play(t, greeting, upTo(".", ok)...)
		c := dial(t, s.Relay)
		c.net.Conn = &tapped{Conn: c.net.Conn, write: func(b []byte) error {
			if bytes.HasPrefix(b, []byte(step)) {
				return broken
			}
			return nil
		}}
		_, err := send(t.Context(), c)
		if !errors.Is(err, broken) || InDoubt(err) != inDoubt || Permanent(err) || c.Usable() {
			t.Errorf("a write of %q that fails: got %v, in doubt %t, usable %t", step, err, InDoubt(err), c.Usable())
		}
	}
}

// TestACodeOfNoRefusal: only 4yz and 5yz refuse; with any other the two sides
// are out of step.
func TestACodeOfNoRefusal(t *testing.T) {
	for code, refusal := range map[string]bool{"399": false, "400": true, "599": true, "600": false, "199": false, "300": false} {
		c := dial(t, play(t, greeting, append(upTo("RCPT", code+" what\r\n"), exchange{"RSET", ok})...).Relay)
		_, err := send(t.Context(), c)
		var refused *ReplyError
		if errors.As(err, &refused) != refusal || c.Usable() != refusal || err == nil || !strings.Contains(err.Error(), code) {
			t.Errorf("%s: got %v, usable %t; want a refusal: %t", code, err, c.Usable(), refusal)
		}
	}
}

func TestStuff(t *testing.T) {
	for raw, want := range map[string]string{
		"a\r\n": "a\r\n", ".\r\n": "..\r\n", "..\r\n": "...\r\n", ".a\r\n": "..a\r\n", "a\r\n.\r\n.b\r\n": "a\r\n..\r\n..b\r\n",
		"a.\r\n": "a.\r\n", "\r\n.\r\n\r\n.\r\n": "\r\n..\r\n\r\n..\r\n", "a\r\n.": "a\r\n..",
	} {
		if got := stuff([]byte(raw)); string(got) != want {
			t.Errorf("stuff(%q) = %q, want %q", raw, got, want)
		}
	}
}
