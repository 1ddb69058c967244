package intake

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zotpaper/zotpaper/edition"
)

const fullArticle = `---
headline: Harbour Ferries   Return
standfirst: Two electric boats take over
section: World
byline: Zotpaper Staff
published: 2026-02-08T11:30:00-08:00
updated: 2026-02-08 12:10
embargo: 2026-02-08T14:00:00-08:00
urgency: 3
lead: true
reprint: true
url: https://zotpaper.example/ferries
correction: "An earlier version gave the wrong month."
sources:
  - {title: Port authority notice, url: "https://port.example/notice"}
---
The first **boat** left at *six*, ~~seven~~ with ` + "`code`" + `
and a [notice](https://port.example/notice "t").

A line\
broken. See https://auto.example/x.

### What it costs

1. One
2. Two
   - nested

7. Seven

> A quote.

| Year | Sum |
| ---- | --: |
| 2025 | **3** |

    code  block

---

## Analysis

Before any heading.

### What to Watch
Watch.
### By the Numbers
Numbers.
### Why This Matters
Matters.
### Background

## Sources
- [Port authority notice](https://port.example/notice)
- [Timetable](https://port.example/timetable)
- On paper
`

func para(spans ...edition.Span) edition.Block {
	return edition.Block{Kind: edition.Paragraph, Spans: spans}
}

func text(s string) edition.Span { return edition.Span{Text: s} }

func TestArticleAsFiled(t *testing.T) {
	r := read(t, newFolder(t, map[string]string{"ferries.md": fullArticle}))
	if len(r.Articles) != 1 || len(r.Warnings) > 0 {
		t.Fatalf("refused %q, warnings %q", lines(r.Refused), lines(r.Warnings))
	}
	pacific := time.FixedZone("", -8*3600)
	want := edition.Article{
		Slug: "ferries", Headline: "Harbour Ferries Return", Standfirst: "Two electric boats take over",
		Section: "World", Byline: "Zotpaper Staff",
		Published: time.Date(2026, 2, 8, 11, 30, 0, 0, pacific), Updated: time.Date(2026, 2, 8, 12, 10, 0, 0, time.UTC),
		Embargo: time.Date(2026, 2, 8, 14, 0, 0, 0, pacific), Urgency: 3, Lead: true, Reprint: true,
		URL: "https://zotpaper.example/ferries", Correction: "An earlier version gave the wrong month.",
		Body: []edition.Block{
			para(text("The first "), edition.Span{Text: "boat", Strong: true}, text(" left at "), edition.Span{Text: "six", Em: true}, text(", "),
				edition.Span{Text: "seven", Strike: true}, text(" with "), edition.Span{Text: "code", Code: true}, text(" and a "),
				edition.Span{Text: "notice", Link: "https://port.example/notice"}, text(".")),
			para(text("A line"), edition.Span{Break: true}, text("broken. See "), edition.Span{Text: "https://auto.example/x", Link: "https://auto.example/x"}, text(".")),
			{Kind: edition.Heading, Level: 3, Spans: []edition.Span{text("What it costs")}},
			{Kind: edition.List, Ordered: true, Start: 1, Items: [][]edition.Block{
				{para(text("One"))},
				{para(text("Two")), {Kind: edition.List, Items: [][]edition.Block{{para(text("nested"))}}}},
				{para(text("Seven"))},
			}},
			{Kind: edition.Quote, Blocks: []edition.Block{para(text("A quote."))}},
			{Kind: edition.Table, Rows: [][]edition.Cell{
				{{Spans: []edition.Span{text("Year")}}, {Spans: []edition.Span{text("Sum")}, Align: "right"}},
				{{Spans: []edition.Span{text("2025")}}, {Spans: []edition.Span{{Text: "3", Strong: true}}, Align: "right"}},
			}},
			{Kind: edition.Code, Spans: []edition.Span{text("code  block")}},
			{Kind: edition.Rule},
		},
		Analysis: []edition.Part{
			{Blocks: []edition.Block{para(text("Before any heading."))}},
			{Heading: "Why This Matters", Blocks: []edition.Block{para(text("Matters."))}},
			{Heading: "What to Watch", Blocks: []edition.Block{para(text("Watch."))}},
			{Heading: "By the Numbers", Blocks: []edition.Block{para(text("Numbers."))}},
		},
		Sources: []edition.Source{
			{Title: "Port authority notice", URL: "https://port.example/notice"},
			{Title: "Timetable", URL: "https://port.example/timetable"},
			{Title: "On paper"},
		},
	}
	if diff := cmp.Diff(want, r.Articles[0]); diff != "" {
		t.Errorf("the article (-want +got):\n%s", diff)
	}
}

