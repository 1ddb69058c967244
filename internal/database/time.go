package database

import (
	"database/sql/driver"
	"fmt"
	"time"
)

// timeLayout has a fixed width, so that the order of texts is that of times.
const timeLayout = "2006-01-02T15:04:05.000Z"

// A Time is a time as the database holds it: text such as
// 2026-02-08T15:04:05.000Z, always UTC, cut to the millisecond. The zero Time
// is NULL, both ways.
type Time struct{ time.Time }

// Value returns the text of t, or nil for the zero Time. Years outside 0 to
// 9999 do not fit and are an error.
func (t Time) Value() (driver.Value, error) {
	if t.IsZero() {
		return nil, nil
	}
	utc := t.UTC()
	if utc.Year() < 0 || utc.Year() > 9999 {
		return nil, fmt.Errorf("time %v: the year does not fit", utc)
	}
	return utc.Format(timeLayout), nil
}

// Scan sets t from the database's text. It takes no other form than the one
// Value gives: a time of another width would be sorted wrongly, so finding one
// is better than reading it.
func (t *Time) Scan(value any) error {
	var text string
	switch v := value.(type) {
	case nil:
		t.Time = time.Time{}
		return nil
	case string:
		text = v
	case []byte:
		text = string(v)
	default:
		return fmt.Errorf("time: got a %T, want text", value)
	}
	parsed, err := time.Parse(timeLayout, text)
	if err != nil || len(text) != len(timeLayout) {
		return fmt.Errorf("time %q: want the form %s", text, timeLayout)
	}
	t.Time = parsed
	return nil
}
