package emltest

import (
	"strings"
	"testing"
)

// The rules for the HTML part by part and to the byte, as those for the header.
func TestHTMLRulesPartByPart(t *testing.T) {
	html := func(old, with string) func(*draft) { return func(d *draft) { d.html(old, with) } }
	summary := func(s string) func(*draft) {
		return html("Also today: the ferries are back, and a glacier was measured.", s)
	}
	image := func(old, with string) func(*draft) { return html(old, with) }
	before := func(s string) func(*draft) { return html("<h2>", s+"<h2>") }
	link := func(href, text string) func(*draft) {
		return before(`<p style="margin:0"><a href="` + href + `">` + text + "</a></p>")
	}
	checkParts(t, []partTest{
		{"P1", "39 characters", summary(strings.Repeat("a", 39)), "39 characters"},
		{"P1", "40 characters", summary(strings.Repeat("é", 40)), ""},
		{"P1", "110 characters", summary(strings.Repeat("é", 110)), ""},
		{"P1", "111 characters", summary(strings.Repeat("a", 111)), "111 characters"},
		{"P1", "filler within", summary(strings.Repeat("a", 40) + "\u200c" + strings.Repeat("a", 40)), "filler within"},
		{"P1", "filler before", summary("\u200c" + strings.Repeat("a", 40)), "filler before"},
		{"P1", "the subject again", summary("Afternoon Edition, Tue 24 Nov: Ministers agree"), "repeats the subject"},

		{"X2", "no lang", html(`<html lang="en"`, `<html`), "no lang"},
		{"X2", "no dir", html(`lang="en" dir="ltr"><head>`, `lang="en"><head>`), "no dir"},
		{"X2", "no dir within", html(`lang="en" dir="ltr">`+"\n<!--", `lang="en">`+"\n<!--"), "no dir"},
		{"X2", "no wrapper", html(`role="article"`, `role="main"`), "role="},
		{"X3", "cellpadding", html(`width="100%" cellpadding="0"`, `width="100%" cellpadding="1"`), "cellpadding"},
		{"X3", "cellspacing", html(`cellspacing="0" border="0" style="max`, `border="0" style="max`), "<table"},
		{"X3", "border", html(`border="0" style="max`, `border="1" style="max`), "border"},
		{"X4", "601 pixels", image(`width="552"`, `width="601"`), "too wide"},
		{"X4", "600 pixels", image(`width="552"`, `width="600"`), ""},
		{"X4", "a ghost of another width", html(`width="600" cellpadding`, `width="500" cellpadding`), "for Outlook"},
		{"X4", "a ghost for others", html(`<!--[if mso]><table`, `<!--[if !mso]><table`), "for Outlook"},
		{"X5", "for all but Outlook", before("<!--[if !mso]><!--><p></p><!--<![endif]-->"), ""},
		{"X5", "one left open", before("<!--[if mso]><p></p>-->"), "4 opened, 3 closed"},
		{"X5", "destroyed", before("&lt;![if !mso]&gt;"), "shows as text"},
		{"X5", "for some version", before("<!--[if gte mso 9]><p></p><![endif]-->"), "the form"},
		{"X7", "a margin of a cell", html("padding:0 24px", "padding:0 24px;margin:4px"), "margin:4px"},
		{"X7", "no margin of a cell", html("padding:0 24px", "padding:0 24px;margin:0 0px"), ""},
		{"X7", "a margin of its own side", before(`<div style="margin-top:4px"></div>`), "margin-top"},
		{"X7", "padding of a list", before(`<ul style="padding:0 0 0 20px"></ul>`), ""},
		{"X7", "padding of a link", before(`<a style="padding:4px" href="https://a.example/">A</a>`), ""},
		{"X7", "auto", before(`<p style="margin:0 auto"></p>`), "auto"},
		{"X8", "four digits", before(`<p style="color:#1234"></p>`), "<p"},
		{"X8", "eight digits", before(`<p style="color:#12345678"></p>`), "<p"},
		{"X8", "hsl", before(`<p style="color:hsl(0,0%,0%)"></p>`), "<p"},
		{"X8", "a variable", before(`<p style="color:var(--ink)"></p>`), "<p"},
		{"X8", "another bgcolor", html(`bgcolor="#ffffff"`, `bgcolor="#fffffe"`), "bgcolor"},
		{"X8", "a bgcolor in capitals", html(`bgcolor="#ffffff"`, `bgcolor="#FFFFFF"`), ""},
		{"X9", "an import", html(":root{color-scheme", "@import url(x);:root{color-scheme"), "@import"},
		{"X9", "a link", html("<title>", `<link rel="stylesheet" href="https://a.example/x.css"><title>`), "<link"},
		{"X10", "14 pixels", html("margin:0 0 12px", "margin:0 0 12px;font-size:14px;line-height:20px"), ""},
		{"X10", "not in pixels", html("font-size:17px", "font-size:1em"), "no font-size"},
		{"X10", "lines of 1.4", html("margin:0 0 12px", "margin:0 0 12px;font-size:15px;line-height:21px"), ""},
		{"X10", "a label", html("margin:0 0 12px", "margin:0 0 12px;line-height:18px;text-transform:uppercase"), ""},
		{"X10", "a small heading", html("<h2>Politics", `<h2 style="font-size:13px">Politics`), "13 pixels"},
		{"X10", "a heading in narrow lines", html("<h2>Politics", `<h2 style="line-height:17px">Politics`), ""},
		{"X11", "no width", image(` width="552"`, ""), "no alt, width"},
		{"X11", "an empty alt", image(`alt="A hall"`, `alt=""`), ""},
		{"X11", "of no host", image("https://zotpaper.example/media/", "https:/"), "not https"},
		{"X11", "PNG", image("x.jpg", "x.png"), ""},
		{"X11", "GIF", image("x.jpg", "x.gif"), ""},
		{"X11", "SVG", image("x.jpg", "x.svg"), "not JPEG"},
		{"X11", "not a block", image("display:block;", ""), "not styled"},
		{"X11", "not fluid", image("max-width:100%;", ""), "not styled"},
		{"X11", "of a height", image("height:auto", "height:311px"), "not styled"},
		{"X11", "with a border", image("border:0\"", "border:1px\""), "not styled"},
		{"X14", "a mailto", link("mailto:desk@zotpaper.example", "Write"), ""},
		{"X14", "http", link("http://a.example/", "A"), "not https"},
		{"X14", "of no host", link("https:///x", "A"), "not https"},
		{"X14", "no text", link("https://a.example/", " "), "does not say"},
		{"X14", "here", link("https://a.example/", "Here"), "does not say"},
		{"X14", "a picture's text", link("https://a.example/", `<img alt="A" src="x">`), ""},
		{"X14", "twice to one place", link("https://ministry.example/budget", "The budget"), ""},
		{"X14", "one text to two places", link("https://a.example/", "The budget"), "and to"},
		{"X14", "its own host", link("https://a.example/x", "a.example"), ""},
		{"X14", "its own URL", link("https://a.example/x", "https://a.example/x"), ""},
		{"X14", "the URL of another host", link("https://a.example/x", "https://b.example/x"), "leads to"},
		{"X15", "a name for a target", func(d *draft) { d.html(`id="budget"`, ""); d.html("<h2>", `<a name="budget"></a><h2>`) }, ""},
		{"X15", "the top", link("#", "Ministers"), "leads nowhere"},
		{"X17", "a class of the Outlook sheet", html("[data-ogsc] .ink", "[data-ogsc] .gone"), "gone"},
		{"A3", "two br, one after the other", before("<p>a<br/>b<br/>c</p>"), ""},
		{"A3", "an item of a numbered list", before("<ol><li>x</li></ol>"), ""},
		{"A4", "a link around a picture", before(`<a href="https://a.example/" style="text-decoration:none"><img alt="" src="x"/></a>`), ""},
		{"S3", "95,000 bytes before", func(d *draft) { d.html("<h2>", "<p>"+strings.Repeat("a", 95_000)+"</p><h2>") }, "stands at"},
		{"S5", "two", before(" "), ""},
		{"S5", "three", before("  "), "<"},
		{"M2", "a picture in the style", before(`<p style="background-image:url(data:image/png;base64,x)"></p>`), "embedded"},
		{"M2", "words about it", before(`<img alt="cid: a word" src="x">`), ""},
	})
	for _, name := range []string{"script", "form", "iframe", "video", "audio", "object", "embed", "base", "input", "button", "svg"} {
		checkParts(t, []partTest{{"X12", name, before("<" + name + "></" + name + ">"), "<" + name}})
	}
	for _, name := range []string{"header", "footer", "main", "nav", "aside"} {
		checkParts(t, []partTest{{"A2", name, before("<" + name + "></" + name + ">"), "<" + name}})
	}
}

