package dispatch

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/zotpaper/zotpaper/dispatch/journal"
	"github.com/zotpaper/zotpaper/internal/database"
	"github.com/zotpaper/zotpaper/subscribers"
)

const (
	// leaseLength is how long a process may be silent before others count it
	// as dead, unless its journal says so sooner.
	leaseLength = 15 * time.Second
	// leaseRenewals is how often a lease is renewed before it would run out.
	leaseRenewals = 3
)

// A busyError says that a batch cannot be taken now.
type busyError struct {
	why  string
	wait time.Duration // before it is worth asking again
}

func (e *busyError) Error() string { return "the batch cannot be taken now: " + e.why }

// A batch is a row of the table batches, with the state of its dispatch.
type batch struct {
	number      int64
	first, last int64
	owner       string
	fence       int64
	leaseUntil  time.Time
	done        bool
	running     bool // its dispatch is
}

func (b batch) journalID(editionID int64) journal.ID {
	return journal.ID{Edition: editionID, Batch: b.number, Fence: b.fence, Owner: ownerMark(b.owner)}
}

// ownerMark returns what stands for an owner in the names of its journals.
func ownerMark(owner string) string {
	sum := sha256.Sum256([]byte(owner))
	return hex.EncodeToString(sum[:6])
}

const selectBatch = `
	SELECT number, first_position, last_position, owner, fence, lease_until, done, state
	FROM   batches JOIN dispatches ON dispatches.edition_id = batches.edition_id
	WHERE  batches.edition_id = $1 AND number = $2`

// readBatch returns the batch called number of r's edition.
func (r *run) readBatch(ctx context.Context, number int64) (batch, error) {
	var b batch
	var until database.Time
	var done int
	var state string
	err := r.Ledger.DB.QueryRowContext(ctx, selectBatch, r.editionID, number).
		Scan(&b.number, &b.first, &b.last, &b.owner, &b.fence, &until, &done, &state)
	if err != nil {
		return b, fmt.Errorf("batch %d: %w", number, err)
	}
	b.leaseUntil, b.done, b.running = until.Time, done != 0, state == string(Running)
	return b, nil
}

// A workResult says how a batch was left.
type workResult struct {
	done    bool      // each recipient has an end
	running bool      // its dispatch is
	next    time.Time // when something is to be done again; zero: at once
}

// workOn has the connections make what is to be made of a batch, and returns
// when all of it is settled, or ctx or the run has ended.
func (r *run) workOn(ctx context.Context, number int64) (workResult, error) {
	s, err := r.claim(ctx, number)
	if err != nil || s == nil {
		return workResult{done: true}, err
	}
	r.hold(s)
	select {
	case <-s.settled:
	case <-ctx.Done():
	case <-r.ctx.Done():
	}
	r.queue.withdraw(s)
	// What has begun comes to its end, however long the server takes.
	<-s.settled
	r.letGo(s)
	return r.release(context.WithoutCancel(ctx), s)
}

// claim takes a batch for this process, settles what an earlier owner left
// open, and puts what is due into the queue. It returns nil if all is done, and
// fails with a *busyError while another process holds it, or nobody may.
func (r *run) claim(ctx context.Context, number int64) (*share, error) {
	b, err := r.readBatch(ctx, number)
	switch {
	case err != nil || b.done:
		return nil, err
	case !b.running || r.ctx.Err() != nil:
		return nil, &busyError{why: "the dispatch does not run", wait: time.Second}
	}
	before, err := r.predecessor(b)
	if err != nil {
		return nil, err
	}
	s := &share{number: number, fence: b.fence + 1, first: b.first, last: b.last, settled: make(chan struct{})}
	if s.journal, err = r.createJournal(s); err != nil {
		return nil, errors.Join(err, before.close())
	}
	r.reach(batchJournaled)
	var due []*Delivery
	err = r.Ledger.DB.Transact(ctx, func(ctx context.Context, tx *sql.Tx) (err error) {
		s.count = Progress{}
		if err := r.takeBatch(ctx, tx, b); err != nil {
			return err
		}
		if err := r.adopt(ctx, tx, b, before); err != nil {
			return err
		}
		if s.before, err = r.endedUnder(ctx, tx, s); err != nil {
			return err
		}
		if due, err = r.load(ctx, tx, s); err != nil {
			return err
		}
		s.found, _, err = r.count(ctx, tx, s)
		for _, d := range due {
			if d.deferred {
				s.found.Deferred-- // until it has been tried again
			}
		}
		return err
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("take batch %d: %w", number, err), s.journal.Remove(), before.close())
	}
	r.reach(batchTaken)
	s.owe(len(due))
	r.queue.add(due...)
	if err := before.remove(); err != nil {
		r.note(err, "cannot remove the journal of a process that died")
	}
	return s, nil
}

