package web

import (
	"strings"
	"time"

	"github.com/zotpaper/zotpaper/press"
)

// lookAhead is how many days of a schedule are looked at before it is put into
// words: a year, so that a schedule with a summer break is not called daily.
const lookAhead = 366

// findRhythms puts into words when the editions of each list come. A list
// whose editions come otherwise than at one time, on all days or all working
// days, is left out: better nothing than something that is not quite so.
func (s *Server) findRhythms() (map[string]string, error) {
	rhythms := map[string]string{}
	for _, list := range s.Lists {
		var slots []press.Slot
		for _, slot := range s.Press.Slots {
			if slot.List == list.ID {
				slots = append(slots, slot)
			}
		}
		if len(slots) != 1 {
			continue
		}
		key, at := s.rhythm(slots[0])
		if key == "" {
			continue
		}
		text, err := s.Words.Say(key, "time", at, "zone", s.zoneName())
		if err != nil {
			return nil, err
		}
		rhythms[list.ID] = text
	}
	return rhythms, nil
}

// rhythm returns the text for the rhythm of slot, and its time of the day.
func (s *Server) rhythm(slot press.Slot) (key, at string) {
	daily, workdays := true, true
	today := s.Press.Today()
	for n := range lookAhead {
		day := today.AddDays(n)
		cutoff, comes := s.Press.Cutoff(slot, day)
		weekday := day.Midnight(time.UTC).Weekday()
		rest := weekday == time.Saturday || weekday == time.Sunday
		daily = daily && comes
		workdays = workdays && comes != rest
		if !comes {
			continue
		}
		if at == "" {
			at = cutoff.Format("15:04")
		}
		if cutoff.Format("15:04") != at {
			return "", ""
		}
	}
	switch {
	case daily:
		return "signup.daily", at
	case workdays:
		return "signup.workdays", at
	}
	return "", ""
}

// zoneName returns what the zone of the paper is called: UTC, Los Angeles.
func (s *Server) zoneName() string { return city(s.Publication.Zone.String()) }

// city returns the last part of the name of a zone, as people write it.
func city(zone string) string {
	return strings.ReplaceAll(zone[strings.LastIndexByte(zone, '/')+1:], "_", " ")
}
