package dispatch

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"
)

// An ear listens to a log.
type ear struct {
	mu    sync.Mutex
	lines []string
	more  chan struct{} // closed and renewed with each line
}

func newEar() *ear { return &ear{more: make(chan struct{})} }

func (e *ear) Enabled(context.Context, slog.Level) bool { return true }

func (e *ear) WithAttrs([]slog.Attr) slog.Handler { return e }

func (e *ear) WithGroup(string) slog.Handler { return e }

func (e *ear) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	b.WriteString(r.Level.String() + " " + r.Message)
	r.Attrs(func(a slog.Attr) bool {
		b.WriteString(" " + a.String())
		return true
	})
	e.mu.Lock()
	defer e.mu.Unlock()
	e.lines = append(e.lines, b.String())
	close(e.more)
	e.more = make(chan struct{})
	return nil
}

// count returns how many lines hold words.
func (e *ear) count(words string) (n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, line := range e.lines {
		if strings.Contains(line, words) {
			n++
		}
	}
	return n
}

// await returns when a line held words. It gives the test up after a minute.
func (e *ear) await(t testing.TB, words string) {
	t.Helper()
	limit := time.NewTimer(time.Minute)
	defer limit.Stop()
	for {
		e.mu.Lock()
		more := e.more
		e.mu.Unlock()
		if e.count(words) > 0 {
			return
		}
		select {
		case <-more:
		case <-limit.C:
			t.Errorf("nobody said %q:\n%s", words, e)
			return
		}
	}
}

func (e *ear) String() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return strings.Join(e.lines, "\n")
}
