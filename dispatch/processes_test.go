//go:build unix

package dispatch

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/zotpaper/zotpaper/dispatch/journal"
	"github.com/zotpaper/zotpaper/internal/database"
	"github.com/zotpaper/zotpaper/internal/database/databasetest"
	"github.com/zotpaper/zotpaper/internal/smtptest"
)

// TestT4TenProcessesAtOnce has ten dispatchers begin one edition at the same
// moment.
func TestT4TenProcessesAtOnce(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		const (
			readers   = 300
			processes = 10
		)
		tr := newTrial(t, db, readers, nil)
		start := make(chan struct{})
		var wg sync.WaitGroup
		for i := range processes {
			d := *tr.Dispatcher
			d.Owner, d.Connections = fmt.Sprintf("test:%d", i), 2
			wg.Go(func() {
				<-start
				if tally, err := d.Run(t.Context(), tr.assignment()); err != nil || !tally.Complete() {
					t.Errorf("Run: %+v, error %v", tally, err)
				}
			})
		}
		close(start)
		wg.Wait()
		if extra, doubts := tr.audit(); extra+doubts != 0 || len(tr.readers()) != readers {
			t.Errorf("%d readers, %d copies too many, %d in doubt; want %d once", len(tr.readers()), extra, doubts, readers)
		}
	})
}

// TestT5StoppedForLongerThanItsLease stops a process with a signal until its
// lease is over and another has taken its batches, and lets it go on. That it
// is not dead is seen on its own machine only, and there its lease counts too.
//
// Not on SQLite: a process that is stopped may hold the lock of the file.
func TestT5StoppedForLongerThanItsLease(t *testing.T) {
	for _, machine := range []string{"another machine", "the same machine"} {
		t.Run(machine, func(t *testing.T) {
			const readers = 140
			var stopped atomic.Pointer[func()]
			tr := newShared(t, databasetest.PostgreSQLURL(t), readers, func(e smtptest.Event) smtptest.Answer {
				if f := stopped.Load(); f != nil && e.Phase == smtptest.Message {
					(*f)()
				}
				return smtptest.Answer{}
			})
			tr.endIdleTransactions()
			cmd := tr.command(t.Context(), childWork{Lease: 2 * time.Second})
			var once sync.Once
			isStopped := make(chan struct{})
			stop := func() {
				if len(tr.received()) >= 40 {
					once.Do(func() {
						if err := cmd.Process.Signal(syscall.SIGSTOP); err != nil {
							t.Error(err)
						}
						close(isStopped)
					})
				}
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			stopped.Store(&stop)
			<-isStopped
			tally := tr.another(machine == "another machine")
			before := tr.states()
			if err := cmd.Process.Signal(syscall.SIGCONT); err != nil {
				t.Error(err)
			}
			if err := cmd.Wait(); err != nil {
				t.Errorf("the process that was stopped: %v, want it to find that all is done", err)
			}
			_, doubts := tr.audit()
			if tally.Sent != readers || doubts == 0 || doubts > 2*tr.Connections {
				t.Errorf("%+v, %d in doubt; want all sent, and in doubt what the stopped process had in hand", tally, doubts)
			}
			for address, row := range tr.states() {
				if row != before[address] {
					t.Errorf("%s: %+v became %+v when the process went on that had lost its batch", address, before[address], row)
				}
			}
		})
	}
}

// TestBatchAboutToBeTaken has somebody hold the journals with which they are
// about to take the batches, for good.
func TestBatchAboutToBeTaken(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		const readers = 120
		tr := newTrial(t, db, readers, nil)
		name, err := tr.Ledger.name(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for batch := range int64(3) {
			j, err := journal.Create(filepath.Join(tr.Journal, name), journal.ID{Edition: tr.edition, Batch: batch + 1, Fence: 1})
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := j.Remove(); err != nil {
					t.Error(err)
				}
			}()
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		tally, err := tr.run(ctx)
		if extra, doubts := tr.audit(); err != nil || tally.Sent != readers || extra+doubts != 0 {
			t.Errorf("Run: %+v, error %v, %d copies too many, %d in doubt", tally, err, extra, doubts)
		}
	})
}

// another has another process finish the dispatch, perhaps on another machine.
func (tr *shared) another(machine bool) Tally {
	tr.t.Helper()
	d := tr.successor("test:another")
	if machine {
		d.Journal = filepath.Join(tr.t.TempDir(), "another")
	}
	tally, err := d.Run(tr.t.Context(), tr.assignment())
	if err != nil {
		tr.t.Errorf("Run of another process: %v", err)
	}
	return tally
}

// endIdleTransactions has the server end what a process left open that was
// stopped within a transaction.
func (tr *trial) endIdleTransactions() {
	tr.t.Helper()
	name := ""
	if err := tr.Ledger.DB.QueryRowContext(tr.t.Context(), "SELECT current_database()").Scan(&name); err != nil {
		tr.t.Fatal(err)
	}
	execute(tr.t, tr.Ledger.DB, "ALTER DATABASE "+name+" SET idle_in_transaction_session_timeout = '1s'")
}
