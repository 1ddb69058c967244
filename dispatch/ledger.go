package dispatch

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/zotpaper/zotpaper/internal/database"
)

// A Ledger is the record of who gets an edition and what became of it. It
// holds no state of its own and may be used by several goroutines and several
// processes at once.
type Ledger struct {
	DB    *database.DB
	Now   func() time.Time
	Batch int // recipients in a batch at most; 0: 1000
}

const insertDispatch = `
	INSERT INTO dispatches (edition_id, list, expires_at)
	VALUES ($1, $2, $3)`

// insertDeliveries copies the members of a list that may be mailed right now.
// The view mailable belongs to package subscribers.
const insertDeliveries = `
	INSERT INTO deliveries (edition_id, position, ref, address, name, format)
	SELECT $1, subscriber_id, ref, address, name, format
	FROM   mailable
	WHERE  list = $2`

const (
	firstDelivery = `
	SELECT MIN(position) FROM deliveries WHERE edition_id = $1`

	// batchEnd finds where a batch ends, and where the next one begins.
	batchEnd = `
	SELECT   position FROM deliveries
	WHERE    edition_id = $1 AND position >= $2
	ORDER BY position
	LIMIT    2 OFFSET $3`

	insertBatch = `
	INSERT INTO batches (edition_id, number, first_position, last_position, recipients)
	VALUES ($1, $2, $3, $4, $5)`
)

// Freeze fixes the recipients of an edition, within tx: the members of list
// that may be mailed at this moment. It divides them into batches, each with a
// job that waits to be worked on, and returns how many recipients there are.
// Nothing is delivered after expires.
func (l Ledger) Freeze(ctx context.Context, tx *sql.Tx, editionID int64, list string, expires time.Time) (int, error) {
	if _, err := tx.ExecContext(ctx, insertDispatch, editionID, list, database.Time{Time: expires}); err != nil {
		return 0, fmt.Errorf("record the dispatch: %w", err)
	}
	result, err := tx.ExecContext(ctx, insertDeliveries, editionID, list)
	if err != nil {
		return 0, fmt.Errorf("freeze the recipients of list %q: %w", list, err)
	}
	n, err := result.RowsAffected()
	if err != nil || n == 0 {
		return 0, err
	}
	if err := l.divide(ctx, tx, editionID, int(n)); err != nil {
		return 0, fmt.Errorf("divide the recipients into batches: %w", err)
	}
	return int(n), l.plan(ctx, tx, editionID)
}

// divide divides the n recipients of an edition into batches, within tx.
func (l Ledger) divide(ctx context.Context, tx *sql.Tx, editionID int64, n int) error {
	size := l.batchSize(n)
	var first int64
	if err := tx.QueryRowContext(ctx, firstDelivery, editionID).Scan(&first); err != nil {
		return err
	}
	for number := 1; n > 0; number++ {
		last, next, err := l.endOfBatch(ctx, tx, editionID, first, min(size, n))
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, insertBatch, editionID, number, first, last, min(size, n)); err != nil {
			return err
		}
		first = next
		n -= size
	}
	return nil
}

// endOfBatch returns the last position of the batch of that size that begins at
// first, and the first of the one after it, if there is one.
func (l Ledger) endOfBatch(ctx context.Context, tx *sql.Tx, editionID, first int64, size int) (last, next int64, err error) {
	rows, err := tx.QueryContext(ctx, batchEnd, editionID, first, size-1)
	if err != nil {
		return 0, 0, err
	}
	defer rows.Close()
	found := 0
	for _, to := range []*int64{&last, &next} {
		if rows.Next() {
			found++
			if err := rows.Scan(to); err != nil {
				return 0, 0, err
			}
		}
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return 0, 0, err
	}
	if found == 0 {
		return 0, 0, fmt.Errorf("no recipient %d after position %d", size, first)
	}
	return last, next, nil
}

// batchSize returns how many of n recipients to put into one batch: few enough
// that several processes find something to do on a short list too.
func (l Ledger) batchSize(n int) int {
	const (
		usual   = 1000
		parts   = 32
		atLeast = 50 // below that a batch costs more than its mails
	)
	limit := l.Batch
	if limit <= 0 {
		limit = usual
	}
	return min(max(n/parts, atLeast), limit)
}

