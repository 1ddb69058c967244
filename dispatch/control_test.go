package dispatch

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zotpaper/zotpaper/internal/database"
	"github.com/zotpaper/zotpaper/internal/database/databasetest"
	"github.com/zotpaper/zotpaper/internal/smtptest"
)

// A desk is where an editor works: another ledger on the same database.
type desk struct {
	tr *trial
	Ledger
	begun atomic.Int64 // messages, as the server sees them
}

// newDesk returns a trial for so many readers, and its desk. Its mail server is
// slow enough for an editor.
func newDesk(t *testing.T, db *database.DB, readers int) *desk {
	t.Helper()
	d := &desk{}
	d.tr = newTrial(t, db, readers, func(e smtptest.Event) smtptest.Answer {
		switch e.Phase {
		case smtptest.Mail:
			d.begun.Add(1)
		case smtptest.Message:
			thought := make(chan struct{})
			time.AfterFunc(5*time.Millisecond, func() { close(thought) })
			return smtptest.Answer{Wait: thought}
		}
		return smtptest.Answer{}
	})
	d.Ledger = Ledger{DB: d.tr.Ledger.DB, Now: d.tr.clock.Now}
	return d
}

// transact runs f in a transaction of the desk.
func (d *desk) transact(f func(context.Context, *sql.Tx) error) {
	d.tr.t.Helper()
	if err := d.DB.Transact(d.tr.t.Context(), f); err != nil {
		d.tr.t.Error(err)
	}
}

// halts brings the dispatch into state when so many messages have come, and
// waits until nobody works on it. It checks what may begin after that.
func (d *desk) halts(state ControlState, after int) {
	t := d.tr.t
	t.Helper()
	if err := d.tr.server.Wait(t.Context(), after); err != nil {
		t.Error(err)
	}
	d.transact(func(ctx context.Context, tx *sql.Tx) error {
		return d.Halt(ctx, tx, d.tr.edition, state, "editor", "a mistake on page one")
	})
	before := d.begun.Load()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	own := *d.tr.Dispatcher
	own.Owner, own.Wait = "test:desk", nil
	if err := own.Drain(ctx, key, d.tr.edition, Resend); err != nil {
		t.Error(err)
	}
	if n := d.begun.Load() - before; n > int64(2*d.tr.Connections) {
		t.Errorf("%d messages began after the dispatch was halted, want at most two for each connection", n)
	}
}

// runHalted runs the dispatch and expects that it is halted in its middle.
func (d *desk) runHalted(state ControlState, readers int) Tally {
	d.tr.t.Helper()
	tally, err := d.tr.run(d.tr.t.Context())
	var halt *HaltError
	if !errors.As(err, &halt) || halt.State != state || halt.Who != "editor" || tally.Sent == 0 || tally.Sent == readers {
		d.tr.t.Errorf("Run: %+v, error %v; want it to be %s in its middle", tally, err, state)
	}
	return tally
}

func TestPauseAndResume(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		const readers = 150
		d := newDesk(t, db, readers)
		done := make(chan struct{})
		go func() {
			defer close(done)
			d.halts(Paused, 40)
		}()
		tally := d.runHalted(Paused, readers)
		<-done
		if tally.Sent+tally.Pending != readers {
			t.Errorf("paused: %+v; want everybody sent or waiting", tally)
		}
		if _, err := d.tr.Run(t.Context(), d.tr.assignment()); !errors.As(err, new(*HaltError)) {
			t.Errorf("Run while it is paused: %v", err)
		}
		d.transact(func(ctx context.Context, tx *sql.Tx) error { return d.Resume(ctx, tx, d.tr.edition, "editor") })
		d.tr.everybodyOnce(readers)
	})
}

