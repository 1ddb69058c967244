package mailer

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail"
)

// A TLSMode says how a connection is encrypted.
type TLSMode string

// The modes.
const (
	TLSMandatory TLSMode = "mandatory" // STARTTLS, or nothing is said
	TLSImplicit  TLSMode = "implicit"  // TLS from the first byte
	TLSNone      TLSMode = "none"      // in clear, for a server on this machine
)

// A Relay is the mail server that takes our messages.
type Relay struct {
	Host     string
	Port     int
	TLS      TLSMode // empty: TLSMandatory
	Username string  // empty: no login
	Password string
	Timeout  time.Duration  // for each reply, twice that after the final dot; 0: five minutes
	HELO     string         // what we call ourselves; empty: localhost
	RootCAs  *x509.CertPool // nil: the system's

	// Pipelining sends the commands of an envelope together if the server
	// offers it: one round trip instead of three.
	Pipelining bool

	// Messages is how many go over one connection at most: some servers refuse
	// more, and close. 0: no limit. See Conn.Spent.
	Messages int
}

const (
	// replyTimeout is how long a server may take to answer. Giving up sooner
	// makes messages doubtful that a slow server was about to accept.
	//
	// https://www.rfc-editor.org/rfc/rfc5321#section-4.5.3.2
	replyTimeout = 5 * time.Minute
	// dialTimeout bounds connecting, TLS and login together.
	dialTimeout = time.Minute
	// dialLimit bounds what we read meanwhile, certificates included.
	dialLimit = 1 << 20
)

// Dial connects to the relay, says hello, encrypts and logs in. go-mail does
// it; the connection is then ours.
//
// A *TLSError says that encryption failed, a *ReplyError that the server
// refused, any other error that there was no talking to it.
func (r Relay) Dial(ctx context.Context) (*Conn, error) {
	if r.Username != "" && r.TLS == TLSNone && !isLoopback(r.Host) {
		return nil, fmt.Errorf("mail server %s: %w", r.address(), &TLSError{errors.New("a password would go over the network in clear")})
	}
	ctx, cancel := context.WithTimeout(ctx, min(r.timeout(), dialTimeout))
	defer cancel()
	var raw *metered // as dialed, below any TLS
	release := func() bool { return true }
	auth := &login{username: r.Username, password: r.Password, host: r.Host}
	client, err := r.client(auth, func(c *metered) {
		raw = c
		// go-mail looks at ctx only until it is connected.
		release = context.AfterFunc(ctx, c.cut)
	})
	if err != nil {
		return nil, fmt.Errorf("mail server %s: %w", r.address(), err)
	}
	session, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		err = dialError(err, auth.begun)
	}
	if !release() {
		err = errors.Join(context.Cause(ctx), err)
	}
	if err != nil {
		if raw != nil {
			raw.cut()
		}
		return nil, fmt.Errorf("mail server %s: %w", r.address(), plainError{err})
	}
	c := &Conn{text: session.Text, net: raw, timeout: r.timeout(), limit: r.Messages, usable: true}
	if ok, size := session.Extension("SIZE"); ok {
		if n, err := strconv.ParseInt(size, 10, 64); err == nil && n > 0 {
			c.maxSize = n
		}
	}
	offered, _ := session.Extension("PIPELINING")
	c.pipelining = r.Pipelining && offered
	return c, nil
}

func (r Relay) timeout() time.Duration {
	if r.Timeout > 0 {
		return r.Timeout
	}
	return replyTimeout
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (r Relay) address() string { return net.JoinHostPort(r.Host, strconv.Itoa(r.Port)) }

// client returns a go-mail client that logs in with auth and tells opened of
// the connection it makes.
func (r Relay) client(auth *login, opened func(*metered)) (*mail.Client, error) {
	config := &tls.Config{
		ServerName: r.Host, RootCAs: r.RootCAs, MinVersion: tls.VersionTLS12,
		// Small records let a browser show the beginning of a page sooner; a
		// message is of no use before its end, and each record is a write.
		DynamicRecordSizingDisabled: true,
	}
	helo := r.HELO
	if helo == "" {
		helo = "localhost"
	}
	options := []mail.Option{
		mail.WithPort(r.Port), mail.WithTimeout(min(r.timeout(), dialTimeout)), mail.WithHELO(helo),
		mail.WithTLSConfig(config), mail.WithoutSMTPUTF8(),
		mail.WithDialContextFunc(func(ctx context.Context, network, address string) (net.Conn, error) {
			var d net.Dialer
			dialed, err := d.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			c := &metered{Conn: dialed, left: dialLimit}
			opened(c)
			if r.TLS != TLSImplicit {
				return c, nil
			}
			encrypted := tls.Client(c, config)
			if err := encrypted.HandshakeContext(ctx); err != nil {
				return nil, &TLSError{err}
			}
			return encrypted, nil
		}),
	}
	switch r.TLS {
	case TLSMandatory, "":
		options = append(options, mail.WithTLSPolicy(mail.TLSMandatory))
	case TLSImplicit:
		options = append(options, mail.WithSSL())
	case TLSNone:
		options = append(options, mail.WithTLSPolicy(mail.NoTLS))
	default:
		return nil, fmt.Errorf("no TLS mode %q", r.TLS)
	}
	if r.Username != "" {
		options = append(options, mail.WithSMTPAuthCustom(auth))
	}
	return mail.NewClient(r.Host, options...)
}

// dialError tells apart what go-mail says in one kind of error. authBegun says
// that the login was under way.
func dialError(err error, authBegun bool) error {
	var reply *textproto.Error
	var ours *TLSError
	var refused *ReplyError
	var verify *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	switch {
	case errors.As(err, &ours), errors.As(err, &refused):
		return err
	case errors.As(err, &reply) && (reply.Code < 400 || reply.Code > 599):
		// Neither welcome nor refusal: whatever it is, it does not speak SMTP.
		return fmt.Errorf("the mail server answered out of place with %s", newReply(reply.Code, reply.Msg))
	case errors.As(err, &reply):
		command := "connect"
		if authBegun && reply.Code != 421 { // 421: the server is closing, whatever was asked
			command = "AUTH"
		}
		return &ReplyError{Command: command, Reply: newReply(reply.Code, reply.Msg)}
	case errors.As(err, &verify), errors.As(err, &record), errors.As(err, &alert), strings.Contains(err.Error(), "does not support STARTTLS"):
		return &TLSError{err}
	}
	return err
}
