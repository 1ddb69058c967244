package press

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/zotpaper/zotpaper/edition"
	"github.com/zotpaper/zotpaper/internal/database"
)

// deadline returns until when the edition of slot on date may go out, late as it
// may be; ok is false if the slot does not come round on that date.
func (p *Press) deadline(slot Slot, date edition.Date) (t time.Time, ok bool) {
	cutoff, ok := p.Cutoff(slot, date)
	return cutoff.Add(slot.CatchUp), ok
}

// remindBefore is how long before its time the editors hear that an edition
// waits for their release.
const remindBefore = time.Hour

// Tend brings the edition of slot on date as far as it may go at this moment: it
// makes the draft when its window opens, reminds the editors of a release they
// have to give, freezes it at its time, holds it if something speaks against
// that, and gives it up as missed when it is too late. Nothing is to be done for
// an edition that is frozen, or has ended.
//
// It may be called at any time and by several processes at once; they make one
// edition. It is an error only if it could not be done: what an edition is held
// for is on record, and the editors hear of it.
func (p *Press) Tend(ctx context.Context, slot Slot, date edition.Date, who string) error {
	cutoff, ok := p.Cutoff(slot, date)
	if !ok {
		return nil
	}
	key := edition.Key{Date: date, Slot: slot.ID}
	now := p.Now()
	r, err := p.Record(ctx, key)
	found := !errors.Is(err, ErrNotFound)
	switch {
	case err != nil && found:
		return err
	case found && r.State != edition.Planned && r.State != edition.Draft && r.State != edition.Held:
		return nil
	case now.Before(cutoff):
		return p.prepare(ctx, slot, date, r, cutoff, who)
	case now.After(cutoff.Add(slot.CatchUp)) && now.Sub(cutoff) > grace:
		return p.Miss(ctx, slot, date, who)
	}
	_, err = p.Frozen(ctx, slot, date, who)
	var heldBack *HeldError
	var late *StateError
	if errors.As(err, &heldBack) || errors.As(err, &late) {
		return nil
	}
	return err
}

// grace is how much later than its time an edition may always go out: nothing
// that keeps time is exact, and slot.CatchUp may be nothing at all.
const grace = 2 * time.Minute

// prepare does what there is to do for an edition before its time.
func (p *Press) prepare(ctx context.Context, slot Slot, date edition.Date, r Record, cutoff time.Time, who string) error {
	d, err := p.outline(ctx, slot, date)
	if err != nil || p.Now().Before(d.Edition.Window.Since) {
		return err
	}
	var v *Verdict
	if r.ID != 0 {
		if v, err = p.Verdict(ctx, r); err != nil {
			return err
		}
	}
	remind := slot.Approval && v == nil && cutoff.Sub(p.Now()) <= remindBefore
	if r.ID != 0 && !remind {
		return nil
	}
	err = p.change(ctx, func(ctx context.Context, ch *change) error {
		if r.ID == 0 {
			if _, err := ch.settle(ctx, d, edition.Draft, cause{who: who}); err != nil {
				return err
			}
		}
		if !remind {
			return nil
		}
		subject, text := p.heldText(d, "approval", "it waits for an editor's release; its time is "+p.clockTime(cutoff))
		return ch.raise(ctx, p.Alerts, "approval", d.Edition.Key, subject, text)
	})
	var late *StateError
	if errors.As(err, &late) || database.IsUnique(err) {
		return nil // another process was quicker
	}
	if err != nil {
		return fmt.Errorf("prepare edition %s: %w", d.Edition.Key, err)
	}
	return nil
}

// Miss gives the edition of slot on date up: its time has passed. The articles
// that it would have carried go into the slot's next one. It fails with a
// *StateError if it is frozen or has ended.
func (p *Press) Miss(ctx context.Context, slot Slot, date edition.Date, who string) error {
	d, err := p.outline(ctx, slot, date)
	if err != nil {
		return err
	}
	key := d.Edition.Key
	err = p.change(ctx, func(ctx context.Context, ch *change) error {
		before, err := findRecord(ctx, ch, key)
		why := "nothing ran at its time"
		switch {
		case err == nil && before.State == edition.Held:
			why = before.Reason
		case err != nil && !errors.Is(err, ErrNotFound):
			return err
		}
		r, err := ch.settle(ctx, d, edition.Missed, cause{who, why})
		if err != nil {
			return err
		}
		text := fmt.Sprintf("%s did not go out: %s. It is too late now.\n\nIts articles go into the slot's next edition, as far as they are not too old.\n"+
			"To make sure that it does not happen again: keep \"zotpaper serve\" running, or look at \"zotpaper edition show %s\".\n", name(r.Title, key), why, key)
		return ch.raise(ctx, p.Alerts, "missed", key, "Missed: "+name(r.Title, key), text)
	})
	if database.IsUnique(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("miss edition %s: %w", key, err)
	}
	return nil
}

// missedAtMost bounds the editions of a slot that are recorded as missed at once:
// after a longer silence nobody asks for each.
const missedAtMost = 31

const lastEdition = `
	SELECT MAX(date) FROM editions WHERE slot = $1 AND state NOT IN ('planned', 'draft', 'held')`

