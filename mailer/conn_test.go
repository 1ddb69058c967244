package mailer

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zotpaper/zotpaper/internal/smtptest"
)

func TestSendHandsTheBytesOver(t *testing.T) {
	s := start(t, smtptest.Options{})
	c := dial(t, relayTo(s))
	for _, reader := range []string{"ann@example.org", "bob@example.org"} {
		reply, err := c.Send(t.Context(), to(reader), finished)
		if err != nil || reply.Code != 250 || reply.Enhanced != "2.0.0" || reply.Text == "" {
			t.Fatalf("Send: got %+v, %v", reply, err)
		}
	}
	got := s.Messages()
	if len(got) != 2 || s.Connections() != 1 {
		t.Fatalf("%d messages over %d connections, want 2 over 1", len(got), s.Connections())
	}
	for i, reader := range []string{"ann@example.org", "bob@example.org"} {
		if r := got[i]; r.To != reader || r.From != "bounce+t@bounce.example.org" || !bytes.Equal(r.Raw, finished) {
			t.Errorf("message %d: from %q to %q: %q", i, r.From, r.To, r.Raw)
		}
	}
}

// TestSendSaysNoMoreThanNeeded: no BODY, no SMTPUTF8, though both are offered;
// the message is 7-bit and the address ASCII.
func TestSendSaysNoMoreThanNeeded(t *testing.T) {
	s := play(t, greeting, upTo(".", ok)...)
	c := dial(t, s.Relay)
	if _, err := send(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	want := []string{"EHLO localhost", "MAIL FROM:<bounce+t@bounce.example.org>", "RCPT TO:<ann@example.org>", "DATA", "."}
	if got := s.heard(); !slices.Equal(got, want) {
		t.Errorf("commands: got %q, want %q", got, want)
	}
}

func TestARefusalLeavesTheConnectionUsable(t *testing.T) {
	for _, phase := range []smtptest.Phase{smtptest.Mail, smtptest.Rcpt, smtptest.Message} {
		for _, tt := range []struct {
			answer              smtptest.Answer
			permanent, ourFault bool
		}{
			{smtptest.Answer{Code: 450, Enhanced: [3]int{4, 2, 1}, Text: "greylisted"}, false, false},
			{smtptest.Answer{Code: 452, Enhanced: [3]int{4, 2, 2}, Text: "mailbox full"}, false, false},
			{smtptest.Answer{Code: 451, Enhanced: [3]int{4, 7, 30}, Text: "no DKIM"}, false, true},
			{smtptest.Answer{Code: 550, Enhanced: [3]int{5, 1, 1}, Text: "no such mailbox"}, true, false},
			{smtptest.Answer{Code: 554, Enhanced: [3]int{5, 7, 1}, Text: "policy"}, true, true},
		} {
			t.Run(string(phase)+" "+tt.answer.String(), func(t *testing.T) {
				var once atomic.Bool
				s := start(t, smtptest.Options{Script: func(e smtptest.Event) smtptest.Answer {
					if e.Phase == phase && once.CompareAndSwap(false, true) {
						return tt.answer
					}
					return smtptest.Answer{}
				}})
				c := dial(t, relayTo(s))
				_, err := send(t.Context(), c)
				var refused *ReplyError
				if !errors.As(err, &refused) || refused.Command != string(phase) || refused.Reply.String() != tt.answer.String() {
					t.Fatalf("Send: got %v, want %s refused with %s", err, phase, tt.answer)
				}
				if Permanent(err) != tt.permanent || OurFault(err) != tt.ourFault || InDoubt(err) {
					t.Errorf("permanent %t, our fault %t, in doubt %t", Permanent(err), OurFault(err), InDoubt(err))
				}
				if !c.Usable() {
					t.Fatal("the connection is not usable")
				}
				// The next message goes to somebody else, and only to them.
				if _, err := c.Send(t.Context(), Envelope{"second@example.org", "bob@example.org"}, finished); err != nil {
					t.Fatalf("the next message: %v", err)
				}
				for _, r := range s.Messages() {
					if r.From != "second@example.org" || r.To != "bob@example.org" {
						t.Errorf("came from %q to %q", r.From, r.To)
					}
				}
				if n := len(s.Messages()); n != 1 {
					t.Errorf("%d messages came, want the second alone", n)
				}
			})
		}
	}
}

func TestARefusalOfDATA(t *testing.T) {
	s := play(t, greeting, append(upTo("DATA", "451 4.3.1 no space\r\n"), exchange{"RSET", ok}, exchange{"MAIL", "550 5.1.8 bad sender\r\n"}, exchange{"RSET", "421 enough\r\n"})...)
	c := dial(t, s.Relay)
	_, err := send(t.Context(), c)
	var refused *ReplyError
	if !errors.As(err, &refused) || refused.Command != "DATA" || refused.Reply != (Reply{451, "4.3.1", "no space"}) || !c.Usable() {
		t.Fatalf("Send: got %v, usable %t", err, c.Usable())
	}
	// A RSET that is refused leaves nobody knowing where we are.
	if _, err := send(t.Context(), c); !Permanent(err) || c.Usable() {
		t.Errorf("Send: got %v, usable %t; want a permanent refusal and no use any more", err, c.Usable())
	}
	if _, err := send(t.Context(), c); err == nil || Permanent(err) || InDoubt(err) {
		t.Errorf("Send over a closed connection: %v", err)
	}
}

func TestAGoodbyeEndsTheConnection(t *testing.T) {
	for _, phase := range []smtptest.Phase{smtptest.Mail, smtptest.Rcpt, smtptest.Message} {
		t.Run(string(phase), func(t *testing.T) {
			s := start(t, smtptest.Options{Script: at(phase, smtptest.Answer{Code: 421, Enhanced: [3]int{4, 3, 2}, Text: "closing"})})
			c := dial(t, relayTo(s))
			_, err := send(t.Context(), c)
			var refused *ReplyError
			if !errors.As(err, &refused) || refused.Reply.Code != 421 || Permanent(err) || InDoubt(err) || OurFault(err) {
				t.Errorf("Send: got %v", err)
			}
			if c.Usable() || len(s.Messages()) != 0 {
				t.Errorf("usable %t, %d messages", c.Usable(), len(s.Messages()))
			}
		})
	}
}

// at answers a at one phase.
func at(p smtptest.Phase, a smtptest.Answer) func(smtptest.Event) smtptest.Answer {
	return func(e smtptest.Event) smtptest.Answer {
		if e.Phase == p {
			return a
		}
		return smtptest.Answer{}
	}
}

func TestAConnectionCut(t *testing.T) {
	for _, tt := range []struct {
		name    string
		phase   smtptest.Phase
		drop    bool
		inDoubt bool
		kept    int
	}{
		{"at MAIL", smtptest.Mail, false, false, 0},
		{"at RCPT", smtptest.Rcpt, false, false, 0},
		{"after the dot, with the message", smtptest.Message, false, true, 1},
		{"after the dot, without it", smtptest.Message, true, true, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := start(t, smtptest.Options{Script: at(tt.phase, smtptest.Answer{HangUp: true, Drop: tt.drop})})
			c := dial(t, relayTo(s))
			_, err := send(t.Context(), c)
			if err == nil || InDoubt(err) != tt.inDoubt || Permanent(err) || OurFault(err) || c.Usable() {
				t.Errorf("Send: got %v; in doubt %t, permanent %t, usable %t", err, InDoubt(err), Permanent(err), c.Usable())
			}
			if err := c.Close(); err != nil {
				t.Errorf("Close of a cut connection: %v", err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if n := len(s.Messages()); n != tt.kept {
				t.Errorf("the server kept %d, want %d", n, tt.kept)
			}
		})
	}
}

func TestACutAfterTheReplyIsSent(t *testing.T) {
	s := play(t, greeting, append(upTo(".", "250 2.0.0 taken\r\n"), exchange{"MAIL", hangUp})...)
	c := dial(t, s.Relay)
	reply, err := send(t.Context(), c)
	if err != nil || reply != (Reply{250, "2.0.0", "taken"}) {
		t.Fatalf("Send: got %+v, %v", reply, err)
	}
	if _, err := send(t.Context(), c); err == nil || InDoubt(err) || Permanent(err) || c.Usable() {
		t.Errorf("the next message: got %v, usable %t; want it unsent and the connection given up", err, c.Usable())
	}
}

// TestAMessageCutShortIsNotEnded: whatever breaks while the message is written,
// nothing may follow that a server could take for its end; a QUIT through a
// DotWriter did that once.
func TestAMessageCutShortIsNotEnded(t *testing.T) {
	large := bytes.Repeat([]byte("0123456789abcdef 0123456789abcdef 0123456789abcdef\r\n"), 300_000) // beyond what sockets hold
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	var relay Relay
	tail := make(chan []byte, 1)
	ended := make(chan struct{})
	serve(t, &wg, &relay, func(c net.Conn) {
		// After the answer to DATA some of the message is read, then nothing.
		for _, answer := range []string{greeting, ok, ok, ok, "354 go\r\n"} {
			if _, err := io.WriteString(c, answer); err != nil {
				return
			}
			if _, err := c.Read(make([]byte, 1000)); err != nil {
				return
			}
		}
		cancel()
		<-ended
		rest, _ := io.ReadAll(c) // the cut may show as an error
		tail <- rest
	})
	c := dial(t, relay)
	_, err := c.Send(ctx, to("ann@example.org"), large)
	closeErr := c.Close()
	close(ended)
	if !errors.Is(err, context.Canceled) || InDoubt(err) || c.Usable() || closeErr != nil {
		t.Errorf("Send: got %v, usable %t; Close: %v", err, c.Usable(), closeErr)
	}
	if rest := <-tail; bytes.HasSuffix(rest, []byte("\r\n.\r\n")) || bytes.Contains(rest, []byte("QUIT")) {
		t.Errorf("the message was ended: %q", rest[max(0, len(rest)-100):])
	}
}

func TestAContextThatEnds(t *testing.T) {
	t.Run("before the message, costs nothing", func(t *testing.T) {
		s := start(t, smtptest.Options{})
		c := dial(t, relayTo(s))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := send(ctx, c); !errors.Is(err, context.Canceled) || !c.Usable() {
			t.Errorf("Send: got %v, usable %t", err, c.Usable())
		}
		if _, err := send(t.Context(), c); err != nil {
			t.Errorf("the next message: %v", err)
		}
	})
	for phase, inDoubt := range map[smtptest.Phase]bool{smtptest.Mail: false, smtptest.Rcpt: false, smtptest.Message: true} {
		t.Run("at "+string(phase), func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			s := start(t, smtptest.Options{Script: func(e smtptest.Event) smtptest.Answer {
				if e.Phase != phase {
					return smtptest.Answer{}
				}
				cancel()
				return smtptest.Answer{Wait: make(chan struct{})} // until the server is closed
			}})
			c := dial(t, relayTo(s))
			_, err := send(ctx, c)
			if !errors.Is(err, context.Canceled) || InDoubt(err) != inDoubt || c.Usable() {
				t.Errorf("Send: got %v, in doubt %t, usable %t", err, InDoubt(err), c.Usable())
			}
		})
	}
}

func TestAServerThatHangs(t *testing.T) {
	for phase, inDoubt := range map[smtptest.Phase]bool{smtptest.Mail: false, smtptest.Rcpt: false, smtptest.Message: true} {
		t.Run("at "+string(phase), func(t *testing.T) {
			s := start(t, smtptest.Options{Script: at(phase, smtptest.Answer{Wait: make(chan struct{})})})
			r := relayTo(s)
			r.Timeout = 50 * time.Millisecond
			c := dial(t, r)
			_, err := send(t.Context(), c)
			var timeout net.Error
			if !errors.As(err, &timeout) || !timeout.Timeout() || InDoubt(err) != inDoubt || Permanent(err) || c.Usable() {
				t.Errorf("Send: got %v, in doubt %t, usable %t", err, InDoubt(err), c.Usable())
			}
		})
	}
}

// TestADeadlinePerMessage: a connection outlives its timeout as long as each
// reply comes within it.
func TestADeadlinePerMessage(t *testing.T) {
	s := start(t, smtptest.Options{})
	r := relayTo(s)
	r.Timeout = 200 * time.Millisecond
	c := dial(t, r)
	for began := time.Now(); time.Since(began) < 2*r.Timeout; {
		if _, err := send(t.Context(), c); err != nil {
			t.Fatalf("after %v: %v", time.Since(began), err)
		}
	}
}

func TestRepliesThatAreNone(t *testing.T) {
	for name, answer := range map[string]string{
		"words":                         "who is there?\r\n",
		"a code cut short":              "25\r\n",
		"NUL":                           "\x00\x00\x00\x00\r\n",
		"a line without end":            "250 " + strings.Repeat("x", 1<<20),
		"lines without end":             strings.Repeat("250-and more\r\n", 100_000),
		"a code that asks for more":     "354 go\r\n",
		"a code of no class":            "999 what\r\n",
		"a code of the wrong class":     "150 wait\r\n",
		"two replies where one was due": "250 ok\r\n250 ok\r\n",
	} {
		for _, command := range []string{"MAIL", "RCPT", "DATA", "."} {
			if command == "DATA" && strings.HasPrefix(answer, "354") || command == "." && strings.HasPrefix(answer, "250 ok") {
				continue // right, there
			}
			t.Run(name+" to "+command, func(t *testing.T) {
				s := play(t, greeting, upTo(command, answer)...)
				c := dial(t, s.Relay)
				_, err := send(t.Context(), c)
				if err == nil || Permanent(err) || OurFault(err) || InDoubt(err) != (command == ".") || c.Usable() {
					t.Errorf("Send: got %v; permanent %t, in doubt %t, usable %t", err, Permanent(err), InDoubt(err), c.Usable())
				}
				if err != nil && len(err.Error()) > 5000 {
					t.Errorf("an error of %d bytes", len(err.Error()))
				}
			})
		}
	}
}

func TestAReplyOfManyLines(t *testing.T) {
	s := play(t, greeting, upTo(".", "550-5.7.26 This mail has been blocked\r\n550-5.7.26 because\x1b[31m the sender\r\n550 5.7.26 is \xff unauthenticated.\r\n")...)
	_, err := send(t.Context(), dial(t, s.Relay))
	var refused *ReplyError
	want := Reply{550, "5.7.26", "This mail has been blocked because [31m the sender is ? unauthenticated."}
	if !errors.As(err, &refused) || refused.Reply != want {
		t.Errorf("Send: got %v, want %v", err, want)
	}
	long := play(t, greeting, upTo(".", "250 "+strings.Repeat("x", 10_000)+"\r\n")...)
	reply, err := send(t.Context(), dial(t, long.Relay))
	if err != nil || len(reply.Text) != 2000 {
		t.Errorf("a reply of 10,000 bytes: kept %d, %v; want 2,000", len(reply.Text), err)
	}
}

func TestCloseSaysGoodbye(t *testing.T) {
	s := play(t, greeting, upTo("EHLO", ok)...)
	c := dial(t, s.Relay)
	if err := c.Close(); err != nil || c.Usable() {
		t.Errorf("Close: %v, usable %t", err, c.Usable())
	}
	if err := c.Close(); err != nil {
		t.Errorf("Close again: %v", err)
	}
	if got := s.heard(); !slices.Equal(got, []string{"EHLO localhost", "QUIT"}) {
		t.Errorf("the server heard %q", got)
	}
}
