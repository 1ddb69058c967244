package press

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zotpaper/zotpaper/dispatch"
	"github.com/zotpaper/zotpaper/edition"
	"github.com/zotpaper/zotpaper/internal/database"
	"github.com/zotpaper/zotpaper/internal/database/databasetest"
	"github.com/zotpaper/zotpaper/internal/smtptest"
)

func TestPauseAndResume(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := newSending(t, db)
		if _, err := s.Resume(t.Context(), sundayKey, "ed"); !errors.Is(err, ErrAsItIs) {
			t.Errorf("Resume while it runs: error %v, want ErrAsItIs", err)
		}
		if _, err := s.Pause(t.Context(), sundayKey, "ed", "a wrong name"); err != nil {
			t.Fatal(err)
		}
		if got, want := s.control(), "paused by ed: a wrong name"; got != want {
			t.Errorf("control: %q, want %q", got, want)
		}
		if _, err := s.Pause(t.Context(), sundayKey, "al", ""); !errors.Is(err, ErrAsItIs) || !strings.Contains(err.Error(), "by ed: a wrong name") {
			t.Errorf("Pause again: error %v, want ErrAsItIs and who was first", err)
		}
		s.halted(dispatch.Paused)
		before := len(s.server.Messages())
		if before < 4 || before > 5 {
			t.Errorf("%d messages, want the three that were answered and what was under way", before)
		}
		var halt *dispatch.HaltError
		if _, err := s.send(sunday); !errors.As(err, &halt) || len(s.server.Messages()) != before {
			t.Errorf("Send while it is paused: error %v and %d messages, want a HaltError and %d", err, len(s.server.Messages()), before)
		}
		if _, err := s.Resume(t.Context(), sundayKey, "al"); err != nil {
			t.Fatal(err)
		}
		if got, want := s.control(), "running by al"; got != want {
			t.Errorf("control: %q, want %q", got, want)
		}
		done, err := s.send(sunday)
		if err != nil || done.Record.State != edition.Complete || done.Tally.Sent != 30 || len(s.server.Messages()) != 30 || len(s.copies()) != 30 {
			t.Errorf("Send after it: %+v, error %v, %d messages", done, err, len(s.server.Messages()))
		}
		want := "draft by test, frozen by test, dispatching by test, dispatching by ed (paused: a wrong name), dispatching by al (resumed), complete by test"
		if got := s.life(); got != want {
			t.Errorf("its life: %s\nwant %s", got, want)
		}
	})
}

func TestCancelLeavesTheRestWithoutMail(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := newSending(t, db)
		canceled := make(chan error, 1)
		var done Dispatched
		go func() {
			var err error
			done, err = s.Cancel(t.Context(), sundayKey, "ed", "the wrong list")
			canceled <- err
		}()
		for s.control() != "canceled by ed: the wrong list" {
			if t.Context().Err() != nil {
				t.Fatal("it is not canceled")
			}
		}
		s.halted(dispatch.Ceased)
		if err := <-canceled; err != nil {
			t.Fatal(err)
		}
		n := len(s.server.Messages())
		if done.Record.State != edition.Canceled || done.Tally.Sent != n || done.Tally.Canceled != 30-n || !done.Tally.Complete() {
			t.Errorf("Cancel: %+v after %d messages; want everybody else canceled", done, n)
		}
		if want := "draft by test, frozen by test, dispatching by test, dispatching by ed (canceled: the wrong list), canceled by ed (the wrong list)"; s.life() != want {
			t.Errorf("its life: %s\nwant %s", s.life(), want)
		}
		for name, word := range map[string]func() error{
			"Cancel":  func() error { _, err := s.Cancel(t.Context(), sundayKey, "ed", ""); return err },
			"Pause":   func() error { _, err := s.Pause(t.Context(), sundayKey, "ed", ""); return err },
			"Resume":  func() error { _, err := s.Resume(t.Context(), sundayKey, "ed"); return err },
			"Replace": func() error { _, err := s.Replace(t.Context(), sundayKey, "ed", ""); return err },
			"Release": func() error { _, err := s.Release(t.Context(), sundayKey, "ed"); return err },
			"Send":    func() error { _, err := s.send(sunday); return err },
		} {
			var state *StateError
			if err := word(); !errors.As(err, &state) {
				t.Errorf("%s of a canceled edition: error %v, want a StateError", name, err)
			}
		}
	})
}