// createJournal makes the journal of s. One of that name can only be there from a
// try of this process that got no further: nothing is in it.
func (r *run) createJournal(s *share) (*journal.Journal, error) {
	id := journal.ID{Edition: r.editionID, Batch: s.number, Fence: s.fence, Owner: ownerMark(r.Owner)}
	busy := &busyError{why: "its journal is in use", wait: time.Second}
	const attempts = 8
	for range attempts {
		j, err := journal.Create(r.journals, id)
		if err == nil {
			return j, nil
		}
		// Whoever tidies up may have its lock for a moment, or have removed it
		// before we had.
		if !errors.Is(err, fs.ErrExist) && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, journal.ErrAlive) {
			return nil, err
		}
		left, err := journal.Find(r.journals, id)
		switch {
		case errors.Is(err, journal.ErrNone):
			continue
		case errors.Is(err, journal.ErrAlive):
			return nil, busy
		case err != nil:
			return nil, err
		}
		if err := left.Remove(); err != nil {
			return nil, err
		}
	}
	return nil, busy
}

const takeBatchRow = `
	UPDATE batches
	SET    owner = $1, fence = fence + 1, lease_until = $2
	WHERE  edition_id = $3 AND number = $4 AND fence = $5 AND owner = $6 AND done = 0`

// lockRunning keeps a dispatch running until the transaction ends: who halts it
// waits, and then finds the batch with its owner.
const lockRunning = `
	UPDATE dispatches SET state = state
	WHERE  edition_id = $1 AND state = 'running'`

// takeBatch makes this process the owner of b, within tx.
func (r *run) takeBatch(ctx context.Context, tx *sql.Tx, b batch) error {
	running, err := tx.ExecContext(ctx, lockRunning, r.editionID)
	if err != nil {
		return err
	}
	if n, err := running.RowsAffected(); err != nil || n != 1 {
		return errors.Join(&busyError{why: "the dispatch was halted", wait: time.Second}, err)
	}
	result, err := tx.ExecContext(ctx, takeBatchRow, r.Owner, database.Time{Time: r.clock().Add(r.lease())},
		r.editionID, b.number, b.fence, b.owner)
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n != 1 {
		return errors.Join(&busyError{why: "another process was quicker", wait: time.Second}, err)
	}
	return nil
}

const loadDeliveries = `
	SELECT   position, ref, address, name, format, issue, state, attempts, in_doubt, next_attempt_at
	FROM     deliveries
	WHERE    edition_id = $1 AND position BETWEEN $2 AND $3 AND state IN ('pending', 'deferred')
	ORDER BY position`

const expireDeliveries = `
	UPDATE deliveries
	SET    state = 'expired', next_attempt_at = NULL, changed_at = $1
	WHERE  edition_id = $2 AND position BETWEEN $3 AND $4 AND state IN ('pending', 'deferred')`

// load returns what is due of the batch s. When the edition is too old to try
// again, it gives up the rest instead.
func (r *run) load(ctx context.Context, tx *sql.Tx, s *share) ([]*Delivery, error) {
	now := r.Ledger.Now()
	if !now.Before(r.expires) {
		_, err := tx.ExecContext(ctx, expireDeliveries, database.Time{Time: now}, r.editionID, s.first, s.last)
		return nil, err
	}
	rows, err := tx.QueryContext(ctx, loadDeliveries, r.editionID, s.first, s.last)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var due []*Delivery
	for rows.Next() {
		d := &Delivery{Edition: r.key, Started: r.started, share: s}
		var state State
		var format string
		var next database.Time
		if err := rows.Scan(&d.Position, &d.Ref, &d.Address, &d.Name, &format, &d.Issue, &state, &d.Attempts, &d.doubts, &next); err != nil {
			return nil, err
		}
		if next.After(now) {
			continue
		}
		d.Text, d.deferred = format == string(subscribers.FormatText), state == Deferred
		d.Attempts++
		d.MessageID = r.names.messageID(d.Issue, d.Ref)
		due = append(due, d)
	}
	return due, rows.Err()
}

