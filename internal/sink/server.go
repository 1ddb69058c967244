package sink

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Options say how a server behaves. The zero Options take every message at
// once, on a free port.
//
// A fraction is from 0 to 1. It picks recipients by their address and Seed
// alone: the same ones in every run, whatever the order of the messages.
type Options struct {
	Addr        string        // loopback address to listen on; empty: a free port of 127.0.0.1
	STARTTLS    bool          // offer it, with a certificate of its own
	Certificate string        // file that the certificate is written to, as PEM; empty: none
	RTT         time.Duration // how far away the server is: every answer arrives that much later
	Messages    int           // messages on one connection; the next MAIL is answered 421; 0: any number
	Size        int64         // bytes of a message, offered as SIZE; 0: 32 MiB, and SIZE is not offered
	DotDelay    time.Duration // between recording a message and answering for it
	Ledger      string        // file that each delivery is recorded in before it is answered; empty: none

	Seed      uint64
	RcptLater float64 // fraction of recipients answered 450 at RCPT
	RcptNo    float64 // fraction of recipients answered 550 at RCPT, at every try
	DataLater float64 // fraction of recipients whose message is answered 451
	Cut       float64 // fraction of recipients whose first message is recorded, then the connection cut
	Tries     int     // how often RcptLater and DataLater refuse a recipient; 0: once
}

// sizeLimit bounds a message if Options do not.
const sizeLimit = 32 << 20

// A Server is a running sink. Its methods may be called by several goroutines
// at once.
type Server struct {
	options  Options
	listener net.Listener
	tls      *tls.Config
	ledger   *os.File // nil: none is kept
	readers  readers
	counts   counts

	sessions sync.WaitGroup
	served   chan struct{} // closed when no connection is accepted any more

	mu     sync.Mutex
	open   map[net.Conn]bool
	closed bool
}

// Start starts a server. The caller closes it.
func Start(o Options) (*Server, error) {
	s := &Server{options: o, served: make(chan struct{}), open: map[net.Conn]bool{}}
	if s.options.Tries == 0 {
		s.options.Tries = 1
	}
	if s.options.Addr == "" {
		s.options.Addr = "127.0.0.1:0"
	}
	addr, err := net.ResolveTCPAddr("tcp", s.options.Addr)
	if err != nil {
		return nil, fmt.Errorf("sink: %w", err)
	}
	if !addr.IP.IsLoopback() {
		return nil, fmt.Errorf("sink: %s is no loopback address", s.options.Addr)
	}
	if o.STARTTLS {
		if s.tls, err = selfSigned(o.Certificate); err != nil {
			return nil, fmt.Errorf("sink: %w", err)
		}
	}
	if o.Ledger != "" {
		if s.ledger, err = os.OpenFile(o.Ledger, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
			return nil, fmt.Errorf("sink: %w", err)
		}
	}
	var lc net.ListenConfig
	if s.listener, err = lc.Listen(context.Background(), "tcp", addr.String()); err != nil {
		return nil, errors.Join(fmt.Errorf("sink: %w", err), s.closeLedger())
	}
	s.readers.forget()
	go s.serve()
	return s, nil
}

// Addr returns where it listens, such as "127.0.0.1:40123".
func (s *Server) Addr() string { return s.listener.Addr().String() }

// serve takes connections until the listener is closed.
func (s *Server) serve() {
	defer close(s.served)
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		if !s.enter(conn) {
			_ = conn.Close() // we are closing, whatever it says
			continue
		}
		id := s.counts.connections.Add(1)
		s.sessions.Go(func() {
			defer s.leave(conn)
			// How a conversation ends is its client's affair.
			_ = newSession(s, conn, id).run()
		})
	}
}

func (s *Server) enter(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.open[conn] = true
	}
	return !s.closed
}

func (s *Server) leave(conn net.Conn) {
	_ = conn.Close() // it may be closed already
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, conn)
}

// Close cuts every conversation and waits for them to end. Closing again does
// nothing.
func (s *Server) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	err := s.listener.Close()
	for conn := range s.open {
		_ = conn.Close() // its session ends with an error, which nobody reads
	}
	s.mu.Unlock()
	<-s.served
	s.sessions.Wait()
	return errors.Join(err, s.closeLedger())
}

