package subscribers

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/zotpaper/zotpaper/internal/database"
)

// A Subscriber is a person as mail is sent to them.
type Subscriber struct {
	ID        int64     `json:"-"`
	Ref       string    `json:"ref"`     // stands for the address in links: 16 of a-z and 2-7, random
	Address   string    `json:"address"` // as mail is sent to it
	Name      string    `json:"name"`    // may be empty
	CreatedAt time.Time `json:"created_at"`
}

// refEncoding spells ten random bytes as 16 letters and digits that survive
// any change of case.
var refEncoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// refBytes is the length of a ref before it is spelled: 80 bits, so that
// nobody finds one by trying.
const refBytes = 10

// newRef returns a ref that nobody has.
func newRef() string {
	var b [refBytes]byte
	rand.Read(b[:]) // never fails
	return refEncoding.EncodeToString(b[:])
}

// The three statements of adding. Each is guarded by itself, since on
// PostgreSQL others write between them.
const (
	insertSubscriber = `
		INSERT INTO subscribers (ref, address, canonical, name, created_at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (canonical) DO NOTHING`

	// What the reader has withdrawn stays withdrawn.
	giveConsent = `
		INSERT INTO consents (list, subscriber_id, state, source, changed_at) VALUES ($1, $2, 'given', $3, $4)
		ON CONFLICT (list, subscriber_id) DO UPDATE
		SET    state = 'given', source = excluded.source, changed_at = excluded.changed_at
		WHERE  consents.state = 'pending'`

	findSuppression = `SELECT reason, source, at FROM suppressions WHERE canonical = $1`
)

// Add puts an address on a list on the word of by, who answers for the
// reader's consent, and reports whether it was not there before. A name is
// kept only if the subscriber is new.
//
// It returns an *AddressError, ErrNoList, ErrWithdrawn or ErrSuppressed if the
// address may not be added; Add undoes neither an unsubscription nor a
// suppression.
func (s *Store) Add(ctx context.Context, list, address, name, by string) (added bool, err error) {
	a, err := ParseAddress(address)
	if err != nil {
		return false, err
	}
	if name, err = ParseName(name); err != nil {
		return false, err
	}
	err = s.DB.Transact(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if _, err := findList(ctx, tx, list); err != nil {
			return err
		}
		suppression, err := s.suppression(ctx, tx, a)
		if err != nil {
			return err
		}
		if suppression != nil {
			return fmt.Errorf("%w: %s", ErrSuppressed, suppression.Reason)
		}
		added, err = s.add(ctx, tx, list, a, name, by)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("add to %q: %w", list, err)
	}
	return added, nil
}

func (s *Store) add(ctx context.Context, tx *sql.Tx, list string, a Address, name, by string) (added bool, err error) {
	if _, err := tx.ExecContext(ctx, insertSubscriber, newRef(), a.String(), a.Canonical(), name, s.now()); err != nil {
		return false, err
	}
	subscriber, err := findCanonical(ctx, tx, a)
	if err != nil {
		return false, err
	}
	given, err := changed(tx.ExecContext(ctx, giveConsent, list, subscriber.ID, by, s.now()))
	if err != nil {
		return false, err
	}
	if given {
		return true, s.record(ctx, tx, subscriber.ID, list, changeGiven, by)
	}
	var state string
	if err := tx.QueryRowContext(ctx, "SELECT state FROM consents WHERE list = $1 AND subscriber_id = $2",
		list, subscriber.ID).Scan(&state); err != nil {
		return false, err
	}
	if state == stateWithdrawn {
		return false, ErrWithdrawn
	}
	return false, nil
}

// changed reports whether a statement changed any row.
func changed(result sql.Result, err error) (bool, error) {
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}

// Unsubscribed is what an unsubscription came to, for the page that confirms
// it.
type Unsubscribed struct {
	Subscriber Subscriber
	List       List
	Already    bool // nothing changed, since it was so already
}

