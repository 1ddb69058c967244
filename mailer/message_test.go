package mailer

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/emersion/go-message"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

const (
	specimenText = "Afternoon Edition\n\nMinisters agree — “at last”.\n.a line with a dot\nFrom here on\n"
	specimenHTML = "<!DOCTYPE html>\n<html lang=\"en\"><body><p>Ministers agree — “at last”.</p></body></html>\n"
)

// specimen is a message of an edition, with every field filled in.
func specimen() Message {
	return Message{
		From: Address{"Zotpaper", "edition@news.zotpaper.example"}, ReplyTo: "letters@zotpaper.example",
		To:      Address{"Ann Reader", "ann@example.org"},
		Subject: "Afternoon Edition, Tue 24 Nov: Ministers agree on the budget",
		Date:    time.Date(2026, 11, 24, 16, 0, 3, 0, time.FixedZone("", -8*60*60)),
		ID:      "20261124a.7Qk3@news.zotpaper.example",
		ListID:  "afternoon.news.zotpaper.example", ListName: "Zotpaper Afternoon Edition",
		ListArchive: "https://zotpaper.example/editions",
		Unsubscribe: "https://zotpaper.example/u/v1.k1.Zm9vYmFy_-",
		FeedbackID:  "20261124a:afternoon:edition:zotpaper", Bulk: true,
		Text: specimenText, HTML: specimenHTML,
	}
}

func compose(t *testing.T, m Message) []byte {
	t.Helper()
	raw, err := m.Compose()
	if err != nil {
		t.Fatal(err)
	}
	if err := Check(raw); err != nil {
		t.Fatalf("Check: %v\n%s", err, raw)
	}
	return raw
}

func head(raw []byte) string {
	fields, _, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
	return string(fields)
}

func TestComposeHeader(t *testing.T) {
	fields, rest, ok := strings.Cut(head(compose(t, specimen())), "Content-Type: ")
	want := strings.ReplaceAll(`From: "Zotpaper" <edition@news.zotpaper.example>
Reply-To: <letters@zotpaper.example>
To: "Ann Reader" <ann@example.org>
Subject: Afternoon Edition, Tue 24 Nov: Ministers agree on the budget
Date: Tue, 24 Nov 2026 16:00:03 -0800
Message-ID: <20261124a.7Qk3@news.zotpaper.example>
List-Id: Zotpaper Afternoon Edition <afternoon.news.zotpaper.example>
List-Unsubscribe: <https://zotpaper.example/u/v1.k1.Zm9vYmFy_->
List-Unsubscribe-Post: List-Unsubscribe=One-Click
List-Archive: <https://zotpaper.example/editions>
Feedback-ID: 20261124a:afternoon:edition:zotpaper
Precedence: bulk
X-Auto-Response-Suppress: OOF, AutoReply
MIME-Version: 1.0
`, "\n", "\r\n")
	if diff := cmp.Diff(want, fields); diff != "" || !ok {
		t.Errorf("header (-want +got):\n%s", diff)
	}
	m := specimen()
	m.Boundary = strings.Repeat("b", 68)
	checkHeaderLines(t, head(compose(t, m)))
	if ok, _ := regexp.MatchString(`^multipart/alternative;\r\n boundary=[A-Za-z0-9-]+$`, rest); !ok {
		t.Errorf("Content-Type: got %q", rest)
	}
}

func TestComposeLeavesListFieldsOutOfAMessageToOnePerson(t *testing.T) {
	m := specimen()
	m.ReplyTo, m.ListID, m.ListName, m.ListArchive, m.Unsubscribe, m.FeedbackID, m.Bulk = "", "", "", "", "", "", false
	fields := head(compose(t, m))
	for _, name := range []string{"List-", "Reply-To", "Feedback-ID", "Precedence", "X-Auto-Response-Suppress"} {
		if strings.Contains(fields, name) {
			t.Errorf("the header has %s:\n%s", name, fields)
		}
	}
}

func TestComposeTwiceGivesTheSameBytes(t *testing.T) {
	first := compose(t, specimen())
	for range 40 {
		if again := compose(t, specimen()); !bytes.Equal(first, again) {
			t.Fatalf("another Compose gave:\n%s\nafter:\n%s", again, first)
		}
	}
	m := specimen()
	m.Text += "One more line.\n"
	if boundary(t, first) == boundary(t, compose(t, m)) {
		t.Error("two texts have the same boundary")
	}
}

