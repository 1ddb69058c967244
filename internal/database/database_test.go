package database_test

import (
	"bytes"
	"context"
	"database/sql"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/zotpaper/zotpaper/internal/database"
	"github.com/zotpaper/zotpaper/internal/database/databasetest"
)

// closeAfter closes c when t ends.
func closeAfter(t *testing.T, c io.Closer) {
	t.Helper()
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
}

func TestOpenRefusesWhatItCannotKeep(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text.db")
	if err := os.WriteFile(text, bytes.Repeat([]byte("not a database\n"), 100), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, url, want string }{
		{"nothing", "", "want sqlite:FILE or postgres://"},
		{"a bare file name", "zotpaper.db", "want sqlite:FILE or postgres://"},
		{"another database", "mysql://root:hunter2@localhost/db", `unknown kind "mysql"`},
		{"no file", "sqlite:", "no file named"},
		{"memory", "sqlite::memory:", "in memory"},
		{"memory as a URI", "sqlite:file::memory:", "in memory"},
		{"parameters", "sqlite:" + dir + "/x.db?mode=ro", "without parameters"},
		{"a host for a file", "sqlite://x.db", "without slashes"},
		{"no such folder", "sqlite:" + dir + "/none/x.db", "there is no folder " + dir + "/none"},
		{"a folder", "sqlite:" + dir, "is a directory"},
		{"another kind of file", "sqlite:" + text, "file is not a database"},
		{"no server", "postgres://u:hunter2@localhost:1/db", "connect"},
		{"not a URL", "postgres://u:hunter2@[/db", "parse"},
		{"commits that a crash forgets", "postgres://u:hunter2@localhost:1/db?synchronous_commit=off", "synchronous_commit=off"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			db, err := database.Open(t.Context(), tt.url)
			if err == nil {
				closeAfter(t, db)
				t.Fatalf("Open(%q) succeeded, want an error with %q", tt.url, tt.want)
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Open(%q): %v, want an error with %q", tt.url, err, tt.want)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("Open(%q): %v gives the password away", tt.url, err)
			}
		})
	}
}

