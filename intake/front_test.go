package intake

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zotpaper/zotpaper/edition"
)

// front returns a file with front matter alone.
func front(lines ...string) string { return "---\n" + strings.Join(lines, "\n") + "\n---\n" }

const allKeys = "headline, standfirst, section, byline, published, updated, embargo, urgency, lead, draft, reprint, url, image, correction, sources"

func TestFrontMatterFaults(t *testing.T) {
	const h, p = "headline: H", "published: 2026-02-08T11:30:00Z"
	const write = "write 2026-02-08T11:30:00Z, or 2026-02-08 11:30 in the paper's own time"
	tests := []struct{ name, text, want string }{
		{"no front matter", "Just text.", `a.md:1: it does not begin with front matter; its first line must be "---"`},
		{"an empty file", "", `a.md:1: it does not begin with front matter; its first line must be "---"`},
		{"not closed", "---\nheadline: H\n", `a.md:1: the front matter is not closed; end it with a line "---"`},
		{"nothing but the first line", "---", `a.md:1: the front matter is not closed; end it with a line "---"`},
		{"nothing in it", "---\n---\n", `a.md:2: there is no headline; add "headline: ..."`},
		{"text instead of keys", front("just text"), `a.md:2: the front matter is a text; want lines such as "headline: ..."`},
		{"no blank after the colon", front("headline:H"), `a.md:2: the front matter is a text; want lines such as "headline: ..."`},
		{"a list instead of keys", front("- a"), `a.md:2: the front matter is a list ("- ..."); want lines such as "headline: ..."`},

		{"an unknown key", front(h, p, "headlines: x"), `a.md:4: there is no key "headlines"; did you mean "headline"?`},
		{"a key in capitals", front("Headline: x", p), `a.md:2: there is no key "Headline"; did you mean "headline"?`},
		{"a key of another program", front(h, p, "categories: x"), `a.md:4: there is no key "categories"; there are ` + allKeys},
		{"a key that is a number", front(h, p, "1: x"), `a.md:4: there is no key "1"; there are ` + allKeys},
		{"an unknown key of the image", front(h, p, "image: {src: x.png, atl: x}"), `a.md:4: image: there is no key "atl"; did you mean "alt"?`},
		{"a key of the image that is one of the article's", front(h, p, "image:", "  source: x.png"), `a.md:5: image: there is no key "source"; there are src, alt, caption, credit`},
		{"an unknown key of a source", front(h, p, "sources:", "  - title: x", "    link: x"), `a.md:6: sources: there is no key "link"; there are title, url`},
		{"a doubled key", front(h, p, "headline: again"), `a.md:4: "headline" stands on line 2 already; keep one of them`},
		{"a doubled key of the image", front(h, p, "image:", "  src: a.png", "  src: b.png"), `a.md:6: image: "src" stands on line 5 already; keep one of them`},
		{"a merged key", front(h, p, "<<: {byline: x}"), `a.md:4: there is no key "<<"; there are ` + allKeys},
		{"a key that is no word", front(h, p, "? byline", ": x"), `a.md:4: a key must be a word, such as "headline:"`},

		{"no headline", front(p), `a.md:2: there is no headline; add "headline: ..."`},
		{"an empty headline", front(p, `headline: "  "`), `a.md:3: there is no headline; add "headline: ..."`},
		{"a headline that is nothing", front(p, `headline:`), `a.md:3: there is no headline; add "headline: ..."`},
		{"a headline that is a list", front("headline: [a, b]", p), `a.md:2: headline: it is a list ("- ..."); want one text`},
		{"a headline that is keys", front("headline:", "  a: b", p), `a.md:3: headline: it is keys with values ("key: ..."); want one text`},
		{"a headline too long", front("headline: "+strings.Repeat("x", 301), p), `a.md:2: headline: it has 301 characters, at most 300 are taken; shorten it`},

		{"no date", front(h), `a.md:2: there is no date; add "published: 2026-02-08T11:30:00Z"`},
		{"an empty date", front(h, "published:"), `a.md:3: there is no date; add "published: 2026-02-08T11:30:00Z"`},
		{"a date without a time", front(h, "published: 2026-02-08"), `a.md:3: published: "2026-02-08" has no time of day; ` + write},
		{"a word for a date", front(h, "published: soon"), `a.md:3: published: "soon" is no time; ` + write},
		{"a date below its key", front(h, "published:", "", "  soon"), `a.md:3: published: "soon" is no time; ` + write},
		{"a day that does not exist", front(h, "published: 2026-02-30T11:30:00Z"), `a.md:3: published: "2026-02-30T11:30:00Z" is no time; ` + write},
		{"a day first", front(h, "published: 08.02.2026 11:30"), `a.md:3: published: "08.02.2026 11:30" is no time; ` + write},
		{"the zero time of a template", front(h, "published: 0001-01-01T00:00:00Z"), `a.md:3: published: "0001-01-01T00:00:00Z" is no time; ` + write},
		{"an embargo without a time", front(h, p, "embargo: 2026-02-09"), `a.md:4: embargo: "2026-02-09" has no time of day; ` + write},

		{"urgency 0", front(h, p, "urgency: 0"), `a.md:4: urgency: it is "0"; write a whole number from 1, the highest, to 9`},
		{"urgency 10", front(h, p, "urgency: 10"), `a.md:4: urgency: it is "10"; write a whole number from 1, the highest, to 9`},
		{"urgency in between", front(h, p, "urgency: 3.5"), `a.md:4: urgency: it is "3.5"; write a whole number from 1, the highest, to 9`},
		{"urgency beyond any number", front(h, p, "urgency: 99999999999999999999"), `a.md:4: urgency: it is "99999999999999999999"; write a whole number from 1, the highest, to 9`},
		{"a list for urgency", front(h, p, "urgency: [1]"), `a.md:4: urgency: it is a list ("- ..."); write a whole number from 1, the highest, to 9`},
		{"yes for true", front(h, p, "lead: yes"), `a.md:4: lead: it is "yes"; write true or false`},
		{"a list for a switch", front(h, p, "draft: [true]"), `a.md:4: draft: it is a list ("- ..."); write true or false`},

		{"a page that is not https", front(h, p, "url: http://x.example/"), `a.md:4: url: "http://x.example/" does not begin with "https:"`},
		{"a page that is a path", front(h, p, "url: /ferries"), `a.md:4: url: "/ferries" is no whole address; write it with "https://"`},
		{"a page with a password", front(h, p, "url: https://bank.example@x.example/"), `a.md:4: url: "https://bank.example@x.example/" holds a user's name, which hides where it leads`},
		{"a page without a server", front(h, p, "url: https:///x"), `a.md:4: url: "https:///x" names no server`},
		{"a source that is a script", front(h, p, "sources:", "  - {title: a, url: https://a.example}", `  - {title: x, url: "javascript:alert(1)"}`), `a.md:6: sources: url: "javascript:alert(1)" does not begin with "https:"`},
		{"sources that are a text", front(h, p, "sources: x"), `a.md:4: sources: it is a text; want a list: - {title: "...", url: "https://..."}`},
		{"a source that is a text", front(h, p, "sources:", "  - https://x.example"), `a.md:5: sources: it is a text; want - {title: "...", url: "https://..."}`},
		{"51 sources", front(h, p, "sources:"+strings.Repeat("\n  - {title: x}", 51)), `a.md:5: sources: there are 51, at most 50 are taken`},
		{"an image that is a text", front(h, p, "image: x.jpg"), `a.md:4: image: it is a text; want image: {src: ferry.jpg, alt: "..."}`},
		{"a caption too long", front(h, p, "image:", "  src: x.jpg", "  caption: "+strings.Repeat("x", 601)), `a.md:6: image: caption: it has 601 characters, at most 600 are taken; shorten it`},

		{"a colon in a text", front("headline: Ferries: they return", p), `a.md:2: a text with a colon in it must stand in quotes`},
		{"quotes within a text", front(`headline: "Never" again`, p), `a.md:2: text goes on after the closing quote; put all of it in quotes, and double each ' within '...'`},
		{"an apostrophe within quotes", front(`headline: 'It's back'`, p), `a.md:2: text goes on after the closing quote; put all of it in quotes, and double each ' within '...'`},
		{"a quote that is not closed", front(h, p, `section: "a`), `a.md:4: the quote that begins here is not closed; end the text with the same quote`},
		{"a bracket that is not closed", front(h, p, `section: [Live`), `a.md:4: the bracket that begins here is not closed, or holds what it cannot; if it is a text, put it in quotes`},
		{"a text that begins with a sign of YAML's", front("headline: @home", p), `a.md:2: a text that begins with "@" must stand in quotes`},
		{"a text that begins with emphasis", front("headline: *Never*", p), `a.md:2: anchors and aliases (& and *) are not taken; put the text in quotes`},
		{"a tab", front(h, p, "image:", "\tsrc: x.png"), `a.md:5: it is indented by a tab; use blanks`},
		{"an indented key", front(h, "  byline: x", p), `a.md:3: it is indented although nothing above it asks for that; take the blanks away, or put the text in quotes`},
		{"a second end", front(h, "...", p), `a.md:3: "..." does not belong into front matter; take the line out, or put the text in quotes`},

		{"an anchor", front("headline: &a H", p), `a.md:2: anchors and aliases (& and *) are not taken; put the text in quotes`},
		{"a tag", front(h, p, "section: !binary x"), `a.md:4: tags (!) are not taken; put the text in quotes`},
		{"an alias bomb", front("a: &a [x, x]", "b: &b [*a, *a]", "c: [*b, *b]"), `a.md:2: anchors and aliases (& and *) are not taken; put the text in quotes`},
		{"brackets in brackets", front("headline: " + strings.Repeat("[", 60_000)), `a.md:2: lists are nested too deep; if it is a text, put it in quotes`},
		{"lists in lists", front("sources:", strings.Repeat("- ", 30_000)), `a.md:3: lists are nested too deep; if it is a text, put it in quotes`},
		{"a control character by an escape", front(h, p, `byline: "x\e[2J"`), `a.md:4: an escape in the text stands for the control character U+001B; take it out`},
		{"a C1 control character by an escape", front(h, p, `image: {src: x, alt: "x\x9b"}`), `a.md:4: an escape in the text stands for the control character U+009B; take it out`},
		{"half a character by an escape", front(h, p, `byline: "\ud800"`), `a.md:4: an escape (\) in the text stands for no character; take it out, or double it`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := read(t, newFolder(t, map[string]string{"a.md": tt.text}))
			if diff := cmp.Diff([]string{tt.want}, lines(r.Refused)); diff != "" || len(r.Articles) > 0 {
				t.Errorf("refused (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFrontMatterAsWritten(t *testing.T) {
	published := time.Date(2026, 2, 8, 11, 30, 0, 0, time.UTC)
	tests := []struct {
		name, lines string
		want        edition.Article // beside slug, date and urgency
	}{
		{"quoted", `headline: "Ferries: they \"return\""`, edition.Article{Headline: `Ferries: they "return"`}},
		{"over several lines", "headline: >\n  Ferries\n  return\nstandfirst: |\n  One\n  two\n", edition.Article{Headline: "Ferries return", Standfirst: "One two"}},
		{"a line break by an escape", `headline: "H\r\nBcc: x@x.example"`, edition.Article{Headline: "H Bcc: x@x.example"}},
		{"a number", "headline: 0x10", edition.Article{Headline: "0x10"}},
		{"a number in front of which zeros stand", "headline: 007", edition.Article{Headline: "007"}},
		{"a word of YAML's", "headline: true\nsection: .inf", edition.Article{Headline: "true", Section: ".inf"}},
		{"markup", "headline: <b>x</b> & *y*", edition.Article{Headline: "<b>x</b> & *y*"}},
		{"empty values", "headline: H\nstandfirst:\nurgency:\nlead:\nsources:\nimage:\nupdated:", edition.Article{Headline: "H"}},
		{"an address in capitals", "headline: H\nurl: HTTPS://x.example/A", edition.Article{Headline: "H", URL: "https://x.example/A"}},
		{"comments", "# ours\nheadline: H # not printed", edition.Article{Headline: "H"}},
		{"doubled sources", "headline: H\nsources:\n- {title: A, url: https://a.example/}\n- {title: B, url: https://a.example/}\n- {title: Paper}\n- {title: paper}\n- {url: https://b.example/}\n- {}\n",
			edition.Article{Headline: "H", Sources: []edition.Source{{Title: "A", URL: "https://a.example/"}, {Title: "Paper"}, {Title: "b.example", URL: "https://b.example/"}}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := read(t, newFolder(t, map[string]string{"a.md": front("published: 2026-02-08T11:30:00Z", tt.lines)}))
			tt.want.Slug, tt.want.Published, tt.want.Urgency = "a", published, edition.UrgencyDefault
			if diff := cmp.Diff([]edition.Article{tt.want}, r.Articles); diff != "" {
				t.Errorf("refused %q, articles (-want +got):\n%s", lines(r.Refused), diff)
			}
		})
	}
}

func TestTimesKeepTheirOffset(t *testing.T) {
	kathmandu := time.FixedZone("Asia/Kathmandu", 5*3600+45*60)
	for filed, want := range map[string]string{
		"2026-02-08T11:30:00-08:00": "2026-02-08T11:30:00-08:00",
		"2026-02-08T11:30:00Z":      "2026-02-08T11:30:00Z",
		"2026-02-08T11:30:00+00:00": "2026-02-08T11:30:00Z",
		"2026-02-08 11:30:05+01:00": "2026-02-08T11:30:05+01:00",
		"2026-02-08T11:30+01:00":    "2026-02-08T11:30:00+01:00",
		"2026-02-08T11:30:00.25Z":   "2026-02-08T11:30:00.25Z",
		"2026-02-08 11:30":          "2026-02-08T11:30:00+05:45",
		"2026-02-08T11:30:05":       "2026-02-08T11:30:05+05:45",
		"2099-12-31T23:59:59+14:00": "2099-12-31T23:59:59+14:00", // an edition holds it back, not the reader
	} {
		f := newFolder(t, map[string]string{"a.md": front("headline: H", "published: "+filed)})
		f.Zone = kathmandu
		r := read(t, f)
		if len(r.Articles) != 1 {
			t.Errorf("%s: refused %q", filed, lines(r.Refused))
			continue
		}
		p := r.Articles[0].Published
		if got := p.Format(time.RFC3339Nano); got != want || p.Location() == time.Local {
			t.Errorf("%s: read as %s in %v, want %s", filed, got, p.Location(), want)
		}
	}
}
