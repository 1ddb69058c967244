package dispatch

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/zotpaper/zotpaper/internal/database"
)

// A Ledger is the record of who gets an edition and what became of it. It
// holds no state of its own and may be used by several goroutines and several
// processes at once.
type Ledger struct {
	DB  *database.DB
	Now func() time.Time
}

const insertDispatch = `
	INSERT INTO dispatches (edition_id, list, expires_at)
	VALUES ($1, $2, $3)`

// insertDeliveries copies the members of a list that may be mailed right now.
// The view mailable belongs to package subscribers.
const insertDeliveries = `
	INSERT INTO deliveries (edition_id, position, subscriber_id, ref, address, canonical, name)
	SELECT $1, ROW_NUMBER() OVER (ORDER BY subscriber_id), subscriber_id, ref, address, canonical, name
	FROM   mailable
	WHERE  list = $2`

// Freeze fixes the recipients of an edition, within tx: the members of list
// that may be mailed at this moment. It returns how many there are. Nothing is
// delivered after expires.
func (l Ledger) Freeze(ctx context.Context, tx *sql.Tx, editionID int64, list string, expires time.Time) (int, error) {
	if _, err := tx.ExecContext(ctx, insertDispatch, editionID, list, database.Time{Time: expires}); err != nil {
		return 0, fmt.Errorf("record the dispatch: %w", err)
	}
	result, err := tx.ExecContext(ctx, insertDeliveries, editionID, list)
	if err != nil {
		return 0, fmt.Errorf("freeze the recipients of list %q: %w", list, err)
	}
	n, err := result.RowsAffected()
	return int(n), err
}

const tallyDeliveries = `
	SELECT   state, COUNT(*), SUM(CASE WHEN in_doubt > 0 THEN 1 ELSE 0 END)
	FROM     deliveries
	WHERE    edition_id = $1
	GROUP BY state`

// Tally counts the deliveries of an edition. An edition that was never frozen
// has none.
func (l Ledger) Tally(ctx context.Context, editionID int64) (Tally, error) {
	var t Tally
	rows, err := l.DB.QueryContext(ctx, tallyDeliveries, editionID)
	if err != nil {
		return t, fmt.Errorf("count deliveries: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var state State
		var n, doubted int
		if err := rows.Scan(&state, &n, &doubted); err != nil {
			return t, fmt.Errorf("count deliveries: %w", err)
		}
		*t.count(state) += n
		t.Recipients += n
		t.InDoubt += doubted
	}
	return t, rows.Err()
}

// A Trouble is a delivery that did not simply go out: refused, deferred, in
// doubt or given up.
type Trouble struct {
	Address  string    `json:"address"`
	State    State     `json:"state"`
	Attempts int       `json:"attempts"`
	InDoubt  int       `json:"in_doubt"`
	Code     int       `json:"code,omitempty"`
	Enhanced string    `json:"enhanced,omitempty"`
	Text     string    `json:"text,omitempty"`
	Next     time.Time `json:"next_attempt_at,omitzero"`
}

const troubles = `
	SELECT   address, state, attempts, in_doubt, reply_code, reply_enhanced, reply_text, next_attempt_at
	FROM     deliveries
	WHERE    edition_id = $1
	AND      (state IN ('deferred', 'rejected', 'expired', 'unrenderable', 'held', 'suppressed') OR in_doubt > 0)
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
		if err := rows.Scan(&t.Address, &t.State, &t.Attempts, &t.InDoubt, &t.Code, &t.Enhanced, &t.Text, &next); err != nil {
			return nil, fmt.Errorf("list troubled deliveries: %w", err)
		}
		t.Next = next.Time
		list = append(list, t)
	}
	return list, rows.Err()
}

const nextDue = `
	SELECT (SELECT COUNT(*) FROM (SELECT 1 FROM deliveries
	                              WHERE edition_id = $1 AND state = 'pending' LIMIT 1) AS any_pending),
	       (SELECT MIN(next_attempt_at) FROM deliveries
	        WHERE  edition_id = $1 AND state = 'deferred')`

// due returns from when on a delivery can be claimed, the zero time if at
// once, and whether any waits at all.
func (h *hold) due(ctx context.Context) (time.Time, bool, error) {
	var pending int
	var next database.Time
	if err := h.ledger.DB.QueryRowContext(ctx, nextDue, h.editionID).Scan(&pending, &next); err != nil {
		return time.Time{}, false, fmt.Errorf("look for deliveries that wait: %w", err)
	}
	if pending > 0 {
		return time.Time{}, true, nil
	}
	return next.Time, !next.IsZero(), nil
}

const expireDeliveries = `
	UPDATE deliveries
	SET    state = 'expired', next_attempt_at = NULL, changed_at = $1
	WHERE  edition_id = $2 AND state IN ('pending', 'deferred')`

// expire gives up what has not been delivered yet.
func (h *hold) expire(ctx context.Context) error {
	_, err := h.ledger.DB.ExecContext(ctx, expireDeliveries, database.Time{Time: h.ledger.Now()}, h.editionID)
	if err != nil {
		return fmt.Errorf("expire deliveries: %w", err)
	}
	return nil
}
