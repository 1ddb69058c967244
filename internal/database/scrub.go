package database

import (
	"context"
	"fmt"
)

// Scrub has what was deleted leave the disk, as far as that is done at once: on
// SQLite the log, which holds what rows were before, is folded into the file
// and cut. Deleted rows are overwritten as they go, see openSQLite. On
// PostgreSQL they stay in their pages until its vacuum comes round.
func (db *DB) Scrub(ctx context.Context) error {
	if db.dialect == PostgreSQL {
		return nil
	}
	// Whoever reads meanwhile may keep the log from being cut: then the next
	// one does it, and nobody waits.
	if _, err := db.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)"); err != nil && !IsLocked(err) {
		return fmt.Errorf("fold the log into the database: %w", err)
	}
	return nil
}

// Compact rewrites the database, so that nothing of what was ever deleted is
// left in it. It takes about as long as copying the file, and as much disk;
// nobody can write meanwhile.
func (db *DB) Compact(ctx context.Context) error {
	if _, err := db.ExecContext(ctx, "VACUUM"); err != nil {
		return fmt.Errorf("rewrite the database: %w", err)
	}
	return db.Scrub(ctx)
}
