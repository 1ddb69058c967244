package dispatch

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/zotpaper/zotpaper/edition"
	"github.com/zotpaper/zotpaper/internal/database"
)

// A Dispatcher sends frozen editions. It may be used for several editions at
// once; each Run has connections of its own.
type Dispatcher struct {
	Ledger      Ledger
	Relays      []Relay // at least one
	Connections int     // of this process to all relays together, at least 1
	Rate        int     // messages a second over all processes; 0: no limit
	OnInDoubt   InDoubt // empty: Resend
	Owner       string  // names this process, and no other at any time
	Journal     string  // a folder on a local disk, the same for all processes of a machine
	Log         *slog.Logger

	// Wait sleeps for d or until ctx ends; nil: by the system's clock.
	Wait func(ctx context.Context, d time.Duration) error
	// Lease is how long this process may be silent before another takes its
	// batches over; 0: 15 seconds.
	Lease time.Duration

	// hurry is how many times faster than the job queue's clock ours runs, in
	// tests; 0: as fast.
	hurry int
	// failpoint, in tests, is called by whichever goroutine comes to a point.
	failpoint func(point)
}

// An Assignment is a frozen edition that is to be dispatched.
type Assignment struct {
	Edition   edition.Key
	EditionID int64
	// Compose gives the letter of one of the edition's issues, dated by the
	// moment at which the dispatch first began, which every message carries as
	// its Date.
	Compose func(ctx context.Context, issue int, started time.Time) (Letter, error)
	// Progress, which may be nil, is called from one goroutine, about once a
	// second and at the end.
	Progress func(Progress)
}

// Run delivers an edition to whoever of its recipients has not got it, and
// returns when every one of them has an end.
//
// Run may be called again after any failure, and by several processes at once,
// which then share the work: it goes on where the last one stopped. When ctx
// ends, conversations that have begun are finished and recorded before Run
// returns ctx's error. A *StopError says that the mail server refuses us; the
// dispatch then is [Stopped] for every process, until it is resumed. A
// *HaltError says that it was stopped elsewhere.
func (d *Dispatcher) Run(ctx context.Context, a Assignment) (Tally, error) {
	r, err := d.newRun(ctx, a)
	if err != nil {
		return Tally{}, err
	}
	err = r.work()
	after := context.WithoutCancel(ctx)
	err = errors.Join(err, r.recordStop(after, err))
	final, tallyErr := d.Ledger.Tally(after, a.EditionID)
	if a.Progress != nil && tallyErr == nil {
		a.Progress(Progress{final.Recipients, final.Sent, final.Rejected, final.Deferred, final.Ended()})
	}
	return final, errors.Join(err, tallyErr)
}

const startDispatch = `
	UPDATE dispatches SET started_at = COALESCE(started_at, $1)
	WHERE  edition_id = $2
	RETURNING list, state, issue, who, why, started_at, expires_at`

// newRun begins the dispatch of a, unless it was halted.
func (d *Dispatcher) newRun(ctx context.Context, a Assignment) (*run, error) {
	r := &run{
		Dispatcher: d, key: a.Edition, names: newNaming(a.Edition), editionID: a.EditionID, compose: a.Compose, tell: a.Progress,
		queue: newQueue(), letters: map[int]Letter{}, shares: map[*share]bool{}, noted: map[string]time.Time{},
		relays: newRelaySet(d.Relays, d.Ledger.Now),
	}
	var control Control
	var started, expires database.Time
	now := d.Ledger.Now().Truncate(time.Second) // as a Date says it
	err := d.Ledger.DB.QueryRowContext(ctx, startDispatch, database.Time{Time: now}, a.EditionID).
		Scan(&r.list, &control.State, &control.Issue, &control.Who, &control.Why, &started, &expires)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNoDispatch
	}
	if err != nil {
		return nil, fmt.Errorf("begin the dispatch of %s: %w", a.Edition, err)
	}
	if control.State != Running {
		return nil, &HaltError{a.Edition, control}
	}
	r.started, r.expires = started.Time, expires.Time
	name, err := d.Ledger.name(ctx)
	if err != nil {
		return nil, err
	}
	r.journals = filepath.Join(d.Journal, name)
	// What is wrong with a letter is wrong with every copy: better to know
	// before a connection is opened.
	if _, err := r.composeLetter(ctx, control.Issue); err != nil {
		return nil, err
	}
	r.ctx, r.stop = context.WithCancelCause(ctx)
	r.unhurried = context.WithoutCancel(ctx)
	r.pace = &pacer{rate: d.Rate, now: d.Ledger.Now, wait: r.wait, reserve: r.reserveTurns}
	r.clerk = newClerk(r)
	return r, nil
}

const revertEnds = withEntries + `
	UPDATE deliveries SET state = 'pending', changed_at = $3
	FROM   entry
	WHERE  deliveries.edition_id = entry.edition_id AND deliveries.position = entry.position
	AND    deliveries.state IN ('rejected', 'unrenderable')`

// revert takes back, within tx, what looks like a mistake of ours: recipients
// who were rejected, or could not be written to, one after the other and up to
// the end, have lost nothing.
func (r *run) revert(ctx context.Context, tx *sql.Tx) error {
	r.mu.Lock()
	positions := append(r.relays.rejectedInARow(), r.unmade...)
	r.mu.Unlock()
	if len(positions) == 0 {
		return nil
	}
	var list entries
	for _, position := range positions {
		list.raw(position, []byte("0")) // only the position counts
	}
	_, err := tx.ExecContext(ctx, revertEnds, list.json(), r.editionID, database.Time{Time: r.Ledger.Now()})
	if err == nil {
		_, err = tx.ExecContext(ctx, reopenBatches, r.editionID)
	}
	if err != nil {
		return fmt.Errorf("take rejections back: %w", err)
	}
	return nil
}

// recordStop keeps every process from going on with a dispatch over which we
// are refused. Each of them takes back what it has to.
func (r *run) recordStop(ctx context.Context, cause error) error {
	var stopped *StopError
	var halted *HaltError
	switch {
	case errors.As(cause, &stopped):
	case errors.As(cause, &halted) && halted.State == Stopped:
	default:
		return nil
	}
	err := r.Ledger.DB.Transact(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if err := r.revert(ctx, tx); err != nil || stopped == nil {
			return err
		}
		// If somebody else has halted it meanwhile, that is as good.
		why := keptText(stopped.Cause.Error())
		_, err := tx.ExecContext(ctx, updateControl, string(Stopped), r.Owner, why, database.Time{Time: r.Ledger.Now()}, r.editionID)
		return err
	})
	if err != nil {
		return fmt.Errorf("note why the dispatch stopped: %w", err)
	}
	return nil
}
