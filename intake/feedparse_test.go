package intake

import (
	"runtime"
	"strings"
	"testing"
	"time"
)

// allocated returns how many bytes do takes in all, given back or not.
func allocated(do func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestHostileFeeds wants no feed to cost more memory and time than can be
// spared, or to bring a file's bytes into the paper. What is refused is a broken
// feed like any other. The costs grow with the size, so a fifth of the largest
// tells; two are as large as they may be.
func TestHostileFeeds(t *testing.T) {
	fillTo := func(limit int, start, again, end string) string {
		return start + strings.Repeat(again, (limit-len(start)-len(end))/len(again)) + end
	}
	fill := func(start, again, end string) string { return fillTo(feedLimit/5, start, again, end) }
	const channel, end = "<rss><channel>", "</channel></rss>"
	atom := `<feed xmlns="http://www.w3.org/2005/Atom">`
	styles := ""
	for i := range 500 {
		styles += `<b a="` + strings.Repeat("1", i%50) + `"/>`
	}
	tests := []struct {
		name, feed string
		want       string // in the first headline; empty: refused or not, only the cost counts
	}{
		{"an entity of entities", `<!DOCTYPE r [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>` + channel + "<item><title>x &b;</title></item>" + end, "x &b;"},
		{"a file as an entity", `<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]>` + channel + "<item><title>x &x;</title></item>" + end, "x &x;"},
		{"a DTD of others", `<!DOCTYPE r SYSTEM "http://127.0.0.1/x.dtd">` + channel + "<item><title>x</title></item>" + end, "x"},
		{"nested without end", fill(channel, "<a>", ""), ""},
		{"200,000 elements in one another", channel + strings.Repeat("<a>", 200_000) + strings.Repeat("</a>", 200_000) + end, ""},
		{"items in one another", fill(channel, "<item>", ""), ""},
		{"markup of a text nested without end", fill(channel+"<item><title>", "<b>", ""), ""},
		{"items", fill(channel, "<item/>", end), ""},
		{"items with a title", fillTo(feedLimit, channel, "<item><title>x</title></item>", end), ""},
		{"categories of one item", fill(channel+"<item><title>x</title>", "<category>x</category>", "</item>"+end), ""},
		{"elements that nobody knows", fill(channel+"<item><title>x</title>", `<x:y xmlns:x="u"/>`, "</item>"+end), "x"},
		{"attributes", fill(channel+"<item ", `a="" `, "><title>x</title></item>"+end), "x"},
		{"namespaces", fill("<rss ", `xmlns:aaaa="b" `, "><channel><item><title>x</title></item>"+end), "x"},
		{"a title", fill(channel+"<item><title>", "x ", "</title></item>"+end), "x x"},
		{"what ends CDATA", fill(channel+"<item><title>", "]]>", "</title></item>"+end), ""},
		{"signs that are letters", fill(channel+"<item><title>", "&lt;", "</title></item>"+end), "<<"},
		{"a text that is styled anew in each paragraph", fillTo(feedLimit, atom+`<entry><title>x</title><content type="xhtml"><p>`+styles+"</p>", "<p>x</p>", "</content></entry></feed>"), "x"},
		{"the same with a base", fill(atom+`<entry xml:base="https://x.example/"><title>x</title><content type="html">&lt;p&gt;`, "&lt;b a=1&gt;", "</content></entry></feed>"), "x"},
		{"a comment", fill("<rss><!--", "-", " -->"+"<channel>"), ""},
		{"empty JSON items", fill(`{"version":"https://jsonfeed.org/version/1.1","items":[{}`, ",{}", "]}"), ""},
		{"JSON nested without end", fill(`{"items":`, "[", ""), ""},
		{"JSON tags", fill(`{"version":"https://jsonfeed.org/version/1.1","items":[{"title":"x","id":"1","tags":[""`, `,""`, "]}]}"), "x"},
		{"zero bytes", fill("<rss>", "\x00", ""), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFeeds(t)
			var p *parsedFeed
			var r feedResult
			var err error
			began := time.Now()
			got := allocated(func() {
				c := &feedCopy{URL: "https://wire.example/", Base: "https://wire.example/", body: []byte(tt.feed)}
				if p, err = f.parse(c); err == nil {
					r = f.convert(Feed{FullText: true}, c, p, now, &notes{})
				}
			})
			t.Logf("%v, %d MB, %d articles, error %v", time.Since(began).Round(time.Millisecond), got>>20, len(r.Articles), err)
			if got > 1<<20+100*uint64(len(tt.feed)) {
				t.Errorf("%d MB were taken in all", got>>20)
			}
			if err != nil {
				checkText(t, err.Error())
			}
			for _, a := range r.Articles {
				checkFeedArticle(t, a)
			}
			if tt.want != "" && (len(r.Articles) == 0 || !strings.HasPrefix(r.Articles[0].Headline, tt.want)) {
				t.Errorf("error %v, %d articles; want the headline %q", err, len(r.Articles), tt.want)
			}
		})
	}
}

