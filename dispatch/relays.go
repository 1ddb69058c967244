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

// A relaySet is the relays of a run. The healthy ones take over what the others
// cannot; each gets its share by weight otherwise.
type relaySet struct {
	now func() time.Time

	mu     sync.Mutex
	states []*relayState
}

// A relayState is a relay with its state of health.
type relayState struct {
	Relay
	failures int       // in a row
	until    time.Time // it is left alone
	refusal  error     // why it refuses us; nil: it does not
	using    int       // connections, as far as we know

	refused  int     // recipients in a row for whom it refused us
	rejected []int64 // positions it rejected in a row, nobody accepted between them
}

func newRelaySet(relays []Relay, now func() time.Time) *relaySet {
	rs := &relaySet{now: now}
	for _, r := range relays {
		r.Weight = max(r.Weight, 1)
		rs.states = append(rs.states, &relayState{Relay: r})
	}
	return rs
}

// choose returns the relay that the next connection goes to: of those that are
// not left alone, the one with the fewest connections for its weight. If all
// are, it returns how long to wait for the first.
func (rs *relaySet) choose() (*relayState, time.Duration) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	now := rs.now()
	var best *relayState
	var soonest time.Duration
	for _, s := range rs.states {
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
func (rs *relaySet) left(s *relayState) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	s.using--
}

// failed leaves s alone for a while, the longer the more often it failed.
func (rs *relaySet) failed(s *relayState) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	s.failures++
	pause := min(shortestPause<<min(s.failures-1, 10), longestPause)
	s.until = rs.now().Add(pause)
}

// worked notes that s took a message.
func (rs *relaySet) worked(s *relayState) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	s.failures, s.until, s.refusal = 0, time.Time{}, nil
	s.refused, s.rejected = 0, s.rejected[:0]
}

// answered notes that s has judged a recipient: it does not refuse us.
func (rs *relaySet) answered(s *relayState) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	s.refused = 0
}

// refusedOnce counts a recipient for whom s refused us, and returns how many
// there were in a row.
func (rs *relaySet) refusedOnce(s *relayState) int {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	s.refused++
	return s.refused
}

// rejectedOnce counts a recipient whom s rejected, and returns how many there
// were in a row.
func (rs *relaySet) rejectedOnce(s *relayState, position int64) int {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	s.rejected = append(s.rejected, position)
	return len(s.rejected)
}

// rejectedInARow returns whom any relay has rejected since it last accepted
// somebody.
func (rs *relaySet) rejectedInARow() []int64 {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	var positions []int64
	for _, s := range rs.states {
		positions = append(positions, s.rejected...)
	}
	return positions
}

// refuses reports whether s refuses us.
func (rs *relaySet) refuses(s *relayState) bool {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	return s.refusal != nil
}

// refused leaves s alone, since it refuses us, and reports whether any other
// relay is left that does not.
func (rs *relaySet) refused(s *relayState, why error) (others bool) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	s.refusal = why
	s.until = rs.now().Add(refusedPause)
	for _, other := range rs.states {
		others = others || other.refusal == nil
	}
	return others
}

// A line is a connection to a relay.
type line struct {
	*mailer.Conn
	relay   *relayState
	carried int // messages it took
}

// dial opens a connection. It returns nil without an error if there was none
// to be had this time; and a *StopError if every relay refuses us, or none has
// been reached for too long.
func (r *run) dial(ctx context.Context) (*line, error) {
	s, wait := r.relays.choose()
	if s == nil {
		_ = r.wait(ctx, min(wait, time.Second)) // the caller looks at ctx
		return nil, nil
	}
	conn, err := s.Dial(ctx)
	if err == nil {
		return &line{Conn: conn, relay: s}, nil
	}
	r.relays.left(s)
	if ctx.Err() != nil {
		return nil, nil //nolint:nilerr // the caller looks at ctx
	}
	return nil, r.noLine(s, err)
}

// noLine judges why there was no connection to s.
func (r *run) noLine(s *relayState, err error) error {
	if mailer.OurFault(err) {
		return r.refusedBy(s, err)
	}
	var reply *mailer.ReplyError
	if errors.As(err, &reply) && isThrottle(reply) {
		r.throttled(reply)
	}
	r.relays.failed(s)
	return r.failed(err)
}

// refusedBy notes that a relay refuses us. It returns a *StopError unless
// another takes over.
func (r *run) refusedBy(s *relayState, err error) error {
	if r.relays.refused(s, err) {
		r.Log.Error("a mail server refuses us; the others take over", "edition", r.key.String(), "server", s.Host, "error", err)
		return nil
	}
	return &StopError{r.key, err}
}

// hangUp says goodbye to a relay.
func (r *run) hangUp(l *line) {
	r.relays.left(l.relay)
	r.close(l)
}

// close closes a connection: with a goodbye, or without a word while a
// transaction is open over it.
func (r *run) close(l *line) {
	if err := l.Close(); err != nil {
		r.Log.Debug("hang up", "error", err)
	}
}
