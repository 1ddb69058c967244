package dispatch

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/riverqueue/river"

	"github.com/zotpaper/zotpaper/dispatch/journal"
	"github.com/zotpaper/zotpaper/edition"
	"github.com/zotpaper/zotpaper/internal/database"
)

// A run is one call of Run: this process's part in a dispatch.
type run struct {
	*Dispatcher
	key       edition.Key
	editionID int64
	list      string
	names     naming
	journals  string // folder of this ledger's journals
	started   time.Time
	expires   time.Time
	compose   func(ctx context.Context, issue int, started time.Time) (Letter, error)
	tell      func(Progress)

	ctx       context.Context         //nolint:containedctx // its end is the run's, whoever of many goroutines brings it about
	unhurried context.Context         //nolint:containedctx // does not end: what has begun is finished
	stop      context.CancelCauseFunc // with the reason
	queue     *queue
	clerk     *clerk
	relays    *relaySet
	pace      *pacer
	offset    atomic.Int64 // nanoseconds by which the database's clock is ahead

	mu       sync.Mutex
	shares   map[*share]bool      // held
	letters  map[int]Letter       // by the number of the issue
	failures int                  // conversations in a row that broke or could not begin
	failing  time.Time            // when the first of them did
	unmade   []int64              // positions in a row whose messages could not be composed
	noted    map[string]time.Time // when it was last said in the log
}

// errFinished says that every recipient has an end.
var errFinished = errors.New("every recipient has an end")

// work has the connections work until every recipient has an end, or something
// ends the run, and returns why it ended, nil if all is done.
func (r *run) work() error {
	defer r.stop(nil)
	if err := r.syncClock(r.ctx); err != nil {
		return err
	}
	if err := r.tidy(r.ctx); err != nil {
		return err
	}
	client, err := r.jobClient(r.batchesAtOnce())
	if err != nil {
		return err
	}
	// Jobs end when the run does, each after its last conversation; River must
	// not cut them short.
	if err := client.Start(r.unhurried); err != nil {
		return fmt.Errorf("job queue: %w", err)
	}
	var clerks, keepers, workers sync.WaitGroup
	// The ledger is written past the end too: outcomes must not be lost.
	clerks.Go(func() { r.clerk.work(r.unhurried) })
	done := make(chan struct{})
	keepers.Go(func() { r.keep(client, done) })
	keepers.Go(func() { r.keepJournals(done) })
	for range max(r.Connections, 1) {
		workers.Go(r.connection)
	}
	<-r.ctx.Done()
	err = client.Stop(r.unhurried) // waits for the batches to be given back
	workers.Wait()
	close(r.clerk.requests)
	clerks.Wait()
	close(done)
	keepers.Wait()
	cause := context.Cause(r.ctx)
	if errors.Is(cause, errFinished) {
		cause = r.clear(r.unhurried, client)
	}
	return errors.Join(cause, err)
}

// connection is one of the connections at work, with its successors.
func (r *run) connection() {
	for r.ctx.Err() == nil {
		err := r.deliverAll(r.ctx)
		if err != nil && !errors.Is(err, errStopped) {
			r.stop(err)
			return
		}
		if err != nil {
			r.checkControl(r.ctx)
			_ = r.wait(r.ctx, 20*time.Millisecond) // the loop looks at ctx
		}
	}
}

// batchesAtOnce returns how many batches to hold: enough that no connection
// waits while another batch is fetched, few enough that other processes find
// some too.
func (r *run) batchesAtOnce() int {
	const ahead, least, most = 4, 3, 16
	size := r.Ledger.batchSize(0)
	return min(max(ahead*r.Connections/size, least), most)
}

// keep looks after the run until done is closed: it renews the leases, obeys
// an editor's word from elsewhere, finds what dead processes left, says how
// far it is, and ends it when all is done.
func (r *run) keep(client *river.Client[*sql.Tx], done <-chan struct{}) {
	const (
		lookEvery  = 250 * time.Millisecond
		sweepEvery = time.Second
		planEvery  = 15 * time.Second
		tellEvery  = time.Second
	)
	renewEvery := r.lease() / leaseRenewals
	var looked, renewed, swept, planned, told time.Time
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		now := time.Now()
		ctx := r.unhurried
		if r.ctx.Err() == nil && now.Sub(looked) >= lookEvery {
			looked = now
			r.checkControl(ctx)
			r.checkFinished(ctx)
		}
		// Past the end too: conversations that have begun are still ours.
		if now.Sub(renewed) >= renewEvery {
			renewed = now
			r.note(r.renew(ctx), "cannot renew the lease of batches")
			r.note(r.syncClock(ctx), "cannot read the database's clock")
		}
		if r.ctx.Err() == nil && now.Sub(swept) >= sweepEvery {
			swept = now
			r.note(r.sweep(ctx, client), "cannot look for batches of dead processes")
		}
		if r.ctx.Err() == nil && now.Sub(planned) >= planEvery {
			planned = now
			r.note(r.replan(ctx), "cannot look for batches without a job")
		}
		if r.tell != nil && now.Sub(told) >= tellEvery {
			told = now
			r.report(ctx)
		}
		select {
		case <-done:
			return
		case <-ticker.C:
		}
	}
}

