package mailer

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/zotpaper/zotpaper/internal/smtptest"
)

// bob is whom the next messages of these tests are to.
var bob = to("bob@example.org")

const pipelines = "250-hello\r\n250 PIPELINING\r\n"

func wire(t testing.TB, raw []byte) Wire {
	t.Helper()
	w, err := NewWire(raw)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func open(t *testing.T, c *Conn, env Envelope) {
	t.Helper()
	if err := c.Open(t.Context(), env); err != nil || !c.IsOpen() {
		t.Fatalf("Open: %v, open %t", err, c.IsOpen())
	}
}

// writes has each write of c noted, as it leaves for the network.
func writes(c *Conn) *[]string {
	var noted []string
	c.net.Conn = &tapped{Conn: c.net.Conn, write: func(b []byte) error {
		noted = append(noted, string(b))
		return nil
	}}
	return &noted
}

const (
	annOpens = "MAIL FROM:<bounce+t@bounce.example.org>\r\nRCPT TO:<ann@example.org>\r\nDATA\r\n"
	bobOpens = "MAIL FROM:<bounce+t@bounce.example.org>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n"
	stuffed  = "From: <a@example.org>\r\n\r\n..\r\n...\r\n..dots\r\nend\r\n"
)

func TestOneWriteAMessage(t *testing.T) {
	s := start(t, smtptest.Options{})
	c := dial(t, pipelined(relayTo(s)))
	noted := writes(c)
	open(t, c, ann)
	if d := c.Deliver(t.Context(), wire(t, finished), &bob); d.Err != nil || d.NextErr != nil || d.Reply.Code != 250 || d.Reply.Enhanced != "2.0.0" || d.Reply.Text == "" || !c.IsOpen() {
		t.Fatalf("Deliver: %+v, open %t", d, c.IsOpen())
	}
	if d := c.Deliver(t.Context(), wire(t, finished), nil); d.Err != nil || d.NextErr != nil || c.IsOpen() || !c.Usable() {
		t.Fatalf("the last Deliver: %+v, open %t, usable %t", d, c.IsOpen(), c.Usable())
	}
	if want := []string{annOpens, stuffed + ".\r\n" + bobOpens, stuffed + ".\r\n"}; !slices.Equal(*noted, want) {
		t.Errorf("writes: got %q, want %q", *noted, want)
	}
	wantBoth(t, s)
}

// wantBoth fails t unless ann and bob have got the same message.
func wantBoth(t *testing.T, s *smtptest.Server) {
	t.Helper()
	got := s.Messages()
	if len(got) != 2 || s.Connections() != 1 {
		t.Fatalf("%d messages over %d connections, want 2 over one", len(got), s.Connections())
	}
	for i, env := range []Envelope{ann, bob} {
		if r := got[i]; r.From != env.Sender || r.To != env.Recipient || !bytes.Equal(r.Raw, finished) {
			t.Errorf("message %d: from %q to %q: %q", i, r.From, r.To, r.Raw)
		}
	}
}

// TestLockStep: a server that does not offer pipelining gets no command before
// it has answered the one before.
func TestLockStep(t *testing.T) {
	for name, r := range map[string]Relay{
		"not offered": pipelined(play(t, greeting, append(lockStep(), lockStep()[1:]...)...).Relay),
		"not wanted":  relayTo(start(t, smtptest.Options{})),
	} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, r)
			noted := writes(c)
			open(t, c, ann)
			if d := c.Deliver(t.Context(), wire(t, finished), &bob); d.Err != nil || d.NextErr != nil || !c.IsOpen() {
				t.Fatalf("Deliver: %+v, open %t", d, c.IsOpen())
			}
			if d := c.Deliver(t.Context(), wire(t, finished), nil); d.Err != nil || d.NextErr != nil || c.IsOpen() {
				t.Fatalf("the last Deliver: %+v, open %t", d, c.IsOpen())
			}
			want := strings.SplitAfter(annOpens, "\r\n")[:3]
			want = append(append(want, stuffed+".\r\n"), strings.SplitAfter(bobOpens, "\r\n")[:3]...)
			if want = append(want, stuffed+".\r\n"); !slices.Equal(*noted, want) {
				t.Errorf("writes: got %q, want %q", *noted, want)
			}
		})
	}
}