func TestTextRulesPartByPart(t *testing.T) {
	line := func(s string) func(*draft) { return func(d *draft) { d.text("Sources\n", s+"\n\nSources\n") } }
	checkParts(t, []partTest{
		{"T1", "72 columns", line(strings.Repeat("é", 72)), ""},
		{"T1", "73 columns", line(strings.Repeat("é", 73)), "line"},
		{"T1", "36 wide letters", line(strings.Repeat("東", 36)), ""},
		{"T1", "37 wide letters", line(strings.Repeat("東", 37)), "line"},
		{"T1", "marks above letters", line(strings.Repeat("x\u0301", 72)), ""},
		{"T1", "a long URL in a list", line("- https://a.example/" + strings.Repeat("a", 80)), ""},
		{"T3", "in a quotation", line("> https://a.example/"), ""},
		{"T3", "in brackets", line("<https://a.example/>"), "line"},
		{"T3", "with words behind", line("https://a.example/ and more"), "line"},
		{"T5", "a soft hyphen", line("Ver\u00adein"), "\\u00ad"},
		{"T6", "a numbered entity", line("&#39;"), "&#39;"},
		{"T6", "an ampersand", line("salt & pepper; 1 < 2"), ""},
		{"T6", "a plus", line("a +- 2"), ""},
		{"T8", "in the text alone", line("https://a.example/?fbclid=x"), "fbclid"},
		{"T8", "a key in capitals", line("https://a.example/?UTM_Source=x"), "UTM"},
		{"T8", "an honest key", line("https://a.example/?page=2"), ""},
		{"E8", "From and a colon", line("From: x"), ""},
		{"E6", "the first C1 control", line("a\u0080"), "U+0080"},
		{"E6", "the last C1 control", line("a\u009f"), "U+009F"},
		{"E6", "a hard blank", line("a\u00a0b"), ""},
		{"M4", "a part with a boundary", func(d *draft) {
			d.parts[1].header = strings.Replace(d.parts[1].header, "UTF-8", "UTF-8; boundary=x", 1)
		}, "of its own"},
		{"M4", "a divider before the first", func(d *draft) { d.onWire("\r\n\r\n--part-1", "\r\n\r\nx--part-1\r\n--part-1") }, "the boundary stands in"},
		{"E4", "a lone CR", func(d *draft) { d.onWire("At last", "At=0D last") }, "text/plain: a CR or LF"},
		{"E7", "charset by byte 1024", func(d *draft) { d.html("<head>", "<head><!--"+strings.Repeat("a", 1024-71-7)+"-->") }, ""},
		{"E7", "charset behind byte 1024", func(d *draft) { d.html("<head>", "<head><!--"+strings.Repeat("a", 1024-71-6)+"-->") }, "no <meta"},
		{"X18", "a missing value", line("<no value>"), "no value"},
	})
}
