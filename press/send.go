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
	Fresh  bool          // it was frozen by this call, not before
	Freeze time.Duration // how long that took
}

// ErrComplete says that there is nothing left to do for an edition.
var ErrComplete = errors.New("every recipient has it")

// Send takes the edition of slot on date all the way: it assembles it as of
// now, unless it is frozen already, freezes it, dispatches it, and returns
// when every recipient has an end.
//
// Called again it goes on where the last call stopped; nobody gets the edition
// twice; while other processes dispatch it, they share the work. A dispatch that
// had stopped because we were refused is resumed. Send fails with a *HeldError
// if the edition does not go out, with a *dispatch.HaltError if an editor has
// paused it, with ErrComplete if it is complete already, and with a *StateError
// if an editor has canceled it.
//
// progress, which may be nil, is told about once a second how far it is.
func (p *Press) Send(ctx context.Context, slot Slot, date edition.Date, who string, progress func(dispatch.Progress)) (Dispatched, error) {
	begun := p.Now()
	r, fresh, err := p.frozen(ctx, slot, date, who)
	froze := p.Now().Sub(begun)
	if err != nil {
		return Dispatched{Record: r}, err
	}
	if r.State == edition.Complete {
		tally, err := p.Dispatcher.Ledger.Tally(ctx, r.ID)
		return Dispatched{Record: r, Tally: tally}, errors.Join(fmt.Errorf("edition %s: %w", r.Key, ErrComplete), err)
	}
	if err := p.resumeStopped(ctx, r, who); err != nil {
		return Dispatched{Record: r}, err
	}
	out, err := p.Dispatch(ctx, r, who, progress)
	if out.Fresh = fresh; fresh {
		out.Freeze = froze
	}
	return out, err
}

// Frozen freezes the edition of slot on date, unless it is frozen already, and
// returns it; [Press.Work] dispatches it. See Send for its errors.
func (p *Press) Frozen(ctx context.Context, slot Slot, date edition.Date, who string) (Record, error) {
	r, _, err := p.frozen(ctx, slot, date, who)
	return r, err
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
// returns when every recipient has an end. Several processes may do so at once.
// See Send for its errors.
func (p *Press) Dispatch(ctx context.Context, r Record, who string, progress func(dispatch.Progress)) (Dispatched, error) {
	out := Dispatched{Record: r}
	if r.State == edition.Frozen {
		err := p.change(ctx, func(ctx context.Context, ch *change) (err error) {
			out.Record, err = ch.move(ctx, r, edition.Dispatching, cause{who: who})
			return err
		})
		// Another process may have been quicker by a moment, and works on it.
		var late *StateError
		if err != nil && !errors.As(err, &late) {
			return out, err
		}
		out.Record.State = edition.Dispatching
	}
	tally, err := p.Dispatcher.Run(ctx, dispatch.Assignment{
		Edition: r.Key, EditionID: r.ID, Progress: progress,
		Compose: func(ctx context.Context, number int, started time.Time) (dispatch.Letter, error) {
			issue, _, err := p.IssueNumber(ctx, r.Key, number)
			if err != nil {
				return nil, err
			}
			return p.newLetter(issue, r.Title, r.List, "", started)
		},
	})
	out.Tally = tally
	if err != nil {
		return out, errors.Join(err, p.tellStopped(ctx, r, err))
	}
	if !out.Tally.Complete() {
		return out, fmt.Errorf("dispatch %s: %d of %d recipients have no end", r.Key, out.Tally.Recipients-out.Tally.Ended(), out.Tally.Recipients)
	}
	out.Record, err = p.complete(ctx, out.Record, out.Tally, who)
	return out, err
}

// tellStopped tells the editors of a dispatch that stopped by itself.
func (p *Press) tellStopped(ctx context.Context, r Record, stopped error) error {
	var stop *dispatch.StopError
	if !errors.As(stopped, &stop) {
		return nil
	}
	return p.change(context.WithoutCancel(ctx), func(ctx context.Context, ch *change) error {
		return ch.raise(ctx, p.Alerts, "stopped", r.Key, "Stopped: "+name(r.Title, r.Key), stoppedText(r, stop))
	})
}

// complete marks r complete. Another process that has just finished looking at
// the same ledger may have been quicker, which is as good.
func (p *Press) complete(ctx context.Context, r Record, tally dispatch.Tally, who string) (Record, error) {
	done := r
	err := p.change(ctx, func(ctx context.Context, ch *change) (err error) {
		if err := p.Dispatcher.Ledger.Settled(ctx, ch.Tx, r.ID); err != nil {
			return fmt.Errorf("complete edition %s: %w", r.Key, err)
		}
		if done, err = ch.move(ctx, r, edition.Complete, cause{who: who}); err != nil {
			return err
		}
		return ch.raise(ctx, p.Alerts, "complete", r.Key, "Sent: "+name(r.Title, r.Key), completeText(r, tally, ch.now))
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
