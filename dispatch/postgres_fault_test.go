//go:build unix

package dispatch

import (
	"context"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/zotpaper/zotpaper/internal/database"
	"github.com/zotpaper/zotpaper/internal/database/databasetest"
	"github.com/zotpaper/zotpaper/internal/smtptest"
)

// crash kills a process of PostgreSQL that serves db. The server ends all
// others then, forgets what it had not written yet, and starts again, as after
// a restart that was immediate. crash returns when it is back.
func crash(t *testing.T, db *database.DB) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	var pid int
	if err := db.QueryRowContext(ctx, "SELECT pg_backend_pid()").Scan(&pid); err != nil {
		t.Errorf("which process serves us: %v", err)
		return
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Error(err)
	}
	// The first statements may still find connections of before.
	for good := 0; good < 3; {
		c, err := db.Conn(ctx)
		if err == nil {
			_, err = c.ExecContext(ctx, "SELECT 1")
			_ = c.Close()
		}
		if good++; err != nil {
			good = 0
			<-time.After(10 * time.Millisecond) // it cannot be asked
		}
	}
}

func TestD7PostgreSQLCrashes(t *testing.T) {
	const readers = 400
	var seen atomic.Int64
	heard := make(chan struct{}, readers)
	db := databasetest.PostgreSQL(t)
	tr := newTrial(t, db, readers, func(e smtptest.Event) smtptest.Answer {
		if e.Phase == smtptest.Message {
			if n := seen.Add(1); n == 60 || n == 250 {
				heard <- struct{}{}
			}
		}
		return smtptest.Answer{}
	})
	var crashes sync.WaitGroup
	ended := make(chan struct{})
	crashes.Go(func() {
		for {
			select {
			case <-heard:
				crash(t, db)
			case <-ended:
				return
			}
		}
	})
	tally, err := tr.run(t.Context())
	close(ended)
	crashes.Wait()
	if extra, doubts := tr.audit(); err != nil || tally.Sent != readers || extra+doubts != 0 {
		t.Errorf("Run: %+v, error %v, %d copies too many, %d in doubt", tally, err, extra, doubts)
	}
}

// TestD7ConnectionsEnded has an operator end our connections to PostgreSQL,
// again and again.
func TestD7ConnectionsEnded(t *testing.T) {
	const (
		readers = 400
		times   = 15
	)
	tr := newTrial(t, databasetest.PostgreSQL(t), readers, nil)
	operator := openURL(t, databasetest.PostgreSQLURL(t))
	name := ""
	if err := tr.Ledger.DB.QueryRowContext(t.Context(), "SELECT current_database()").Scan(&name); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer close(done)
		for n := range times {
			if tr.server.Wait(ctx, 1+n*readers/times) != nil {
				return // the run has ended
			}
			_, err := operator.ExecContext(t.Context(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
			if err != nil {
				t.Error(err)
			}
		}
	}()
	tally, err := tr.run(t.Context())
	cancel()
	<-done
	if extra, doubts := tr.audit(); err != nil || tally.Sent != readers || extra+doubts != 0 {
		t.Errorf("Run: %+v, error %v, %d copies too many, %d in doubt", tally, err, extra, doubts)
	}
}

// TestD8AnswerOfPostgreSQLLost cuts the connection after a statement, or a
// commit, was passed on, before it is answered.
func TestD8AnswerOfPostgreSQLLost(t *testing.T) {
	tests := []struct {
		name string
		kind byte // of the message with which the client's words begin
		nth  int64
	}{
		{"a statement's", 'B', 9},
		{"a commit's", 'Q', 4}, // or a BEGIN's
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			const readers = 300
			direct := databasetest.PostgreSQLURL(t)
			tr := newTrial(t, openURL(t, direct), readers, nil)
			u, err := url.Parse(direct)
			if err != nil {
				t.Fatal(err)
			}
			const socket = ".s.PGSQL.5432"
			folder, err := os.MkdirTemp("/tmp", "zotpaper-proxy-") // a socket's name is short
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.RemoveAll(folder) })
			p := newProxy(t, "unix", filepath.Join(folder, socket), filepath.Join(u.Query().Get("host"), socket))
			var armed atomic.Bool
			var words, cuts atomic.Int64
			p.said = func(_ int, b []byte) fate {
				if armed.Load() && b[0] == tt.kind && words.Add(1)%tt.nth == 0 && cuts.Add(1) <= 10 {
					return passCut
				}
				return pass
			}
			p.serve()
			u.RawQuery = url.Values{"host": {folder}}.Encode()
			tr.Ledger.DB = openURL(t, u.String())
			go func() {
				if err := tr.server.Wait(t.Context(), 10); err == nil {
					armed.Store(true)
				}
			}()
			tally, err := tr.run(t.Context())
			armed.Store(false)
			if extra, doubts := tr.audit(); err != nil || tally.Sent != readers || extra+doubts != 0 {
				t.Errorf("Run: %+v, error %v, %d copies too many, %d in doubt", tally, err, extra, doubts)
			}
			if cuts.Load() < 5 {
				t.Errorf("only %d answers were lost", cuts.Load())
			}
		})
	}
}
