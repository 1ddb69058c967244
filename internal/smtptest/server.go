package smtptest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
)

// Options say how a server behaves. The zero Options take every message, in
// clear, from anybody.
type Options struct {
	Script      func(Event) Answer // nil: takes everything; may be called by several goroutines at once
	STARTTLS    bool               // offer it, with a certificate of its own
	ImplicitTLS bool               // TLS from the first byte
	Name        string             // the host that the certificate is for; empty: this machine
	Username    string             // demand a login with this name
	Password    string
	Mechanism   string         // of the login: "PLAIN" or "LOGIN"; empty: both are offered
	MaxSize     int64          // bytes of a message, offered as SIZE; 0: 10 MiB
	Keep        int            // how many messages are kept at most; 0: 100,000
	OnMessage   func(Received) // called for each message taken; nil: nothing
}

const (
	sizeLimit = 10 << 20
	keepLimit = 100_000
	// patience bounds every read and write, so that a client that hangs does
	// not hang its test.
	patience = time.Minute
)

// A Received is a message as it came.
type Received struct {
	From string // envelope sender
	To   string // envelope recipient
	Raw  []byte // as sent, dots unstuffed
	At   time.Time
	TLS  bool
}

// A Server is a running SMTP server on a loopback address. Its methods may be
// called by several goroutines at once.
type Server struct {
	options  Options
	listener net.Listener
	smtp     *smtp.Server
	roots    *x509.CertPool
	served   chan struct{} // closed when no connection is accepted any more

	closing   chan struct{}
	closeOnce sync.Once
	closeErr  error

	mu       sync.Mutex
	messages []Received
	arrived  chan struct{} // closed and renewed with each message
	opened   int           // connections so far
	open     map[*conn]bool
	counts   map[count]int
}

// count is what events are counted by.
type count struct {
	phase     Phase
	recipient string
}

// Start starts a server on a port of its own. The caller closes it.
func Start(options Options) (*Server, error) {
	s := &Server{
		options: options,
		served:  make(chan struct{}), closing: make(chan struct{}), arrived: make(chan struct{}),
		open: map[*conn]bool{}, counts: map[count]int{},
	}
	s.smtp = smtp.NewServer(smtp.BackendFunc(s.session))
	s.smtp.Domain = "smtptest.example"
	s.smtp.MaxRecipients = 1
	s.smtp.MaxMessageBytes = sizeLimit
	if options.MaxSize > 0 {
		s.smtp.MaxMessageBytes = options.MaxSize
	}
	s.smtp.ReadTimeout, s.smtp.WriteTimeout = patience, patience
	s.smtp.AllowInsecureAuth = true
	s.smtp.ErrorLog = log.New(io.Discard, "", 0)
	var certificates *tls.Config
	if options.STARTTLS || options.ImplicitTLS {
		certificate, roots, err := selfSigned(options.Name)
		if err != nil {
			return nil, err
		}
		s.roots = roots
		certificates = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	}
	if options.STARTTLS {
		s.smtp.TLSConfig = certificates
	}
	var lc net.ListenConfig
	l, err := lc.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("smtptest: %w", err)
	}
	s.listener = &listener{l, s}
	if options.ImplicitTLS {
		s.listener = tls.NewListener(s.listener, certificates)
	}
	go func() {
		defer close(s.served)
		// It ends when Close closes the listener.
		_ = s.smtp.Serve(s.listener)
	}()
	return s, nil
}

// Close cuts every conversation and waits for them to end: OnMessage is not
// called after it. Closing again does nothing.
func (s *Server) Close() error {
	s.closeOnce.Do(func() {
		close(s.closing)
		s.closeErr = s.listener.Close()
		<-s.served
		s.mu.Lock()
		for c := range s.open {
			c.cut()
		}
		s.mu.Unlock()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		// It closes the listener again, and complains that it is closed.
		if err := s.smtp.Shutdown(ctx); ctx.Err() != nil {
			s.closeErr = fmt.Errorf("smtptest: conversations go on: %w", err)
		}
	})
	return s.closeErr
}

// Addr returns where it listens, such as "127.0.0.1:40123".
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Host returns the address it listens on, without the port.
func (s *Server) Host() string { return "127.0.0.1" }

// Port returns the port it listens on.
func (s *Server) Port() int {
	_, port, err := net.SplitHostPort(s.Addr())
	if err != nil {
		panic(err) // the listener is ours and is TCP
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		panic(err)
	}
	return n
}

// Roots returns the certificates that a client must trust; nil if the server
// speaks no TLS.
func (s *Server) Roots() *x509.CertPool { return s.roots }

// Messages returns what came so far, in order of arrival.
func (s *Server) Messages() []Received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Received(nil), s.messages...)
}

// Connections returns how many connections were opened so far.
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.opened
}

// Wait returns when n messages have come, or with ctx's error.
func (s *Server) Wait(ctx context.Context, n int) error {
	for {
		s.mu.Lock()
		have, arrived := len(s.messages), s.arrived
		s.mu.Unlock()
		if have >= n {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("smtptest: %d of %d messages: %w", have, n, ctx.Err())
		case <-arrived:
		}
	}
}

// keep records a message.
func (s *Server) keep(r Received) {
	limit := s.options.Keep
	if limit == 0 {
		limit = keepLimit
	}
	s.mu.Lock()
	if len(s.messages) < limit {
		s.messages = append(s.messages, r)
	}
	close(s.arrived)
	s.arrived = make(chan struct{})
	s.mu.Unlock()
	if s.options.OnMessage != nil {
		s.options.OnMessage(r)
	}
}
