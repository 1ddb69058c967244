package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSlotMistakes(t *testing.T) {
	const form = `want minute, hour, day of the month, month and day of the week, such as "0 16 * * *"`
	slot := func(lines string) string {
		return "slots:\n  - id: late\n    title: Late Edition\n" + lines
	}
	tests := []struct {
		name string
		text string
		want []string
	}{
		{"none", "slots: []\n", []string{`config.yaml:1: slots: a paper needs at least one edition; add an entry with id, title and schedule`}},
		{"a map by name", "slots:\n  late: {title: A}\n", []string{`config.yaml:1: slots: want a list with an entry for each edition of the day, got keys with values`}},
		{"no schedule", slot(""), []string{`config.yaml:2: slots[0].schedule: ` + form}},
		{
			"nothing but a list", "slots:\n  - list: late\n",
			[]string{
				`config.yaml:2: slots[0].id: want 1 to 32 of a-z, 0-9 and hyphens, beginning with a letter, such as morning; got ""`,
				`config.yaml:2: slots[0].title: must not be empty`,
				`config.yaml:2: slots[0].schedule: ` + form,
			},
		},
		{
			"an id with a capital", "slots:\n  - id: Late\n    title: A\n    schedule: \"0 6 * * *\"\n",
			[]string{`config.yaml:2: slots[0].id: want 1 to 32 of a-z, 0-9 and hyphens, beginning with a letter, such as morning; got "Late"`},
		},
		{
			"a list's name with a blank", slot("    schedule: \"0 6 * * *\"\n    list: the late\n"),
			[]string{`config.yaml:5: slots[0].list: want 1 to 32 of a-z, 0-9 and hyphens, beginning with a letter, such as morning; got "the late"`},
		},
		{
			"an id twice", slot("    schedule: \"0 6 * * *\"\n  - {id: late, title: B, schedule: \"0 7 * * *\"}\n"),
			[]string{`config.yaml:5: slots[1].id: "late" is taken by slots[0]; each slot needs an id of its own`},
		},
		{
			"more than fit", slot("    schedule: \"0 6 * * *\"\n    minimum: 30\n"),
			[]string{`config.yaml:5: slots[0].minimum: minimum 30 is more than maximum 20: no edition could ever go out`},
		},
		{"no minimum", slot("    schedule: \"0 6 * * *\"\n    minimum: 0\n"), []string{`config.yaml:5: slots[0].minimum: want 1 to 40, got 0`}},
		{"catching up for days", slot("    schedule: \"0 6 * * *\"\n    catch_up: 48h\n"), []string{`config.yaml:5: slots[0].catch_up: want 0s to 24h, got 48h`}},
		{"expiring at once", slot("    schedule: \"0 6 * * *\"\n    expire: 0s\n"), []string{`config.yaml:5: slots[0].expire: want 1m to 120h, got 0s`}},
		{"a section twice", slot("    schedule: \"0 6 * * *\"\n    sections: [World, world]\n"), []string{`config.yaml:5: slots[0].sections[1]: "world" is in the list already`}},
		{"an unknown key", slot("    schedule: \"0 6 * * *\"\n    max: 3\n"), []string{`config.yaml:5: slots[0].max: unknown key; "zotpaper init" writes a file with every key`}},
		{"a time of day", slot("    schedule: \"16:00\"\n"), []string{`config.yaml:4: slots[0].schedule: ` + form + `; got 1 fields`}},
		{"seconds", slot("    schedule: \"0 0 16 * * *\"\n"), []string{`config.yaml:4: slots[0].schedule: ` + form + `; got 6 fields`}},
		{"a zone", slot("    schedule: \"CRON_TZ=Europe/Berlin 0 6 * * *\"\n"), []string{`config.yaml:4: slots[0].schedule: the time zone is that of the publication: set publication.timezone, and drop it here`}},
		{"a zone that makes the parser panic", slot("    schedule: \"TZ=0\"\n"), []string{`config.yaml:4: slots[0].schedule: the time zone is that of the publication: set publication.timezone, and drop it here`}},
		{"a date that does not exist", slot("    schedule: \"0 6 31 2 *\"\n"), []string{`config.yaml:4: slots[0].schedule: there is no such date: it would never go out`}},
		{"an interval", slot("    schedule: \"@every 24h\"\n"), []string{`config.yaml:4: slots[0].schedule: @every counts from the start of the program; ` + form}},
		{"every hour", slot("    schedule: \"@hourly\"\n"), []string{`config.yaml:4: slots[0].schedule: it comes round twice a day, at 00:00 and 01:00; a slot has one edition a day: make another slot`}},
		{"twice on Sundays only", slot("    schedule: \"30 6,18 * * 0\"\n"), []string{`config.yaml:4: slots[0].schedule: it comes round twice a day, at 06:30 and 18:30; a slot has one edition a day: make another slot`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir, config := paperFolder(t, tt.text, nil)
			if diff := cmp.Diff(tt.want, complaints(t, dir, config, nil)); diff != "" {
				t.Errorf("loadConfig (-want +got):\n%s", diff)
			}
		})
	}
}

// FuzzSchedule wants every text to be taken or refused, never to crash, and
// what is taken to come round.
func FuzzSchedule(f *testing.F) {
	for _, text := range []string{"0 16 * * *", "@daily", "TZ=0", "CRON_TZ= 0 6 * * *", "0 6 29 2 *", "0 6 31 2 *", "*/90 1-5/2 * JAN,feb sun", "@every -1h"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		schedule, problem := parseSchedule(text)
		if problem != "" {
			return
		}
		if now := time.Date(2026, time.February, 8, 16, 0, 0, 0, time.UTC); schedule.Next(now).IsZero() {
			t.Errorf("parseSchedule(%q) took a schedule that never comes round", text)
		}
	})
}
