package smtptest

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// A session is one conversation; after STARTTLS a new one begins.
type session struct {
	server *Server
	smtp   *smtp.Conn
	conn   *conn
	authed bool
	from   string
	to     string
}

var _ smtp.AuthSession = (*session)(nil)

func (s *Server) session(c *smtp.Conn) (smtp.Session, error) {
	below := c.Conn()
	if encrypted, ok := below.(*tls.Conn); ok {
		below = encrypted.NetConn()
	}
	numbered, ok := below.(*conn)
	if !ok {
		return nil, fmt.Errorf("a connection of kind %T", below)
	}
	ses := &session{server: s, smtp: c, conn: numbered}
	if _, err := ses.event(Hello); err != nil {
		return nil, err
	}
	return ses, nil
}

// errHungUp reaches nobody: the connection is gone.
var errHungUp = errors.New("hung up")

// event asks the script and carries its answer out.
func (ses *session) event(p Phase) (Answer, error) {
	a := ses.server.ask(Event{Phase: p, Conn: ses.conn.number, Sender: ses.from, Recipient: ses.to})
	switch {
	case a.HangUp:
		ses.conn.cut()
		return a, errHungUp
	case a.Code == 421:
		// The server is about to close; go-smtp would go on listening.
		fmt.Fprintf(ses.smtp.Conn(), "%s\r\n", a)
		ses.conn.cut()
		return a, errHungUp
	case a.Code > 0:
		return a, &smtp.SMTPError{Code: a.Code, EnhancedCode: smtp.EnhancedCode(a.Enhanced), Message: a.Text}
	}
	return a, nil
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
	raw, err := io.ReadAll(r) // bounded by go-smtp
	if err != nil {
		return err
	}
	_, encrypted := ses.smtp.TLSConnectionState()
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
	switch o := ses.server.options; {
	case o.Username == "":
		return nil
	case o.Mechanism != "":
		return []string{o.Mechanism}
	}
	return []string{sasl.Plain, sasl.Login}
}

// Auth begins a login.
func (ses *session) Auth(mechanism string) (sasl.Server, error) {
	if _, err := ses.event(Auth); err != nil {
		return nil, err
	}
	if mechanism == sasl.Login {
		return &login{session: ses}, nil
	}
	return sasl.NewPlainServer(func(_, username, password string) error {
		return ses.authenticate(username, password)
	}), nil
}

func (ses *session) authenticate(username, password string) error {
	if o := ses.server.options; username != o.Username || password != o.Password {
		return smtp.ErrAuthFailed
	}
	ses.authed = true
	return nil
}

// A login is the server's side of AUTH LOGIN, which go-sasl leaves out: it asks
// for the name and then for the password.
type login struct {
	session  *session
	username string
	asked    int
}

func (l *login) Next(response []byte) (challenge []byte, done bool, err error) {
	if response == nil && l.asked == 0 {
		l.asked = 1
		return []byte("Username:"), false, nil
	}
	if l.asked <= 1 { // the name may come with the command
		l.username, l.asked = string(response), 2
		return []byte("Password:"), false, nil
	}
	return nil, true, l.session.authenticate(l.username, string(response))
}
