package mailer

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zotpaper/zotpaper/internal/smtptest"
)

func TestDialEncrypts(t *testing.T) {
	for mode, o := range map[TLSMode]smtptest.Options{TLSMandatory: {STARTTLS: true}, TLSImplicit: {ImplicitTLS: true}, "": {STARTTLS: true}} {
		for _, host := range []string{"127.0.0.1", "localhost"} {
			t.Run(string(mode)+" to "+host, func(t *testing.T) {
				s := start(t, o)
				r := relayTo(s)
				r.TLS, r.Host = mode, host
				if _, err := send(t.Context(), dial(t, r)); err != nil {
					t.Fatal(err)
				}
				if got := s.Messages(); len(got) != 1 || !got[0].TLS {
					t.Errorf("came: %+v, want one message, encrypted", got)
				}
			})
		}
	}
}

// TestNothingIsSaidInClear: when there is no TLS to be had, the server hears
// neither a password nor an address.
func TestNothingIsSaidInClear(t *testing.T) {
	t.Run("no STARTTLS is offered", func(t *testing.T) {
		s := play(t, greeting, upTo("EHLO", "250-test\r\n250 AUTH PLAIN LOGIN\r\n")...)
		r := s.Relay
		r.TLS, r.Username, r.Password = TLSMandatory, "press", "secret"
		wantTLSError(t, r)
		if got := s.heard(); !slices.Equal(got, []string{"EHLO localhost"}) {
			t.Errorf("the server heard %q", got)
		}
	})
	stranger := start(t, smtptest.Options{STARTTLS: true}).Roots()
	for name, o := range map[string]smtptest.Options{
		"a certificate of nobody we trust, STARTTLS": {STARTTLS: true}, "a certificate of nobody we trust, implicit": {ImplicitTLS: true},
		"a certificate for another host, STARTTLS": {STARTTLS: true, Name: "mail.example.org"}, "a certificate for another host, implicit": {ImplicitTLS: true, Name: "mail.example.org"},
	} {
		t.Run(name, func(t *testing.T) {
			reached := make(chan smtptest.Phase, 10)
			o.Script = func(e smtptest.Event) smtptest.Answer {
				if e.Phase != smtptest.Connect && e.Phase != smtptest.Hello {
					reached <- e.Phase
				}
				return smtptest.Answer{}
			}
			s := start(t, o)
			r := relayTo(s)
			r.TLS, r.Username, r.Password = TLSMandatory, "press", "secret"
			if o.ImplicitTLS {
				r.TLS = TLSImplicit
			}
			if o.Name == "" {
				r.RootCAs = stranger
			}
			wantTLSError(t, r)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if len(reached) > 0 {
				t.Errorf("the conversation reached %s", <-reached)
			}
		})
	}
	t.Run("TLS where none is spoken", func(t *testing.T) {
		s := play(t, greeting)
		r := s.Relay
		r.TLS = TLSImplicit
		wantTLSError(t, r)
	})
	t.Run("a password to another machine", func(t *testing.T) {
		wantTLSError(t, Relay{Host: "192.0.2.1", Port: 25, TLS: TLSNone, Username: "press", Password: "secret"})
	})
	t.Run("STARTTLS, then a cut", func(t *testing.T) {
		s := play(t, greeting, append(upTo("EHLO", "250-test\r\n250 STARTTLS\r\n"), exchange{"STARTTLS", hangUp})...)
		r := s.Relay
		r.TLS = TLSMandatory
		if _, err := r.Dial(t.Context()); err == nil || Permanent(err) {
			t.Errorf("Dial: %v", err)
		}
		if got := s.heard(); !slices.Equal(got, []string{"EHLO localhost", "STARTTLS"}) {
			t.Errorf("the server heard %q", got)
		}
	})
}

func wantTLSError(t *testing.T, r Relay) {
	t.Helper()
	_, err := r.Dial(t.Context())
	var encryption *TLSError
	if !errors.As(err, &encryption) || !OurFault(err) || Permanent(err) {
		t.Errorf("Dial: got %v, want a TLSError", err)
	}
}

