package intake

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/zotpaper/zotpaper/edition"
)

// article reads one file. It returns the article with what had to be left out
// of it, or why the file is no article.
func (f Folder) article(file filed, p *pictures) (a edition.Article, warnings []Refusal, refusal *Refusal) {
	// The parsers are other people's code and the text anybody's: what makes
	// one of them panic costs one article, not the edition.
	defer func() {
		if r := recover(); r != nil {
			refusal = &Refusal{file.name, 0, fmt.Sprintf("it cannot be read (%v); simplify what is unusual in it", r)}
		}
	}()
	refuse := func(line int, reason string) (edition.Article, []Refusal, *Refusal) {
		return edition.Article{}, nil, &Refusal{file.name, line, reason}
	}
	a.Slug = strings.TrimSuffix(file.name, ".md")
	text, wrong := plainText(file.text)
	if wrong != nil {
		return refuse(wrong.line, wrong.reason)
	}
	front, body, bodyLine, wrong := splitFront(text)
	if wrong != nil {
		return refuse(wrong.line, wrong.reason)
	}
	picture, wrong := readFront(&a, front, f.Zone)
	if wrong != nil {
		return refuse(wrong.line, wrong.reason)
	}
	notes := &notes{file: file.name}
	if picture != nil {
		a.Image, wrong = p.image(*picture)
		if wrong != nil {
			notes.warn(picture.line, "image: %s; the article is printed without it", wrong.reason)
		} else if a.Image.Alt == "" {
			notes.warn(picture.line, noAlt)
		}
	}
	r := &reader{pictures: p, warn: notes.warn}
	blocks, wrong := r.read(body, bodyLine)
	if wrong != nil {
		return refuse(wrong.line, wrong.reason)
	}
	divide(&a, blocks, notes.warn)
	return a, notes.all(), nil
}

const noAlt = "image: there is no alt; readers who do not see it learn nothing of it"

// warningsLimit bounds what is said of one article; who reads the first ones
// knows what it is about.
const warningsLimit = 20

// notes are the warnings of one article.
type notes struct {
	file string
	list []Refusal
	more int
}

func (n *notes) warn(line int, format string, args ...any) {
	warning := Refusal{n.file, line, fmt.Sprintf(format, args...)}
	switch {
	case slices.Contains(n.list, warning): // an opening and a closing tag
	case len(n.list) == warningsLimit:
		n.more++
	default:
		n.list = append(n.list, warning)
	}
}

// all returns the warnings in the order of their lines.
func (n *notes) all() []Refusal {
	slices.SortStableFunc(n.list, func(a, b Refusal) int { return cmp.Compare(a.Line, b.Line) })
	if n.more > 0 {
		n.list = append(n.list, Refusal{n.file, 0, fmt.Sprintf("%d more of the kind", n.more)})
	}
	return n.list
}

// divide puts blocks where they belong: the body, the parts of the analysis
// under "## Analysis", the list under "## Sources".
func divide(a *edition.Article, blocks []edition.Block, warn func(line int, format string, args ...any)) {
	place := "body"
	for _, b := range blocks {
		if b.Kind == edition.Heading && b.Level == 2 {
			switch strings.ToLower(strings.TrimSpace(edition.Plain(b.Spans))) {
			case "analysis":
				place = "analysis"
				continue
			case "sources":
				place = "sources"
				continue
			default:
				if place == "sources" {
					place = "body" // an article goes on after its sources
				}
			}
		}
		switch place {
		case "body":
			a.Body = append(a.Body, b)
		case "analysis":
			addToAnalysis(a, b)
		case "sources":
			if lost := addSources(a, b); lost > 0 {
				warn(0, "sources: %d cannot be printed; want a list of at most %d, each of at most %d characters", lost, sourcesLimit, sourceLimit)
			}
		}
	}
	a.Analysis = edition.OrderAnalysis(a.Analysis)
	// A heading under which nothing stands is not printed.
	a.Analysis = slices.DeleteFunc(a.Analysis, func(p edition.Part) bool { return len(p.Blocks) == 0 })
}

func addToAnalysis(a *edition.Article, b edition.Block) {
	if b.Kind == edition.Heading && (b.Level == 2 || b.Level == 3) {
		a.Analysis = append(a.Analysis, edition.Part{Heading: oneLine(edition.Plain(b.Spans))})
		return
	}
	if len(a.Analysis) == 0 {
		a.Analysis = append(a.Analysis, edition.Part{})
	}
	last := &a.Analysis[len(a.Analysis)-1]
	last.Blocks = append(last.Blocks, b)
}

// addSources adds the items of a list, or a paragraph, to the sources: the
// words and the first link in them. It returns how many of them it cannot add.
func addSources(a *edition.Article, b edition.Block) (lost int) {
	for _, item := range slices.Concat(b.Items, [][]edition.Block{b.Blocks}) {
		for _, inner := range item {
			lost += addSources(a, inner)
		}
	}
	if b.Kind == edition.Table || b.Kind == edition.Figure {
		return lost + 1
	}
	s := edition.Source{Title: oneLine(edition.Plain(b.Spans))}
	for _, span := range b.Spans {
		if strings.HasPrefix(span.Link, "https:") {
			s.URL = span.Link
			break
		}
	}
	if len(a.Sources) >= sourcesLimit && s.Title != "" || utf8.RuneCountInString(s.Title) > sourceLimit {
		return lost + 1
	}
	addSource(a, s)
	return lost
}
