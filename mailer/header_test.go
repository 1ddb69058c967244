package mailer

import (
	"fmt"
	"mime"
	"strings"
	"testing"
)

// foldedLines returns the lines of a field of one kind, which must end with
// CRLF.
func foldedLines(t *testing.T, write func(*header)) []string {
	t.Helper()
	var h header
	write(&h)
	field, ok := strings.CutSuffix(string(h.b), "\r\n")
	if !ok {
		t.Fatalf("%q does not end with CRLF", string(h.b))
	}
	return strings.Split(field, "\r\n")
}

// wantGreedy fails t unless every line is within limit, and begun only because
// its first word had no room on the line before.
func wantGreedy(t *testing.T, lines []string, limit int) {
	t.Helper()
	for i, line := range lines {
		if len(line) > limit {
			t.Fatalf("line of %d bytes, at most %d: %q", len(line), limit, lines)
		}
		if i == 0 {
			continue
		}
		word, _, _ := strings.Cut(line[1:], " ")
		if line[0] != ' ' || len(lines[i-1])+1+len(word) <= limit {
			t.Fatalf("folded without need: %q", lines)
		}
	}
}

// TestLinesFoldAtTheLimit tries words of every length that come near it.
func TestLinesFoldAtTheLimit(t *testing.T) {
	for first := range 69 {
		for second := range 69 {
			words := []string{strings.Repeat("a", first+1), strings.Repeat("b", second+1), "cc", strings.Repeat("d", 69), "e"}
			lines := foldedLines(t, func(h *header) { h.text("Summary", strings.Join(words, " ")) })
			wantGreedy(t, lines, 78)
			if got := strings.Join(lines, ""); got != "Summary: "+strings.Join(words, " ") {
				t.Fatalf("got %q", got)
			}
		}
	}
}

// TestWordsAreEncodedWhereTheyDoNotFit: one byte more than there is room for on
// the field's own line makes all the difference.
func TestWordsAreEncodedWhereTheyDoNotFit(t *testing.T) {
	for length, encoded := range map[int]bool{69: false, 70: true} {
		lines := foldedLines(t, func(h *header) { h.text("Subject", strings.Repeat("a", length)) })
		if strings.Contains(lines[0], "=?") != encoded {
			t.Errorf("a word of %d bytes: %q", length, lines)
		}
	}
	for length, encoded := range map[int]bool{72: false, 73: true} { // and two quotes
		lines := foldedLines(t, func(h *header) {
			h.address("To", Address{strings.Repeat("a", length), "ann@example.org"})
		})
		if strings.Contains(lines[0], "=?") != encoded {
			t.Errorf("a name of %d bytes: %q", length, lines)
		}
	}
}

// TestEncodedWordsFillTheirLines tries every length of names of each width of
// letter: no line is beyond the limit, and none ends early.
func TestEncodedWordsFillTheirLines(t *testing.T) {
	var decoder mime.WordDecoder
	for _, letter := range []string{"é", "東", "👩", "aé", "abcdefghijklé"} {
		for n := 1; n < 150; n++ {
			name := strings.Repeat(letter, n)
			lines := foldedLines(t, func(h *header) { h.address("To", Address{name, "ann@example.org"}) })
			wantGreedy(t, lines, 76)
			text := strings.TrimPrefix(strings.Join(lines, ""), "To: ")
			if got, err := decoder.DecodeHeader(strings.TrimSuffix(text, " <ann@example.org>")); err != nil || got != name {
				t.Fatalf("%d times %q: read back as %q, %v", n, letter, got, err)
			}
			// Of all encoded-words only the last may have room for one letter
			// more, which takes 12 bytes at most.
			for i, line := range lines[:len(lines)-1] {
				if more := strings.HasPrefix(lines[i+1], " =?"); more && len(line) <= 76-12 {
					t.Fatalf("%d times %q: line %d ends early, after %d bytes: %q", n, letter, i+1, len(line), lines)
				}
			}
		}
	}
}

// TestALongAddressStaysOnItsFieldsLine: it cannot be folded, and a field whose
// own line is empty is worse than one that is long.
func TestALongAddressStaysOnItsFieldsLine(t *testing.T) {
	address := "ann@" + strings.Repeat("a.", 120) + "org"
	lines := foldedLines(t, func(h *header) { h.address("To", Address{"", address}) })
	if len(lines) != 1 || lines[0] != "To: <"+address+">" {
		t.Errorf("got %q", lines)
	}
}

// TestTheShorterEncodingIsTaken: base64 for most scripts, Q where most letters
// stand for themselves, and Q if both are as long.
func TestTheShorterEncodingIsTaken(t *testing.T) {
	for text, want := range map[string]string{
		"Minister einig über den Haushalt": "=?utf-8?q?Minister_einig_=C3=BCber_den_Haushalt?=",
		"夕刊":                               "=?utf-8?b?5aSV5YiK?=",
		"é":                                "=?utf-8?b?w6k=?=",
		"aéb":                              "=?utf-8?q?a=C3=A9b?=",
	} {
		lines := foldedLines(t, func(h *header) { h.text("Subject", text) })
		if lines[0] != "Subject: "+want || len(lines) > 1 {
			t.Errorf("%s: got %q, want %q", text, lines, want)
		}
	}
}

// TestQuoteLeavesWhatAPhraseMayHold: https://www.rfc-editor.org/rfc/rfc2047#section-5
func TestQuoteLeavesWhatAPhraseMayHold(t *testing.T) {
	const plain = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!*+-/"
	for b := range 256 {
		want := fmt.Sprintf("=%02X", b)
		switch {
		case b == ' ':
			want = "_"
		case strings.IndexByte(plain, byte(b)) >= 0:
			want = string(rune(b))
		}
		if got := quote(string([]byte{byte(b)})); got != want || quotedLen(string([]byte{byte(b)})) != len(want) {
			t.Errorf("quote(%#02x) = %q, want %q", b, got, want)
		}
	}
}
