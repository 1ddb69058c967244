package intake

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestFilesMustHoldStill(t *testing.T) {
	const half = head + "Half"
	rewrite := func(text string, modified time.Time) func(*testing.T, Folder) {
		return func(t *testing.T, f Folder) { write(t, f, "a.md", text, modified) }
	}
	far := now.Add(50 * 365 * 24 * time.Hour)
	tests := []struct {
		name     string
		modified time.Time
		meddle   func(t *testing.T, f Folder) // while Read waits; nil: it must not wait
		taken    bool
	}{
		{"old: taken at once", now.Add(-time.Minute), nil, true},
		{"left alone for just as long as it must: taken at once", now.Add(-settleDefault), nil, true},
		{"fresh and left alone: taken after a second look", now, func(*testing.T, Folder) {}, true},
		{"nearly old and left alone: taken", now.Add(1 - settleDefault), func(*testing.T, Folder) {}, true},
		{"from the future and left alone: taken", now.Add(time.Hour), func(*testing.T, Folder) {}, true},
		{"from the far future and left alone: taken", far, func(*testing.T, Folder) {}, true},
		{"from the far future and growing: refused", far, rewrite(half+" and more", far), false},
		{"still growing: refused", now, rewrite(half+" and more", now.Add(time.Second)), false},
		{"growing, its time put back: refused", now, rewrite(half+" and more", now), false},
		{"other words of the same length: refused", now, rewrite(head+"Flah", now.Add(time.Second)), false},
		{"other words of the same length, its time put back: refused", now, rewrite(head+"Flah", now), false},
		{"saved anew with the same words: refused, it may go on", now, rewrite(half, now.Add(time.Second)), false},
		{"cut to nothing: refused", now, rewrite("", now), false},
		{"gone: refused", now, func(t *testing.T, f Folder) {
			if err := os.Remove(filepath.Join(f.Dir, "a.md")); err != nil {
				t.Fatal(err)
			}
		}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFolder(t, map[string]string{"old.md": head})
			write(t, f, "a.md", half, tt.modified)
			var waited []time.Duration
			f.Wait = func(_ context.Context, d time.Duration) error {
				waited = append(waited, d)
				if tt.meddle != nil {
					tt.meddle(t, f)
				}
				return nil
			}
			r := read(t, f)
			if want := tt.meddle != nil; len(waited) > 1 || (len(waited) == 1) != want || want && waited[0] != settleDefault {
				t.Errorf("waited %v, want %v once: %v", waited, settleDefault, want)
			}
			want := []string{"old"}
			var refused []string
			if tt.taken {
				want = []string{"a", "old"}
			} else {
				refused = []string{"a.md: it is still being written; it will be read next time"}
			}
			if !slices.Equal(slugs(r), want) || !slices.Equal(lines(r.Refused), refused) {
				t.Errorf("articles %q, refused %q; want %q and %q", slugs(r), lines(r.Refused), want, refused)
			}
		})
	}
}

func TestTheClockIsNotAskedToReadOldFilesAgain(t *testing.T) {
	// What is old is not read twice although time goes on while others settle.
	f := newFolder(t, map[string]string{"old.md": head})
	write(t, f, "fresh.md", head, now)
	clock := now
	f.Now = func() time.Time { return clock }
	f.Settle = time.Minute
	f.Wait = func(_ context.Context, d time.Duration) error {
		clock = clock.Add(d)
		write(t, f, "old.md", head+"New.", clock)
		return nil
	}
	if r := read(t, f); !slices.Equal(slugs(r), []string{"fresh", "old"}) || len(r.Articles[1].Body) > 0 {
		t.Errorf("articles %+v, refused %q; want the old one as it was", r.Articles, lines(r.Refused))
	}
}

func TestWaitingByTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFolder(t, nil)
		f.Wait, f.Now, f.Settle = nil, time.Now, time.Minute
		write(t, f, "a.md", head, time.Now())
		start := time.Now()
		if r := read(t, f); len(r.Articles) != 1 || time.Since(start) != time.Minute {
			t.Errorf("articles %q after %v, want one after a minute", slugs(r), time.Since(start))
		}
		write(t, f, "a.md", head, time.Now())
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := f.Read(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Read: error %v, want the end of its context", err)
		}
	})
}

func TestReadEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := newFolder(t, map[string]string{"a.md": head}).Read(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Read: error %v, want the end of its context", err)
	}
}
