package database

import (
	"errors"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
)

// The codes that decide something, by number rather than by a driver's text.
//
// https://www.sqlite.org/rescode.html
// https://www.postgresql.org/docs/current/errcodes-appendix.html
const (
	sqliteBusy       = 5
	sqliteLocked     = 6
	sqliteFull       = 13
	sqlitePrimaryKey = 1555
	sqliteUnique     = 2067

	postgresUnique        = "23505"
	postgresSerialization = "40001"
	postgresDeadlock      = "40P01"
	postgresLock          = "55P03"
	postgresFull          = "53100"
)

// IsUnique reports whether err says that a row with the same key is there
// already.
func IsUnique(err error) bool {
	code := sqliteCode(err)
	return code == sqliteUnique || code == sqlitePrimaryKey || postgresCode(err) == postgresUnique
}

// IsLocked reports whether err says that other transactions were in the way:
// the same transaction may succeed when it is run again from the start.
func IsLocked(err error) bool {
	// The low byte is the kind, the others say more of it.
	switch sqliteCode(err) & 0xff {
	case sqliteBusy, sqliteLocked:
		return true
	}
	switch postgresCode(err) {
	case postgresSerialization, postgresDeadlock, postgresLock:
		return true
	}
	return false
}

// IsFull reports whether err says that the disk of the database is full. What
// was committed is safe; nothing more can be promised to anybody until there
// is room.
func IsFull(err error) bool {
	return sqliteCode(err)&0xff == sqliteFull || postgresCode(err) == postgresFull
}

// sqliteCode returns SQLite's extended result code, or 0.
func sqliteCode(err error) int {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code()
	}
	return 0
}

// postgresCode returns PostgreSQL's SQLSTATE, or nothing.
func postgresCode(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}