func boundary(t *testing.T, raw []byte) string {
	t.Helper()
	msg, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	_, params, err := mime.ParseMediaType(msg.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	return params["boundary"]
}

// TestComposedPartsReadBack reads the message with a parser that is not the
// one of Check.
func TestComposedPartsReadBack(t *testing.T) {
	long := strings.Repeat("ä", 3000)
	for name, tt := range map[string]struct{ text, html string }{
		"as an edition has them":    {specimenText, specimenHTML},
		"without an end of line":    {"text", "<p>html</p>"},
		"lines beyond 998 bytes":    {long, "<p>" + long + "</p>"},
		"lone dots and From":        {".\n..\nFrom me\n.\n", "<p>\n.\n</p>"},
		"equals signs and blanks":   {"a=3D b = c \n\tx\t\n", "<p a=\"b\">=</p> "},
		"NUL and other controls":    {"a\x00b\x07c", "<p>\x00</p>"},
		"what looks like a divider": {"--part-\n--\n=_x\n", "<p>\n--part--\n</p>"},
	} {
		t.Run(name, func(t *testing.T) {
			m := specimen()
			m.Text, m.HTML = tt.text, tt.html
			entity, err := message.Read(bytes.NewReader(compose(t, m)))
			if err != nil {
				t.Fatal(err)
			}
			parts := entity.MultipartReader()
			for _, want := range []struct{ kind, body string }{{"text/plain", tt.text}, {"text/html", tt.html}} {
				part, err := parts.NextPart()
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(part.Body)
				if err != nil {
					t.Fatal(err)
				}
				kind, params, err := part.Header.ContentType()
				if err != nil || kind != want.kind || !strings.EqualFold(params["charset"], "utf-8") {
					t.Errorf("part of type %q, %v, %v; want %q in UTF-8", kind, params, err, want.kind)
				}
				if got := part.Header.Get("Content-Transfer-Encoding"); got != "quoted-printable" {
					t.Errorf("encoding: got %q", got)
				}
				if diff := cmp.Diff(strings.ReplaceAll(want.body, "\n", "\r\n"), string(body)); diff != "" {
					t.Errorf("%s (-want +got):\n%s", kind, diff)
				}
			}
			if _, err := parts.NextPart(); !errors.Is(err, io.EOF) {
				t.Errorf("after two parts: %v, want the end", err)
			}
		})
	}
}

func TestComposeRefusesInjectedAddresses(t *testing.T) {
	for name, payload := range injections() {
		for field, set := range map[string]func(*Message){
			"From":     func(m *Message) { m.From.Address = payload },
			"To":       func(m *Message) { m.To.Address = payload },
			"Reply-To": func(m *Message) { m.ReplyTo = payload },
		} {
			if field == "Reply-To" && payload == "" {
				continue // there need not be one
			}
			t.Run(field+": "+name, func(t *testing.T) {
				m := specimen()
				set(&m)
				if raw, err := m.Compose(); err == nil || !strings.Contains(err.Error(), field) {
					t.Errorf("Compose: error %v, want one that names %s; header:\n%s", err, field, head(raw))
				}
			})
		}
	}
}

func TestComposeRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*Message)
		want   string // in the error
	}{
		"no subject":                             {func(m *Message) { m.Subject = " " }, "Subject"},
		"no date":                                {func(m *Message) { m.Date = time.Time{} }, "Date"},
		"no id":                                  {func(m *Message) { m.ID = "" }, "Message-ID"},
		"an id in its brackets":                  {func(m *Message) { m.ID = "<a@b.example>" }, "Message-ID"},
		"no text":                                {func(m *Message) { m.Text = "" }, "plain text"},
		"a list without a way to leave it":       {func(m *Message) { m.Unsubscribe = "" }, "List-Unsubscribe"},
		"a way to leave a list without its name": {func(m *Message) { m.ListID = "" }, "List-Id"},
		"a way to leave that is not encrypted":   {func(m *Message) { m.Unsubscribe = "http://zotpaper.example/u/x" }, "List-Unsubscribe"},
		"a second URI to leave by":               {func(m *Message) { m.Unsubscribe += ">, <https://other.example/" }, "List-Unsubscribe"},
		"a blank in a URI":                       {func(m *Message) { m.Unsubscribe += " x" }, "List-Unsubscribe"},
		"a script for an archive":                {func(m *Message) { m.ListArchive = "javascript:alert(1)" }, "List-Archive"},
		"a list's name that needs quotes":        {func(m *Message) { m.ListName = "News, daily" }, "List-Id"},
		"a list's name that needs encoding":      {func(m *Message) { m.ListName = "Édition" }, "List-Id"},
		"a list's name with an id in it":         {func(m *Message) { m.ListName = "News <other.example>" }, "List-Id"},
		"a sender of the feedback too short":     {func(m *Message) { m.FeedbackID = "a:b:c:d" }, "Feedback-ID"},
		"a boundary that a text holds":           {func(m *Message) { m.Boundary = "part-0123456789abcdef"; m.Text += "--part-0123456789abcdef\n" }, "boundary"},
		"a boundary that needs quotes":           {func(m *Message) { m.Boundary = "=_0123456789abcdef" }, "boundary"},
		"a boundary beyond its line":             {func(m *Message) { m.Boundary = strings.Repeat("b", 69) }, "boundary"},
		"a feedback of three fields":             {func(m *Message) { m.FeedbackID = "a:b:zotpaper" }, "Feedback-ID"},
	} {
		t.Run(name, func(t *testing.T) {
			m := specimen()
			tt.change(&m)
			if raw, err := m.Compose(); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Compose: error %v, want one about %s; header:\n%s", err, tt.want, head(raw))
			}
		})
	}
}

