package dispatch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/zotpaper/zotpaper/edition"
	"github.com/zotpaper/zotpaper/mailer"
)

// A Dispatcher sends frozen editions. It may be used for several editions at
// once; each Run has connections of its own.
type Dispatcher struct {
	Ledger      Ledger
	Relay       mailer.Relay
	Connections int     // at once, at least 1
	Rate        int     // messages a second over all connections; 0: no limit
	OnInDoubt   InDoubt // empty: Resend
	Owner       string  // names this process to the operator, such as host:pid
	Log         *slog.Logger

	// Wait sleeps for d or until ctx ends; nil: by the system's clock.
	Wait func(ctx context.Context, d time.Duration) error
}

// A StopError says that a dispatch stopped because we, not a recipient, are
// refused. Every delivery that was not tried is still pending.
type StopError struct {
	Edition edition.Key
	Cause   error
}

func (e *StopError) Error() string {
	return fmt.Sprintf("dispatch of %s stopped, nobody is lost; put this right and send again: %v", e.Edition, e.Cause)
}

func (e *StopError) Unwrap() error { return e.Cause }

// Run delivers the edition called key to whoever of its recipients has not got
// it, and returns when every one of them has an end.
//
// Run may be called again after any failure, in this process or another: it
// goes on where the last one stopped. While another process is at work it
// fails with a *BusyError. When ctx ends, conversations that have begun are
// finished and recorded before Run returns ctx's error. A *StopError says that
// the mail server refuses us.
//
// compose gives the letter, dated by the moment the dispatch first began,
// which every message carries as its Date. progress, which may be nil, is
// called from one goroutine, about once a second and at the end.
func (d *Dispatcher) Run(ctx context.Context, key edition.Key, editionID int64, compose func(started time.Time) (Letter, error), progress func(Tally)) (Tally, error) {
	h, err := d.Ledger.acquire(ctx, key, editionID, d.Owner)
	if err != nil {
		return Tally{}, err
	}
	doubtful, err := h.adopt(ctx, d.OnInDoubt)
	if err != nil {
		return Tally{}, errors.Join(err, h.release(context.WithoutCancel(ctx)))
	}
	if doubtful > 0 {
		d.Log.Warn("an earlier process died while sending", "edition", key.String(), "in_doubt", doubtful, "policy", string(d.OnInDoubt))
	}
	tally, err := d.Ledger.Tally(ctx, editionID)
	if err != nil {
		return tally, errors.Join(err, h.release(context.WithoutCancel(ctx)))
	}
	letter, err := compose(h.started)
	if err == nil {
		r := &run{Dispatcher: d, hold: h, letter: letter, tally: tally, progress: progress}
		err = r.work(ctx)
	}
	after := context.WithoutCancel(ctx)
	err = errors.Join(err, h.release(after))
	final, tallyErr := d.Ledger.Tally(after, editionID)
	if progress != nil {
		progress(final)
	}
	return final, errors.Join(err, tallyErr)
}

// A run is one call of Run.
type run struct {
	*Dispatcher
	hold     *hold
	clerk    *clerk
	letter   Letter
	progress func(Tally)
	pace     pacer

	mu       sync.Mutex
	tally    Tally
	failures int       // conversations in a row that broke or could not begin
	failing  time.Time // when the first of them did
	refused  int       // recipients in a row for whom we were refused
}

// work runs the connections until every recipient has an end, ctx ends, or
// something stops the dispatch.
func (r *run) work(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	r.pace = pacer{rate: r.Rate, now: r.Ledger.Now, wait: r.wait}
	var err error
	if r.clerk, err = newClerk(ctx, r.hold, max(r.Connections, 1)); err != nil {
		return err
	}

	var keepers sync.WaitGroup
	done := make(chan struct{})
	keepers.Go(func() { r.keepLease(ctx, done, stop) })
	if r.progress != nil {
		keepers.Go(func() { r.report(done) })
	}
	// The ledger is written past ctx's end too: outcomes must not be lost.
	keepers.Go(func() { r.clerk.work(context.WithoutCancel(ctx), r.suppressed) })
	var workers sync.WaitGroup
	for range max(r.Connections, 1) {
		workers.Go(func() {
			if err := r.deliverAll(ctx); err != nil {
				stop(err) // the others finish what they have begun
			}
		})
	}
	workers.Wait()
	close(r.clerk.requests)
	close(done)
	keepers.Wait()
	return errors.Join(context.Cause(ctx), r.clerk.close())
}