func lockStep() []exchange {
	return []exchange{{"EHLO", "250 hello\r\n"}, {"MAIL", ok}, {"RCPT", ok}, {"DATA", "354 go\r\n"}, {".", "250 2.0.0 taken\r\n"}}
}

func TestDeliverOverTLS(t *testing.T) {
	for name, o := range map[string]smtptest.Options{"STARTTLS": {STARTTLS: true}, "implicit": {ImplicitTLS: true}} {
		t.Run(name, func(t *testing.T) {
			s := start(t, o)
			r := pipelined(relayTo(s))
			if r.TLS = TLSMandatory; o.ImplicitTLS {
				r.TLS = TLSImplicit
			}
			c := dial(t, r)
			open(t, c, ann)
			if d := c.Deliver(t.Context(), wire(t, finished), &bob); d.Err != nil || d.NextErr != nil {
				t.Fatalf("Deliver: %+v", d)
			}
			if d := c.Deliver(t.Context(), wire(t, finished), nil); d.Err != nil {
				t.Fatalf("the last Deliver: %+v", d)
			}
			wantBoth(t, s)
		})
	}
}

// TestWhatBecomesOfTheNext has a server answer a message and the envelope after
// it in every way, and holds each to account for itself alone.
func TestWhatBecomesOfTheNext(t *testing.T) {
	const taken = "250 2.0.0 taken\r\n"
	refused := exchange{".", "550 5.7.1 not this\r\n"}
	rset := exchange{"RSET", ok}
	tests := []struct {
		name    string
		answers []exchange // from the dot on
		err     string     // "", a code or "plain"
		next    string
		command string // of next, if it is refused
		open    bool
		usable  bool
	}{
		{"both go well", []exchange{{".", taken}, {"MAIL", ok}, {"RCPT", ok}, {"DATA", "354 go\r\n"}}, "", "", "", true, true},
		{"MAIL refused", []exchange{{".", taken}, {"MAIL", "451 4.3.0 later\r\n"}, {"RCPT", "503 no\r\n"}, {"DATA", "503 no\r\n"}, rset}, "", "451", "MAIL", false, true},
		{"RCPT refused", []exchange{{".", taken}, {"MAIL", ok}, {"RCPT", "550 5.1.1 nobody\r\n"}, {"DATA", "554 no\r\n"}, rset}, "", "550", "RCPT", false, true},
		{"RCPT refused, and asked for the message all the same",
			[]exchange{{".", taken}, {"MAIL", ok}, {"RCPT", "550 5.1.1 nobody\r\n"}, {"DATA", "354 go\r\n"}, {".", "554 no recipients\r\n"}, rset}, "", "550", "RCPT", false, true},
		{"RCPT refused, and the empty message taken",
			[]exchange{{".", taken}, {"MAIL", ok}, {"RCPT", "550 5.1.1 nobody\r\n"}, {"DATA", "354 go\r\n"}, {".", ok}, rset}, "", "550", "RCPT", false, true},
		{"DATA refused", []exchange{{".", taken}, {"MAIL", ok}, {"RCPT", ok}, {"DATA", "452 4.3.1 full\r\n"}, rset}, "", "452", "DATA", false, true},
		{"goodbye at MAIL", []exchange{{".", taken}, {"MAIL", "421 4.3.2 closing\r\n"}}, "", "421", "MAIL", false, false},
		{"goodbye at RCPT", []exchange{{".", taken}, {"MAIL", ok}, {"RCPT", "421 4.7.0 too many\r\n"}}, "", "421", "RCPT", false, false},
		{"goodbye at DATA", []exchange{{".", taken}, {"MAIL", ok}, {"RCPT", ok}, {"DATA", "421 4.3.2 closing\r\n"}}, "", "421", "DATA", false, false},
		{"garbage at MAIL", []exchange{{".", taken}, {"MAIL", "what?\r\n"}}, "", "plain", "", false, false},
		{"garbage at DATA", []exchange{{".", taken}, {"MAIL", ok}, {"RCPT", ok}, {"DATA", "\x00\xff\r\n"}}, "", "plain", "", false, false},
		{"250 to DATA", []exchange{{".", taken}, {"MAIL", ok}, {"RCPT", ok}, {"DATA", ok}}, "", "plain", "", false, false},
		{"cut before the replies of the next", []exchange{{".", taken}, {"MAIL", hangUp}}, "", "plain", "", false, false},
		{"cut among the replies of the next", []exchange{{".", taken}, {"MAIL", ok}, {"RCPT", hangUp}}, "", "plain", "", false, false},
		{"message refused, next open", []exchange{refused, {"MAIL", ok}, {"RCPT", ok}, {"DATA", "354 go\r\n"}}, "550", "", "", true, true},
		{"message refused, next refused", []exchange{refused, {"MAIL", ok}, {"RCPT", "450 4.2.1 later\r\n"}, {"DATA", "503 no\r\n"}, rset}, "550", "450", "RCPT", false, true},
		{"message refused, next cut", []exchange{refused, {"MAIL", hangUp}}, "550", "plain", "", false, false},
		{"goodbye instead of a reply to the message", []exchange{{".", "421 4.3.2 closing\r\n"}}, "421", "plain", "", false, false},
		{"cut after the dot", []exchange{{".", hangUp}}, "in doubt", "plain", "", false, false},
		{"garbage after the dot", []exchange{{".", "\x1b[31m\x00\r\n"}}, "in doubt", "plain", "", false, false},
		{"354 after the dot", []exchange{{".", "354 go\r\n"}}, "in doubt", "plain", "", false, false},
		{"half a reply after the dot", []exchange{{".", "250 2.0.0 tak" + hangUp}}, "in doubt", "plain", "", false, false},
	}
	for _, pipelining := range []bool{true, false} {
		for _, tt := range tests {
			t.Run(fmt.Sprintf("%s, pipelining %t", tt.name, pipelining), func(t *testing.T) {
				s := play(t, greeting, append([]exchange{{"EHLO", pipelines}, {"MAIL", ok}, {"RCPT", ok}, {"DATA", "354 go\r\n"}}, inTurnToo(tt.answers, pipelining)...)...)
				s.Pipelining = pipelining
				c := dial(t, s.Relay)
				open(t, c, ann)
				d := c.Deliver(t.Context(), wire(t, finished), &bob)
				if got := kind(d.Err); got != tt.err || d.Err == nil && d.Reply != (Reply{250, "2.0.0", "taken"}) {
					t.Errorf("the message: %v (%q), reply %+v; want %q", d.Err, got, d.Reply, tt.err)
				}
				if got := kind(d.NextErr); got != tt.next || InDoubt(d.NextErr) || tt.next == "plain" && Permanent(d.NextErr) {
					t.Errorf("the next: %v (%q); want %q", d.NextErr, got, tt.next)
				}
				var refused *ReplyError
				if errors.As(d.NextErr, &refused) && refused.Command != tt.command {
					t.Errorf("the next: %s refused, want %s", refused.Command, tt.command)
				}
				if c.IsOpen() != tt.open || c.Usable() != tt.usable {
					t.Errorf("open %t, usable %t; want %t, %t", c.IsOpen(), c.Usable(), tt.open, tt.usable)
				}
				if got := s.heard(); slices.Contains(got, "QUIT") || slices.Contains(got, "RSET") != (tt.usable && !tt.open) {
					t.Errorf("the server heard %q", got)
				}
			})
		}
	}
}