func TestFeedsInOtherLetters(t *testing.T) {
	const feed = "<rss><channel><item><title>Zo\u00eb \u20ac</title></item></channel></rss>"
	latin := strings.NewReplacer("\u00eb", "\xeb", "\u20ac", "\x80").Replace(feed)
	wide := func(s string, big bool) string {
		var b strings.Builder
		for _, r := range s {
			if big {
				b.WriteString(string([]byte{byte(r >> 8), byte(r)}))
			} else {
				b.WriteString(string([]byte{byte(r), byte(r >> 8)}))
			}
		}
		return b.String()
	}
	tests := []struct{ name, label, feed string }{
		{"UTF-8 that says nothing", "", feed},
		{"UTF-8 with a mark", "iso-8859-1", "\xef\xbb\xbf" + feed},
		{"Windows-1252 that says so", "", `<?xml version="1.0" encoding="windows-1252"?>` + latin},
		{"and its server says otherwise", "utf-8", `<?xml version="1.0" encoding="windows-1252"?>` + latin},
		{"Windows-1252, as its server says", "windows-1252", `<?xml version="1.0"?>` + latin},
		{"UTF-16, small end first", "", "\xff\xfe" + wide(`<?xml version="1.0" encoding="utf-16"?>`+"\n"+feed, false)},
		{"UTF-16, big end first", "utf-8", "\xfe\xff" + wide(feed, true)},
		{"control characters among them", "", strings.ReplaceAll(feed, "Zo", "Z\x01\x1bo")},
		{"blank lines before it", "", "\n\n \t" + feed},
		{"entities of HTML", "", strings.NewReplacer("\u00eb", "&euml;", "\u20ac", "&amp;euro;").Replace(feed)},
		{"JSON with a mark", "", "\xef\xbb\xbf" + `{"version":"https://jsonfeed.org/version/1.1","items":[{"id":"1","title":"Zo` + "\u00eb \u20ac" + `"}]}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := parseFeed([]byte(tt.feed), tt.label, "https://wire.example/")
			if err != nil {
				t.Fatal(err)
			}
			if got := htmlLine(p.Items[0].Title); got != "Zo\u00eb \u20ac" {
				t.Errorf("title %q, want it in our letters", got)
			}
		})
	}
	if _, err := parseFeed([]byte(feed), "klingon", ""); err == nil {
		t.Error("letters that are not known: no error")
	}
}

func TestKindsOfFeeds(t *testing.T) {
	const dc = ` xmlns:dc="http://purl.org/dc/elements/1.1/"`
	tests := []struct{ name, feed string }{
		{"RSS 2.0", "<rss version='2.0'><channel><item><title>A</title><link>https://wire.example/a</link><description>B</description></item></channel></rss>"},
		{"RSS 0.91 in capitals", "<RSS><Channel><Item><Title>A</Title><Link>https://wire.example/a</Link><Description>B</Description></Item></Channel></RSS>"},
		{"RSS 2.0 with a namespace", "<rss version='2.0' xmlns='http://backend.userland.com/rss2'><channel><item><title>A</title><link>https://wire.example/a</link><description>B</description></item></channel></rss>"},
		{"RSS 1.0", `<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"` + dc + `><channel><title>x</title></channel><item rdf:about="x"><title>A</title><link>https://wire.example/a</link><description>B</description></item></rdf:RDF>`},
		{"RSS 0.9", `<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://my.netscape.com/rdf/simple/0.9/"><item><title>A</title><link>https://wire.example/a</link><description>B</description></item></rdf:RDF>`},
		{"Atom 1.0", "<feed xmlns='http://www.w3.org/2005/Atom'><entry><title>A</title><link href='https://wire.example/a'/><summary>B</summary></entry></feed>"},
		{"Atom with a prefix", "<a:feed xmlns:a='http://www.w3.org/2005/Atom'><a:entry><a:title>A</a:title><a:link href='https://wire.example/a'/><a:summary>B</a:summary></a:entry></a:feed>"},
		{"Atom 0.3", "<feed version='0.3' xmlns='http://purl.org/atom/ns#'><entry><title>A</title><link rel='alternate' href='https://wire.example/a'/><summary mode='escaped'>B</summary></entry></feed>"},
		{"Atom without a namespace", "<feed><entry><title>A</title><link href='https://wire.example/a'/><summary>B</summary></entry></feed>"},
		{"titles of others beside its own", "<rss xmlns:media='http://search.yahoo.com/mrss/'><channel><item><media:title>x</media:title><title>A</title><media:description>y</media:description><link>https://wire.example/a</link><description>B</description><source><title>z</title></source></item></channel></rss>"},
		{"prefixes that nobody declared", "<rss><channel><item><dc:title>A</dc:title><link>https://wire.example/a</link><dc:description>B</dc:description></item></channel></rss>"},
		{"JSON 1.0", `{"version":"https://jsonfeed.org/version/1","items":[{"id":"1","title":"A","url":"https://wire.example/a","summary":"B"}]}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := parseFeed([]byte(tt.feed), "", "https://wire.example/")
			if err != nil {
				t.Fatal(err)
			}
			if len(p.Items) != 1 || p.Items[0].Title != "A" || p.Items[0].Link != "https://wire.example/a" || p.Items[0].Description != "B" {
				t.Errorf("items %+v, want A, its page and B", p.Items)
			}
		})
	}
}

// FuzzFeed holds the articles of any feed to what [FuzzArticle] wants.
func FuzzFeed(f *testing.F) {
	for _, seed := range []string{fullRSS, fullAtom, fullJSON, rss(item("a"), item("b", "<description>&lt;p&gt;x</description>"))} {
		f.Add([]byte(seed), "")
	}
	f.Add([]byte("\xff\xfe<\x00r\x00s\x00s\x00>\x00"), "utf-16")
	f.Add([]byte(`<rss><channel><item><title>a]]>b</title><link> //x/y </link><content:encoded><![CDATA[<pre>&#0;</pre><table><td>x<td><li>]]></content:encoded>`), "latin1")
	f.Add([]byte(`{"items":[null,{"id":1e400,"authors":[null],"url":"javascript:x"}]}`), "")
	f.Fuzz(func(t *testing.T, feed []byte, label string) {
		if len(feed) > feedLimit {
			t.Skip("refused before it is read")
		}
		source := &Feeds{}
		c := &feedCopy{URL: "https://wire.example/", Base: "https://wire.example/", Charset: label, body: feed}
		for range 2 { // the second time with what is remembered
			p, err := source.parse(c)
			if err != nil {
				checkText(t, err.Error())
				if strings.Contains(err.Error(), "it cannot be taken apart") && !strings.Contains(string(feed), "null") {
					t.Errorf("a parser panicked: %v", err)
				}
				return
			}
			n := &notes{file: "feed"}
			r := source.convert(Feed{FullText: true}, c, p, now, n)
			c.Read = now
			for _, a := range r.Articles {
				checkFeedArticle(t, a)
			}
			for _, line := range append(r.Refused, n.all()...) {
				checkText(t, line.String())
			}
		}
	})
}
