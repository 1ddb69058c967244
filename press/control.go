package press

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/zotpaper/zotpaper/dispatch"
	"github.com/zotpaper/zotpaper/edition"
)

// drainFor is how long an editor's word waits for the conversations that have
// begun. A mail server may think that long about one message.
const drainFor = 11 * time.Minute

// underWay returns the record of an edition that is frozen and has not ended.
func (p *Press) underWay(ctx context.Context, key edition.Key, wanted edition.State) (Record, error) {
	r, err := p.Record(ctx, key)
	if err == nil && r.State != edition.Frozen && r.State != edition.Dispatching {
		err = &StateError{key, r.State, wanted}
	}
	return r, err
}

// ErrAsItIs says that an editor's word would change nothing.
var ErrAsItIs = errors.New("there is nothing to do")

// Control returns whether the dispatch of r may go on, and who said so. It
// fails with [dispatch.ErrNoDispatch] while r is not frozen.
func (p *Press) Control(ctx context.Context, r Record) (dispatch.Control, error) {
	return p.Dispatcher.Ledger.Control(ctx, r.ID)
}

// Pause keeps every process from beginning further deliveries of an edition.
// It takes effect when it returns; conversations under way come to their end.
// It fails with ErrAsItIs if the edition is paused already.
func (p *Press) Pause(ctx context.Context, key edition.Key, who, why string) (Record, error) {
	r, control, err := p.controlled(ctx, key, edition.Dispatching)
	if err == nil && control.State == dispatch.Paused {
		err = fmt.Errorf("%w: %w", ErrAsItIs, &dispatch.HaltError{Edition: key, Control: control})
	}
	if err != nil {
		return r, fmt.Errorf("pause: %w", err)
	}
	return r, p.halt(ctx, r, dispatch.Paused, who, why)
}

// controlled is like underWay, and returns the state of the dispatch as well.
func (p *Press) controlled(ctx context.Context, key edition.Key, wanted edition.State) (Record, dispatch.Control, error) {
	r, err := p.underWay(ctx, key, wanted)
	if err != nil {
		return r, dispatch.Control{}, err
	}
	control, err := p.Control(ctx, r)
	return r, control, err
}

// halt stops the dispatch of r, and writes down who did.
func (p *Press) halt(ctx context.Context, r Record, state dispatch.ControlState, who, why string) error {
	err := p.change(ctx, func(ctx context.Context, ch *change) error {
		if err := p.Dispatcher.Ledger.Halt(ctx, ch.Tx, r.ID, state, who, why); err != nil {
			return err
		}
		return ch.note(ctx, r, r.State, cause{who, because(string(state), why)})
	})
	if err != nil {
		return fmt.Errorf("edition %s: %w", r.Key, err)
	}
	return nil
}

// because returns what was done and why.
func because(what, why string) string {
	if why == "" {
		return what
	}
	return what + ": " + why
}

// Resume lets a dispatch go on that was paused, or had stopped because we were
// refused. It fails with ErrAsItIs if it is neither.
func (p *Press) Resume(ctx context.Context, key edition.Key, who string) (Record, error) {
	r, control, err := p.controlled(ctx, key, edition.Dispatching)
	if err == nil && control.State == dispatch.Running {
		err = fmt.Errorf("%w: edition %s is neither paused nor stopped", ErrAsItIs, key)
	}
	if err != nil {
		return r, fmt.Errorf("resume: %w", err)
	}
	return r, p.resume(ctx, r, who)
}

func (p *Press) resume(ctx context.Context, r Record, who string) error {
	err := p.change(ctx, func(ctx context.Context, ch *change) error {
		if err := p.Dispatcher.Ledger.Resume(ctx, ch.Tx, r.ID, who); err != nil {
			return err
		}
		return ch.note(ctx, r, r.State, cause{who, "resumed"})
	})
	if err != nil {
		return fmt.Errorf("resume edition %s: %w", r.Key, err)
	}
	return nil
}

// resumeStopped resumes the dispatch of r if it stopped by itself. What an
// editor paused stays paused.
func (p *Press) resumeStopped(ctx context.Context, r Record, who string) error {
	err := p.change(ctx, func(ctx context.Context, ch *change) error {
		resumed, err := p.Dispatcher.Ledger.ResumeStopped(ctx, ch.Tx, r.ID, who)
		if err != nil || !resumed {
			return err
		}
		return ch.note(ctx, r, r.State, cause{who, "resumed"})
	})
	if err != nil {
		return fmt.Errorf("resume edition %s: %w", r.Key, err)
	}
	return nil
}

