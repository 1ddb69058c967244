package main

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// A stepClock stands still until it is moved.
type stepClock struct{ t time.Time }

func (c *stepClock) now() time.Time { return c.t }

func newStepClock() *stepClock {
	return &stepClock{time.Date(2026, time.February, 8, 16, 0, 0, 0, time.UTC)}
}

// TestProgressLines wants a log to get a line every five seconds, not one for
// each piece of work.
func TestProgressLines(t *testing.T) {
	clock, stderr := newStepClock(), new(bytes.Buffer)
	p := (&app{stderr: stderr, now: clock.now}).progress("recipients", 1000)
	for done := range 120 { // twelve seconds
		clock.t = clock.t.Add(100 * time.Millisecond)
		p.set(done + 1)
	}
	p.end()
	want := "recipients 50 of 1000, about 1m35s left\nrecipients 100 of 1000, about 1m30s left\n"
	if got := stderr.String(); got != want {
		t.Errorf("progress: got %q, want %q", got, want)
	}
}

func TestProgressQuiet(t *testing.T) {
	clock, stderr := newStepClock(), new(bytes.Buffer)
	p := (&app{stderr: stderr, now: clock.now, quiet: true}).progress("recipients", 10)
	clock.t = clock.t.Add(time.Minute)
	p.set(5)
	p.end()
	if stderr.Len() > 0 {
		t.Errorf("progress under --quiet: got %q, want nothing", stderr)
	}
}

func TestProgressBar(t *testing.T) {
	tests := []struct {
		name        string
		width       int
		done, total int
		want        string
	}{
		{"half way", 44, 5, 10, "\r[###########...........] recipients 5 of 10"},
		{"more than there is", 44, 12, 10, "\r[#####################] recipients 12 of 10"},
		{"nothing to do", 44, 0, 0, "\r[.......................] recipients 0 of 0"},
		{"no room for a bar", 25, 5, 10, "\rrecipients 5 of 10"},
		{"no room for the words", 11, 5, 10, "\rrecipients"},
		{"no room at all", 0, 5, 10, "\r"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			clock, w := newStepClock(), new(bytes.Buffer)
			p := &progress{w: w, now: clock.now, bar: true, width: tt.width, what: "recipients", total: tt.total, begun: clock.t, drawn: clock.t}
			clock.t = clock.t.Add(redrawEvery)
			p.set(tt.done)
			if got := w.String(); got != tt.want {
				t.Errorf("bar: got %q, want %q", got, tt.want)
			}
			w.Reset()
			p.set(tt.done) // too early to draw again
			p.end()
			blank := strings.Repeat(" ", len(tt.want)-1)
			if want := "\r" + blank + "\r"; blank != "" && w.String() != want {
				t.Errorf("end: got %q, want %q", w.String(), want)
			}
		})
	}
}

func TestProgressBarSaysInFewWordsWhatHasNoRoom(t *testing.T) {
	const note = ", 717 sent, 16 deferred, 17 rejected, 237/s"
	tests := []struct {
		name  string
		width int
		want  string
	}{
		{"wide", 110, "\r[############..............] recipients 734 of 1500" + note + ", about 3s left"},
		{"an ordinary terminal", 80, "\r[#######.........] 734/1500, 3s left" + note},
		{"a narrow one has the time left", 45, "\r734/1500, 3s left, 717 sent, 16 deferred, 17"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			clock, w := newStepClock(), new(bytes.Buffer)
			p := &progress{w: w, now: clock.now, bar: true, width: tt.width, what: "recipients", total: 1500, begun: clock.t, drawn: clock.t}
			p.say(note, 237)
			clock.t = clock.t.Add(4 * time.Second)
			p.set(734)
			if got := w.String(); got != tt.want {
				t.Errorf("bar: got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestProgressBarShrinks wants no letters of a longer text to stay behind.
func TestProgressBarShrinks(t *testing.T) {
	clock, w := newStepClock(), new(bytes.Buffer)
	p := &progress{w: w, now: clock.now, bar: true, width: 20, what: "n", total: 9, begun: clock.t}
	p.wide = 15
	clock.t = clock.t.Add(redrawEvery)
	p.set(1)
	if got, want := w.String(), "\rn 1 of 9"+strings.Repeat(" ", 7); got != want {
		t.Errorf("bar: got %q, want %q", got, want)
	}
}

func TestProgressOfWhoKnowsHowMuch(t *testing.T) {
	clock, w := newStepClock(), new(bytes.Buffer)
	p := &progress{w: w, now: clock.now, what: "kB", begun: clock.t, drawn: clock.t}
	p.say(", 20000 rows", 0)
	clock.t = clock.t.Add(lineEvery)
	p.set(812)
	if got, want := w.String(), "kB 812, 20000 rows\n"; got != want {
		t.Errorf("line: got %q, want %q", got, want)
	}
}

func TestShortDuration(t *testing.T) {
	tests := []struct {
		d    time.Duration
		want string
	}{
		{0, "0s"},
		{30 * time.Second, "30s"},
		{90 * time.Second, "1m30s"},
		{10 * time.Minute, "10m"},
		{20 * time.Hour, "20h"},
		{time.Hour + time.Second, "1h0m1s"},
		{-5 * time.Minute, "-5m"},
	}
	for _, tt := range tests {
		got := shortDuration(tt.d)
		if got != tt.want {
			t.Errorf("shortDuration(%v): got %q, want %q", tt.d, got, tt.want)
		}
		if back, err := time.ParseDuration(got); err != nil || back != tt.d {
			t.Errorf("shortDuration(%v) = %q does not read back: %v, %v", tt.d, got, back, err)
		}
	}
}
