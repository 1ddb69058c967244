package sink

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

const (
	// bufferSize has room for some messages and the envelopes between them, so
	// that one read takes what one write sent.
	bufferSize = 256 << 10
	// lineLimit bounds a command.
	// https://www.rfc-editor.org/rfc/rfc5321#section-4.5.3.1.4
	lineLimit = 4 << 10
)

// errTooBig says that a message was longer than the limit. It was read to its
// end.
var errTooBig = errors.New("message is too big")

// An input reads commands and messages out of one large buffer.
type input struct {
	r     io.Reader
	await func() error // called before a read, which may have to wait for the client
	buf   []byte
	start int // what was read and not used yet is buf[start:end]
	end   int
}

// fill reads more into the buffer, and makes room for it.
func (in *input) fill() error {
	if err := in.await(); err != nil {
		return err
	}
	if in.start == in.end {
		in.start, in.end = 0, 0
	}
	if len(in.buf)-in.end < bufferSize/4 {
		pending := in.buf[in.start:in.end]
		if len(pending) > len(in.buf)/2 {
			in.buf = make([]byte, 2*len(in.buf))
		}
		in.end = copy(in.buf, pending)
		in.start = 0
	}
	n, err := in.r.Read(in.buf[in.end:])
	in.end += n
	if n > 0 {
		return nil
	}
	return err
}

// line returns the next line without its end. It is valid until the next call.
func (in *input) line() ([]byte, error) {
	for {
		pending := in.buf[in.start:in.end]
		if i := bytes.IndexByte(pending, '\n'); i >= 0 {
			in.start += i + 1
			return bytes.TrimSuffix(pending[:i], []byte("\r")), nil
		}
		if len(pending) > lineLimit {
			return nil, fmt.Errorf("a command of more than %d bytes", lineLimit)
		}
		if err := in.fill(); err != nil {
			return nil, err
		}
	}
}

// message returns the lines up to the final dot, as they came: with doubled
// dots. It is valid until the next call.
func (in *input) message(limit int64) ([]byte, error) {
	const dot = "\r\n.\r\n"
	searched, tooBig := 0, false
	for {
		pending := in.buf[in.start:in.end]
		if bytes.HasPrefix(pending, []byte(dot[2:])) && !tooBig {
			in.start += len(dot) - 2
			return nil, nil
		}
		if i := bytes.Index(pending[searched:], []byte(dot)); i >= 0 {
			n := searched + i + 2
			in.start += searched + i + len(dot)
			if tooBig || int64(n) > limit {
				return nil, errTooBig
			}
			return pending[:n], nil
		}
		// The dot may be here in part.
		searched = max(len(pending)-len(dot)+1, 0)
		if int64(searched) > limit {
			in.start += searched
			searched, tooBig = 0, true
		}
		if err := in.fill(); err != nil {
			return nil, err
		}
	}
}
