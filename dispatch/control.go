package dispatch

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/zotpaper/zotpaper/edition"
	"github.com/zotpaper/zotpaper/internal/database"
)

// A ControlState says whether a dispatch may go on. Every process that works
// on it looks at it before each delivery.
type ControlState string

// The states of a dispatch.
const (
	Running ControlState = "running"
	Paused  ControlState = "paused"  // by an editor, until they resume it
	Stopped ControlState = "stopped" // by itself: we are refused; again by send or serve
	Ceased  ControlState = "canceled"
)

// A Control is the state of a dispatch, with who brought it there.
type Control struct {
	State   ControlState `json:"state"`
	Issue   int          `json:"issue"` // number of the one that goes out
	Who     string       `json:"who,omitempty"`
	Why     string       `json:"why,omitempty"`
	Changed time.Time    `json:"changed_at,omitzero"`
}

// A HaltError says that a dispatch does not go on because of its state.
type HaltError struct {
	Edition edition.Key
	Control
}

func (e *HaltError) Error() string {
	text := fmt.Sprintf("dispatch of %s is %s", e.Edition, e.State)
	if e.Who != "" {
		text += " by " + e.Who
	}
	if e.Why != "" {
		text += ": " + e.Why
	}
	return text
}

// ErrNoDispatch says that an edition was never frozen.
var ErrNoDispatch = errors.New("it is not frozen")

const selectControl = `
	SELECT state, issue, who, why, changed_at FROM dispatches WHERE edition_id = $1`

// Control returns the state of a dispatch, or ErrNoDispatch.
func (l Ledger) Control(ctx context.Context, editionID int64) (Control, error) {
	var c Control
	var changed database.Time
	err := l.DB.QueryRowContext(ctx, selectControl, editionID).Scan(&c.State, &c.Issue, &c.Who, &c.Why, &changed)
	c.Changed = changed.Time
	if errors.Is(err, sql.ErrNoRows) {
		return c, ErrNoDispatch
	}
	if err != nil {
		return c, fmt.Errorf("state of the dispatch: %w", err)
	}
	return c, nil
}

// updateControl leaves a dispatch that was canceled as it is. One that stops by
// itself was running: what an editor paused meanwhile stays paused.
const updateControl = `
	UPDATE dispatches
	SET    state = $1, who = $2, why = $3, changed_at = $4
	WHERE  edition_id = $5 AND state <> 'canceled' AND ($1 <> 'stopped' OR state = 'running')`

// set brings a dispatch into state, within tx. One that was canceled stays so.
func (l Ledger) set(ctx context.Context, tx *sql.Tx, editionID int64, state ControlState, who, why string) error {
	result, err := tx.ExecContext(ctx, updateControl, string(state), who, keptText(why), database.Time{Time: l.Now()}, editionID)
	if err != nil {
		return fmt.Errorf("make the dispatch %s: %w", state, err)
	}
	if n, err := result.RowsAffected(); err != nil || n != 1 {
		return errors.Join(errors.New("the dispatch is canceled"), err)
	}
	return nil
}

// Halt keeps every process from beginning further deliveries, from the moment
// on at which tx is committed. Conversations that have begun come to their
// end; [Dispatcher.Drain] waits for that.
func (l Ledger) Halt(ctx context.Context, tx *sql.Tx, editionID int64, state ControlState, who, why string) error {
	return l.set(ctx, tx, editionID, state, who, why)
}

const lockStopped = `
	UPDATE dispatches SET state = state
	WHERE  edition_id = $1 AND state = 'stopped'`

// ResumeStopped lets a dispatch go on, within tx, that had stopped by itself,
// and reports whether it had: one that an editor has paused meanwhile stays
// paused.
func (l Ledger) ResumeStopped(ctx context.Context, tx *sql.Tx, editionID int64, who string) (bool, error) {
	result, err := tx.ExecContext(ctx, lockStopped, editionID)
	if err != nil {
		return false, fmt.Errorf("resume the dispatch: %w", err)
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return false, err
	}
	return true, l.Resume(ctx, tx, editionID, who)
}

