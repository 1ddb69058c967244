package intake

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zotpaper/zotpaper/edition"
)

const fullArticle = `---
headline: Harbour Ferries   Return
standfirst: Two electric boats take over the crossing that closed last winter
section: World
byline: Zoë Ångström and 山田花子
published: 2026-02-08T11:30:00-08:00
updated: 2026-02-08 12:10
embargo: 2026-02-08T14:00:00-08:00
urgency: 3
lead: true
reprint: true
url: https://zotpaper.example/ferries
image: {src: ferry.png, alt: A white ferry at the quay, caption: "The *Teal*", credit: Z. Staff}
correction: "An earlier version gave the wrong month."
sources:
  - {title: Port authority notice, url: "https://port.example/notice"}
  - title: Log of the Teal
---
The first **boat** left at *six*, ~~seven~~ with ` + "`code`" + `
and a [*printed* notice](https://port.example/notice "t").

A line\
broken,  
twice. See https://auto.example/x, [write](mailto:desk@zotpaper.example).

### What it *costs*

3. Three
4. Four
   - nested

     twice
   - again
9. Five

* loose

* list

> A quote.
>
> > Within another.
> > — *A. Master*

![The timetable](pics/time%20table.png "From March")

| Year | Sum | Note | |
| :--- | --: | :-: | --- |
| 2025 | **3** | [x](https://x.example/) | a<br>b |
| 2026 |

    code  block
      goes on

` + "```sh\nferry --now <&\n```" + `

---

Last words.

## Analysis

Before any heading.

### What to Watch
Watch.

- one
- two
### By the Numbers
Numbers.
### Why This Matters
Matters.
#### A detail
More.
### Background

## SOURCES
- [Port authority notice](https://port.example/notice)
- [Timetable](https://port.example/timetable), spring
- On paper
- log of the teal
- <https://bare.example/>
`

func para(spans ...edition.Span) edition.Block {
	return edition.Block{Kind: edition.Paragraph, Spans: spans}
}

func words(s string) edition.Span { return edition.Span{Text: s} }