func TestOpenTakesAnyFileName(t *testing.T) {
	for _, name := range []string{"plain.db", "with space.db", "100%25.db", "a#b.db", "a&b=c.db", "ünï.db", "quote'.db"} {
		file := filepath.Join(t.TempDir(), name)
		db, err := database.Open(t.Context(), "sqlite:"+file)
		if err != nil {
			t.Errorf("Open(sqlite:%s): %v", file, err)
			continue
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
		info, err := os.Stat(file)
		if err != nil {
			t.Errorf("Open made another file: %v", err)
			continue
		}
		if mode := info.Mode().Perm(); mode != 0o600 {
			t.Errorf("%s has mode %o, want 600: it holds personal data", name, mode)
		}
	}
}

func TestSQLiteKeepsItsPromise(t *testing.T) {
	db := databasetest.SQLite(t)
	// Each connection must have them, not only the first.
	var conns []*sql.Conn
	for range 4 {
		c, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, c)
	}
	for _, c := range conns {
		for pragma, want := range map[string]string{
			"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "10000",
		} {
			var got string
			if err := c.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil {
				t.Fatal(err)
			}
			if got != want {
				t.Errorf("PRAGMA %s: %s, want %s", pragma, got, want)
			}
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestPostgreSQLKeepsItsPromise(t *testing.T) {
	db := databasetest.PostgreSQL(t)
	// Somebody else's setting for the database must not undo ours.
	if _, err := db.ExecContext(t.Context(), `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database()); END $$`); err != nil {
		t.Fatal(err)
	}
	db.SetMaxIdleConns(0) // the next connection is a new one
	var got string
	if err := db.QueryRowContext(t.Context(), "SHOW synchronous_commit").Scan(&got); err != nil {
		t.Fatal(err)
	}
	if got != "on" {
		t.Errorf("synchronous_commit = %s, want on", got)
	}
}

func TestPostgreSQLWantsUTF8(t *testing.T) {
	url := databasetest.PostgreSQLURL(t)
	admin, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	closeAfter(t, admin)
	if _, err := admin.ExecContext(t.Context(), "CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := admin.ExecContext(context.WithoutCancel(t.Context()), "DROP DATABASE latin WITH (FORCE)"); err != nil {
			t.Error(err)
		}
	})
	before, after, _ := strings.Cut(url, "/test_")
	_, query, _ := strings.Cut(after, "?")
	_, err = database.Open(t.Context(), before+"/latin?"+query)
	if err == nil || !strings.Contains(err.Error(), "ENCODING 'UTF8'") {
		t.Errorf("Open of a LATIN1 database: %v, want it refused", err)
	}
}

func TestOpenManyAtOnceMigratesOnce(t *testing.T) {
	urls := map[string]func(t *testing.T) string{
		"sqlite":   func(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "new.db") },
		"postgres": func(t *testing.T) string { return databasetest.EmptyPostgreSQLURL(t) },
	}
	for name, newURL := range urls {
		t.Run(name, func(t *testing.T) {
			url := newURL(t)
			var wg sync.WaitGroup
			for range 5 {
				wg.Go(func() {
					db, err := database.Open(t.Context(), url)
					if err != nil {
						t.Errorf("Open beside others: %v", err)
						return
					}
					if err := db.Close(); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			db, err := database.Open(t.Context(), url)
			if err != nil {
				t.Fatal(err)
			}
			closeAfter(t, db)
			var twice int
			if err := db.QueryRowContext(t.Context(),
				"SELECT count(*) - count(DISTINCT version_id) FROM goose_db_version WHERE version_id > 0").Scan(&twice); err != nil {
				t.Fatal(err)
			}
			if twice != 0 {
				t.Errorf("%d migrations ran twice", twice)
			}
		})
	}
}

func TestOpenRefusesANewerSchema(t *testing.T) {
	file := filepath.Join(t.TempDir(), "newer.db")
	db, err := database.Open(t.Context(), "sqlite:"+file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = database.Open(t.Context(), "sqlite:"+file)
	if err == nil || !strings.Contains(err.Error(), "version 9999") {
		t.Errorf("Open of a newer schema: %v, want it refused", err)
	}
}

func TestCheckFindsDamage(t *testing.T) {
	file := filepath.Join(t.TempDir(), "damaged.db")
	db, err := database.Open(t.Context(), "sqlite:"+file)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Check(t.Context()); err != nil {
		t.Fatalf("Check of a sound database: %v", err)
	}
	for i := range 500 {
		if _, err := db.ExecContext(t.Context(), "INSERT INTO suppressions (canonical, kind, reason, source, at) VALUES ($1, 'operator', 'x', 'y', 'z')",
			strings.Repeat("a", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil { // folds the log into the file
		t.Fatal(err)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	copy(content[len(content)-3*4096:], bytes.Repeat([]byte{0xa5}, 3*4096))
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	db, err = database.Open(t.Context(), "sqlite:"+file)
	if err != nil {
		return // found at once: just as well
	}
	closeAfter(t, db)
	if err := db.Check(t.Context()); err == nil {
		t.Error("Check of a damaged file found nothing")
	}
}

func TestCheckOnBoth(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		if err := db.Check(t.Context()); err != nil {
			t.Errorf("Check of a new database: %v", err)
		}
	})
}

// A process that stands still inside a transaction loses it after a minute, so
// that others get at its rows.
func TestPostgreSQLEndsTransactionsThatStandStill(t *testing.T) {
	db := databasetest.PostgreSQL(t)
	var limit string
	if err := db.QueryRowContext(t.Context(), "SHOW idle_in_transaction_session_timeout").Scan(&limit); err != nil || limit != "1min" {
		t.Errorf("the limit is %q, %v, want 1min", limit, err)
	}
}
