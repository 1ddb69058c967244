package emltest

import (
	"bytes"
	"fmt"
	"mime/quotedprintable"
	"slices"
	"strings"
)

// A draft is a mail before it is written down.
type draft struct {
	header []string
	kind   string // of the whole
	parts  []draftPart
	wire   func([]byte) []byte // changes what was written down
}

type draftPart struct{ header, body string }

const goodText = `Tuesday 24 November 2026

ZOTPAPER

In this edition
- Ministers agree on the budget

MINISTERS AGREE ON THE BUDGET
Zotpaper Staff · 2 min read

At last, they said. The vote is on Thursday.

Sources
- The budget
  https://ministry.example/budget

Unsubscribe:
https://zotpaper.example/u/TOKEN

1 Example Street, Exampletown
`

const goodHTML = `<!DOCTYPE html><html lang="en" dir="ltr"><head>
<meta charset="utf-8"/>
<meta name="color-scheme" content="light dark"/><meta name="supported-color-schemes" content="light dark"/>
<title>Afternoon Edition, Tue 24 Nov: Ministers agree</title>
<!--[if mso]><style>td{font-family:Georgia,serif}</style><![endif]-->
<style>:root{color-scheme:light dark}
@media screen and (max-width:600px){.cell{padding:0 16px !important}}</style>
<style>@media (prefers-color-scheme:dark){
.paper{background-color:#121212 !important}
.ink{color:#ececec !important}
}</style>
<style>[data-ogsb] .paper{background-color:#121212 !important}
[data-ogsc] .ink{color:#ececec !important}</style>
</head><body class="paper" xml:lang="en" style="margin:0;padding:0;background-color:#ffffff">
<div style="display:none;max-height:0">Also today: the ferries are back, and a glacier was measured.` + "&#8199;&#65279;&#847; " + `</div>
<div role="article" aria-roledescription="email" aria-label="Afternoon Edition" lang="en" dir="ltr">
<!--[if mso]><table role="presentation" width="600" cellpadding="0" cellspacing="0" border="0"><tr><td><![endif]-->
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0" style="max-width:600px"><tbody><tr>
<td class="cell paper ink" bgcolor="#ffffff" style="background-color:#ffffff;color:#1a1a1a;padding:0 24px;font-size:17px;line-height:27px">
<h1>ZOTPAPER</h1><ul style="margin:0;padding:0"><li><a href="#budget">Ministers agree on the budget</a></li></ul>
<h2>Politics</h2><h3 id="budget">Ministers agree on the budget</h3>
<p style="margin:0 0 12px">At last, they said. The vote is on Thursday.</p>
<img src="https://zotpaper.example/media/x.jpg" alt="A hall" width="552" height="311" style="display:block;max-width:100%;height:auto;border:0"/>
<ul style="margin:0;padding:0 0 0 20px"><li><a href="https://ministry.example/budget" style="text-decoration:underline">The budget</a></li></ul>
<table cellpadding="0" cellspacing="0" border="0"><tbody><tr><th scope="col">Year</th></tr><tr><td>2026</td></tr></tbody></table>
<p><a href="https://zotpaper.example/u/TOKEN">Unsubscribe</a></p><p>1 Example Street, Exampletown</p>
</td></tr></tbody></table>
<!--[if mso]></td></tr></table><![endif]-->
</div></body></html>
`

func good() *draft {
	return &draft{
		header: []string{
			`From: "Zotpaper" <edition@news.zotpaper.example>`,
			`Reply-To: <letters@zotpaper.example>`,
			`To: "Ann Reader" <ann@example.org>`,
			`Subject: Afternoon Edition, Tue 24 Nov: Ministers agree`,
			`Date: Tue, 24 Nov 2026 16:00:03 +0000`,
			`Message-ID: <20261124.7Qk3@news.zotpaper.example>`,
			`List-Id: Zotpaper Afternoon Edition <afternoon.news.zotpaper.example>`,
			`List-Unsubscribe: <https://zotpaper.example/u/TOKEN>`,
			`List-Unsubscribe-Post: List-Unsubscribe=One-Click`,
			`Feedback-ID: 20261124:afternoon:edition:zotpaper`,
			`Precedence: bulk`,
			`X-Auto-Response-Suppress: OOF, AutoReply`,
			`MIME-Version: 1.0`,
		},
		kind: "multipart/alternative",
		parts: []draftPart{
			{"Content-Type: text/plain; charset=UTF-8\r\nContent-Transfer-Encoding: quoted-printable", goodText},
			{"Content-Type: text/html; charset=UTF-8\r\nContent-Transfer-Encoding: quoted-printable", goodHTML},
		},
	}
}

// set replaces a field of the header, or adds it.
func (d *draft) set(name, value string) {
	for i, line := range d.header {
		if strings.HasPrefix(line, name+":") {
			d.header[i] = name + ": " + value
			return
		}
	}
	d.add(name, value)
}

func (d *draft) add(name, value string) { d.header = append(d.header, name+": "+value) }

func (d *draft) drop(name string) {
	d.header = slices.DeleteFunc(d.header, func(line string) bool { return strings.HasPrefix(line, name+":") })
}

// text and html replace old, which must be there, in a part.
func (d *draft) text(old, with string) { d.change(0, old, with) }
func (d *draft) html(old, with string) { d.change(1, old, with) }

func (d *draft) change(part int, old, with string) {
	body := d.parts[part].body
	if !strings.Contains(body, old) {
		panic(fmt.Sprintf("the good mail has no %q", old))
	}
	d.parts[part].body = strings.Replace(body, old, with, 1)
}

func (d *draft) bytes() []byte {
	var b bytes.Buffer
	for _, line := range d.header {
		b.WriteString(line + "\r\n")
	}
	b.WriteString("Content-Type: " + d.kind + ";\r\n boundary=part-1\r\n\r\n")
	for _, p := range d.parts {
		b.WriteString("--part-1\r\n" + p.header + "\r\n\r\n")
		if strings.Contains(p.header, "quoted-printable") {
			w := quotedprintable.NewWriter(&b)
			_, _ = w.Write([]byte(p.body)) // into memory
			_ = w.Close()
		} else {
			b.WriteString(p.body)
		}
		b.WriteString("\r\n")
	}
	b.WriteString("--part-1--\r\n")
	if d.wire != nil {
		return d.wire(b.Bytes())
	}
	return b.Bytes()
}

func (d *draft) onWire(old, with string) {
	d.wire = func(raw []byte) []byte {
		if !bytes.Contains(raw, []byte(old)) {
			panic(fmt.Sprintf("the good mail has no %q", old))
		}
		return bytes.Replace(raw, []byte(old), []byte(with), 1)
	}
}
