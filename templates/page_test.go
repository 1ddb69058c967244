package templates

import (
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf8"

	"golang.org/x/net/html"

	"github.com/zotpaper/zotpaper/edition"
)

func TestSubjectAndPreheader(t *testing.T) {
	long := strings.Repeat("A Very Long Headline Indeed ", 8)
	tests := []struct {
		name, title, headline, standfirst string
		others                            []string
		subject, preheader                string
	}{
		{"several articles", "Afternoon Edition", "Ministers Agree on the Budget", "", []string{"Harbour Ferries Return After Eleven Months", "Grain"},
			"Afternoon Edition, Sun 8 Feb: Ministers Agree on the Budget", "Also today: Harbour Ferries Return After Eleven Months; Grain"},
		{"one article: its standfirst", "Afternoon Edition", "Rain", "It rained in the morning and was dry after noon", nil,
			"Afternoon Edition, Sun 8 Feb: Rain", "It rained in the morning and was dry after noon"},
		{"short words are filled up", "AM", "Ra", "", []string{"No"},
			"AM, Sun 8 Feb: Ra 2026-02-08", "Also today: No. AM, Sunday 8 February 2026."},
		{"long ones end at a word", "Afternoon Edition", long, "", []string{long},
			"Afternoon Edition, Sun 8 Feb: A Very Long Headline Indeed A Very Long…",
			"Also today: A Very Long Headline Indeed A Very Long Headline Indeed A Very Long Headline Indeed A Very Long…"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := sampleEdition()
			e.Title = tt.title
			e.Lineup = edition.Lineup{Lead: &edition.Article{Slug: "lead", Headline: tt.headline, Standfirst: tt.standfirst, Body: paras("x")}}
			for _, h := range tt.others {
				e.Lineup.Briefs = append(e.Lineup.Briefs, edition.Article{Slug: "other", Headline: h})
			}
			s := subject(e)
			if s != tt.subject {
				t.Errorf("subject: got %q, want %q", s, tt.subject)
			}
			if n := utf8.RuneCountInString(s); n < 20 || n > 78 {
				t.Errorf("H4 the subject has %d characters, want 20 to 78", n)
			}
			p := preheader(e, s)
			if p != tt.preheader {
				t.Errorf("preheader: got %q, want %q", p, tt.preheader)
			}
			if n := utf8.RuneCountInString(p); n < 40 || n > 110 || p == s {
				t.Errorf("P1 the preheader has %d characters, want 40 to 110, and not the subject", n)
			}
		})
	}
}

// hostile is what an article's every field may hold in the worst of cases.
const hostile = `"><script>alert(1)</script><img src=x onerror=alert(1)>{{.Name}}</style></title>`

func TestMarkupOfArticlesStaysText(t *testing.T) {
	e := sampleEdition()
	a := ferries()
	a.Headline, a.Standfirst, a.Section, a.Byline, a.Correction = hostile, hostile, hostile, hostile, hostile
	a.Image.Alt, a.Image.Caption, a.Image.Credit = hostile, hostile, hostile
	a.Body = []edition.Block{
		{Kind: edition.Paragraph, Spans: []edition.Span{{Text: hostile, Link: "javascript:alert(1)"}}},
		{Kind: edition.Code, Spans: []edition.Span{{Text: hostile}}},
		{Kind: edition.Table, Rows: [][]edition.Cell{{{Spans: []edition.Span{{Text: hostile}}, Align: `"><script>`}}}},
	}
	a.Analysis = []edition.Part{{Heading: hostile, Blocks: paras(hostile)}}
	a.Sources = []edition.Source{{Title: hostile, URL: "https://ok.example/"}}
	e.Lineup.Lead = &a
	_, err := renderer(t).Render(e)
	if err == nil || !strings.Contains(err.Error(), "ZgotmplZ") {
		t.Fatalf("Render with a script as link: error %v, want a refusal", err)
	}
	a.Body[0].Spans[0].Link = "https://ok.example/"
	issue := render(t, e)
	for name, page := range map[string]string{"mail": issue.HTML, "web": issue.Web} {
		doc, err := html.Parse(strings.NewReader(page))
		if err != nil {
			t.Fatal(err)
		}
		for n := range doc.Descendants() {
			if n.Type != html.ElementNode {
				continue
			}
			if n.Data == "script" {
				t.Errorf("%s: a script element came through", name)
			}
			for _, attr := range n.Attr {
				if strings.HasPrefix(attr.Key, "on") {
					t.Errorf("%s: <%s %s=%q> came through", name, n.Data, attr.Key, attr.Val)
				}
			}
		}
		if !strings.Contains(page, "{{.Name}}") {
			t.Errorf("%s: template syntax in an article was executed", name)
		}
	}
}