const countOpen = `
	SELECT COUNT(*) FROM deliveries
	WHERE  edition_id = $1 AND state IN ('pending', 'sending', 'deferred')`

// Settled fails, within tx, unless the dispatch runs and every recipient has an
// end. Nothing changes that before tx ends.
func (l Ledger) Settled(ctx context.Context, tx *sql.Tx, editionID int64) error {
	result, err := tx.ExecContext(ctx, lockRunning, editionID)
	if err != nil {
		return fmt.Errorf("see whether all have an end: %w", err)
	}
	if n, err := result.RowsAffected(); err != nil || n != 1 {
		return errors.Join(errors.New("the dispatch was halted"), err)
	}
	var open int
	if err := tx.QueryRowContext(ctx, countOpen, editionID).Scan(&open); err != nil {
		return fmt.Errorf("see whether all have an end: %w", err)
	}
	if open > 0 {
		return fmt.Errorf("%d recipients have no end", open)
	}
	return nil
}

// Resume lets a dispatch go on, within tx, and plans what is left of it.
func (l Ledger) Resume(ctx context.Context, tx *sql.Tx, editionID int64, who string) error {
	if err := l.set(ctx, tx, editionID, Running, who, ""); err != nil {
		return err
	}
	return l.plan(ctx, tx, editionID)
}

const ownedBatches = `
	SELECT number FROM batches
	WHERE  edition_id = $1 AND owner <> ''
	ORDER  BY number`

// Drain waits until no process works on a dispatch that was halted: each has
// finished the conversations it had begun. What a process left that is dead is
// settled as if its batch were taken over, with what is in doubt treated as
// policy says.
func (d *Dispatcher) Drain(ctx context.Context, key edition.Key, editionID int64, policy InDoubt) error {
	err := d.drain(ctx, key, editionID, policy)
	if err != nil {
		return fmt.Errorf("wait for the dispatch to stop: %w", err)
	}
	return nil
}

func (d *Dispatcher) drain(ctx context.Context, key edition.Key, editionID int64, policy InDoubt) error {
	own := *d
	own.OnInDoubt = policy
	r := &run{Dispatcher: &own, key: key, editionID: editionID, noted: map[string]time.Time{}}
	name, err := d.Ledger.name(ctx)
	if err != nil {
		return err
	}
	r.journals = filepath.Join(d.Journal, name)
	for {
		if err := r.syncClock(ctx); err != nil {
			return err
		}
		numbers, err := r.owned(ctx)
		if err != nil {
			return err
		}
		waiting := 0
		for _, number := range numbers {
			var busy *busyError
			if err := r.settleBatch(ctx, number); errors.As(err, &busy) {
				waiting++
			} else if err != nil {
				return err
			}
		}
		if waiting == 0 {
			return nil
		}
		if err := r.wait(ctx, 50*time.Millisecond); err != nil {
			return fmt.Errorf("%d batches are under way: %w", waiting, err)
		}
	}
}

// owned returns the numbers of the batches that have an owner, dead or alive.
func (r *run) owned(ctx context.Context) ([]int64, error) {
	rows, err := r.Ledger.DB.QueryContext(ctx, ownedBatches, r.editionID)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var numbers []int64
	for rows.Next() {
		var n int64
		if err := rows.Scan(&n); err != nil {
			return nil, err
		}
		numbers = append(numbers, n)
	}
	return numbers, rows.Err()
}

const disownBatch = `
	UPDATE batches
	SET    owner = '', lease_until = NULL, fence = fence + 1
	WHERE  edition_id = $1 AND number = $2 AND fence = $3 AND owner = $4`

