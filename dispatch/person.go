package dispatch

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/zotpaper/zotpaper/internal/database"
	"github.com/zotpaper/zotpaper/mailer"
)

// A Received is a delivery as one recipient may ask for it.
type Received struct {
	EditionID int64
	State     State
	Address   string // as it was at the freeze
	Reply     mailer.Reply
	At        time.Time // zero: nothing was done yet
}

// maxHistory bounds what History returns: eight years of a daily paper.
const maxHistory = 3000

// The condition on edition_id lets the database look each row up by its key.
const deliveriesTo = `
	SELECT   edition_id, state, address, reply_code, reply_enhanced, reply_text, changed_at
	FROM     deliveries
	WHERE    position = $1 AND edition_id IN (SELECT edition_id FROM dispatches)
	ORDER BY edition_id DESC
	LIMIT    $2`

// History returns the deliveries to the subscriber of that ID, the newest
// first, at most 3,000.
func (l Ledger) History(ctx context.Context, subscriber int64) ([]Received, error) {
	rows, err := l.DB.QueryContext(ctx, deliveriesTo, subscriber, maxHistory)
	if err != nil {
		return nil, fmt.Errorf("deliveries to a subscriber: %w", err)
	}
	defer rows.Close()
	var list []Received
	for rows.Next() {
		var r Received
		var at database.Time
		if err := rows.Scan(&r.EditionID, &r.State, &r.Address, &r.Reply.Code, &r.Reply.Enhanced, &r.Reply.Text, &at); err != nil {
			return nil, fmt.Errorf("deliveries to a subscriber: %w", err)
		}
		r.At = at.Time
		list = append(list, r)
	}
	return list, rows.Err()
}

// A server's reply often repeats the address.
const forgetSubscriber = `
	UPDATE deliveries SET ref = '', address = '', name = '', reply_text = ''
	WHERE  position = $1 AND edition_id IN (SELECT edition_id FROM dispatches)`

// Forget takes out, within tx, all that says who a subscriber is. What became
// of their deliveries stays, so that the figures of an edition do. A delivery
// that has not begun will not be made: they are no subscriber any more.
func (l Ledger) Forget(ctx context.Context, tx *sql.Tx, subscriber int64) error {
	if _, err := tx.ExecContext(ctx, forgetSubscriber, subscriber); err != nil {
		return fmt.Errorf("forget a subscriber's deliveries: %w", err)
	}
	return nil
}