// Cancel ends an edition for good: whoever has not got it will not. It waits
// until the conversations under way have ended. If that is interrupted, nobody
// is mailed any more, and Cancel called again ends the edition.
func (p *Press) Cancel(ctx context.Context, key edition.Key, who, why string) (Dispatched, error) {
	r, err := p.Record(ctx, key)
	switch {
	case err != nil:
		return Dispatched{Record: r}, fmt.Errorf("cancel: %w", err)
	case r.State == edition.Complete, r.State == edition.Canceled, r.State == edition.Missed:
		return Dispatched{Record: r}, &StateError{key, r.State, edition.Canceled}
	}
	frozen := r.State.IsFrozen()
	if frozen {
		if err := p.cease(ctx, r, who, why); err != nil {
			return Dispatched{Record: r}, err
		}
	}
	ledger := p.Dispatcher.Ledger
	err = p.change(ctx, func(ctx context.Context, ch *change) error {
		now, err := findRecord(ctx, ch, key)
		if err != nil {
			return err
		}
		if now.State.IsFrozen() != frozen {
			return &StateError{key, now.State, edition.Canceled} // just now
		}
		if frozen {
			if err := ledger.Cancel(ctx, ch.Tx, r.ID); err != nil {
				return err
			}
		}
		r, err = ch.move(ctx, now, edition.Canceled, cause{who, why})
		return err
	})
	if err != nil {
		return Dispatched{Record: r}, fmt.Errorf("cancel edition %s: %w", key, err)
	}
	tally, err := ledger.Tally(ctx, r.ID)
	return Dispatched{Record: r, Tally: tally}, err
}

// cease stops the dispatch of r for good, unless an earlier call did, and waits
// until no process works on it.
func (p *Press) cease(ctx context.Context, r Record, who, why string) error {
	control, err := p.Control(ctx, r)
	if err != nil {
		return fmt.Errorf("cancel edition %s: %w", r.Key, err)
	}
	if control.State != dispatch.Ceased {
		if err := p.halt(ctx, r, dispatch.Ceased, who, why); err != nil {
			return err
		}
	}
	// Whoever is in doubt may have it: that is no cancellation.
	if err := p.drain(ctx, r, dispatch.Hold); err != nil {
		return fmt.Errorf("cancel edition %s; nobody is mailed any more, cancel it again to end it: %w", r.Key, err)
	}
	return nil
}

// drain waits until the conversations about r that have begun are over, and
// settles what dead processes left.
func (p *Press) drain(ctx context.Context, r Record, policy dispatch.InDoubt) error {
	ctx, cancel := context.WithTimeout(ctx, drainFor)
	defer cancel()
	return p.Dispatcher.Drain(ctx, r.Key, r.ID, policy)
}

// A Replaced says what became of a replacement.
type Replaced struct {
	Record     Record
	Issue      int // number of the new issue
	Recipients int // who will get it
}

// Replace stops the dispatch of an edition, assembles and freezes a new issue
// of it from the articles as they are now, within the same window, and has it
// sent to everybody who has not been reached. Both issues stay on record.
//
// When the new issue cannot be made, the dispatch stays paused, and the error
// says why.
func (p *Press) Replace(ctx context.Context, key edition.Key, who, why string) (Replaced, error) {
	out := Replaced{}
	r, err := p.underWay(ctx, key, edition.Replaced)
	if err != nil {
		return out, fmt.Errorf("replace: %w", err)
	}
	if err := p.halt(ctx, r, dispatch.Paused, who, because("to replace the issue", why)); err != nil {
		return out, err
	}
	var d Draft
	if err = p.drain(ctx, r, p.Dispatcher.OnInDoubt); err == nil {
		d, err = p.redraft(ctx, r)
	}
	if err == nil {
		err = p.change(ctx, func(ctx context.Context, ch *change) error {
			out, err = p.putInPlace(ctx, ch, key, d, cause{who, why})
			return err
		})
	}
	if err != nil {
		return out, fmt.Errorf("replace edition %s, which stays paused: %w", key, err)
	}
	return out, nil
}

