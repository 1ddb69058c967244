package press

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/zotpaper/zotpaper/edition"
	"github.com/zotpaper/zotpaper/internal/database"
)

// A cause says who changes an edition's state, and why.
type cause struct {
	who string
	why string // may be empty
}

// A StateError says that an edition is not in a state from which it can go
// where it was asked to.
type StateError struct {
	Key    edition.Key
	State  edition.State
	Wanted edition.State
}

func (e *StateError) Error() string {
	return fmt.Sprintf("edition %s is %s and cannot become %s", e.Key, e.State, e.Wanted)
}

const insertEdition = `
	INSERT INTO editions (slot, date, title, list, state, reason, window_since, window_until, created_at, changed_at)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)
	RETURNING id`

const updateDraft = `
	UPDATE editions
	SET    title = $1, list = $2, state = $3, reason = $4, window_since = $5, window_until = $6, changed_at = $7
	WHERE  id = $8 AND state IN ('planned', 'draft', 'held')`

const insertTransition = `
	INSERT INTO transitions (edition_id, old_state, new_state, who, why, at)
	VALUES ($1, $2, $3, $4, $5, $6)`

// A change is one transaction on editions. The steps it takes are logged once
// they are committed, so that the log never tells of what did not happen.
type change struct {
	*sql.Tx
	now   time.Time
	steps []step
}

type step struct {
	key edition.Key
	Transition
}

// change runs f in a transaction; f may be run again, see
// [database.DB.Transact].
func (p *Press) change(ctx context.Context, f func(context.Context, *change) error) error {
	var ch *change
	err := p.DB.Transact(ctx, func(ctx context.Context, tx *sql.Tx) error {
		ch = &change{Tx: tx, now: p.Now()}
		return f(ctx, ch)
	})
	if err != nil {
		return err
	}
	for _, s := range ch.steps {
		p.Log.Info("edition "+string(s.New), "edition", s.key.String(), "from", string(s.Old), "who", s.Who, "why", s.Why)
	}
	return nil
}

// settle records d as an edition in state, draft or held: it makes the edition
// or brings it up to date. It fails with a *StateError if the edition is past
// that.
func (ch *change) settle(ctx context.Context, d Draft, state edition.State, c cause) (Record, error) {
	e := d.Edition
	now := database.Time{Time: ch.now}
	since, until := database.Time{Time: e.Window.Since}, database.Time{Time: e.Window.Until}
	r, err := findRecord(ctx, ch, e.Key)
	old := r.State
	switch {
	case errors.Is(err, ErrNotFound):
		err = ch.QueryRowContext(ctx, insertEdition, e.Key.Slot, e.Key.Date.String(), e.Title, e.List,
			string(state), c.why, since, until, now).Scan(&r.ID)
	case err != nil:
		return r, err
	default:
		var result sql.Result
		result, err = ch.ExecContext(ctx, updateDraft, e.Title, e.List, string(state), c.why, since, until, now, r.ID)
		if err == nil {
			if n, countErr := result.RowsAffected(); countErr != nil || n != 1 {
				return r, errors.Join(&StateError{e.Key, old, state}, countErr)
			}
		}
	}
	if err != nil {
		return r, fmt.Errorf("record edition %s: %w", e.Key, err)
	}
	r.Key, r.Title, r.List, r.State, r.Reason, r.Window = e.Key, e.Title, e.List, state, c.why, e.Window
	if old == state {
		return r, nil // brought up to date, no step in its life
	}
	return r, ch.note(ctx, r, old, c)
}

// note writes down that r has come from old into its state.
func (ch *change) note(ctx context.Context, r Record, old edition.State, c cause) error {
	from := sql.NullString{String: string(old), Valid: old != ""}
	_, err := ch.ExecContext(ctx, insertTransition, r.ID, from, string(r.State), c.who, c.why, database.Time{Time: ch.now})
	if err != nil {
		return fmt.Errorf("note the transition of edition %s: %w", r.Key, err)
	}
	ch.steps = append(ch.steps, step{r.Key, Transition{old, r.State, c.who, c.why, ch.now}})
	return nil
}

const updateState = `
	UPDATE editions
	SET    state = $1, reason = $2, frozen_at = COALESCE(frozen_at, $3), completed_at = $4, changed_at = $5
	WHERE  id = $6 AND state = $7`

// move takes r into state. It fails with a *StateError if r is no longer in
// the state it says.
func (ch *change) move(ctx context.Context, r Record, state edition.State, c cause) (Record, error) {
	now := ch.now
	var frozen, completed database.Time
	if state == edition.Frozen {
		frozen.Time = now
	}
	if state == edition.Complete {
		completed.Time = now
	}
	result, err := ch.ExecContext(ctx, updateState, string(state), c.why, frozen, completed, database.Time{Time: now}, r.ID, string(r.State))
	if err != nil {
		return r, fmt.Errorf("edition %s to %s: %w", r.Key, state, err)
	}
	if n, err := result.RowsAffected(); err != nil || n != 1 {
		return r, errors.Join(&StateError{r.Key, r.State, state}, err)
	}
	old := r.State
	r.State, r.Reason = state, c.why
	if state == edition.Frozen && r.Frozen.IsZero() {
		r.Frozen = frozen.Time // that of the first issue, if it is replaced
	}
	r.Completed = completed.Time
	return r, ch.note(ctx, r, old, c)
}
