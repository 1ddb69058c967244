package dispatch

import (
	"context"
	"sync"
	"time"
)

// A pacer spreads messages evenly over time, for relays that allow only so
// many a second.
type pacer struct {
	rate int // messages a second; 0: no limit
	now  func() time.Time
	wait func(ctx context.Context, d time.Duration) error

	mu   sync.Mutex
	next time.Time // when the next message may go
}

// take waits for the caller's turn. It fails only if ctx ends.
func (p *pacer) take(ctx context.Context) error {
	if p.rate <= 0 {
		return nil
	}
	p.mu.Lock()
	now := p.now()
	if p.next.Before(now) {
		p.next = now // what was not used is not saved up for a burst
	}
	delay := p.next.Sub(now)
	p.next = p.next.Add(time.Second / time.Duration(p.rate))
	p.mu.Unlock()
	if delay <= 0 {
		return nil
	}
	return p.wait(ctx, delay)
}