func (s *Server) closeLedger() error {
	if s.ledger == nil {
		return nil
	}
	return s.ledger.Close()
}

// counts are what happened since the start or the last Reset.
type counts struct {
	connections, messages, bytes           atomic.Int64
	recipients, duplicates, otherIDs       atomic.Int64
	later, refused, cut, dropped           atomic.Int64
	handshakes, misaddressed, broken       atomic.Int64
	first, last, mark, resumed, unrecorded atomic.Int64
}

// Stats are the counts of a server since its start or its last Reset.
type Stats struct {
	Messages    int64   `json:"messages"`
	Bytes       int64   `json:"bytes"`
	First       int64   `json:"first"`   // when the first message was complete, in nanoseconds since 1970; 0: none was
	Last        int64   `json:"last"`    // and the last
	Resumed     int64   `json:"resumed"` // and the first on a connection opened since Mark
	Recipients  int64   `json:"recipients"`
	Duplicates  int64   `json:"duplicates"`     // messages beyond the first to a recipient
	OtherIDs    int64   `json:"other_ids"`      // of these, with another Message-ID than the first
	Strays      int64   `json:"strays"`         // messages whose To does not name the recipient
	Connections int64   `json:"connections"`    // since the start, whatever was reset
	Open        int     `json:"open"`           // connections at this moment
	Handshakes  int64   `json:"handshakes"`     // of TLS
	Later       int64   `json:"later"`          // answers 450 and 451
	Refused     int64   `json:"refused"`        // answers 550
	Cuts        int64   `json:"cuts"`           // connections cut after the final dot
	Dropped     int64   `json:"dropped"`        // connections ended with 421
	Broken      int64   `json:"broken"`         // commands that were none, or out of order
	Unrecorded  int64   `json:"unrecorded"`     // messages dropped since the ledger could not be written
	CPU         float64 `json:"cpu_in_seconds"` // of this process, since it began
}

// Stats returns the counts so far.
func (s *Server) Stats() Stats {
	c := &s.counts
	st := Stats{
		Messages: c.messages.Load(), Bytes: c.bytes.Load(),
		First: c.first.Load(), Last: c.last.Load(), Resumed: c.resumed.Load(),
		Recipients: c.recipients.Load(), Duplicates: c.duplicates.Load(), OtherIDs: c.otherIDs.Load(),
		Strays: c.misaddressed.Load(), Connections: c.connections.Load(), Handshakes: c.handshakes.Load(),
		Later: c.later.Load(), Refused: c.refused.Load(), Cuts: c.cut.Load(), Dropped: c.dropped.Load(),
		Broken: c.broken.Load(), Unrecorded: c.unrecorded.Load(), CPU: processorTime().Seconds(),
	}
	s.mu.Lock()
	st.Open = len(s.open)
	s.mu.Unlock()
	return st
}

// Mark begins to wait for the first message on a connection that is opened
// from now on. What a killed client left in a buffer is not taken for a sign
// of its successor.
func (s *Server) Mark() {
	s.counts.mark.Store(s.counts.connections.Load())
	s.counts.resumed.Store(0)
}

// Reset forgets all counts, and who got what, between two runs. It must not be
// called while mail comes in. The ledger file is left as it is.
func (s *Server) Reset() {
	c := &s.counts
	for _, n := range []*atomic.Int64{
		&c.messages, &c.bytes, &c.recipients, &c.duplicates, &c.otherIDs, &c.later, &c.refused, &c.cut, &c.dropped, &c.handshakes,
		&c.misaddressed, &c.broken, &c.first, &c.last, &c.resumed, &c.unrecorded,
	} {
		n.Store(0)
	}
	s.readers.forget()
}

// arrived counts a message that was read to its end.
func (s *Server) arrived(id int64) {
	now := time.Now().UnixNano()
	s.counts.first.CompareAndSwap(0, now)
	s.counts.last.Store(now)
	if id > s.counts.mark.Load() {
		s.counts.resumed.CompareAndSwap(0, now)
	}
}