func TestArticleAsFiled(t *testing.T) {
	f := newFolder(t, map[string]string{
		"ferries.md": fullArticle, "ferry.png": string(picture(t, 40, 30)), "pics/time table.png": string(picture(t, 20, 10)),
	})
	r := read(t, f)
	if len(r.Articles) != 1 || len(r.Warnings) > 0 {
		t.Fatalf("refused %q, warnings %q", lines(r.Refused), lines(r.Warnings))
	}
	pacific := time.FixedZone("", -8*3600)
	want := edition.Article{
		Slug: "ferries", Headline: "Harbour Ferries Return", Standfirst: "Two electric boats take over the crossing that closed last winter",
		Section: "World", Byline: "Zoë Ångström and 山田花子",
		Published: time.Date(2026, 2, 8, 11, 30, 0, 0, pacific), Updated: time.Date(2026, 2, 8, 12, 10, 0, 0, time.UTC),
		Embargo: time.Date(2026, 2, 8, 14, 0, 0, 0, pacific), Urgency: 3, Lead: true, Reprint: true,
		URL: "https://zotpaper.example/ferries", Correction: "An earlier version gave the wrong month.",
		Image: &edition.Image{File: fileOf(picture(t, 40, 30)) + ".png", Alt: "A white ferry at the quay", Caption: "The *Teal*", Credit: "Z. Staff", Width: 40, Height: 30},
		Body: []edition.Block{
			para(words("The first "), edition.Span{Text: "boat", Strong: true}, words(" left at "), edition.Span{Text: "six", Em: true}, words(", "),
				edition.Span{Text: "seven", Strike: true}, words(" with "), edition.Span{Text: "code", Code: true}, words(" and a "),
				edition.Span{Text: "printed", Em: true, Link: "https://port.example/notice"}, edition.Span{Text: " notice", Link: "https://port.example/notice"}, words(".")),
			para(words("A line"), edition.Span{Break: true}, words("broken,"), edition.Span{Break: true}, words("twice. See "),
				edition.Span{Text: "https://auto.example/x", Link: "https://auto.example/x"}, words(", "),
				edition.Span{Text: "write", Link: "mailto:desk@zotpaper.example"}, words(".")),
			{Kind: edition.Heading, Level: 3, Spans: []edition.Span{words("What it "), {Text: "costs", Em: true}}},
			{Kind: edition.List, Ordered: true, Start: 3, Items: [][]edition.Block{
				{para(words("Three"))},
				{para(words("Four")), {Kind: edition.List, Items: [][]edition.Block{{para(words("nested")), para(words("twice"))}, {para(words("again"))}}}},
				{para(words("Five"))},
			}},
			{Kind: edition.List, Items: [][]edition.Block{{para(words("loose"))}, {para(words("list"))}}},
			{Kind: edition.Quote, Blocks: []edition.Block{
				para(words("A quote.")),
				{Kind: edition.Quote, Blocks: []edition.Block{para(words("Within another. — "), edition.Span{Text: "A. Master", Em: true})}},
			}},
			{Kind: edition.Figure, Image: &edition.Image{File: fileOf(picture(t, 20, 10)) + ".png", Alt: "The timetable", Caption: "From March", Width: 20, Height: 10}},
			{Kind: edition.Table, Rows: [][]edition.Cell{
				{{Spans: []edition.Span{words("Year")}, Align: "left"}, {Spans: []edition.Span{words("Sum")}, Align: "right"}, {Spans: []edition.Span{words("Note")}, Align: "center"}, {}},
				{{Spans: []edition.Span{words("2025")}, Align: "left"}, {Spans: []edition.Span{{Text: "3", Strong: true}}, Align: "right"},
					{Spans: []edition.Span{{Text: "x", Link: "https://x.example/"}}, Align: "center"}, {Spans: []edition.Span{words("a"), {Break: true}, words("b")}}},
				{{Spans: []edition.Span{words("2026")}, Align: "left"}, {}, {}, {}},
			}},
			{Kind: edition.Code, Spans: []edition.Span{words("code  block\n  goes on")}},
			{Kind: edition.Code, Spans: []edition.Span{words("ferry --now <&")}},
			{Kind: edition.Rule},
			para(words("Last words.")),
		},
		Analysis: []edition.Part{
			{Blocks: []edition.Block{para(words("Before any heading."))}},
			{Heading: "Why This Matters", Blocks: []edition.Block{
				para(words("Matters.")), {Kind: edition.Heading, Level: 4, Spans: []edition.Span{words("A detail")}}, para(words("More.")),
			}},
			{Heading: "What to Watch", Blocks: []edition.Block{
				para(words("Watch.")), {Kind: edition.List, Items: [][]edition.Block{{para(words("one"))}, {para(words("two"))}}},
			}},
			{Heading: "By the Numbers", Blocks: []edition.Block{para(words("Numbers."))}},
		},
		Sources: []edition.Source{
			{Title: "Port authority notice", URL: "https://port.example/notice"},
			{Title: "Log of the Teal"},
			{Title: "Timetable, spring", URL: "https://port.example/timetable"},
			{Title: "On paper"},
			{Title: "bare.example", URL: "https://bare.example/"},
		},
	}
	if diff := cmp.Diff(want, r.Articles[0]); diff != "" {
		t.Errorf("the article (-want +got):\n%s", diff)
	}
	for _, s := range []string{r.Articles[0].Published.Format(time.RFC3339), r.Articles[0].Embargo.Format(time.RFC3339)} {
		if !strings.HasSuffix(s, "-08:00") {
			t.Errorf("a time filed in the Pacific's is read as %s", s)
		}
	}
}

// fileOf returns the name under which a picture is served, without extension.
func fileOf(source []byte) string {
	sum := sha256.Sum256(append([]byte(pictureVersion), source...))
	return hex.EncodeToString(sum[:16])
}
