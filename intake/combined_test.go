package intake

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zotpaper/zotpaper/edition"
)

func TestCanonical(t *testing.T) {
	tests := []struct{ name, address, want string }{
		{"scheme and capitals of the host do not count", "HTTPS://Paper.Example/A/b", "paper.example/A/b"},
		{"nor http instead of https", "http://paper.example/a", "paper.example/a"},
		{"nor the port of the web", "https://paper.example:443/a", "paper.example/a"},
		{"nor a slash at the end", "https://paper.example/a/", "paper.example/a"},
		{"nor the slash of the front page", "https://paper.example/", "paper.example"},
		{"nor a dot at the end of the host", "https://paper.example./a", "paper.example/a"},
		{"nor the place on the page", "https://paper.example/a#b", "paper.example/a"},
		{"nor whence a reader came", "https://paper.example/a?utm_source=feed&id=1&UTM_Medium=x&fbclid=y&gclid=z", "paper.example/a?id=1"},
		{"an empty query is none", "https://paper.example/a?", "paper.example/a"},
		{"another port does", "https://paper.example:8443/a", "paper.example:8443/a"},
		{"another host does", "https://www.paper.example/a", "www.paper.example/a"},
		{"parameters do, and their order", "https://paper.example/?p=2&a=1", "paper.example?p=2&a=1"},
		{"capitals of the path do", "https://paper.example/A", "paper.example/A"},
		{"a name is no address", "paper.example/a", ""},
		{"nothing is none", "", ""},
		{"mail is none", "mailto:a@paper.example", ""},
		{"what cannot be read is none", "https://paper.example/%zz", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := canonical(tt.address); got != tt.want {
				t.Errorf("canonical(%q): got %q, want %q", tt.address, got, tt.want)
			}
		})
	}
}

// A fixed source gives what it is.
type fixed Result

func (f fixed) Read(context.Context) (Result, error) { return Result(f), nil }

type failing struct{ error }

func (f failing) Read(context.Context) (Result, error) { return Result{}, f.error }

func TestCombined(t *testing.T) {
	folder := fixed{
		Articles: []edition.Article{
			{Slug: "budget", Headline: "Budget", URL: "https://paper.example/budget/"},
			{Slug: "budget-again", Headline: "Again", URL: "https://paper.example/budget"},
			{Slug: "ferries", Headline: "Ferries"},
		},
		Refused: []Refusal{{"x.md", 1, "why"}},
	}
	feeds := fixed{
		Articles: []edition.Article{
			{Slug: "a-1", Headline: "Budget, from a feed", URL: "http://PAPER.example:80/budget?utm_source=feed#top"},
			{Slug: "b-2", Headline: "Other", URL: "https://paper.example/other"},
			{Slug: "ferries", Headline: "Another Ferry"},
		},
		Warnings: []Refusal{{"https://wire.example/feed", 0, "stale"}},
		Origins:  map[string]string{"a-1": "https://wire.example/feed", "b-2": "https://wire.example/feed", "ferries": "https://wire.example/feed"},
	}
	r, err := Combined{folder, feeds}.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	another := distinct("ferries")
	if got, want := slugs(r), []string{"b-2", "budget", "budget-again", "ferries", another}; !slices.Equal(got, want) {
		t.Errorf("Read: articles %q, want %q", got, want)
	}
	if r.Articles[3].Headline != "Ferries" {
		t.Errorf("the slug of the folder's article went to %q", r.Articles[3].Headline)
	}
	want := []string{"x.md:1: why", `https://wire.example/feed: "Budget, from a feed" is there already, as budget`}
	if diff := cmp.Diff(want, lines(r.Refused)); diff != "" {
		t.Errorf("refused (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"https://wire.example/feed: stale"}, lines(r.Warnings)); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
	if r.Origins[another] == "" || r.Origins["ferries"] != "" {
		t.Errorf("origins %v: the feed's article is %s", r.Origins, another)
	}
	if _, err := (Combined{folder, failing{errors.New("gone")}}).Read(t.Context()); err == nil {
		t.Error("Read: no error, want that of a source")
	}
}

func TestDistinctSlugsAreSlugs(t *testing.T) {
	for _, slug := range []string{"a", "harbour-ferries", strings.Repeat("a", 100)} {
		got := distinct(slug)
		if got == slug || got != distinct(slug) || !slugForm.MatchString(got) {
			t.Errorf("distinct(%q): got %q", slug, got)
		}
	}
}
