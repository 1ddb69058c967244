package intake

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// plainText returns a file's text with lines ended by newlines, without a
// byte-order mark, in composed form; or why it is no text that could be
// printed.
func plainText(raw []byte) (string, *fault) {
	if bytes.HasPrefix(raw, []byte("\xff\xfe")) || bytes.HasPrefix(raw, []byte("\xfe\xff")) {
		return "", faultAt(1, "it is UTF-16; save it as UTF-8")
	}
	raw = bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf"))
	raw = bytes.ReplaceAll(raw, []byte("\r\n"), []byte("\n"))
	raw = bytes.ReplaceAll(raw, []byte("\r"), []byte("\n"))
	line := 1
	for rest := raw; len(rest) > 0; {
		r, size := utf8.DecodeRune(rest)
		switch {
		case r == utf8.RuneError && size == 1:
			return "", faultAt(line, "the byte %#02x is not UTF-8; save the file as UTF-8, not as Latin-1 or Windows-1252", rest[0])
		case r == '\n':
			line++
		case r == 0:
			return "", faultAt(line, "it holds a zero byte; is it a text file?")
		case isControl(r):
			return "", faultAt(line, "it holds the control character U+%04X; type that line again", r)
		}
		rest = rest[size:]
	}
	return string(norm.NFC.Bytes(raw)), nil
}

// isControl reports whether r is a control character that no printed text
// holds.
func isControl(r rune) bool {
	return r < ' ' && r != '\t' && r != '\n' || r >= 0x7f && r < 0xa0
}

// splitFront divides an article into its front matter and its body. bodyLine
// is the line on which the body begins.
func splitFront(text string) (front, body string, bodyLine int, wrong *fault) {
	first, rest, _ := strings.Cut(text, "\n")
	if !isFence(first) {
		return "", "", 0, faultAt(1, `it does not begin with front matter; its first line must be "---"`)
	}
	for length, line := 0, frontLine; length < len(rest); line++ {
		this, _, _ := strings.Cut(rest[length:], "\n")
		if isFence(this) {
			body := strings.TrimPrefix(rest[length+len(this):], "\n")
			return rest[:length], body, line + 1, nil
		}
		if length += len(this) + 1; length > frontLimit {
			return "", "", 0, faultAt(line, `the front matter is longer than %d kB; is the line "---" missing that ends it?`, frontLimit>>10)
		}
	}
	return "", "", 0, faultAt(1, `the front matter is not closed; end it with a line "---"`)
}

func isFence(line string) bool { return strings.TrimRight(line, " \t") == "---" }
