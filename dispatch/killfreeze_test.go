package dispatch

import (
	"bytes"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zotpaper/zotpaper/internal/database"
)

const insertUnfrozen = `
	INSERT INTO editions (slot, date, title, list, state, window_since, window_until, frozen_at, created_at, changed_at)
	VALUES ('afternoon', $1, 'Afternoon Edition', 'afternoon', 'frozen', $2, $3, $3, $3, $3)
	RETURNING id`

// TestK2KilledWhileFreezing kills a process that freezes an edition for many
// readers, later each time, until one gets through: everybody of the list is a
// recipient then, with batches and jobs for all, and before that nobody is.
func TestK2KilledWhileFreezing(t *testing.T) {
	eachShared(t, func(t *testing.T, url string) {
		const readers = 6000
		tr := newShared(t, url, readers, nil)
		var id int64
		err := tr.Ledger.DB.QueryRowContext(t.Context(), insertUnfrozen, "2026-02-09",
			database.Time{Time: trialDay}, database.Time{Time: trialDay.Add(time.Hour)}).Scan(&id)
		if err != nil {
			t.Fatal(err)
		}
		kills := 0
		for after := 2 * time.Millisecond; ; after *= 2 {
			if kills > 30 {
				t.Fatal("30 kills, and it is not frozen")
			}
			err := tr.command(t.Context(), childWork{Edition: id, Freeze: after}).Run()
			if isKilled(err) {
				kills++
			}
			if n := tr.frozen(id); n != 0 && n != readers {
				t.Fatalf("killed after %v: %d of %d recipients", after, n, readers)
			} else if n == readers {
				break // the last but one may have got through without a chance to say so
			} else if !isKilled(err) {
				t.Fatalf("not frozen, and not killed: %v", err)
			}
		}
		t.Logf("%d kills", kills)
		if kills < 2 {
			t.Errorf("only %d kills", kills)
		}
	})
}

// frozen returns for how many recipients an edition is frozen, and checks that
// they are all in batches.
func (tr *shared) frozen(id int64) int {
	tr.t.Helper()
	tally, err := tr.Ledger.Tally(tr.t.Context(), id)
	if err != nil {
		tr.t.Fatal(err)
	}
	p, err := tr.Ledger.Progress(tr.t.Context(), id)
	_, controlErr := tr.Ledger.Control(tr.t.Context(), id)
	if err != nil || p.Recipients != tally.Recipients || (controlErr == nil) != (tally.Recipients > 0) {
		tr.t.Errorf("%d recipients, %d in batches, dispatch: %v (error %v)", tally.Recipients, p.Recipients, controlErr, err)
	}
	return tally.Recipients
}

// TestK3KilledAfterTheFreeze kills a process that has just frozen an edition,
// before anything of its dispatch.
func TestK3KilledAfterTheFreeze(t *testing.T) {
	eachShared(t, func(t *testing.T, url string) {
		const readers = 70
		tr := newShared(t, url, readers, nil)
		err := tr.Ledger.DB.QueryRowContext(t.Context(), insertUnfrozen, "2026-02-09",
			database.Time{Time: trialDay}, database.Time{Time: trialDay.Add(time.Hour)}).Scan(&tr.edition)
		if err != nil {
			t.Fatal(err)
		}
		tr.dies(childWork{Idle: true})
		tally := tr.takesOver()
		if extra, doubts := tr.audit(); tally.Sent != readers || extra+doubts != 0 {
			t.Errorf("%+v, %d copies too many, %d in doubt; want %d sent once", tally, extra, doubts, readers)
		}
	})
}

// TestK6KilledWithinAMessage kills a process while it writes a message that is
// larger than what the system takes off it.
func TestK6KilledWithinAMessage(t *testing.T) {
	eachShared(t, func(t *testing.T, url string) {
		const (
			readers = 2
			size    = 3 << 20
		)
		tr := newShared(t, url, readers, nil)
		p := newProxy(t, "tcp", "127.0.0.1:0", tr.server.Addr())
		var writing sync.WaitGroup
		writing.Add(1)
		var seen atomic.Int64
		p.said = func(_ int, b []byte) fate {
			// The second message is stopped in its middle.
			if n := seen.Add(int64(len(b))); n > size+size/2 {
				writing.Done()
				return stall
			}
			return pass
		}
		p.serve()
		cmd := tr.command(t.Context(), childWork{Port: p.port(), Connections: 1, Lease: time.Hour, Size: size})
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		writing.Wait()
		if err := cmd.Process.Kill(); err != nil {
			t.Error(err)
		}
		if err := cmd.Wait(); !isKilled(err) {
			t.Errorf("the child ended by itself: %v", err)
		}
		p.free()
		if n := len(tr.received()); n != 1 {
			t.Errorf("%d messages came before the kill, want 1 whole one", n)
		}
		tally := tr.takesOverWith(childWork{Size: size}.compose)
		extra, doubts := tr.audit()
		if tally.Sent != readers || extra != 0 || doubts > 1 {
			t.Errorf("%+v, %d copies too many, %d in doubt; want %d sent once, at most 1 in doubt", tally, extra, doubts, readers)
		}
		for _, m := range tr.received() {
			if len(m.Raw) < size || !bytes.HasSuffix(m.Raw, []byte("on and on.\r\n")) {
				t.Errorf("the message to %s has %d bytes: it was cut short", m.To, len(m.Raw))
			}
		}
	})
}
