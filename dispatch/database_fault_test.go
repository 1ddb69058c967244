package dispatch

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zotpaper/zotpaper/internal/database"
	"github.com/zotpaper/zotpaper/internal/database/databasetest"
	"github.com/zotpaper/zotpaper/internal/smtptest"
)

// onEveryConnection runs a statement on all connections that a pool of SQLite
// may have, which keeps them.
func onEveryConnection(t *testing.T, db *database.DB, query string) {
	t.Helper()
	const all = 8
	var held [all]*sql.Conn
	for i := range held {
		c, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		held[i] = c
		if _, err := c.ExecContext(t.Context(), query); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range held {
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// execute runs statements that are not part of a dispatch.
func execute(t testing.TB, db *database.DB, queries ...string) {
	t.Helper()
	for _, query := range queries {
		if _, err := db.ExecContext(context.WithoutCancel(t.Context()), query); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
}

// setReadOnly makes db one that cannot be written, or can be again.
func setReadOnly(t *testing.T, db *database.DB, on string) {
	t.Helper()
	if db.Dialect() == database.SQLite {
		onEveryConnection(t, db, "PRAGMA query_only = "+on)
		return
	}
	c, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }() // the test is about what it did
	name := ""
	if err := c.QueryRowContext(t.Context(), "SELECT current_database()").Scan(&name); err != nil {
		t.Fatal(err)
	}
	for _, query := range []string{
		"SET default_transaction_read_only = off",
		"ALTER DATABASE " + name + " SET default_transaction_read_only = " + on,
		"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
	} {
		if _, err := c.ExecContext(t.Context(), query); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
	// Ours is the last.
	if _, err := c.ExecContext(t.Context(), "SELECT pg_terminate_backend(pg_backend_pid())"); !database.MayPass(err) {
		t.Fatalf("end a connection: %v", err)
	}
}

func TestD3ReadOnlyDatabase(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		tr := newTrial(t, db, 20, nil)
		setReadOnly(t, db, "on")
		_, err := tr.Run(t.Context(), tr.assignment())
		if !database.IsReadOnly(err) || tr.server.Connections() > 0 {
			t.Errorf("Run: %v, %d connections; want an error that says why, and no mail", err, tr.server.Connections())
		}
		setReadOnly(t, db, "off")
		if tally, err := tr.run(t.Context()); err != nil || tally.Sent != 20 {
			t.Errorf("Run when it can be written: %+v, error %v", tally, err)
		}
	})
}

// refusal returns statements after which no delivery can be changed.
func refusal(db *database.DB) []string {
	if db.Dialect() == database.SQLite {
		return []string{"CREATE TRIGGER refuse BEFORE UPDATE ON deliveries BEGIN SELECT RAISE(ABORT, 'refused'); END"}
	}
	return []string{
		"CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'refused'; END $$",
		"CREATE TRIGGER refuse BEFORE UPDATE ON deliveries FOR EACH STATEMENT EXECUTE FUNCTION refuse()",
	}
}

// TestD3NotWrittenAnyMore has the ledger refuse, for good, what is written in
// the middle of a dispatch.
func TestD3NotWrittenAnyMore(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		const readers = 150
		var once atomic.Bool
		var before atomic.Int64
		var tr *trial
		tr = newTrial(t, db, readers, func(e smtptest.Event) smtptest.Answer {
			if e.Phase == smtptest.Message && len(tr.received()) >= 30 && once.CompareAndSwap(false, true) {
				execute(t, db, refusal(db)...)
				before.Store(int64(len(tr.received())))
			}
			return smtptest.Answer{}
		})
		_, err := tr.Run(t.Context(), tr.assignment())
		n := len(tr.received()) - int(before.Load())
		if err == nil || errors.As(err, new(*HaltError)) || n > 2*tr.Connections {
			t.Errorf("Run: %v, %d messages after the ledger refused; want it to stop", err, n)
		}
		if db.Dialect() == database.PostgreSQL {
			execute(t, db, "DROP TRIGGER refuse ON deliveries")
		} else {
			execute(t, db, "DROP TRIGGER refuse")
		}
		tally := tr.takesOver()
		if extra, doubts := tr.audit(); tally.Sent != readers || extra+doubts != 0 {
			t.Errorf("after it was put right: %+v, %d copies too many, %d in doubt: the journal has every outcome", tally, extra, doubts)
		}
	})
}

