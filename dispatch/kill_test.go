package dispatch

import (
	"context"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"
)

// TestKill kills a process that dispatches, with SIGKILL, at random moments,
// again and again until one of them gets through; and counts copies where they
// arrive.
func TestKill(t *testing.T) {
	const (
		readers = 400
		seed    = 7
	)
	tr := newShared(t, "sqlite:"+filepath.Join(t.TempDir(), "zotpaper.db"), readers, nil)
	random := rand.New(rand.NewPCG(seed, seed))
	kills := 0
	for round := 0; ; round++ {
		if round > 40 {
			t.Fatal("40 rounds and not complete")
		}
		ctx, cancel := context.WithCancel(t.Context())
		cmd := tr.command(ctx, childWork{})
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
	extra, doubts := tr.audit()
	t.Logf("%d kills: %d copies too many, %d times in doubt", kills, extra, doubts)
	if kills < 4 {
		t.Errorf("only %d kills", kills)
	}
	if !tally.Complete() || tally.Sent != readers {
		t.Errorf("not everybody has the edition: %+v", tally)
	}
	if doubts > kills*tr.Connections {
		t.Errorf("%d times in doubt after %d kills of %d conversations", doubts, kills, tr.Connections)
	}
}
