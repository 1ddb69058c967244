package emltest

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// The header rules part by part and to the byte, each by the words of its
// finding: one part must not hide behind another.

func TestHeaderRulesPartByPart(t *testing.T) {
	subject := func(s string) func(*draft) { return func(d *draft) { d.set("Subject", s) } }
	field := func(name, value string) func(*draft) { return func(d *draft) { d.set(name, value) } }
	checkParts(t, []partTest{
		{"H2", "a symbol", field("From", "=?utf-8?q?Zotpaper_=E2=98=80?= <a@news.zotpaper.example>"), "a symbol in"},
		{"H2", "another name", field("From", "Breaking <a@news.zotpaper.example>"), "display name: got"},
		{"H2", "no address", field("From", "Zotpaper"), "0 addresses"},
		{"H2", "two addresses", field("From", "Zotpaper <a@news.zotpaper.example>, <b@news.zotpaper.example>"), "2 addresses"},
		{"H3", "no address", field("To", "Ann"), "0 addresses"},
		{"H3", "two addresses", field("To", "<ann@example.org>, <bob@example.org>"), "2 addresses"},
		{"H3", "another reader", field("To", "<bob@example.org>"), "To: got"},
		{"H3", "a hidden copy", field("Bcc", "<bob@example.org>"), "Bcc is there"},
		{"H4", "19 characters", subject("Afternoon Edition 1"), "19 characters"},
		{"H4", "20 characters", subject("Afternoon Edition 12"), ""},
		{"H4", "78 characters", subject("Afternoon Edition" + strings.Repeat("\r\n abcdefghij", 5) + " 12345"), ""},
		{"H4", "79 characters", subject("Afternoon Edition" + strings.Repeat("\r\n abcdefghij", 5) + " 123456"), "79 characters"},
		{"H4", "letters, not bytes", subject("=?utf-8?b?" + "QWZ0ZXJub29uIEVkaXRpb24gw6nDqQ==" + "?="), ""},
		{"H4", "a reply", subject("Re: Afternoon Edition, today"), "pretends"},
		{"H4", "forwarded", subject("Fwd: Afternoon Edition, today"), "pretends"},
		{"H4", "shouting", subject("AFTERNOON EDITION, TODAY AND TOMORROW"), "shouts"},
		{"H4", "a blank at its end", subject("=?utf-8?q?Afternoon_Edition,_today_?="), "shouts"},
		{"H4", "of another edition", subject("Morning Edition, Tue 24 Nov"), "does not name"},
		{"H5", "76 bytes with an encoded-word", field("X-Test", "=?utf-8?q?"+strings.Repeat("a", 56)+"?="), ""},
		{"H5", "77 bytes with an encoded-word", field("X-Test", "=?utf-8?q?"+strings.Repeat("a", 57)+"?="), "line of 77 bytes"},
		{"H5", "an encoded-word of 75 bytes", field("X", "\r\n =?utf-8?q?"+strings.Repeat("a", 63)+"?="), ""},
		{"H5", "an encoded-word of 76 bytes", field("X", "\r\n =?utf-8?q?"+strings.Repeat("a", 64)+"?="), "encoded-word of 76 bytes"},
		{"H6", "a minute ahead", field("Date", "Tue, 24 Nov 2026 16:01:00 +0000"), ""},
		{"H6", "more than a minute ahead", field("Date", "Tue, 24 Nov 2026 16:01:01 +0000"), "is after"},
		{"H6", "no date at all", field("Date", "today"), "Date \"today\""},
		{"H7", "60 bytes", field("Message-ID", "<"+strings.Repeat("a", 36)+"@news.zotpaper.example>"), ""},
		{"H7", "61 bytes", field("Message-ID", "<"+strings.Repeat("a", 37)+"@news.zotpaper.example>"), "61 bytes"},
		{"H7", "no brackets", field("Message-ID", "a@news.zotpaper.example"), "Message-ID"},
		{"H10", "a name of 5", field("Feedback-ID", "a:b:c:zotpa"), ""},
		{"H10", "a name of 4", field("Feedback-ID", "a:b:c:zotp"), "Feedback-ID"},
		{"H10", "a name of 15", field("Feedback-ID", "a:b:c:zotpaperzotpape"), ""},
		{"H10", "a name of 16", field("Feedback-ID", "a:b:c:zotpaperzotpaper"), "Feedback-ID"},
		{"H10", "five fields", field("Feedback-ID", "a:b:c:d:zotpaper"), "Feedback-ID"},
		{"H11", "in the other order", field("X-Auto-Response-Suppress", "AutoReply, OOF"), ""},
		{"H11", "no reports of non-delivery", field("X-Auto-Response-Suppress", "OOF, AutoReply, NDR"), "NDR"},
		{"H11", "not quiet", field("X-Auto-Response-Suppress", "OOF"), "AutoReply"},
		{"H12", "automatic, but no reply", field("Auto-Submitted", "auto-generated"), ""},
		{"H17", "DEL", field("X-Test", "a\x7fb"), "X-Test"},
		{"H17", "NUL", field("X-Test", "a\x00b"), "X-Test"},
		{"H17", "998 bytes", field("X-Test", strings.Repeat("a", 990)), ""},
		{"H17", "999 bytes", field("X-Test", strings.Repeat("a", 991)), "X-Test"},
		{"E2", "78 bytes", field("X-Test", strings.Repeat("a", 70)), ""},
		{"E2", "79 bytes", field("X-Test", strings.Repeat("a", 71)), "79 bytes"},
		{"E2", "76 bytes of body", func(d *draft) { d.onWire("At last", strings.Repeat("a", 76)+"\r\n") }, ""},
		{"E2", "77 bytes of body", func(d *draft) { d.onWire("At last", strings.Repeat("a", 77)+"\r\n") }, "77 bytes"},
		{"U1", "998 bytes", field("List-Unsubscribe", "<https://a.example/"+strings.Repeat("a", 960)+">"), ""},
		{"U1", "999 bytes", field("List-Unsubscribe", "<https://a.example/"+strings.Repeat("a", 961)+">"), "on 1 lines"},
		{"U1", "two fields", func(d *draft) { d.add("List-Unsubscribe", "<https://a.example/>") }, "2 fields"},
		{"U1", "a mailto behind", field("List-Unsubscribe", "<https://a.example/u>, <mailto:u@a.example>"), ""},
		{"U4", "the address", field("List-Unsubscribe", "<https://a.example/ann@example.org>"), "clear"},
		{"U4", "the address in hex", field("List-Unsubscribe", "<https://a.example/616e6e406578616d706c652e6f7267>"), "hex"},
		{"U4", "the address in base64", field("List-Unsubscribe", "<https://a.example/YW5uQGV4YW1wbGUub3Jn>"), "base64"},
	})
}

