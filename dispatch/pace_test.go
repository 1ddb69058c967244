package dispatch

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// turns stands in for the database where processes take turns.
type turns struct {
	mu   sync.Mutex
	next time.Time
}

func (t *turns) reserve(_ context.Context, n int, each time.Duration) (time.Time, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now := time.Now(); t.next.Before(now) {
		t.next = now
	}
	start := t.next
	t.next = t.next.Add(time.Duration(n) * each)
	return start, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

func newPacer(rate int, t *turns) *pacer {
	return &pacer{rate: rate, now: time.Now, wait: sleep, reserve: t.reserve}
}

// takes returns how long n turns took.
func takes(t *testing.T, p *pacer, n int) time.Duration {
	t.Helper()
	began := time.Now()
	for range n {
		if err := p.take(t.Context()); err != nil {
			t.Fatal(err)
		}
		p.went()
	}
	return time.Since(began)
}

func TestPacerKeepsTheRate(t *testing.T) {
	for _, rate := range []int{1, 10, 150} {
		synctest.Test(t, func(t *testing.T) {
			p := newPacer(rate, &turns{})
			want := 3 * time.Second
			if took := takes(t, p, 3*rate+1); took < want*9/10 || took > want*11/10 {
				t.Errorf("%d messages at %d a second took %v, want %v", 3*rate+1, rate, took, want)
			}
			time.Sleep(time.Minute)
			if took := takes(t, p, rate+1); took < 800*time.Millisecond {
				t.Errorf("after a pause %d messages took %v, want a second: it is not made up for by a burst", rate+1, took)
			}
		})
	}
}

func TestPacersOfSeveralProcessesKeepTheRateTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := &turns{}
		began := time.Now()
		done := make(chan time.Duration)
		for range 3 {
			go func() { done <- takes(t, newPacer(100, shared), 200) }()
		}
		for range 3 {
			<-done
		}
		if took := time.Since(began); took < 5500*time.Millisecond || took > 6500*time.Millisecond {
			t.Errorf("600 messages of three processes at 100 a second took %v, want 6s", took)
		}
	})
}

func TestPacerWithoutRateWaitsForNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPacer(0, &turns{})
		if took := takes(t, p, 10_000); took != 0 || p.limits() {
			t.Errorf("10000 messages took %v", took)
		}
	})
}

// TestPacerFindsWhatTheRelayBears sends to a relay that refuses whatever
// exceeds 50 messages in a second.
func TestPacerFindsWhatTheRelayBears(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPacer(0, &turns{})
		const bears = 50
		second, inSecond, took, refused := time.Now(), 0, 0, 0
		for began := time.Now(); time.Since(began) < 2*time.Minute; {
			if err := p.take(t.Context()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Millisecond) // the conversation
			if time.Since(second) >= time.Second {
				second, inSecond = time.Now(), 0
			}
			if inSecond++; inSecond > bears {
				refused++
				p.slow()
				continue
			}
			p.went()
			took++
		}
		if rate := took / 120; rate < bears/2 || refused > took/10 {
			t.Errorf("%d messages a second went, %d were refused in all; the relay bears %d a second", rate, refused, bears)
		}
	})
}

func TestPacerEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		p := newPacer(1, &turns{})
		takes(t, p, 1)
		cancel()
		if err := p.take(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("take: %v", err)
		}
	})
}
