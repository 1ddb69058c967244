package press

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/zotpaper/zotpaper/edition"
	"github.com/zotpaper/zotpaper/internal/database"
)

// A HeldError says that an edition does not go out, and why.
type HeldError struct {
	Key    edition.Key
	Reason string
}

func (e *HeldError) Error() string {
	return fmt.Sprintf("edition %s is held: %s", e.Key, e.Reason)
}

const insertIssue = `
	INSERT INTO issues (edition_id, number, subject, preheader, html, text, web, facts, sha256, frozen_at)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`

const insertPrinted = `
	INSERT INTO printed_articles (edition_id, slug, position, headline)
	VALUES ($1, $2, $3, $4)`

// Freeze fixes d and its recipients for good, in one transaction, and returns
// the frozen edition with the number of recipients. who is on record for it.
//
// An edition is held instead if it has too few articles, or nobody to go to; if
// an editor has said so, has not released it and the slot asks for that, or has
// released another issue than it is now. Freeze records that, the editors hear of
// it, and it fails with a *HeldError. It fails with a *StateError if the edition
// was frozen meanwhile.
func (p *Press) Freeze(ctx context.Context, d Draft, who string) (Record, int, error) {
	for {
		v, err := p.verdictOn(ctx, d.Edition.Key)
		if err != nil {
			return Record{}, 0, err
		}
		kind, reason, err := p.objection(d, v)
		if err != nil {
			return Record{}, 0, err
		}
		if reason != "" {
			return Record{}, 0, p.hold(ctx, d, who, kind, reason)
		}
		r, recipients, err := p.freeze(ctx, d, v, who)
		if !errors.Is(err, errReconsider) {
			return r, recipients, err
		}
	}
}

// verdictOn returns the last word about the edition called key; nil if there is
// none.
func (p *Press) verdictOn(ctx context.Context, key edition.Key) (*Verdict, error) {
	r, err := p.Record(ctx, key)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return p.Verdict(ctx, r)
}

// errReconsider rolls a freeze back during which an editor has spoken.
var errReconsider = errors.New("an editor has spoken meanwhile")

// lateness says how much too late an edition is frozen; nothing if it is not.
func (p *Press) lateness(d Draft, now time.Time) string {
	cutoff, ok := p.Cutoff(d.Slot, d.Edition.Key.Date)
	if late := now.Sub(cutoff); ok && late > grace {
		return fmt.Sprintf("late by %s", late.Round(time.Minute))
	}
	return ""
}

// freeze freezes d, which nothing speaks against as long as v is the last word
// about it.
func (p *Press) freeze(ctx context.Context, d Draft, v *Verdict, who string) (Record, int, error) {
	var r Record
	var recipients int
	err := p.change(ctx, func(ctx context.Context, ch *change) (err error) {
		if r, err = ch.settle(ctx, d, edition.Draft, cause{who: who}); err != nil {
			return err
		}
		if last, err := findVerdict(ctx, ch, r); err != nil || last.number() != v.number() {
			return errors.Join(err, errReconsider)
		}
		if r, err = ch.move(ctx, r, edition.Frozen, cause{who, p.lateness(d, ch.now)}); err != nil {
			return err
		}
		if err = ch.insertIssue(ctx, r, 1, d); err != nil {
			return err
		}
		recipients, err = p.Dispatcher.Ledger.Freeze(ctx, ch.Tx, r.ID, r.List, r.Frozen.Add(d.Slot.Expire))
		if err == nil && recipients == 0 {
			// Nobody would ever get this edition: readers who are added an
			// hour later are not among its recipients.
			return errNobody
		}
		return err
	})
	if errors.Is(err, errNobody) {
		return Record{}, 0, p.hold(ctx, d, who, "nobody", fmt.Sprintf("list %q has no confirmed subscriber", d.Edition.List))
	}
	if err != nil {
		return Record{}, 0, fmt.Errorf("freeze %s: %w", d.Edition.Key, err)
	}
	return r, recipients, nil
}

const deletePrinted = `
	DELETE FROM printed_articles WHERE edition_id = $1`

// insertIssue fixes the issue of d as the one of that number of r, and which
// articles r carries.
func (ch *change) insertIssue(ctx context.Context, r Record, number int, d Draft) error {
	facts, err := json.Marshal(d.Facts())
	if err != nil {
		return err
	}
	i := d.Issue
	_, err = ch.ExecContext(ctx, insertIssue, r.ID, number, i.Subject, i.Preheader, i.HTML, i.Text, i.Web,
		string(facts), i.SHA256(), database.Time{Time: ch.now})
	if err != nil {
		return fmt.Errorf("fix the issue: %w", err)
	}
	if _, err := ch.ExecContext(ctx, deletePrinted, r.ID); err != nil {
		return fmt.Errorf("note the articles: %w", err)
	}
	for n, a := range d.Edition.Lineup.Articles() {
		if _, err := ch.ExecContext(ctx, insertPrinted, r.ID, a.Slug, n+1, a.Headline); err != nil {
			return fmt.Errorf("note the articles: %w", err)
		}
	}
	return nil
}

// errNobody rolls a freeze back that has no recipients.
var errNobody = errors.New("no recipients")

// hold records that d does not go out, tells the editors, and returns a
// *HeldError with the reason, or the error that kept it from being recorded.
// kind tells reasons apart of which the editors hear separately.
func (p *Press) hold(ctx context.Context, d Draft, who, kind, reason string) error {
	err := p.change(ctx, func(ctx context.Context, ch *change) error {
		if _, err := ch.settle(ctx, d, edition.Held, cause{who, reason}); err != nil {
			return err
		}
		subject, text := p.heldText(d, kind, reason)
		return ch.raise(ctx, p.Alerts, kind, d.Edition.Key, subject, text)
	})
	if err != nil {
		return fmt.Errorf("hold %s: %w", d.Edition.Key, err)
	}
	return &HeldError{d.Edition.Key, reason}
}
