package intake

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// plainText returns a file's text with lines ended by newlines, without a
// byte-order mark, in composed form; or why it is no text that could be
// printed.
func plainText(raw []byte) (string, int, string) {
	switch {
	case bytes.HasPrefix(raw, []byte("\xff\xfe")), bytes.HasPrefix(raw, []byte("\xfe\xff")):
		return "", 1, "it is UTF-16; save it as UTF-8"
	}
	raw = bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf"))
	raw = bytes.ReplaceAll(raw, []byte("\r\n"), []byte("\n"))
	raw = bytes.ReplaceAll(raw, []byte("\r"), []byte("\n"))
	line := 1
	for rest := raw; len(rest) > 0; {
		r, size := utf8.DecodeRune(rest)
		switch {
		case r == utf8.RuneError && size == 1:
			return "", line, fmt.Sprintf("the byte %#02x is not UTF-8; save the file as UTF-8, not as Latin-1 or Windows-1252", rest[0])
		case r == '\n':
			line++
		case r == 0:
			return "", line, "it holds a zero byte; is it a text file?"
		case r < ' ' && r != '\t', r >= 0x7f && r < 0xa0:
			return "", line, fmt.Sprintf("it holds the control character U+%04X; type that line again", r)
		}
		rest = rest[size:]
	}
	return string(norm.NFC.Bytes(raw)), 0, ""
}

// splitFront divides an article into its front matter and its body. bodyLine
// is the line on which the body begins.
func splitFront(text string) (front, body string, bodyLine int, line int, reason string) {
	first, rest, _ := strings.Cut(text, "\n")
	if strings.TrimRight(first, " \t") != "---" {
		return "", "", 0, 1, `it does not begin with front matter; its first line must be "---"`
	}
	n := 1
	for rest != "" || n == 1 {
		var this string
		this, rest, _ = strings.Cut(rest, "\n")
		n++
		if strings.TrimRight(this, " \t") == "---" {
			if len(front) > frontLimit {
				break
			}
			return front, rest, n + 1, 0, ""
		}
		front += this + "\n"
		if len(front) > frontLimit {
			return "", "", 0, n, fmt.Sprintf("the front matter is longer than %d kB", frontLimit>>10)
		}
		if rest == "" {
			break
		}
	}
	return "", "", 0, 1, `the front matter is not closed; end it with a line "---"`
}
