package smtptest

import (
	"fmt"
	"net"
	"sync"
)

// A Phase is a point in an SMTP conversation at which a script may step in.
type Phase string

// The phases.
const (
	Connect Phase = "connect" // before the greeting
	Hello   Phase = "EHLO"
	Auth    Phase = "AUTH"
	Mail    Phase = "MAIL"
	Rcpt    Phase = "RCPT"
	Data    Phase = "DATA"    // after the 354, before any of the message is read
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
	// Code refuses, 400 to 599; after 421 the server closes the connection. At
	// Data the refusal comes after the final dot, as at Message. At Connect
	// with implicit TLS the connection is closed without a word.
	Code     int
	Enhanced [3]int // status such as 5, 1, 1; zero: 4.0.0 or 5.0.0; -1, -1, -1: none
	Text     string
	HangUp   bool            // close the connection without a reply; at Message the message is kept
	Drop     bool            // with HangUp: the message is not kept
	Wait     <-chan struct{} // nothing happens before it is closed
}

// ask counts an event and asks the script what to do.
func (s *Server) ask(e Event) Answer {
	if s.options.Script == nil {
		return Answer{}
	}
	s.mu.Lock()
	key := count{e.Phase, e.Recipient}
	s.counts[key]++
	e.Count = s.counts[key]
	s.mu.Unlock()
	a := s.options.Script(e)
	if a.Wait != nil {
		select {
		case <-a.Wait:
		case <-s.closing:
			return Answer{HangUp: true, Drop: true}
		}
	}
	return a
}

// A listener numbers the connections that it accepts.
type listener struct {
	net.Listener
	server *Server
}

func (l *listener) Accept() (net.Conn, error) {
	accepted, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	s := l.server
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opened++
	c := &conn{Conn: accepted, server: s, number: s.opened}
	s.open[c] = true
	return c, nil
}

// A conn is a connection that asks the script before it first says something.
// It stands below TLS.
type conn struct {
	net.Conn
	server *Server
	number int
	first  sync.Once
}

func (c *conn) Write(b []byte) (int, error) {
	c.first.Do(c.greet)
	return c.Conn.Write(b) // fails if greet closed it
}

func (c *conn) greet() {
	a := c.server.ask(Event{Phase: Connect, Conn: c.number})
	if a.Code > 0 && !c.server.options.ImplicitTLS {
		fmt.Fprintf(c.Conn, "%s\r\n", a)
	}
	if a.Code > 0 || a.HangUp {
		c.cut()
	}
}

func (c *conn) Close() error {
	c.server.mu.Lock()
	delete(c.server.open, c)
	c.server.mu.Unlock()
	return c.Conn.Close()
}

// cut closes c without a word, not even one of TLS. The server notices at its
// next read or write and forgets c.
func (c *conn) cut() {
	_ = c.Conn.Close() // it may be closed already, which is as well
}

// String returns the answer as a line of SMTP.
func (a Answer) String() string {
	e := a.Enhanced
	if e == [3]int{} {
		e = [3]int{a.Code / 100}
	}
	if e[0] < 0 {
		return fmt.Sprintf("%d %s", a.Code, a.Text)
	}
	return fmt.Sprintf("%d %d.%d.%d %s", a.Code, e[0], e[1], e[2], a.Text)
}
