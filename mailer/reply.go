package mailer

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// A Reply is what a mail server answered.
type Reply struct {
	Code     int    // 200 to 599; 0: none was read
	Enhanced string // RFC 3463 status such as "5.1.1"; empty if the server sent none
	Text     string // the server's words, for people; on one line
}

// String returns the reply on one line.
func (r Reply) String() string {
	switch {
	case r.Code == 0:
		return r.Text
	case r.Enhanced == "":
		return fmt.Sprintf("%d %s", r.Code, r.Text)
	}
	return fmt.Sprintf("%d %s %s", r.Code, r.Enhanced, r.Text)
}

// textLimit bounds the text kept of one reply, in bytes.
const textLimit = 2000

// newReply reads the text of a reply, whose lines are divided by newlines.
func newReply(code int, text string) Reply {
	r := Reply{Code: code}
	var words []string
	for rest, more := text, true; more; {
		var line string
		line, rest, more = strings.Cut(rest, "\n")
		status, line := cutStatus(strings.TrimSpace(line))
		if status != "" {
			r.Enhanced = status
		}
		if words == nil && !more {
			r.Text = printable(line) // one line, as nearly always
			return r
		}
		words = append(words, line)
	}
	r.Text = printable(strings.Join(words, " "))
	return r
}

// cutStatus returns the status that line begins with, if it does, and what
// follows it. It is written out because it runs for every message.
//
// https://www.rfc-editor.org/rfc/rfc2034#section-4
func cutStatus(line string) (status, rest string) {
	if line == "" || strings.IndexByte("245", line[0]) < 0 {
		return "", line
	}
	end := 1
	for range 2 {
		digits := 0
		for end+1+digits < len(line) && line[end] == '.' && isDigit(line[end+1+digits]) {
			digits++
		}
		if digits < 1 || digits > 3 {
			return "", line
		}
		end += 1 + digits
	}
	rest = strings.TrimLeft(line[end:], " \t\n\f\r")
	if len(rest) == len(line)-end && rest != "" {
		return "", line // 192.0.2.1, or a version
	}
	return line[:end], rest
}

// printable returns of s what may go into a log, a terminal and a database:
// a server may send anything.
func printable(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		// Invisible ones, such as those that turn the direction of a line
		// round, are no better than controls.
		if !unicode.IsGraphic(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s[:min(len(s), textLimit)], "?")))
}

// A plainError has a text that may go where a reply's may, though what it wraps
// quotes a server: libraries put a line that they cannot read into their errors
// as it came.
type plainError struct{ cause error }

func (e plainError) Error() string { return printable(e.cause.Error()) }

func (e plainError) Unwrap() error { return e.cause }

// A ReplyError is a mail server's refusal.
//
// Codes 4yz invite another attempt with the same message; codes 5yz do not.
//
// https://www.rfc-editor.org/rfc/rfc5321#section-4.2.1
type ReplyError struct {
	Command string // what was refused: "connect", "EHLO", "AUTH", "MAIL", "RCPT", "DATA" or "message"
	Reply   Reply
}

func (e *ReplyError) Error() string {
	return fmt.Sprintf("the mail server refused %s: %s", e.Command, e.Reply)
}

// Permanent reports whether err says that repeating the attempt is useless.
//
// Anything that is not a reply (a lost connection, a name that is not found, a
// bug of ours) counts as passing: trying again costs little, giving up costs a
// reader.
func Permanent(err error) bool {
	var refused *ReplyError
	return errors.As(err, &refused) && refused.Reply.Code >= 500
}

// OurFault reports whether err says that it is us who are refused, not a
// recipient: no login, a wrong password, no TLS, a policy that our sending
// does not meet, an edition larger than the server takes. No reader must lose
// anything over it.
//
// The statuses 4.7.23 to 4.7.32 are what large providers answer while our DNS
// or authentication is not in order; other 4.7.z statuses are greylisting as
// often as not, and simply mean later.
//
// https://www.rfc-editor.org/rfc/rfc3463#section-3.8
func OurFault(err error) bool {
	var tls *TLSError
	if errors.As(err, &tls) {
		return true
	}
	var refused *ReplyError
	if !errors.As(err, &refused) {
		return false
	}
	r := refused.Reply
	return refused.Command == "AUTH" ||
		slices.Contains([]int{530, 534, 535, 538}, r.Code) ||
		strings.HasPrefix(r.Enhanced, "5.7.") ||
		r.Enhanced == "5.3.4" || // too big for the server: everybody's copy is
		slices.Contains([]string{"4.7.23", "4.7.25", "4.7.27", "4.7.29", "4.7.30", "4.7.31", "4.7.32"}, r.Enhanced)
}

// An InDoubtError says that the final dot of a message was written and no reply
// was read: the server may have taken it.
//
// https://www.rfc-editor.org/rfc/rfc1047
type InDoubtError struct{ Cause error }

func (e *InDoubtError) Error() string {
	return fmt.Sprintf("no reply after the message was handed over: %v", e.Cause)
}

func (e *InDoubtError) Unwrap() error { return e.Cause }

// InDoubt reports whether err leaves open whether the server has the message.
func InDoubt(err error) bool {
	var doubt *InDoubtError
	return errors.As(err, &doubt)
}

// A TLSError says that no encrypted connection was to be had. Nothing of a
// message, and no password, was sent.
type TLSError struct{ Cause error }

func (e *TLSError) Error() string { return fmt.Sprintf("tls: %v", e.Cause) }

func (e *TLSError) Unwrap() error { return e.Cause }
