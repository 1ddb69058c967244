package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/zotpaper/zotpaper/dispatch"
)

// rateOver is the time over which the rate of a dispatch is taken: long enough
// to be read, short enough to show that something has changed.
const rateOver = 5 * time.Second

// A dispatchBar shows how a dispatch goes: how many have it, how fast, who was
// deferred or rejected, and how long it will take.
type dispatchBar struct {
	app  *app
	bar  *progress // nil: nothing was told yet
	seen []sighting
}

// A sighting is how many recipients had an end at a moment.
type sighting struct {
	at    time.Time
	ended int
}

// dispatchProgress returns a bar for one dispatch. Its methods are called by
// one goroutine at a time.
func (a *app) dispatchProgress() *dispatchBar { return &dispatchBar{app: a} }

// set shows p.
func (b *dispatchBar) set(p dispatch.Progress) {
	if b.bar == nil {
		b.bar = b.app.progress("recipients", p.Recipients)
		b.bar.begin(p.Ended) // by an earlier run, or another process
	}
	now := b.app.now()
	b.seen = append(b.seen, sighting{now, p.Ended})
	for len(b.seen) > 2 && now.Sub(b.seen[0].at) > rateOver {
		b.seen = b.seen[1:]
	}
	speed := b.speed()
	b.bar.say(beside(p, speed), speed)
	b.bar.set(p.Ended)
}

// speed returns how many recipients a second got an end of late; 0: none.
func (b *dispatchBar) speed() float64 {
	first, last := b.seen[0], b.seen[len(b.seen)-1]
	gone := last.at.Sub(first.at).Seconds()
	if gone <= 0 || last.ended <= first.ended {
		return 0
	}
	return float64(last.ended-first.ended) / gone
}

// beside returns what is said beside the count.
func beside(p dispatch.Progress, speed float64) string {
	var s strings.Builder
	if p.Sent != p.Ended {
		fmt.Fprintf(&s, ", %d sent", p.Sent)
	}
	if p.Deferred > 0 {
		fmt.Fprintf(&s, ", %d deferred", p.Deferred)
	}
	if p.Rejected > 0 {
		fmt.Fprintf(&s, ", %d rejected", p.Rejected)
	}
	switch {
	case speed >= 10:
		fmt.Fprintf(&s, ", %.0f/s", speed)
	case speed > 0:
		fmt.Fprintf(&s, ", %.1f/s", speed)
	}
	return s.String()
}

// end takes the bar off the screen.
func (b *dispatchBar) end() {
	if b.bar != nil {
		b.bar.end()
	}
}
