package database

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"

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
	sqliteReadOnly   = 8
	sqliteInterrupt  = 9
	sqliteIO         = 10
	sqliteCorrupt    = 11
	sqliteFull       = 13
	sqliteNotADB     = 26
	sqlitePrimaryKey = 1555
	sqliteUnique     = 2067

	postgresUnique        = "23505"
	postgresSerialization = "40001"
	postgresDeadlock      = "40P01"
	postgresLock          = "55P03"
	postgresFull          = "53100"
	postgresReadOnly      = "25006"
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

// MayPass reports whether what failed with err may succeed later without
// anybody's doing: the disk was full, others held the lock, the server was
// restarted or out of reach. It does not for a database that cannot be written
// or read, and for a mistake of ours.
//
// Whether the statement took effect is not known after a connection was lost.
func MayPass(err error) bool {
	switch {
	case err == nil:
		return false
	case IsLocked(err), IsFull(err), sqliteCode(err)&0xff == sqliteInterrupt:
		return true
	case errors.Is(err, sql.ErrConnDone): // of a lost connection that was kept for oneself
		return true
	case errors.Is(err, driver.ErrBadConn), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.EPIPE), errors.Is(err, net.ErrClosed):
		return true
	}
	if connect, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		// Not a wrong password, or a database that is not there.
		code := postgresCode(connect)
		return code == "" || passing(code)
	}
	if pgconn.SafeToRetry(err) {
		return true
	}
	if e, ok := errors.AsType[net.Error](err); ok {
		// Any error of the system has the methods of one of the network.
		_, ofSystem := e.(syscall.Errno)
		return !ofSystem
	}
	return passing(postgresCode(err))
}

// passing reports whether a SQLSTATE is of a class that says: not now.
//
// https://www.postgresql.org/docs/current/errcodes-appendix.html
func passing(code string) bool {
	for _, class := range []string{"08", "53", "57"} { // connection, resources, operator
		if strings.HasPrefix(code, class) {
			return true
		}
	}
	return false
}

// IsReadOnly reports whether err says that the database cannot be written at
// all: its disk is mounted read-only, or its permissions forbid it.
func IsReadOnly(err error) bool {
	return sqliteCode(err)&0xff == sqliteReadOnly || postgresCode(err) == postgresReadOnly
}

// IsDamaged reports whether err says that the disk or the file has failed: what
// it will say next cannot be trusted.
func IsDamaged(err error) bool {
	switch sqliteCode(err) & 0xff {
	case sqliteIO, sqliteCorrupt, sqliteNotADB:
		return true
	}
	return false
}
