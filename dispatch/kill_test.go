package dispatch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/zotpaper/zotpaper/internal/database"
	"github.com/zotpaper/zotpaper/mailer"
)

// The environment that makes the test binary dispatch an edition and nothing
// else, for the tests to kill.
const (
	childDatabase = "ZOTPAPER_TEST_DISPATCH_DATABASE"
	childPort     = "ZOTPAPER_TEST_DISPATCH_PORT"
	childEdition  = "ZOTPAPER_TEST_DISPATCH_EDITION"
	childNow      = "ZOTPAPER_TEST_DISPATCH_NOW"
)

func TestMain(m *testing.M) {
	if os.Getenv(childDatabase) == "" {
		os.Exit(m.Run())
	}
	if err := dispatchAsChild(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// killConnections is how many conversations a child that is killed may have
// open.
const killConnections = 4

func dispatchAsChild() error {
	port, err1 := strconv.Atoi(os.Getenv(childPort))
	id, err2 := strconv.ParseInt(os.Getenv(childEdition), 10, 64)
	now, err3 := time.Parse(time.RFC3339, os.Getenv(childNow))
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	db, err := database.Open(context.Background(), os.Getenv(childDatabase))
	if err != nil {
		return err
	}
	d := &Dispatcher{
		Ledger:      Ledger{DB: db, Now: func() time.Time { return now }},
		Relay:       mailer.Relay{Host: "127.0.0.1", Port: port, TLS: mailer.TLSNone},
		Connections: killConnections, OnInDoubt: Resend, Owner: fmt.Sprintf("child:%d", os.Getpid()),
		Log: slog.New(slog.DiscardHandler),
	}
	_, err = d.Run(context.Background(), key, id, compose, nil)
	return err
}

// TestKill kills a process that dispatches, with SIGKILL, at random moments,
// again and again until one of them gets through; and counts copies where they
// arrive.
func TestKill(t *testing.T) {
	const (
		readers = 400
		seed    = 7
	)
	file := filepath.Join(t.TempDir(), "zotpaper.db")
	db, err := database.Open(t.Context(), "sqlite:"+file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() }) // the file goes with the test
	tr := newTrial(t, db, readers, nil)
	random := rand.New(rand.NewPCG(seed, seed))
	kills := 0
	for round := 0; ; round++ {
		if round > 40 {
			t.Fatal("40 rounds and not complete")
		}
		ctx, cancel := context.WithCancel(t.Context())
		cmd := exec.CommandContext(ctx, os.Args[0])
		cmd.Env = append(os.Environ(),
			childDatabase+"=sqlite:"+file, childPort+"="+strconv.Itoa(tr.server.Port()),
			childEdition+"="+strconv.FormatInt(tr.edition, 10), childNow+"="+tr.clock.Now().Format(time.RFC3339))
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if next := len(tr.received()) + 1 + random.IntN(60); next < readers {
			wait, stop := context.WithTimeout(ctx, 20*time.Second)
			if err := tr.server.Wait(wait, next); err != nil {
				t.Error(err)
			}
			stop()
			cancel() // SIGKILL
		}
		err := cmd.Wait()
		cancel()
		if err == nil {
			break
		}
		kills++
		// The lease of the dead runs out.
		if err := tr.clock.Wait(t.Context(), leaseLength+time.Second); err != nil {
			t.Fatal(err)
		}
	}
	tally, err := tr.Ledger.Tally(t.Context(), tr.edition)
	if err != nil {
		t.Fatal(err)
	}
	lost, extra := readers-len(tr.readers()), len(tr.received())-len(tr.readers())
	t.Logf("%d kills: %d lost, %d copies too many, %d in doubt", kills, lost, extra, tally.InDoubt)
	if kills < 4 {
		t.Errorf("only %d kills", kills)
	}
	if lost != 0 || !tally.Complete() || tally.Sent != readers {
		t.Errorf("%d lost; %+v", lost, tally)
	}
	if extra > tally.InDoubt || tally.InDoubt > kills*killConnections {
		t.Errorf("%d copies too many with %d in doubt after %d kills of %d conversations", extra, tally.InDoubt, kills, killConnections)
	}
}
