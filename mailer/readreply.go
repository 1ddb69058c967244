package mailer

import (
	"bufio"
	"errors"
	"io"
	"net/textproto"
)

// readReply reads one reply and returns its code and, appended to words, its
// text, the lines divided by newlines. It gives what textproto.ReadResponse
// does and allocates nothing: four replies are read for each message.
//
// A line that ends with the connection is none. A reply of a code alone is
// taken; textproto refuses it. What makes a reply end is up to r, which should
// be bounded.
//
// https://www.rfc-editor.org/rfc/rfc5321#section-4.2
func readReply(r *bufio.Reader, words []byte) (code int, _ []byte, err error) {
	for first := true; ; first = false {
		start := len(words)
		if words, err = appendLine(words, r); err != nil {
			return 0, words, err
		}
		line := words[start:]
		n, more := replyCode(line)
		switch {
		case first && n == 0:
			return 0, words, textproto.ProtocolError("invalid reply: " + string(line))
		case first:
			code = n
			fallthrough
		case n == code:
			words = append(words[:start], line[min(len(line), len("250 ")):]...)
		default:
			more = true // a server that forgot the code
		}
		if !more {
			return code, words, nil
		}
		words = append(words, '\n')
	}
}

// replyCode returns the code that line begins with, 0 if it does not, and
// whether it announces another line.
func replyCode(line []byte) (code int, more bool) {
	if len(line) < len("250") || line[0] == '0' || len(line) > len("250") && line[3] != ' ' && line[3] != '-' {
		return 0, false
	}
	for _, c := range line[:3] {
		if !isDigit(c) {
			return 0, false
		}
		code = 10*code + int(c-'0')
	}
	return code, len(line) > len("250") && line[3] == '-'
}

// appendLine appends the next line of r, without its end.
func appendLine(b []byte, r *bufio.Reader) ([]byte, error) {
	start := len(b)
	for {
		piece, err := r.ReadSlice('\n')
		b = append(b, piece...)
		switch {
		case err == nil:
			end := len(b) - 1
			if end > start && b[end-1] == '\r' {
				end--
			}
			return b[:end], nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(b) > start:
			return b, io.ErrUnexpectedEOF
		default:
			return b, err
		}
	}
}
