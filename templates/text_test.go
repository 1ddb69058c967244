package templates

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/zotpaper/zotpaper/edition"
)

func TestWrapText(t *testing.T) {
	tests := []struct {
		name, in, first, rest string
		limit                 int
		want                  string
	}{
		{"at the last space that fits", "one two three", "", "", 8, "one two\nthree"},
		{"exactly full", "one two", "", "", 7, "one two"},
		{"a hanging indent", "one two three", "- ", "  ", 9, "- one two\n  three"},
		{"a long word is broken", "abcdefghij", "", "", 4, "abcd\nefgh\nij"},
		{"a URL is not", "see https://long.example/path now", "", "", 10, "see\nhttps://long.example/path\nnow"},
		{"wide characters count twice and break anywhere", "東京東京東京", "", "", 8, "東京東京\n東京"},
		{"closing marks do not begin a line", "東京東京。", "", "", 8, "東京東\n京。"},
		{"combining marks count nothing", "e\u0301e\u0301e\u0301 x", "", "", 5, "e\u0301e\u0301e\u0301 x"},
		{"no line begins with From and a space", "letter From home", "", "", 10, "letter\nFrom\u00a0home"},
		{"a line break stays", "one\ntwo", "> ", "> ", 20, "> one\n> two"},
		{"nothing", "", "", "", 10, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := wrapText(tt.in, tt.first, tt.rest, tt.limit); got != tt.want {
				t.Errorf("wrapText(%q): got %q, want %q", tt.in, got, tt.want)
			}
		})
	}
}

func FuzzWrapText(f *testing.F) {
	f.Add("one two three From here 東京 https://x.example/a-very-long-path-that-goes-on")
	f.Add("a\u0301\n\n  b")
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) {
			return
		}
		out := wrapText(s, "- ", "  ", 40)
		for _, line := range strings.Split(out, "\n") {
			if displayWidth(line) > 42 && !strings.Contains(line, "http") && !strings.Contains(line, "mailto:") {
				t.Errorf("wrapText(%q): line %q is too wide", s, line)
			}
		}
		squash := func(s string) string {
			return strings.Join(strings.Fields(strings.ReplaceAll(s, "\u00a0", " ")), "")
		}
		if got, want := squash(out), "-"+squash(s); got != want {
			t.Errorf("wrapText(%q) lost or added text: %q", s, out)
		}
	})
}

func TestTextBlocks(t *testing.T) {
	cell := func(s string) edition.Cell { return edition.Cell{Spans: []edition.Span{{Text: s}}} }
	wide := strings.Repeat("wide ", 8)
	tests := []struct {
		name  string
		block edition.Block
		want  string
	}{
		{"links follow the paragraph", edition.Block{Kind: edition.Paragraph, Spans: []edition.Span{{Text: "See "}, {Text: "the note", Link: "https://n.example/"}, {Text: "."}}},
			"See the note.\n  the note:\n  https://n.example/"},
		{"a link in two looks is one link", edition.Block{Kind: edition.Paragraph, Spans: []edition.Span{{Text: "the ", Link: "https://n.example/"}, {Text: "note", Em: true, Link: "https://n.example/"}}},
			"the note\n  the note:\n  https://n.example/"},
		{"a bare URL loses its scheme in the sentence", edition.Block{Kind: edition.Paragraph, Spans: []edition.Span{{Text: "See "}, {Text: "https://n.example/a", Link: "https://n.example/a"}, {Text: "."}}},
			"See n.example/a.\n  https://n.example/a"},
		{"a line break", edition.Block{Kind: edition.Paragraph, Spans: []edition.Span{{Text: "one"}, {Break: true}, {Text: "two"}}}, "one\ntwo"},
		{"a quote of two paragraphs", edition.Block{Kind: edition.Quote, Blocks: paras("one", "two")}, "> one\n>\n> two"},
		{"a list in a list", edition.Block{Kind: edition.List, Items: [][]edition.Block{{para("a"), {Kind: edition.List, Ordered: true, Start: 9, Items: [][]edition.Block{paras("b"), paras("c")}}}}},
			"- a\n  9. b\n  10. c"},
		{"code keeps its indentation", edition.Block{Kind: edition.Code, Spans: []edition.Span{{Text: "if x {\n\ty\n}\n"}}},
			"    if\u00a0x\u00a0{\n    \u00a0\u00a0\u00a0\u00a0y\n    }"},
		{"a table too wide becomes records", edition.Block{Kind: edition.Table, Rows: [][]edition.Cell{{cell("Name"), cell("Note")}, {cell("A"), cell(wide + wide)}}},
			"- Name: A\n  Note: " + strings.TrimSpace(strings.Repeat("wide ", 13)) + "\n  wide wide wide"},
		{"a rule", edition.Block{Kind: edition.Rule}, strings.Repeat(" ", 33) + "* * *"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := strings.TrimRight(textBlocks([]edition.Block{tt.block}, ""), "\n"); got != tt.want {
				t.Errorf("textBlocks: got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

func TestTextColumns(t *testing.T) {
	got := textColumns("Sunday 8 February 2026", "Afternoon Edition")
	if displayWidth(got) != columns || !strings.HasPrefix(got, "Sunday") || !strings.HasSuffix(got, "Edition") {
		t.Errorf("textColumns: got %q", got)
	}
	if got := textColumns(strings.Repeat("x", 60), strings.Repeat("y", 60)); got != strings.Repeat("x", 60)+"\n"+strings.Repeat("y", 60) {
		t.Errorf("textColumns of two long texts: got %q", got)
	}
}
