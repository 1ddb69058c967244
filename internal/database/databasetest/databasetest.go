// Package databasetest opens databases for tests: a file of SQLite, and a
// database of a PostgreSQL server that is started for the test binary alone
// and cannot outlive it.
//
// A test that holds for one database must hold for both; see [Each].
package databasetest

import (
	"path/filepath"
	"testing"

	"github.com/zotpaper/zotpaper/internal/database"
)

// Each runs f twice, as subtests, each time on an empty database with the
// whole schema: on SQLite and on PostgreSQL.
//
// Where PostgreSQL is not installed its half is skipped, or fails if the
// environment has ZOTPAPER_NO_SKIP=1, as on the machine that decides.
func Each(t *testing.T, f func(t *testing.T, db *database.DB)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { f(t, SQLite(t)) })
	t.Run("postgres", func(t *testing.T) { f(t, PostgreSQL(t)) })
}

// SQLite returns an empty database with the whole schema in a file of its own.
// It is closed when t ends.
func SQLite(t testing.TB) *database.DB {
	t.Helper()
	return open(t, "sqlite:"+filepath.Join(t.TempDir(), "zotpaper.db"))
}

// PostgreSQL returns an empty database with the whole schema on the server of
// this test binary. It is closed and dropped when t ends. See Each for what
// happens where PostgreSQL is not installed.
func PostgreSQL(t testing.TB) *database.DB {
	t.Helper()
	return open(t, PostgreSQLURL(t))
}

func open(t testing.TB, url string) *database.DB {
	t.Helper()
	db, err := database.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close database: %v", err)
		}
	})
	return db
}
