package mailer

import (
	"bufio"
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zotpaper/zotpaper/internal/smtptest"
)

// An exchange is one step of a transcript: a command and the answer to it, as
// bytes. The command "." stands for a message and its final dot.
type exchange struct{ command, answer string }

const hangUp = "\x00hang up" // an answer, or its end: close the connection

// A transcript is a server that says what it was told to, right or wrong:
// smtptest keeps to the protocol, this one need not.
type transcript struct {
	Relay
	wg sync.WaitGroup

	mu       sync.Mutex
	commands []string
}

// play starts a transcript. greeting is said first. The exchanges follow in
// order; a command that differs ends the conversation.
func play(t *testing.T, greeting string, exchanges ...exchange) *transcript {
	t.Helper()
	s := &transcript{}
	serve(t, &s.wg, &s.Relay, func(c net.Conn) { s.converse(c, greeting, exchanges) })
	return s
}

// serve calls handle with each connection to an address that it writes into
// relay, and waits for all of them when the test ends.
func serve(t *testing.T, wg *sync.WaitGroup, relay *Relay, handle func(net.Conn)) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	*relay = Relay{Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port, TLS: TLSNone, Timeout: 10 * time.Second}
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer func() { _ = c.Close() }()
				handle(c)
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		wg.Wait()
	})
}

func (s *transcript) converse(c net.Conn, greeting string, exchanges []exchange) {
	if greeting == hangUp {
		return
	}
	if _, err := c.Write([]byte(greeting)); err != nil {
		return
	}
	in := bufio.NewReader(c)
	for _, e := range exchanges {
		line, err := in.ReadString('\n')
		for err == nil && e.command == "." && line != ".\r\n" {
			line, err = in.ReadString('\n')
		}
		if err != nil {
			return
		}
		s.mu.Lock()
		s.commands = append(s.commands, strings.TrimSuffix(line, "\r\n"))
		s.mu.Unlock()
		answer, last := strings.CutSuffix(e.answer, hangUp)
		if !strings.HasPrefix(line, e.command) {
			return
		}
		if _, err := c.Write([]byte(answer)); err != nil || last {
			return
		}
	}
	// What follows is taken down and not answered, but for a goodbye.
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		s.mu.Lock()
		s.commands = append(s.commands, strings.TrimSuffix(line, "\r\n"))
		s.mu.Unlock()
		if line == "QUIT\r\n" {
			_, _ = c.Write([]byte("221 bye\r\n")) // nobody need hear it
			return
		}
	}
}

// heard returns the commands so far.
func (s *transcript) heard() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.commands...)
}

const (
	greeting = "220 test ESMTP\r\n"
	ok       = "250 ok\r\n"
)

// upTo returns the exchanges of a conversation that goes well until command,
// which is answered with answer.
func upTo(command, answer string) []exchange {
	var es []exchange
	for _, e := range []exchange{
		{"EHLO", "250-test\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 PIPELINING\r\n"}, {"MAIL", ok}, {"RCPT", ok}, {"DATA", "354 go\r\n"}, {".", ok},
	} {
		if e.command == command {
			return append(es, exchange{command, answer})
		}
		es = append(es, e)
	}
	return es
}

func start(t *testing.T, o smtptest.Options) *smtptest.Server {
	t.Helper()
	s, err := smtptest.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func relayTo(s *smtptest.Server) Relay {
	return Relay{Host: s.Host(), Port: s.Port(), TLS: TLSNone, Timeout: 10 * time.Second, RootCAs: s.Roots()}
}

func dial(t *testing.T, r Relay) *Conn {
	t.Helper()
	c, err := r.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // some are cut already
	return c
}

func to(address string) Envelope { return Envelope{"bounce+t@bounce.example.org", address} }

var finished = []byte("From: <a@example.org>\r\n\r\n.\r\n..\r\n.dots\r\nend\r\n")

// send sends a short finished message to ann@example.org.
func send(ctx context.Context, c *Conn) (Reply, error) {
	return c.Send(ctx, to("ann@example.org"), finished)
}
