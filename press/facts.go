package press

import (
	"time"

	"github.com/zotpaper/zotpaper/edition"
	"github.com/zotpaper/zotpaper/templates"
)

// Facts are what edition.json says of an edition.
type Facts struct {
	Key       string          `json:"key"`
	Title     string          `json:"title"`
	List      string          `json:"list"`
	Since     time.Time       `json:"since"`
	Until     time.Time       `json:"until"`
	Subject   string          `json:"subject"`
	Preheader string          `json:"preheader"`
	SHA256    string          `json:"sha256"`
	HTMLBytes int             `json:"html_bytes"`
	TextBytes int             `json:"text_bytes"`
	Articles  []Placed        `json:"articles"`
	Cuts      []templates.Cut `json:"cuts"`
	Omitted   []Left          `json:"omitted"`
	Refused   []string        `json:"refused"`
	Warnings  []string        `json:"warnings"`
}

// A Placed is an article in an edition.
type Placed struct {
	Slug     string `json:"slug"`
	Headline string `json:"headline"`
	Section  string `json:"section"`
	Place    string `json:"place"` // lead, section or brief
	Words    int    `json:"words"`
	Minutes  int    `json:"minutes"`
}

// A Left is an article that was offered to an edition and is not in it.
type Left struct {
	Slug     string    `json:"slug"`
	Headline string    `json:"headline"`
	Reason   string    `json:"reason"`
	Until    time.Time `json:"until,omitzero"`
}

// Facts returns what edition.json says of d.
func (d Draft) Facts() Facts {
	e := d.Edition
	f := Facts{
		Key: e.Key.String(), Title: e.Title, List: e.List, Since: e.Window.Since, Until: e.Window.Until,
		Subject: d.Issue.Subject, Preheader: d.Issue.Preheader,
		HTMLBytes: len(d.Issue.HTML), TextBytes: len(d.Issue.Text),
		// Empty lists rather than null: whoever reads the file can loop.
		Articles: []Placed{}, Cuts: []templates.Cut{}, Omitted: []Left{}, Refused: []string{}, Warnings: []string{},
	}
	if d.Issue.HTML != "" {
		f.SHA256 = d.Issue.SHA256()
	}
	place := func(a edition.Article, where string) {
		f.Articles = append(f.Articles, Placed{a.Slug, a.Headline, a.Section, where, a.Words(), a.ReadingMinutes()})
	}
	if e.Lineup.Lead != nil {
		place(*e.Lineup.Lead, "lead")
	}
	for _, s := range e.Lineup.Sections {
		for _, a := range s.Articles {
			place(a, "section")
		}
	}
	for _, a := range e.Lineup.Briefs {
		place(a, "brief")
	}
	f.Cuts = append(f.Cuts, d.Issue.Cuts...)
	for _, o := range e.Omitted {
		f.Omitted = append(f.Omitted, Left{o.Slug, o.Headline, string(o.Reason), o.Until})
	}
	for _, r := range d.Refused {
		f.Refused = append(f.Refused, r.String())
	}
	for _, w := range d.Warnings {
		f.Warnings = append(f.Warnings, w.String())
	}
	return f
}
