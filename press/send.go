package press

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/zotpaper/zotpaper/dispatch"
	"github.com/zotpaper/zotpaper/edition"
	"github.com/zotpaper/zotpaper/internal/database"
)

// A Dispatched says how far an edition has come.
type Dispatched struct {
	Record Record
	Tally  dispatch.Tally
	Fresh  bool // it was frozen by this call, not before
}

// ErrComplete says that there is nothing left to do for an edition.
var ErrComplete = errors.New("every recipient has it")

// Send takes the edition of slot on date all the way: it assembles it as of
// now, unless it is frozen already, freezes it, dispatches it, and returns
// when every recipient has an end.
//
// Called again it goes on where the last call stopped; nobody gets the edition
// twice. It fails with a *HeldError if the edition does not go out, with a
// *dispatch.BusyError while another process dispatches it, with ErrComplete if
// it is complete already, and with a *StateError if an editor has stopped it.
//
// progress, which may be nil, is told the tally about once a second.
func (p *Press) Send(ctx context.Context, slot Slot, date edition.Date, who string, progress func(dispatch.Tally)) (Dispatched, error) {
	r, fresh, err := p.frozen(ctx, slot, date, who)
	if err != nil {
		return Dispatched{Record: r}, err
	}
	if r.State == edition.Complete {
		tally, err := p.Dispatcher.Ledger.Tally(ctx, r.ID)
		return Dispatched{Record: r, Tally: tally}, errors.Join(fmt.Errorf("edition %s: %w", r.Key, ErrComplete), err)
	}
	out, err := p.Dispatch(ctx, r, who, progress)
	out.Fresh = fresh
	return out, err
}

// frozen returns the edition of slot on date, frozen; fresh says that this call
// froze it.
func (p *Press) frozen(ctx context.Context, slot Slot, date edition.Date, who string) (r Record, fresh bool, err error) {
	key := edition.Key{Date: date, Slot: slot.ID}
	r, err = p.Record(ctx, key)
	switch {
	case err == nil && r.State.IsFrozen():
		return r, false, nil
	case err == nil && (r.State == edition.Missed || r.State == edition.Canceled):
		return r, false, &StateError{key, r.State, edition.Frozen}
	case err != nil && !errors.Is(err, ErrNotFound):
		return r, false, err
	}
	d, err := p.Draft(ctx, slot, date, p.Now())
	if err != nil {
		return r, false, err
	}
	frozen, _, err := p.Freeze(ctx, d, who)
	var late *StateError
	if errors.As(err, &late) || database.IsUnique(err) {
		// Another process was quicker. There is one edition, and it is theirs.
		r, err = p.Record(ctx, key)
		if err == nil && !r.State.IsFrozen() {
			err = &StateError{key, r.State, edition.Frozen}
		}
		return r, false, err
	}
	return frozen, err == nil, err
}

// Dispatch delivers the frozen edition r to those who have not got it, and
// returns when every recipient has an end. See Send for its errors.
func (p *Press) Dispatch(ctx context.Context, r Record, who string, progress func(dispatch.Tally)) (Dispatched, error) {
	out := Dispatched{Record: r}
	issue, _, err := p.Issue(ctx, r.Key)
	if err != nil {
		return out, err
	}
	// Composed and checked before any connection is opened: what is wrong with
	// it would be wrong in every copy.
	compose := func(started time.Time) (dispatch.Letter, error) {
		return p.newLetter(issue, r.Title, r.List, "", started)
	}
	if _, err := compose(r.Frozen); err != nil {
		return out, err
	}
	if r.State == edition.Frozen {
		err := p.change(ctx, func(ctx context.Context, ch *change) (err error) {
			out.Record, err = ch.move(ctx, r, edition.Dispatching, cause{who: who})
			return err
		})
		// Another process may have been quicker by a moment; the dispatch's
		// own lease decides who works on it.
		var late *StateError
		if err != nil && !errors.As(err, &late) {
			return out, err
		}
		out.Record.State = edition.Dispatching
	}
	out.Tally, err = p.Dispatcher.Run(ctx, r.Key, r.ID, compose, progress)
	if err != nil {
		return out, err
	}
	if !out.Tally.Complete() {
		return out, fmt.Errorf("dispatch %s: %d of %d recipients have no end", r.Key, out.Tally.Recipients-out.Tally.Ended(), out.Tally.Recipients)
	}
	out.Record, err = p.complete(ctx, out.Record, who)
	return out, err
}

// complete marks r complete. Another process that has just finished looking at
// the same ledger may have been quicker, which is as good.
func (p *Press) complete(ctx context.Context, r Record, who string) (Record, error) {
	done := r
	err := p.change(ctx, func(ctx context.Context, ch *change) (err error) {
		done, err = ch.move(ctx, r, edition.Complete, cause{who: who})
		return err
	})
	var late *StateError
	if !errors.As(err, &late) {
		return done, err
	}
	now, findErr := p.Record(ctx, r.Key)
	if findErr == nil && now.State == edition.Complete {
		return now, nil
	}
	return r, errors.Join(err, findErr)
}

// specimenRef stands for no subscriber: links made with it are well formed and
// lead to a page that says so.
const specimenRef = "aaaaaaaaaaaaaaaa"

// specimenAddress is whom a specimen is made out to.
const specimenAddress = "reader@example.org"

// specimen returns a delivery to address that is in no ledger.
func (p *Press) specimen(key edition.Key, address string) dispatch.Delivery {
	return dispatch.Delivery{
		Edition: key, Ref: specimenRef, Address: address, Attempts: 1,
		MessageID: fmt.Sprintf("%s.test.%d", key.Date.Compact(), p.Now().UnixMilli()),
		Started:   p.Now().Truncate(time.Second),
	}
}
