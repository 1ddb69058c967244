package press

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zotpaper/zotpaper/dispatch"
	"github.com/zotpaper/zotpaper/edition"
	"github.com/zotpaper/zotpaper/internal/database"
	"github.com/zotpaper/zotpaper/internal/database/databasetest"
	"github.com/zotpaper/zotpaper/internal/smtptest"
	"github.com/zotpaper/zotpaper/mailer"
	"github.com/zotpaper/zotpaper/subscribers"
)

func newWorker(p *Press) *worker {
	return &worker{press: p, who: "worker", busy: map[edition.Key]bool{}, again: map[edition.Key]time.Time{}}
}

// lookAll looks once for editions and dispatches them for as long as it goes.
func (w *worker) lookAll(t *testing.T) {
	t.Helper()
	if err := w.look(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.running.Wait()
}

// employ has another process work until the function that it returns is called,
// which waits for its end.
func (p *paper) employ() (dismiss func()) {
	p.t.Helper()
	other := *p.Press
	d := *p.Dispatcher
	d.Owner = "test:work"
	other.Dispatcher = &d
	ctx, stop := context.WithCancel(p.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		other.Work(ctx, "worker")
	}()
	return func() {
		stop()
		<-done
	}
}

// awaitState waits until the edition called key is in state.
func (p *paper) awaitState(key edition.Key, state edition.State) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), time.Minute)
	defer cancel()
	for {
		r, err := p.Record(ctx, key)
		if err != nil {
			p.t.Fatalf("edition %s, waited for until it is %s: %v", key, state, err)
		}
		if r.State == state {
			return
		}
	}
}

func TestWorkTakesUpWhatAnotherFroze(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		p := newPaper(t, db, readers(5)...)
		p.desk.file(p.now.Add(-time.Hour), "one", "two")
		dismiss := p.employ()
		defer dismiss()
		if _, err := p.Frozen(t.Context(), p.Slots[0], sunday, "test"); err != nil {
			t.Fatal(err)
		}
		p.awaitState(sundayKey, edition.Complete)
		if want := "draft by test, frozen by test, dispatching by worker, complete by worker"; p.life() != want {
			t.Errorf("its life: %s\nwant %s", p.life(), want)
		}
		if len(p.server.Messages()) != 5 || len(p.copies()) != 5 {
			t.Errorf("%d messages to %d readers, want one for each of 5", len(p.server.Messages()), len(p.copies()))
		}
	})
}

// TestWorkSharesWithSend has a second process help the one that began.
func TestWorkSharesWithSend(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := newSending(t, db)
		dismiss := s.employ()
		close(s.gate.opened)
		if err := <-s.done; err != nil {
			t.Errorf("Send: %v", err)
		}
		dismiss()
		if len(s.server.Messages()) != 30 || len(s.copies()) != 30 {
			t.Errorf("%d messages to %d readers, want one for each of 30", len(s.server.Messages()), len(s.copies()))
		}
		s.awaitState(sundayKey, edition.Complete)
	})
}

func TestWorkLeavesAPausedEditionAlone(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		p := newPaper(t, db, readers(3)...)
		p.desk.file(p.now.Add(-time.Hour), "one", "two")
		if _, err := p.Frozen(t.Context(), p.Slots[0], sunday, "test"); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Pause(t.Context(), sundayKey, "ed", ""); err != nil {
			t.Fatal(err)
		}
		p.pass(time.Hour)
		w := newWorker(p.Press)
		w.lookAll(t)
		r, err := p.Record(t.Context(), sundayKey)
		if err != nil || r.State != edition.Frozen || p.server.Connections() != 0 {
			t.Errorf("the edition is %s (%v) and %d connections were opened; want it left alone", r.State, err, p.server.Connections())
		}
		if _, err := p.Resume(t.Context(), sundayKey, "ed"); err != nil {
			t.Fatal(err)
		}
		w.lookAll(t)
		if r, err = p.Record(t.Context(), sundayKey); err != nil || r.State != edition.Complete || len(p.server.Messages()) != 3 {
			t.Errorf("resumed, the edition is %s (%v), %d messages; want it complete", r.State, err, len(p.server.Messages()))
		}
	})
}

func TestWorkTriesAStoppedEditionAgainAfterAMinute(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		p := newPaper(t, db, readers(3)...)
		p.desk.file(p.now.Add(-time.Hour), "one", "two")
		r, err := p.Frozen(t.Context(), p.Slots[0], sunday, "test")
		if err != nil {
			t.Fatal(err)
		}
		if err := p.halt(t.Context(), r, dispatch.Stopped, "test:9", "535 wrong password"); err != nil {
			t.Fatal(err)
		}
		w := newWorker(p.Press)
		p.pass(retryAfter - time.Second)
		if w.lookAll(t); p.server.Connections() != 0 {
			t.Error("it was tried again too soon")
		}
		p.pass(time.Second)
		w.lookAll(t)
		if r, err = p.Record(t.Context(), sundayKey); err != nil || r.State != edition.Complete || len(p.copies()) != 3 {
			t.Errorf("after a minute the edition is %s (%v), %d readers have it; want all three", r.State, err, len(p.copies()))
		}
		want := "draft by test, frozen by test, frozen by test:9 (stopped: 535 wrong password), frozen by worker (resumed), dispatching by worker, complete by worker"
		if p.life() != want {
			t.Errorf("its life: %s\nwant %s", p.life(), want)
		}
	})
}

