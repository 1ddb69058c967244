package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/zotpaper/zotpaper/edition"
	"github.com/zotpaper/zotpaper/subscribers"
)

// Bounds of a slot.
const (
	maxSlots    = 24
	maxArticles = 40
	maxCatchUp  = 24 * time.Hour // later it is another day's paper
	minExpire   = time.Minute
	maxExpire   = 120 * time.Hour // what RFC 5321 advises for mail at large
)

func (k *checker) slots() {
	slots := k.c.Slots
	if len(slots) == 0 {
		k.bad("slots", "a paper needs at least one edition; add an entry with id, title and schedule")
	}
	if len(slots) > maxSlots {
		k.bad("slots", "want at most %d editions a day, got %d", maxSlots, len(slots))
		return
	}
	first := map[string]string{}
	for i := range slots {
		at := fmt.Sprintf("slots[%d]", i)
		k.slot(at, &slots[i])
		id := slots[i].ID
		if other, taken := first[id]; taken && id != "" {
			k.bad(at+".id", "%q is taken by %s; each slot needs an id of its own", id, other)
		}
		first[id] = at
	}
}

func (k *checker) slot(at string, s *SlotConfig) {
	if !edition.ValidSlotID(s.ID) {
		k.bad(at+".id", "want 1 to 32 of a-z, 0-9 and hyphens, beginning with a letter, such as morning; got %q", s.ID)
	}
	if !subscribers.ValidListID(s.List) && !k.found.has(at+".id") {
		k.bad(at+".list", "want 1 to 32 of a-z, 0-9 and hyphens, beginning with a letter, such as morning; got %q", s.List)
	}
	k.text(at+".title", s.Title, 100, true)
	seen := map[string]bool{}
	for i, name := range s.Sections {
		path := fmt.Sprintf("%s.sections[%d]", at, i)
		k.text(path, name, 100, true)
		if folded := strings.ToLower(name); seen[folded] {
			k.bad(path, "%q is in the list already", name)
		} else {
			seen[folded] = true
		}
	}
	k.within(at+".minimum", s.Minimum, 1, maxArticles)
	k.within(at+".maximum", s.Maximum, 1, maxArticles)
	if s.Minimum > s.Maximum {
		k.bad(k.later(at+".minimum", at+".maximum"), "minimum %d is more than maximum %d: no edition could ever go out", s.Minimum, s.Maximum)
	}
	k.duration(at+".catch_up", s.CatchUp, 0, maxCatchUp)
	k.duration(at+".expire", s.Expire, minExpire, maxExpire)
	schedule, problem := parseSchedule(s.Schedule)
	if problem != "" {
		k.bad(at+".schedule", "%s", problem)
	}
	s.Cron = schedule
}

// later returns which of two keys stands further down in the file: the one an
// operator is more likely to be working on.
func (k *checker) later(a, b string) string {
	if k.origins[a].line > k.origins[b].line {
		return a
	}
	return b
}

// parseSchedule reads a cron schedule of five fields, or says what is wrong
// with it. What it returns fires at most once on any date, and does fire.
func parseSchedule(text string) (schedule cron.Schedule, problem string) {
	const form = `want minute, hour, day of the month, month and day of the week, such as "0 16 * * *"`
	fields := strings.Fields(text)
	switch {
	case len(fields) == 0:
		return nil, form
	case strings.Contains(strings.ToUpper(text), "TZ="):
		// cron itself takes a zone here, and panics if nothing follows it.
		return nil, "the time zone is that of the publication: set publication.timezone, and drop it here"
	case strings.HasPrefix(text, "@every"):
		return nil, "@every counts from the start of the program; " + form
	case len(fields) != 5 && !strings.HasPrefix(text, "@"):
		return nil, fmt.Sprintf("%s; got %d fields", form, len(fields))
	}
	schedule, err := parseCron(text)
	if err != nil {
		return nil, fmt.Sprintf("%s; %s", form, err)
	}
	return schedule, unfitSchedule(schedule)
}

// parseCron is cron.ParseStandard, with its panics turned into errors.
func parseCron(text string) (schedule cron.Schedule, err error) {
	defer func() {
		if r := recover(); r != nil {
			schedule, err = nil, fmt.Errorf("cannot be read: %v", r)
		}
	}()
	return cron.ParseStandard(text)
}

// unfitSchedule says why a schedule is none for a slot, or "". It looks at a
// year in UTC, where every date has all its hours.
func unfitSchedule(s cron.Schedule) string {
	start := time.Date(2027, time.December, 31, 23, 59, 59, 0, time.UTC) // before a leap year
	last := s.Next(start)
	if last.IsZero() {
		return "there is no such date: it would never go out"
	}
	for end := start.AddDate(1, 0, 0); last.Before(end); {
		next := s.Next(last)
		if edition.DateOf(next, time.UTC) == edition.DateOf(last, time.UTC) {
			return fmt.Sprintf("it comes round twice a day, at %s and %s; a slot has one edition a day: make another slot",
				last.Format("15:04"), next.Format("15:04"))
		}
		if next.IsZero() {
			break // cron looks no further than five years ahead
		}
		last = next
	}
	return ""
}
