package mailer

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

func TestCheckTakesWhatComposeMakes(t *testing.T) {
	if err := Check(compose(t, specimen())); err != nil {
		t.Error(err)
	}
}

func TestCheckNamesTheRuleBroken(t *testing.T) {
	good := string(compose(t, specimen()))
	replace := func(old, with string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("the good message has no %q", old)
		}
		return strings.Replace(good, old, with, 1)
	}
	for name, tt := range map[string]struct{ raw, want string }{
		"nothing":                       {"", "EOF"},
		"no end of line":                {strings.TrimSuffix(good, "\r\n"), "CRLF"},
		"a lone LF":                     {replace("Zotpaper Afternoon", "Zotpaper\nAfternoon"), "0x0a"},
		"a lone CR":                     {replace("Ministers agree =", "Ministers\ragree ="), "0x0d"},
		"NUL":                           {replace("Ministers agree =", "Ministers\x00agree ="), "0x00"},
		"eight bits in the body":        {replace("Ministers agree =", "Ministers é ="), "0xc3"},
		"eight bits in the header":      {replace("Ann Reader", "Änn Reader"), "0xc3"},
		"the byte 0x80":                 {replace("Ann Reader", "Ann \x80 Reader"), "0x80"},
		"a body line of 77":             {replace("Ministers agree =", strings.Repeat("a", 77)+"\r\n="), "at most 76"},
		"a header line of 999":          {replace("Ann Reader", strings.Repeat("a", 999)), "at most 998"},
		"too large":                     {good + strings.Repeat("a\r\n", 90_000), "at most 250000"},
		"two authors":                   {replace("From: ", "From: <x@example.org>, "), "From has 2 addresses"},
		"two readers":                   {replace("To: \"Ann", "To: <x@example.org>, \"Ann"), "To has 2 addresses"},
		"two fields To":                 {replace("Subject:", "To: <x@example.org>\r\nSubject:"), "2 fields To"},
		"two subjects":                  {replace("Subject:", "Subject: x\r\nSubject:"), "2 fields Subject"},
		"two dates":                     {replace("Date:", "Date: x\r\nDate:"), "2 fields Date"},
		"two ways out":                  {replace("List-Unsubscribe:", "List-Unsubscribe: <https://x.example/>\r\nList-Unsubscribe:"), "2 fields List-Unsubscribe"},
		"no reader":                     {replace("To: \"Ann Reader\" <ann@example.org>\r\n", ""), "field To"},
		"no author":                     {replace("From:", "X-From:"), "field From"},
		"an author that cannot be read": {replace("<edition@news", "edition@news"), "field From"},
		"no date":                       {replace("Date:", "X-Date:"), "no Date"},
		"no id":                         {replace("Message-ID:", "X-ID:"), "no Message-Id"},
		"no subject":                    {replace("Subject:", "X-Subject:"), "no Subject"},
		"a header that is none":         {replace("Subject:", "Subject\r\nX:"), "message"},
		"plain text alone":              {"From: <a@example.org>\r\nTo: <b@example.org>\r\nSubject: x\r\nDate: x\r\nMessage-ID: <x>\r\n\r\nx\r\n", "multipart/alternative"},
		"another kind":                  {replace("multipart/alternative", "multipart/mixed"), "multipart/mixed"},
		"parts in the wrong order":      {replace("text/plain", "text/html"), "text/html, text/html"},
		"a part that is not closed":     {good[:strings.LastIndex(good, "--part-")], "part"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := Check([]byte(tt.raw)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Check: got %v, want an error with %q", err, tt.want)
			}
		})
	}
}

func TestCheckTakesSingleFieldsOnce(t *testing.T) {
	good := compose(t, specimen())
	for _, name := range []string{
		"Date", "From", "Sender", "Reply-To", "To", "Cc", "Bcc", "Message-ID", "Subject", "MIME-Version", "Content-Type",
		"List-Id", "List-Unsubscribe", "List-Unsubscribe-Post", "List-Archive", "Feedback-ID",
	} {
		field := []byte(name + ": <x@example.org>\r\n")
		err := Check(append(append(slices.Clone(field), field...), good...))
		if err == nil || !strings.Contains(strings.ToLower(err.Error()), " fields "+strings.ToLower(name)+",") {
			t.Errorf("%s twice: got %v, want an error that says so", name, err)
		}
	}
}

func TestCheckTakesAMessageOfTheLargestSize(t *testing.T) {
	good := compose(t, specimen())
	rest := sizeLimit - len(good)
	largest := append(slices.Clone(good), strings.Repeat("a", rest%2)+strings.Repeat("\r\n", rest/2)...)
	if err := Check(largest); err != nil {
		t.Errorf("%d bytes: %v", len(largest), err)
	}
}

// FuzzCheck: whatever passes can be sent without harm.
func FuzzCheck(f *testing.F) {
	raw, err := specimen().Compose()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add([]byte("From: <a@example.org>\r\n\r\n.\r\n"))
	f.Add(bytes.Replace(raw, []byte("\r\n\r\n"), []byte("\n\n"), 1))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if Check(raw) != nil {
			return
		}
		if !isWireForm(raw) {
			t.Errorf("Check takes lines that do not end with CRLF: %q", raw)
		}
		if bytes.Contains(stuff(raw), []byte("\r\n.\r\n")) {
			t.Errorf("the message would end too soon: %q", raw)
		}
	})
}
