package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zotpaper/zotpaper/dispatch"
)

// TestDispatchBarLines has a dispatch that slows down, told once a second, as a
// log gets it.
func TestDispatchBarLines(t *testing.T) {
	clock, stderr := newStepClock(), new(bytes.Buffer)
	bar := (&app{stderr: stderr, now: clock.now}).dispatchProgress()
	p := dispatch.Progress{Recipients: 10_000}
	for second := range 16 {
		switch {
		case second < 6:
			p.Sent, p.Ended = 100*second, 100*second
		case second < 11:
			p.Ended += 20
			p.Sent += 18
			p.Rejected += 2
			p.Deferred += 5
		default:
			p.Ended++
			p.Sent++
		}
		bar.set(p)
		clock.t = clock.t.Add(time.Second)
	}
	bar.end()
	want := "recipients 500 of 10000, 100/s, about 1m35s left\n" +
		"recipients 600 of 10000, 590 sent, 25 deferred, 10 rejected, 20/s, about 7m50s left\n" +
		"recipients 605 of 10000, 595 sent, 25 deferred, 10 rejected, 1.0/s, about 2h36m35s left\n"
	if diff := cmp.Diff(want, stderr.String()); diff != "" {
		t.Errorf("progress (-want +got):\n%s", diff)
	}
}

// TestDispatchBarGoesOn wants what an earlier run sent not to count as speed.
func TestDispatchBarGoesOn(t *testing.T) {
	clock, stderr := newStepClock(), new(bytes.Buffer)
	bar := (&app{stderr: stderr, now: clock.now}).dispatchProgress()
	for second := range 6 {
		n := 9_000 + 10*second
		bar.set(dispatch.Progress{Recipients: 10_000, Sent: n, Ended: n})
		clock.t = clock.t.Add(time.Second)
	}
	bar.end()
	want := "recipients 9050 of 10000, 10/s, about 1m35s left\n"
	if got := stderr.String(); got != want {
		t.Errorf("progress: got %q, want %q", got, want)
	}
}

func TestDispatchBarSaysNothingOfNothing(t *testing.T) {
	clock, stderr := newStepClock(), new(bytes.Buffer)
	bar := (&app{stderr: stderr, now: clock.now}).dispatchProgress()
	bar.end() // it was refused before anything began
	for range 8 {
		bar.set(dispatch.Progress{Recipients: 3, Deferred: 3})
		clock.t = clock.t.Add(time.Second)
	}
	if got, want := stderr.String(), "recipients 0 of 3, 3 deferred\n"; got != want {
		t.Errorf("progress: got %q, want %q", got, want)
	}
}
