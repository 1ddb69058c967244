package mailer

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// A header collects header fields in the order given. We write them ourselves
// rather than leave them to go-mail, which orders some of them differently on
// every call and lets a long first word leave the field's own line empty.
type header struct{ strings.Builder }

// lineLimit is how long a header line should be at most.
//
// https://www.rfc-editor.org/rfc/rfc5322#section-2.1.1
const lineLimit = 78

// line writes a field on one physical line, however long: relays have been
// seen to break a signature over a List-Unsubscribe that was folded.
func (h *header) line(name, value string) {
	fmt.Fprintf(h, "%s: %s\r\n", name, value)
}

// words writes a field folded at its spaces. The first word stays on the
// field's line, which some parsers need not to be empty.
func (h *header) words(name string, words ...string) {
	limit := lineLimit
	if slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(w, "=?") }) {
		limit = encodedLineLimit
	}
	h.WriteString(name + ":")
	column := len(name) + 1
	for i, w := range words {
		if i > 0 && column+1+len(w) > limit {
			h.WriteString("\r\n")
			column = 0
		}
		h.WriteString(" " + w)
		column += 1 + len(w)
	}
	h.WriteString("\r\n")
}

// text writes a field of free text, encoded if it is not plain ASCII.
func (h *header) text(name, value string) {
	h.words(name, encodeText(value, len(name)+len(": "))...)
}

// address writes a field of one mailbox.
func (h *header) address(name string, a Address) {
	var words []string
	if a.Name != "" {
		column := len(name) + len(": ")
		quoted := `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(a.Name) + `"`
		if isPlain(a.Name) && column+len(quoted) <= lineLimit {
			words = []string{quoted}
		} else {
			words = encodeWords(a.Name, column)
		}
	}
	h.words(name, append(words, "<"+a.Address+">")...)
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
	q, b := 0, base64.StdEncoding.EncodedLen(len(s))
	for i := range len(s) {
		q += len(quoteByte(s[i]))
	}
	prefix, encode := "=?utf-8?q?", quote
	length := func(part string) int { return len(quote(part)) }
	if b < q {
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
	for i := range len(s) {
		b.WriteString(quoteByte(s[i]))
	}
	return b.String()
}

// quoteByte returns c in the Q encoding, as strict as a display name needs it.
func quoteByte(c byte) string {
	switch {
	case c == ' ':
		return "_"
	case c >= '0' && c <= '9', c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', strings.IndexByte("!*+-/", c) >= 0:
		return string(c)
	}
	return fmt.Sprintf("=%02X", c)
}