func TestRenderTwiceGivesTheSameIssue(t *testing.T) {
	if a, b := render(t, sampleEdition()), render(t, sampleEdition()); a.SHA256() != b.SHA256() {
		t.Error("two renderings of one edition differ")
	}
}

func TestIssueForFillsEverySlot(t *testing.T) {
	html, text := render(t, sampleEdition()).For(Links{Unsubscribe: "https://n.example/u/1", Preferences: "https://n.example/p/1"})
	for name, part := range map[string]string{"HTML": html, "text": text} {
		if strings.Contains(part, "slot.invalid") {
			t.Errorf("%s: a slot is left", name)
		}
		for _, link := range []string{"https://n.example/u/1", "https://n.example/p/1"} {
			if strings.Count(part, link) != 1 {
				t.Errorf("%s: %s appears %d times, want once", name, link, strings.Count(part, link))
			}
		}
	}
}

func TestOverrides(t *testing.T) {
	tests := []struct {
		name    string
		files   fstest.MapFS
		wantErr string // empty: it works
	}{
		{"one file of five", fstest.MapFS{"edition.txt": {Data: []byte("{{.Masthead}}\n{{.Unsubscribe}}\n")}}, ""},
		{"a template that does not parse names file and line", fstest.MapFS{"edition.html": {Data: []byte("<p>\n{{.Name}")}}, "edition.html:2"},
		{"a function that is not there", fstest.MapFS{"edition.html": {Data: []byte(`{{env "HOME"}}`)}}, `function "env" not defined`},
		{"a compound selector", fstest.MapFS{"edition.css": {Data: []byte(".ok{margin:0}\ndiv > p{margin:0}\n")}}, "edition.css:2"},
		{"!important in the inlined sheet", fstest.MapFS{"edition.css": {Data: []byte(".ok{margin:0 !important}\n")}}, "edition.css:1"},
		{"an at-rule in the inlined sheet", fstest.MapFS{"edition.css": {Data: []byte("@media print{.ok{margin:0}}\n")}}, "edition.css:1"},
		{"@import", fstest.MapFS{"head.css": {Data: []byte("@import url(x.css);\n")}}, "@import"},
		{"a file too long", fstest.MapFS{"edition.txt": {Data: make([]byte, fileLimit+1)}}, "at most"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := New(paper(), tt.files)
			if tt.wantErr == "" {
				if err != nil {
					t.Fatal(err)
				}
				issue, err := r.Render(sampleEdition())
				if err != nil || issue.Text != "ZOTPAPER\nhttps://slot.invalid/unsubscribe\n" {
					t.Errorf("text %q, error %v", issue.Text, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.wantErr) {
				t.Errorf("New: error %v, want one with %q", err, tt.wantErr)
			}
		})
	}
}

func TestBuiltInSheetsAreLinted(t *testing.T) {
	r := renderer(t)
	for _, line := range strings.Split(strings.TrimSpace(r.darkCSS), "\n") {
		if !leadingClass.MatchString(line) || !strings.HasSuffix(line, " !important}") {
			t.Errorf("D4 %s: %q: want one class a line, every declaration !important", fileDark, line)
		}
	}
	for _, line := range strings.Split(r.inlineCSS, "\n") {
		for _, property := range []string{"{color:", ";color:", "{background-color:", ";background-color:", "{border-color:"} {
			if strings.Contains(line, property) && !strings.Contains(r.darkCSS, strings.SplitAfter(line, "{")[0]) {
				t.Errorf("D2 %q has a colour that the dark mode does not change", line)
			}
		}
	}
}

func TestWritingDirection(t *testing.T) {
	for lang, want := range map[string]string{"en": "ltr", "de-CH": "ltr", "ar": "rtl", "he-IL": "rtl", "FA": "rtl"} {
		if got := direction(lang); got != want {
			t.Errorf("direction(%q) = %q, want %q", lang, got, want)
		}
	}
}
