package press

import (
	"time"

	"github.com/zotpaper/zotpaper/edition"
)

// Cutoff returns the moment after which the edition of s on date takes no more
// articles, and at which it goes out: the wall time of the slot's schedule on
// that date, in the publication's zone. ok is false if the slot does not come
// round on that date, or the zone skips it.
//
// A time that the clocks skip is the first moment after the gap; of one that
// comes twice it is the first. The cron library by itself would leave out the
// one and take both of the other.
func (p *Press) Cutoff(s Slot, date edition.Date) (t time.Time, ok bool) {
	// In UTC every date has all its hours: what cron says there is wall time.
	wall := s.Schedule.Next(date.Midnight(time.UTC).Add(-time.Second))
	if wall.IsZero() || edition.DateOf(wall, time.UTC) != date {
		return time.Time{}, false
	}
	t = moment(wall, p.Publication.Zone)
	return t, edition.DateOf(t, p.Publication.Zone) == date
}

// NextCutoff returns the first cut-off of s after t, and the date of its
// edition. ok is false if there is none within the next five years.
func (p *Press) NextCutoff(s Slot, t time.Time) (cutoff time.Time, date edition.Date, ok bool) {
	// The clocks of a zone are never more than a day away from UTC's.
	wall := edition.DateOf(t, p.Publication.Zone).AddDays(-2).Midnight(time.UTC)
	for {
		if wall = s.Schedule.Next(wall); wall.IsZero() {
			return time.Time{}, edition.Date{}, false
		}
		date = edition.DateOf(wall, time.UTC)
		if cutoff, ok = p.Cutoff(s, date); ok && cutoff.After(t) {
			return cutoff, date, true
		}
	}
}

// moment returns when the clocks of zone show what wall shows in UTC: the first
// time that they do, or the first moment after the gap in which they skip it.
func moment(wall time.Time, zone *time.Location) time.Time {
	const farthest = 26 * time.Hour // that a zone is from UTC, with room to spare
	// Each stretch of time between two changes of the clocks, in order.
	for at := wall.Add(-farthest).In(zone); ; {
		start, end := at.ZoneBounds()
		_, offset := at.Zone()
		t := wall.Add(-time.Duration(offset) * time.Second)
		if t.Before(start) {
			return start // it was skipped when this stretch began
		}
		if end.IsZero() || t.Before(end) {
			return t.In(zone)
		}
		at = end
	}
}
