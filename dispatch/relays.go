package dispatch

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/zotpaper/zotpaper/mailer"
)

// A Relay is a mail server that takes our messages, with its share of them.
type Relay struct {
	mailer.Relay
	Weight int // against the weights of the others; below 1 counts as 1
}

const (
	// The pauses before a relay that could not be reached is tried again,
	// after its first failure and at most.
	shortestPause = 200 * time.Millisecond
	longestPause  = 10 * time.Second
	// refusedPause is how long a relay that refuses us is left alone while
	// others work.
	refusedPause = 5 * time.Minute
)

// A fleet is the relays of a run. The healthy ones take over what the others
// cannot; each gets its share by weight otherwise.
type fleet struct {
	now func() time.Time

	mu    sync.Mutex
	ships []*ship
}

// A ship is a relay with its state of health.
type ship struct {
	Relay
	failures int       // in a row
	until    time.Time // it is left alone
	refusal  error     // why it refuses us; nil: it does not
	using    int       // connections, as far as we know

	refused  int     // recipients in a row for whom it refused us
	rejected []int64 // positions it rejected in a row, nobody accepted between them
}

func newFleet(relays []Relay, now func() time.Time) *fleet {
	f := &fleet{now: now}
	for _, r := range relays {
		r.Weight = max(r.Weight, 1)
		f.ships = append(f.ships, &ship{Relay: r})
	}
	return f
}

// choose returns the relay that the next connection goes to: of those that are
// not left alone, the one with the fewest connections for its weight. If all
// are, it returns how long to wait for the first.
func (f *fleet) choose() (*ship, time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	var best *ship
	var soonest time.Duration
	for _, s := range f.ships {
		if wait := s.until.Sub(now); wait > 0 {
			if soonest == 0 || wait < soonest {
				soonest = wait
			}
			continue
		}
		if best == nil || s.using*best.Weight < best.using*s.Weight {
			best = s
		}
	}
	if best != nil {
		best.using++
		return best, 0
	}
	return nil, soonest
}

// left counts a connection out.
func (f *fleet) left(s *ship) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s.using--
}

// failed leaves s alone for a while, the longer the more often it failed.
func (f *fleet) failed(s *ship) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s.failures++
	pause := min(shortestPause<<min(s.failures-1, 10), longestPause)
	s.until = f.now().Add(pause)
}

// worked notes that s took a message.
func (f *fleet) worked(s *ship) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s.failures, s.until, s.refusal = 0, time.Time{}, nil
	s.refused, s.rejected = 0, s.rejected[:0]
}

// answered notes that s has judged a recipient: it does not refuse us.
func (f *fleet) answered(s *ship) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s.refused = 0
}

// refusedOnce counts a recipient for whom s refused us, and returns how many
// there were in a row.
func (f *fleet) refusedOnce(s *ship) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	s.refused++
	return s.refused
}

// rejectedOnce counts a recipient whom s rejected, and returns how many there
// were in a row.
func (f *fleet) rejectedOnce(s *ship, position int64) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	s.rejected = append(s.rejected, position)
	return len(s.rejected)
}

// rejectedInARow returns whom any relay has rejected since it last accepted
// somebody.
func (f *fleet) rejectedInARow() []int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	var positions []int64
	for _, s := range f.ships {
		positions = append(positions, s.rejected...)
	}
	return positions
}

// refuses reports whether s refuses us.
func (f *fleet) refuses(s *ship) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return s.refusal != nil
}

// refused leaves s alone, since it refuses us, and reports whether any other
// relay is left that does not.
func (f *fleet) refused(s *ship, why error) (others bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s.refusal = why
	s.until = f.now().Add(refusedPause)
	for _, other := range f.ships {
		others = others || other.refusal == nil
	}
	return others
}

// A line is a connection to a relay.
type line struct {
	*mailer.Conn
	ship    *ship
	carried int // messages it took
}

// dial opens a connection. It returns nil without an error if there was none
// to be had this time; and a *StopError if every relay refuses us, or none has
// been reached for too long.
func (r *run) dial(ctx context.Context) (*line, error) {
	s, wait := r.fleet.choose()
	if s == nil {
		_ = r.wait(ctx, min(wait, time.Second)) // the caller looks at ctx
		return nil, nil
	}
	conn, err := s.Dial(ctx)
	if err == nil {
		return &line{Conn: conn, ship: s}, nil
	}
	r.fleet.left(s)
	if ctx.Err() != nil {
		return nil, nil //nolint:nilerr // the caller looks at ctx
	}
	return nil, r.noLine(s, err)
}

// noLine judges why there was no connection to s.
func (r *run) noLine(s *ship, err error) error {
	if mailer.OurFault(err) {
		return r.refusedBy(s, err)
	}
	var reply *mailer.ReplyError
	if errors.As(err, &reply) && isThrottle(reply) {
		r.throttled(reply)
	}
	r.fleet.failed(s)
	return r.failed(err)
}

// refusedBy notes that a relay refuses us. It returns a *StopError unless
// another takes over.
func (r *run) refusedBy(s *ship, err error) error {
	if r.fleet.refused(s, err) {
		r.Log.Error("a mail server refuses us; the others take over", "edition", r.key.String(), "server", s.Host, "error", err)
		return nil
	}
	return &StopError{r.key, err}
}

// hangUp says goodbye to a relay.
func (r *run) hangUp(l *line) {
	r.fleet.left(l.ship)
	if err := l.Close(); err != nil {
		r.Log.Debug("hang up", "error", err)
	}
}
