package templates

import (
	"cmp"
	"fmt"
	"mime/quotedprintable"
	"slices"
	"strings"

	"github.com/zotpaper/zotpaper/edition"
)

// Budget is how many bytes the HTML of a mail may take, as text and as
// quoted-printable. Gmail clips at about 102,400 and nobody outside knows
// which of the two it counts.
const Budget = 100_000

const (
	// footerBudget is where the unsubscribe link must have come at the latest.
	footerBudget = 95_000
	// slotReserve is what a reader's own links may take beyond the slots.
	slotReserve = 1_000
)

// fit renders e so that it stays within Budget. It cuts the bodies of all
// articles but the lead down to one length, as generous as fits, so that the
// longest lose first; then their analyses; then the lead's; and if even that
// is too much leaves of each article but headline and standfirst.
func (r *Renderer) fit(e edition.Edition) (Issue, error) {
	articles := e.Lineup.Articles()
	longest := func(words func(edition.Article) int) int {
		return words(slices.MaxFunc(articles, func(a, b edition.Article) int { return cmp.Compare(words(a), words(b)) }))
	}
	current := ration{
		body: longest(bodyWords), analysis: longest(analysisWords),
		leadBody: longest(bodyWords), leadAnalysis: longest(analysisWords),
	}
	issue, fits, err := r.attempt(e, current)
	if err != nil || fits {
		return issue, err
	}
	// Each step lowers one length as far as it must; only if nothing at all of
	// it would do does the next one begin.
	for _, length := range []*int{&current.body, &current.analysis, &current.leadBody, &current.leadAnalysis} {
		full := *length
		*length = 0
		_, fits, err := r.attempt(e, current)
		if err != nil {
			return Issue{}, err
		}
		if fits {
			return r.widest(e, &current, length, full)
		}
	}
	current.bare = true
	issue, fits, err = r.attempt(e, current)
	if err == nil && !fits {
		err = fmt.Errorf("%d articles do not fit into %d bytes even as headlines; lower the slot's maximum", len(articles), Budget)
	}
	return issue, err
}

// widest returns the issue for the greatest *length below full that fits; 0 is
// known to.
func (r *Renderer) widest(e edition.Edition, current *ration, length *int, full int) (Issue, error) {
	low, high := 0, full // low fits, high does not
	for high-low > 1 {
		*length = (low + high) / 2
		_, fits, err := r.attempt(e, *current)
		if err != nil {
			return Issue{}, err
		}
		if fits {
			low = *length
		} else {
			high = *length
		}
	}
	*length = low
	issue, _, err := r.attempt(e, *current)
	return issue, err
}

// A ration is how many words each article may print.
type ration struct {
	body, analysis, leadBody, leadAnalysis int
	bare                                   bool // headline and standfirst only, but for the lead
}

// cut returns a as far as ra lets it be printed. At least the first paragraph
// of a body stays, unless ra is bare.
func (ra ration) cut(a edition.Article, leads bool) edition.Article {
	body, analysis := ra.body, ra.analysis
	if leads {
		body, analysis = ra.leadBody, ra.leadAnalysis
	}
	a.Analysis = cutParts(edition.OrderAnalysis(a.Analysis), analysis)
	a.Body = cutBlocks(a.Body, body)
	if ra.bare && !leads && len(a.Body) > 0 {
		a.Body, a.Analysis, a.Image, a.Sources = nil, nil, nil, nil
	}
	return a
}

// roughLimit bounds the text that is worth rendering to see whether it fits:
// text that is longer than the budget before any markup does not.
const roughLimit = Budget

// attempt renders e with every article cut to ra, and reports whether the
// result fits.
func (r *Renderer) attempt(e edition.Edition, ra ration) (Issue, bool, error) {
	short := map[string]edition.Article{}
	issue := Issue{Key: e.Key}
	rough := 0
	for i, a := range e.Lineup.Articles() {
		cut := ra.cut(a, i == 0 && e.Lineup.Lead != nil)
		rough += textBytes(cut)
		if printed := cut.Words(); printed < a.Words() {
			short[a.Slug] = cut
			issue.Cuts = append(issue.Cuts, Cut{a.Slug, a.Headline, a.Words(), printed, continueURL(r.viewURL(e.Key), a)})
		}
	}
	if rough > roughLimit {
		return Issue{}, false, nil
	}
	pg := newPage(r.publication, e, r.viewURL(e.Key), short)
	issue.Subject, issue.Preheader = pg.Subject, pg.Preheader
	var err error
	if issue.HTML, err = r.renderHTML(pg); err != nil {
		return Issue{}, false, err
	}
	if !fits(issue.HTML) {
		return Issue{}, false, nil
	}
	issue.Text, err = r.renderText(pg)
	return issue, true, err
}

// fits reports whether page and the way out of it stay within their budgets.
func fits(page string) bool {
	footer := strings.LastIndex(page, string(SlotUnsubscribe))
	return max(len(page), quotedLength(page))+slotReserve <= Budget && footer+slotReserve <= footerBudget
}

// quotedLength returns how long s is as quoted-printable.
func quotedLength(s string) int {
	var n counter
	w := quotedprintable.NewWriter(&n)
	// A counter takes everything, so neither call can fail.
	_, _ = w.Write([]byte(s))
	_ = w.Close()
	return int(n)
}

type counter int

func (c *counter) Write(p []byte) (int, error) { *c += counter(len(p)); return len(p), nil }

func bodyWords(a edition.Article) int { return edition.CountWords(a.Body) }

func analysisWords(a edition.Article) int { return a.Words() - bodyWords(a) }

// cutBlocks returns the first of blocks, at least one, that have together at
// most words words. It never ends with a heading.
func cutBlocks(blocks []edition.Block, words int) []edition.Block {
	n := 0
	for i := range blocks {
		n += edition.CountWords(blocks[i : i+1])
		if n > words && i > 0 {
			for i > 1 && blocks[i-1].Kind == edition.Heading {
				i--
			}
			return blocks[:i]
		}
	}
	return blocks
}

// cutParts returns the first of parts that have together at most words words;
// the analysis of a cut article may go as a whole, since it stands complete
// where the article continues.
func cutParts(parts []edition.Part, words int) []edition.Part {
	n := 0
	for i, p := range parts {
		n += len(strings.Fields(p.Heading)) + edition.CountWords(p.Blocks)
		if n > words {
			return parts[:i]
		}
	}
	return parts
}

// textBytes returns how long the text of a is without any markup.
func textBytes(a edition.Article) int {
	n := blockBytes(a.Body)
	for _, p := range a.Analysis {
		n += blockBytes(p.Blocks)
	}
	return n
}

func blockBytes(blocks []edition.Block) int {
	n := 0
	for _, b := range blocks {
		for _, s := range b.Spans {
			n += len(s.Text)
		}
		for _, item := range b.Items {
			n += blockBytes(item)
		}
		for _, row := range b.Rows {
			for _, c := range row {
				for _, s := range c.Spans {
					n += len(s.Text)
				}
			}
		}
		n += blockBytes(b.Blocks)
	}
	return n
}
