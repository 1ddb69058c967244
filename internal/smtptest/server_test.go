package smtptest

import (
	"context"
	"crypto/tls"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

const letter = "Subject: hello\r\n\r\n.dot\r\nend\r\n"

func start(t *testing.T, o Options) *Server {
	t.Helper()
	s, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

func dial(t *testing.T, s *Server) *smtp.Client {
	t.Helper()
	c, err := smtp.Dial(s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // some are closed already
	return c
}

func send(c *smtp.Client, to string) error {
	return c.SendMail("from@example.org", []string{to}, strings.NewReader(letter))
}

// always answers a at phase p.
func always(p Phase, a Answer) func(Event) Answer {
	return func(e Event) Answer {
		if e.Phase == p {
			return a
		}
		return Answer{}
	}
}

func TestServerKeepsMessagesAsTheyCome(t *testing.T) {
	var seen []string
	s := start(t, Options{OnMessage: func(r Received) { seen = append(seen, r.To) }})
	c := dial(t, s)
	for _, to := range []string{"one@example.org", "two@example.org"} {
		if err := send(c, to); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Wait(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	got := s.Messages()
	if len(got) != 2 || got[0].To != "one@example.org" || got[1].To != "two@example.org" {
		t.Fatalf("Messages: got %+v", got)
	}
	if r := got[0]; string(r.Raw) != letter || r.From != "from@example.org" || r.TLS || time.Since(r.At) > time.Minute {
		t.Errorf("Messages: got %+v with %q", r, r.Raw)
	}
	if err := s.Close(); err != nil { // after it nothing is written to seen
		t.Fatal(err)
	}
	if strings.Join(seen, " ") != "one@example.org two@example.org" || s.Connections() != 1 {
		t.Errorf("OnMessage saw %q over %d connections", seen, s.Connections())
	}
}

func TestServerKeepsNoMoreThanAsked(t *testing.T) {
	s := start(t, Options{Keep: 1})
	c := dial(t, s)
	for range 3 {
		if err := send(c, "one@example.org"); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(s.Messages()); n != 1 {
		t.Errorf("kept %d messages, want 1", n)
	}
}

func TestWaitEndsWithItsContext(t *testing.T) {
	s := start(t, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Wait(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("Wait: %v", err)
	}
}

func TestScriptRefuses(t *testing.T) {
	tests := []struct {
		name   string
		answer Answer
		want   smtp.SMTPError
	}{
		{"with the status given", Answer{Code: 550, Enhanced: [3]int{5, 1, 1}, Text: "no such mailbox"},
			smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such mailbox"}},
		{"with a status of the code's class", Answer{Code: 451, Text: "later"},
			smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 0, 0}, Message: "later"}},
		{"without a status", Answer{Code: 450, Enhanced: [3]int{-1, -1, -1}, Text: "later"},
			smtp.SMTPError{Code: 450, EnhancedCode: smtp.EnhancedCodeNotSet, Message: "later"}},
		{"and says goodbye with 421", Answer{Code: 421, Enhanced: [3]int{4, 3, 2}, Text: "closing"},
			smtp.SMTPError{Code: 421, EnhancedCode: smtp.EnhancedCode{4, 3, 2}, Message: "closing"}},
	}
	for _, phase := range []Phase{Mail, Rcpt, Data, Message} {
		for _, tt := range tests {
			t.Run(string(phase)+" "+tt.name, func(t *testing.T) {
				s := start(t, Options{Script: always(phase, tt.answer)})
				c := dial(t, s)
				var got *smtp.SMTPError
				if err := send(c, "one@example.org"); !errors.As(err, &got) || *got != tt.want {
					t.Fatalf("send: got %+v, want %+v", err, tt.want)
				}
				if n := len(s.Messages()); n != 0 {
					t.Errorf("kept %d messages, want none", n)
				}
				if err := c.Noop(); (err != nil) != (tt.want.Code == 421) {
					t.Errorf("the next command: %v", err)
				}
			})
		}
	}
}

func TestScriptHangsUp(t *testing.T) {
	for _, tt := range []struct {
		name  string
		phase Phase
		drop  bool
		kept  int
	}{
		{"before the greeting", Connect, false, 0},
		{"at EHLO", Hello, false, 0},
		{"at MAIL", Mail, false, 0},
		{"at RCPT", Rcpt, false, 0},
		{"inside DATA", Data, false, 0},
		{"after the dot, with the message", Message, false, 1},
		{"after the dot, without it", Message, true, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := start(t, Options{Script: always(tt.phase, Answer{HangUp: true, Drop: tt.drop})})
			c, err := smtp.Dial(s.Addr())
			if err == nil {
				err = errors.Join(send(c, "one@example.org"), c.Close())
			}
			var reply *smtp.SMTPError
			if err == nil || errors.As(err, &reply) {
				t.Errorf("send: got %v, want a broken connection", err)
			}
			if err := s.Close(); err != nil { // waits until the message is kept
				t.Fatal(err)
			}
			if n := len(s.Messages()); n != tt.kept {
				t.Errorf("kept %d messages, want %d", n, tt.kept)
			}
		})
	}
}

func TestScriptRefusesAtTheGreeting(t *testing.T) {
	s := start(t, Options{Script: always(Connect, Answer{Code: 554, Text: "no service"})})
	var got *smtp.SMTPError
	c, err := smtp.Dial(s.Addr())
	if err == nil {
		err = c.Hello("localhost")
	}
	if !errors.As(err, &got) || got.Code != 554 {
		t.Errorf("Dial: got %v, want 554", err)
	}
}

func TestScriptRefusesBeforeTheFirstMessage(t *testing.T) {
	login := Options{Username: "press", Password: "secret"}
	for _, tt := range []struct {
		phase  Phase
		answer Answer
	}{
		{Hello, Answer{Code: 550, Enhanced: [3]int{5, 5, 0}, Text: "bad name"}},
		{Hello, Answer{Code: 421, Enhanced: [3]int{4, 3, 2}, Text: "closing"}},
		{Auth, Answer{Code: 454, Enhanced: [3]int{4, 7, 0}, Text: "later"}},
		{Auth, Answer{Code: 421, Enhanced: [3]int{4, 3, 2}, Text: "closing"}},
	} {
		t.Run(string(tt.phase)+" "+tt.answer.String(), func(t *testing.T) {
			o := login
			o.Script = always(tt.phase, tt.answer)
			c := dial(t, start(t, o))
			err := c.Hello("localhost")
			if (err != nil) != (tt.phase == Hello) {
				t.Errorf("EHLO: %v", err)
			}
			if tt.phase == Auth {
				err = c.Auth(sasl.NewPlainClient("", "press", "secret"))
			}
			var got *smtp.SMTPError
			want := smtp.SMTPError{Code: tt.answer.Code, EnhancedCode: smtp.EnhancedCode(tt.answer.Enhanced), Message: tt.answer.Text}
			if !errors.As(err, &got) || *got != want {
				t.Errorf("got %v, want %v", err, want)
			}
		})
	}
	t.Run("AUTH hung up", func(t *testing.T) {
		o := login
		o.Script = always(Auth, Answer{HangUp: true})
		var reply *smtp.SMTPError
		if err := dial(t, start(t, o)).Auth(sasl.NewPlainClient("", "press", "secret")); err == nil || errors.As(err, &reply) {
			t.Errorf("got %v, want a broken connection", err)
		}
	})
}

func TestScriptWaits(t *testing.T) {
	for _, phase := range []Phase{Connect, Hello, Mail, Rcpt, Data, Message} {
		t.Run(string(phase), func(t *testing.T) {
			reached, released := make(chan bool, 1), make(chan struct{})
			s := start(t, Options{Script: func(e Event) Answer {
				if e.Phase != phase {
					return Answer{}
				}
				reached <- true
				return Answer{Wait: released}
			}})
			done := make(chan error, 1)
			go func() {
				c, err := smtp.Dial(s.Addr())
				if err == nil {
					err = errors.Join(send(c, "one@example.org"), c.Close())
				}
				done <- err
			}()
			<-reached
			if n := len(s.Messages()); n != 0 {
				t.Errorf("%d messages came before the script went on", n)
			}
			close(released)
			if err := <-done; err != nil {
				t.Error(err)
			}
			if n := len(s.Messages()); n != 1 {
				t.Errorf("%d messages came, want one", n)
			}
		})
	}
}

func TestEventsAreCountedByRecipientAndNumberedByConnection(t *testing.T) {
	events := make(chan Event, 100)
	s := start(t, Options{Script: func(e Event) Answer {
		if e.Phase == Rcpt {
			events <- e
		}
		return Answer{}
	}})
	for range 2 {
		c := dial(t, s)
		if err := send(c, "one@example.org"); err != nil {
			t.Fatal(err)
		}
	}
	if err := send(dial(t, s), "two@example.org"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []Event{
		{Rcpt, 1, "from@example.org", "one@example.org", 1},
		{Rcpt, 2, "from@example.org", "one@example.org", 2},
		{Rcpt, 3, "from@example.org", "two@example.org", 1},
	} {
		if got := <-events; got != want {
			t.Errorf("event: got %+v, want %+v", got, want)
		}
	}
}

func TestCloseReleasesAWaitingScript(t *testing.T) {
	reached := make(chan bool, 1)
	s := start(t, Options{Script: func(e Event) Answer {
		if e.Phase != Mail {
			return Answer{}
		}
		reached <- true
		return Answer{Wait: make(chan struct{})} // never
	}})
	c := dial(t, s)
	done := make(chan error)
	go func() { done <- send(c, "one@example.org") }()
	<-reached
	if err := s.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if err := <-done; err == nil {
		t.Error("the message was taken by a closed server")
	}
}

func TestTLS(t *testing.T) {
	for name, o := range map[string]Options{"STARTTLS": {STARTTLS: true}, "implicit": {ImplicitTLS: true}} {
		for _, host := range []string{"127.0.0.1", "localhost"} {
			t.Run(name+" for "+host, func(t *testing.T) {
				s := start(t, o)
				config := &tls.Config{RootCAs: s.Roots(), ServerName: host, MinVersion: tls.VersionTLS12}
				with := smtp.DialStartTLS
				if o.ImplicitTLS {
					with = smtp.DialTLS
				}
				c, err := with(s.Addr(), config)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = c.Close() })
				if err := send(c, "one@example.org"); err != nil {
					t.Fatal(err)
				}
				if got := s.Messages(); len(got) != 1 || !got[0].TLS {
					t.Errorf("Messages: got %+v, want one that came encrypted", got)
				}
			})
		}
	}
	t.Run("with the name of another host", func(t *testing.T) {
		s := start(t, Options{STARTTLS: true, Name: "mail.example.org"})
		for host, good := range map[string]bool{"localhost": false, "mail.example.org": true} {
			c, err := smtp.DialStartTLS(s.Addr(), &tls.Config{RootCAs: s.Roots(), ServerName: host, MinVersion: tls.VersionTLS12})
			if err == nil {
				err = errors.Join(c.Noop(), c.Close()) // the client shakes hands when it must
			}
			if (err == nil) != good {
				t.Errorf("as %s: %v", host, err)
			}
		}
	})
	t.Run("STARTTLS is offered only when asked for", func(t *testing.T) {
		c := dial(t, start(t, Options{}))
		if ok, _ := c.Extension("STARTTLS"); ok {
			t.Error("STARTTLS is offered")
		}
	})
}

func TestLogin(t *testing.T) {
	good := map[string]sasl.Client{
		"PLAIN": sasl.NewPlainClient("", "press", "secret"), "LOGIN": sasl.NewLoginClient("press", "secret"),
	}
	bad := map[string]sasl.Client{
		"PLAIN": sasl.NewPlainClient("", "press", "wrong"), "LOGIN": sasl.NewLoginClient("wrong", "secret"),
	}
	for mechanism := range good {
		t.Run(mechanism, func(t *testing.T) {
			s := start(t, Options{Username: "press", Password: "secret", Mechanism: mechanism})
			c := dial(t, s)
			if _, offered := c.Extension("AUTH"); offered != mechanism {
				t.Errorf("offered %q, want %q", offered, mechanism)
			}
			var reply *smtp.SMTPError
			if err := send(c, "one@example.org"); !errors.As(err, &reply) || reply.Code != 530 {
				t.Errorf("without a login: got %v, want 530", err)
			}
			if err := c.Auth(bad[mechanism]); !errors.As(err, &reply) || reply.Code != 535 {
				t.Errorf("wrong login: got %v, want 535", err)
			}
			if err := c.Auth(good[mechanism]); err != nil {
				t.Fatalf("right login: %v", err)
			}
			if err := send(c, "one@example.org"); err != nil {
				t.Errorf("after the login: %v", err)
			}
		})
	}
}

func TestSizeIsOfferedAndKept(t *testing.T) {
	s := start(t, Options{MaxSize: 1000})
	c := dial(t, s)
	if size, ok := c.MaxMessageSize(); !ok || size != 1000 {
		t.Errorf("offered %d, want 1000", size)
	}
	var reply *smtp.SMTPError
	err := c.SendMail("from@example.org", []string{"one@example.org"}, strings.NewReader(strings.Repeat("line\r\n", 400)))
	if !errors.As(err, &reply) || reply.Code != 552 {
		t.Errorf("a larger message: got %v, want 552", err)
	}
}
