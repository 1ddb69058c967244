package subscribers

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/zotpaper/zotpaper/internal/database"
)

// The states of a consent.
const (
	statePending   = "pending"   // asked for, not confirmed
	stateGiven     = "given"     // the only state in which mail is sent
	stateWithdrawn = "withdrawn" // final, but for the reader's own word
)

// A Record is everything this package knows of one address.
type Record struct {
	Subscriber  *Subscriber  `json:"subscriber"`  // nil if the address is only suppressed
	Consents    []Consent    `json:"consents"`    // by list
	Suppression *Suppression `json:"suppression"` // nil if the address may be mailed
	Changes     []Change     `json:"changes"`     // the oldest first
}

// A Consent says whether a subscriber wants a list, and how we know.
type Consent struct {
	List      string    `json:"list"`
	State     string    `json:"state"`  // pending, given or withdrawn
	Source    string    `json:"source"` // where the state came from
	ChangedAt time.Time `json:"changed_at"`
}

// A Suppression says why an address must not be mailed.
type Suppression struct {
	Reason string    `json:"reason"`
	Source string    `json:"source"`
	At     time.Time `json:"at"`
}

// A Change is one line of the trail of a subscriber.
type Change struct {
	List string    `json:"list"` // empty if it concerns all lists
	What string    `json:"what"`
	Who  string    `json:"who"`
	At   time.Time `json:"at"`
}

// Show returns everything known of who, a ref or an address. It returns
// ErrUnknown if that is nothing at all.
func (s *Store) Show(ctx context.Context, who string) (Record, error) {
	var r Record
	subscriber, err := find(ctx, s.DB, who)
	switch {
	case err == nil:
		r.Subscriber, who = &subscriber, subscriber.Address
	case !errors.Is(err, ErrUnknown):
		return Record{}, err
	}
	if a, err := ParseAddress(who); err == nil { // else an unknown ref
		if r.Suppression, err = s.suppression(ctx, s.DB, a); err != nil {
			return Record{}, err
		}
	}
	if r.Subscriber == nil {
		if r.Suppression == nil {
			return Record{}, ErrUnknown
		}
		return r, nil
	}
	if r.Consents, err = s.consents(ctx, subscriber.ID); err != nil {
		return Record{}, err
	}
	if r.Changes, err = s.changes(ctx, subscriber.ID); err != nil {
		return Record{}, err
	}
	return r, nil
}

// suppression returns the suppression of a, or nil if there is none.
func (s *Store) suppression(ctx context.Context, q querier, a Address) (*Suppression, error) {
	var found Suppression
	var at database.Time
	err := q.QueryRowContext(ctx, findSuppression, a.Canonical()).Scan(&found.Reason, &found.Source, &at)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("suppression: %w", err)
	}
	found.At = at.Time
	return &found, nil
}

func (s *Store) consents(ctx context.Context, subscriber int64) ([]Consent, error) {
	return collect(ctx, s.DB, func(rows *sql.Rows) (c Consent, err error) {
		var at database.Time
		err = rows.Scan(&c.List, &c.State, &c.Source, &at)
		c.ChangedAt = at.Time
		return c, err
	}, "SELECT list, state, source, changed_at FROM consents WHERE subscriber_id = $1 ORDER BY list", subscriber)
}

func (s *Store) changes(ctx context.Context, subscriber int64) ([]Change, error) {
	return collect(ctx, s.DB, func(rows *sql.Rows) (c Change, err error) {
		var list sql.NullString
		var at database.Time
		err = rows.Scan(&list, &c.What, &c.Who, &at)
		c.List, c.At = list.String, at.Time
		return c, err
	}, "SELECT list, what, who, at FROM changes WHERE subscriber_id = $1 ORDER BY id", subscriber)
}

// collect runs a query and returns what scan makes of each row.
func collect[T any](ctx context.Context, q querier, scan func(*sql.Rows) (T, error), query string, args ...any) ([]T, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}
