package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// attempts bounds how often Transact runs a transaction that others got in the
// way of. SQLite has waited ten seconds for the lock before each.
const attempts = 6

// Transact runs f in a transaction and commits it. If f returns an error or
// panics, or the commit fails, nothing of it remains.
//
// When other transactions got in the way, f runs again, at most five times, so
// whatever it does beside the statements of its Tx must bear being repeated:
// it sets variables rather than adding to them. The transaction sees and locks
// what BEGIN gives: on SQLite nobody else writes meanwhile; on PostgreSQL it
// runs at READ COMMITTED, so guards belong into the statements.
func (db *DB) Transact(ctx context.Context, f func(ctx context.Context, tx *sql.Tx) error) error {
	pause := 10 * time.Millisecond
	for attempt := 1; ; attempt++ {
		err := db.transactOnce(ctx, f)
		if err == nil || !IsLocked(err) || attempt == attempts {
			return err
		}
		// Two that collided must not collide again.
		timer := time.NewTimer(pause/2 + rand.N(pause))
		select {
		case <-ctx.Done():
			timer.Stop()
			return errors.Join(ctx.Err(), err)
		case <-timer.C:
		}
		pause *= 2
	}
}

// TransactByKey is like Transact, for statements that look many rows up by their
// key. PostgreSQL's planner, which does not know yet what a table was filled with a
// moment ago, would read all of it instead, again and again.
func (db *DB) TransactByKey(ctx context.Context, f func(ctx context.Context, tx *sql.Tx) error) error {
	return db.Transact(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if db.dialect == PostgreSQL {
			for _, setting := range byKey("SET LOCAL") {
				if _, err := tx.ExecContext(ctx, setting); err != nil {
					return err
				}
			}
		}
		return f(ctx, tx)
	})
}

// byKey returns what has PostgreSQL look rows up by their key.
//
// https://www.postgresql.org/docs/current/runtime-config-query.html
func byKey(set string) []string {
	return []string{
		set + " enable_seqscan = off", set + " enable_hashjoin = off", set + " enable_mergejoin = off", set + " enable_material = off",
	}
}

func (db *DB) transactOnce(ctx context.Context, f func(ctx context.Context, tx *sql.Tx) error) (err error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	committed := false
	defer func() {
		if committed {
			return
		}
		// Also on a panic, which goes on afterwards. A transaction that ended
		// by itself, as with a canceled ctx, needs no telling.
		if rollback := tx.Rollback(); rollback != nil && !errors.Is(rollback, sql.ErrTxDone) {
			err = errors.Join(err, fmt.Errorf("roll back: %w", rollback))
		}
	}()
	if err := f(ctx, tx); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	committed = true
	return nil
}
