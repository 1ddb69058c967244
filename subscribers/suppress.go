package subscribers

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/zotpaper/zotpaper/internal/database"
)

// A SuppressionKind says who or what an address is kept from being mailed by.
type SuppressionKind string

// The kinds of suppressions.
const (
	ByOperator   SuppressionKind = "operator"     // somebody of the paper
	BySubscriber SuppressionKind = "unsubscribed" // the reader, of all lists, as an imported file says
	ByBounce     SuppressionKind = "bounced"      // the address does not exist, or takes no mail
	ByComplaint  SuppressionKind = "complained"   // the reader called our mail spam
	ByErasure    SuppressionKind = "erased"       // the reader wanted all about them removed
)

// readersOwn reports whether the reader can end it by asking for a list again
// and confirming that.
func (k SuppressionKind) readersOwn() bool { return k == BySubscriber || k == ByErasure }

// A Suppression says why an address must not be mailed.
type Suppression struct {
	Kind   SuppressionKind `json:"kind"`
	Reason string          `json:"reason"`
	Source string          `json:"source"`
	At     time.Time       `json:"at"`
	Hashed bool            `json:"hashed"` // only a hash of the address is kept
}

// Of an address that is suppressed in the clear and by hash, what nobody can
// end comes first.
const findSuppression = `
	SELECT canonical, kind, reason, source, at FROM suppressions
	WHERE    canonical IN ($1, $2)
	ORDER BY CASE WHEN kind IN ('unsubscribed', 'erased') THEN 1 ELSE 0 END, canonical DESC
	LIMIT 1`

// suppression returns the suppression of a, or nil if there is none.
func (s *Store) suppression(ctx context.Context, q querier, a Address) (*Suppression, error) {
	salt, err := s.salt(ctx, q)
	if err != nil {
		return nil, err
	}
	var found Suppression
	var canonical string
	var at database.Time
	err = q.QueryRowContext(ctx, findSuppression, a.Canonical(), salt.digest(a).key()).
		Scan(&canonical, &found.Kind, &found.Reason, &found.Source, &at)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("suppression: %w", err)
	}
	found.At, found.Hashed = at.Time, canonical != a.Canonical()
	return &found, nil
}

const (
	insertSuppression = `
	INSERT INTO suppressions (canonical, kind, reason, source, at) VALUES ($1, $2, $3, $4, $5)` + replaceOwn

	// replaceOwn ends a statement that inserts suppressions: one that is there
	// is replaced only if the reader could end it by a word. See also replaces.
	replaceOwn = `
	ON CONFLICT (canonical) DO UPDATE
	SET    kind = excluded.kind, reason = excluded.reason, source = excluded.source, at = excluded.at
	WHERE  suppressions.kind IN ('unsubscribed', 'erased') AND excluded.kind NOT IN ('unsubscribed', 'erased')`
)

// replaces reports whether a suppression of kind k takes the place of one of
// kind other, as replaceOwn has it.
func (k SuppressionKind) replaces(other SuppressionKind) bool {
	return other.readersOwn() && !k.readersOwn()
}

// Suppress keeps an address from being mailed, on every list, now and after
// any import, and reports whether it was not so before. The address need not
// belong to a subscriber. reason is for people; the first one given is kept,
// unless it was the reader's own and the new one is not.
func (s *Store) Suppress(ctx context.Context, address string, kind SuppressionKind, reason, by string) (added bool, err error) {
	a, err := ParseAddress(address)
	if err != nil {
		return false, err
	}
	if strings.TrimSpace(reason) == "" {
		return false, errors.New("suppress: there is no reason given")
	}
	err = s.DB.Transact(ctx, func(ctx context.Context, tx *sql.Tx) error {
		var err error
		added, err = changed(tx.ExecContext(ctx, insertSuppression, a.Canonical(), kind, reason, by, s.now()))
		if err != nil || !added {
			return err
		}
		return s.recordAbout(ctx, tx, a, changeSuppressed, by)
	})
	if err != nil {
		return false, fmt.Errorf("suppress: %w", err)
	}
	return added, nil
}

// Lift ends the suppression of an address and reports whether there was one. It
// is for an operator who knows that the address works again, or was suppressed
// by mistake; who had unsubscribed from a list stays off it.
func (s *Store) Lift(ctx context.Context, address, by string) (lifted bool, err error) {
	a, err := ParseAddress(address)
	if err != nil {
		return false, err
	}
	err = s.DB.Transact(ctx, func(ctx context.Context, tx *sql.Tx) error {
		lifted = false
		salt, err := s.salt(ctx, tx)
		if err != nil {
			return err
		}
		for _, key := range []string{a.Canonical(), salt.digest(a).key()} {
			did, err := changed(tx.ExecContext(ctx, deleteSuppression, key))
			if err != nil {
				return err
			}
			lifted = lifted || did
		}
		if !lifted {
			return nil
		}
		return s.recordAbout(ctx, tx, a, changeLifted, by)
	})
	if err != nil {
		return false, fmt.Errorf("lift the suppression: %w", err)
	}
	return lifted, nil
}

// recordAbout adds a line to the trail of the subscriber with that address, if
// there is one; if not, the suppression itself says who and when.
func (s *Store) recordAbout(ctx context.Context, tx *sql.Tx, a Address, what, by string) error {
	subscriber, err := findCanonical(ctx, tx, a)
	if errors.Is(err, ErrUnknown) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.record(ctx, tx, subscriber.ID, "", what, by)
}
