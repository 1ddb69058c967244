package edition

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"
)

func at(hour int) time.Time { return time.Date(2026, 2, 8, hour, 0, 0, 0, time.UTC) }

// filed returns an article of section published at hour, with a body.
func filed(slug, section string, hour int) Article {
	return Article{
		Slug: slug, Headline: "Headline of " + slug, Section: section, Published: at(hour), Urgency: UrgencyDefault,
		Body: []Block{{Kind: Paragraph, Spans: []Span{{Text: "Body."}}}},
	}
}

func with(a Article, change func(*Article)) Article {
	change(&a)
	return a
}

var (
	afternoon = Slot{ID: "afternoon", Title: "Afternoon Edition", List: "afternoon", Sections: []string{"World", "Science"}, Minimum: 1, Maximum: 20}
	sunday    = Date{2026, 2, 8}
	window    = Window{Since: at(16).Add(-24 * time.Hour), Until: at(16)}
)

func slugs(articles []Article) []string {
	var s []string
	for _, a := range articles {
		s = append(s, a.Slug)
	}
	return s
}

func TestAssembleOrder(t *testing.T) {
	tests := []struct {
		name     string
		articles []Article
		want     []string // slugs in reading order
	}{
		{"the flagged article leads", []Article{
			with(filed("urgent", "World", 9), func(a *Article) { a.Urgency = 1 }),
			with(filed("flagged", "World", 8), func(a *Article) { a.Lead = true }),
		}, []string{"flagged", "urgent"}},
		{"else the most urgent leads", []Article{
			filed("newest", "World", 15),
			with(filed("urgent", "World", 9), func(a *Article) { a.Urgency = 2 }),
		}, []string{"urgent", "newest"}},
		{"else the newest leads", []Article{filed("old", "World", 9), filed("new", "World", 10)}, []string{"new", "old"}},
		{"equal in all, the slug decides", []Article{filed("b", "World", 9), filed("a", "World", 9)}, []string{"a", "b"}},
		{"sections in the configured order, then by name, then none", []Article{
			with(filed("lead", "Sport", 9), func(a *Article) { a.Lead = true }),
			filed("none", "", 9), filed("zoo", "Zoo", 9), filed("art", "Art", 9), filed("science", "Science", 9), filed("world", "World", 9),
		}, []string{"lead", "world", "science", "art", "zoo", "none"}},
		{"a section is one whatever its letters' case", []Article{
			with(filed("lead", "Sport", 9), func(a *Article) { a.Lead = true }),
			filed("a", "world", 9), filed("x", "Science", 9), filed("b", "World", 8),
		}, []string{"lead", "a", "b", "x"}},
		{"within a section by urgency, then newest", []Article{
			with(filed("lead", "World", 9), func(a *Article) { a.Lead = true }),
			filed("old", "World", 8), filed("new", "World", 10),
			with(filed("urgent", "World", 7), func(a *Article) { a.Urgency = 1 }),
		}, []string{"lead", "urgent", "new", "old"}},
		{"urgency not given counts as the default", []Article{
			with(filed("none", "World", 9), func(a *Article) { a.Urgency = 0 }),
			with(filed("low", "World", 15), func(a *Article) { a.Urgency = 6 }),
		}, []string{"none", "low"}},
		{"briefs come last and never lead", []Article{
			with(filed("brief", "World", 15), func(a *Article) { a.Body = nil; a.Lead = true }),
			filed("story", "World", 9),
		}, []string{"story", "brief"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := Assemble(afternoon, sunday, window, tt.articles, nil)
			if got := slugs(e.Lineup.Articles()); !slices.Equal(got, tt.want) {
				t.Errorf("Assemble: got %q, want %q", got, tt.want)
			}
			if len(e.Omitted) > 0 {
				t.Errorf("Assemble: omitted %v, want nothing", e.Omitted)
			}
		})
	}
}