// tallyDeliveries counts in one pass: to group a million rows by their state
// would sort them first.
const tallyDeliveries = `
	SELECT COUNT(*),
	       COUNT(CASE WHEN state = 'sent' THEN 1 END), COUNT(CASE WHEN state = 'rejected' THEN 1 END),
	       COUNT(CASE WHEN state = 'suppressed' THEN 1 END), COUNT(CASE WHEN state = 'expired' THEN 1 END),
	       COUNT(CASE WHEN state = 'unrenderable' THEN 1 END), COUNT(CASE WHEN state = 'held' THEN 1 END),
	       COUNT(CASE WHEN state = 'canceled' THEN 1 END), COUNT(CASE WHEN state = 'pending' THEN 1 END),
	       COUNT(CASE WHEN state = 'sending' THEN 1 END), COUNT(CASE WHEN state = 'deferred' THEN 1 END),
	       COUNT(CASE WHEN in_doubt > 0 THEN 1 END)
	FROM   deliveries
	WHERE  edition_id = $1`

// Tally counts the deliveries of an edition. An edition that was never frozen
// has none.
func (l Ledger) Tally(ctx context.Context, editionID int64) (Tally, error) {
	var t Tally
	err := l.DB.QueryRowContext(ctx, tallyDeliveries, editionID).Scan(&t.Recipients,
		&t.Sent, &t.Rejected, &t.Suppressed, &t.Expired, &t.Unrenderable, &t.Held, &t.Canceled,
		&t.Pending, &t.Sending, &t.Deferred, &t.InDoubt)
	if err != nil {
		return t, fmt.Errorf("count deliveries: %w", err)
	}
	return t, nil
}

// A Trouble is a delivery that did not simply go out: refused, deferred, in
// doubt or given up.
type Trouble struct {
	Address  string    `json:"address"`
	State    State     `json:"state"`
	Issue    int       `json:"issue"`
	Attempts int       `json:"attempts"`
	InDoubt  int       `json:"in_doubt"`
	Code     int       `json:"code,omitempty"`
	Enhanced string    `json:"enhanced,omitempty"`
	Text     string    `json:"text,omitempty"`
	Next     time.Time `json:"next_attempt_at,omitzero"`
}

const troubles = `
	SELECT   address, state, issue, attempts, in_doubt, reply_code, reply_enhanced, reply_text, next_attempt_at
	FROM     deliveries
	WHERE    edition_id = $1
	AND      (state IN ('deferred', 'rejected', 'expired', 'unrenderable', 'held', 'suppressed') OR in_doubt > 0
	          OR state = 'pending' AND reply_code >= 400)
	ORDER BY state, position
	LIMIT    $2`

// Troubles returns up to limit deliveries of an edition that an editor may
// want to look at.
func (l Ledger) Troubles(ctx context.Context, editionID int64, limit int) ([]Trouble, error) {
	rows, err := l.DB.QueryContext(ctx, troubles, editionID, limit)
	if err != nil {
		return nil, fmt.Errorf("list troubled deliveries: %w", err)
	}
	defer rows.Close()
	var list []Trouble
	for rows.Next() {
		var t Trouble
		var next database.Time
		if err := rows.Scan(&t.Address, &t.State, &t.Issue, &t.Attempts, &t.InDoubt, &t.Code, &t.Enhanced, &t.Text, &next); err != nil {
			return nil, fmt.Errorf("list troubled deliveries: %w", err)
		}
		t.Next = next.Time
		list = append(list, t)
	}
	return list, rows.Err()
}

const sumBatches = `
	SELECT COALESCE(SUM(recipients), 0), COALESCE(SUM(sent), 0),
	       COALESCE(SUM(rejected), 0), COALESCE(SUM(deferred), 0), COALESCE(SUM(ended), 0)
	FROM   batches
	WHERE  edition_id = $1`

// Progress returns how far a dispatch has come by what the processes at work
// on it have last noted. That is a few seconds old, and cheap however many
// recipients there are.
func (l Ledger) Progress(ctx context.Context, editionID int64) (Progress, error) {
	var p Progress
	err := l.DB.QueryRowContext(ctx, sumBatches, editionID).
		Scan(&p.Recipients, &p.Sent, &p.Rejected, &p.Deferred, &p.Ended)
	if err != nil {
		return p, fmt.Errorf("see how far the dispatch is: %w", err)
	}
	return p, nil
}

const (
	insertName = `
	INSERT INTO ledgers (one, name) VALUES (1, $1)
	ON CONFLICT (one) DO NOTHING`

	selectName = `
	SELECT name FROM ledgers`
)

// name returns the name of this ledger, given to it when it is first asked for.
// A copy of the database has the same.
func (l Ledger) name(ctx context.Context) (string, error) {
	const letters = 16
	if _, err := l.DB.ExecContext(ctx, insertName, strings.ToLower(rand.Text()[:letters])); err != nil {
		return "", fmt.Errorf("name the ledger: %w", err)
	}
	var name string
	if err := l.DB.QueryRowContext(ctx, selectName).Scan(&name); err != nil {
		return "", fmt.Errorf("name of the ledger: %w", err)
	}
	return name, nil
}