const (
	returnUntried = `
	UPDATE deliveries
	SET    state = 'pending', changed_at = $1
	WHERE  edition_id = $2 AND position BETWEEN $3 AND $4 AND state = 'sending' AND fence = $5`

	countEnded = `
	SELECT COUNT(*)
	FROM   deliveries
	WHERE  edition_id = $1 AND position BETWEEN $2 AND $3 AND fence = $4 AND state NOT IN ('pending', 'sending')`

	countBatch = `
	SELECT COUNT(*), COALESCE(SUM(CASE state WHEN 'sent' THEN 1 ELSE 0 END), 0),
	       COALESCE(SUM(CASE state WHEN 'rejected' THEN 1 ELSE 0 END), 0),
	       COALESCE(SUM(CASE state WHEN 'deferred' THEN 1 ELSE 0 END), 0),
	       COALESCE(SUM(CASE WHEN state IN ('pending', 'sending', 'deferred') THEN 0 ELSE 1 END), 0),
	       MIN(next_attempt_at)
	FROM   deliveries
	WHERE  edition_id = $1 AND position BETWEEN $2 AND $3`

	releaseBatch = `
	UPDATE batches
	SET    owner = '', lease_until = NULL, done = $1, sent = $2, rejected = $3, deferred = $4, ended = $5
	WHERE  edition_id = $6 AND number = $7 AND fence = $8`

	// lockBatch has whoever would reopen the batch wait, and then find it as it
	// was left.
	lockBatch = `
	UPDATE batches SET fence = fence
	WHERE  edition_id = $1 AND number = $2
	RETURNING fence`

	dispatchState = `
	SELECT state FROM dispatches WHERE edition_id = $1`
)

// errForgotten says that the ledger lacks outcomes that were handed in.
var errForgotten = errors.New("the ledger lacks outcomes")

// release gives a batch back and says how it stands. Its commit makes durable
// what was recorded of it before; only then its journal is no longer needed.
//
// If the ledger does not have all that was handed in, since it could not be
// written, or its server died and took the last commits with it, the batch
// stays as a dead process would leave it: whoever takes it next, this process
// perhaps, reads in the journal what the ledger does not know.
func (r *run) release(ctx context.Context, s *share) (workResult, error) {
	var result workResult
	err := r.insist(ctx, "give a batch back", func(ctx context.Context) error {
		return r.Ledger.DB.Transact(ctx, func(ctx context.Context, tx *sql.Tx) (err error) {
			result, err = r.giveBack(ctx, tx, s)
			return err
		})
	})
	if errors.Is(err, errForgotten) {
		r.Log.Warn("the ledger lacks outcomes that the journal has; the batch is taken again", "edition", r.key.String(), "batch", s.number)
		return workResult{running: true}, s.journal.Close()
	}
	if err != nil {
		return result, errors.Join(fmt.Errorf("give batch %d back: %w", s.number, err), s.journal.Close())
	}
	r.reach(batchReturned)
	return result, s.journal.Remove()
}

// giveBack gives s back within tx.
func (r *run) giveBack(ctx context.Context, tx *sql.Tx, s *share) (workResult, error) {
	var result workResult
	var fence int64
	if err := tx.QueryRowContext(ctx, lockBatch, r.editionID, s.number).Scan(&fence); err != nil {
		return result, err
	}
	n, err := r.endedUnder(ctx, tx, s)
	if err != nil {
		return result, err
	}
	if p := s.progress(); fence == s.fence && n < s.before+p.Ended+p.Deferred {
		return result, errForgotten
	}
	_, err = tx.ExecContext(ctx, returnUntried, database.Time{Time: r.Ledger.Now()}, r.editionID, s.first, s.last, s.fence)
	if err != nil {
		return result, err
	}
	p, next, err := r.count(ctx, tx, s)
	if err != nil {
		return result, err
	}
	result.done = p.Ended == p.Recipients
	if p.Ended+p.Deferred == p.Recipients {
		result.next = next
	}
	done := 0
	if result.done {
		done = 1
	}
	_, err = tx.ExecContext(ctx, releaseBatch, done, p.Sent, p.Rejected, p.Deferred, p.Ended, r.editionID, s.number, s.fence)
	if err != nil {
		return result, err
	}
	var state ControlState
	err = tx.QueryRowContext(ctx, dispatchState, r.editionID).Scan(&state)
	result.running = state == Running
	return result, err
}

// count returns how far the batch s has come by the ledger, and when the first of
// its deferred deliveries is due; zero if none is.
func (r *run) count(ctx context.Context, tx *sql.Tx, s *share) (p Progress, next time.Time, err error) {
	var first database.Time
	err = tx.QueryRowContext(ctx, countBatch, r.editionID, s.first, s.last).
		Scan(&p.Recipients, &p.Sent, &p.Rejected, &p.Deferred, &p.Ended, &first)
	return p, first.Time, err
}

// endedUnder returns how many deliveries of s have an outcome under its fence.
func (r *run) endedUnder(ctx context.Context, tx *sql.Tx, s *share) (n int, err error) {
	err = tx.QueryRowContext(ctx, countEnded, r.editionID, s.first, s.last, s.fence).Scan(&n)
	return n, err
}
