package dispatch

import (
	"context"
	"database/sql"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zotpaper/zotpaper/internal/database"
	"github.com/zotpaper/zotpaper/internal/database/databasetest"
	"github.com/zotpaper/zotpaper/internal/smtptest"
)

func TestS7EverybodyRejectedStopsAndRejectsNobody(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		var refusing atomic.Bool
		refusing.Store(true)
		tr := newTrial(t, db, rejections+5, func(e smtptest.Event) smtptest.Answer {
			if e.Phase == smtptest.Rcpt && refusing.Load() {
				return refuse(550, [3]int{5, 1, 1}, "no such user")
			}
			return smtptest.Answer{}
		})
		tr.Connections = 1
		tally, err := tr.run(t.Context())
		var stop *StopError
		if !errors.As(err, &stop) || tally.Rejected != 0 || tally.Pending != rejections+5 {
			t.Fatalf("Run: %+v, error %v; want a StopError and nobody rejected", tally, err)
		}
		control, err := tr.Ledger.Control(t.Context(), tr.edition)
		if err != nil || control.State != Stopped {
			t.Fatalf("the dispatch is %s (%v), want it stopped for everybody", control.State, err)
		}
		if _, err := tr.run(t.Context()); err == nil {
			t.Error("a stopped dispatch went on")
		}
		refusing.Store(false)
		tr.resume()
		if tally, err = tr.run(t.Context()); err != nil || tally.Sent != rejections+5 {
			t.Errorf("Run after it was put right: %+v, error %v", tally, err)
		}
	})
}

// dies has a process of the trial take the first batch and five deliveries of
// it, begin two, have one answered, and be gone. It returns their positions in
// that order.
func (tr *trial) dies() (answered, begun, untouched int64) {
	tr.t.Helper()
	d := *tr.Dispatcher
	d.Owner = "dead:1"
	r, err := d.newRun(tr.t.Context(), tr.assignment())
	if err != nil {
		tr.t.Fatal(err)
	}
	defer r.stop(nil)
	s, err := r.claim(tr.t.Context(), 1)
	if err != nil {
		tr.t.Fatal(err)
	}
	var list []*Delivery
	for range 5 {
		next := r.queue.next()
		verdicts, err := r.clerk.record(context.Background(), []*request{{want: next}})
		if err != nil || verdicts[0] != taken {
			tr.t.Fatalf("take: %v, error %v", verdicts, err)
		}
		list = append(list, next)
	}
	r.clerk.disconnect()
	err = errors.Join(s.journal.Begin(list[0].Position), s.journal.Begin(list[1].Position),
		s.journal.End(list[0].Position, outcome{state: Sent}.columns(nil, list[0])), s.journal.Close())
	if err != nil {
		tr.t.Fatal(err)
	}
	return list[0].Position, list[1].Position, list[2].Position
}

// at returns the state and the issue of the delivery at position.
func (tr *trial) at(position int64) (state State, issue int) {
	tr.t.Helper()
	err := tr.Ledger.DB.QueryRowContext(tr.t.Context(), "SELECT state, issue FROM deliveries WHERE edition_id = $1 AND position = $2", tr.edition, position).
		Scan(&state, &issue)
	if err != nil {
		tr.t.Fatal(err)
	}
	return state, issue
}

func (tr *trial) halt(state ControlState) {
	tr.t.Helper()
	if err := tr.transact(func(ctx context.Context, tx *sql.Tx) error {
		return tr.Ledger.Halt(ctx, tx, tr.edition, state, "desk", "test")
	}); err != nil {
		tr.t.Fatal(err)
	}
}

func TestReplaceReachesWhomADeadProcessHadNotBegun(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		tr := newTrial(t, db, 30, nil)
		answered, begun, untouched := tr.dies()
		tr.halt(Paused)
		if err := tr.Drain(t.Context(), key, tr.edition, Resend); err != nil {
			t.Fatal(err)
		}
		if err := tr.transact(func(ctx context.Context, tx *sql.Tx) error {
			if _, _, err := tr.Ledger.Replace(ctx, tx, tr.edition); err != nil {
				return err
			}
			return tr.Ledger.Resume(ctx, tx, tr.edition, "desk")
		}); err != nil {
			t.Fatal(err)
		}
		for position, want := range map[int64]int{answered: 1, begun: 2, untouched: 2} {
			if state, issue := tr.at(position); issue != want {
				t.Errorf("position %d is %s with issue %d, want issue %d", position, state, issue, want)
			}
		}
		tally, err := tr.run(t.Context())
		if err != nil || tally.Sent != 30 || tally.InDoubt != 1 {
			t.Errorf("Run: %+v, error %v; want all sent, one was in doubt", tally, err)
		}
	})
}

func TestCancelHoldsOnlyWhoIsInDoubt(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		tr := newTrial(t, db, 30, nil)
		answered, begun, untouched := tr.dies()
		tr.halt(Ceased)
		if err := tr.Drain(t.Context(), key, tr.edition, Hold); err != nil {
			t.Fatal(err)
		}
		if err := tr.transact(func(ctx context.Context, tx *sql.Tx) error { return tr.Ledger.Cancel(ctx, tx, tr.edition) }); err != nil {
			t.Fatal(err)
		}
		for position, want := range map[int64]State{answered: Sent, begun: Held, untouched: Canceled} {
			if state, _ := tr.at(position); state != want {
				t.Errorf("position %d is %s, want %s", position, state, want)
			}
		}
		tally, err := tr.Ledger.Tally(t.Context(), tr.edition)
		if err != nil || !tally.Complete() || tally.Canceled != 28 || tally.InDoubt != 1 {
			t.Errorf("Tally: %+v, error %v; want an end for all", tally, err)
		}
	})
}

func TestDrainWaitsForTheLiving(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		tr := newTrial(t, db, 5, nil)
		d := *tr.Dispatcher
		d.Owner = "alive:1"
		r, err := d.newRun(t.Context(), tr.assignment())
		if err != nil {
			t.Fatal(err)
		}
		defer r.stop(nil)
		if err := r.syncClock(t.Context()); err != nil {
			t.Fatal(err)
		}
		s, err := r.claim(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		tr.halt(Paused)
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		if err := tr.Drain(ctx, key, tr.edition, Resend); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Drain while a process has a batch: error %v, want it to wait", err)
		}
		r.queue.withdraw(s)
		if result, err := r.release(t.Context(), s); err != nil || result.running {
			t.Fatalf("release: %+v, error %v", result, err)
		}
		if err := tr.Drain(t.Context(), key, tr.edition, Resend); err != nil {
			t.Errorf("Drain: %v", err)
		}
		var busy *busyError
		if s, err := r.claim(t.Context(), 1); !errors.As(err, &busy) || s != nil {
			t.Errorf("claim of a halted dispatch: %v, error %v, want its job to come back later", s, err)
		}
	})
}
