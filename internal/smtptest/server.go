package smtptest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// A Phase is a point in an SMTP conversation at which a script may step in.
type Phase string

// The phases.
const (
	Connect Phase = "connect" // before the greeting
	Mail    Phase = "MAIL"
	Rcpt    Phase = "RCPT"
	Data    Phase = "DATA"    // after the 354, while the message comes in
	Message Phase = "message" // after the final dot
)

// An Event is a phase reached.
type Event struct {
	Phase     Phase
	Conn      int // number of the connection, from 1
	Sender    string
	Recipient string
	Count     int // how often this phase was reached for this recipient, from 1
}

// An Answer is what the script wants at an event. The zero Answer lets the
// conversation go on.
type Answer struct {
	Code     int    // 400 to 599 refuses
	Enhanced [3]int // status such as 5, 1, 1
	Text     string
	HangUp   bool // close the connection without a reply; at Message the message is kept
	Drop     bool // with HangUp: the message is not kept
	Wait     <-chan struct{}
}

// Options say how a server behaves.
type Options struct {
	Script      func(Event) Answer // nil: takes everything
	STARTTLS    bool               // offer it, with a certificate of its own
	ImplicitTLS bool               // TLS from the first byte
	Username    string             // demand AUTH PLAIN with this name
	Password    string
	MaxSize     int64          // offered as SIZE; 0: 10 MB
	Keep        int            // how many messages are kept at most; 0: 100,000
	OnMessage   func(Received) // called for each message kept; nil: nothing
}

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
	served   chan struct{}

	mu       sync.Mutex
	messages []Received
	arrived  chan struct{} // closed and renewed with each message
	conns    int
	counts   map[string]int
}

// Start starts a server on a port of its own. The caller closes it.
func Start(options Options) (*Server, error) {
	s := &Server{options: options, served: make(chan struct{}), arrived: make(chan struct{}), counts: map[string]int{}}
	s.smtp = smtp.NewServer(smtp.BackendFunc(s.session))
	s.smtp.Domain = "smtptest.example"
	s.smtp.MaxRecipients = 1
	s.smtp.MaxMessageBytes = 10 << 20
	if options.MaxSize > 0 {
		s.smtp.MaxMessageBytes = options.MaxSize
	}
	s.smtp.ReadTimeout, s.smtp.WriteTimeout = time.Minute, time.Minute
	s.smtp.AllowInsecureAuth = true
	s.smtp.ErrorLog = log.New(io.Discard, "", 0)
	if options.STARTTLS || options.ImplicitTLS {
		certificate, roots, err := selfSigned()
		if err != nil {
			return nil, err
		}
		s.roots = roots
		s.smtp.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	}
	var lc net.ListenConfig
	l, err := lc.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("smtptest: %w", err)
	}
	s.listener = l
	if options.ImplicitTLS {
		l = tls.NewListener(l, s.smtp.TLSConfig)
	}
	go func() {
		defer close(s.served)
		// It ends when Close closes the listener.
		_ = s.smtp.Serve(&scripted{l, s})
	}()
	return s, nil
}

// Close ends every conversation and waits for the server to stop.
func (s *Server) Close() error {
	err := s.smtp.Close()
	<-s.served
	if errors.Is(err, smtp.ErrServerClosed) {
		return nil
	}
	return err
}

// Host returns the address it listens on.
func (s *Server) Host() string { return "127.0.0.1" }

// Port returns the port it listens on.
func (s *Server) Port() int {
	_, port, err := net.SplitHostPort(s.listener.Addr().String())
	if err != nil {
		panic(err) // the listener is ours and is TCP
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		panic(err)
	}
	return n
}

// Roots returns the certificates that a client must trust.
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
	return s.conns
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

// ask counts an event and asks the script what to do.
func (s *Server) ask(e Event) Answer {
	s.mu.Lock()
	key := string(e.Phase) + " " + e.Recipient
	s.counts[key]++
	e.Count = s.counts[key]
	s.mu.Unlock()
	if s.options.Script == nil {
		return Answer{}
	}
	a := s.options.Script(e)
	if a.Wait != nil {
		<-a.Wait
	}
	return a
}

// keep records a message.
func (s *Server) keep(r Received) {
	limit := s.options.Keep
	if limit == 0 {
		limit = 100_000
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

// scripted is a listener whose connections the script may close before the
// greeting.
type scripted struct {
	net.Listener
	server *Server
}

func (l *scripted) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		l.server.mu.Lock()
		l.server.conns++
		n := l.server.conns
		l.server.mu.Unlock()
		a := l.server.ask(Event{Phase: Connect, Conn: n})
		if a.Code > 0 {
			fmt.Fprintf(c, "%d %s\r\n", a.Code, a.Text)
		}
		if a.Code > 0 || a.HangUp {
			c.Close()
			continue
		}
		return c, nil
	}
}

// A session is one conversation.
type session struct {
	server *Server
	conn   *smtp.Conn
	number int
	authed bool
	from   string
	to     string
}

func (s *Server) session(c *smtp.Conn) (smtp.Session, error) {
	s.mu.Lock()
	n := s.conns
	s.mu.Unlock()
	return &session{server: s, conn: c, number: n}, nil
}

// errHungUp is never sent: the connection is gone.
var errHungUp = errors.New("hung up")

// event asks the script and carries its answer out.
func (ses *session) event(p Phase) (Answer, error) {
	a := ses.server.ask(Event{Phase: p, Conn: ses.number, Sender: ses.from, Recipient: ses.to})
	if a.HangUp {
		ses.conn.Conn().Close()
		return a, errHungUp
	}
	if a.Code == 0 {
		return a, nil
	}
	if a.Code == 421 {
		// The server says goodbye; go-smtp would go on listening.
		fmt.Fprintf(ses.conn.Conn(), "421 %d.%d.%d %s\r\n", a.Enhanced[0], a.Enhanced[1], a.Enhanced[2], a.Text)
		ses.conn.Conn().Close()
		return a, errHungUp
	}
	return a, &smtp.SMTPError{Code: a.Code, EnhancedCode: smtp.EnhancedCode(a.Enhanced), Message: a.Text}
}

func (ses *session) Mail(from string, _ *smtp.MailOptions) error {
	if ses.server.options.Username != "" && !ses.authed {
		return &smtp.SMTPError{Code: 530, EnhancedCode: smtp.EnhancedCode{5, 7, 0}, Message: "Authentication required"}
	}
	ses.from, ses.to = from, ""
	_, err := ses.event(Mail)
	return err
}

func (ses *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	ses.to = to
	_, err := ses.event(Rcpt)
	return err
}

func (ses *session) Data(r io.Reader) error {
	if _, err := ses.event(Data); err != nil {
		return err
	}
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	_, encrypted := ses.conn.TLSConnectionState()
	received := Received{From: ses.from, To: ses.to, Raw: raw, At: time.Now(), TLS: encrypted}
	a, err := ses.event(Message)
	if err == nil || a.HangUp && !a.Drop {
		ses.server.keep(received)
	}
	return err
}

func (ses *session) Reset() { ses.from, ses.to = "", "" }

func (ses *session) Logout() error { return nil }

// AuthMechanisms returns what the server offers.
func (ses *session) AuthMechanisms() []string {
	if ses.server.options.Username == "" {
		return nil
	}
	return []string{sasl.Plain}
}

// Auth checks a login.
func (ses *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, username, password string) error {
		if username != ses.server.options.Username || password != ses.server.options.Password {
			return smtp.ErrAuthFailed
		}
		ses.authed = true
		return nil
	}), nil
}