func TestCancelGivesTheRestAnEnd(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		const readers = 150
		d := newDesk(t, db, readers)
		done := make(chan struct{})
		go func() {
			defer close(done)
			d.halts(Ceased, 40)
			d.transact(func(ctx context.Context, tx *sql.Tx) error { return d.Cancel(ctx, tx, d.tr.edition) })
		}()
		d.runHalted(Ceased, readers)
		<-done
		tally, err := d.Tally(t.Context(), d.tr.edition)
		if err != nil || !tally.Complete() || tally.Sent+tally.Canceled != readers || tally.Sent != len(d.tr.received()) {
			t.Errorf("canceled: %+v, error %v, %d messages; want everybody sent or canceled", tally, err, len(d.tr.received()))
		}
		err = db.Transact(t.Context(), func(ctx context.Context, tx *sql.Tx) error { return d.Resume(ctx, tx, d.tr.edition, "editor") })
		if err == nil {
			t.Error("what was canceled is resumed")
		}
		d.tr.audit()
	})
}

func TestReplaceReachesWhoHasNotGotIt(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		const readers = 150
		d := newDesk(t, db, readers)
		done := make(chan struct{})
		var replaced int
		go func() {
			defer close(done)
			d.halts(Paused, 40)
			d.transact(func(ctx context.Context, tx *sql.Tx) (err error) {
				issue, n, err := d.Replace(ctx, tx, d.tr.edition)
				if replaced = n; err == nil && issue != 2 {
					t.Errorf("Replace: issue %d, want 2", issue)
				}
				return errors.Join(err, d.Resume(ctx, tx, d.tr.edition, "editor"))
			})
		}()
		first := d.runHalted(Paused, readers)
		<-done
		if replaced != readers-first.Sent {
			t.Errorf("Replace: for %d recipients, want the %d who have not got it", replaced, readers-first.Sent)
		}
		d.tr.everybodyOnce(readers)
		n := newNaming(key)
		issues := map[int]int{}
		for _, m := range d.tr.received() {
			row := d.tr.states()[m.To]
			issues[row.issue]++
			var ref string
			if err := db.QueryRowContext(t.Context(), "SELECT ref FROM deliveries WHERE address = $1", m.To).Scan(&ref); err != nil {
				t.Fatal(err)
			}
			subject := "issue 1"
			if row.issue == 2 {
				subject = "issue 2"
			}
			if raw := string(m.Raw); !strings.Contains(raw, subject) || !strings.Contains(raw, n.messageID(row.issue, ref)) {
				t.Errorf("%s, who has %s by the ledger, got\n%s", m.To, subject, raw)
			}
		}
		if issues[1] != first.Sent || issues[2] != replaced {
			t.Errorf("issues %v; want the first for %d and the second for %d", issues, first.Sent, replaced)
		}
	})
}

func TestReleaseHeldSendsOnceMore(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		tr := newTrial(t, db, 60, func(e smtptest.Event) smtptest.Answer {
			return smtptest.Answer{HangUp: e.Phase == smtptest.Message && e.Count == 1 && strings.HasSuffix(e.Recipient, "7@example.org")}
		})
		tr.OnInDoubt = Hold
		tally, err := tr.run(t.Context())
		if extra, doubts := tr.audit(); err != nil || !tally.Complete() || tally.Held != 6 || extra != 0 || doubts != 6 {
			t.Fatalf("Run: %+v, error %v, %d copies too many; want 6 held", tally, err, extra)
		}
		err = tr.transact(func(ctx context.Context, tx *sql.Tx) error {
			n, err := tr.Ledger.ReleaseHeld(ctx, tx, tr.edition, "editor")
			if n != 6 {
				t.Errorf("ReleaseHeld: %d, want 6", n)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		tally, err = tr.run(t.Context())
		// audit has compared the copies, Message-ID included.
		if extra, doubts := tr.audit(); err != nil || tally.Sent != 60 || extra != 6 || doubts != 6 {
			t.Errorf("Run after the release: %+v, error %v, %d copies too many, %d in doubt; want 60 sent and 6 copies", tally, err, extra, doubts)
		}
	})
}
