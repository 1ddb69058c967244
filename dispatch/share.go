package dispatch

import (
	"context"
	"sync"
	"time"

	"github.com/zotpaper/zotpaper/dispatch/journal"
)

// A share is a batch as this process holds it, with what is still to be done
// of it.
type share struct {
	number  int64
	fence   int64
	first   int64 // position
	last    int64
	journal *journal.Journal
	settled chan struct{} // closed when nothing of it waits or is under way
	before  int           // outcomes under its fence when it was taken
	found   Progress      // how far it had come when it was taken

	retired bool // nothing more is begun of it; guarded by the queue

	mu    sync.Mutex
	open  int // deliveries without an outcome
	lost  bool
	count Progress // of its recipients, so far
}

// owe says that n deliveries of s are to be made.
func (s *share) owe(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open = n
	if n == 0 {
		close(s.settled)
	}
}

// settle says that n deliveries of s are no longer to be made by us.
func (s *share) settle(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open -= n; s.open == 0 && n > 0 {
		close(s.settled)
	}
}

// ended counts the outcome of one delivery, and settles it.
func (s *share) ended(state State) {
	s.mu.Lock()
	switch state {
	case Sent:
		s.count.Sent++
	case Rejected:
		s.count.Rejected++
	case Deferred:
		s.count.Deferred++
	}
	if state != Deferred && state != Pending {
		s.count.Ended++
	}
	s.mu.Unlock()
	s.settle(1)
}

// progress returns what this process has done of s.
func (s *share) progress() Progress {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count
}

// standing returns how far s has come, whoever did it.
func (s *share) standing() Progress {
	p := s.progress()
	return Progress{
		Recipients: s.found.Recipients, Sent: s.found.Sent + p.Sent, Rejected: s.found.Rejected + p.Rejected,
		Deferred: s.found.Deferred + p.Deferred, Ended: s.found.Ended + p.Ended,
	}
}

// lose says that another process holds the batch now. It reports whether that
// is news.
func (s *share) lose() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	news := !s.lost
	s.lost = true
	return news
}

// A queue holds the deliveries that wait for a connection of this process, in
// the order in which they are to be made.
type queue struct {
	mu      sync.Mutex
	waiting []*Delivery
	more    chan struct{} // closed and renewed when deliveries come
}

func newQueue() *queue { return &queue{more: make(chan struct{})} }

// add puts deliveries at the end.
func (q *queue) add(list ...*Delivery) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, list...)
	q.wake()
}

// putBack puts a delivery that was not made at the beginning; or settles it, if
// its share is retired.
func (q *queue) putBack(d *Delivery) {
	q.mu.Lock()
	retired := d.share.retired
	if !retired {
		q.waiting = append([]*Delivery{d}, q.waiting...)
		q.wake()
	}
	q.mu.Unlock()
	if retired {
		d.share.settle(1)
	}
}

// wake wakes whoever waits. Callers hold q.mu.
func (q *queue) wake() {
	close(q.more)
	q.more = make(chan struct{})
}

// next takes the first delivery, or returns nil if none waits.
func (q *queue) next() *Delivery {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		return nil
	}
	d := q.waiting[0]
	q.waiting[0] = nil
	q.waiting = q.waiting[1:]
	return d
}

// await takes the first delivery as soon as there is one. It returns nil if
// none came for that long, or ctx ended.
func (q *queue) await(ctx context.Context, patience time.Duration) *Delivery {
	for deadline := time.Now().Add(patience); q.ready(ctx, time.Until(deadline)); {
		if d := q.next(); d != nil {
			return d // else another was quicker
		}
	}
	return nil
}

// ready waits until a delivery waits. It reports false if none came for that
// long, or ctx ended.
func (q *queue) ready(ctx context.Context, patience time.Duration) bool {
	q.mu.Lock()
	waiting, more := len(q.waiting) > 0, q.more
	q.mu.Unlock()
	if ctx.Err() != nil || waiting {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return false
	case <-more:
		return true
	}
}

// withdraw retires s: it takes out what waits of it and settles that. It stays
// as it is in the ledger, for whoever holds the batch next.
func (q *queue) withdraw(s *share) {
	q.mu.Lock()
	s.retired = true
	kept := q.waiting[:0]
	n := 0
	for _, d := range q.waiting {
		if d.share == s {
			n++
			continue
		}
		kept = append(kept, d)
	}
	clear(q.waiting[len(kept):])
	q.waiting = kept
	q.mu.Unlock()
	s.settle(n)
}
