package emltest

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"
)

func expectation() Expect {
	return Expect{
		FromName: "Zotpaper", To: "ann@example.org", Subject: "Afternoon Edition, Tue 24 Nov: Ministers agree",
		Edition: "Afternoon Edition", Domain: "news.zotpaper.example",
		Summary: "Also today: the ferries are back, and a glacier was measured.",
		Text:    goodText, InOrder: []string{"Tuesday 24 November 2026", "MINISTERS AGREE ON THE BUDGET", "Zotpaper Staff", "Sources"},
		Postal: "1 Example Street, Exampletown", Conditionals: 3, Now: time.Date(2026, 11, 24, 16, 0, 0, 0, time.UTC),
	}
}

func TestAGoodMailPasses(t *testing.T) {
	Assert(t, good().bytes(), expectation())
}

// TestEachRuleFinds breaks each rule in a mail that is good but for that.
func TestEachRuleFinds(t *testing.T) {
	// also names rules that the same mistake breaks.
	tests := []struct {
		id, name string
		change   func(*draft)
		also     []string
	}{
		{"M1", "HTML first", func(d *draft) { slices.Reverse(d.parts) }, nil},
		{"M1", "related", func(d *draft) { d.kind = "multipart/related" }, nil},
		{"M2", "attachment", func(d *draft) { d.parts[1].header += "\r\nContent-Disposition: attachment; filename=x.html" }, nil},
		{"M2", "embedded picture", func(d *draft) { d.html("https://zotpaper.example/media/x.jpg", "cid:x.jpg") }, []string{"X11"}},
		{"M3", "another charset", func(d *draft) { d.parts[1].header = strings.Replace(d.parts[1].header, "UTF-8", "ISO-8859-1", 1) }, nil},
		{"M3", "base64", func(d *draft) {
			d.parts[0].header = strings.Replace(d.parts[0].header, "quoted-printable", "base64", 1)
			d.parts[0].body = "eA==\r\n"
		}, []string{"E5", "T2", "T4", "U7", "U10"}},
		{"M3", "no MIME version", func(d *draft) { d.drop("MIME-Version") }, []string{"H1"}},
		{"M4", "boundary in the body", func(d *draft) { d.text("At last", "A part-1 of them") }, []string{"E5"}},
		{"M5", "a third part", func(d *draft) {
			d.parts = append(d.parts, draftPart{"Content-Type: text/calendar; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable", "x\n"})
		}, []string{"M1"}},

		{"H1", "two subjects", func(d *draft) { d.add("Subject", "another") }, nil},
		{"H1", "no date", func(d *draft) { d.drop("Date") }, []string{"H6"}},
		{"H1", "two ways out", func(d *draft) { d.add("List-Unsubscribe-Post", "x") }, nil},
		{"H2", "two authors", func(d *draft) { d.set("From", "a@news.zotpaper.example, b@news.zotpaper.example") }, nil},
		{"H2", "another name", func(d *draft) { d.set("From", "Breaking <edition@news.zotpaper.example>") }, nil},
		{"H3", "two readers", func(d *draft) { d.set("To", "ann@example.org, bob@example.org") }, []string{"U4"}},
		{"H3", "a copy", func(d *draft) { d.add("Cc", "bob@example.org") }, nil},
		{"H3", "another reader", func(d *draft) { d.set("To", "bob@example.org") }, nil},
		{"H4", "too short", func(d *draft) { d.set("Subject", "Afternoon Edition") }, []string{"A8"}},
		{"H4", "too long", func(d *draft) { d.set("Subject", "Afternoon Edition"+strings.Repeat(" of\r\n the day", 9)) }, []string{"A8"}},
		{"H4", "a reply", func(d *draft) { d.set("Subject", "Re: Afternoon Edition, Tue 24 Nov") }, []string{"A8"}},
		{"H4", "shouting", func(d *draft) { d.set("Subject", "AFTERNOON EDITION OF TODAY") }, []string{"A8"}},
		{"H4", "of another edition", func(d *draft) { d.set("Subject", "Morning paper, Tue 24 Nov") }, []string{"A8"}},
		{"H5", "long encoded-word", func(d *draft) {
			d.set("From", "\"Zotpaper\" <edition@news.zotpaper.example>\r\nX-Test: =?utf-8?q?"+strings.Repeat("a", 66)+"?=")
		}, []string{"E2"}},
		{"H6", "zone by name", func(d *draft) { d.set("Date", "Tue, 24 Nov 2026 16:00:03 GMT") }, nil},
		{"H6", "tomorrow", func(d *draft) { d.set("Date", "Wed, 25 Nov 2026 16:00:03 +0000") }, nil},
		{"H7", "of another domain", func(d *draft) { d.set("Message-ID", "<1@laptop.example>") }, nil},
		{"H7", "too long", func(d *draft) { d.set("Message-ID", "<"+strings.Repeat("a", 38)+"@news.zotpaper.example>") }, nil},
		{"H8", "folded at once", func(d *draft) { d.set("Message-ID", "\r\n <20261124.7Qk3@news.zotpaper.example>") }, []string{"H7"}},
		{"H9", "encoded", func(d *draft) { d.set("List-Id", "=?utf-8?q?Zotpaper_=3Cafternoon.news.zotpaper.example=3E?=") }, nil},
		{"H9", "of another domain", func(d *draft) { d.set("List-Id", "Zotpaper <afternoon.other.example>") }, nil},
		{"H10", "three fields", func(d *draft) { d.set("Feedback-ID", "a:b:zotpaper") }, nil},
		{"H10", "short name", func(d *draft) { d.set("Feedback-ID", "a:b:c:zot") }, nil},
		{"H11", "bounces suppressed", func(d *draft) { d.set("X-Auto-Response-Suppress", "All") }, nil},
		{"H11", "not bulk", func(d *draft) { d.drop("Precedence") }, nil},
		{"H12", "automatic reply", func(d *draft) { d.add("Auto-Submitted", "auto-replied") }, nil},
		{"H13", "a program's name", func(d *draft) { d.add("X-Mailer", "zotpaper") }, nil},
		{"H14", "a sender", func(d *draft) { d.add("Sender", "x@example.org") }, nil},
		{"H16", "signed nevertheless", func(d *draft) { d.add("DKIM-Signature", "v=1") }, nil},
		{"H17", "UTF-8 in the header", func(d *draft) { d.add("X-Test", "é") }, []string{"E3"}},

		{"U1", "http", func(d *draft) { d.set("List-Unsubscribe", "<http://zotpaper.example/u/TOKEN>") }, nil},
		{"U1", "mailto first", func(d *draft) {
			d.set("List-Unsubscribe", "<mailto:u@zotpaper.example>, <https://zotpaper.example/u/T>")
		}, nil},
		{"U1", "folded", func(d *draft) {
			d.set("List-Unsubscribe", "<https://zotpaper.example/u/T>,\r\n <mailto:u@zotpaper.example>")
		}, nil},
		{"U1", "two https", func(d *draft) { d.set("List-Unsubscribe", "<https://a.example/>, <https://b.example/>") }, nil},
		{"U2", "two clicks", func(d *draft) { d.set("List-Unsubscribe-Post", "List-Unsubscribe=Two-Click") }, nil},
		{"U4", "the address in the URI", func(d *draft) { d.set("List-Unsubscribe", "<https://zotpaper.example/u?a=ann%40example.org>") }, nil},
		{"U7", "no link", func(d *draft) { d.html(">Unsubscribe</a>", ">Leave</a>") }, []string{"S3"}},
		{"U7", "not in the text", func(d *draft) { d.text("https://zotpaper.example/u/TOKEN", "see there") }, []string{"E5", "T4"}},
		{"U10", "nobody's", func(d *draft) { d.html("1 Example Street", "2 Example Street") }, nil},

		{"E1", "a lone LF", func(d *draft) { d.onWire("At last", "At\nlast") }, []string{"E4", "E5"}},
		{"E2", "a long body line", func(d *draft) { d.onWire("At last", strings.Repeat("a", 80)) }, []string{"E5", "T1"}},
		{"E2", "a long header line", func(d *draft) { d.add("X-Test", strings.Repeat("a ", 40)) }, nil},
		{"E3", "8 bit", func(d *draft) { d.onWire("At last", "Ät last") }, []string{"E5"}},
		{"E4", "an encoded end of line", func(d *draft) { d.onWire("At last", "At=0D=0A last") }, []string{"E5"}},
		{"E5", "another text", func(d *draft) { d.text("At last", "At once") }, nil},
		{"E6", "a C1 control", func(d *draft) { d.html("At last", "At\u0085 last") }, nil},
		{"E6", "a mark of broken decoding", func(d *draft) { d.text("At last", "At \ufffd last") }, []string{"E5"}},
		{"E6", "letters not composed", func(d *draft) { d.html("At last", "A\u030at last") }, nil},
		{"E7", "no charset", func(d *draft) { d.html(`<meta charset="utf-8"/>`, "") }, nil},
		{"E8", "From at the beginning", func(d *draft) { d.text("At last", "From now on") }, []string{"E5"}},

		{"T1", "a long line", func(d *draft) { d.text("At last", strings.Repeat("a ", 40)) }, []string{"E5"}},
		{"T1", "a long line of wide letters", func(d *draft) { d.text("At last", strings.Repeat("東京", 15)) }, []string{"E5"}},
		{"T2", "a headline missing", func(d *draft) { d.text("MINISTERS AGREE ON THE BUDGET", "MINISTERS") }, []string{"E5"}},
		{"T3", "a URL within a line", func(d *draft) { d.text("  https://ministry", "See https://ministry") }, []string{"E5"}},
		{"T4", "a link in the HTML alone", func(d *draft) { d.html("<h2>", `<a href="https://a.example/">A</a><h2>`) }, nil},
		{"T3", "an address within a line", func(d *draft) { d.text("At last", "mailto:a@zotpaper.example at last") }, []string{"E5", "T4"}},
		{"T4", "an address in the HTML alone", func(d *draft) { d.html("<h2>", `<a href="mailto:desk@zotpaper.example">Write</a><h2>`) }, nil},
		{"T4", "a link in the text alone", func(d *draft) { d.text("  https", "  https://a.example/\n  https") }, []string{"E5"}},
		{"T5", "filler", func(d *draft) { d.text("At last", "At\u200c last") }, []string{"E5"}},
		{"T6", "an entity", func(d *draft) { d.text("At last", "At&nbsp;last") }, []string{"E5"}},
		{"T6", "a tag", func(d *draft) { d.text("At last", "At <b>last</b>") }, []string{"E5"}},
		{"T6", "a box", func(d *draft) { d.text("At last", "+-----+") }, []string{"E5"}},
		{"T8", "tracking", func(d *draft) {
			d.text("example/budget", "example/budget?utm_source=zot")
			d.html("example/budget", "example/budget?utm_source=zot")
		}, []string{"E5"}},
		{"S1", "too much HTML", func(d *draft) { d.html("At last", strings.Repeat("word ", 20_000)) }, []string{"S3"}},
		{"S1", "too much once encoded", func(d *draft) { d.html("At last", strings.Repeat("é", 20_000)) }, nil},
		{"S2", "too much style", func(d *draft) { d.html(".cell{", strings.Repeat(".cell{color:#000000}", 500)+".cell{") }, nil},
		{"S3", "the way out behind too much", func(d *draft) { d.html("<h2>", strings.Repeat("<p>a</p>", 12_000)+"<h2>") }, []string{"S1"}},
		{"S4", "too much of all", func(d *draft) { d.text("At last", strings.Repeat("word\n", 60_000)) }, []string{"E5"}},
		{"S5", "white space", func(d *draft) { d.html("<h2>", "\n      <h2>") }, nil},
		{"P1", "no summary", func(d *draft) { d.html("Also today: the ferries are back, and a glacier was measured.", "Hello") }, nil},
		{"P1", "filler within", func(d *draft) { d.html("Also today: the", "Also today:&#847; the") }, nil},
		{"P1", "filler first", func(d *draft) { d.html("Also today: the", "&#847;Also today: the") }, nil},
		{"P1", "the subject again", func(d *draft) {
			d.html("Also today: the ferries are back, and a glacier was measured.", "Afternoon Edition, Tue 24 Nov: Ministers agree")
		}, nil},

		{"X1", "no doctype", func(d *draft) { d.html("<!DOCTYPE html>", "") }, nil},
		{"X2", "no language where html is stripped", func(d *draft) { d.html(`label="Afternoon Edition" lang="en"`, `label="Afternoon Edition"`) }, nil},
		{"X2", "no xml:lang", func(d *draft) { d.html(` xml:lang="en"`, "") }, nil},
		{"X3", "a layout table without its role", func(d *draft) { d.html(`<table role="presentation" width="100%"`, `<table width="100%"`) }, nil},
		{"X3", "a table for Outlook with borders", func(d *draft) {
			d.html(`width="600" cellpadding="0" cellspacing="0" border="0"`, `width="600" cellpadding="0" cellspacing="0"`)
		}, nil},
		{"X3", "a table of data hidden", func(d *draft) { d.html(`<table cellpadding`, `<table role="presentation" cellpadding`) }, nil},
		{"X4", "not fluid", func(d *draft) { d.html("max-width:600px\"", "width:100%\"") }, nil},
		{"X4", "not for Outlook", func(d *draft) { d.html(`width="600"`, `width="640"`) }, nil},
		{"X4", "a wide picture", func(d *draft) { d.html(`width="552"`, `width="1200"`) }, nil},
		{"X5", "a condition lost", func(d *draft) { d.html("<!--[if mso]></td></tr></table><![endif]-->", "") }, nil},
		{"X5", "another form", func(d *draft) { d.html("<!--[if mso]><style>", "<!--[if gte mso 9]><style>") }, nil},
		{"X6", "VML for all", func(d *draft) { d.html("<h2>", "<v:rect></v:rect><h2>") }, nil},
		{"X7", "centred by margins", func(d *draft) { d.html(`<p style="margin:0 0 12px">`, `<p style="margin:0 auto">`) }, nil},
		{"X7", "negative", func(d *draft) { d.html(`margin:0 0 12px`, `margin:-4px 0 0 0`) }, nil},
		{"X7", "padding of a div", func(d *draft) { d.html("max-height:0", "max-height:0;padding:4px") }, nil},
		{"X8", "three digits", func(d *draft) { d.html("color:#1a1a1a", "color:#111") }, nil},
		{"X8", "rgb", func(d *draft) { d.html("color:#1a1a1a", "color:rgb(0,0,0)") }, nil},
		{"X8", "no bgcolor", func(d *draft) { d.html(` bgcolor="#ffffff"`, "") }, nil},
		{"X9", "a font", func(d *draft) { d.html(":root{color-scheme", "@font-face{font-family:X}\n:root{color-scheme") }, nil},
		{"X10", "small letters", func(d *draft) { d.html("margin:0 0 12px", "margin:0 0 12px;font-size:13px;line-height:20px") }, nil},
		{"X10", "no size", func(d *draft) { d.html("font-size:17px;", "") }, nil},
		{"X10", "lines too tight", func(d *draft) { d.html("margin:0 0 12px", "margin:0 0 12px;line-height:23px") }, nil},
		{"X15", "a jump to nowhere", func(d *draft) { d.html(`id="budget"`, `id="other"`) }, nil},
		{"X15", "a jump of other words", func(d *draft) { d.html(`"#budget">Ministers`, `"#budget">All ministers`) }, nil},
		{"X16", "ink from the sheet alone", func(d *draft) { d.html(";color:#1a1a1a;", ";") }, nil},
		{"X16", "room from the sheet alone", func(d *draft) { d.html("padding:0 24px;", "") }, nil},
		{"X11", "no alt", func(d *draft) { d.html(` alt="A hall"`, "") }, nil},
		{"X11", "not encrypted", func(d *draft) { d.html("https://zotpaper.example/media", "http://zotpaper.example/media") }, nil},
		{"X11", "a format that Outlook does not show", func(d *draft) { d.html("x.jpg", "x.webp") }, nil},
		{"X11", "no height", func(d *draft) { d.html(` height="311"`, "") }, nil},
		{"X11", "not fluid", func(d *draft) { d.html(`max-width:100%;height:auto`, "") }, nil},
		{"X12", "a script", func(d *draft) { d.html("<h2>", "<script>x</script><h2>") }, nil},
		{"X12", "a handler", func(d *draft) { d.html("<h2>", `<h2 onclick="x">`) }, nil},
		{"X14", "not encrypted", func(d *draft) {
			d.html("https://ministry", "http://ministry")
			d.text("https://ministry", "http://ministry")
		}, []string{"E5"}},
		{"X14", "click here", func(d *draft) { d.html(">The budget<", ">Click here<") }, nil},
		{"X14", "not where it says", func(d *draft) { d.html(">The budget<", ">bank.example<") }, nil},
		{"X14", "two ways by one name", func(d *draft) { d.html(">The budget<", ">Unsubscribe<") }, nil},
		{"X17", "a class of nothing", func(d *draft) { d.html(".cell{", ".gone{") }, nil},
		{"X18", "a filter of html/template", func(d *draft) { d.html("At last", "#ZgotmplZ") }, nil},
		{"X18", "an action", func(d *draft) { d.text("At last", "{{.Body}}") }, []string{"E5"}},
		{"X18", "a verb", func(d *draft) { d.html("At last", "%!s(int=3)") }, nil},
		{"X19", "important", func(d *draft) { d.html("margin:0 0 12px", "margin:0 0 12px !important") }, nil},

		{"D1", "not announced", func(d *draft) { d.html(`name="color-scheme"`, `name="x"`) }, nil},
		{"D1", "announced by one name alone", func(d *draft) { d.html(`name="supported-color-schemes"`, `name="x"`) }, nil},
		{"D1", "announced for the light alone", func(d *draft) { d.html(`"color-scheme" content="light dark"`, `"color-scheme" content="light"`) }, nil},
		{"D1", "not in the sheet", func(d *draft) { d.html(":root{color-scheme:light dark}", "") }, nil},
		{"D2", "ink on a dark ground", func(d *draft) { d.html(`class="cell paper ink"`, `class="cell paper"`) }, []string{"X17"}},
		{"D2", "a line in the ink of the day", func(d *draft) { d.html("margin:0 0 12px", "margin:0 0 12px;border-top:1px solid #1a1a1a") }, nil},
		{"D2", "a colour by its name", func(d *draft) { d.html("margin:0 0 12px", "margin:0 0 12px;color:black") }, nil},
		{"D2", "a ground of the day", func(d *draft) { d.html("margin:0 0 12px", "margin:0 0 12px;background:#ffffff") }, nil},
		{"D3", "forgotten for Outlook", func(d *draft) { d.html("[data-ogsc] .ink{color:#ececec", "[data-ogsc] .ink{color:#eeeeee") }, nil},
		{"D4", "not important", func(d *draft) { d.html("#121212 !important", "#121212") }, []string{"D3"}},
		{"D4", "no blank before", func(d *draft) { d.html("#121212 !important", "#121212!important") }, []string{"D3"}},
		{"D5", "one sheet", func(d *draft) { d.html("}</style>\n<style>[data-ogsb]", "}\n[data-ogsb]") }, nil},
		{"D5", "two sheets for small screens", func(d *draft) { d.html("<style>:root", "<style>.cell{padding:0 8px}</style><style>:root") }, nil},
		{"D5", "two sheets for the dark", func(d *draft) { d.html("}\n.ink{", "}}</style><style>@media (prefers-color-scheme:dark){\n.ink{") }, nil},
		{"D5", "two sheets for Outlook", func(d *draft) { d.html("\n[data-ogsc]", "</style><style>[data-ogsc]") }, nil},
		{"D5", "an @ in an @", func(d *draft) {
			d.html(".cell{padding", "@media screen{.cell{color:#000000 !important}} .cell{padding")
		}, nil},

		{"A1", "a level skipped", func(d *draft) {
			d.html("<h2>Politics</h2>", "<h4>Politics</h4>")
		}, nil},
		{"A1", "two tops", func(d *draft) { d.html("<h2>Politics</h2>", "<h1>Politics</h1><h2>x</h2>") }, nil},
		{"A2", "a landmark", func(d *draft) { d.html("<h2>", "<nav></nav><h2>") }, nil},
		{"A2", "no name", func(d *draft) { d.html(` aria-label="Afternoon Edition"`, "") }, nil},
		{"A2", "no role", func(d *draft) { d.html(` aria-roledescription="email"`, "") }, nil},
		{"A3", "two br", func(d *draft) { d.html("At last,", "At last,<br/> <br/>") }, nil},
		{"A3", "an item of no list", func(d *draft) { d.html("<p style", "<li>x</li><p style") }, nil},
		{"A4", "not underlined", func(d *draft) { d.html("text-decoration:underline", "text-decoration:none") }, nil},
		{"A7", "justified", func(d *draft) { d.html("margin:0 0 12px", "margin:0 0 12px;text-align:justify") }, nil},
		{"A8", "another title", func(d *draft) { d.html("<title>Afternoon", "<title>Morning") }, nil},
	}
	tried := map[string]bool{}
	for _, tt := range tests {
		tried[tt.id] = true
		t.Run(tt.id+" "+tt.name, func(t *testing.T) {
			d := good()
			tt.change(d)
			findings, err := Check(d.bytes(), expectation())
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]bool{}
			for _, f := range findings {
				got[f.ID] = true
				if f.ID != tt.id && !slices.Contains(tt.also, f.ID) {
					t.Errorf("finds also %s: %s: %s", f.ID, f.Rule, f.Problem)
				}
			}
			for _, id := range append(tt.also, tt.id) {
				if !got[id] {
					t.Errorf("%s finds nothing", id)
				}
			}
		})
	}
	for _, a := range assertions(expectation()) {
		if !tried[a.id] {
			t.Errorf("no test breaks %s", a.id)
		}
	}
}

