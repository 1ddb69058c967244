package dispatch

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/zotpaper/zotpaper/internal/database"
	"github.com/zotpaper/zotpaper/mailer"
)

// An outcome is what became of one attempt.
type outcome struct {
	state   State
	next    time.Time // of Deferred
	doubt   bool      // the final dot was written and no reply read
	uncount bool      // it was not the recipient's attempt: we were at fault
	reply   mailer.Reply
}

// entries are changes to the ledger, by position: one JSON object, which
// json_each lists alike on both databases. A number is a delivery to be taken,
// under that fence; an array is an outcome, with the columns
//
//	0 state, 1 fence, 2 attempts, 3 in doubt, 4 reply code, 5 its enhanced
//	status, 6 its text, 7 next attempt
//
// The journal keeps an outcome in the same form.
type entries struct {
	buffer []byte
	count  int
}

// withEntries makes a table of them, $1, for the edition $2. It is materialized
// so that each entry looks its delivery up; left to itself, SQLite reads all
// deliveries of the edition and compares each with every entry.
const withEntries = `
	WITH change AS MATERIALIZED (
	     SELECT CAST(key AS BIGINT) AS position, value, value ->> 0 AS state
	     FROM   json_each($1)),
	entry AS MATERIALIZED (
	     SELECT CAST($2 AS BIGINT) AS edition_id, position, COALESCE(state, 'sending') AS state,
	            CASE WHEN state IS NULL THEN CAST(CAST(value AS TEXT) AS BIGINT) ELSE CAST(value ->> 1 AS BIGINT) END AS fence,
	            CASE WHEN state IS NOT NULL THEN CAST(value ->> 2 AS BIGINT) END AS attempts,
	            CASE WHEN state IS NOT NULL THEN CAST(value ->> 3 AS BIGINT) END AS doubts,
	            CASE WHEN state IS NOT NULL THEN CAST(value ->> 4 AS BIGINT) END AS code,
	            CASE WHEN state IS NOT NULL THEN value ->> 5 END AS enhanced,
	            CASE WHEN state IS NOT NULL THEN value ->> 6 END AS words,
	            CASE WHEN state = 'deferred' THEN value ->> 7 END AS next_at
	     FROM   change)`

// entryColumns is how many columns an entry has.
const entryColumns = 8

// reset empties e and keeps its memory.
func (e *entries) reset() { e.buffer, e.count = e.buffer[:0], 0 }

// json returns e as the statements take it.
func (e *entries) json() string {
	if e.count == 0 {
		return "{}"
	}
	return string(append(e.buffer, '}'))
}

// raw adds an entry in its final form.
func (e *entries) raw(position int64, columns []byte) {
	e.key(position)
	e.buffer = append(e.buffer, columns...)
}

func (e *entries) key(position int64) {
	opening := byte(',')
	if e.count == 0 {
		e.buffer = e.buffer[:0]
		opening = '{'
	}
	e.count++
	e.buffer = append(e.buffer, opening, '"')
	e.buffer = strconv.AppendInt(e.buffer, position, 10)
	e.buffer = append(e.buffer, '"', ':')
}

// add adds an outcome.
func (e *entries) add(position int64, o outcome, attempts, doubts int, fence int64) {
	e.key(position)
	e.buffer = o.appendColumns(e.buffer, attempts, doubts, fence)
}

// settle adds what became of the delivery d.
func (e *entries) settle(d *Delivery, o outcome) {
	e.key(d.Position)
	e.buffer = o.columns(e.buffer, d)
}

// take adds that the delivery d is to be made now.
func (e *entries) take(d *Delivery) {
	e.key(d.Position)
	e.buffer = strconv.AppendInt(e.buffer, d.share.fence, 10)
}

// columns appends o as an entry of d has it.
func (o outcome) columns(b []byte, d *Delivery) []byte {
	attempts, doubts := d.Attempts, d.doubts
	if o.uncount {
		attempts--
	}
	if o.doubt {
		doubts++
	}
	return o.appendColumns(b, attempts, doubts, d.share.fence)
}

func (o outcome) appendColumns(b []byte, attempts, doubts int, fence int64) []byte {
	b = append(b, `["`...)
	b = append(b, o.state...)
	b = append(b, '"')
	for _, n := range [...]int64{fence, int64(attempts), int64(doubts), int64(o.reply.Code)} {
		b = append(b, ',')
		b = strconv.AppendInt(b, n, 10)
	}
	b = append(b, ',')
	b = appendJSON(b, o.reply.Enhanced)
	b = append(b, ',')
	b = appendJSON(b, keptText(o.reply.Text))
	if next, err := (database.Time{Time: o.next}).Value(); err == nil && o.state == Deferred {
		b = append(b, ',')
		return append(appendJSON(b, next.(string)), ']')
	}
	return append(b, ",null]"...)
}

// replyTextLimit bounds what is kept of a server's words, in bytes.
const replyTextLimit = 500

// keptText returns of a server's words what goes into the ledger: they may be
// in any encoding; PostgreSQL takes UTF-8 alone, and no zero byte.
func keptText(s string) string {
	if len(s) > replyTextLimit {
		s = s[:replyTextLimit]
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, "?"), "\x00", "")
}

// appendJSON appends s as a JSON string. Nearly all that a server says needs no
// escape, and encoding/json would allocate for each.
func appendJSON(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			text, err := json.Marshal(s)
			if err != nil {
				text = []byte(`""`) // unreachable: a string always has an encoding
			}
			return append(b, text...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}
