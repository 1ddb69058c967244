package mailer

import (
	"encoding/base64"
	"slices"
	"strings"
	"unicode/utf8"
)

// A header collects header fields in the order given. We write them ourselves
// rather than leave them to go-mail, which orders some of them differently on
// every call and lets a long first word leave the field's own line empty.
type header struct {
	b []byte

	// Of the field that is being written.
	column int  // of the line
	limit  int  // where to fold
	folds  bool // it has its first word
}

// lineLimit is how long a header line should be at most.
//
// https://www.rfc-editor.org/rfc/rfc5322#section-2.1.1
const lineLimit = 78

// line writes a field on one physical line, however long: relays have been
// seen to break a signature over a List-Unsubscribe that was folded.
func (h *header) line(name, value string) {
	h.b = append(append(append(append(h.b, name...), ": "...), value...), "\r\n"...)
}

// bracketed writes a field of one value between angle brackets, on one line.
func (h *header) bracketed(name, value string) {
	h.b = append(append(append(append(h.b, name...), ": <"...), value...), ">\r\n"...)
}

// words writes a field folded at its spaces. The first word stays on the
// field's line, which some parsers need not to be empty.
func (h *header) words(name string, words ...string) {
	limit := lineLimit
	if slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(w, "=?") }) {
		limit = encodedLineLimit
	}
	h.begin(name, limit)
	for _, w := range words {
		h.word(w)
	}
	h.end()
}

func (h *header) begin(name string, limit int) {
	h.b = append(append(h.b, name...), ':')
	h.column, h.limit, h.folds = len(name)+1, limit, false
}

func (h *header) word(w string) {
	h.space(len(w))
	h.b = append(h.b, w...)
}

// space writes what stands before a word of size bytes.
func (h *header) space(size int) {
	if h.folds && h.column+1+size > h.limit {
		h.end()
		h.column = 0
	}
	h.b = append(h.b, ' ')
	h.column += 1 + size
	h.folds = true
}

func (h *header) end() { h.b = append(h.b, "\r\n"...) }

// text writes a field of free text, encoded if it is not plain ASCII.
func (h *header) text(name, value string) {
	h.words(name, encodeText(value, len(name)+len(": "))...)
}

// address writes a field of one mailbox.
func (h *header) address(name string, a Address) {
	column := len(name) + len(": ")
	quoted := len(a.Name) + strings.Count(a.Name, `\`) + strings.Count(a.Name, `"`) + len(`""`)
	switch {
	case a.Name == "":
		h.begin(name, lineLimit)
	case isPlain(a.Name) && column+quoted <= lineLimit:
		h.begin(name, lineLimit)
		h.space(quoted)
		h.b = append(h.b, '"')
		for i := range len(a.Name) {
			if a.Name[i] == '\\' || a.Name[i] == '"' {
				h.b = append(h.b, '\\')
			}
			h.b = append(h.b, a.Name[i])
		}
		h.b = append(h.b, '"')
	default:
		h.begin(name, encodedLineLimit)
		for _, w := range encodeWords(a.Name, column) {
			h.word(w)
		}
	}
	h.space(len(a.Address) + len("<>"))
	h.b = append(append(append(h.b, '<'), a.Address...), '>')
	h.end()
}

// isPlain reports whether s means the same to every mail program when it
// stands in a header as it is.
func isPlain(s string) bool {
	return isPrintableASCII(s) && !strings.Contains(s, "=?")
}

func isPrintableASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) < 0
}

// encodeText returns the words of s, to be divided by spaces or folds: as they
// are if every reader's program takes them so, else as encoded-words. column
// is where the first will stand.
func encodeText(s string, column int) []string {
	words := strings.Fields(s)
	for _, w := range words {
		if !isPlain(w) || len(w) > lineLimit-column {
			return encodeWords(s, column)
		}
	}
	return words
}

// The bounds of an encoded-word, and of a line that holds one.
//
// https://www.rfc-editor.org/rfc/rfc2047#section-2
const (
	encodedLimit     = 75
	encodedLineLimit = 76
)

// encodeWords returns s as encoded-words, whichever of the two encodings is
// shorter. No character is divided between two of them.
//
// https://www.rfc-editor.org/rfc/rfc2047#section-5
func encodeWords(s string, column int) []string {
	prefix, encode, length := "=?utf-8?q?", quote, quotedLen
	if base64.StdEncoding.EncodedLen(len(s)) < quotedLen(s) {
		prefix, encode = "=?utf-8?b?", base64Text
		length = func(part string) int { return base64.StdEncoding.EncodedLen(len(part)) }
	}
	room := func(at int) int { return encodedLimit - at - len(prefix) - len("?=") }

	var words []string
	limit := room(column)
	start := 0
	for i := 0; i < len(s); {
		_, size := utf8.DecodeRuneInString(s[i:])
		if i > start && length(s[start:i+size]) > limit {
			words = append(words, prefix+encode(s[start:i])+"?=")
			start, limit = i, room(1)
		}
		i += size
	}
	return append(words, prefix+encode(s[start:])+"?=")
}

func base64Text(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func quote(s string) string {
	var b strings.Builder
	b.Grow(quotedLen(s))
	for i := range len(s) {
		switch c := s[i]; {
		case c == ' ':
			b.WriteByte('_')
		case isLiteral(c):
			b.WriteByte(c)
		default:
			const digits = "0123456789ABCDEF"
			b.Write([]byte{'=', digits[c>>4], digits[c&15]})
		}
	}
	return b.String()
}

// quotedLen returns how long quote makes s.
func quotedLen(s string) int {
	n := len(s)
	for i := range len(s) {
		if s[i] != ' ' && !isLiteral(s[i]) {
			n += len("=XX") - 1
		}
	}
	return n
}

// isLiteral reports whether c stands for itself in the Q encoding, as strict as
// a display name needs it.
func isLiteral(c byte) bool {
	return isAlphanumeric(c) || strings.IndexByte("!*+-/", c) >= 0
}
