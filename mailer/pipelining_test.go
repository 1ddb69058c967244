package mailer

import (
	"bufio"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zotpaper/zotpaper/internal/smtptest"
)

// ann is whom the messages of these tests are to.
var ann = to("ann@example.org")

func pipelined(r Relay) Relay {
	r.Pipelining = true
	return r
}

// TestEnvelopeGoesOutTogether has a server that answers nothing of an envelope
// before it has all of it; a client that waits for each reply would wait for
// ever.
func TestEnvelopeGoesOutTogether(t *testing.T) {
	var wg sync.WaitGroup
	var relay Relay
	serve(t, &wg, &relay, func(c net.Conn) {
		in := bufio.NewReader(c)
		say := func(text string) { _, _ = c.Write([]byte(text)) }
		line := func() string { s, _ := in.ReadString('\n'); return s }
		say("220 hello\r\n")
		line()
		say("250-hello\r\n250 PIPELINING\r\n")
		for range 2 {
			if got := line() + line() + line(); !strings.HasSuffix(got, "DATA\r\n") {
				return
			}
			say("250 ok\r\n250 ok\r\n354 go on\r\n")
			for line() != ".\r\n" {
			}
			say("250 2.0.0 taken\r\n")
		}
	})
	conn := dial(t, pipelined(relay))
	for range 2 {
		if _, err := conn.Send(t.Context(), ann, finished); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPipeliningOnlyWhereOffered(t *testing.T) {
	s := play(t, "220 hello\r\n",
		exchange{"EHLO localhost", "250 hello\r\n"},
		exchange{"MAIL FROM:<" + ann.Sender + ">", "550 5.1.8 no\r\n"},
		exchange{"RSET", "250 ok\r\n"},
		exchange{"QUIT", "221 bye\r\n"})
	conn := dial(t, pipelined(s.Relay))
	var refused *ReplyError
	if _, err := conn.Send(t.Context(), ann, finished); !errors.As(err, &refused) || refused.Command != "MAIL" || !conn.Usable() {
		t.Errorf("Send: error %v, usable %v; want MAIL refused before RCPT was sent", err, conn.Usable())
	}
}

func TestRefusalsInAPipeline(t *testing.T) {
	const ehlo = "250-hello\r\n250 PIPELINING\r\n"
	mail, rcpt := "MAIL FROM:<"+ann.Sender+">", "RCPT TO:<"+ann.Recipient+">"
	next := []exchange{{mail, "250 ok\r\n"}, {rcpt, "250 ok\r\n"}, {"DATA", "354 go on\r\n"}, {".", "250 2.0.0 second\r\n"}}
	tests := []struct {
		name    string
		answers []exchange
		command string // refused
		code    int
	}{
		{"MAIL", []exchange{{mail, "451 4.3.0 later\r\n"}, {rcpt, "503 no\r\n"}, {"DATA", "503 no\r\n"}, {"RSET", "250 ok\r\n"}}, "MAIL", 451},
		{"RCPT", []exchange{{mail, "250 ok\r\n"}, {rcpt, "550 5.1.1 nobody\r\n"}, {"DATA", "554 no\r\n"}, {"RSET", "250 ok\r\n"}}, "RCPT", 550},
		{"RCPT, and the server asks for the message all the same",
			[]exchange{{mail, "250 ok\r\n"}, {rcpt, "550 5.1.1 nobody\r\n"}, {"DATA", "354 go on\r\n"}, {".", "554 no recipients\r\n"}, {"RSET", "250 ok\r\n"}}, "RCPT", 550},
		{"RCPT, and the server takes the empty message",
			[]exchange{{mail, "250 ok\r\n"}, {rcpt, "550 5.1.1 nobody\r\n"}, {"DATA", "354 go on\r\n"}, {".", "250 ok\r\n"}, {"RSET", "250 ok\r\n"}}, "RCPT", 550},
		{"DATA", []exchange{{mail, "250 ok\r\n"}, {rcpt, "250 ok\r\n"}, {"DATA", "452 4.3.1 full\r\n"}, {"RSET", "250 ok\r\n"}}, "DATA", 452},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := play(t, "220 hello\r\n", append(append([]exchange{{"EHLO localhost", ehlo}}, tt.answers...), next...)...)
			conn := dial(t, pipelined(s.Relay))
			_, err := conn.Send(t.Context(), ann, finished)
			var refused *ReplyError
			if !errors.As(err, &refused) || refused.Command != tt.command || refused.Reply.Code != tt.code || !conn.Usable() {
				t.Fatalf("Send: error %v, usable %v", err, conn.Usable())
			}
			// No reply was left over for the next message to trip on.
			reply, err := conn.Send(t.Context(), ann, finished)
			if err != nil || reply.Text != "second" {
				t.Errorf("the next Send: %v, error %v", reply, err)
			}
		})
	}
}

