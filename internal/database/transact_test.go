package database_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/zotpaper/zotpaper/internal/database"
	"github.com/zotpaper/zotpaper/internal/database/databasetest"
)

const insertList = "INSERT INTO lists (id, title, created_at) VALUES ($1, $2, '2026-02-08T00:00:00.000Z')"

func countLists(t *testing.T, db *database.DB) int {
	t.Helper()
	var n int
	if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM lists").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestTransactIsAllOrNothing(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		refused := errors.New("refused")
		insert := func(ctx context.Context, tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, insertList, "a", "A")
			return err
		}
		err := db.Transact(t.Context(), func(ctx context.Context, tx *sql.Tx) error {
			return errors.Join(insert(ctx, tx), refused)
		})
		if !errors.Is(err, refused) || countLists(t, db) != 0 {
			t.Errorf("after an error: %v and %d rows, want that error and none", err, countLists(t, db))
		}

		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic did not go on")
				}
			}()
			_ = db.Transact(t.Context(), func(ctx context.Context, tx *sql.Tx) error {
				if err := insert(ctx, tx); err != nil {
					return err
				}
				panic("a bug")
			})
		}()
		if n := countLists(t, db); n != 0 {
			t.Errorf("after a panic: %d rows, want none", n)
		}

		if err := db.Transact(t.Context(), insert); err != nil || countLists(t, db) != 1 {
			t.Errorf("after success: %v and %d rows, want one", err, countLists(t, db))
		}
		err = db.Transact(t.Context(), insert)
		if !database.IsUnique(err) || database.IsLocked(err) || database.IsFull(err) {
			t.Errorf("the same key again: %v, want IsUnique and nothing else", err)
		}
		_, err = db.ExecContext(t.Context(), "INSERT INTO consents (list, subscriber_id, state, source, changed_at) VALUES ('none', 1, 'given', 'test', 'x')")
		if err == nil || database.IsUnique(err) {
			t.Errorf("a consent without list and subscriber: %v, want it refused, and not as a double", err)
		}
	})
}

// Two that read a value and write it back collide: PostgreSQL stops one for
// the sake of the other here, and Transact runs it again.
func TestTransactRunsAgainAfterACollision(t *testing.T) {
	db := databasetest.PostgreSQL(t)
	for _, id := range []string{"a", "b"} {
		if _, err := db.ExecContext(t.Context(), insertList, id, "old"); err != nil {
			t.Fatal(err)
		}
	}
	met := make(chan struct{}, 2)
	both := make(chan struct{})
	go func() {
		<-met
		<-met
		close(both)
	}()
	update := func(first, second string) (runs int, err error) {
		err = db.Transact(t.Context(), func(ctx context.Context, tx *sql.Tx) error {
			runs++
			if _, err := tx.ExecContext(ctx, "UPDATE lists SET title = title || '+' WHERE id = $1", first); err != nil {
				return err
			}
			if runs == 1 {
				met <- struct{}{}
				<-both
			}
			_, err := tx.ExecContext(ctx, "UPDATE lists SET title = title || '+' WHERE id = $1", second)
			return err
		})
		return runs, err
	}
	type result struct {
		runs int
		err  error
	}
	other := make(chan result)
	go func() {
		runs, err := update("b", "a")
		other <- result{runs, err}
	}()
	runs, err := update("a", "b")
	theirs := <-other
	if err != nil || theirs.err != nil {
		t.Fatalf("Transact: %v and %v, want both to succeed", err, theirs.err)
	}
	if runs+theirs.runs < 3 {
		t.Errorf("%d and %d runs: nothing collided, so nothing was shown", runs, theirs.runs)
	}
	var titles string
	if err := db.QueryRowContext(t.Context(), "SELECT string_agg(title, ' ') FROM lists").Scan(&titles); err != nil {
		t.Fatal(err)
	}
	if titles != "old++ old++" {
		t.Errorf("titles %q, want each written by both", titles)
	}
}

func TestTransactGivesUpWithItsContext(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		ctx, cancel := context.WithCancel(t.Context())
		err := db.Transact(ctx, func(ctx context.Context, tx *sql.Tx) error {
			if _, err := tx.ExecContext(ctx, insertList, "a", "A"); err != nil {
				return err
			}
			cancel()
			return ctx.Err()
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("Transact with a canceled context: %v, want context.Canceled", err)
		}
		if n := countLists(t, db); n != 0 {
			t.Errorf("%d rows, want none", n)
		}
	})
}

func TestSQLiteLockedAndFull(t *testing.T) {
	db := databasetest.SQLite(t)
	holder, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	closeAfter(t, holder)
	waiter, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	closeAfter(t, waiter)
	if _, err := holder.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	if _, err := waiter.ExecContext(t.Context(), "PRAGMA busy_timeout = 0"); err != nil {
		t.Fatal(err)
	}
	_, err = waiter.ExecContext(t.Context(), insertList, "a", "A")
	if !database.IsLocked(err) || database.IsFull(err) || database.IsUnique(err) {
		t.Errorf("a write beside a transaction: %v, want IsLocked and nothing else", err)
	}
	if _, err := holder.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}

	// A bound on the pages is what a full disk looks like to SQLite.
	var pages int
	if err := waiter.QueryRowContext(t.Context(), "PRAGMA page_count").Scan(&pages); err != nil {
		t.Fatal(err)
	}
	if err := waiter.QueryRowContext(t.Context(), "PRAGMA max_page_count = 1").Scan(&pages); err != nil {
		t.Fatal(err)
	}
	for i := 0; err == nil || !database.IsFull(err); i++ {
		if _, err = waiter.ExecContext(t.Context(), "INSERT INTO suppressions (canonical, kind, reason, source, at) VALUES ($1, 'operator', hex(zeroblob(2000)), 'x', 'y')", i); err != nil {
			break
		}
	}
	if !database.IsFull(err) || database.IsLocked(err) || database.IsUnique(err) {
		t.Errorf("a write to a full database: %v, want IsFull and nothing else", err)
	}
}

// A connection that somebody keeps says one thing when it is lost, and another
// ever after: neither is for good.
func TestALostConnectionMayPass(t *testing.T) {
	db := databasetest.PostgreSQL(t)
	r, err := db.Relaxed(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }() // it is lost
	one, err := r.Prepare(t.Context(), "SELECT 1")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = one.Close() }() // as its connection
	const end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
	if _, err := db.ExecContext(t.Context(), end); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := one.ExecContext(t.Context()); !database.MayPass(err) {
			t.Errorf("a statement over a lost connection: %v, want one that may pass", err)
		}
	}
}

func TestAnErrorOfTheSystemIsForGood(t *testing.T) {
	_, err := os.ReadDir("transact_test.go")
	if err == nil || database.MayPass(fmt.Errorf("look into a folder: %w", err)) {
		t.Errorf("a folder that is a file: %v, want an error that does not pass by itself", err)
	}
}