// settleBatch settles what a dead process left of a batch, and frees it. It
// fails with a *busyError while the process lives.
func (r *run) settleBatch(ctx context.Context, number int64) error {
	b, err := r.readBatch(ctx, number)
	if err != nil || b.owner == "" {
		return err
	}
	before, err := r.predecessor(b)
	if err != nil {
		return err
	}
	err = r.Ledger.DB.Transact(ctx, func(ctx context.Context, tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, disownBatch, r.editionID, number, b.fence, b.owner)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n != 1 {
			return errors.Join(&busyError{why: "another process was quicker"}, err)
		}
		return r.adopt(ctx, tx, b, before)
	})
	if err != nil {
		return errors.Join(err, before.close())
	}
	return before.remove()
}

const (
	cancelRest = `
	UPDATE deliveries
	SET    state = 'canceled', next_attempt_at = NULL, changed_at = $1
	WHERE  edition_id = $2 AND state IN ('pending', 'deferred')`

	finishBatches = `
	UPDATE batches
	SET    done = 1, owner = '', lease_until = NULL
	WHERE  edition_id = $1`
)

// Cancel gives every recipient who has not got the edition an end, within tx.
// The dispatch must have been halted as [Ceased], and drained.
func (l Ledger) Cancel(ctx context.Context, tx *sql.Tx, editionID int64) error {
	if _, err := tx.ExecContext(ctx, cancelRest, database.Time{Time: l.Now()}, editionID); err != nil {
		return fmt.Errorf("cancel deliveries: %w", err)
	}
	if _, err := tx.ExecContext(ctx, finishBatches, editionID); err != nil {
		return fmt.Errorf("cancel deliveries: %w", err)
	}
	return nil
}

const (
	replaceIssue = `
	UPDATE dispatches SET issue = issue + 1 WHERE edition_id = $1
	RETURNING issue`

	replaceDeliveries = `
	UPDATE deliveries SET issue = $1, changed_at = $2
	WHERE  edition_id = $3 AND state IN ('pending', 'deferred')`
)

// Replace has everybody who has not got the edition get its next issue, within
// tx, and returns that issue's number and how many recipients it is for. The
// dispatch must have been halted, and drained.
func (l Ledger) Replace(ctx context.Context, tx *sql.Tx, editionID int64) (issue, recipients int, err error) {
	if err := tx.QueryRowContext(ctx, replaceIssue, editionID).Scan(&issue); err != nil {
		return 0, 0, fmt.Errorf("replace the issue: %w", err)
	}
	result, err := tx.ExecContext(ctx, replaceDeliveries, issue, database.Time{Time: l.Now()}, editionID)
	if err != nil {
		return 0, 0, fmt.Errorf("replace the issue: %w", err)
	}
	n, err := result.RowsAffected()
	return issue, int(n), err
}

const (
	releaseHeld = `
	UPDATE deliveries SET state = 'pending', changed_at = $1
	WHERE  edition_id = $2 AND state = 'held'`

	reopenBatches = `
	UPDATE batches SET done = 0
	WHERE  edition_id = $1
	AND    EXISTS (SELECT 1 FROM deliveries
	               WHERE deliveries.edition_id = $1 AND state = 'pending'
	               AND   position BETWEEN batches.first_position AND batches.last_position)`
)

// ReleaseHeld sends those deliveries again that were in doubt and held, within
// tx, and returns how many they are. They keep their Message-ID.
func (l Ledger) ReleaseHeld(ctx context.Context, tx *sql.Tx, editionID int64, who string) (int, error) {
	result, err := tx.ExecContext(ctx, releaseHeld, database.Time{Time: l.Now()}, editionID)
	if err != nil {
		return 0, fmt.Errorf("release held deliveries: %w", err)
	}
	n, err := result.RowsAffected()
	if err != nil || n == 0 {
		return 0, err
	}
	if _, err := tx.ExecContext(ctx, reopenBatches, editionID); err != nil {
		return 0, fmt.Errorf("release held deliveries: %w", err)
	}
	return int(n), l.Resume(ctx, tx, editionID, who)
}