// inTurnToo returns answers without those to commands that nobody sends who
// waits for a reply before the next command.
func inTurnToo(answers []exchange, pipelining bool) []exchange {
	if pipelining {
		return answers
	}
	var kept []exchange
	refused := false
	for i, e := range answers {
		if refused && e.command != "RSET" {
			continue
		}
		kept = append(kept, e)
		refused = i > 0 && (e.answer[0] == '4' || e.answer[0] == '5')
	}
	return kept
}

// kind tells errors apart as a caller does.
func kind(err error) string {
	var refused *ReplyError
	switch {
	case err == nil:
		return ""
	case InDoubt(err):
		return "in doubt"
	case errors.As(err, &refused):
		return fmt.Sprint(refused.Reply.Code)
	}
	return "plain"
}

// TestRefusalsOfAServerOutOfStep: one that gives up on the message before its
// end refuses the rest of it line by line. The next reader has nothing to do
// with that.
func TestRefusalsOfAServerOutOfStep(t *testing.T) {
	s := play(t, greeting, exchange{"EHLO", pipelines}, exchange{"MAIL", ok}, exchange{"RCPT", ok}, exchange{"DATA", "354 go\r\n"},
		exchange{".", "552 5.3.4 too long\r\n" + strings.Repeat("500 5.5.2 what?\r\n", 20)})
	c := dial(t, pipelined(s.Relay))
	open(t, c, ann)
	d := c.Deliver(t.Context(), wire(t, finished), &bob)
	if kind(d.Err) != "552" || kind(d.NextErr) != "plain" || c.Usable() {
		t.Errorf("Deliver: %+v, usable %t; want the message refused and the next not", d, c.Usable())
	}
}