// putInPlace makes d the issue of an edition that was halted and drained, and
// lets it go on.
func (p *Press) putInPlace(ctx context.Context, ch *change, key edition.Key, d Draft, c cause) (Replaced, error) {
	var out Replaced
	ledger := p.Dispatcher.Ledger
	r, err := findRecord(ctx, ch, key)
	if err != nil {
		return out, err
	}
	if r.State != edition.Frozen && r.State != edition.Dispatching {
		return out, &StateError{key, r.State, edition.Replaced} // just now
	}
	if r, err = ch.move(ctx, r, edition.Replaced, c); err != nil {
		return out, err
	}
	if out.Issue, out.Recipients, err = ledger.Replace(ctx, ch.Tx, r.ID); err != nil {
		return out, err
	}
	if out.Recipients == 0 {
		return out, errNobodyLeft
	}
	if err := ch.insertIssue(ctx, r, out.Issue, d); err != nil {
		return out, err
	}
	if r, err = ch.move(ctx, r, edition.Frozen, cause{c.who, fmt.Sprintf("issue %d", out.Issue)}); err != nil {
		return out, err
	}
	out.Record = r
	if err := ledger.Resume(ctx, ch.Tx, r.ID, c.who); err != nil {
		return out, err
	}
	return out, nil
}

var (
	// errUnchanged says that a new issue would be the old one.
	errUnchanged = errors.New("the articles give the very issue that is going out")
	// errNobodyLeft says that a new issue would go to nobody.
	errNobodyLeft = errors.New("nobody is left to send another issue to")
)

// redraft assembles r's edition anew, in the window that it has.
func (p *Press) redraft(ctx context.Context, r Record) (Draft, error) {
	slot, err := p.Slot(r.Key.Slot)
	if err != nil {
		return Draft{}, err
	}
	d, err := p.draftIn(ctx, slot, r.Key, r.Window)
	if err != nil {
		return d, err
	}
	if d.Shortfall() > 0 {
		return d, errors.New(shortfallReason(d))
	}
	old, _, err := p.Issue(ctx, r.Key)
	if err == nil && old.SHA256() == d.Issue.SHA256() {
		err = errUnchanged
	}
	return d, err
}

// A Released says what an editor's release set going.
type Released struct {
	Record Record
	Again  int  // deliveries that were held in doubt and are sent again
	Paused bool // not before an editor resumes the edition
}

// ErrNothingHeld says that nothing of an edition waits for an editor's release.
var ErrNothingHeld = errors.New("nothing of it waits to be released")

// Release sends those deliveries of an edition again that were in doubt and
// held for an editor, with the Message-ID they had. An edition that was
// complete is dispatched again for them. One that is paused stays so.
//
// It fails with ErrNothingHeld if there are none.
func (p *Press) Release(ctx context.Context, key edition.Key, who string) (Released, error) {
	out, err := p.release(ctx, key, who)
	if err != nil {
		return out, fmt.Errorf("release edition %s: %w", key, err)
	}
	return out, nil
}

func (p *Press) release(ctx context.Context, key edition.Key, who string) (Released, error) {
	var out Released
	r, err := p.Record(ctx, key)
	if err != nil {
		return out, err
	}
	if r.State != edition.Complete && r.State != edition.Dispatching && r.State != edition.Frozen {
		return out, &StateError{key, r.State, edition.Dispatching}
	}
	control, err := p.Control(ctx, r)
	if err != nil {
		return out, err
	}
	ledger := p.Dispatcher.Ledger
	err = p.change(ctx, func(ctx context.Context, ch *change) error {
		if out.Record, err = findRecord(ctx, ch, key); err != nil {
			return err
		}
		if out.Again, err = ledger.ReleaseHeld(ctx, ch.Tx, r.ID, who); err != nil {
			return err
		}
		if out.Again == 0 {
			return ErrNothingHeld
		}
		if out.Paused = control.State == dispatch.Paused; out.Paused {
			// The ledger lets it go on, which nobody has asked for.
			if err := ledger.Halt(ctx, ch.Tx, r.ID, control.State, control.Who, control.Why); err != nil {
				return err
			}
		}
		c := cause{who, fmt.Sprintf("released %d held in doubt", out.Again)}
		if out.Record.State == edition.Complete {
			out.Record, err = ch.move(ctx, out.Record, edition.Dispatching, c)
			return err
		}
		return ch.note(ctx, out.Record, out.Record.State, c)
	})
	return out, err
}
