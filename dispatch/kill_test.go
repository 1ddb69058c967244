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
	childJournal  = "ZOTPAPER_TEST_DISPATCH_JOURNAL"
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
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	begun := time.Now()
	db, err := database.Open(context.Background(), os.Getenv(childDatabase))
	if err != nil {
		return err
	}
	d := &Dispatcher{
		Ledger:      Ledger{DB: db, Now: func() time.Time { return trialDay.Add(time.Since(begun)) }},
		Relays:      []Relay{{Relay: mailer.Relay{Host: "127.0.0.1", Port: port, TLS: mailer.TLSNone, Pipelining: true}}},
		Journal:     os.Getenv(childJournal),
		Connections: killConnections, OnInDoubt: Resend, Owner: fmt.Sprintf("child:%d", os.Getpid()),
		Log: slog.New(slog.DiscardHandler),
	}
	_, err = d.Run(context.Background(), Assignment{Edition: key, EditionID: id, Compose: compose})
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
			childEdition+"="+strconv.FormatInt(tr.edition, 10), childJournal+"="+tr.Journal)
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
	}
	tally, err := tr.Ledger.Tally(t.Context(), tr.edition)
	if err != nil {
		t.Fatal(err)
	}
	lost, outside, doubts := readers-len(tr.readers()), 0, tr.doubts()
	sum := 0
	for reader, copies := range tr.readers() {
		sum += doubts[reader]
		if copies > 1+doubts[reader] {
			outside++
			t.Errorf("%s got %d copies and was in doubt %d times", reader, copies, doubts[reader])
		}
	}
	t.Logf("%d kills: %d lost, %d copies too many, %d times in doubt", kills, lost, len(tr.received())-len(tr.readers()), sum)
	if kills < 4 {
		t.Errorf("only %d kills", kills)
	}
	if lost != 0 || !tally.Complete() || tally.Sent != readers {
		t.Errorf("%d lost; %+v", lost, tally)
	}
	if sum > kills*killConnections {
		t.Errorf("%d times in doubt after %d kills of %d conversations", sum, kills, killConnections)
	}
}
