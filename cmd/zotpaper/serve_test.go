package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/zotpaper/zotpaper/edition"
	"github.com/zotpaper/zotpaper/internal/smtptest"
	"github.com/zotpaper/zotpaper/press"
	"github.com/zotpaper/zotpaper/subscribers"
)

// newServed returns a paper with one reader and three articles, at the time
// that start tells, and the inbox its mail goes to. Its clock goes on from
// there.
func newServed(t *testing.T, start string) (*newsroom, *smtptest.Server) {
	t.Helper()
	begin, err := time.Parse(time.RFC3339, start)
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	now := func() time.Time { return begin.Add(time.Since(begun)) }
	inbox, err := smtptest.Start(smtptest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { inbox.Close() })
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "articles"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, slug := range []string{"one", "two", "three"} {
		path := filepath.Join(dir, "articles", slug+".md")
		if err := os.WriteFile(path, []byte("---\nheadline: "+slug+"\npublished: 2026-02-08T12:00:00Z\n---\nText.\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, begin.Add(-time.Hour), begin.Add(-time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := subscribers.LoadKeyring(filepath.Join(dir, "zotpaper.secret"), true); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(file, demoConfig(time.Date(2026, 2, 8, 16, 0, 0, 0, time.UTC), inbox), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := loadConfig(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	n, err := openNewsroom(t.Context(), c, slog.New(slog.DiscardHandler), now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := n.people.Add(t.Context(), "afternoon", "ada@example.org", "", "test"); err != nil {
		t.Fatal(err)
	}
	return n, inbox
}

func TestServeSendsAtTheTimeAndAnswersReaders(t *testing.T) {
	n, inbox := newServed(t, "2026-02-08T15:59:59.7Z")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- (&app{}).shifts(ctx, n, l, nil) }()

	limit, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if err := inbox.Wait(limit, 1); err != nil {
		t.Error(err)
	}
	answer, err := http.Get("http://" + l.Addr().String() + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if body, err := io.ReadAll(answer.Body); err != nil || string(body) != "ok\n" {
		t.Errorf("/healthz: %q, error %v", body, err)
	}
	stop()
	if err := <-done; err != nil {
		t.Errorf("serve: %v", err)
	}
	if got := inbox.Messages()[0].To; got != "ada@example.org" || len(inbox.Messages()) != 1 {
		t.Errorf("%d mails, the first to %s; want one to ada", len(inbox.Messages()), got)
	}
}

func TestCatchUp(t *testing.T) {
	tests := []struct {
		name, start string
		late        bool // it is sent
	}{
		{"down for a minute", "2026-02-08T16:01:00Z", true},
		{"down for nearly two hours", "2026-02-08T17:59:00Z", true},
		{"down for too long", "2026-02-08T18:01:00Z", false},
		{"not due yet", "2026-02-08T15:00:00Z", false},
		{"past midnight", "2026-02-09T00:30:00Z", false},
	}
	key := edition.Key{Date: edition.Date{Year: 2026, Month: 2, Day: 8}, Slot: "afternoon"}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n, inbox := newServed(t, tt.start)
			for range 2 { // never twice
				if err := n.press.Due(t.Context(), n.press.Slots[0], "test"); err != nil {
					t.Fatal(err)
				}
			}
			r, err := n.press.Record(t.Context(), key)
			if r.State.IsFrozen() != tt.late || err != nil && !errors.Is(err, press.ErrNotFound) {
				t.Errorf("the edition is %q, error %v", r.State, err)
			}
			if !tt.late {
				return
			}
			if _, err := n.press.Dispatch(t.Context(), r, "test", nil); err != nil || len(inbox.Messages()) != 1 {
				t.Errorf("Dispatch: error %v, %d mails, want one", err, len(inbox.Messages()))
			}
		})
	}
}

func TestServeGoesOnWithWhatWasFrozen(t *testing.T) {
	n, inbox := newServed(t, "2026-02-08T20:00:00Z")
	slot := n.press.Slots[0]
	d, err := n.press.Draft(t.Context(), slot, n.press.Today(), n.press.Now())
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := n.press.Freeze(t.Context(), d, "test"); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		n.press.Work(ctx, "test")
	}()
	if err := inbox.Wait(ctx, 1); err != nil {
		t.Error(err)
	}
	for r, err := n.press.Record(ctx, d.Edition.Key); err != nil || r.State != edition.Complete; r, err = n.press.Record(ctx, d.Edition.Key) {
		if ctx.Err() != nil {
			break
		}
	}
	stop()
	<-done
	if got := len(inbox.Messages()); got != 1 {
		t.Errorf("%d mails, want one", got)
	}
	if r, err := n.press.Record(t.Context(), d.Edition.Key); err != nil || r.State != edition.Complete {
		t.Errorf("the edition is %s (%v), want it complete", r.State, err)
	}
}