var emptyFirstLine = regexp.MustCompile(`(?m)^[A-Za-z-]+:[ \t]*\r$`)

// checkHeaderLines checks what holds for the lines of any header, however odd
// what stands in it.
func checkHeaderLines(t rapid.TB, head string) {
	t.Helper()
	if emptyFirstLine.MatchString(head + "\r\n") {
		t.Errorf("a field's own line is empty:\n%s", head)
	}
	for line := range strings.SplitSeq(head, "\r\n") {
		limit := 78
		if strings.Contains(line, "=?utf-8?") {
			limit = 76
		}
		if len(line) > limit && !strings.HasPrefix(line, "List-Unsubscribe:") && !strings.HasPrefix(line, " <") {
			t.Errorf("line of %d bytes, want at most %d: %s", len(line), limit, line)
		}
		for word := range strings.FieldsSeq(line) {
			if strings.HasPrefix(word, "=?") && len(word) > 75 {
				t.Errorf("encoded-word of %d bytes, want at most 75: %s", len(word), word)
			}
		}
		if strings.Trim(line, " \t") == "" {
			t.Errorf("a blank line in the header:\n%s", head)
		}
	}
}

// TestHeaderTextReadsBack holds whatever an article or a reader is called.
func TestHeaderTextReadsBack(t *testing.T) {
	check := func(t rapid.TB, subject, name string) {
		t.Helper()
		m := specimen()
		m.Subject, m.To.Name = subject, name
		raw, err := m.Compose()
		if err != nil {
			t.Fatalf("Compose: %v", err)
		}
		if err := Check(raw); err != nil {
			t.Fatalf("Check: %v", err)
		}
		checkHeaderLines(t, head(raw))
		msg, err := mail.ReadMessage(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		var words mime.WordDecoder
		got, err := words.DecodeHeader(msg.Header.Get("Subject"))
		if err != nil || foldBlanks(got) != foldBlanks(subject) {
			t.Errorf("Subject: got %q, %v; want %q", got, err, subject)
		}
		to, err := msg.Header.AddressList("To")
		if err != nil || len(to) != 1 || foldBlanks(to[0].Name) != foldBlanks(name) || to[0].Address != m.To.Address {
			t.Errorf("To: got %v, %v; want %q", to, err, name)
		}
	}
	// Printable of any script; controls are refused and tested above.
	word := rapid.StringOfN(rapid.RuneFrom(nil, unicode.L, unicode.M, unicode.N, unicode.P, unicode.S), 1, 30, -1)
	text := rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(word, 1, 12).Draw(t, "words"), " ")
	})
	t.Run("any", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) { check(t, text.Draw(t, "subject"), text.Draw(t, "name")) })
	})
	for name, s := range map[string]string{
		"one long word":               strings.Repeat("a", 300),
		"words that just do not fit":  strings.Repeat("a", 69) + " " + strings.Repeat("b", 78),
		"words that just fit":         strings.Repeat("a", 66) + " " + strings.Repeat("b", 69),
		"a long name of many words":   strings.Repeat("Ann ", 45) + "Reader",
		"what looks encoded":          "=?utf-8?q?Bcc:_x?= news",
		"what looks encoded, in part": `x "=?" y`,
		"quotes and backslashes":      `Ann "the \ Fox" O'Neil`,
		"Japanese":                    strings.Repeat("山田太郎の夕刊", 9),
		"Arabic and digits":           "الطبعة المسائية 2026",
		"emoji of several runes":      strings.Repeat("👩‍👩‍👧 ", 12) + "x",
		"a comma and an @":            "Reader, Ann <ann@example.net>",
	} {
		t.Run(name, func(t *testing.T) {
			check(t, s, strings.ToValidUTF8(s[:min(len(s), nameLimit)], ""))
		})
	}
}

func foldBlanks(s string) string { return strings.Join(strings.Fields(s), " ") }

func TestComposePlainTextAlone(t *testing.T) {
	m := specimen()
	m.Text, m.HTML = strings.TrimSpace(m.Text), "" // no end of its last line
	msg, err := mail.ReadMessage(bytes.NewReader(compose(t, m)))
	if err != nil {
		t.Fatal(err)
	}
	if got := msg.Header.Get("Content-Type"); got != "text/plain; charset=UTF-8" {
		t.Errorf("Content-Type %q, want text/plain", got)
	}
	body, err := io.ReadAll(quotedprintable.NewReader(msg.Body))
	if want := strings.ReplaceAll(m.Text, "\n", "\r\n"); err != nil || strings.TrimSpace(string(body)) != strings.TrimSpace(want) {
		t.Errorf("the body is %q, %v, want %q", body, err, want)
	}
}