// partTest is a change to the good mail and what one rule says of it.
type partTest struct {
	id, name string
	change   func(*draft)
	want     string // in a problem; "": no problem
}

func checkParts(t *testing.T, tests []partTest) {
	t.Helper()
	for _, tt := range tests {
		t.Run(tt.id+" "+tt.name, func(t *testing.T) {
			d := good()
			tt.change(d)
			want := expectation()
			want.Subject, want.Summary, want.Conditionals = "", "", 0
			findings, err := Check(d.bytes(), want)
			if err != nil {
				t.Fatal(err)
			}
			var ps []string
			for _, f := range findings {
				if f.ID == tt.id {
					ps = append(ps, f.Problem)
				}
			}
			if tt.want == "" && len(ps) > 0 {
				t.Errorf("finds %q, want nothing", ps)
			}
			if tt.want != "" && !slices.ContainsFunc(ps, func(p string) bool { return strings.Contains(p, tt.want) }) {
				t.Errorf("finds %q, want %q", ps, tt.want)
			}
		})
	}
}

// TestOtherThanExpected: a good mail that is not the one expected.
func TestOtherThanExpected(t *testing.T) {
	for id, change := range map[string]func(*Expect){
		"H2":  func(e *Expect) { e.FromName = "Other" },
		"H3":  func(e *Expect) { e.To = "bob@example.org" },
		"H4":  func(e *Expect) { e.Subject = "Afternoon Edition, Wed 25 Nov: Ministers agree" },
		"H6":  func(e *Expect) { e.Now = e.Now.Add(-2 * time.Minute) },
		"E5":  func(e *Expect) { e.HTML = "<p>other</p>" },
		"P1":  func(e *Expect) { e.Summary = "Also today: the ferries are late, and a glacier was measured." },
		"T2":  func(e *Expect) { e.InOrder = []string{"Sources", "Tuesday 24 November 2026"} },
		"U10": func(e *Expect) { e.Postal = "2 Example Street" },
		"X5":  func(e *Expect) { e.Conditionals = 4 },
	} {
		want := expectation()
		change(&want)
		findings, err := Check(good().bytes(), want)
		if err != nil || len(findings) == 0 || slices.ContainsFunc(findings, func(f Finding) bool { return f.ID != id }) {
			t.Errorf("%s: %+v, %v", id, findings, err)
		}
	}
}
