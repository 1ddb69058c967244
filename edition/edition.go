package edition

import "time"

// A Publication is the paper itself: what stands in its masthead and imprint.
type Publication struct {
	Name     string // as printed in the masthead
	Tagline  string // the line under the masthead; may be empty
	URL      string // the paper's home page, absolute https, no slash at the end
	Web      string // where the readers' pages and /media/ are served, as URL
	Language string // BCP 47 tag, such as "en"
	Address  string // postal address, one line; the law asks for it in every mail
	Zone     *time.Location
}

// A Slot is a recurring place in the day, such as "afternoon".
type Slot struct {
	ID       string   // see ValidSlotID
	Title    string   // "Afternoon Edition"
	List     string   // the list its editions go to
	Sections []string // names in the order printed; others follow by name
	Minimum  int      // articles, at least 1; with fewer the edition is held
	Maximum  int      // articles, at least Minimum
}

// A Window is the span of time whose articles an edition may carry: after
// Since, up to and including Until. Windows of one slot follow each other
// without gap or overlap.
type Window struct {
	Since time.Time
	Until time.Time
}

// FirstWindow is how far back the first edition of a slot reaches.
const FirstWindow = 24 * time.Hour

// NextWindow returns the window of an edition that is cut off at until, given
// the cut-off of the slot's previous edition; zero means there was none.
func NextWindow(previous, until time.Time) Window {
	if previous.IsZero() {
		previous = until.Add(-FirstWindow)
	}
	return Window{Since: previous, Until: until}
}

// Contains reports whether t lies in w.
func (w Window) Contains(t time.Time) bool {
	return t.After(w.Since) && !t.After(w.Until)
}

// An Edition is one slot on one local date: a lineup of articles under a
// title. It is what an issue is rendered from.
type Edition struct {
	Key     Key
	Title   string // the slot's
	List    string // the slot's
	Window  Window
	Lineup  Lineup
	Omitted []Omission // in the order of the articles' slugs
}

// A Lineup says which article stands where. The articles appear in exactly
// one place each.
type Lineup struct {
	Lead     *Article  // nil if there is no article but briefs
	Sections []Section // none of them empty
	Briefs   []Article // articles filed without a body
}

// A Section is a run of articles under one kicker.
type Section struct {
	Name     string // may be empty: articles filed without a section
	Articles []Article
}

// Articles returns every article of l in the order printed.
func (l Lineup) Articles() []Article {
	var all []Article
	if l.Lead != nil {
		all = append(all, *l.Lead)
	}
	for _, s := range l.Sections {
		all = append(all, s.Articles...)
	}
	return append(all, l.Briefs...)
}

// An Omission is an article that was offered to an edition and not printed.
type Omission struct {
	Slug     string
	Headline string
	Reason   Reason
	Until    time.Time // of OmittedEmbargo and OmittedFuture: when it is due
}

// A Reason says why an article is not in an edition.
type Reason string

// The reasons for which Assemble leaves an article out.
const (
	OmittedDraft   Reason = "draft"
	OmittedFuture  Reason = "not published yet"
	OmittedEmbargo Reason = "under embargo"
	OmittedOld     Reason = "before the edition's window"
	OmittedPrinted Reason = "printed in an earlier edition"
	OmittedTwin    Reason = "filed twice under one slug"
	OmittedFull    Reason = "beyond the slot's maximum"
)
