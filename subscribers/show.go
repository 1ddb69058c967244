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

// A Record is everything we know of one address.
type Record struct {
	Subscriber  *Subscriber  `json:"subscriber"`  // nil if the address is only suppressed
	Consents    []Consent    `json:"consents"`    // by list
	Suppression *Suppression `json:"suppression"` // nil if the address may be mailed
	Changes     []Change     `json:"changes"`     // the oldest first
	Forms       []Form       `json:"forms"`       // the words that consents refer to
	Notices     []NoticeFact `json:"notices"`     // mails about the subscription of the last thirty days
	Received    []Received   `json:"received"`    // editions, the newest first
}

// A Consent says whether a subscriber wants a list, and how we know.
type Consent struct {
	List      string    `json:"list"`
	State     string    `json:"state"`  // pending, given or withdrawn
	Source    string    `json:"source"` // where the state came from
	ChangedAt time.Time `json:"changed_at"`
	Proof     *Proof    `json:"proof,omitempty"` // of a consent that the reader gave; nil: none is kept
}

// A Proof says how a reader gave a consent.
type Proof struct {
	AskedAt     time.Time `json:"asked_at,omitzero"` // with the form
	AskedFrom   string    `json:"asked_from"`        // IP address
	Form        int64     `json:"form"`              // version of the words beside the button; 0: none
	ConfirmedAt time.Time `json:"confirmed_at"`      // with the button behind the link in the mail
	ConfirmedIP string    `json:"confirmed_from"`
}

// A Form is a wording that readers agreed to.
type Form struct {
	Version  int64     `json:"version"`
	Language string    `json:"language"`
	Text     string    `json:"text"`
	Since    time.Time `json:"shown_since"`
}

// A Change is one line of the trail of a subscriber.
type Change struct {
	List string    `json:"list"` // empty if it concerns all lists
	What string    `json:"what"`
	Who  string    `json:"who"`
	At   time.Time `json:"at"`
	IP   string    `json:"ip,omitempty"`
	Form int64     `json:"form,omitempty"` // see Form.Version
	Note string    `json:"note,omitempty"`
}

// A NoticeFact is a notice as Show tells of it.
type NoticeFact struct {
	Kind       Kind        `json:"kind"`
	Address    string      `json:"address"`
	Lists      []string    `json:"lists"`
	IP         string      `json:"ip"`
	State      NoticeState `json:"state"`
	AskedAt    time.Time   `json:"asked_at"`
	AnsweredAt time.Time   `json:"answered_at,omitzero"`
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
	if err := s.complete(ctx, &r); err != nil {
		return Record{}, fmt.Errorf("show: %w", err)
	}
	return r, nil
}

// complete adds to r what is known of its subscriber.
func (s *Store) complete(ctx context.Context, r *Record) (err error) {
	id := r.Subscriber.ID
	if r.Consents, err = s.consents(ctx, s.DB, id); err != nil {
		return err
	}
	if r.Changes, err = s.changes(ctx, id); err != nil {
		return err
	}
	if r.Forms, err = s.forms(ctx, id); err != nil {
		return err
	}
	if r.Notices, err = s.noticeFacts(ctx, id); err != nil {
		return err
	}
	for i := range r.Consents {
		r.Consents[i].Proof = proof(r.Consents[i], r.Changes)
	}
	if s.Ledger != nil {
		r.Received, err = s.Ledger.History(ctx, id)
	}
	return err
}

// proof returns what the trail has of how c was given.
func proof(c Consent, trail []Change) *Proof {
	if c.State != stateGiven || c.Source != byReader {
		return nil
	}
	var p *Proof
	var asked Change
	for _, line := range trail {
		switch {
		case line.List != c.List:
		case line.What == changeAsked:
			asked = line
		case line.What == changeGiven && line.Who == byReader:
			p = &Proof{
				AskedAt: asked.At, AskedFrom: asked.IP, Form: line.Form,
				ConfirmedAt: line.At, ConfirmedIP: line.IP,
			}
		}
	}
	return p
}

func (s *Store) consents(ctx context.Context, q querier, subscriber int64) ([]Consent, error) {
	return collect(ctx, q, func(rows *sql.Rows) (c Consent, err error) {
		var at database.Time
		err = rows.Scan(&c.List, &c.State, &c.Source, &at)
		c.ChangedAt = at.Time
		return c, err
	}, "SELECT list, state, source, changed_at FROM consents WHERE subscriber_id = $1 ORDER BY list", subscriber)
}

func (s *Store) changes(ctx context.Context, subscriber int64) ([]Change, error) {
	return collect(ctx, s.DB, func(rows *sql.Rows) (c Change, err error) {
		var list sql.NullString
		var form sql.NullInt64
		var at database.Time
		err = rows.Scan(&list, &c.What, &c.Who, &at, &c.IP, &form, &c.Note)
		c.List, c.At, c.Form = list.String, at.Time, form.Int64
		return c, err
	}, "SELECT list, what, who, at, ip, form_id, note FROM changes WHERE subscriber_id = $1 ORDER BY id", subscriber)
}

const selectForms = `
	SELECT id, language, text, shown_since FROM forms
	WHERE    id IN (SELECT form_id FROM changes WHERE subscriber_id = $1)
	ORDER BY id`

func (s *Store) forms(ctx context.Context, subscriber int64) ([]Form, error) {
	return collect(ctx, s.DB, func(rows *sql.Rows) (f Form, err error) {
		var since database.Time
		err = rows.Scan(&f.Version, &f.Language, &f.Text, &since)
		f.Since = since.Time
		return f, err
	}, selectForms, subscriber)
}

const selectNotices = `
	SELECT kind, address, lists, ip, state, asked_at, answered_at FROM notices
	WHERE    subscriber_id = $1
	ORDER BY id`

func (s *Store) noticeFacts(ctx context.Context, subscriber int64) ([]NoticeFact, error) {
	return collect(ctx, s.DB, func(rows *sql.Rows) (n NoticeFact, err error) {
		var lists string
		var asked, answered database.Time
		err = rows.Scan(&n.Kind, &n.Address, &lists, &n.IP, &n.State, &asked, &answered)
		n.Lists, n.AskedAt, n.AnsweredAt = splitLists(lists), asked.Time, answered.Time
		return n, err
	}, selectNotices, subscriber)
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
