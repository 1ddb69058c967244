package database

import (
	"context"
	"fmt"
	"time"
)

// Skew returns by how much the database's clock is ahead of now, to a few
// milliseconds. Machines that share a PostgreSQL keep time by it, since their
// own clocks need not agree. SQLite has no clock but this machine's: 0.
func (db *DB) Skew(ctx context.Context, now func() time.Time) (time.Duration, error) {
	if db.dialect == SQLite {
		return 0, nil
	}
	before := now()
	var theirs time.Time
	if err := db.QueryRowContext(ctx, "SELECT clock_timestamp()").Scan(&theirs); err != nil {
		return 0, fmt.Errorf("read the database's clock: %w", err)
	}
	after := now()
	return theirs.Sub(before.Add(after.Sub(before) / 2)), nil
}