func TestSpent(t *testing.T) {
	r := pipelined(relayTo(start(t, smtptest.Options{})))
	if c := dial(t, r); c.Spent() {
		t.Error("spent without a limit")
	}
	for _, pipelining := range []bool{true, false} {
		r.Messages, r.Pipelining = 3, pipelining
		c := dial(t, r)
		if _, err := send(t.Context(), c); err != nil || c.Spent() {
			t.Fatalf("after one message: %v, spent %t", err, c.Spent())
		}
		if open(t, c, ann); c.Spent() {
			t.Error("spent when the second of three was begun")
		}
		if d := c.Deliver(t.Context(), wire(t, finished), &bob); d.NextErr != nil || !c.Spent() {
			t.Errorf("when the third was begun: %+v, spent %t", d, c.Spent())
		}
		if d := c.Deliver(t.Context(), wire(t, finished), nil); d.Err != nil {
			t.Errorf("the third message: %v", d.Err)
		}
	}
}

func TestDeliverRefuses(t *testing.T) {
	m := wire(t, finished)
	small := smtptest.Options{MaxSize: int64(len(finished)) - 1}
	for _, tt := range []struct {
		name    string
		options smtptest.Options
		do      func(*testing.T, *Conn) error
		err     string
		usable  bool
	}{
		{"a message when none is due", smtptest.Options{}, func(t *testing.T, c *Conn) error { return c.Deliver(t.Context(), m, &bob).Err }, "plain", true},
		{"an envelope when a message is due", smtptest.Options{}, func(t *testing.T, c *Conn) error { open(t, c, ann); return c.Open(t.Context(), bob) }, "plain", true},
		{"to send when a message is due", smtptest.Options{}, func(t *testing.T, c *Conn) error { open(t, c, ann); _, err := send(t.Context(), c); return err }, "plain", true},
		{"a Wire that nobody made", smtptest.Options{}, func(t *testing.T, c *Conn) error { open(t, c, ann); return c.Deliver(t.Context(), Wire{}, nil).Err }, "plain", false},
		{"a message that is too large", small, func(t *testing.T, c *Conn) error { open(t, c, ann); return c.Deliver(t.Context(), m, nil).Err }, "552", false},
		{"an address with a second command", smtptest.Options{}, func(t *testing.T, c *Conn) error { return c.Open(t.Context(), to("a@example.org>\r\nQUIT")) }, "plain", true},
		{"a connection that is closed", smtptest.Options{}, func(t *testing.T, c *Conn) error { c.cut(); return c.Deliver(t.Context(), m, nil).Err }, "plain", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := start(t, tt.options)
			c := dial(t, pipelined(relayTo(s)))
			if err := tt.do(t, c); kind(err) != tt.err || c.Usable() != tt.usable {
				t.Errorf("%v, usable %t; want %q", err, c.Usable(), tt.err)
			}
			if n := len(s.Messages()); n > 0 {
				t.Errorf("%d messages came", n)
			}
		})
	}
	s := start(t, smtptest.Options{})
	c := dial(t, pipelined(relayTo(s)))
	open(t, c, ann)
	bad := to("a@example.org>\r\nQUIT")
	if d := c.Deliver(t.Context(), m, &bad); d.Err != nil || kind(d.NextErr) != "plain" || !c.Usable() || c.IsOpen() || len(s.Messages()) != 1 {
		t.Errorf("a next envelope with a second command: %+v, usable %t; want the message sent alone", d, c.Usable())
	}
	if w := wire(t, finished); w.Len() != len(finished) {
		t.Errorf("Len: %d, want %d", w.Len(), len(finished))
	}
	if _, err := NewWire([]byte("no end")); err == nil {
		t.Error("NewWire took a line without its end")
	}
}
