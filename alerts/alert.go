package alerts

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/zotpaper/zotpaper/internal/database"
)

// An Alert is something that the editors must know.
type Alert struct {
	Cause   string // what it is about, such as "held 2026-02-08/afternoon"
	Subject string // one line
	Text    string // what happened, and what to do; lines of any length
}

// Board is where alerts are raised: whom they go to. It does not change and may
// be used by several goroutines at once.
type Board struct {
	To      []string // the editors' addresses
	Webhook bool     // there is one
}

// oncePer is the time in which one cause is told once.
const oncePer = time.Hour

const (
	// claimCause is one statement, so that of several processes one tells.
	claimCause = `
		INSERT INTO alert_causes (cause, raised_at) VALUES ($1, $2)
		ON CONFLICT (cause) DO UPDATE SET raised_at = excluded.raised_at
		WHERE alert_causes.raised_at <= $3`

	insertAlert = `
		INSERT INTO alerts (cause, subject, text, raised_at) VALUES ($1, $2, $3, $4)
		RETURNING id`

	insertCopy = `
		INSERT INTO alert_copies (alert_id, channel, target, next_attempt_at) VALUES ($1, $2, $3, $4)`
)

// Raise records an alert within tx and reports whether it is to be told: false
// if its cause was within the last hour. It is sent once tx is committed.
func (b Board) Raise(ctx context.Context, tx *sql.Tx, a Alert, now time.Time) (told bool, err error) {
	if a.Cause == "" || a.Subject == "" || a.Text == "" {
		return false, errors.New("alert: it has no cause, subject or text")
	}
	at := database.Time{Time: now}
	result, err := tx.ExecContext(ctx, claimCause, a.Cause, at, database.Time{Time: now.Add(-oncePer)})
	if err != nil {
		return false, fmt.Errorf("alert %q: %w", a.Cause, err)
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return false, err
	}
	var id int64
	if err := tx.QueryRowContext(ctx, insertAlert, a.Cause, a.Subject, a.Text, at).Scan(&id); err != nil {
		return false, fmt.Errorf("alert %q: %w", a.Cause, err)
	}
	for _, address := range b.To {
		if _, err := tx.ExecContext(ctx, insertCopy, id, channelMail, address, at); err != nil {
			return false, fmt.Errorf("alert %q: %w", a.Cause, err)
		}
	}
	if b.Webhook {
		if _, err := tx.ExecContext(ctx, insertCopy, id, channelWebhook, "", at); err != nil {
			return false, fmt.Errorf("alert %q: %w", a.Cause, err)
		}
	}
	return true, nil
}

// The channels.
const (
	channelMail    = "mail"
	channelWebhook = "webhook"
)

// A Raised is an alert with what became of it.
type Raised struct {
	Alert
	At      time.Time
	Waiting int    // copies on their way
	Sent    int    // copies that arrived
	Failed  int    // copies that were given up
	Error   string // the last one there was; may be empty
}

const selectAlerts = `
	SELECT   alerts.cause, alerts.subject, alerts.text, alerts.raised_at,
	         COUNT(CASE WHEN alert_copies.state = 'waiting' THEN 1 END),
	         COUNT(CASE WHEN alert_copies.state = 'sent' THEN 1 END),
	         COUNT(CASE WHEN alert_copies.state = 'failed' THEN 1 END),
	         COALESCE(MAX(alert_copies.error), '')
	FROM     alerts
	LEFT JOIN alert_copies ON alert_copies.alert_id = alerts.id
	GROUP BY alerts.id, alerts.cause, alerts.subject, alerts.text, alerts.raised_at
	ORDER BY alerts.id DESC
	LIMIT    $1`

// Recent returns the newest alerts, at most limit.
func Recent(ctx context.Context, db *database.DB, limit int) ([]Raised, error) {
	rows, err := db.QueryContext(ctx, selectAlerts, limit)
	if err != nil {
		return nil, fmt.Errorf("list alerts: %w", err)
	}
	defer rows.Close()
	var list []Raised
	for rows.Next() {
		var r Raised
		var at database.Time
		if err := rows.Scan(&r.Cause, &r.Subject, &r.Text, &at, &r.Waiting, &r.Sent, &r.Failed, &r.Error); err != nil {
			return nil, fmt.Errorf("list alerts: %w", err)
		}
		r.At = at.Time
		list = append(list, r)
	}
	return list, rows.Err()
}

// keep is how long alerts stay on record.
const keep = 90 * 24 * time.Hour

const (
	dropAlerts = `DELETE FROM alerts WHERE raised_at < $1`
	dropCauses = `DELETE FROM alert_causes WHERE raised_at < $1`
)

// Tidy drops alerts of more than ninety days ago.
func Tidy(ctx context.Context, db *database.DB, now time.Time) error {
	before := database.Time{Time: now.Add(-keep)}
	for _, query := range []string{dropAlerts, dropCauses} {
		if _, err := db.ExecContext(ctx, query, before); err != nil {
			return fmt.Errorf("drop old alerts: %w", err)
		}
	}
	return nil
}
