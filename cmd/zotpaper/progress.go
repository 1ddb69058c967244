package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
)

// How often progress is told: often enough for an eye, seldom enough for a
// log.
const (
	redrawEvery = 100 * time.Millisecond
	lineEvery   = 5 * time.Second
)

// A progress tells on standard error how far a long work has come: on a
// terminal as a bar that is redrawn, elsewhere as a line every few seconds,
// under --quiet not at all. It draws when it is told something and needs no
// goroutine. Its methods may be called by several goroutines at once.
type progress struct {
	w     io.Writer // nil: quiet
	now   func() time.Time
	bar   bool // w is a terminal
	width int  // columns of the terminal
	what  string
	total int

	mu    sync.Mutex
	from  int // how much was done when it began
	done  int
	note  string  // said after the count
	speed float64 // pieces a second of late; 0: as since it began
	begun time.Time
	drawn time.Time
	wide  int // columns the bar took when last drawn
}

// progress returns the progress of total pieces of work called what, such as
// "recipients". The caller tells it with set, and ends it with end.
func (a *app) progress(what string, total int) *progress {
	p := &progress{w: a.stderr, now: a.now, what: what, total: total, begun: a.now()}
	p.drawn = p.begun
	if a.quiet {
		p.w = nil
	}
	if f, ok := a.stderr.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.bar, p.width = true, 80
		if width, _, err := term.GetSize(int(f.Fd())); err == nil {
			p.width = width
		}
	}
	return p
}

// begin says that the first done pieces were behind us before it began: they
// say nothing about how fast it goes.
func (p *progress) begin(done int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.from, p.done = done, done
}

// set says that done pieces are behind us. It prints only if it is time to.
func (p *progress) set(done int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done = done
	every := lineEvery
	if p.bar {
		every = redrawEvery
	}
	if now := p.now(); p.w != nil && now.Sub(p.drawn) >= every {
		p.drawn = now
		p.draw()
	}
}

// say sets what is said after the count, such as ", 3 deferred", and how many
// pieces a second are done of late, by which the time that is left is judged;
// 0: by all of it so far.
func (p *progress) say(note string, speed float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.note, p.speed = note, speed
}

// end takes the bar off the screen, so that what is printed next begins at the
// left. Afterwards p must not be used.
func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.w != nil && p.bar && p.wide > 0 {
		fmt.Fprintf(p.w, "\r%s\r", strings.Repeat(" ", p.wide))
	}
}

// leastBar is how many columns a bar needs to say anything.
const leastBar = 10

func (p *progress) draw() {
	left := p.remaining()
	about := ""
	if left != "" {
		about = ", about " + left
	}
	text := fmt.Sprintf("%s %d of %d%s%s", p.what, p.done, p.total, p.note, about)
	if p.total == 0 && p.done > 0 { // not known, as of standard input
		text = fmt.Sprintf("%s %d%s", p.what, p.done, p.note)
	}
	if !p.bar {
		fmt.Fprintln(p.w, text)
		return
	}
	// The last column stays empty: some terminals wrap when it is written.
	room := p.width - len(text) - 4
	if room < leastBar && p.note != "" {
		// In few words, those first that must not be cut off.
		if left != "" {
			left = ", " + left
		}
		text = fmt.Sprintf("%d/%d%s%s", p.done, p.total, left, p.note)
		room = p.width - len(text) - 4
	}
	if room >= leastBar {
		full := 0
		if p.total > 0 {
			full = min(room*p.done/p.total, room)
		}
		text = "[" + strings.Repeat("#", full) + strings.Repeat(".", room-full) + "] " + text
	}
	text = text[:min(len(text), max(p.width-1, 0))]
	fmt.Fprintf(p.w, "\r%s%s", text, strings.Repeat(" ", max(p.wide-len(text), 0)))
	p.wide = len(text)
}

// remaining returns "3m left" once there is something to judge by.
func (p *progress) remaining() string {
	gone := p.now().Sub(p.begun)
	if p.done <= p.from || p.done >= p.total || gone < 2*time.Second {
		return ""
	}
	speed := p.speed
	if speed == 0 {
		speed = float64(p.done-p.from) / gone.Seconds()
	}
	left := time.Duration(float64(p.total-p.done) / speed * float64(time.Second))
	if left < time.Second {
		return ""
	}
	return shortDuration(left.Round(time.Second)) + " left"
}

// shortDuration returns d without parts that are zero: 2h, not 2h0m0s.
func shortDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