// keepLease renews the lease until done is closed.
func (r *run) keepLease(ctx context.Context, done <-chan struct{}, stop context.CancelCauseFunc) {
	ticker := time.NewTicker(leaseRenewal)
	defer ticker.Stop()
	for {
		select {
		case <-done:
			return
		case <-ticker.C:
			// Past ctx's end too: conversations that have begun are still ours.
			if err := r.hold.renew(context.WithoutCancel(ctx)); err != nil {
				r.Log.Error("cannot renew the lease of a dispatch", "edition", r.hold.key.String(), "error", err)
				if errors.Is(err, errFenced) {
					stop(err)
					return
				}
			}
		}
	}
}

func (r *run) report(done <-chan struct{}) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-done:
			return
		case <-ticker.C:
			r.mu.Lock()
			tally := r.tally
			r.mu.Unlock()
			r.progress(tally)
		}
	}
}

// deliverAll delivers, over one connection at a time, until nothing is left
// that it could deliver. An error means that nothing further must be begun.
func (r *run) deliverAll(ctx context.Context) error {
	for ctx.Err() == nil {
		if !r.Ledger.Now().Before(r.hold.expires) {
			return r.hold.expire(ctx)
		}
		ready, left, err := r.awaitDue(ctx)
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // work says why it ended
		case err != nil || !left:
			return err
		case !ready:
			continue
		}
		conn, err := r.dial(ctx)
		if err != nil {
			return err
		}
		if conn == nil {
			continue
		}
		if err := r.deliverOver(ctx, conn); err != nil {
			return err
		}
	}
	return nil
}

// deliverOver delivers over conn for as long as it lasts and anything is due.
// When it returns, every delivery it began has its outcome in the ledger.
func (r *run) deliverOver(ctx context.Context, conn *mailer.Conn) error {
	defer r.hangUp(conn) // no server likes a guest who only waits
	var last *settled
	var stop error
	for stop == nil && conn.Usable() && r.Ledger.Now().Before(r.hold.expires) {
		if r.pace.take(ctx) != nil || ctx.Err() != nil {
			break
		}
		d, ok, err := r.clerk.ask(last, true)
		if err != nil || !ok {
			return err
		}
		r.begun(d)
		// From here on the conversation is finished whatever happens to ctx:
		// one that is cut after the final dot leaves the reader's copy in
		// doubt.
		var o outcome
		o, stop = r.attempt(context.WithoutCancel(ctx), conn, d)
		r.ended(o.state)
		last = &settled{d, o}
	}
	_, _, err := r.clerk.ask(last, false)
	return errors.Join(stop, err)
}

// awaitDue waits until some delivery is due, for a minute at most. left is
// false if none waits any more.
func (r *run) awaitDue(ctx context.Context) (ready, left bool, err error) {
	next, left, err := r.hold.due(ctx)
	if err != nil || !left {
		return false, left, err
	}
	delay := next.Sub(r.Ledger.Now())
	if delay <= 0 {
		return true, true, nil
	}
	return false, true, r.wait(ctx, min(delay, time.Minute))
}

func (r *run) hangUp(conn *mailer.Conn) {
	if conn == nil {
		return
	}
	if err := conn.Close(); err != nil {
		r.Log.Debug("hang up", "error", err)
	}
}

// begun and ended keep the tally that is shown while the dispatch goes on; the
// one that counts is the ledger's.
func (r *run) begun(d Delivery) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.take(d)
	r.tally.Sending++
}

func (r *run) ended(s State) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tally.Sending = max(0, r.tally.Sending-1)
	*r.tally.count(s)++
}

// suppressed counts a delivery that ended without an attempt.
func (r *run) suppressed(d Delivery) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.take(d)
	r.tally.Suppressed++
}

// take counts d out of those that wait. Callers hold r.mu.
func (r *run) take(d Delivery) {
	from := &r.tally.Pending
	if d.Attempts > 1 && r.tally.Deferred > 0 {
		from = &r.tally.Deferred
	}
	*from = max(0, *from-1)
}

func (r *run) wait(ctx context.Context, d time.Duration) error {
	if r.Wait != nil {
		return r.Wait(ctx, d)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
