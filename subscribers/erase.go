package subscribers

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// A Ledger is whoever else keeps what belongs to a subscriber, by their ID: the
// ledger of package dispatch.
type Ledger interface {
	// History returns the deliveries to a subscriber, the newest first.
	History(ctx context.Context, subscriber int64) ([]Received, error)
	// Forget takes out, within tx, all that says who a subscriber is.
	Forget(ctx context.Context, tx *sql.Tx, subscriber int64) error
}

// A Received is an edition to a subscriber.
type Received struct {
	Edition string    `json:"edition"` // its key
	State   string    `json:"state"`
	Address string    `json:"address"` // as it was then
	Reply   string    `json:"reply"`   // the mail server's, to the last attempt
	At      time.Time `json:"at,omitzero"`
}

const (
	// The worse of two reasons not to write to somebody stays.
	keepSuppressionHashed = `
		INSERT INTO suppressions (canonical, kind, reason, source, at)
		SELECT $1, kind, 'kept when the address was erased', source, at FROM suppressions WHERE canonical = $2
		ON CONFLICT (canonical) DO NOTHING`

	insertErased = `
		INSERT INTO suppressions (canonical, kind, reason, source, at) VALUES ($1, 'erased', 'asked to be erased', $2, $3)
		ON CONFLICT (canonical) DO NOTHING`

	deleteSuppression = `DELETE FROM suppressions WHERE canonical = $1`

	// What is left of the trail says what was done and when, not to whom.
	emptyTrail = `UPDATE changes SET ip = '', note = '' WHERE subscriber_id = $1`

	deleteNoticesTo = `DELETE FROM notices WHERE address = $1`
)

// Erase removes everything that says who a person is: the subscriber, their
// consents and the proof of them, notices, and what the ledger has. What stays
// is a salted hash of the address, so that no import brings it back, and lines
// of the trail that name nobody. who is a ref or an address; an address that is
// only suppressed becomes a hash too. It returns ErrUnknown if nothing is known
// of who.
//
// The reader can come back: by asking for a list and confirming it.
func (s *Store) Erase(ctx context.Context, who, by string) error {
	err := s.DB.Transact(ctx, func(ctx context.Context, tx *sql.Tx) error {
		subscriber, err := find(ctx, tx, who)
		if errors.Is(err, ErrUnknown) {
			return s.eraseSuppression(ctx, tx, who, by)
		}
		if err != nil {
			return err
		}
		if s.Ledger != nil {
			if err := s.Ledger.Forget(ctx, tx, subscriber.ID); err != nil {
				return err
			}
		}
		for _, query := range []string{emptyTrail, deleteSubscriber} { // consents and notices go with it
			if _, err := tx.ExecContext(ctx, query, subscriber.ID); err != nil {
				return err
			}
		}
		if err := s.eraseAddress(ctx, tx, subscriber.parsed(), by); err != nil {
			return err
		}
		return s.record(ctx, tx, subscriber.ID, "", changeErased, by)
	})
	if err != nil {
		return fmt.Errorf("erase: %w", err)
	}
	return s.DB.Scrub(ctx)
}

// eraseSuppression erases somebody who is no subscriber.
func (s *Store) eraseSuppression(ctx context.Context, tx *sql.Tx, who, by string) error {
	a, err := ParseAddress(who)
	if err != nil {
		return ErrUnknown // a ref of nobody
	}
	suppression, err := s.suppression(ctx, tx, a)
	if err != nil {
		return err
	}
	if suppression == nil || suppression.Hashed {
		return ErrUnknown
	}
	return s.eraseAddress(ctx, tx, a, by)
}

// eraseAddress leaves a hash of a, and nothing else.
func (s *Store) eraseAddress(ctx context.Context, tx *sql.Tx, a Address, by string) error {
	salt, err := s.salt(ctx, tx)
	if err != nil {
		return err
	}
	key := salt.digest(a).key()
	if _, err := tx.ExecContext(ctx, keepSuppressionHashed, key, a.Canonical()); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, insertErased, key, by, s.now()); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, deleteSuppression, a.Canonical()); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, deleteNoticesTo, a.String()) // that others had sent there
	return err
}
