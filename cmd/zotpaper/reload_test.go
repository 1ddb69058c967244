package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/zotpaper/zotpaper/internal/smtptest"
	"github.com/zotpaper/zotpaper/subscribers"
)

// until waits for something to become so.
func until(t *testing.T, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !so(); {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within a minute", what)
		}
	}
}

// TestReload has the configuration read again while an edition goes out: a mistake
// leaves the old one in force, a good one takes over, and the edition goes on, each
// reader once and nobody in doubt.
func TestReload(t *testing.T) {
	const readers = 40
	var taken atomic.Int64
	gate := make(chan struct{})
	inbox, err := smtptest.Start(smtptest.Options{Script: func(e smtptest.Event) smtptest.Answer {
		if e.Phase == smtptest.Message && taken.Add(1) > 5 {
			return smtptest.Answer{Wait: gate} // the edition is on its way
		}
		return smtptest.Answer{}
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { inbox.Close() })
	dir := t.TempDir()
	if _, err := subscribers.LoadKeyring(filepath.Join(dir, "zotpaper.secret"), true); err != nil {
		t.Fatal(err)
	}
	begin, begun := time.Date(2026, 2, 8, 16, 0, 1, 0, time.UTC), time.Now()
	if err := os.Mkdir(filepath.Join(dir, "articles"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, n := range []string{"one", "two", "three"} {
		path := filepath.Join(dir, "articles", n+".md")
		if err := os.WriteFile(path, []byte("---\nheadline: "+n+"\npublished: 2026-02-08T12:00:00Z\n---\nText.\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, begin.Add(-time.Hour), begin.Add(-time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	log := &lockedBuffer{}
	a := &app{
		stderr: log, environ: func() []string { return nil }, configFile: filepath.Join(dir, "config.yaml"),
		now: func() time.Time { return begin.Add(time.Since(begun)) },
	}
	write := func(name, more string) {
		t.Helper()
		text := fmt.Sprintf("publication: {name: %s}\n%s%s", name, demoConfig(time.Date(2026, 2, 8, 16, 0, 0, 0, time.UTC), inbox), more)
		if err := os.WriteFile(a.configFile, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("Before", "")
	c, err := a.config()
	if err != nil {
		t.Fatal(err)
	}
	n, err := a.staffed(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	people := n.people
	for i := range readers {
		if _, err := people.Add(t.Context(), "afternoon", fmt.Sprintf("reader%d@example.org", i), "", "test"); err != nil {
			t.Fatal(err)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	reload := make(chan os.Signal)
	done := make(chan error, 1)
	go func() { done <- a.shifts(ctx, n, l, reload) }()
	front := func() string {
		t.Helper()
		answer, err := http.Get("http://" + l.Addr().String() + "/")
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(body)
	}

	until(t, "the edition is on its way", func() bool { return taken.Load() > 5 })
	write("Broken", "nonsense: true\n")
	reload <- syscall.SIGHUP
	until(t, "the mistake is told", func() bool {
		return strings.Contains(log.String(), "config.yaml") && strings.Contains(log.String(), "nonsense")
	})
	if !strings.Contains(front(), "Before") {
		t.Error("a configuration with a mistake is in force")
	}
	write("After", "")
	reload <- syscall.SIGHUP
	until(t, "the new configuration is in force", func() bool { return strings.Contains(front(), "After") })
	close(gate)
	if err := inbox.Wait(t.Context(), readers); err != nil {
		t.Fatal(err)
	}
	until(t, "the edition is complete", func() bool { return strings.Contains(log.String(), "edition complete") })
	stop()
	if err := <-done; err != nil {
		t.Errorf("serve: %v", err)
	}
	seen := map[string]int{}
	for _, m := range inbox.Messages() {
		seen[m.To]++
	}
	if len(seen) != readers || len(inbox.Messages()) != readers {
		t.Errorf("%d mails to %d readers, want %d\n%s", len(inbox.Messages()), len(seen), readers, log)
	}
	if strings.Contains(log.String(), "no reply after the final dot") {
		t.Errorf("somebody is in doubt:\n%s", log)
	}
}
