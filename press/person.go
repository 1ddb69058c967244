package press

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/zotpaper/zotpaper/edition"
	"github.com/zotpaper/zotpaper/subscribers"
)

var _ subscribers.Ledger = (*Press)(nil)

const selectKeys = `
	SELECT id, slot, date FROM editions
	WHERE  id IN (SELECT edition_id FROM issues)`

// History returns the editions that the subscriber of that ID was sent or is
// to be sent, the newest first.
func (p *Press) History(ctx context.Context, subscriber int64) ([]subscribers.Received, error) {
	deliveries, err := p.Dispatcher.Ledger.History(ctx, subscriber)
	if err != nil || len(deliveries) == 0 {
		return nil, err
	}
	keys, err := p.keys(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]subscribers.Received, 0, len(deliveries))
	for _, d := range deliveries {
		r := subscribers.Received{Edition: keys[d.EditionID].String(), State: string(d.State), Address: d.Address, At: d.At}
		if d.Reply.Code != 0 {
			r.Reply = d.Reply.String()
		}
		list = append(list, r)
	}
	return list, nil
}

// keys returns the keys of all frozen editions by their ID.
func (p *Press) keys(ctx context.Context) (map[int64]edition.Key, error) {
	rows, err := p.DB.QueryContext(ctx, selectKeys)
	if err != nil {
		return nil, fmt.Errorf("keys of editions: %w", err)
	}
	defer rows.Close()
	keys := map[int64]edition.Key{}
	for rows.Next() {
		var id int64
		var key edition.Key
		var date string
		if err := rows.Scan(&id, &key.Slot, &date); err != nil {
			return nil, fmt.Errorf("keys of editions: %w", err)
		}
		if key.Date, err = edition.ParseDate(date); err != nil {
			return nil, fmt.Errorf("keys of editions: %w", err)
		}
		keys[id] = key
	}
	return keys, rows.Err()
}

// Forget takes out of the ledger, within tx, all that says who a subscriber
// is.
func (p *Press) Forget(ctx context.Context, tx *sql.Tx, subscriber int64) error {
	return p.Dispatcher.Ledger.Forget(ctx, tx, subscriber)
}
