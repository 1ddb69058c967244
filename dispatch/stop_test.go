package dispatch

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zotpaper/zotpaper/internal/database"
	"github.com/zotpaper/zotpaper/internal/database/databasetest"
	"github.com/zotpaper/zotpaper/internal/smtptest"
)

func TestWrongPasswordStopsAtOnce(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		tr := newTrial(t, db, 5, nil)
		server, err := smtptest.Start(smtptest.Options{Username: "paper", Password: "right"})
		if err != nil {
			t.Fatal(err)
		}
		defer server.Close()
		tr.Relay.Port, tr.Relay.Username, tr.Relay.Password = server.Port(), "paper", "wrong"
		tally, err := tr.run(t.Context())
		var stop *StopError
		if !errors.As(err, &stop) || tally.Pending != 5 {
			t.Fatalf("Run: %+v, error %v; want a StopError and everybody pending", tally, err)
		}
		if n := server.Connections(); n > tr.Connections {
			t.Errorf("%d logins were tried, want at most one for each connection: more lock the account", n)
		}
		// Put right, it goes on.
		tr.Relay.Port, tr.Relay.Username = tr.server.Port(), ""
		if tally, err = tr.run(t.Context()); err != nil || tally.Sent != 5 {
			t.Errorf("Run after it was put right: %+v, error %v", tally, err)
		}
	})
}

func TestPolicyAgainstUsStopsAfterThreeInARow(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		var refusing atomic.Bool
		refusing.Store(true)
		tr := newTrial(t, db, 20, func(e smtptest.Event) smtptest.Answer {
			if e.Phase == smtptest.Message && refusing.Load() {
				return refuse(550, [3]int{5, 7, 26}, "unauthenticated mail")
			}
			return smtptest.Answer{}
		})
		tr.Connections = 1
		tally, err := tr.run(t.Context())
		var stop *StopError
		if !errors.As(err, &stop) || tally.Rejected != 0 || tally.Sent != 0 || tally.Pending+tally.Deferred != 20 {
			t.Fatalf("Run: %+v, error %v; want a StopError and nobody rejected", tally, err)
		}
		troubles, err := tr.Ledger.Troubles(t.Context(), tr.edition, 100)
		if err != nil || len(troubles) > refusals {
			t.Errorf("%d recipients were tried, want at most %d (%v)", len(troubles), refusals, err)
		}
		refusing.Store(false)
		if tally, err = tr.run(t.Context()); err != nil || tally.Sent != 20 {
			t.Errorf("Run after it was put right: %+v, error %v", tally, err)
		}
	})
}

func TestEditionTooLargeForTheServerRejectsNobody(t *testing.T) {
	tr := newTrial(t, databasetest.SQLite(t), 10, nil)
	small, err := smtptest.Start(smtptest.Options{MaxSize: 300})
	if err != nil {
		t.Fatal(err)
	}
	defer small.Close()
	tr.Relay.Port = small.Port()
	tally, err := tr.run(t.Context())
	var stop *StopError
	if !errors.As(err, &stop) || tally.Rejected != 0 || tally.Pending+tally.Deferred != 10 {
		t.Errorf("Run: %+v, error %v; want a StopError and nobody rejected", tally, err)
	}
}

func TestOneServerThatWantsNothingOfUsCostsNobodyElse(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		tr := newTrial(t, db, 12, func(e smtptest.Event) smtptest.Answer {
			if e.Phase == smtptest.Rcpt && e.Recipient == "reader5@example.org" {
				return refuse(554, [3]int{5, 7, 1}, "blocked by the recipient")
			}
			return smtptest.Answer{}
		})
		tr.Connections = 1
		tally, err := tr.run(t.Context())
		// By itself at the end the recipient is refused three times in a row;
		// that may stop a run, but the others have their paper by then.
		var stop *StopError
		if err != nil && !errors.As(err, &stop) {
			t.Fatalf("Run: error %v", err)
		}
		if tally.Sent != 11 || tally.Rejected != 0 {
			t.Errorf("Run: %+v; want the other 11 sent and nobody rejected", tally)
		}
	})
}

func TestDeadServerStopsAfterPatience(t *testing.T) {
	tr := newTrial(t, databasetest.SQLite(t), 3, nil)
	tr.server.Close()
	began := tr.clock.Now()
	tally, err := tr.run(t.Context())
	var stop *StopError
	if !errors.As(err, &stop) || tally.Pending != 3 {
		t.Errorf("Run: %+v, error %v; want a StopError and everybody pending", tally, err)
	}
	if waited := tr.clock.Now().Sub(began); waited < patience || waited > 2*patience {
		t.Errorf("it gave up after %v, want %v: a server that is started again is back by then", waited, patience)
	}
}

