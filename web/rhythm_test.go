package web

import (
	"testing"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/zotpaper/zotpaper/edition"
	"github.com/zotpaper/zotpaper/press"
	"github.com/zotpaper/zotpaper/subscribers"
	"github.com/zotpaper/zotpaper/words"
)

func TestRhythm(t *testing.T) {
	tests := []struct {
		name      string
		schedules []string
		zone      string
		want      string
	}{
		{"daily", []string{"0 16 * * *"}, "UTC", "Every day at 16:00 (UTC)"},
		{"daily, elsewhere", []string{"30 5 * * *"}, "America/Los_Angeles", "Every day at 05:30 (Los Angeles)"},
		{"on working days", []string{"0 7 * * 1-5"}, "Europe/Berlin", "Monday to Friday at 07:00 (Berlin)"},
		{"on some days", []string{"0 7 * * 1,3"}, "UTC", ""},
		{"with a summer break", []string{"0 7 * 1-6,9-12 *"}, "UTC", ""},
		{"in the night that has no such hour", []string{"30 2 * * *"}, "Europe/Berlin", ""},
		{"later on Sundays", []string{"0 7 * * 1-6", "0 9 * * 0"}, "UTC", ""},
		{"none", nil, "UTC", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			book, err := words.Load("en", nil)
			if err != nil {
				t.Fatal(err)
			}
			zone, err := time.LoadLocation(tt.zone)
			if err != nil {
				t.Fatal(err)
			}
			publication := edition.Publication{Zone: zone}
			s := &Server{
				Publication: publication, Words: book, Lists: []subscribers.List{{ID: "paper"}},
				Press: &press.Press{Publication: publication, Now: func() time.Time { return noon }},
			}
			for _, text := range tt.schedules {
				schedule, err := cron.ParseStandard(text)
				if err != nil {
					t.Fatal(err)
				}
				s.Press.Slots = append(s.Press.Slots, press.Slot{Slot: edition.Slot{List: "paper"}, Schedule: schedule})
			}
			rhythms, err := s.findRhythms()
			if err != nil || rhythms["paper"] != tt.want {
				t.Errorf("got %q, error %v; want %q", rhythms["paper"], err, tt.want)
			}
		})
	}
}
