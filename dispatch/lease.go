package dispatch

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/zotpaper/zotpaper/edition"
	"github.com/zotpaper/zotpaper/internal/database"
)

const (
	// leaseLength is how long a process may be silent before another takes
	// its dispatch over, and so how long readers wait after a crash.
	leaseLength = 15 * time.Second
	// leaseRenewal leaves two chances to renew before the lease runs out.
	leaseRenewal = 5 * time.Second
)

// errFenced says that another process owns the dispatch now.
var errFenced = errors.New("another process has taken over this dispatch")

// A BusyError says that another process is at work on the dispatch.
type BusyError struct {
	Edition edition.Key
	Owner   string    // host and process
	Until   time.Time // when its lease runs out unless it is renewed
}

func (e *BusyError) Error() string {
	return fmt.Sprintf("edition %s is being dispatched by %s", e.Edition, e.Owner)
}

// A hold is a process's right to work on one dispatch for as long as it renews
// its lease.
type hold struct {
	ledger    Ledger
	key       edition.Key
	editionID int64
	list      string
	owner     string
	fence     int64
	started   time.Time
	expires   time.Time
}

const takeLease = `
	UPDATE dispatches
	SET    owner = $1, lease_until = $2, fence = fence + 1, started_at = COALESCE(started_at, $3)
	WHERE  edition_id = $4 AND (lease_until IS NULL OR lease_until < $3)
	RETURNING list, fence, started_at, expires_at`

const leaseOwner = `
	SELECT owner, lease_until FROM dispatches WHERE edition_id = $1`

// acquire takes the dispatch of an edition for owner. It fails with a
// *BusyError while another process holds it.
func (l Ledger) acquire(ctx context.Context, key edition.Key, editionID int64, owner string) (*hold, error) {
	h := &hold{ledger: l, key: key, editionID: editionID, owner: owner}
	err := l.DB.Transact(ctx, func(ctx context.Context, tx *sql.Tx) error {
		for {
			taken, err := h.take(ctx, tx)
			if taken || err != nil {
				return err
			}
			var until database.Time
			busy := &BusyError{Edition: key}
			if err := tx.QueryRowContext(ctx, leaseOwner, editionID).Scan(&busy.Owner, &until); err != nil {
				return err
			}
			// Between the two statements the owner may have let go.
			if busy.Until = until.Time; !until.IsZero() {
				return busy
			}
		}
	})
	if err != nil {
		return nil, fmt.Errorf("take the dispatch of %s: %w", key, err)
	}
	return h, nil
}

// take takes the lease, within tx, if nobody holds it.
func (h *hold) take(ctx context.Context, tx *sql.Tx) (bool, error) {
	now := h.ledger.Now()
	var started, expires database.Time
	err := tx.QueryRowContext(ctx, takeLease, h.owner, database.Time{Time: now.Add(leaseLength)}, database.Time{Time: now}, h.editionID).
		Scan(&h.list, &h.fence, &started, &expires)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	h.started, h.expires = started.Time, expires.Time
	return err == nil, err
}

const renewLease = `
	UPDATE dispatches SET lease_until = $1
	WHERE  edition_id = $2 AND fence = $3`

func (h *hold) renew(ctx context.Context) error {
	result, err := h.ledger.DB.ExecContext(ctx, renewLease,
		database.Time{Time: h.ledger.Now().Add(leaseLength)}, h.editionID, h.fence)
	if err != nil {
		return fmt.Errorf("renew the lease: %w", err)
	}
	if n, err := result.RowsAffected(); err != nil || n != 1 {
		return errors.Join(errFenced, err)
	}
	return nil
}

const releaseLease = `
	UPDATE dispatches SET owner = '', lease_until = NULL
	WHERE  edition_id = $1 AND fence = $2`

// release lets the next process take the dispatch at once.
func (h *hold) release(ctx context.Context) error {
	if _, err := h.ledger.DB.ExecContext(ctx, releaseLease, h.editionID, h.fence); err != nil {
		return fmt.Errorf("release the lease: %w", err)
	}
	return nil
}

// InDoubt says what becomes of a delivery whose final dot was written and
// whose reply was never read.
type InDoubt string

// The policies.
const (
	// Resend sends the message once more, with the same Message-ID: nobody is
	// skipped, a reader may get two copies.
	Resend InDoubt = "resend"
	// Hold leaves the delivery to an editor: nobody gets two, a reader may
	// have none.
	Hold InDoubt = "hold"
)

const adoptOrphans = `
	UPDATE deliveries
	SET    state = $1, in_doubt = in_doubt + 1, changed_at = $2
	WHERE  edition_id = $3 AND state = 'sending' AND fence < $4`

// adopt settles what earlier owners left in the state sending, by policy, and
// returns how many deliveries those were.
func (h *hold) adopt(ctx context.Context, policy InDoubt) (int, error) {
	state := Pending
	if policy == Hold {
		state = Held
	}
	result, err := h.ledger.DB.ExecContext(ctx, adoptOrphans,
		string(state), database.Time{Time: h.ledger.Now()}, h.editionID, h.fence)
	if err != nil {
		return 0, fmt.Errorf("settle deliveries in doubt: %w", err)
	}
	n, err := result.RowsAffected()
	return int(n), err
}
