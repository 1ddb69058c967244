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

// entries are changes to the ledger, by position: one JSON object of arrays,
// which json_each lists alike on both databases. The columns of an array are
//
//	0 state, 1 next attempt, 2 attempts, 3 in doubt, 4 reply code, 5 its
//	enhanced status, 6 its text, 7 fence, 8 batch
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
	WITH entry AS MATERIALIZED (
	     SELECT CAST($2 AS BIGINT) AS edition_id, CAST(key AS BIGINT) AS position,
	            value ->> 0 AS state, value ->> 1 AS next_at, CAST(value ->> 2 AS BIGINT) AS attempts,
	            CAST(value ->> 3 AS BIGINT) AS doubts, CAST(value ->> 4 AS BIGINT) AS code,
	            value ->> 5 AS enhanced, value ->> 6 AS words,
	            CAST(value ->> 7 AS BIGINT) AS fence, CAST(value ->> 8 AS BIGINT) AS batch
	     FROM   json_each($1))`

// entryColumns is how many columns an entry has.
const entryColumns = 9

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
func (e *entries) add(position int64, o outcome, attempts, doubts int, fence, batch int64) {
	e.key(position)
	e.buffer = o.appendColumns(e.buffer, attempts, doubts, fence, batch)
}

// take adds that the delivery d is to be made now.
func (e *entries) take(d *Delivery) {
	e.key(d.Position)
	e.buffer = append(e.buffer, `["sending",null,null,null,null,null,null,`...)
	e.buffer = strconv.AppendInt(e.buffer, d.share.fence, 10)
	e.buffer = append(e.buffer, ',')
	e.buffer = strconv.AppendInt(e.buffer, d.share.number, 10)
	e.buffer = append(e.buffer, ']')
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
	return o.appendColumns(b, attempts, doubts, d.share.fence, d.share.number)
}

func (o outcome) appendColumns(b []byte, attempts, doubts int, fence, batch int64) []byte {
	b = append(b, `["`...)
	b = append(b, o.state...)
	b = append(b, `",`...)
	if next, err := (database.Time{Time: o.next}).Value(); err == nil && o.state == Deferred {
		b = appendJSON(b, next.(string))
	} else {
		b = append(b, "null"...)
	}
	for _, n := range []int{attempts, doubts, o.reply.Code} {
		b = append(b, ',')
		b = strconv.AppendInt(b, int64(n), 10)
	}
	b = append(b, ',')
	b = appendJSON(b, o.reply.Enhanced)
	b = append(b, ',')
	b = appendJSON(b, keptText(o.reply.Text))
	b = append(b, ',')
	b = strconv.AppendInt(b, fence, 10)
	b = append(b, ',')
	b = strconv.AppendInt(b, batch, 10)
	return append(b, ']')
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