// TestAnEmptyMessageThatEndsBadly: the recipient was refused, whatever becomes
// of the empty message that the server asked for; but nobody knows where it is.
func TestAnEmptyMessageThatEndsBadly(t *testing.T) {
	mail, rcpt := "MAIL FROM:<"+ann.Sender+">", "RCPT TO:<"+ann.Recipient+">"
	for _, answer := range []string{hangUp, "what?\r\n", "354 go on\r\n", "421 4.3.2 closing\r\n"} {
		s := play(t, "220 hello\r\n", exchange{"EHLO localhost", "250-hello\r\n250 PIPELINING\r\n"},
			exchange{mail, ok}, exchange{rcpt, "550 5.1.1 nobody\r\n"}, exchange{"DATA", "354 go on\r\n"}, exchange{".", answer}, exchange{"RSET", ok})
		conn := dial(t, pipelined(s.Relay))
		_, err := conn.Send(t.Context(), ann, finished)
		var refused *ReplyError
		if !errors.As(err, &refused) || refused.Command != "RCPT" || !Permanent(err) || InDoubt(err) || conn.Usable() {
			t.Errorf("answered with %q: error %v, usable %v; want RCPT refused and the connection closed", answer, err, conn.Usable())
		}
		if got := s.heard(); strings.Contains(strings.Join(got, " "), "RSET") {
			t.Errorf("answered with %q: the server heard %q", answer, got)
		}
	}
}

func TestGoodbyeInAPipeline(t *testing.T) {
	mail := "MAIL FROM:<" + ann.Sender + ">"
	rcpt := "RCPT TO:<" + ann.Recipient + ">"
	for name, answers := range map[string][]exchange{
		"MAIL":                  {{mail, "421 4.3.2 closing\r\n"}},
		"RCPT":                  {{mail, ok}, {rcpt, "421 4.3.2 closing\r\n"}},
		"RCPT, after a refusal": {{mail, "550 5.1.8 no\r\n"}, {rcpt, "421 4.3.2 closing\r\n"}},
		"DATA":                  {{mail, ok}, {rcpt, ok}, {"DATA", "421 4.3.2 closing\r\n"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := play(t, "220 hello\r\n", append([]exchange{{"EHLO localhost", "250-hello\r\n250 PIPELINING\r\n"}}, answers...)...)
			conn := dial(t, pipelined(s.Relay))
			_, err := conn.Send(t.Context(), ann, finished)
			var refused *ReplyError
			if !errors.As(err, &refused) || refused.Reply.Code != 421 || Permanent(err) || InDoubt(err) || conn.Usable() {
				t.Errorf("Send: error %v, usable %v; want 421 and the connection closed", err, conn.Usable())
			}
		})
	}
}

// TestPipelineAgainstAServer sends a mixture of good and bad recipients to a
// server that knows nothing of us.
func TestPipelineAgainstAServer(t *testing.T) {
	server, err := smtptest.Start(smtptest.Options{Script: func(e smtptest.Event) smtptest.Answer {
		if e.Phase == smtptest.Rcpt && strings.HasPrefix(e.Recipient, "bad") {
			return smtptest.Answer{Code: 550, Enhanced: [3]int{5, 1, 1}, Text: "nobody"}
		}
		return smtptest.Answer{}
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	conn := dial(t, Relay{Host: server.Host(), Port: server.Port(), TLS: TLSNone, Timeout: 10 * time.Second, Pipelining: true})
	want := 0
	for _, name := range []string{"a", "bad1", "bad2", "b", "c", "bad3", "d"} {
		_, err := conn.Send(t.Context(), Envelope{Sender: ann.Sender, Recipient: name + "@example.org"}, finished)
		if bad := strings.HasPrefix(name, "bad"); bad != (err != nil) || bad && !Permanent(err) {
			t.Errorf("%s: error %v", name, err)
		} else if !bad {
			want++
		}
	}
	if got := server.Messages(); len(got) != want || server.Connections() != 1 {
		t.Errorf("%d messages over %d connections, want %d over one", len(got), server.Connections(), want)
	}
}