// TestInterruptedCancelCanBeFinished has an operator who does not wait for the
// conversations under way.
func TestInterruptedCancelCanBeFinished(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := newSending(t, db)
		ctx, cancel := context.WithCancel(t.Context())
		canceled := make(chan error, 1)
		go func() {
			_, err := s.Cancel(ctx, sundayKey, "ed", "")
			canceled <- err
		}()
		for s.control() != "canceled by ed" {
			if t.Context().Err() != nil {
				t.Fatal("it is not canceled")
			}
		}
		cancel()
		if err := <-canceled; !errors.Is(err, context.Canceled) {
			t.Fatalf("Cancel: error %v, want that it was interrupted", err)
		}
		if _, err := s.Resume(t.Context(), sundayKey, "ed"); err == nil {
			t.Error("a dispatch that was canceled was resumed")
		}
		s.halted(dispatch.Ceased)
		done, err := s.Cancel(t.Context(), sundayKey, "ed", "")
		if err != nil || done.Record.State != edition.Canceled || !done.Tally.Complete() {
			t.Errorf("Cancel again: %+v, error %v", done, err)
		}
	})
}

func TestCancelBeforeTheFreeze(t *testing.T) {
	p := newPaper(t, databasetest.SQLite(t), "ada@example.org")
	if _, err := p.Cancel(t.Context(), sundayKey, "ed", ""); !errors.Is(err, ErrNotFound) {
		t.Errorf("Cancel of nothing: error %v, want ErrNotFound", err)
	}
	var heldBack *HeldError
	if _, err := p.send(sunday); !errors.As(err, &heldBack) {
		t.Fatal(err)
	}
	done, err := p.Cancel(t.Context(), sundayKey, "ed", "no paper today")
	if err != nil || done.Record.State != edition.Canceled || done.Record.Reason != "no paper today" {
		t.Errorf("Cancel: %+v, error %v", done, err)
	}
	if _, err := p.Control(t.Context(), done.Record); !errors.Is(err, dispatch.ErrNoDispatch) {
		t.Errorf("Control: error %v, want ErrNoDispatch", err)
	}
}

func TestReplaceReachesThoseWhoWereNotReached(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := newSending(t, db)
		if _, err := s.Pause(t.Context(), sundayKey, "ed", ""); err != nil {
			t.Fatal(err)
		}
		s.halted(dispatch.Paused)
		reached := len(s.server.Messages())
		frozen, err := s.Record(t.Context(), sundayKey)
		if err != nil {
			t.Fatal(err)
		}
		s.pass(time.Minute)

		// What cannot be put in its place leaves it paused.
		if _, err := s.Replace(t.Context(), sundayKey, "ed", ""); !errors.Is(err, errUnchanged) {
			t.Errorf("Replace by the same: error %v, want that it is the same", err)
		}
		s.desk.Articles = s.desk.Articles[:1]
		if _, err := s.Replace(t.Context(), sundayKey, "ed", "a name"); err == nil || !strings.Contains(err.Error(), "which stays paused: 1 article since") {
			t.Errorf("Replace with one article: error %v, want that it is too few", err)
		}
		if got, want := s.control(), "paused by ed: to replace the issue: a name"; got != want {
			t.Errorf("control: %q, want %q", got, want)
		}

		s.desk.file(s.now.Add(-2*time.Hour), "right")
		out, err := s.Replace(t.Context(), sundayKey, "ed", "the right name")
		if err != nil || out.Issue != 2 || out.Recipients != 30-reached || out.Record.State != edition.Frozen || !out.Record.Frozen.Equal(frozen.Frozen) {
			t.Fatalf("Replace: %+v, error %v; want issue 2 for %d, frozen when the first was", out, err, 30-reached)
		}
		if done, err := s.send(sunday); err != nil || done.Tally.Sent != 30 {
			t.Fatalf("Send: %+v, error %v", done, err)
		}
		if n := len(s.copies()); n != 30 || len(s.server.Messages()) != 30 {
			t.Errorf("%d messages to %d readers, want one for each of 30", len(s.server.Messages()), n)
		}
		for i, m := range s.server.Messages() {
			if raw := string(m.Raw); strings.Contains(raw, "Text of right.") != (i >= reached) || strings.Contains(raw, "Text of two.") != (i < reached) {
				t.Errorf("message %d of %d has the wrong issue", i+1, len(s.server.Messages()))
			}
		}
		issues, err := s.Issues(t.Context(), out.Record)
		if err != nil || len(issues) != 2 || issues[0].Number != 1 || issues[1].Number != 2 || issues[0].SHA256 == issues[1].SHA256 {
			t.Errorf("Issues: %+v, error %v; want both", issues, err)
		}
		_, first, err := s.IssueNumber(t.Context(), sundayKey, 1)
		if err != nil || !slices.ContainsFunc(first.Articles, func(a Placed) bool { return a.Slug == "two" }) {
			t.Errorf("issue 1 is no longer what it was: %+v, error %v", first.Articles, err)
		}
		if want := "replaced by ed (the right name), frozen by ed (issue 2), dispatching by test, complete by test"; !strings.HasSuffix(s.life(), want) {
			t.Errorf("its life: %s\nwant it to end %s", s.life(), want)
		}
	})
}

