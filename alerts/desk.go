package alerts

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/zotpaper/zotpaper/internal/database"
	"github.com/zotpaper/zotpaper/mailer"
)

// A Desk sends the alerts that wait. Its fields are set once. Several may work
// on one database: each copy is sent by one of them.
type Desk struct {
	DB      *database.DB
	Paper   string         // name of the publication, put before each subject
	From    mailer.Address // of the mails
	Bounces string         // envelope sender
	Signer  *mailer.Signer // nil: the relay signs
	Relays  []mailer.Relay // tried in this order
	Webhook string         // URL, a secret; empty: there is none
	Client  *http.Client   // for the webhook; nil: one with limits of our own
	Now     func() time.Time
	Log     *slog.Logger
}

const (
	// pollEvery is how often the desk looks for what waits.
	pollEvery = 5 * time.Second
	// handful bounds what is sent in one go.
	handful = 20
	// lease is how long a process that sends a copy keeps it from others: longer
	// than any conversation.
	lease = 15 * time.Minute
	// giveUpAfter is how long a copy is tried.
	giveUpAfter = 12 * time.Hour
	// maxError bounds what is kept of an error, in bytes.
	maxError = 300
)

// A copyOf is a copy of an alert that is to be sent.
type copyOf struct {
	Alert
	id       int64
	channel  string
	target   string
	attempts int // this one included
	at       time.Time
}

// claimCopies takes what is due. The condition stands twice since on PostgreSQL
// another process may have taken a row while we waited for it.
const claimCopies = `
	UPDATE alert_copies
	SET    attempts = attempts + 1, next_attempt_at = $2
	WHERE  (alert_id, channel, target) IN (
	           SELECT alert_id, channel, target FROM alert_copies
	           WHERE next_attempt_at <= $1 ORDER BY next_attempt_at LIMIT $3)
	AND    next_attempt_at <= $1
	RETURNING alert_id, channel, target, attempts,
	          (SELECT cause FROM alerts WHERE alerts.id = alert_id), (SELECT subject FROM alerts WHERE alerts.id = alert_id),
	          (SELECT text FROM alerts WHERE alerts.id = alert_id), (SELECT raised_at FROM alerts WHERE alerts.id = alert_id)`

func (d *Desk) claim(ctx context.Context) (due []copyOf, err error) {
	now := d.Now()
	err = d.DB.Transact(ctx, func(ctx context.Context, tx *sql.Tx) error {
		due = nil
		rows, err := tx.QueryContext(ctx, claimCopies, database.Time{Time: now}, database.Time{Time: now.Add(lease)}, handful)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var c copyOf
			var at database.Time
			if err := rows.Scan(&c.id, &c.channel, &c.target, &c.attempts, &c.Cause, &c.Subject, &c.Text, &at); err != nil {
				return err
			}
			c.at = at.Time
			due = append(due, c)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("claim alerts: %w", err)
	}
	return due, nil
}

// Work sends what waits until ctx ends. What is under way when ctx ends is
// finished.
func (d *Desk) Work(ctx context.Context) {
	for {
		if _, err := d.Send(ctx); err != nil && ctx.Err() == nil {
			d.Log.Error("alerts to the editors are not sent; trying again", "error", err)
		}
		timer := time.NewTimer(pollEvery)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

// Send sends what is due now, a handful at most, and returns how many copies it
// tried. It fails if the database cannot be used.
func (d *Desk) Send(ctx context.Context) (tried int, err error) {
	due, err := d.claim(ctx)
	if err != nil {
		return 0, err
	}
	// What was claimed is settled whatever happens to ctx.
	settle := context.WithoutCancel(ctx)
	for _, c := range due {
		var sending error
		if c.channel == channelWebhook {
			sending = d.post(settle, c)
		} else {
			sending = d.mail(settle, c)
		}
		err = errors.Join(err, d.settle(settle, c, sending))
	}
	return len(due), err
}

const settleCopy = `
	UPDATE alert_copies SET state = $1, next_attempt_at = $2, error = $3
	WHERE  alert_id = $4 AND channel = $5 AND target = $6 AND state = 'waiting'`

// settle records what became of c.
func (d *Desk) settle(ctx context.Context, c copyOf, sending error) error {
	state, next, text := "sent", database.Time{}, ""
	if sending != nil {
		text = strings.ToValidUTF8(sending.Error(), "\ufffd")
		text = strings.ToValidUTF8(text[:min(len(text), maxError)], "")
		state, next.Time = "waiting", d.Now().Add(backoff(c.attempts))
		if isFinal(sending) || next.Sub(c.at) >= giveUpAfter {
			state, next.Time = "failed", time.Time{}
		}
		d.Log.Warn("an alert was not delivered", "cause", c.Cause, "channel", c.channel, "attempt", c.attempts, "state", state, "error", sending)
	}
	if _, err := d.DB.ExecContext(ctx, settleCopy, state, next, text, c.id, c.channel, c.target); err != nil {
		return fmt.Errorf("settle an alert: %w", err)
	}
	return nil
}

// backoff returns how long a copy waits after so many attempts. An alert is
// urgent, so the first steps are short.
func backoff(attempts int) time.Duration {
	steps := []time.Duration{15 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute}
	if attempts >= 1 && attempts <= len(steps) {
		return steps[attempts-1]
	}
	return time.Hour
}

// isFinal reports whether trying again is useless: the address does not exist,
// or the webhook is gone.
func isFinal(err error) bool {
	var gone *goneError
	return errors.As(err, &gone) || mailer.Permanent(err) && !mailer.OurFault(err)
}

// mail sends c to an editor.
func (d *Desk) mail(ctx context.Context, c copyOf) error {
	sum := sha256.Sum256(fmt.Appendf(nil, "alert\x00%d\x00%s", c.id, c.target))
	_, domain, _ := strings.Cut(d.From.Address, "@")
	m := mailer.Message{
		From: d.From, To: mailer.Address{Address: c.target}, Subject: "[" + d.Paper + "] " + c.Subject,
		Date: c.at, ID: "alert." + hex.EncodeToString(sum[:10]) + "@" + domain, Automatic: true, Text: c.Text,
	}
	raw, err := m.Compose()
	if err == nil {
		err = mailer.Check(raw)
	}
	if err == nil && d.Signer != nil {
		raw, err = d.Signer.Sign(raw)
	}
	if err != nil {
		return err
	}
	conn, err := mailer.DialAny(ctx, d.Relays)
	if err != nil {
		return err
	}
	_, err = conn.Send(ctx, mailer.Envelope{Sender: d.Bounces, Recipient: c.target}, raw)
	if closing := conn.Close(); closing != nil {
		d.Log.Debug("close a connection to the mail server", "error", closing)
	}
	return err
}