// TestD4LockedDatabase has somebody else hold what a dispatch must write: for
// less and for longer than it waits for a lock.
func TestD4LockedDatabase(t *testing.T) {
	tests := []struct {
		name string
		held time.Duration
		busy string // what SQLite waits for a lock, in milliseconds
	}{
		{"0.1 s", 100 * time.Millisecond, "10000"},
		{"1 s", time.Second, "10000"},
		{"longer than a statement waits", time.Second, "20"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			databasetest.Each(t, func(t *testing.T, db *database.DB) {
				const readers = 120
				var begun atomic.Int64
				tr := newTrial(t, db, readers, func(e smtptest.Event) smtptest.Answer {
					if e.Phase == smtptest.Mail {
						begun.Add(1)
					}
					return smtptest.Answer{}
				})
				lock := "LOCK TABLE deliveries IN EXCLUSIVE MODE"
				if db.Dialect() == database.SQLite {
					onEveryConnection(t, db, "PRAGMA busy_timeout = "+tt.busy)
					lock = "SELECT 1" // BEGIN IMMEDIATE has it
				} else if tt.busy == "20" {
					name := ""
					if err := db.QueryRowContext(t.Context(), "SELECT current_database()").Scan(&name); err != nil {
						t.Fatal(err)
					}
					execute(t, db, "ALTER DATABASE "+name+" SET lock_timeout = 20")
				}
				done := make(chan struct{})
				go func() {
					defer close(done)
					if err := tr.server.Wait(t.Context(), 20); err != nil {
						t.Error(err)
					}
					err := db.Transact(t.Context(), func(ctx context.Context, tx *sql.Tx) error {
						if _, err := tx.ExecContext(ctx, lock); err != nil {
							return err
						}
						before := begun.Load()
						<-time.After(tt.held) // what the rule is about
						if n := begun.Load() - before; n > int64(2*tr.Connections) {
							t.Errorf("%d messages began while nothing could be written down", n)
						}
						return nil
					})
					if err != nil {
						t.Error(err)
					}
				}()
				tally, err := tr.run(t.Context())
				<-done
				if extra, doubts := tr.audit(); err != nil || tally.Sent != readers || extra+doubts != 0 {
					t.Errorf("Run: %+v, error %v, %d copies too many, %d in doubt", tally, err, extra, doubts)
				}
			})
		})
	}
}

// TestD6CorruptDatabase writes over pages in the middle of a file.
func TestD6CorruptDatabase(t *testing.T) {
	file := filepath.Join(t.TempDir(), "zotpaper.db")
	url := "sqlite:" + file
	db := openURL(t, url)
	tr := newTrial(t, db, 2000, nil)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for at := len(raw) / 3; at < len(raw); at += 4096 {
		copy(raw[at/4096*4096:], "this was a page of the database")
	}
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	damaged, err := database.Open(t.Context(), url)
	if err != nil {
		t.Logf("Open refuses it: %v", err)
		return
	}
	defer func() { _ = damaged.Close() }() // it is damaged
	if err := damaged.Check(t.Context()); err == nil {
		t.Error("Check of a damaged database: no error")
	}
	tr.Ledger.DB = damaged
	if tally, err := tr.Run(t.Context(), tr.assignment()); err == nil {
		t.Errorf("Run on a damaged database: %+v, no error", tally)
	}
	if n := len(tr.received()); n > 0 {
		t.Errorf("%d messages went out", n)
	}
}
