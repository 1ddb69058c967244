package sink

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"
)

// A session is one conversation.
type session struct {
	s      *Server
	id     int64
	conn   net.Conn
	in     *input
	out    *output
	secure bool

	mail       bool     // a MAIL was taken
	recipients [][]byte // of the message to come
	taken      int      // messages on this connection
	line       []byte   // of the ledger, reused
}

func newSession(s *Server, conn net.Conn, id int64) *session {
	x := &session{s: s, id: id}
	x.use(conn)
	return x
}

// use goes on with the conversation over conn.
func (x *session) use(conn net.Conn) {
	out := newOutput(conn, x.s.options.RTT)
	x.conn, x.out = conn, out
	x.in = &input{r: conn, await: out.flush, buf: make([]byte, bufferSize)}
}

var (
	// errQuit ends a conversation after the last answer, errCut before it.
	errQuit = errors.New("the conversation is over")
	errCut  = errors.New("the connection is cut")
)

func (x *session) run() error {
	defer func() { x.out.close() }()
	x.out.add("220 sink.example ESMTP")
	for {
		line, err := x.in.line()
		if err == nil {
			err = x.obey(line)
		}
		if errors.Is(err, errQuit) {
			return x.out.flush()
		}
		if err != nil {
			return err
		}
	}
}

// obey does what one command says.
func (x *session) obey(line []byte) error {
	verb, rest, _ := bytes.Cut(line, []byte(" "))
	switch string(bytes.ToUpper(verb)) {
	case "EHLO":
		x.ehlo()
	case "HELO":
		x.reset()
		x.out.add("250 sink.example")
	case "MAIL":
		return x.begin()
	case "RCPT":
		x.address(rest)
	case "DATA":
		return x.data()
	case "RSET":
		x.reset()
		x.out.add("250 2.0.0 forgotten")
	case "NOOP":
		x.out.add("250 2.0.0 here")
	case "STARTTLS":
		return x.startTLS()
	case "QUIT":
		x.out.add("221 2.0.0 bye")
		return errQuit
	default:
		x.complain("500 5.5.2 no such command")
	}
	return nil
}

func (x *session) ehlo() {
	x.reset()
	x.out.add("250-sink.example")
	x.out.add("250-PIPELINING")
	if x.s.options.Size > 0 {
		x.out.add("250-SIZE " + strconv.FormatInt(x.s.options.Size, 10))
	}
	if x.s.tls != nil && !x.secure {
		x.out.add("250-STARTTLS")
	}
	x.out.add("250-ENHANCEDSTATUSCODES")
	x.out.add("250 8BITMIME")
}

func (x *session) startTLS() error {
	if x.s.tls == nil || x.secure {
		x.complain("502 5.5.1 not offered")
		return nil
	}
	// What was sent in clear behind the command must not be taken for
	// something said under TLS. https://www.rfc-editor.org/rfc/rfc3207#section-4.2
	if x.in.start < x.in.end {
		x.complain("501 5.5.2 wait for the answer")
		return errQuit
	}
	x.out.add("220 2.0.0 go ahead")
	err := x.out.flush()
	x.out.close()
	conn := tls.Server(x.conn, x.s.tls)
	x.use(conn)
	x.reset()
	x.secure = true
	if err == nil {
		err = conn.HandshakeContext(context.Background()) // ended by Close
	}
	if err == nil {
		x.s.counts.handshakes.Add(1)
	}
	return err
}

func (x *session) reset() { x.mail, x.recipients = false, x.recipients[:0] }

// complain answers a client that is wrong.
func (x *session) complain(line string) {
	x.s.counts.broken.Add(1)
	x.out.add(line)
}

// begin answers MAIL.
func (x *session) begin() error {
	limit := x.s.options.Messages
	switch {
	case x.mail:
		x.complain("503 5.5.1 one at a time")
	case limit > 0 && x.taken >= limit:
		x.s.counts.dropped.Add(1)
		x.out.add("421 4.7.0 enough for one connection")
		return errQuit
	default:
		x.mail = true
		x.out.add("250 2.1.0 sender noted")
	}
	return nil
}

// address answers RCPT.
func (x *session) address(rest []byte) {
	i, j := bytes.IndexByte(rest, '<'), bytes.LastIndexByte(rest, '>')
	if !x.mail || i < 0 || j < i {
		x.complain("503 5.5.1 MAIL first, then RCPT TO:<address>")
		return
	}
	a, o := rest[i+1:j], &x.s.options
	switch {
	case o.drawn(rcptNo, a, o.RcptNo):
		x.s.counts.refused.Add(1)
		x.out.add("550 5.1.1 no such reader")
	case o.drawn(rcptLater, a, o.RcptLater) && x.s.readers.try(rcptLater, a, o.Tries):
		x.s.counts.later.Add(1)
		x.out.add("450 4.2.1 later")
	default:
		x.recipients = append(x.recipients, bytes.Clone(a))
		x.out.add("250 2.1.5 recipient noted")
	}
}

// data answers DATA, and the final dot.
func (x *session) data() error {
	if len(x.recipients) == 0 {
		// Not counted as broken: who pipelines cannot know.
		x.out.add("554 5.5.1 no valid recipients")
		return nil
	}
	x.out.add("354 go on")
	limit := x.s.options.Size
	if limit == 0 {
		limit = sizeLimit
	}
	message, err := x.in.message(limit)
	if errors.Is(err, errTooBig) {
		x.reset()
		x.out.add(fmt.Sprintf("552 5.3.4 more than %d bytes", limit))
		return nil
	}
	if err != nil {
		return err // broken off inside DATA: no message
	}
	defer x.reset()
	x.s.arrived(x.id)
	o, first := &x.s.options, x.recipients[0]
	if o.drawn(dataLater, first, o.DataLater) && x.s.readers.try(dataLater, first, o.Tries) {
		x.s.counts.later.Add(1)
		x.out.add("451 4.3.0 later")
		return nil
	}
	if err := x.deliver(message); err != nil {
		return err
	}
	if o.drawn(cut, first, o.Cut) && x.s.readers.try(cut, first, 1) {
		x.s.counts.cut.Add(1)
		return errCut
	}
	if o.DotDelay > 0 {
		time.Sleep(o.DotDelay)
	}
	x.out.add("250 2.0.0 taken")
	return nil
}

// deliver records message for each of its recipients.
func (x *session) deliver(message []byte) error {
	to, id := fields(message)
	for _, r := range x.recipients {
		if err := x.record(r, id, message); err != nil {
			x.s.counts.unrecorded.Add(1)
			return err
		}
		switch first, other := x.s.readers.got(r, id); {
		case first:
			x.s.counts.recipients.Add(1)
		case other:
			x.s.counts.otherIDs.Add(1)
			fallthrough
		default:
			x.s.counts.duplicates.Add(1)
		}
		if !bytes.Contains(to, r) {
			x.s.counts.misaddressed.Add(1)
		}
	}
	x.taken++
	x.s.counts.messages.Add(1)
	x.s.counts.bytes.Add(int64(len(message)))
	return nil
}
