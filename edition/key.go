package edition

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// A Date is a day in the publication's time zone.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// DateOf returns the day on which t falls in zone.
func DateOf(t time.Time, zone *time.Location) Date {
	y, m, d := t.In(zone).Date()
	return Date{y, m, d}
}

// ParseDate reads a date written as 2026-02-08.
func ParseDate(s string) (Date, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return Date{}, fmt.Errorf("date %q: want YYYY-MM-DD, such as 2026-02-08", s)
	}
	return DateOf(t, time.UTC), nil
}

// String returns d as 2026-02-08.
func (d Date) String() string {
	return fmt.Sprintf("%04d-%02d-%02d", d.Year, d.Month, d.Day)
}

// Long returns d as it heads the paper: Sunday 8 February 2026.
func (d Date) Long() string { return d.midnight().Format("Monday 2 January 2006") }

// Short returns d as it stands in a subject: Sun 8 Feb.
func (d Date) Short() string { return d.midnight().Format("Mon 2 Jan") }

// Compact returns d as 20260208.
func (d Date) Compact() string { return d.midnight().Format("20060102") }

// IsZero reports whether d is no date at all.
func (d Date) IsZero() bool { return d == Date{} }

// Midnight returns the instant at which d begins in zone, or the first instant
// after it where a change of the clocks leaves midnight out.
func (d Date) Midnight(zone *time.Location) time.Time {
	return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, zone)
}

// Before reports whether d is an earlier day than other.
func (d Date) Before(other Date) bool { return d.midnight().Before(other.midnight()) }

// AddDays returns the date n days after d; n may be negative.
func (d Date) AddDays(n int) Date {
	return DateOf(d.midnight().AddDate(0, 0, n), time.UTC)
}

func (d Date) midnight() time.Time { return d.Midnight(time.UTC) }

// A Key names one edition for good: one slot on one local date.
type Key struct {
	Date Date
	Slot string
}

// slotID is what a slot may be called. The name stands in URLs, in header
// fields and in file names, so it is kept to what all of them take unescaped.
var slotID = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)

// ValidSlotID reports whether id may name a slot: 1 to 32 of a-z, 0-9 and the
// hyphen, beginning with a letter.
func ValidSlotID(id string) bool { return slotID.MatchString(id) }

// ParseKey reads a key written as 2026-02-08/afternoon.
func ParseKey(s string) (Key, error) {
	date, slot, ok := strings.Cut(s, "/")
	if !ok || !ValidSlotID(slot) {
		return Key{}, fmt.Errorf("edition %q: want DATE/SLOT, such as 2026-02-08/afternoon", s)
	}
	d, err := ParseDate(date)
	if err != nil {
		return Key{}, fmt.Errorf("edition %q: %w", s, err)
	}
	return Key{d, slot}, nil
}

// String returns k as 2026-02-08/afternoon.
func (k Key) String() string { return k.Date.String() + "/" + k.Slot }