func TestReplaceForNobody(t *testing.T) {
	p := newPaper(t, databasetest.SQLite(t), "ada@example.org")
	p.desk.file(p.now.Add(-time.Hour), "one", "two")
	r, err := p.Frozen(t.Context(), p.Slots[0], sunday, "test")
	if err != nil {
		t.Fatal(err)
	}
	// It went out, and the process died before it could say so.
	if _, err := p.DB.ExecContext(t.Context(), "UPDATE deliveries SET state = 'sent' WHERE edition_id = $1", r.ID); err != nil {
		t.Fatal(err)
	}
	p.desk.file(p.now.Add(-time.Hour), "three")
	if _, err := p.Replace(t.Context(), sundayKey, "ed", ""); !errors.Is(err, errNobodyLeft) {
		t.Errorf("Replace: error %v, want that nobody is left", err)
	}
	if issues, err := p.Issues(t.Context(), r); err != nil || len(issues) != 1 {
		t.Errorf("%d issues (%v), want the first alone", len(issues), err)
	}
}

func TestReleaseSendsTheSameMessageAgain(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		p := newScriptedPaper(t, db, func(e smtptest.Event) smtptest.Answer {
			return smtptest.Answer{HangUp: e.Phase == smtptest.Message && e.Recipient == "reader2@example.org" && e.Count == 1}
		}, readers(4)...)
		p.Dispatcher.Connections, p.Dispatcher.OnInDoubt = 1, dispatch.Hold
		// A server that hung up is left alone for a moment of the clock's.
		p.Dispatcher.Wait = func(_ context.Context, d time.Duration) error { p.pass(d); return nil }
		p.desk.file(p.now.Add(-time.Hour), "one", "two")
		done, err := p.send(sunday)
		if err != nil || done.Record.State != edition.Complete || done.Tally.Held != 1 || done.Tally.Sent != 3 || done.Tally.InDoubt != 1 {
			t.Fatalf("Send: %+v, error %v; want one held", done, err)
		}
		troubles, err := p.Dispatcher.Ledger.Troubles(t.Context(), done.Record.ID, 10)
		if err != nil || len(troubles) != 1 || troubles[0].Address != "reader2@example.org" || troubles[0].State != dispatch.Held {
			t.Errorf("Troubles: %+v, error %v; want reader2 held", troubles, err)
		}
		out, err := p.Release(t.Context(), sundayKey, "ed")
		if err != nil || out.Again != 1 || out.Paused || out.Record.State != edition.Dispatching {
			t.Fatalf("Release: %+v, error %v", out, err)
		}
		if _, err := p.Release(t.Context(), sundayKey, "ed"); !errors.Is(err, ErrNothingHeld) {
			t.Errorf("Release again: error %v, want ErrNothingHeld", err)
		}
		if done, err = p.send(sunday); err != nil || done.Tally.Sent != 4 || done.Tally.InDoubt != 1 {
			t.Fatalf("Send after it: %+v, error %v", done, err)
		}
		var copies []string
		for _, m := range p.server.Messages() {
			if m.To == "reader2@example.org" {
				copies = append(copies, string(m.Raw))
			}
		}
		if len(copies) != 2 || copies[0] != copies[1] || len(p.server.Messages()) != 5 {
			t.Errorf("%d copies of %d messages, want two that are the same", len(copies), len(p.server.Messages()))
		}
		if want := "complete by test, dispatching by ed (released 1 held in doubt), complete by test"; !strings.HasSuffix(p.life(), want) {
			t.Errorf("its life: %s\nwant it to end %s", p.life(), want)
		}
	})
}

func TestReleaseLeavesAPausedEditionPaused(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		p := newPaper(t, db, readers(2)...)
		p.desk.file(p.now.Add(-time.Hour), "one", "two")
		r, err := p.Frozen(t.Context(), p.Slots[0], sunday, "test")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.DB.ExecContext(t.Context(), "UPDATE deliveries SET state = 'held' WHERE edition_id = $1 AND position = 1", r.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Pause(t.Context(), sundayKey, "ed", "lunch"); err != nil {
			t.Fatal(err)
		}
		out, err := p.Release(t.Context(), sundayKey, "al")
		if err != nil || out.Again != 1 || !out.Paused {
			t.Fatalf("Release: %+v, error %v", out, err)
		}
		if got, want := p.control(), "paused by ed: lunch"; got != want {
			t.Errorf("control: %q, want %q", got, want)
		}
		if _, err := p.Resume(t.Context(), sundayKey, "ed"); err != nil {
			t.Fatal(err)
		}
		if done, err := p.send(sunday); err != nil || done.Tally.Sent != 2 {
			t.Errorf("Send: %+v, error %v", done, err)
		}
	})
}