func TestFutureDateIsTaken(t *testing.T) {
	r := read(t, newFolder(t, map[string]string{"a.md": "---\nheadline: H\npublished: 2099-01-01T00:00:00Z\n---\n"}))
	if len(r.Articles) != 1 {
		t.Errorf("refused %q; an edition holds it back, not the reader", lines(r.Refused))
	}
}

func TestNames(t *testing.T) {
	for name, ok := range map[string]bool{
		"harbour-ferries.md": true, "2026-02-08-x.md": true, "Harbour.md": false, "a b.md": false, "-a.md": false, "ü.md": false,
		strings.Repeat("a", 101) + ".md": false,
	} {
		r := read(t, newFolder(t, map[string]string{name: head}))
		if got := len(r.Articles) == 1; got != ok {
			t.Errorf("%s: taken %v, want %v (%q)", name, got, ok, lines(r.Refused))
		}
		if !ok && !strings.Contains(r.Refused[0].Reason, "rename it") {
			t.Errorf("%s: %q does not say what to do", name, r.Refused[0])
		}
	}
}

func TestMarkupAndLinks(t *testing.T) {
	tests := []struct {
		name, body, plain string
		warning           string // empty: none
	}{
		{"a script", "a <script>alert(1)</script> b", "a alert(1) b", "a.md:5: HTML is not printed; the article is printed without the tags"},
		{"a block of HTML", "One.\n\n<div onclick=x>two</div>\n", "One.", "a.md:7: HTML is not printed; the article is printed without the tags"},
		{"a script as link", "[x](javascript:alert(1))", "x", ""},
		{"http", "see [x](http://x.example/)", "see x", `a.md:5: link: "http://x.example/" does not begin with "https:"; its words are printed without it`},
		{"a path", "\nsee [x](/about)", "see x", `a.md:6: link: "/about" is no whole address; write it with "https://"; its words are printed without it`},
		{"mail stays", "[x](mailto:a@x.example)", "x", ""},
		{"an entity", "a &amp; b &lt;b&gt; &eacute;", "a & b <b> é", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := read(t, newFolder(t, map[string]string{"a.md": head + tt.body}))
			if len(r.Articles) != 1 || len(r.Articles[0].Body) == 0 {
				t.Fatalf("refused %q, articles %+v", lines(r.Refused), r.Articles)
			}
			if got := edition.Plain(r.Articles[0].Body[0].Spans); got != tt.plain {
				t.Errorf("printed %q, want %q", got, tt.plain)
			}
			var want []string
			if tt.warning != "" {
				want = []string{tt.warning}
			}
			if got := lines(r.Warnings); tt.name != "a script as link" && !cmp.Equal(want, got) {
				t.Errorf("warnings %q, want %q", got, want)
			}
			for _, s := range r.Articles[0].Body[0].Spans {
				if s.Link != "" && !strings.HasPrefix(s.Link, "mailto:") {
					t.Errorf("the link %q is printed", s.Link)
				}
			}
		})
	}
}

func TestNestingIsBounded(t *testing.T) {
	r := read(t, newFolder(t, map[string]string{"a.md": head + strings.Repeat("> ", 2000) + "deep", "b.md": head + strings.Repeat("- ", 500) + "deep"}))
	if len(r.Refused) != 2 || !strings.Contains(r.Refused[0].Reason, "nested") {
		t.Errorf("refused %q, want both for their nesting", lines(r.Refused))
	}
}
