package dispatch

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/zotpaper/zotpaper/internal/database"
	"github.com/zotpaper/zotpaper/internal/database/databasetest"
)

// fillList puts n readers on the list of a trial, past all checks.
const fillList = `
	INSERT INTO subscribers (ref, address, canonical, name, created_at)
	WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)
	SELECT substr('aaaaaaaaaaaaaaaa' || i, -16), 'user' || (i * 7919 % 1000003) || '@example.net',
	       'user' || (i * 7919 % 1000003) || '@example.net', 'Reader ' || i, '2026-01-01T00:00:00.000Z' FROM n`

// BenchmarkFreeze freezes an edition for a million readers.
func BenchmarkFreeze(b *testing.B) {
	for _, readers := range []int{20_000, 1_000_000} {
		b.Run(fmt.Sprintf("sqlite/recipients=%d", readers), func(b *testing.B) {
			tr := newTrial(b, databasetest.SQLite(b), 1, nil)
			for _, statement := range []string{fillList, `
				INSERT INTO consents (list, subscriber_id, state, source, changed_at)
				SELECT 'afternoon', id, 'given', 'test', '2026-01-01T00:00:00.000Z' FROM subscribers
				WHERE id > 1 AND id <= $1 + 1`} {
				if _, err := tr.Ledger.DB.ExecContext(b.Context(), statement, readers); err != nil {
					b.Fatal(err)
				}
			}
			again := errors.New("again")
			for b.Loop() {
				err := tr.transact(func(ctx context.Context, tx *sql.Tx) error {
					now := tr.clock.Now()
					var id int64
					err := tx.QueryRowContext(ctx, `
						INSERT INTO editions (slot, date, title, list, state, window_since, window_until, frozen_at, created_at, changed_at)
						VALUES ('afternoon', '2026-02-09', 'Afternoon Edition', 'afternoon', 'frozen', $1, $2, $2, $2, $2)
						RETURNING id`, database.Time{Time: now.Add(-time.Hour)}, database.Time{Time: now}).Scan(&id)
					if err != nil {
						return err
					}
					n, err := tr.Ledger.Freeze(ctx, tx, id, "afternoon", now.Add(time.Hour))
					if err == nil && n != readers+1 {
						err = fmt.Errorf("%d recipients", n)
					}
					return errors.Join(err, again)
				})
				if !errors.Is(err, again) || err.Error() != again.Error() {
					b.Fatal(err)
				}
			}
		})
	}
}
