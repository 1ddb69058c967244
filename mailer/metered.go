package mailer

import (
	"errors"
	"net"
)

// A metered connection reads no more than it was last allowed: a reply has no
// length of its own, and a server gone wrong would fill our memory with one.
type metered struct {
	net.Conn
	left int // bytes
}

var errTooLong = errors.New("the mail server's reply does not end")

// allow lets the next n bytes pass. Only the goroutine that reads may call it.
func (m *metered) allow(n int) { m.left = n }

func (m *metered) Read(b []byte) (int, error) {
	if m.left <= 0 {
		return 0, errTooLong
	}
	n, err := m.Conn.Read(b[:min(len(b), m.left)])
	m.left -= n
	return n, err
}

// cut closes the connection without a word, from any goroutine. Waking whoever
// reads or writes is all that is wanted of it, so its error does not matter.
func (m *metered) cut() { _ = m.Close() }
