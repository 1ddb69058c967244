package mailer

import (
	"bytes"
	"errors"
)

// A Wire is a message as it goes over the wire after DATA: dots doubled, every
// line ended with CRLF, without the final dot. Only this package makes one, so
// that nothing in it can end a message early.
type Wire struct {
	stuffed []byte
	doubled int // dots
}

// NewWire returns raw, a finished message, as it goes over the wire. The Wire
// may refer to raw, which must not change before it was sent.
func NewWire(raw []byte) (Wire, error) {
	if !isWireForm(raw) {
		return Wire{}, errors.New("message: not all lines end with CRLF")
	}
	stuffed := stuff(raw)
	return Wire{stuffed, len(stuffed) - len(raw)}, nil
}

// Len returns how large the message is as servers count it: in bytes, without
// the dots that were added. Compare it with Conn.MaxSize.
//
// https://www.rfc-editor.org/rfc/rfc1870#section-5
func (w Wire) Len() int { return len(w.stuffed) - w.doubled }

// Raw returns a copy of the message as it was before dots were doubled: what a
// reader's server keeps.
func (w Wire) Raw() []byte {
	raw := bytes.ReplaceAll(w.stuffed, []byte("\r\n.."), []byte("\r\n."))
	if bytes.HasPrefix(raw, []byte("..")) {
		raw = raw[1:]
	}
	return raw
}

// isWireForm reports whether every line of raw ends with CRLF and none holds
// another CR or LF. Servers disagree on what a lone one is, and some take
// "LF . LF" for the end of a message and the rest for commands.
//
// https://www.rfc-editor.org/rfc/rfc5321#section-2.3.8
func isWireForm(raw []byte) bool {
	lines := bytes.Count(raw, []byte("\r\n"))
	return bytes.HasSuffix(raw, []byte("\r\n")) &&
		bytes.Count(raw, []byte("\r")) == lines && bytes.Count(raw, []byte("\n")) == lines
}

// stuff doubles the dots at the beginnings of lines.
//
// https://www.rfc-editor.org/rfc/rfc5321#section-4.5.2
func stuff(raw []byte) []byte {
	doubled := bytes.Count(raw, []byte("\r\n."))
	if bytes.HasPrefix(raw, []byte(".")) {
		doubled++
	}
	if doubled == 0 {
		return raw
	}
	stuffed := make([]byte, 0, len(raw)+doubled)
	for line := range bytes.SplitAfterSeq(raw, []byte("\r\n")) {
		if bytes.HasPrefix(line, []byte(".")) {
			stuffed = append(stuffed, '.')
		}
		stuffed = append(stuffed, line...)
	}
	return stuffed
}
