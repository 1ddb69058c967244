package mailer

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"unicode"

	"github.com/zotpaper/zotpaper/internal/smtptest"
)

// garbage is what no mail server says, with what neither a terminal nor a
// database should get to see.
func garbage() map[string]string {
	return map[string]string{
		"controls":            "\x1b[31mwho\x00is there?\r\n",
		"a text turned round": "who is \u202ethere?\r\n",
		"a line separator":    "who is\u2028there?\r\n",
		"no UTF-8":            "who is \xff there?\r\n",
		"a line of 50 kB":     strings.Repeat("who is there? ", 3500) + "\r\n",
		"a code beyond 599":   "999 \x1bwho is there?\r\n",
		"a code below 200":    "150 \x00who is there?\r\n",
	}
}

// wantPlain fails t unless err may go into a log, a terminal and a database.
func wantPlain(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	text := err.Error()
	if len(text) > textLimit+100 || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsGraphic(r) || r == unicode.ReplacementChar }) {
		t.Errorf("an error of %d bytes: %.200q", len(text), text)
	}
}

// TestAnErrorQuotesNoServerRaw: what a server says that is no reply stands in
// errors, and errors are stored with a delivery; one NUL in them is more than
// a database takes.
func TestAnErrorQuotesNoServerRaw(t *testing.T) {
	for name, answer := range garbage() {
		t.Run(name, func(t *testing.T) {
			for _, s := range []*transcript{play(t, answer), play(t, greeting, exchange{"EHLO", answer}, exchange{"HELO", answer})} {
				_, err := s.Dial(t.Context())
				wantPlain(t, err)
				if Permanent(err) || OurFault(err) || InDoubt(err) || !strings.Contains(err.Error(), "who") {
					t.Errorf("Dial: got %.200v; permanent %t, our fault %t", err, Permanent(err), OurFault(err))
				}
			}
			for _, command := range []string{"MAIL", "RCPT", "DATA", "."} {
				c := dial(t, play(t, greeting, upTo(command, answer)...).Relay)
				_, err := send(t.Context(), c)
				wantPlain(t, err)
				if Permanent(err) || OurFault(err) || InDoubt(err) != (command == ".") || c.Usable() || !strings.Contains(err.Error(), "who") {
					t.Errorf("%s: got %.200v; permanent %t, in doubt %t, usable %t", command, err, Permanent(err), InDoubt(err), c.Usable())
				}
			}
		})
	}
}

// TestAGreetingThatIsNoWelcome: only codes 4yz and 5yz refuse.
func TestAGreetingThatIsNoWelcome(t *testing.T) {
	for _, line := range []string{"250 hello\r\n", "354 go on\r\n", "221 bye\r\n", "600 hello\r\n"} {
		_, err := play(t, line).Dial(t.Context())
		var refused *ReplyError
		if err == nil || errors.As(err, &refused) || Permanent(err) || !strings.Contains(err.Error(), line[:3]) {
			t.Errorf("Dial to %q: got %v, want an error that is no refusal", line, err)
		}
	}
	for code, permanent := range map[string]bool{"400": false, "499": false, "500": true, "599": true} {
		_, err := play(t, code+" no\r\n").Dial(t.Context())
		var refused *ReplyError
		if !errors.As(err, &refused) || Permanent(err) != permanent {
			t.Errorf("Dial to %s: got %v, want a refusal, permanent %t", code, err, permanent)
		}
	}
}

// TestAnErrorKeepsItsCause: made fit to print, it is still what it was.
func TestAnErrorKeepsItsCause(t *testing.T) {
	c := dial(t, play(t, greeting, upTo("RCPT", hangUp)...).Relay)
	if _, err := send(t.Context(), c); !errors.Is(err, io.EOF) || !strings.Contains(err.Error(), "RCPT") {
		t.Errorf("Send over a connection that is cut: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := play(t, greeting).Dial(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Dial with a context that has ended: %v", err)
	}
	closed := start(t, smtptest.Options{})
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	var op *net.OpError
	if _, err := relayTo(closed).Dial(t.Context()); !errors.As(err, &op) || op.Op != "dial" {
		t.Errorf("Dial to a closed port: %v", err)
	}
}