func TestAssembleOmits(t *testing.T) {
	tests := []struct {
		name    string
		article Article
		printed Printed
		want    Reason // empty: printed
	}{
		{"at the cut-off is in", filed("a", "", 16), nil, ""},
		{"after the cut-off waits", filed("a", "", 17), nil, OmittedFuture},
		{"at the previous cut-off was in the previous edition", with(filed("a", "", 0), func(a *Article) { a.Published = window.Since }), nil, OmittedOld},
		{"just after the previous cut-off is in", with(filed("a", "", 0), func(a *Article) { a.Published = window.Since.Add(1) }), nil, ""},
		{"a draft is out", with(filed("a", "", 9), func(a *Article) { a.Draft = true }), nil, OmittedDraft},
		{"an embargo holds", with(filed("a", "", 9), func(a *Article) { a.Embargo = at(17) }), nil, OmittedEmbargo},
		{"an embargo that has ended lets go", with(filed("a", "", 9), func(a *Article) { a.Embargo = at(15) }), nil, ""},
		{"an old article whose embargo ends in the window is in", with(filed("a", "", 9), func(a *Article) {
			a.Published = window.Since.Add(-72 * time.Hour)
			a.Embargo = at(10)
		}), nil, ""},
		{"no article twice", filed("a", "", 9), Printed{"a": at(8)}, OmittedPrinted},
		{"an update alone does not bring it back", with(filed("a", "", 9), func(a *Article) { a.Updated = at(12) }), Printed{"a": at(8)}, OmittedPrinted},
		{"an update marked for reprint does", with(filed("a", "", 9), func(a *Article) {
			a.Published = window.Since.Add(-time.Hour)
			a.Updated = at(12)
			a.Reprint = true
		}), Printed{"a": at(8)}, ""},
		{"a reprint without a newer update does not", with(filed("a", "", 9), func(a *Article) {
			a.Updated = at(7)
			a.Reprint = true
		}), Printed{"a": at(8)}, OmittedPrinted},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := Assemble(afternoon, sunday, window, []Article{tt.article}, tt.printed)
			var got Reason
			if len(e.Omitted) > 0 {
				got = e.Omitted[0].Reason
			}
			if got != tt.want {
				t.Errorf("Assemble: omitted for %q, want %q", got, tt.want)
			}
			if carried := len(e.Lineup.Articles()) == 1; carried != (tt.want == "") {
				t.Errorf("Assemble: carried = %v, want %v", carried, !carried)
			}
		})
	}
}

func TestAssembleTakesOneOfTwoUnderOneSlug(t *testing.T) {
	e := Assemble(afternoon, sunday, window, []Article{filed("a", "", 10), filed("a", "", 9)}, nil)
	if got := e.Lineup.Articles(); len(got) != 1 || !got[0].Published.Equal(at(9)) {
		t.Errorf("Assemble: carried %v, want the first filed alone", got)
	}
	if len(e.Omitted) != 1 || e.Omitted[0].Reason != OmittedTwin {
		t.Errorf("Assemble: omitted %v, want one for %q", e.Omitted, OmittedTwin)
	}
}

func TestAssembleKeepsTheMostImportantUpToMaximum(t *testing.T) {
	slot := afternoon
	slot.Maximum = 2
	e := Assemble(slot, sunday, window, []Article{
		filed("old", "", 8), filed("new", "", 10), with(filed("urgent", "", 7), func(a *Article) { a.Urgency = 1 }),
	}, nil)
	if got, want := slugs(e.Lineup.Articles()), []string{"urgent", "new"}; !slices.Equal(got, want) {
		t.Errorf("Assemble: got %q, want %q", got, want)
	}
	if len(e.Omitted) != 1 || e.Omitted[0].Slug != "old" || e.Omitted[0].Reason != OmittedFull {
		t.Errorf("Assemble: omitted %v, want old for %q", e.Omitted, OmittedFull)
	}
}

func TestAssembleDoesNotDependOnTheOrderOfArticles(t *testing.T) {
	var articles []Article
	for i, section := range []string{"World", "Science", "Sport", "", "World", "Art", "world"} {
		articles = append(articles, filed(string(rune('a'+i)), section, 9+i%3))
	}
	articles = append(articles, filed("a", "Art", 9), with(filed("z", "", 9), func(a *Article) { a.Draft = true }))
	want := Assemble(afternoon, sunday, window, articles, nil)
	random := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		random.Shuffle(len(articles), func(i, j int) { articles[i], articles[j] = articles[j], articles[i] })
		if got := Assemble(afternoon, sunday, window, articles, nil); !reflect.DeepEqual(got, want) {
			t.Fatalf("Assemble of shuffled articles: got %+v, want %+v", got, want)
		}
	}
}

func TestShortfall(t *testing.T) {
	slot := afternoon
	slot.Minimum = 3
	e := Assemble(slot, sunday, window, []Article{filed("a", "", 9), with(filed("b", "", 9), func(a *Article) { a.Body = nil })}, nil)
	if got := e.Shortfall(slot); got != 1 {
		t.Errorf("Shortfall with a story and a brief of 3: got %d, want 1", got)
	}
}

func TestNextWindow(t *testing.T) {
	first := NextWindow(time.Time{}, at(16))
	if !first.Since.Equal(at(16).Add(-FirstWindow)) {
		t.Errorf("first window begins at %v, want %v before its end", first.Since, FirstWindow)
	}
	second := NextWindow(first.Until, at(20))
	for _, moment := range []time.Time{at(16), at(16).Add(1), at(20)} {
		if n := btoi(first.Contains(moment)) + btoi(second.Contains(moment)); n != 1 {
			t.Errorf("%v lies in %d of two windows that follow each other, want 1", moment, n)
		}
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