const openEditions = `
	SELECT   date FROM editions
	WHERE    slot = $1 AND date < $2 AND state IN ('planned', 'draft', 'held')
	ORDER BY date
	LIMIT    $3`

// Due tends every edition of slot that wants something at this moment: those
// that are past and were left open, those whose time went by while nothing ran,
// today's, and the next. Of those that were left out only the newest can still
// go out, if it is not too late; the others are missed.
func (p *Press) Due(ctx context.Context, slot Slot, who string) error {
	now := p.Now()
	_, next, ok := p.NextCutoff(slot, now)
	if !ok {
		return nil
	}
	dates, err := p.passed(ctx, slot, next)
	if err != nil {
		return fmt.Errorf("slot %s: %w", slot.ID, err)
	}
	var errs []error
	for i, date := range dates {
		if i < len(dates)-1 {
			errs = append(errs, p.overtaken(ctx, slot, date, who))
		} else {
			errs = append(errs, p.Tend(ctx, slot, date, who))
		}
	}
	return errors.Join(append(errs, p.Tend(ctx, slot, next, who))...)
}

// overtaken gives an edition up that a later one of its slot has overtaken.
func (p *Press) overtaken(ctx context.Context, slot Slot, date edition.Date, who string) error {
	err := p.Miss(ctx, slot, date, who)
	var ended *StateError
	if errors.As(err, &ended) {
		return nil
	}
	return err
}

// passed returns the dates before next on which slot came round and that have no
// edition, or one that was left open; the oldest first. A slot that never had an
// edition has not missed any.
func (p *Press) passed(ctx context.Context, slot Slot, next edition.Date) ([]edition.Date, error) {
	dates, err := p.left(ctx, slot, next)
	if err != nil {
		return nil, err
	}
	var newest *string
	if err := p.DB.QueryRowContext(ctx, lastEdition, slot.ID).Scan(&newest); err != nil {
		return nil, fmt.Errorf("look for the last edition: %w", err)
	}
	if newest == nil {
		// Today's time may have passed a moment ago.
		if today := p.Today(); len(dates) == 0 && today.Before(next) {
			if cutoff, ok := p.Cutoff(slot, today); ok && p.Now().Sub(cutoff) <= slot.CatchUp {
				return []edition.Date{today}, nil
			}
		}
		return dates, nil
	}
	last, err := edition.ParseDate(*newest)
	if err != nil {
		return nil, err
	}
	known := map[edition.Date]bool{}
	for _, date := range dates {
		known[date] = true
	}
	first := next.AddDays(-missedAtMost)
	if last.Before(first) {
		last = first
	}
	for date := last.AddDays(1); date.Before(next); date = date.AddDays(1) {
		if _, ok := p.Cutoff(slot, date); ok && !known[date] {
			dates = append(dates, date)
		}
	}
	slices.SortFunc(dates, func(a, b edition.Date) int { return strings.Compare(a.String(), b.String()) })
	return dates, nil
}

// left returns the dates before next whose edition was left open.
func (p *Press) left(ctx context.Context, slot Slot, next edition.Date) ([]edition.Date, error) {
	rows, err := p.DB.QueryContext(ctx, openEditions, slot.ID, next.String(), missedAtMost)
	if err != nil {
		return nil, fmt.Errorf("look for open editions: %w", err)
	}
	defer rows.Close()
	var dates []edition.Date
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, fmt.Errorf("look for open editions: %w", err)
		}
		date, err := edition.ParseDate(text)
		if err != nil {
			return nil, err
		}
		dates = append(dates, date)
	}
	return dates, rows.Err()
}

// tendEvery is how often every slot is looked at, besides at its times.
const tendEvery = 15 * time.Second

// Keep tends the editions of all slots until ctx ends, each slot by itself: one
// that fails, or takes long, keeps none of the others from its time. Whoever
// runs [Press.Work] dispatches what it freezes.
func (p *Press) Keep(ctx context.Context, who string) {
	var slots sync.WaitGroup
	for _, slot := range p.Slots {
		slots.Go(func() { p.keep(ctx, slot, who) })
	}
	slots.Wait()
}

func (p *Press) keep(ctx context.Context, slot Slot, who string) {
	announced := time.Time{}
	for ctx.Err() == nil {
		if err := p.dueSafely(ctx, slot, who); err != nil && ctx.Err() == nil {
			p.Log.Error("an edition could not be brought forward; trying again", "slot", slot.ID, "error", err)
		}
		next, _, ok := p.NextCutoff(slot, p.Now())
		if !ok {
			return // the check of the configuration keeps this from happening
		}
		if !next.Equal(announced) {
			p.Log.Info("waiting for the next edition", "slot", slot.ID, "at", next.In(p.Publication.Zone).Format(time.RFC3339))
			announced = next
		}
		// Not for long: clocks are set, and laptops sleep.
		timer := time.NewTimer(min(next.Sub(p.Now()), tendEvery))
		select {
		case <-ctx.Done():
			timer.Stop()
		case <-timer.C:
		}
	}
}

// dueSafely is Due, with a panic turned into an error: it must not end the day of
// this slot, nor of others.
func (p *Press) dueSafely(ctx context.Context, slot Slot, who string) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	return p.Due(ctx, slot, who)
}