// withdrawConsent also leaves its mark if there was no consent at all, so that
// no later import adds a reader who has said no.
const withdrawConsent = `
	INSERT INTO consents (list, subscriber_id, state, source, changed_at) VALUES ($1, $2, 'withdrawn', $3, $4)
	ON CONFLICT (list, subscriber_id) DO UPDATE
	SET    state = 'withdrawn', source = excluded.source, changed_at = excluded.changed_at
	WHERE  consents.state <> 'withdrawn'`

// Unsubscribe takes a reader off a list, at once and for good: from its return
// on no delivery to them begins. who is the ref or the address of the reader,
// by who asked for it. Doing it again changes nothing and is no error.
//
// It returns ErrUnknown if who is nobody, such as a reader who was erased, and
// ErrNoList if there is no such list.
func (s *Store) Unsubscribe(ctx context.Context, list, who, by string) (Unsubscribed, error) {
	var u Unsubscribed
	err := s.DB.Transact(ctx, func(ctx context.Context, tx *sql.Tx) error {
		subscriber, err := find(ctx, tx, who)
		if err != nil {
			return err
		}
		l, err := findList(ctx, tx, list)
		if err != nil {
			return err
		}
		did, err := changed(tx.ExecContext(ctx, withdrawConsent, list, subscriber.ID, by, s.now()))
		if err != nil {
			return err
		}
		u = Unsubscribed{Subscriber: subscriber, List: l, Already: !did}
		if !did {
			return nil
		}
		return s.record(ctx, tx, subscriber.ID, list, changeWithdrawn, by)
	})
	if err != nil {
		return Unsubscribed{}, fmt.Errorf("unsubscribe from %q: %w", list, err)
	}
	return u, nil
}

const insertSuppression = `
	INSERT INTO suppressions (canonical, reason, source, at) VALUES ($1, $2, $3, $4)
	ON CONFLICT (canonical) DO NOTHING`

// Suppress keeps an address from being mailed, on every list, now and after
// any import, and reports whether it was not so before. The address need not
// belong to a subscriber. reason is for people; the first one given is kept.
func (s *Store) Suppress(ctx context.Context, address, reason, by string) (added bool, err error) {
	a, err := ParseAddress(address)
	if err != nil {
		return false, err
	}
	if strings.TrimSpace(reason) == "" {
		return false, errors.New("suppress: there is no reason given")
	}
	err = s.DB.Transact(ctx, func(ctx context.Context, tx *sql.Tx) error {
		var err error
		added, err = changed(tx.ExecContext(ctx, insertSuppression, a.Canonical(), reason, by, s.now()))
		if err != nil || !added {
			return err
		}
		subscriber, err := findCanonical(ctx, tx, a)
		if errors.Is(err, ErrUnknown) {
			return nil // the suppression itself says who and when
		}
		if err != nil {
			return err
		}
		return s.record(ctx, tx, subscriber.ID, "", changeSuppressed, by)
	})
	if err != nil {
		return false, fmt.Errorf("suppress: %w", err)
	}
	return added, nil
}

const selectSubscriber = `SELECT id, ref, address, name, created_at FROM subscribers WHERE `

// find returns the subscriber with that ref or address, or ErrUnknown.
func find(ctx context.Context, q querier, who string) (Subscriber, error) {
	if !strings.Contains(who, "@") {
		return scanSubscriber(q.QueryRowContext(ctx, selectSubscriber+"ref = $1", who))
	}
	a, err := ParseAddress(who)
	if err != nil {
		return Subscriber{}, err
	}
	return findCanonical(ctx, q, a)
}

func findCanonical(ctx context.Context, q querier, a Address) (Subscriber, error) {
	return scanSubscriber(q.QueryRowContext(ctx, selectSubscriber+"canonical = $1", a.Canonical()))
}

func scanSubscriber(row *sql.Row) (Subscriber, error) {
	var s Subscriber
	var created database.Time
	err := row.Scan(&s.ID, &s.Ref, &s.Address, &s.Name, &created)
	if errors.Is(err, sql.ErrNoRows) {
		return Subscriber{}, ErrUnknown
	}
	if err != nil {
		return Subscriber{}, fmt.Errorf("subscriber: %w", err)
	}
	s.CreatedAt = created.Time
	return s, nil
}
