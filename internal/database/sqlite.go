package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"modernc.org/sqlite"
)

// sqliteConnections bounds the pool. SQLite lets many read and one write at a
// time, so more connections than this only hold memory.
const sqliteConnections = 8

// openSQLite opens the file at path, and creates it if there is none. It
// returns two pools.
func openSQLite(ctx context.Context, path string) (pool, relaxed *sql.DB, err error) {
	file, err := sqliteFile(path)
	if err != nil {
		return nil, nil, err
	}
	if err := createPrivate(file); err != nil {
		return nil, nil, err
	}
	connector, err := sqlite.NewConnector(sqliteName(file))
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(sqliteConnections)
	db.SetMaxIdleConns(sqliteConnections)
	if err := db.PingContext(ctx); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("%s: %w", path, err), db.Close())
	}
	return db, sql.OpenDB(connector), nil
}

// sqliteFile returns the absolute path of the file meant by path.
func sqliteFile(path string) (string, error) {
	switch {
	case path == "":
		return "", errors.New("no file named: want sqlite:FILE")
	case strings.Contains(path, ":memory:"):
		// Each connection of the pool would have a memory of its own, and
		// none of it would survive the process.
		return "", errors.New("a database in memory would forget who was sent what: want sqlite:FILE")
	case strings.ContainsAny(path, "?\x00"):
		return "", fmt.Errorf("%q: want a plain file name without parameters", path)
	case strings.HasPrefix(path, "//") && !strings.HasPrefix(path, "///"):
		return "", fmt.Errorf("%q: want sqlite:FILE without slashes after the colon, or sqlite:/PATH", path)
	}
	file, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	return file, nil
}

// createPrivate creates file, unless it is there, for its owner alone: it will
// hold personal data. SQLite gives its journals the same mode.
func createPrivate(file string) error {
	f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: there is no folder %s", file, filepath.Dir(file))
	}
	if err != nil {
		return err
	}
	return f.Close()
}

// sqliteName returns the name under which the driver opens file.
func sqliteName(file string) string {
	slashed := filepath.ToSlash(file)
	if !strings.HasPrefix(slashed, "/") { // C:/...
		slashed = "/" + slashed
	}
	q := url.Values{
		// Transactions that will write take the write lock when they begin.
		// Otherwise two that began by reading would both wait for the other.
		"_txlock": {"immediate"},
		// A double-quoted name that does not exist is an error, not a string.
		"_dqs": {"0"},
		"_pragma": {
			"busy_timeout(10000)",
			"journal_mode(WAL)",
			// With NORMAL a loss of power could take back what was answered.
			// https://www.sqlite.org/pragma.html#pragma_synchronous
			"synchronous(FULL)",
			"foreign_keys(ON)",
			"temp_store(MEMORY)",           // what undoes a statement is small and goes at once
			"cache_size(-16384)",           // KiB, for each connection
			"wal_autocheckpoint(4000)",     // pages
			"journal_size_limit(67108864)", // bytes the log keeps when it is idle
			// What is deleted is overwritten where its page is written anyway:
			// an address that was erased must not be found in the file.
			// https://www.sqlite.org/pragma.html#pragma_secure_delete
			"secure_delete(FAST)",
		},
	}
	return (&url.URL{Scheme: "file", Path: slashed, RawQuery: q.Encode()}).String()
}
