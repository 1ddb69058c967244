// Package database opens SQLite or PostgreSQL and brings the schema up to date.
//
// It is the only place that knows which of the two is in use. Statements are
// written once, with $1 placeholders, beside the methods that run them; times
// travel as [Time], which is RFC 3339 text in UTC with a fixed width, so that
// text order is time order. A group of statements runs in [DB.Transact], and
// errors are told apart by [IsUnique], [IsLocked] and [IsFull].
//
// The schema of all packages stands in the folder migrations, each table with
// the name of the package that owns it; schema.sql is what comes of it. To
// change it, add a file with the next number:
//
//	migrations/0004_what.sql
//
// and run the tests with -update. The text is one for both databases; where
// they differ in spelling it has one of these words:
//
//	{{.ID}}      type of a primary key that counts up and never gives a number twice
//	{{.Int}}     64-bit integer (a plain INTEGER has 32 bits on PostgreSQL)
//	{{.Bytes}}   string of bytes
//	{{.Strict}}  after the closing parenthesis of each CREATE TABLE
//	{{.Sorted}}  the same for a table without an ID that is read in the order of its key
package database
