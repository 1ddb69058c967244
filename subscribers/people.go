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
	Format    Format    `json:"format"`
	Zone      string    `json:"zone"` // empty: the publication's
	CreatedAt time.Time `json:"created_at"`
}

// parsed returns the address as ParseAddress did before it was stored.
func (s Subscriber) parsed() Address {
	a, err := ParseAddress(s.Address)
	if err != nil {
		panic(fmt.Sprintf("subscribers: subscriber %d has an address that is none: %v", s.ID, err))
	}
	return a
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
		did, err := s.withdraw(ctx, tx, subscriber.ID, list, by, Origin{})
		u = Unsubscribed{Subscriber: subscriber, List: l, Already: !did}
		return err
	})
	if err != nil {
		return Unsubscribed{}, fmt.Errorf("unsubscribe from %q: %w", list, err)
	}
	return u, nil
}

// withdraw takes a subscriber off a list, and reports whether they were not off
// it.
func (s *Store) withdraw(ctx context.Context, tx *sql.Tx, subscriber int64, list, by string, o Origin) (bool, error) {
	did, err := changed(tx.ExecContext(ctx, withdrawConsent, list, subscriber, by, s.now()))
	if err != nil || !did {
		return false, err
	}
	return true, s.recordAct(ctx, tx, act{subscriber: subscriber, list: list, what: changeWithdrawn, who: by, origin: o})
}

const selectSubscriber = `SELECT id, ref, address, name, format, zone, created_at FROM subscribers WHERE `

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

func findID(ctx context.Context, q querier, id int64) (Subscriber, error) {
	return scanSubscriber(q.QueryRowContext(ctx, selectSubscriber+"id = $1", id))
}

func scanSubscriber(row *sql.Row) (Subscriber, error) {
	var s Subscriber
	var created database.Time
	err := row.Scan(&s.ID, &s.Ref, &s.Address, &s.Name, &s.Format, &s.Zone, &created)
	if errors.Is(err, sql.ErrNoRows) {
		return Subscriber{}, ErrUnknown
	}
	if err != nil {
		return Subscriber{}, fmt.Errorf("subscriber: %w", err)
	}
	s.CreatedAt = created.Time
	return s, nil
}
