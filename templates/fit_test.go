package templates

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/zotpaper/zotpaper/edition"
)

func TestFitCutsNothingThatFits(t *testing.T) {
	issue := render(t, sampleEdition())
	if len(issue.Cuts) > 0 || strings.Contains(issue.HTML, "Continue reading") {
		t.Errorf("Render of a short edition cut %v", issue.Cuts)
	}
}

func TestFitStaysWithinTheBudget(t *testing.T) {
	tests := []struct {
		name            string
		articles, words int
	}{
		{"just too much", 18, 600},
		{"twenty long articles", 20, 900},
		{"one enormous article", 1, 40_000},
		{"forty articles, left as headlines", 40, 100},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			issue := render(t, longEdition(tt.articles, tt.words))
			html, _ := issue.For(Links{
				Unsubscribe: "https://news.zotpaper.example/u/" + strings.Repeat("x", 100),
				Preferences: "https://news.zotpaper.example/preferences/" + strings.Repeat("x", 100),
			})
			if n, q := len(html), quotedLength(html); n > Budget || q > Budget {
				t.Errorf("the HTML is %d bytes, %d as quoted-printable; want at most %d", n, q, Budget)
			}
			if len(issue.Cuts) == 0 {
				t.Error("nothing was cut")
			}
			if n := strings.LastIndex(html, "Unsubscribe</a>"); n < 0 || n > footerBudget {
				t.Errorf("the unsubscribe link stands at byte %d, want before %d", n, footerBudget)
			}
			if n := max(len(html), quotedLength(html)); tt.articles < 40 && n < Budget*8/10 {
				t.Errorf("the HTML is %d bytes: more was cut than needed", n)
			}
			for _, c := range issue.Cuts {
				link := fmt.Sprintf(`href="%s"`, c.Continue)
				if !strings.Contains(html, link) || !strings.Contains(issue.Text, "\n"+c.Continue+"\n") {
					t.Errorf("%s was cut but continues nowhere", c.Slug)
				}
				if c.Printed >= c.Words {
					t.Errorf("%s: %d of %d words printed", c.Slug, c.Printed, c.Words)
				}
			}
			if strings.Contains(issue.Web, "Continue reading") {
				t.Error("the web page is cut as well")
			}
		})
	}
}

func TestFitCutsTheLongestFirstAndTheLeadLast(t *testing.T) {
	e := longEdition(16, 600)
	long := &e.Lineup.Sections[0].Articles[3]
	for range 40 {
		long.Body = append(long.Body, long.Body[0])
	}
	lead := e.Lineup.Sections[0].Articles[4]
	lead.Slug = "the-lead"
	e.Lineup.Lead = &lead
	issue := render(t, e)
	if len(issue.Cuts) == 0 {
		t.Fatal("nothing was cut")
	}
	least := 1 << 30
	cut := map[string]bool{}
	for _, c := range issue.Cuts {
		cut[c.Slug] = true
		least = min(least, c.Words)
	}
	if !cut[long.Slug] {
		t.Errorf("the longest article is whole while %v were cut", issue.Cuts)
	}
	if cut["the-lead"] {
		t.Error("the lead was cut although others could be")
	}
	for _, a := range e.Lineup.Articles()[1:] {
		if !cut[a.Slug] && a.Words() > least {
			t.Errorf("%s with %d words is whole, one with %d was cut", a.Slug, a.Words(), least)
		}
	}
}

func TestFitCutsTheLeadWhenItIsAlone(t *testing.T) {
	e := longEdition(1, 40_000)
	lead := e.Lineup.Sections[0].Articles[0]
	e.Lineup = edition.Lineup{Lead: &lead}
	issue := render(t, e)
	if len(issue.Cuts) != 1 || issue.Cuts[0].Slug != lead.Slug || issue.Cuts[0].Printed < 1000 {
		t.Errorf("cuts %+v, want the lead alone, cut to a length that fills the mail", issue.Cuts)
	}
}

func TestFitRefusesWhatCannotFit(t *testing.T) {
	_, err := renderer(t).Render(longEdition(400, 50))
	if err == nil || !strings.Contains(err.Error(), "lower the slot's maximum") {
		t.Errorf("Render of 400 articles: error %v, want one that says what to do", err)
	}
}

func TestCutBlocksEndsAtAParagraph(t *testing.T) {
	heading := edition.Block{Kind: edition.Heading, Spans: []edition.Span{{Text: "Head"}}}
	blocks := append(paras("one two three", "four five six"), heading, para("seven eight nine"))
	tests := []struct {
		name  string
		words int
		want  int
	}{
		{"all", 100, 4},
		{"never less than the first", 0, 1},
		{"whole paragraphs only", 5, 1},
		{"no heading at the end", 8, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := len(cutBlocks(blocks, tt.words)); got != tt.want {
				t.Errorf("cutBlocks to %d words: %d blocks, want %d", tt.words, got, tt.want)
			}
		})
	}
}

func TestRenderRefusesAnEmptyEdition(t *testing.T) {
	e := sampleEdition()
	e.Lineup = edition.Lineup{}
	if _, err := renderer(t).Render(e); !errors.Is(err, ErrEmpty) {
		t.Errorf("Render: error %v, want ErrEmpty", err)
	}
}
