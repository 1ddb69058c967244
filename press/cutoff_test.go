package press

import (
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/robfig/cron/v3"

	"github.com/zotpaper/zotpaper/edition"
)

// at returns a press in a zone and a slot with a schedule.
func at(t *testing.T, schedule, zone string) (*Press, Slot) {
	t.Helper()
	location, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	cron, err := cron.ParseStandard(schedule)
	if err != nil {
		t.Fatal(err)
	}
	return &Press{Publication: edition.Publication{Zone: location}}, Slot{Schedule: cron}
}

func day(t *testing.T, s string) edition.Date {
	t.Helper()
	date, err := edition.ParseDate(s)
	if err != nil {
		t.Fatal(err)
	}
	return date
}

func TestCutoff(t *testing.T) {
	tests := []struct {
		name, schedule, zone, date, want string // want empty: does not come round
	}{
		{"every day", "0 16 * * *", "UTC", "2026-02-08", "2026-02-08T16:00:00Z"},
		{"in the publication's zone", "0 16 * * *", "America/Los_Angeles", "2026-02-08", "2026-02-08T16:00:00-08:00"},
		{"in summer", "0 16 * * *", "Europe/Berlin", "2026-07-01", "2026-07-01T16:00:00+02:00"},
		{"not on Sundays", "0 16 * * 1-6", "UTC", "2026-02-08", ""},
		{"at midnight", "0 0 * * *", "UTC", "2026-02-08", "2026-02-08T00:00:00Z"},
		{"at the last minute", "59 23 * * *", "Pacific/Kiritimati", "2026-02-08", "2026-02-08T23:59:00+14:00"},
		{"on a day of the month or of the week", "0 6 13 * 5", "UTC", "2026-02-13", "2026-02-13T06:00:00Z"},

		{"skipped by the clocks: the first moment after the gap", "30 2 * * *", "Europe/Berlin", "2026-03-29", "2026-03-29T03:00:00+02:00"},
		{"the minute before the gap", "59 1 * * *", "Europe/Berlin", "2026-03-29", "2026-03-29T01:59:00+01:00"},
		{"the minute behind the gap", "0 3 * * *", "Europe/Berlin", "2026-03-29", "2026-03-29T03:00:00+02:00"},
		{"shown twice: the first", "30 2 * * *", "Europe/Berlin", "2026-10-25", "2026-10-25T02:30:00+02:00"},
		{"the minute behind what is shown twice", "0 3 * * *", "Europe/Berlin", "2026-10-25", "2026-10-25T03:00:00+01:00"},
		{"a day that has no midnight", "0 0 * * *", "America/Sao_Paulo", "2018-11-04", "2018-11-04T01:00:00-02:00"},
		{"a day whose midnight is skipped in April", "0 0 * * *", "Africa/Cairo", "2024-04-26", "2024-04-26T01:00:00+03:00"},
		{"a midnight at which the clocks step back", "0 0 * * *", "Asia/Beirut", "2026-10-25", "2026-10-25T00:00:00+02:00"},
		{"an hour before midnight that is shown twice", "30 23 * * *", "Asia/Beirut", "2026-10-24", "2026-10-24T23:30:00+03:00"},
		{"a gap of half an hour", "15 2 * * *", "Australia/Lord_Howe", "2026-10-04", "2026-10-04T02:30:00+11:00"},
		{"half an hour that is shown twice", "45 1 * * *", "Australia/Lord_Howe", "2026-04-05", "2026-04-05T01:45:00+11:00"},
		{"a date that the zone skips", "0 16 * * *", "Pacific/Apia", "2011-12-30", ""},
		{"the date behind it", "0 16 * * *", "Pacific/Apia", "2011-12-31", "2011-12-31T16:00:00+14:00"},
		{"the date before it", "0 16 * * *", "Pacific/Apia", "2011-12-29", "2011-12-29T16:00:00-10:00"},
		{"a change that is no summer time", "30 0 * * *", "Asia/Pyongyang", "2018-05-05", "2018-05-05T00:30:00+09:00"},
		{"the 29th of February", "0 6 29 2 *", "UTC", "2028-02-29", "2028-02-29T06:00:00Z"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, slot := at(t, tt.schedule, tt.zone)
			got := ""
			if at, ok := p.Cutoff(slot, day(t, tt.date)); ok {
				got = at.Format(time.RFC3339)
			}
			if got != tt.want {
				t.Errorf("Cutoff: %q, want %q", got, tt.want)
			}
		})
	}
}

// Over years and around the world, each date has its edition, once, in order,
// at the time that the clocks show, or right behind the gap that swallowed it.
func TestEveryDateHasOneCutoff(t *testing.T) {
	zones := []string{
		"UTC", "Europe/Berlin", "America/Los_Angeles", "America/Sao_Paulo", "Africa/Cairo", "Asia/Beirut",
		"Australia/Lord_Howe", "Pacific/Apia", "Africa/Casablanca", "Asia/Kathmandu", "America/Havana", "Antarctica/Troll",
	}
	for _, zone := range zones {
		for _, schedule := range []string{"0 0 * * *", "30 2 * * *", "15 1 * * *", "0 16 * * *", "59 23 * * *"} {
			p, slot := at(t, schedule, zone)
			last := time.Date(2010, 12, 30, 0, 0, 0, 0, p.Publication.Zone)
			date := edition.DateOf(last, p.Publication.Zone)
			for range 20 * 365 {
				cutoff, on, ok := p.NextCutoff(slot, last)
				if !ok || !cutoff.After(last) {
					t.Fatalf("%s %q: after %s comes %s", zone, schedule, last, cutoff)
				}
				for date != on { // none is left out, but those that there are not
					if at, comes := p.Cutoff(slot, date); comes && at.After(last) {
						t.Fatalf("%s %q: the edition of %s is left out", zone, schedule, date)
					}
					date = date.AddDays(1)
				}
				date = date.AddDays(1)
				wall := slot.Schedule.Next(on.Midnight(time.UTC).Add(-time.Second))
				if got := cutoff.Format("15:04"); got != wall.Format("15:04") {
					// A moment before, the clocks showed less.
					before := cutoff.Add(-time.Second).In(p.Publication.Zone).Format("2006-01-02T15:04")
					if before >= wall.Format("2006-01-02T15:04") {
						t.Fatalf("%s %q: on %s at %s, behind %s", zone, schedule, on, cutoff, before)
					}
				}
				last = cutoff
			}
		}
	}
}

func TestNextCutoffEnds(t *testing.T) {
	p, slot := at(t, "0 6 31 2 *", "UTC")
	if cutoff, _, ok := p.NextCutoff(slot, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)); ok {
		t.Errorf("the 31st of February is at %s", cutoff)
	}
	p, slot = at(t, "0 16 * * *", "UTC")
	four := time.Date(2026, 2, 8, 16, 0, 0, 0, time.UTC)
	if cutoff, date, ok := p.NextCutoff(slot, four); !ok || !cutoff.Equal(four.AddDate(0, 0, 1)) || date != day(t, "2026-02-09") {
		t.Errorf("after the cut-off comes %s of %s, want the next day's", cutoff, date)
	}
}