func TestCheckSaysWhenThereIsNoMail(t *testing.T) {
	for name, raw := range map[string]string{
		"nothing":             "",
		"a header alone":      "Subject: x\r\n",
		"one part":            "Subject: x\r\nContent-Type: text/plain\r\n\r\nx\r\n",
		"parts without end":   "Content-Type: multipart/alternative; boundary=a\r\n\r\n--a\r\nContent-Type: text/plain\r\n\r\nx\r\n",
		"parts of no kind":    "Content-Type: multipart/alternative; boundary=a\r\n\r\n--a\r\n\r\nx\r\n--a--\r\n",
		"plain text only":     "Content-Type: multipart/alternative; boundary=a\r\n\r\n--a\r\nContent-Type: text/plain\r\n\r\nx\r\n--a--\r\n",
		"a boundary unquoted": "Content-Type: multipart/alternative; boundary==_a\r\n\r\n--=_a--\r\n",
	} {
		if _, err := Check([]byte(raw), Expect{}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// sign returns raw signed by key, which covers names.
func sign(t *testing.T, raw []byte, key crypto.Signer, domain string, names ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	err := dkim.Sign(&b, bytes.NewReader(raw), &dkim.SignOptions{
		Domain: domain, Selector: "s1", Signer: key, Hash: crypto.SHA256, HeaderKeys: names,
		HeaderCanonicalization: dkim.CanonicalizationRelaxed, BodyCanonicalization: dkim.CanonicalizationRelaxed,
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func record(t *testing.T, kind string, key crypto.PublicKey) string {
	t.Helper()
	if k, ok := key.(ed25519.PublicKey); ok {
		return "v=DKIM1; k=" + kind + "; p=" + base64.StdEncoding.EncodeToString(k)
	}
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return "v=DKIM1; k=" + kind + "; p=" + base64.StdEncoding.EncodeToString(der)
}

func TestSignatures(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"From", "From", "Subject", "Subject", "To", "Reply-To", "Date", "Message-ID", "MIME-Version", "Content-Type",
		"List-Id", "List-Unsubscribe", "List-Unsubscribe-Post", "Feedback-ID"}
	const domain = "news.zotpaper.example"
	want := expectation()
	want.Signed, want.SigningDomain, want.PublicKey = true, domain, record(t, "rsa", key.Public())
	raw := sign(t, good().bytes(), key, domain, names...)
	Assert(t, raw, want)

	other := want
	other.SigningDomain = "other.example"
	for _, tt := range []struct {
		id, name string
		raw      []byte
		want     Expect
	}{
		{"H15", "a body changed on the way", bytes.Replace(raw, []byte("At last"), []byte("At once"), 1), want},
		{"H15", "a field not covered", sign(t, good().bytes(), key, domain, names[:len(names)-1]...), want},
		{"H15", "a second From possible", sign(t, good().bytes(), key, domain, names[1:]...), want},
		{"H15", "another domain", sign(t, good().bytes(), key, "other.example", names...), other},
		{"H15", "no signature", good().bytes(), want},
		{"H16", "two signatures", sign(t, raw, key, domain, names...), want},
		{"H16", "Ed25519", sign(t, good().bytes(), edwards, domain, names...), func() Expect {
			w := want
			w.PublicKey = record(t, "ed25519", edwards.Public())
			return w
		}()},
		{"U3", "the ways out not covered", sign(t, good().bytes(), key, domain, names[:10]...), want},
	} {
		t.Run(tt.id+" "+tt.name, func(t *testing.T) {
			findings, err := Check(tt.raw, tt.want)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.ContainsFunc(findings, func(f Finding) bool { return f.ID == tt.id }) {
				t.Errorf("%s finds nothing; all findings: %+v", tt.id, findings)
			}
		})
	}
}
