package press

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/zotpaper/zotpaper/edition"
	"github.com/zotpaper/zotpaper/intake"
	"github.com/zotpaper/zotpaper/internal/database"
	"github.com/zotpaper/zotpaper/templates"
)

// A Draft is an edition as it would be if it were frozen now.
type Draft struct {
	Slot     Slot
	Edition  edition.Edition
	Issue    templates.Issue // the zero Issue if the edition has no article
	Refused  []intake.Refusal
	Warnings []intake.Refusal
}

const previousCutoff = `
	SELECT MAX(window_until) FROM editions
	WHERE  slot = $1 AND date < $2 AND frozen_at IS NOT NULL`

const printedBefore = `
	SELECT   printed_articles.slug, MAX(editions.window_until)
	FROM     printed_articles
	JOIN     editions ON editions.id = printed_articles.edition_id
	WHERE    editions.slot = $1 AND editions.date <> $2
	GROUP BY printed_articles.slug`

// Draft assembles and renders the edition of slot on date from the articles
// that are there now. Articles due after at, or after the slot's cut-off if
// that is earlier, are not in it. An edition without articles has no issue;
// that is no error, [Draft.Shortfall] tells.
func (p *Press) Draft(ctx context.Context, slot Slot, date edition.Date, at time.Time) (Draft, error) {
	key := edition.Key{Date: date, Slot: slot.ID}
	window, err := p.window(ctx, slot, date, at)
	if err != nil {
		return Draft{Slot: slot}, fmt.Errorf("draft %s: %w", key, err)
	}
	return p.draftIn(ctx, slot, key, window)
}

// draftIn is like Draft for a window that is known.
func (p *Press) draftIn(ctx context.Context, slot Slot, key edition.Key, window edition.Window) (Draft, error) {
	d := Draft{Slot: slot}
	printed, err := p.printed(ctx, key)
	if err != nil {
		return d, fmt.Errorf("draft %s: %w", key, err)
	}
	read, err := p.Articles.Read(ctx)
	if err != nil {
		return d, fmt.Errorf("draft %s: %w", key, err)
	}
	d.Refused, d.Warnings = read.Refused, read.Warnings
	d.Edition = edition.Assemble(slot.Slot, key.Date, window, read.Articles, printed)
	d.Issue, err = p.Renderer.Render(d.Edition)
	if err != nil && !errors.Is(err, templates.ErrEmpty) {
		return d, fmt.Errorf("draft %s: %w", key, err)
	}
	return d, nil
}

// window returns what the edition of slot on date covers if it is cut off at
// at: from where the slot's previous edition ended, so that no article falls
// between two editions, to at or the slot's time, whichever comes first.
func (p *Press) window(ctx context.Context, slot Slot, date edition.Date, at time.Time) (edition.Window, error) {
	until := at
	if cutoff, ok := p.Cutoff(slot, date); ok && cutoff.Before(at) {
		until = cutoff
	}
	var previous database.Time
	if err := p.DB.QueryRowContext(ctx, previousCutoff, slot.ID, date.String()).Scan(&previous); err != nil {
		return edition.Window{}, fmt.Errorf("look for the previous edition: %w", err)
	}
	w := edition.NextWindow(previous.Time, until.UTC().Truncate(time.Millisecond))
	if !w.Until.After(w.Since) {
		return w, fmt.Errorf("its window would end at %s, but the slot's previous edition was cut off at %s",
			w.Until.In(p.Publication.Zone).Format(time.RFC3339), w.Since.In(p.Publication.Zone).Format(time.RFC3339))
	}
	return w, nil
}

// printed returns what earlier and later editions of key's slot carried.
func (p *Press) printed(ctx context.Context, key edition.Key) (edition.Printed, error) {
	rows, err := p.DB.QueryContext(ctx, printedBefore, key.Slot, key.Date.String())
	if err != nil {
		return nil, fmt.Errorf("look for printed articles: %w", err)
	}
	defer rows.Close()
	printed := edition.Printed{}
	for rows.Next() {
		var slug string
		var at database.Time
		if err := rows.Scan(&slug, &at); err != nil {
			return nil, fmt.Errorf("look for printed articles: %w", err)
		}
		printed[slug] = at.Time
	}
	return printed, rows.Err()
}

// Shortfall returns how many articles d lacks for its slot's minimum; 0 or
// less means there are enough.
func (d Draft) Shortfall() int { return d.Edition.Shortfall(d.Slot.Slot) }

// A Severity says how much a finding matters.
type Severity string

// The severities.
const (
	Blocks Severity = "blocks" // the edition is held over it
	Warns  Severity = "warns"  // it goes out, but somebody should look
	Notes  Severity = "notes"  // worth knowing
)

// A Finding is one thing the preflight noticed about a draft.
type Finding struct {
	Severity Severity `json:"severity"`
	Text     string   `json:"text"`
}

// Findings returns what an editor should know before d goes out, the gravest
// first.
func (d Draft) Findings() []Finding {
	var list []Finding
	add := func(s Severity, format string, args ...any) {
		list = append(list, Finding{s, fmt.Sprintf(format, args...)})
	}
	if n := d.Shortfall(); n > 0 {
		add(Blocks, "%s", shortfallReason(d))
	}
	for _, r := range d.Refused {
		add(Warns, "left out: %s", r)
	}
	for _, w := range d.Warnings {
		add(Warns, "%s", w)
	}
	for _, c := range d.Issue.Cuts {
		add(Warns, "cut to fit the mail: %q, %d of %d words; continues at %s", c.Headline, c.Printed, c.Words, c.Continue)
	}
	if n := len(d.Issue.HTML); n >= warnBytes {
		add(Warns, "the HTML is %d bytes, near the limit of %d", n, templates.Budget)
	}
	for _, o := range d.Edition.Omitted {
		if o.Reason == edition.OmittedOld || o.Reason == edition.OmittedPrinted {
			continue // every article of every other day
		}
		until := ""
		if !o.Until.IsZero() {
			until = ", until " + o.Until.Format(time.RFC3339)
		}
		add(Notes, "not in this edition: %s (%s%s)", o.Slug, o.Reason, until)
	}
	return list
}

// warnBytes is the size of the HTML from which an editor is told.
const warnBytes = 90_000

func shortfallReason(d Draft) string {
	have := len(d.Edition.Lineup.Articles())
	noun := "articles"
	if have == 1 {
		noun = "article"
	}
	return fmt.Sprintf("%d %s since %s, the slot's minimum is %d",
		have, noun, d.Edition.Window.Since.UTC().Format(time.RFC3339), d.Slot.Minimum)
}
