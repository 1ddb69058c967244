package mailer

import (
	"bytes"
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/zotpaper/zotpaper/internal/smtptest"
)

// What becomes of an open transaction whose connection ends.

// A short connection breaks after so many bytes.
type short struct {
	net.Conn
	left int
}

var errBroken = errors.New("broken")

func (c *short) Write(b []byte) (int, error) {
	if len(b) <= c.left {
		c.left -= len(b)
		return c.Conn.Write(b)
	}
	n, err := c.Conn.Write(b[:c.left])
	c.left = 0
	return n, errors.Join(errBroken, err)
}

// TestAWriteThatBreaks: what counts is whether any of the dot was written.
func TestAWriteThatBreaks(t *testing.T) {
	long := append(bytes.Repeat([]byte("0123456789 0123456789 0123456789\r\n"), 1000), finished...)
	for _, raw := range [][]byte{finished, long} {
		m := wire(t, raw)
		end := len(m.stuffed)
		for left, inDoubt := range map[int]bool{0: false, 1: false, end - 1: false, end: false, end + 1: true, end + 3: true, end + 40: true} {
			s := start(t, smtptest.Options{})
			c := dial(t, pipelined(relayTo(s)))
			open(t, c, ann)
			c.net.Conn = &short{c.net.Conn, left}
			d := c.Deliver(t.Context(), m, &bob)
			if !errors.Is(d.Err, errBroken) || InDoubt(d.Err) != inDoubt || kind(d.NextErr) != "plain" || c.Usable() || c.IsOpen() {
				t.Errorf("%d of %d bytes: %+v, usable %t; want in doubt %t", left, end, d, c.Usable(), inDoubt)
			}
		}
	}
}

// TestAWriteThatBreaksOverTLS: a record that is not whole says nothing to the
// server. The message and its dot fill one to the last byte; the next envelope
// is in another.
func TestAWriteThatBreaksOverTLS(t *testing.T) {
	const record = 16 << 10
	raw := bytes.Repeat([]byte("0123456789 012345678901234567890\r\n"), (record-3)/34)
	raw = append(bytes.Repeat([]byte("0"), record-3-len(raw)), raw...)
	for left, inDoubt := range map[int]bool{0: false, 100: false, record: false, record + 60: true} {
		s := start(t, smtptest.Options{STARTTLS: true})
		r := pipelined(relayTo(s))
		r.TLS = TLSMandatory
		c := dial(t, r)
		open(t, c, ann)
		c.net.Conn = &short{c.net.Conn, left}
		d := c.Deliver(t.Context(), wire(t, raw), &bob)
		if !errors.Is(d.Err, errBroken) || InDoubt(d.Err) != inDoubt || kind(d.NextErr) != "plain" || c.Usable() {
			t.Errorf("%d bytes: %+v, usable %t; want in doubt %t", left, d, c.Usable(), inDoubt)
		}
	}
}

func TestDeliverToAServerThatHangs(t *testing.T) {
	r := pipelined(play(t, greeting, exchange{"EHLO", pipelines}, exchange{"MAIL", ok}, exchange{"RCPT", ok}, exchange{"DATA", "354 go\r\n"}, exchange{".", ""}).Relay)
	r.Timeout = 50 * time.Millisecond
	c := dial(t, r)
	open(t, c, ann)
	d := c.Deliver(t.Context(), wire(t, finished), &bob)
	var timeout net.Error
	if !errors.As(d.Err, &timeout) || !timeout.Timeout() || !InDoubt(d.Err) || kind(d.NextErr) != "plain" || c.Usable() {
		t.Errorf("Deliver: %+v, usable %t", d, c.Usable())
	}

	// The message is taken, and the answer to the next never comes.
	r = pipelined(play(t, greeting, exchange{"EHLO", pipelines}, exchange{"MAIL", ok}, exchange{"RCPT", ok}, exchange{"DATA", "354 go\r\n"}, exchange{".", ok}, exchange{"MAIL", ""}).Relay)
	r.Timeout = 50 * time.Millisecond
	c = dial(t, r)
	open(t, c, ann)
	d = c.Deliver(t.Context(), wire(t, finished), &bob)
	if d.Err != nil || !errors.As(d.NextErr, &timeout) || !timeout.Timeout() || c.Usable() {
		t.Errorf("Deliver: %+v, usable %t; want the message sent", d, c.Usable())
	}
}

func TestAContextThatEndsWhileDelivering(t *testing.T) {
	t.Run("before the reply to the message", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := start(t, smtptest.Options{Script: func(e smtptest.Event) smtptest.Answer {
			if e.Phase != smtptest.Message {
				return smtptest.Answer{}
			}
			cancel()
			return smtptest.Answer{Wait: make(chan struct{})} // until the server is closed
		}})
		c := dial(t, pipelined(relayTo(s)))
		open(t, c, ann)
		d := c.Deliver(ctx, wire(t, finished), &bob)
		if !InDoubt(d.Err) || !errors.Is(d.Err, context.Canceled) || !errors.Is(d.NextErr, context.Canceled) || c.Usable() || c.IsOpen() {
			t.Errorf("Deliver: %+v, usable %t", d, c.Usable())
		}
	})
	t.Run("before the replies to the next", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := play(t, greeting, exchange{"EHLO", pipelines}, exchange{"MAIL", ok}, exchange{"RCPT", ok}, exchange{"DATA", "354 go\r\n"},
			exchange{".", "250 2.0.0 taken\r\n"}, exchange{"MAIL", ""})
		c := dial(t, pipelined(s.Relay))
		open(t, c, ann)
		c.net.Conn = &tapped{Conn: c.net.Conn, read: func([]byte) { cancel() }}
		d := c.Deliver(ctx, wire(t, finished), &bob)
		if d.Err != nil || !errors.Is(d.NextErr, context.Canceled) || c.Usable() || c.IsOpen() {
			t.Errorf("Deliver: %+v, usable %t; want the message sent", d, c.Usable())
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c := dial(t, relayTo(start(t, smtptest.Options{})))
	if err := c.Open(ctx, ann); !errors.Is(err, context.Canceled) || !c.Usable() {
		t.Errorf("Open with a context that has ended: %v, usable %t", err, c.Usable())
	}
	open(t, c, ann)
	if d := c.Deliver(ctx, wire(t, finished), nil); !errors.Is(d.Err, context.Canceled) || InDoubt(d.Err) || c.Usable() {
		t.Errorf("Deliver with a context that has ended: %+v, usable %t; want the open transaction given up", d, c.Usable())
	}
}

// TestCloseWhileOpen: neither a goodbye nor a dot, which the server could take
// for a message or its end.
func TestCloseWhileOpen(t *testing.T) {
	s := start(t, smtptest.Options{})
	c := dial(t, pipelined(relayTo(s)))
	open(t, c, ann)
	noted := writes(c)
	if err := c.Close(); err != nil || c.Usable() || c.IsOpen() || len(*noted) > 0 {
		t.Errorf("Close: %v, usable %t, written %q", err, c.Usable(), *noted)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if n := len(s.Messages()); n > 0 {
		t.Errorf("the server has %d messages", n)
	}
}