func TestCanceledRunFinishesWhatItBegan(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		tr := newTrial(t, db, 40, func(e smtptest.Event) smtptest.Answer {
			if e.Phase == smtptest.Message && e.Recipient == "reader7@example.org" {
				cancel() // SIGTERM while the server thinks
			}
			return smtptest.Answer{}
		})
		tally, err := tr.run(ctx)
		if !errors.Is(err, context.Canceled) || tally.Sent == 0 || tally.Sent == 40 || tally.Sent != len(tr.received()) {
			t.Fatalf("Run: %+v, error %v, %d messages; want what was begun to be finished and recorded", tally, err, len(tr.received()))
		}
		if tally, err = tr.run(t.Context()); err != nil || tally.Sent != 40 || tally.InDoubt != 0 || len(tr.received()) != 40 {
			t.Errorf("the next Run: %+v, error %v, %d messages; want the lease free at once and nothing in doubt", tally, err, len(tr.received()))
		}
	})
}

func TestLeaseOfADeadProcessRunsOut(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		tr := newTrial(t, db, 3, nil)
		dead, err := tr.Ledger.acquire(t.Context(), key, tr.edition, "dead:1")
		if err != nil {
			t.Fatal(err)
		}
		c, err := newClerk(t.Context(), dead, 1)
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := c.close(); err != nil {
				t.Error(err)
			}
		}()
		taken, _, err := c.write(t.Context(), []request{{more: true}})
		if err != nil || len(taken) != 1 {
			t.Fatalf("write: %v, error %v", taken, err)
		}
		var busy *BusyError
		if _, err := tr.Run(t.Context(), key, tr.edition, compose, nil); !errors.As(err, &busy) || busy.Owner != "dead:1" {
			t.Fatalf("Run while the lease holds: error %v, want a BusyError that names dead:1", err)
		}
		if err := tr.clock.Wait(t.Context(), leaseLength+time.Second); err != nil {
			t.Fatal(err)
		}
		tally, err := tr.run(t.Context())
		if err != nil || tally.Sent != 3 || tally.InDoubt != 1 {
			t.Errorf("Run after it ran out: %+v, error %v; want all sent, the one under way in doubt", tally, err)
		}
		// The dead process was only asleep. What it writes now changes nothing.
		late := settled{taken[0], outcome{state: Rejected}}
		if _, _, err := c.write(t.Context(), []request{{last: &late}}); !errors.Is(err, errFenced) {
			t.Errorf("the outcome of an earlier owner: error %v, want errFenced", err)
		}
		if err := dead.renew(t.Context()); !errors.Is(err, errFenced) {
			t.Errorf("renewal by an earlier owner: error %v, want errFenced", err)
		}
		if after, err := tr.Ledger.Tally(t.Context(), tr.edition); err != nil || after != tally {
			t.Errorf("the ledger changed from %+v to %+v (%v)", tally, after, err)
		}
	})
}

func TestPacer(t *testing.T) {
	c := &clock{now: time.Date(2026, 2, 8, 16, 0, 0, 0, time.UTC)}
	p := pacer{rate: 10, now: c.Now, wait: c.Wait}
	began := c.Now()
	for range 31 {
		if err := p.take(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if took := c.Now().Sub(began); took < 2900*time.Millisecond || took > 3100*time.Millisecond {
		t.Errorf("31 messages at 10 a second took %v, want 3s", took)
	}
	// A pause is not made up for by a burst.
	if err := c.Wait(t.Context(), time.Minute); err != nil {
		t.Fatal(err)
	}
	began = c.Now()
	for range 11 {
		if err := p.take(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if took := c.Now().Sub(began); took < 900*time.Millisecond {
		t.Errorf("after a pause 11 messages took %v, want 1s", took)
	}
}

func TestMessageIDIsTheSameAtEveryAttempt(t *testing.T) {
	a, b := messageID(key, "aaaaaaaaaaaaaaaa"), messageID(key, "aaaaaaaaaaaaaaab")
	if a != messageID(key, "aaaaaaaaaaaaaaaa") || a == b || len(a) != len("20260208.")+16 {
		t.Errorf("messageID: %q and %q", a, b)
	}
}
