package dispatch

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// A pacer spreads messages evenly over time, for relays that allow only so
// many a second, and slows down when a relay says that it is too much.
//
// The rate of the configuration holds over all processes: they take turns in
// the database, a tenth of a second's worth each time. What a relay says only
// concerns the process it says it to.
type pacer struct {
	rate    int // messages a second over all processes; 0: no limit
	now     func() time.Time
	wait    func(ctx context.Context, d time.Duration) error
	reserve func(ctx context.Context, n int, each time.Duration) (time.Time, error)

	mu       sync.Mutex
	at       time.Time // when the next message may go
	reserved int       // messages that may go from then on, at the rate

	limit   float64   // messages a second that the relay bears; 0: unknown
	slowed  time.Time // when it last said it was too much
	grown   time.Time // when limit was last raised
	counted time.Time // since when sent counts
	sent    int
}

const (
	// steadyFor is how long messages are counted to know how fast we are.
	steadyFor = 2 * time.Second
	// A relay that says "too much" is given half of what it got, and a tenth
	// more every second in which it does not.
	slowBy, growBy = 0.5, 1.1
	// slowest keeps asking, since only asking shows that it is over.
	slowest = 0.5
	// forgetAfter is how long without a word of it the limit is dropped.
	forgetAfter = 2 * time.Minute
	// takesTurns is how many times a second a process reserves its turn.
	takesTurns = 10
)

// limits reports whether messages are being held back at all.
func (p *pacer) limits() bool {
	if p.rate > 0 {
		return true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.limit > 0
}

// take waits for the caller's turn. It fails if ctx ends, or the database
// cannot be asked for a turn.
func (p *pacer) take(ctx context.Context) error {
	p.mu.Lock()
	p.grow()
	at, err := p.turn(ctx)
	p.mu.Unlock()
	if err != nil {
		return err
	}
	if delay := at.Sub(p.now()); delay > 0 {
		return p.wait(ctx, delay)
	}
	return ctx.Err()
}

// turn returns when the next message may go. Callers hold p.mu.
func (p *pacer) turn(ctx context.Context) (time.Time, error) {
	now := p.now()
	var each time.Duration
	if p.limit > 0 {
		each = time.Duration(float64(time.Second) / p.limit)
	}
	if p.rate > 0 {
		even := time.Second / time.Duration(p.rate)
		if p.reserved == 0 {
			n := max(p.rate/takesTurns, 1)
			at, err := p.reserve(ctx, n, even)
			if err != nil {
				return now, fmt.Errorf("take a turn at sending: %w", err)
			}
			p.reserved = n
			if at.After(p.at) {
				p.at = at
			}
		}
		p.reserved--
		each = max(each, even)
	}
	if each == 0 {
		return now, nil
	}
	if p.at.Before(now) {
		p.at = now // what was not used is not saved up for a burst
	}
	at := p.at
	p.at = p.at.Add(each)
	return at, nil
}

// went counts a message that was taken.
func (p *pacer) went() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if p.counted.IsZero() || now.Sub(p.counted) > 2*steadyFor {
		p.counted, p.sent = now, 0
	}
	p.sent++
}

// slow notes that the relay said it is too much, and returns the limit that is
// kept to from now on. Whoever says it at the same time is heard once.
func (p *pacer) slow() float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if !p.slowed.IsZero() && now.Sub(p.slowed) < time.Second {
		return p.limit
	}
	speed := p.limit
	if speed == 0 {
		speed = float64(p.sent) / max(now.Sub(p.counted).Seconds(), 0.1)
	}
	p.limit = max(speed*slowBy, slowest)
	p.slowed, p.grown = now, now
	p.at = now.Add(time.Second) // let it recover
	return p.limit
}

// grow raises the limit while the relay does not complain. Callers hold p.mu.
func (p *pacer) grow() {
	now := p.now()
	switch {
	case p.limit == 0:
	case now.Sub(p.slowed) > forgetAfter:
		p.limit = 0
	case now.Sub(p.grown) >= time.Second:
		p.limit *= growBy
		p.grown = now
	}
}

const reserveTurns = `
	UPDATE paces
	SET    next_at = CASE WHEN next_at > CAST($1 AS BIGINT) AND next_at < CAST($1 AS BIGINT) + 60000000
	                 THEN next_at ELSE CAST($1 AS BIGINT) END + CAST($2 AS BIGINT)
	WHERE  name = 'smtp'
	RETURNING next_at`

// reserveTurns has n messages, one after the other, go from the time on that is
// returned, by the clock of this process. A turn that is more than a minute
// away was taken by a clock that was wrong, and does not count.
func (r *run) reserveTurns(ctx context.Context, n int, each time.Duration) (time.Time, error) {
	var start time.Time
	err := r.insist(ctx, "take a turn at sending", func(ctx context.Context) error {
		span := time.Duration(n) * each
		var until int64
		err := r.Ledger.DB.QueryRowContext(ctx, reserveTurns, r.clock().UnixMicro(), span.Microseconds()).Scan(&until)
		start = time.UnixMicro(until).Add(-span - r.skew())
		return err
	})
	return start, err
}
