package mailer

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/textproto"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestReadReply(t *testing.T) {
	long := strings.Repeat("x", 10_000)
	for name, tt := range map[string]struct {
		raw, text string
		code      int
	}{
		"one line":               {"250 2.0.0 taken\r\n", "2.0.0 taken", 250},
		"many lines":             {"550-one\r\n550-\r\n550 three\r\n", "one\n\nthree", 550},
		"a code alone":           {"250\r\n", "", 250},
		"a code alone at last":   {"250-one\r\n250\r\n", "one\n", 250},
		"without CR":             {"354 go\n", "go", 354},
		"a line of 10 kB":        {"250 " + long + "\r\n", long, 250},
		"NUL and no UTF-8":       {"250 \x00\xff\r\n", "\x00\xff", 250},
		"a line without code":    {"250-one\r\nforgotten\r\n250 three\r\n", "one\nforgotten\nthree", 250},
		"a line of another code": {"250-one\r\n550 two\r\n250 three\r\n", "one\n550 two\nthree", 250},
	} {
		code, text, err := readReply(bufio.NewReader(strings.NewReader(tt.raw+"next")), nil)
		if err != nil || code != tt.code || string(text) != tt.text {
			t.Errorf("%s: got %d, %.100q, %v", name, code, text, err)
		}
	}
	for _, raw := range []string{"25\r\n", "\r\n", "250", "250 cut", "2500 ok\r\n", "050 ok\r\n", "+25 ok\r\n", "25x ok\r\n", "\x00\x00\x00\x00\r\n", "250-one\r\n"} {
		if code, _, err := readReply(bufio.NewReader(strings.NewReader(raw)), nil); err == nil || code != 0 {
			t.Errorf("%q: got %d", raw, code)
		}
	}
}

// FuzzReply compares with textproto, which go-mail reads replies with.
func FuzzReply(f *testing.F) {
	for _, seed := range []string{
		"250 ok\r\n", "250-a\r\n250 b\r\n", "250-a\r\nb\r\n250\r\n250 c\r\n", "\x00\r\n", "354 " + strings.Repeat("x", 10_000) + "\r\n", "250\r\n", "99 x\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		r := bufio.NewReader(bytes.NewReader(raw))
		code, text, err := readReply(r, []byte("kept")[:0])
		if err != nil && code != 0 || err == nil && (code < 100 || code > 999) {
			t.Fatalf("%q: code %d, %v", raw, code, err)
		}
		// It may see lines that have no end, and not take a code alone.
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || regexp.MustCompile(`(?m)^\d\d\d\r?$`).Match(raw) {
			return
		}
		theirs := bufio.NewReader(bytes.NewReader(raw))
		wantCode, wantText, wantErr := textproto.NewReader(theirs).ReadResponse(0)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%q: error %v, textproto has %v", raw, err, wantErr)
		}
		if err != nil {
			return
		}
		rest, _ := io.ReadAll(r)
		wantRest, _ := io.ReadAll(theirs)
		// textproto takes a second CR from a line without code.
		plain := strings.NewReplacer("\r", "").Replace
		if code != wantCode || plain(string(text)) != plain(wantText) || !bytes.Equal(rest, wantRest) {
			t.Fatalf("%q: got %d %q, left %q; textproto has %d %q, left %q", raw, code, text, rest, wantCode, wantText, wantRest)
		}
	})
}

// enhancedForm is what a status looks like, as a regular expression.
var enhancedForm = regexp.MustCompile(`^([245]\.\d{1,3}\.\d{1,3})(?:\s+|$)`)

func TestCutStatus(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		line := rapid.OneOf(rapid.StringMatching(`[2456]?\.?\d{0,4}\.?\d{0,4}[ \t\f.-]{0,3}[a-z]?`), rapid.String()).Draw(t, "line")
		wantStatus, wantRest := "", line
		if m := enhancedForm.FindStringSubmatch(line); m != nil {
			wantStatus, wantRest = m[1], line[len(m[0]):]
		}
		if status, rest := cutStatus(line); status != wantStatus || rest != wantRest {
			t.Fatalf("cutStatus(%q) = %q, %q; want %q, %q", line, status, rest, wantStatus, wantRest)
		}
	})
}