// TestAReplyBeforeTLSIsNotTakenForOneWithin: somebody on the line can send
// more than the 220 in clear, hoping that we take it for the first reply under
// encryption.
func TestAReplyBeforeTLSIsNotTakenForOneWithin(t *testing.T) {
	s := start(t, smtptest.Options{STARTTLS: true})
	var wg sync.WaitGroup
	var relay Relay
	serve(t, &wg, &relay, func(c net.Conn) {
		up, err := net.Dial("tcp", s.Addr())
		if err != nil {
			t.Error(err)
			return
		}
		wg.Go(func() {
			_, _ = io.Copy(up, c) // ends with either side
			_ = up.Close()
		})
		defer func() { _ = up.Close() }()
		in := bufio.NewReader(up)
		for {
			line, err := in.ReadBytes('\n')
			if bytes.HasPrefix(line, []byte("220 2.0.0")) {
				line = append(line, "250-injected\r\n250 SIZE 1\r\n"...)
			}
			if _, werr := c.Write(line); err != nil || werr != nil {
				return
			}
			if bytes.HasPrefix(line, []byte("220 2.0.0")) {
				_, _ = io.Copy(c, in)
				return
			}
		}
	})
	relay.TLS, relay.RootCAs = TLSMandatory, s.Roots()
	c, err := relay.Dial(t.Context())
	if err != nil {
		return // as good
	}
	if c.MaxSize() == 1 {
		t.Error("Dial believed what was said in clear")
	}
	if _, err := send(t.Context(), c); err == nil && !s.Messages()[0].TLS {
		t.Error("the message came in clear")
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

func TestDialLogsIn(t *testing.T) {
	for mode, o := range map[TLSMode]smtptest.Options{TLSMandatory: {STARTTLS: true}, TLSImplicit: {ImplicitTLS: true}, TLSNone: {}} {
		for _, mechanism := range []string{"PLAIN", "LOGIN", ""} {
			t.Run(string(mode)+" with "+mechanism, func(t *testing.T) {
				o.Username, o.Password, o.Mechanism = "press", "secret", mechanism
				s := start(t, o)
				r := relayTo(s)
				r.TLS, r.Username, r.Password = mode, "press", "secret"
				if _, err := send(t.Context(), dial(t, r)); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

func TestALoginThatFailsIsOurFault(t *testing.T) {
	good := Relay{TLS: TLSNone, Username: "press", Password: "secret"}
	for name, tt := range map[string]struct {
		script              func(smtptest.Event) smtptest.Answer
		password            string
		code                int
		permanent, ourFault bool
	}{
		"wrong password":          {nil, "wrong", 535, true, true},
		"refused for now":         {at(smtptest.Auth, smtptest.Answer{Code: 454, Enhanced: [3]int{4, 7, 0}, Text: "later"}), "secret", 454, false, true},
		"too weak a way":          {at(smtptest.Auth, smtptest.Answer{Code: 534, Enhanced: [3]int{5, 7, 9}, Text: "too weak"}), "secret", 534, true, true},
		"the server is closing":   {at(smtptest.Auth, smtptest.Answer{Code: 421, Enhanced: [3]int{4, 3, 2}, Text: "closing"}), "secret", 421, false, false},
		"refused at the greeting": {at(smtptest.Connect, smtptest.Answer{Code: 554, Enhanced: [3]int{5, 7, 1}, Text: "you are listed"}), "secret", 554, true, true},
		"busy at the greeting":    {at(smtptest.Connect, smtptest.Answer{Code: 421, Enhanced: [3]int{4, 7, 0}, Text: "too many connections"}), "secret", 421, false, false},
		"refused at EHLO":         {at(smtptest.Hello, smtptest.Answer{Code: 550, Enhanced: [3]int{5, 5, 0}, Text: "bad name"}), "secret", 550, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, smtptest.Options{Script: tt.script, Username: "press", Password: "secret"})
			r := relayTo(s)
			r.Username, r.Password = good.Username, tt.password
			_, err := r.Dial(t.Context())
			var refused *ReplyError
			if !errors.As(err, &refused) || refused.Reply.Code != tt.code || Permanent(err) != tt.permanent || OurFault(err) != tt.ourFault {
				t.Errorf("Dial: got %v; permanent %t, our fault %t", err, Permanent(err), OurFault(err))
			}
			if s.Connections() != 1 {
				t.Errorf("%d connections, want one: repeated wrong logins lock accounts", s.Connections())
			}
		})
	}
	for name, offer := range map[string]string{"no login is offered": ok, "none that we know": "250-test\r\n250 AUTH XOAUTH2 GSSAPI\r\n"} {
		t.Run(name, func(t *testing.T) {
			s := play(t, greeting, upTo("EHLO", offer)...)
			r := s.Relay
			r.Username, r.Password = "press", "secret"
			if _, err := r.Dial(t.Context()); !OurFault(err) || !strings.Contains(err.Error(), "AUTH") {
				t.Errorf("Dial: %v", err)
			}
			if got := strings.Join(s.heard(), " "); strings.Contains(got, "AUTH") {
				t.Errorf("the server heard %q", got)
			}
		})
	}
	t.Run("no login where one is wanted", func(t *testing.T) {
		c := dial(t, relayTo(start(t, smtptest.Options{Username: "press", Password: "secret"})))
		if _, err := send(t.Context(), c); !OurFault(err) {
			t.Errorf("Send: %v", err)
		}
	})
}

func TestNoTalkingToTheServerIsNobodysFault(t *testing.T) {
	closed := relayTo(start(t, smtptest.Options{}))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Port = l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	unknown := closed
	unknown.Host = "mail.invalid"
	for name, r := range map[string]Relay{
		"nobody listens":              closed,
		"no such name":                unknown,
		"cut before the greeting":     play(t, hangUp).Relay,
		"cut at EHLO":                 play(t, greeting, upTo("EHLO", hangUp)...).Relay,
		"a greeting that is none":     play(t, "HTTP/1.1 400 Bad Request\r\n").Relay,
		"a greeting without end":      play(t, strings.Repeat("220-welcome\r\n", 200_000)).Relay,
		"an EHLO reply without end":   play(t, greeting, upTo("EHLO", strings.Repeat("250-X\r\n", 400_000))...).Relay,
		"a greeting of one vast line": play(t, "220 "+strings.Repeat("x", 2<<20)).Relay,
	} {
		t.Run(name, func(t *testing.T) {
			c, err := r.Dial(t.Context())
			if c != nil || err == nil || Permanent(err) || OurFault(err) || InDoubt(err) {
				t.Errorf("Dial: got %v; permanent %t, our fault %t", err, Permanent(err), OurFault(err))
			}
			if err != nil && (len(err.Error()) > 5000 || !strings.Contains(err.Error(), r.Host)) {
				t.Errorf("an error of %d bytes that should name the server: %.200s", len(err.Error()), err)
			}
		})
	}
}

func TestDialEnds(t *testing.T) {
	hangs := func(t *testing.T, p smtptest.Phase, reached chan<- bool) Relay {
		return relayTo(start(t, smtptest.Options{Script: func(e smtptest.Event) smtptest.Answer {
			if e.Phase != p {
				return smtptest.Answer{}
			}
			reached <- true
			return smtptest.Answer{Wait: make(chan struct{})}
		}}))
	}
	for _, phase := range []smtptest.Phase{smtptest.Connect, smtptest.Hello} {
		t.Run("with its context, at "+string(phase), func(t *testing.T) {
			reached := make(chan bool, 1)
			r := hangs(t, phase, reached)
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				<-reached
				cancel()
			}()
			if _, err := r.Dial(ctx); !errors.Is(err, context.Canceled) {
				t.Errorf("Dial: %v", err)
			}
		})
		t.Run("with its timeout, at "+string(phase), func(t *testing.T) {
			r := hangs(t, phase, make(chan bool, 1))
			r.Timeout = 50 * time.Millisecond
			if _, err := r.Dial(t.Context()); err == nil || Permanent(err) || OurFault(err) {
				t.Errorf("Dial: %v", err)
			}
		})
	}
}

func TestDialRefusesAnUnknownMode(t *testing.T) {
	if _, err := (Relay{Host: "127.0.0.1", Port: 1, TLS: "sometimes"}).Dial(t.Context()); err == nil || !strings.Contains(err.Error(), "sometimes") {
		t.Errorf("Dial: %v", err)
	}
}

func TestDialSaysItsName(t *testing.T) {
	s := play(t, greeting, upTo("EHLO", ok)...)
	r := s.Relay
	r.HELO = "press.zotpaper.example"
	c := dial(t, r)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if got := s.heard(); got[0] != "EHLO press.zotpaper.example" {
		t.Errorf("the server heard %q", got)
	}
}
