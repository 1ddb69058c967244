package templates

import (
	"fmt"
	"html/template"
	"slices"
	"strings"
	"time"

	"github.com/zotpaper/zotpaper/edition"
)

// A page is what edition.html and edition.txt are executed with. Its exported
// fields are the vocabulary of a newsroom's own templates.
type page struct {
	Subject   string
	Preheader string
	Lang, Dir string
	Name      string // the publication's
	Masthead  string // the name in capitals
	Tagline   string
	Date      string // Sunday 8 February 2026
	Title     string // Afternoon Edition
	Home      string // the publication's URL
	Address   string // postal
	Contents  []story
	Stories   []story // lead first, then section by section
	Briefs    []story
	Picture   *edition.Image // of the first story; nil if it has none
	Minutes   int            // reading time of the whole edition; 0 if it has one article

	View        string // this edition in a browser
	Since       string // when the newest of its articles came out, as RFC 3339; may be empty
	Unsubscribe Slot
	Preferences Slot
	Web         bool // the page in a browser, not the mail

	Inline, Head, Dark, Outlook template.CSS
}

// A story is an article as placed on the page.
type story struct {
	edition.Article
	Anchor   string
	Kicker   string // the section's name; may be empty
	Opens    bool   // the first story of its section
	Leads    bool   // the first story of the edition
	Credits  string // Zotpaper Staff · 2 min read
	Continue string // where the rest of a cut body stands; empty if whole
}

// newPage lays out e, which is read on the web at view. cut says which articles
// are shortened.
func newPage(p edition.Publication, e edition.Edition, view string, cut map[string]edition.Article) page {
	pg := page{
		Lang: p.Language, Dir: direction(p.Language),
		Name: p.Name, Masthead: strings.ToUpper(p.Name), Tagline: p.Tagline,
		Date: e.Key.Date.Long(), Title: e.Title, Home: p.URL, Address: p.Address,
		View:        view,
		Unsubscribe: SlotUnsubscribe, Preferences: SlotPreferences,
	}
	place := func(a edition.Article) story {
		s := story{Article: a, Anchor: a.Slug, Kicker: a.Section, Credits: credits(p, e, a)}
		if short, ok := cut[a.Slug]; ok {
			s.Article = short
			s.Continue = continueURL(view, a)
		}
		s.Analysis = edition.OrderAnalysis(s.Analysis)
		return s
	}
	if e.Lineup.Lead != nil {
		lead := place(*e.Lineup.Lead)
		lead.Opens, lead.Leads = true, true
		pg.Picture = lead.Image
		pg.Stories = append(pg.Stories, lead)
	}
	for _, section := range e.Lineup.Sections {
		for i, a := range section.Articles {
			s := place(a)
			s.Opens = i == 0
			pg.Stories = append(pg.Stories, s)
		}
	}
	for _, a := range e.Lineup.Briefs {
		pg.Briefs = append(pg.Briefs, place(a))
	}
	pg.Contents = append(slices.Clone(pg.Stories), pg.Briefs...)
	if len(pg.Contents) > 1 {
		for _, a := range e.Lineup.Articles() {
			pg.Minutes += a.ReadingMinutes()
		}
	}
	pg.Since = newest(p, e)
	pg.Subject = subject(e)
	pg.Preheader = preheader(e, pg.Subject)
	return pg
}

// viewURL returns where readers find the edition called key on the web.
func (r *Renderer) viewURL(key edition.Key) string {
	url := r.publication.Web + "/editions/" + key.String()
	if r.Pass != nil {
		url += "?key=" + r.Pass(key)
	}
	return url
}

// newest returns when the newest article of e came out. It depends on nothing but
// the articles: an issue that is rendered again is the same issue.
func newest(p edition.Publication, e edition.Edition) string {
	var last time.Time
	for _, a := range e.Lineup.Articles() {
		if due := a.Due(); due.After(last) {
			last = due
		}
	}
	if last.IsZero() {
		return ""
	}
	return last.In(p.Zone).Format(time.RFC3339)
}

func continueURL(view string, a edition.Article) string {
	if a.URL != "" {
		return a.URL
	}
	return view + "#" + a.Slug
}

// credits returns the line under the standfirst: who wrote a, how long it
// takes, and when it was corrected if that was after its publication.
func credits(p edition.Publication, e edition.Edition, a edition.Article) string {
	var parts []string
	if a.Byline != "" {
		parts = append(parts, a.Byline)
	}
	if n := a.ReadingMinutes(); n > 0 {
		parts = append(parts, fmt.Sprintf("%d min read", n))
	}
	if a.Updated.After(a.Published) {
		form := "15:04"
		if edition.DateOf(a.Updated, p.Zone) != e.Key.Date {
			form = "2 January, 15:04"
		}
		parts = append(parts, "Updated "+a.Updated.In(p.Zone).Format(form))
	}
	return strings.Join(parts, " · ")
}

// The bounds of a subject. Longer ones are cut by phones; shorter ones look
// like spam.
const (
	subjectMin = 20
	subjectMax = 78
)

// subject names the edition, its day and its first headline: "Afternoon
// Edition, Sun 8 Feb: Harbour Ferries Return".
func subject(e edition.Edition) string {
	s := e.Title + ", " + e.Key.Date.Short()
	articles := e.Lineup.Articles()
	if len(articles) > 0 {
		s += ": " + articles[0].Headline
	}
	s = shorten(s, subjectMax)
	if n := len([]rune(s)); n < subjectMin {
		s += " " + e.Key.Date.String()
	}
	return s
}

// The bounds of a preheader: what inboxes show beside the subject.
const (
	preheaderMin = 40
	preheaderMax = 110
)

// preheader summarises what the subject does not say: the standfirst of the
// first article, or the other headlines where it is too short for that.
func preheader(e edition.Edition, subject string) string {
	articles := e.Lineup.Articles()
	var parts []string
	for i, a := range articles {
		if i > 0 {
			parts = append(parts, a.Headline)
		}
	}
	s := "Also today: " + strings.Join(parts, "; ")
	if len(parts) == 0 {
		s = e.Title + " of " + e.Key.Date.Long()
		if len(articles) > 0 && articles[0].Standfirst != "" {
			s = articles[0].Standfirst
		}
	}
	if n := len([]rune(s)); n < preheaderMin {
		s = strings.TrimRight(s, ".") + ". " + e.Title + ", " + e.Key.Date.Long() + "."
	}
	if s = shorten(s, preheaderMax); s == subject {
		s = shorten("In this edition: "+s, preheaderMax)
	}
	return s
}

// shorten cuts s to at most limit characters at the end of a word.
func shorten(s string, limit int) string {
	r := []rune(strings.Join(strings.Fields(s), " "))
	if len(r) <= limit {
		return string(r)
	}
	cut := string(r[:limit-1])
	if i := strings.LastIndexByte(cut, ' '); i > len(cut)/2 {
		cut = cut[:i]
	}
	return strings.TrimRight(cut, " ,;:.–-") + "…"
}

// direction returns the writing direction of a language tag.
func direction(lang string) string {
	base, _, _ := strings.Cut(strings.ToLower(lang), "-")
	if slices.Contains([]string{"ar", "dv", "fa", "he", "ps", "ur", "yi"}, base) {
		return "rtl"
	}
	return "ltr"
}