// TestWorkWaitsAfterAFailure wants a worker whose own attempt failed to leave
// the edition alone for a minute, and to go on by itself.
func TestWorkWaitsAfterAFailure(t *testing.T) {
	p := newPaper(t, databasetest.SQLite(t), readers(3)...)
	p.desk.file(p.now.Add(-time.Hour), "one", "two")
	if _, err := p.Frozen(t.Context(), p.Slots[0], sunday, "test"); err != nil {
		t.Fatal(err)
	}
	right := p.Dispatcher.Relays[0]
	p.Dispatcher.Relays[0].TLS = mailer.TLSMandatory // which the server does not offer
	w := newWorker(p.Press)
	w.lookAll(t)
	if got := p.control(); !strings.HasPrefix(got, "stopped by test:1: mail server") || !strings.Contains(got, "STARTTLS") {
		t.Errorf("control: %q, want it stopped over TLS", got)
	}
	p.Dispatcher.Relays[0] = right
	tried := p.server.Connections()
	p.pass(retryAfter - time.Second)
	if w.lookAll(t); p.server.Connections() != tried {
		t.Error("it was tried again too soon")
	}
	p.pass(time.Second)
	w.lookAll(t)
	if r, err := p.Record(t.Context(), sundayKey); err != nil || r.State != edition.Complete || len(p.copies()) != 3 {
		t.Errorf("after a minute the edition is %s (%v), %d readers have it; want all three", r.State, err, len(p.copies()))
	}
}

// TestSendResumesWhatHadStopped has an operator who has put the mail server
// right and does not wait for a minute.
func TestSendResumesWhatHadStopped(t *testing.T) {
	p := newPaper(t, databasetest.SQLite(t), readers(2)...)
	p.desk.file(p.now.Add(-time.Hour), "one", "two")
	r, err := p.Frozen(t.Context(), p.Slots[0], sunday, "test")
	if err != nil {
		t.Fatal(err)
	}
	if err := p.halt(t.Context(), r, dispatch.Stopped, "test:9", "535 wrong password"); err != nil {
		t.Fatal(err)
	}
	if done, err := p.send(sunday); err != nil || done.Tally.Sent != 2 {
		t.Errorf("Send: %+v, error %v; want it resumed", done, err)
	}
}

// TestTwoEditionsSideBySide wants one that waits for its server not to hold the
// other up.
func TestTwoEditionsSideBySide(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		opened := make(chan struct{})
		p := newScriptedPaper(t, db, func(e smtptest.Event) smtptest.Answer {
			if e.Phase == smtptest.Message && slices.Contains(readers(5), e.Recipient) {
				return smtptest.Answer{Wait: opened}
			}
			return smtptest.Answer{}
		}, readers(5)...)
		if err := p.people.EnsureLists(t.Context(), []subscribers.List{{ID: "morning", Title: "Morning Edition"}}); err != nil {
			t.Fatal(err)
		}
		for _, address := range []string{"ada@example.org", "bo@example.org", "cy@example.org"} {
			if _, err := p.people.Add(t.Context(), "morning", address, "", "test"); err != nil {
				t.Fatal(err)
			}
		}
		morning := p.Slots[0]
		morning.ID, morning.Title, morning.List = "morning", "Morning Edition", "morning"
		p.Slots = append(p.Slots, morning)
		p.desk.file(p.now.Add(-time.Hour), "one", "two")
		for _, s := range p.Slots {
			if _, err := p.Frozen(t.Context(), s, sunday, "test"); err != nil {
				t.Fatal(err)
			}
		}
		dismiss := p.employ()
		defer dismiss()
		p.awaitState(edition.Key{Date: sunday, Slot: "morning"}, edition.Complete)
		if r, err := p.Record(t.Context(), sundayKey); err != nil || r.State != edition.Dispatching {
			t.Errorf("the other edition is %s (%v), want it under way", r.State, err)
		}
		close(opened)
		p.awaitState(sundayKey, edition.Complete)
		want := map[string]int{"ada@example.org": 1, "bo@example.org": 1, "cy@example.org": 1}
		for _, r := range readers(5) {
			want[r] = 1
		}
		if got := p.copies(); !maps.Equal(got, want) {
			t.Errorf("copies: %v, want one for each reader of either list", got)
		}
	})
}
