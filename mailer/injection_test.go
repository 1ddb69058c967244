package mailer

import (
	"bytes"
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/zotpaper/zotpaper/internal/smtptest"
)

// Whatever stands in the fields of a message, the header that a reader's
// program sees has the fields we wrote and no others.

// texts are the ways in for strangers' words, by field.
func texts() map[string]func(*Message, string) {
	return map[string]func(*Message, string){
		"From name":        func(m *Message, s string) { m.From.Name += s },
		"From":             func(m *Message, s string) { m.From.Address += s },
		"Reply-To":         func(m *Message, s string) { m.ReplyTo += s },
		"To name":          func(m *Message, s string) { m.To.Name += s },
		"To":               func(m *Message, s string) { m.To.Address += s },
		"Subject":          func(m *Message, s string) { m.Subject += s },
		"Message-ID":       func(m *Message, s string) { m.ID += s },
		"List-Id":          func(m *Message, s string) { m.ListID += s },
		"List-Id name":     func(m *Message, s string) { m.ListName += s },
		"List-Archive":     func(m *Message, s string) { m.ListArchive += s },
		"List-Unsubscribe": func(m *Message, s string) { m.Unsubscribe += s },
		"Feedback-ID":      func(m *Message, s string) { m.FeedbackID += s },
		"boundary":         func(m *Message, s string) { m.Boundary = "part-0123456789abcdef" + s },
	}
}

// specimenFields are the fields of a specimen, as net/mail writes them.
func specimenFields() []string {
	return []string{
		"Content-Type", "Date", "Feedback-Id", "From", "List-Archive", "List-Id", "List-Unsubscribe", "List-Unsubscribe-Post",
		"Message-Id", "Mime-Version", "Precedence", "Reply-To", "Subject", "To", "X-Auto-Response-Suppress",
	}
}

// wantFields fails t unless the header of raw has the fields of a specimen,
// once each.
func wantFields(t rapid.TB, raw []byte) {
	t.Helper()
	msg, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatalf("%v\n%s", err, head(raw))
	}
	var got []string
	for name, values := range msg.Header {
		for range values {
			got = append(got, name)
		}
	}
	if slices.Sort(got); !slices.Equal(got, specimenFields()) {
		t.Errorf("fields: got %q\n%s", got, head(raw))
	}
}

func TestComposeRefusesControlCharacters(t *testing.T) {
	for field, add := range texts() {
		for name, control := range map[string]string{
			"CR": "\r", "LF": "\n", "NUL": "\x00", "DEL": "\x7f", "CRLF and a field": "\r\nBcc: victim@example.net", "LF and a fold": "\n folded",
			"the end of the header": "\r\n\r\n<p>", "the first C1 control": "\u0080", "a next line": "\u0085", "the last C1 control": "\u009f",
			"a vertical tab": "\v", "a form feed": "\f", "a byte that is no UTF-8": "\xff",
		} {
			t.Run(field+" with "+name, func(t *testing.T) {
				m := specimen()
				add(&m, control)
				raw, err := m.Compose()
				if err == nil {
					t.Fatalf("Compose took it:\n%s", head(raw))
				}
				if want := strings.TrimSuffix(field, " name"); !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not name %s", err, want)
				}
				if strings.ContainsAny(err.Error(), "\r\x00") {
					t.Errorf("error %q carries the character on", err)
				}
			})
		}
	}
}

// TestLinesOfUnicodeEndNoHeaderLine: what is a line's end to Unicode and none
// to mail is refused, or encoded like any other letter.
func TestLinesOfUnicodeEndNoHeaderLine(t *testing.T) {
	for field, add := range texts() {
		for name, separator := range map[string]string{
			"a line separator": "\u2028", "a paragraph separator": "\u2029", "letters whose low bytes are CR and LF": "\u010d\u010a",
			"symbols for CR and LF": "\u240d\u240a", "a full-width colon": "\uff1a",
		} {
			t.Run(field+" with "+name, func(t *testing.T) {
				m := specimen()
				add(&m, separator+"Bcc: victim@example.net")
				raw, err := m.Compose()
				if free := field == "Subject" || field == "From name" || field == "To name"; free != (err == nil) {
					t.Fatalf("Compose: %v; want an error from a field that is no free text, and none else", err)
				}
				if err != nil {
					return
				}
				if err := Check(raw); err != nil {
					t.Error(err)
				}
				wantFields(t, raw)
			})
		}
	}
}

// TestNoWordsAddAField is the same for words of every kind in every field at
// once.
func TestNoWordsAddAField(t *testing.T) {
	piece := rapid.OneOf(
		rapid.SampledFrom([]string{"\r", "\n", "\r\n", "\r\n ", "\r\n\r\n", "\x00", "\u2028", "\u0085", ":", " ", "\t", `"`, `\`, "<", ">", "@", ",", "=?utf-8?q?", "?=", "Bcc: x@example.net", "a.example", "a"}),
		rapid.StringN(0, 5, -1),
	)
	rapid.Check(t, func(t *rapid.T) {
		m := specimen()
		for field, add := range texts() {
			if rapid.Bool().Draw(t, field) {
				add(&m, strings.Join(rapid.SliceOfN(piece, 0, 3).Draw(t, field+" words"), ""))
			}
		}
		raw, err := m.Compose()
		if err != nil {
			return
		}
		if err := Check(raw); err != nil {
			t.Fatalf("Check: %v\n%s", err, head(raw))
		}
		wantFields(t, raw)
		checkHeaderLines(t, head(raw))
	})
}

// TestEnvelopesAsTheyAreSpoken: what ParseAddress takes stands in MAIL and
// RCPT as it is, and a server reads the same out of it.
func TestEnvelopesAsTheyAreSpoken(t *testing.T) {
	for name, address := range map[string]string{
		"an ordinary address": "ann@example.org", "every sign": "!#$%&'*+-/=?^_`{|}~@example.org", "an equals sign and a plus": "SIZE=1+NOTIFY=NEVER@example.org",
		"quotes": `".ann..reader."@example.org`, "quotes around signs": `"a,b;c:(d)[e]"@example.org`, "A-labels": "ann@xn--exmple-cua.org",
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := ParseAddress("", address); err != nil {
				t.Fatal(err)
			}
			heard := play(t, greeting, upTo(".", ok)...)
			if _, err := dial(t, heard.Relay).Send(t.Context(), Envelope{address, address}, finished); err != nil {
				t.Fatal(err)
			}
			want := []string{"EHLO localhost", fmt.Sprintf("MAIL FROM:<%s>", address), fmt.Sprintf("RCPT TO:<%s>", address), "DATA", "."}
			if got := heard.heard(); !slices.Equal(got, want) {
				t.Errorf("the server heard %q, want %q", got, want)
			}
			s := start(t, smtptest.Options{})
			if _, err := dial(t, relayTo(s)).Send(t.Context(), Envelope{address, address}, finished); err != nil {
				t.Fatal(err)
			}
			// The server takes the quotes off, where they stand around nothing
			// that needs them or not.
			plain := strings.ReplaceAll(address, `"`, "")
			if r := s.Messages()[0]; strings.ReplaceAll(r.To, `"`, "") != plain || strings.ReplaceAll(r.From, `"`, "") != plain {
				t.Errorf("the server read from %q to %q, want %q", r.From, r.To, address)
			}
		})
	}
}
