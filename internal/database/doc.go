// Package database opens SQLite or PostgreSQL and brings the schema up to date.
//
// It is the only place that knows which of the two is in use. Statements are
// written once, with $1 placeholders, beside the methods that run them; times
// travel as [Time], which is RFC 3339 text in UTC with a fixed width, so that
// text order is time order.
package database