// note logs what goes wrong beside the deliveries, each once a minute. It ends
// the run if the database cannot be trusted, or written, any more: that is
// nothing to wait for.
func (r *run) note(err error, what string) {
	if err == nil {
		return
	}
	if database.IsDamaged(err) || database.IsReadOnly(err) {
		r.stop(fmt.Errorf("%s: %w", what, err))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := r.Ledger.Now(); now.Sub(r.noted[what]) >= time.Minute {
		r.noted[what] = now
		r.Log.Error(what, "edition", r.key.String(), "error", err)
	}
}

// checkControl ends the run if the dispatch was halted.
func (r *run) checkControl(ctx context.Context) {
	control, err := r.Ledger.Control(ctx, r.editionID)
	switch {
	case err != nil && ctx.Err() == nil:
		r.note(err, "cannot look at the state of the dispatch")
	case err == nil && control.State != Running:
		r.stop(&HaltError{r.key, control})
	}
}

const countUnfinished = `
	SELECT COUNT(*) FROM batches WHERE edition_id = $1 AND done = 0`

// checkFinished ends the run when nothing is left to do.
func (r *run) checkFinished(ctx context.Context) {
	var n int
	err := r.Ledger.DB.QueryRowContext(ctx, countUnfinished, r.editionID).Scan(&n)
	switch {
	case err != nil:
		r.note(err, "cannot count unfinished batches")
	case n == 0:
		r.stop(errFinished)
	}
}

const renewLease = `
	UPDATE batches
	SET    lease_until = $1, sent = $2, rejected = $3, deferred = $4, ended = $5
	WHERE  edition_id = $6 AND number = $7 AND fence = $8 AND owner = $9`

// renew renews the lease of every batch held, and notes how far it has come.
func (r *run) renew(ctx context.Context) error {
	held := r.held()
	if len(held) == 0 {
		return nil
	}
	until := database.Time{Time: r.clock().Add(r.lease())}
	return r.Ledger.DB.Transact(ctx, func(ctx context.Context, tx *sql.Tx) error {
		for _, s := range held {
			p := s.standing()
			result, err := tx.ExecContext(ctx, renewLease, until, p.Sent, p.Rejected, p.Deferred, p.Ended, r.editionID, s.number, s.fence, r.Owner)
			if err != nil {
				return err
			}
			if n, err := result.RowsAffected(); err == nil && n == 0 && r.holds(s) {
				r.loseShare(s)
			}
		}
		return nil
	})
}

// report tells how far the dispatch has come, as the processes at work on it have
// last noted.
func (r *run) report(ctx context.Context) {
	p, err := r.Ledger.Progress(ctx, r.editionID)
	if err != nil {
		r.note(err, "cannot say how far the dispatch is")
		return
	}
	r.tell(p)
}

// keepJournals makes the journals durable every so often: that bounds what a
// loss of power leaves in doubt.
func (r *run) keepJournals(done <-chan struct{}) {
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	for {
		for _, s := range r.held() {
			// One that was given back meanwhile is closed, which is no trouble.
			if err := s.journal.Sync(); journal.IsBroken(err) {
				r.stop(err)
			}
		}
		select {
		case <-done:
			return
		case <-ticker.C:
		}
	}
}

func (r *run) hold(s *share) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.shares[s] = true
}

func (r *run) letGo(s *share) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.shares, s)
}

// held returns the shares that this process holds.
func (r *run) held() []*share {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]*share, 0, len(r.shares))
	for s := range r.shares {
		list = append(list, s)
	}
	return list
}

// holds reports whether s was not given back meanwhile.
func (r *run) holds(s *share) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.shares[s]
}

// loseShare gives up a share whose batch another process has taken.
func (r *run) loseShare(s *share) {
	if s.lose() {
		r.Log.Warn("another process has taken a batch over", "edition", r.key.String(), "batch", s.number)
		r.queue.withdraw(s)
	}
}

// letter returns the letter of an issue, composed when it is first wanted.
func (r *run) letter(issue int) (Letter, error) {
	r.mu.Lock()
	l := r.letters[issue]
	r.mu.Unlock()
	if l != nil {
		return l, nil
	}
	return r.composeLetter(r.unhurried, issue)
}

func (r *run) composeLetter(ctx context.Context, issue int) (Letter, error) {
	l, err := r.compose(ctx, issue, r.started)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.letters[issue] = l
	return l, nil
}

func (r *run) lease() time.Duration {
	if r.Lease > 0 {
		return r.Lease
	}
	return leaseLength
}

// clock returns the time by which leases and turns are kept: the database's,
// where several machines share one.
func (r *run) clock() time.Time { return r.Ledger.Now().Add(r.skew()) }

func (r *run) skew() time.Duration { return time.Duration(r.offset.Load()) }

// syncClock compares the clocks.
func (r *run) syncClock(ctx context.Context) error {
	skew, err := r.Ledger.DB.Skew(ctx, r.Ledger.Now)
	if err != nil {
		return err
	}
	r.offset.Store(int64(skew))
	return nil
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
