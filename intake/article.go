package intake

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/zotpaper/zotpaper/edition"
)

// slugForm is what a file may be called: its name stands in URLs.
var slugForm = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,99}$`)

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
	if !slugForm.MatchString(a.Slug) {
		return refuse(0, "its name must be made of a-z, 0-9 and hyphens, such as harbour-ferries.md; rename it")
	}
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
	warn := func(line int, format string, args ...any) {
		warnings = append(warnings, Refusal{file.name, line, fmt.Sprintf(format, args...)})
	}
	if picture != nil {
		a.Image, wrong = p.image(*picture)
		if wrong != nil {
			warn(picture.line, "image: %s; the article is printed without it", wrong.reason)
		} else if a.Image.Alt == "" {
			warn(picture.line, "image: there is no alt; readers who do not see it learn nothing of it")
		}
	}
	r := &reader{pictures: p, warn: warn}
	blocks, wrong := r.read(body, bodyLine)
	if wrong != nil {
		return refuse(wrong.line, wrong.reason)
	}
	divide(&a, blocks)
	return a, warnings, nil
}

// divide puts blocks where they belong: the body, the parts of the analysis
// under "## Analysis", the list under "## Sources".
func divide(a *edition.Article, blocks []edition.Block) {
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
			addSources(a, b)
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
// words and the first link in them.
func addSources(a *edition.Article, b edition.Block) {
	for _, item := range b.Items {
		for _, inner := range item {
			addSources(a, inner)
		}
	}
	title := oneLine(edition.Plain(b.Spans))
	if title == "" || len(a.Sources) >= sourcesLimit {
		return
	}
	s := edition.Source{Title: title}
	for _, span := range b.Spans {
		if strings.HasPrefix(span.Link, "https:") {
			s.URL = span.Link
			break
		}
	}
	addSource(a, s)
}
