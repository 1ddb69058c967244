package edition

import (
	"strings"
	"time"
)

// WordsPerMinute is the reading speed behind the "2 min read" of a byline.
const WordsPerMinute = 200

// The range and the default of an article's urgency, 1 being the highest, as
// in IPTC ninjs. https://iptc.org/standards/ninjs/
const (
	UrgencyHighest = 1
	UrgencyDefault = 5
	UrgencyLowest  = 9
)

// An Article is one story as filed.
//
// Its text is held as blocks and spans, never as HTML: whoever prints the
// article escapes it for the medium at hand, so markup from outside cannot
// reach a reader.
type Article struct {
	Slug       string // unique in a publication; the file's name without ".md"
	Headline   string
	Standfirst string // the sentence under the headline; may be empty
	Section    string // name as printed in the kicker; may be empty
	Byline     string // may be empty

	Published time.Time
	Updated   time.Time // zero: never updated
	Embargo   time.Time // zero: none; otherwise not before
	Urgency   int       // UrgencyHighest to UrgencyLowest
	Lead      bool      // an editor wants it to lead
	Draft     bool      // never printed
	Reprint   bool      // may appear again once Updated lies after its last printing

	URL   string // the article's own web page, absolute https; may be empty
	Image *Image // may be nil

	Body       []Block
	Analysis   []Part // in the order printed; see OrderAnalysis
	Sources    []Source
	Correction string // what an earlier version had wrong; may be empty
}

// An Image is a picture with what a reader who does not see it needs.
type Image struct {
	File    string // name below /media/: content hash and extension
	Alt     string // may be empty only if the picture is decoration
	Caption string // may be empty
	Credit  string // may be empty
	Width   int    // pixels, at least 1
	Height  int    // pixels, at least 1
}

// A Part is one headed passage of the analysis, such as "Why This Matters".
type Part struct {
	Heading string // may be empty for text that stands before any heading
	Blocks  []Block
}

// A Source is a document the article rests on.
type Source struct {
	Title string
	URL   string // absolute https or http; may be empty
}

// A Kind says what a block is.
type Kind string

// The kinds of block an article's text may be made of.
const (
	Paragraph Kind = "paragraph" // Spans
	Heading   Kind = "heading"   // Spans, Level
	Quote     Kind = "quote"     // Blocks
	List      Kind = "list"      // Items, Ordered, Start
	Code      Kind = "code"      // Spans: one span, whose text keeps its line breaks
	Table     Kind = "table"     // Rows; the first row is the head
	Figure    Kind = "figure"    // Image
	Rule      Kind = "rule"      // nothing
)

// A Block is a paragraph or whatever else stands between two paragraphs. Only
// the fields named beside its Kind are set.
type Block struct {
	Kind    Kind
	Spans   []Span
	Level   int // of a heading inside the body: 1 to 6 as filed
	Blocks  []Block
	Items   [][]Block
	Ordered bool
	Start   int // number of the first item of an ordered list
	Rows    [][]Cell
	Image   *Image
}

// A Cell is one cell of a table.
type Cell struct {
	Spans []Span
	Align string // "left", "center", "right", or empty
}

// A Span is a run of text of one look.
type Span struct {
	Text   string
	Strong bool
	Em     bool
	Code   bool
	Strike bool
	Link   string // absolute URL, http, https or mailto; empty: no link
	Break  bool   // a line break; Text is empty
}

// Plain returns the text of spans without any look, line breaks as spaces.
func Plain(spans []Span) string {
	var b strings.Builder
	for _, s := range spans {
		if s.Break {
			b.WriteByte(' ')
			continue
		}
		b.WriteString(s.Text)
	}
	return b.String()
}

// Due returns the moment from which a may be printed: its publication, or the
// end of its embargo if that is later. A reprint is due when it was updated.
func (a Article) Due() time.Time {
	due := a.Published
	if a.Reprint && a.Updated.After(due) {
		due = a.Updated
	}
	if a.Embargo.After(due) {
		due = a.Embargo
	}
	return due
}

// IsBrief reports whether a was filed without body and analysis: a headline
// and a standfirst only, to be printed among the briefs.
func (a Article) IsBrief() bool {
	return len(a.Body) == 0 && len(a.Analysis) == 0
}

// Words returns the number of words of a's body and analysis, headings of the
// analysis included.
func (a Article) Words() int {
	n := CountWords(a.Body)
	for _, p := range a.Analysis {
		n += len(strings.Fields(p.Heading)) + CountWords(p.Blocks)
	}
	return n
}

// ReadingMinutes returns how long a takes to read, rounded up: 0 for an
// article without a word, else at least 1.
func (a Article) ReadingMinutes() int {
	return (a.Words() + WordsPerMinute - 1) / WordsPerMinute
}

// CountWords returns the number of words in blocks, whatever they nest.
func CountWords(blocks []Block) int {
	n := 0
	for _, b := range blocks {
		n += len(strings.Fields(Plain(b.Spans))) + CountWords(b.Blocks)
		for _, item := range b.Items {
			n += CountWords(item)
		}
		for _, row := range b.Rows {
			for _, cell := range row {
				n += len(strings.Fields(Plain(cell.Spans)))
			}
		}
	}
	return n
}
