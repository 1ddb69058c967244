package database

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
)

// A Relaxed is a connection whose commits do not wait for the disk. They
// survive the death of this process at any moment; a loss of power may take
// back the last of them, but never one that was followed by a commit through
// the [DB] itself, which makes all earlier ones durable with it.
//
// It is for what is also written down elsewhere, many times a second, a few rows
// at a time: its statements look rows up by their key, however small a table
// looks. One goroutine at a time may use it.
type Relaxed struct{ conn *sql.Conn }

// Relaxed opens a connection. The caller closes it. It is none of the pool's:
// whoever has one for hours must not keep others from the database.
func (db *DB) Relaxed(ctx context.Context) (*Relaxed, error) {
	conn, err := db.relaxed.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("open a connection: %w", err)
	}
	// https://www.sqlite.org/pragma.html#pragma_synchronous
	// https://www.postgresql.org/docs/current/wal-async-commit.html
	settings := []string{"PRAGMA synchronous = NORMAL"}
	if db.dialect == PostgreSQL {
		settings = append([]string{"SET synchronous_commit = off"}, byKey("SET")...)
	}
	r := &Relaxed{conn}
	for _, setting := range settings {
		if _, err := conn.ExecContext(ctx, setting); err != nil {
			return nil, errors.Join(fmt.Errorf("open a connection: %w", err), r.Close())
		}
	}
	return r, nil
}

// Prepare parses a statement for repeated use. It is closed with r.
func (r *Relaxed) Prepare(ctx context.Context, query string) (*sql.Stmt, error) {
	return r.conn.PrepareContext(ctx, query)
}

// Close ends the connection for good: the pool must not give it to somebody
// who counts on the disk.
func (r *Relaxed) Close() error {
	err := r.conn.Raw(func(any) error { return driver.ErrBadConn })
	if errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) {
		return nil
	}
	return err
}
