package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
)

// A Dialect names the database in use.
type Dialect string

// The databases that Open opens.
const (
	SQLite     Dialect = "sqlite"
	PostgreSQL Dialect = "postgres"
)

// A DB is an open database whose schema is up to date. It is safe for
// concurrent use; Close it when nothing uses it any more.
type DB struct {
	*sql.DB
	relaxed *sql.DB // opens connections for Relaxed, and keeps none
	dialect Dialect
}

// Close closes the pool. It does not wait for connections of [DB.Relaxed].
func (db *DB) Close() error { return errors.Join(db.relaxed.Close(), db.DB.Close()) }

// Dialect returns which database db is. Hardly anything needs to know: the
// statements of the other packages run on both as they are.
func (db *DB) Dialect() Dialect { return db.dialect }

// Open opens the database that url names and brings its schema up to date:
//
//	sqlite:zotpaper.db                  a file, created if need be
//	postgres://user@host/name           PostgreSQL; postgresql:// is the same
//
// What is answered is durable on both: a committed transaction survives a loss
// of power. Several processes may open one database at once, and may start at
// the same moment; one of them migrates. A schema that is newer than this
// program is refused, since an older program would not keep its rules.
//
// The error never holds url, which may carry a password.
func Open(ctx context.Context, url string) (*DB, error) {
	scheme, rest, ok := strings.Cut(url, ":")
	switch {
	case ok && scheme == "sqlite":
		return open(ctx, SQLite, rest, openSQLite)
	case ok && (scheme == "postgres" || scheme == "postgresql"):
		return open(ctx, PostgreSQL, url, openPostgres)
	case ok && scheme != "":
		return nil, fmt.Errorf("database: unknown kind %q: want sqlite:FILE or postgres://USER@HOST/NAME", scheme)
	}
	return nil, errors.New("database: want sqlite:FILE or postgres://USER@HOST/NAME")
}

func open(ctx context.Context, d Dialect, name string, connect func(context.Context, string) (pool, relaxed *sql.DB, err error)) (*DB, error) {
	pool, relaxed, err := connect(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("open %s database: %w", d, err)
	}
	relaxed.SetMaxIdleConns(0)
	db := &DB{DB: pool, relaxed: relaxed, dialect: d}
	if err := migrate(ctx, db); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s database: %w", d, err), db.Close())
	}
	return db, nil
}

// Check reads the whole database and reports damage. It takes seconds for each
// gigabyte, so it runs when somebody asks, not at every start. PostgreSQL
// looks after its own pages; there Check only sees whether it answers.
func (db *DB) Check(ctx context.Context) error {
	if db.dialect != SQLite {
		return db.PingContext(ctx)
	}
	rows, err := db.QueryContext(ctx, "PRAGMA quick_check(10)")
	if err != nil {
		return fmt.Errorf("check database: %w", err)
	}
	defer rows.Close()
	var damage []error
	for rows.Next() {
		var finding string
		if err := rows.Scan(&finding); err != nil {
			return fmt.Errorf("check database: %w", err)
		}
		if finding != "ok" {
			damage = append(damage, fmt.Errorf("database is damaged: %s", finding))
		}
	}
	return errors.Join(append(damage, rows.Err())...)
}
