package subscribers

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/zotpaper/zotpaper/internal/database"
)

// A Kind says what a notice is about.
type Kind string

// The kinds of notices.
const (
	KindConfirm Kind = "confirm" // did you ask for these lists?
	KindKnown   Kind = "known"   // you asked for lists that you are on
	KindMove    Kind = "move"    // is this your new address?
	KindMoved   Kind = "moved"   // to the old address: mail goes elsewhere from now on
)

// A Notice is a mail to one person about their own subscription. None holds a
// word that somebody else has chosen.
type Notice struct {
	ID         int64
	Ref        string // stands for the notice in links
	Kind       Kind
	Subscriber string // ref of the one it is about
	Address    string // where it goes
	Lists      []List // asked for
	AskedAt    time.Time
	Attempts   int  // this one included
	Suppressed bool // the address must not be mailed any more
}

// notice is a Notice that is about to be recorded.
type notice struct {
	kind       Kind
	subscriber int64
	address    Address
	lists      []string
	name, zone string
	origin     Origin
}

const insertNotice = `
	INSERT INTO notices (ref, kind, subscriber_id, address, lists, name, zone, ip, network, form_id, asked_at, next_attempt_at)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)`

func (s *Store) insertNotice(ctx context.Context, tx *sql.Tx, n notice) error {
	_, err := tx.ExecContext(ctx, insertNotice, newRef(), n.kind, n.subscriber, n.address.String(), joinLists(n.lists),
		n.name, n.zone, n.origin.ip(), n.origin.network(), nullID(n.origin.Form), s.now())
	if err != nil {
		return fmt.Errorf("record the notice: %w", err)
	}
	return nil
}

func nullID(id int64) sql.NullInt64 { return sql.NullInt64{Int64: id, Valid: id != 0} }

// noticeLease is how long a process keeps a notice that it sends from others.
// It is longer than any conversation with a mail server.
const noticeLease = 15 * time.Minute

// claimNotices takes what is due. The condition stands twice since on
// PostgreSQL another process may have taken a row while we waited for it.
const claimNotices = `
	UPDATE notices
	SET    attempts = attempts + 1, next_attempt_at = $2
	WHERE  id IN (SELECT id FROM notices WHERE next_attempt_at <= $1 ORDER BY next_attempt_at LIMIT $3)
	AND    next_attempt_at <= $1
	RETURNING id, ref, kind, (SELECT ref FROM subscribers WHERE subscribers.id = notices.subscriber_id),
	          address, lists, asked_at, attempts,
	          CASE WHEN EXISTS (SELECT 1 FROM suppressions WHERE suppressions.canonical = lower(notices.address)
	                            AND suppressions.kind NOT IN ('unsubscribed', 'erased')) THEN 1 ELSE 0 END`

// ClaimNotices returns up to limit notices that are to be sent now. Nobody else
// gets them for a quarter of an hour; within it each has to be settled, else it
// is sent again.
func (s *Store) ClaimNotices(ctx context.Context, limit int) ([]Notice, error) {
	until := database.Time{Time: s.Now().Add(noticeLease)}
	type claimed struct {
		Notice
		lists string
	}
	var due []claimed
	err := s.DB.Transact(ctx, func(ctx context.Context, tx *sql.Tx) (err error) {
		due, err = collect(ctx, tx, func(rows *sql.Rows) (c claimed, err error) {
			var asked database.Time
			var suppressed int
			err = rows.Scan(&c.ID, &c.Ref, &c.Kind, &c.Subscriber, &c.Address, &c.lists, &asked, &c.Attempts, &suppressed)
			c.AskedAt, c.Suppressed = asked.Time, suppressed != 0
			return c, err
		}, claimNotices, s.now(), until, limit)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("claim notices: %w", err)
	}
	if len(due) == 0 {
		return nil, nil
	}
	titles, err := s.Titles(ctx)
	if err != nil {
		return nil, err
	}
	notices := make([]Notice, 0, len(due))
	for _, c := range due {
		for _, id := range splitLists(c.lists) {
			c.Lists = append(c.Lists, List{id, titles[id]})
		}
		notices = append(notices, c.Notice)
	}
	return notices, nil
}

// A NoticeState says how it stands with a notice.
type NoticeState string

// The states of a notice.
const (
	NoticeWaiting NoticeState = "waiting" // to be sent, or to be sent again
	NoticeSent    NoticeState = "sent"    // the mail server has it
	NoticeRefused NoticeState = "refused" // the mail server does not take it, or it must not be sent
	NoticeExpired NoticeState = "expired" // the mail server did not take it in time
)

const settleNotice = `
	UPDATE notices SET state = $1, next_attempt_at = $2 WHERE id = $3 AND state = 'waiting'`

// SettleNotice records what became of an attempt. next is when a notice that
// still waits is to be tried again.
func (s *Store) SettleNotice(ctx context.Context, id int64, state NoticeState, next time.Time) error {
	when := database.Time{}
	if state == NoticeWaiting {
		when.Time = next
	}
	if _, err := s.DB.ExecContext(ctx, settleNotice, state, when, id); err != nil {
		return fmt.Errorf("settle a notice: %w", err)
	}
	return nil
}

// The times after which what strangers left behind is dropped.
const (
	keepUnconfirmed = 8 * 24 * time.Hour
	keepNotices     = 30 * 24 * time.Hour
)

// The order matters: the first needs the notices to find whom nobody confirmed.
const (
	dropStrangers = `
		DELETE FROM subscribers
		WHERE  id IN (SELECT subscriber_id FROM notices WHERE kind = 'confirm' AND answered_at IS NULL AND asked_at < $1)
		AND    NOT EXISTS (SELECT 1 FROM consents WHERE consents.subscriber_id = subscribers.id
		                   AND (consents.state <> 'pending' OR consents.changed_at >= $1))
		AND    NOT EXISTS (SELECT 1 FROM notices WHERE notices.subscriber_id = subscribers.id AND notices.asked_at >= $1)`

	dropPending       = `DELETE FROM consents WHERE state = 'pending' AND changed_at < $1`
	dropNotices       = `DELETE FROM notices WHERE asked_at < $1 AND state <> 'waiting'`
	dropConfirmations = `DELETE FROM confirmations WHERE at < $1`
)

// Tidy drops what strangers left behind: requests that nobody has confirmed
// within eight days, with whom they were about if nothing else is known of
// them, and notices of more than thirty days ago. It is to be called once a
// day or so.
func (s *Store) Tidy(ctx context.Context) error {
	err := s.DB.Transact(ctx, func(ctx context.Context, tx *sql.Tx) error {
		for _, step := range []struct {
			query string
			keep  time.Duration
		}{
			{dropStrangers, keepUnconfirmed},
			{dropPending, keepUnconfirmed},
			{dropNotices, keepNotices},
			{dropConfirmations, oncePer},
		} {
			if _, err := tx.ExecContext(ctx, step.query, database.Time{Time: s.Now().Add(-step.keep)}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("tidy: %w", err)
	}
	return nil
}
