//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/zotpaper/zotpaper/internal/database"
	"github.com/zotpaper/zotpaper/internal/sink"
)

// A verdict compares what the ledger of an edition says with what the mail
// server recorded.
type verdict struct {
	Recipients int `json:"recipients"`
	Lost       int `json:"lost"`      // readers without the edition whom the ledger gives no reason for
	Unfounded  int `json:"unfounded"` // of these, sent as the ledger has it
	Inside     int `json:"duplicates_inside"`
	Outside    int `json:"duplicates_outside"` // copies too many of readers who were not in doubt, or not as often
	InDoubt    int `json:"in_doubt"`           // how often readers were
	Held       int `json:"held"`               // in doubt, and left to an editor
	HeldGot    int `json:"held_got"`           // of these, who have it
	Differing  int `json:"differing"`          // copies with another Message-ID or other bytes than the first
	Strangers  int `json:"strangers"`          // readers with the edition whom the ledger does not know
}

// received is what one reader got.
type received struct {
	copies    int
	differing int
	first     sink.Delivery
}

// readLedger returns what each address got, as the mail server recorded it.
func readLedger(file string) (map[string]received, error) {
	got := map[string]received{}
	err := sink.ReadLedger(file, func(d sink.Delivery) {
		r := got[d.Recipient]
		if r.copies == 0 {
			r.first = d
		} else if d.MessageID != r.first.MessageID || d.SHA256 != r.first.SHA256 {
			r.differing++
		}
		r.copies++
		got[d.Recipient] = r
	})
	return got, err
}

const ledgerOf = `
	SELECT deliveries.address, deliveries.state, deliveries.in_doubt
	FROM   deliveries
	JOIN   editions ON editions.id = deliveries.edition_id
	WHERE  editions.slot = $1`

// judge compares the ledger of the nth edition with file, the mail server's.
// got is used up.
func (p *paper) judge(ctx context.Context, n int, got map[string]received) (v verdict, err error) {
	db, err := database.Open(ctx, p.database)
	if err != nil {
		return v, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	rows, err := db.QueryContext(ctx, ledgerOf, slot(n))
	if err != nil {
		return v, fmt.Errorf("read the ledger: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var address, state string
		var doubts int
		if err := rows.Scan(&address, &state, &doubts); err != nil {
			return v, fmt.Errorf("read the ledger: %w", err)
		}
		v.add(state, doubts, got[address])
		delete(got, address)
	}
	// Whoever is on the list and not in the ledger was lost at the freeze.
	v.Lost += p.readers - v.Recipients
	v.Strangers = len(got)
	return v, rows.Err()
}

// add judges one recipient.
func (v *verdict) add(state string, doubts int, got received) {
	v.Recipients++
	v.InDoubt += doubts
	v.Differing += got.differing
	if extra := got.copies - 1; extra > 0 {
		inside := min(extra, doubts)
		v.Inside += inside
		v.Outside += extra - inside
	}
	switch {
	case state == "held" && doubts > 0:
		v.Held++
		if got.copies > 0 {
			v.HeldGot++
		}
	case got.copies > 0:
	case state == "sent":
		v.Lost++
		v.Unfounded++
	default:
		// The mail server refuses nobody, so there is no reason not to have it.
		v.Lost++
	}
}

// sum adds another edition's verdict.
func (v *verdict) sum(w verdict) {
	v.Recipients += w.Recipients
	v.Lost += w.Lost
	v.Unfounded += w.Unfounded
	v.Inside += w.Inside
	v.Outside += w.Outside
	v.InDoubt += w.InDoubt
	v.Held += w.Held
	v.HeldGot += w.HeldGot
	v.Differing += w.Differing
	v.Strangers += w.Strangers
}

const doubtsOf = `
	SELECT COALESCE(SUM(deliveries.in_doubt), 0)
	FROM   deliveries
	JOIN   editions ON editions.id = deliveries.edition_id
	WHERE  editions.slot = $1`

// doubts returns how often recipients of the nth edition were in doubt so far.
func (p *paper) doubts(ctx context.Context, n int) (sum int, err error) {
	db, err := database.Open(ctx, p.database)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	err = db.QueryRowContext(ctx, doubtsOf, slot(n)).Scan(&sum)
	return sum, err
}

const frozenAt = `SELECT frozen_at FROM editions WHERE slot = $1`

// frozen returns when the nth edition was frozen.
func (p *paper) frozen(ctx context.Context, n int) (at time.Time, err error) {
	db, err := database.Open(ctx, p.database)
	if err != nil {
		return at, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var t database.Time
	err = db.QueryRowContext(ctx, frozenAt, slot(n)).Scan(&t)
	return t.Time, err
}
