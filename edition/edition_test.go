package edition

import (
	"strings"
	"testing"
	"time"
)

func TestParseKey(t *testing.T) {
	tests := []struct {
		name, in string
		ok       bool
	}{
		{"a date and a slot", "2026-02-08/afternoon", true},
		{"hyphens and digits in the slot", "2026-02-08/late-2", true},
		{"no slot", "2026-02-08", false},
		{"an empty slot", "2026-02-08/", false},
		{"a day that does not exist", "2026-02-30/afternoon", false},
		{"a slot that would climb out of a path", "2026-02-08/../etc", false},
		{"capitals", "2026-02-08/Afternoon", false},
		{"nothing", "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			k, err := ParseKey(tt.in)
			if (err == nil) != tt.ok {
				t.Fatalf("ParseKey(%q): error %v, want ok = %v", tt.in, err, tt.ok)
			}
			if tt.ok && k.String() != tt.in {
				t.Errorf("ParseKey(%q).String() = %q", tt.in, k)
			}
		})
	}
}

func FuzzParseKey(f *testing.F) {
	f.Add("2026-02-08/afternoon")
	f.Add("0000-01-01/a")
	f.Fuzz(func(t *testing.T, s string) {
		if k, err := ParseKey(s); err == nil && k.String() != s {
			t.Errorf("ParseKey(%q).String() = %q", s, k)
		}
	})
}

func TestDateIsPrintedAsThePaperDoes(t *testing.T) {
	d := Date{2026, 2, 8}
	for got, want := range map[string]string{
		d.Long(): "Sunday 8 February 2026", d.Short(): "Sun 8 Feb", d.Compact(): "20260208",
		d.AddDays(21).String(): "2026-03-01", d.AddDays(-39).String(): "2025-12-31",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestDateOfDependsOnTheZone(t *testing.T) {
	auckland, err := time.LoadLocation("Pacific/Auckland")
	if err != nil {
		t.Fatal(err)
	}
	noon := time.Date(2026, 2, 8, 12, 0, 0, 0, time.UTC)
	if got := DateOf(noon, auckland).String(); got != "2026-02-09" {
		t.Errorf("noon UTC in Auckland is %s, want 2026-02-09", got)
	}
}

func TestReadingMinutes(t *testing.T) {
	words := func(n int) []Block {
		return []Block{{Kind: Paragraph, Spans: []Span{{Text: strings.Repeat("word ", n)}}}}
	}
	tests := []struct {
		name string
		a    Article
		want int
	}{
		{"no word, no time", Article{}, 0},
		{"one word is a minute", Article{Body: words(1)}, 1},
		{"200 words are one minute", Article{Body: words(200)}, 1},
		{"201 words are two", Article{Body: words(201)}, 2},
		{"the analysis counts, headings too", Article{Body: words(198), Analysis: []Part{{Heading: "Why This Matters"}}}, 2},
		{"lists, quotes and tables count", Article{Body: []Block{
			{Kind: List, Items: [][]Block{words(100), words(50)}},
			{Kind: Quote, Blocks: words(50)},
			{Kind: Table, Rows: [][]Cell{{{Spans: []Span{{Text: "one"}}}}}},
		}}, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.a.ReadingMinutes(); got != tt.want {
				t.Errorf("ReadingMinutes of %d words = %d, want %d", tt.a.Words(), got, tt.want)
			}
		})
	}
}

func TestOrderAnalysis(t *testing.T) {
	parts := []Part{{Heading: "By the Numbers"}, {Heading: "WHAT TO WATCH"}, {Heading: "Background"}, {Heading: ""}, {Heading: "A View"}, {Heading: "Why This Matters"}, {Heading: "Key Perspectives"}}
	var got []string
	for _, p := range OrderAnalysis(parts) {
		got = append(got, p.Heading)
	}
	want := "|Why This Matters|Background|Key Perspectives|WHAT TO WATCH|By the Numbers|A View"
	if strings.Join(got, "|") != want {
		t.Errorf("OrderAnalysis: got %q, want %q", strings.Join(got, "|"), want)
	}
	if parts[0].Heading != "By the Numbers" {
		t.Error("OrderAnalysis changed its argument")
	}
}

func TestIsFrozen(t *testing.T) {
	frozen := map[State]bool{Frozen: true, Dispatching: true, Complete: true, Replaced: true}
	for _, s := range States() {
		if s.IsFrozen() != frozen[s] {
			t.Errorf("%s.IsFrozen() = %v", s, s.IsFrozen())
		}
	}
}
