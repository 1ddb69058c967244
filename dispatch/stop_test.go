package dispatch

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zotpaper/zotpaper/internal/database"
	"github.com/zotpaper/zotpaper/internal/database/databasetest"
	"github.com/zotpaper/zotpaper/internal/smtptest"
)

func TestWrongPasswordStopsAtOnce(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		tr := newTrial(t, db, 5, nil)
		server, err := smtptest.Start(smtptest.Options{Username: "paper", Password: "right"})
		if err != nil {
			t.Fatal(err)
		}
		defer server.Close()
		tr.relay().Port, tr.relay().Username, tr.relay().Password = server.Port(), "paper", "wrong"
		tally, err := tr.run(t.Context())
		var stop *StopError
		if !errors.As(err, &stop) || tally.Pending != 5 {
			t.Fatalf("Run: %+v, error %v; want a StopError and everybody pending", tally, err)
		}
		if n := server.Connections(); n > tr.Connections {
			t.Errorf("%d logins were tried, want at most one for each connection: more lock the account", n)
		}
		// Put right, it goes on.
		tr.relay().Port, tr.relay().Username = tr.server.Port(), ""
		tr.resume()
		if tally, err = tr.run(t.Context()); err != nil || tally.Sent != 5 {
			t.Errorf("Run after it was put right: %+v, error %v", tally, err)
		}
	})
}

func TestPolicyAgainstUsStopsAfterThreeInARow(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		var refusing atomic.Bool
		refusing.Store(true)
		tr := newTrial(t, db, 20, func(e smtptest.Event) smtptest.Answer {
			if e.Phase == smtptest.Message && refusing.Load() {
				return refuse(550, [3]int{5, 7, 26}, "unauthenticated mail")
			}
			return smtptest.Answer{}
		})
		tr.Connections = 1
		tally, err := tr.run(t.Context())
		var stop *StopError
		if !errors.As(err, &stop) || tally.Rejected != 0 || tally.Sent != 0 || tally.Pending+tally.Deferred != 20 {
			t.Fatalf("Run: %+v, error %v; want a StopError and nobody rejected", tally, err)
		}
		troubles, err := tr.Ledger.Troubles(t.Context(), tr.edition, 100)
		if err != nil || len(troubles) > refusals {
			t.Errorf("%d recipients were tried, want at most %d (%v)", len(troubles), refusals, err)
		}
		refusing.Store(false)
		tr.resume()
		if tally, err = tr.run(t.Context()); err != nil || tally.Sent != 20 {
			t.Errorf("Run after it was put right: %+v, error %v", tally, err)
		}
	})
}

func TestEditionTooLargeForTheServerRejectsNobody(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		tr := newTrial(t, db, 10, nil)
		small, err := smtptest.Start(smtptest.Options{MaxSize: 300})
		if err != nil {
			t.Fatal(err)
		}
		defer small.Close()
		tr.relay().Port = small.Port()
		tally, err := tr.run(t.Context())
		var stop *StopError
		if !errors.As(err, &stop) || tally.Rejected != 0 || tally.Pending+tally.Deferred != 10 {
			t.Errorf("Run: %+v, error %v; want a StopError and nobody rejected", tally, err)
		}
	})
}

func TestOneServerThatWantsNothingOfUsCostsNobodyElse(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		tr := newTrial(t, db, 12, func(e smtptest.Event) smtptest.Answer {
			if e.Phase == smtptest.Rcpt && e.Recipient == "reader5@example.org" {
				return refuse(554, [3]int{5, 7, 1}, "blocked by the recipient")
			}
			return smtptest.Answer{}
		})
		tr.Connections = 1
		tally, err := tr.run(t.Context())
		// By itself at the end the recipient is refused three times in a row;
		// that may stop a run, but the others have their paper by then.
		var stop *StopError
		if err != nil && !errors.As(err, &stop) {
			t.Fatalf("Run: error %v", err)
		}
		if tally.Sent != 11 || tally.Rejected != 0 {
			t.Errorf("Run: %+v; want the other 11 sent and nobody rejected", tally)
		}
	})
}

func TestDeadServerStopsAfterPatience(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		tr := newTrial(t, db, 3, nil)
		tr.steady()
		tr.server.Close()
		began := tr.clock.Now()
		tally, err := tr.run(t.Context())
		var stop *StopError
		if !errors.As(err, &stop) || tally.Pending != 3 {
			t.Errorf("Run: %+v, error %v; want a StopError and everybody pending", tally, err)
		}
		if waited := tr.clock.Now().Sub(began); waited < patience || waited > 2*patience {
			t.Errorf("it gave up after %v, want %v: a server that is started again is back by then", waited, patience)
		}
	})
}

func TestCanceledRunFinishesWhatItBegan(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		tr := newTrial(t, db, 40, func(e smtptest.Event) smtptest.Answer {
			if e.Phase == smtptest.Message && e.Recipient == "reader7@example.org" {
				cancel() // SIGTERM while the server thinks
			}
			return smtptest.Answer{}
		})
		tally, err := tr.run(ctx)
		if !errors.Is(err, context.Canceled) || tally.Sent == 0 || tally.Sent == 40 || tally.Sent != len(tr.received()) {
			t.Fatalf("Run: %+v, error %v, %d messages; want what was begun to be finished and recorded", tally, err, len(tr.received()))
		}
		if tally, err = tr.run(t.Context()); err != nil || tally.Sent != 40 || tally.InDoubt != 0 || len(tr.received()) != 40 {
			t.Errorf("the next Run: %+v, error %v, %d messages; want the lease free at once and nothing in doubt", tally, err, len(tr.received()))
		}
	})
}

func TestMessageIDIsTheSameAtEveryAttempt(t *testing.T) {
	n := newNaming(key)
	a, b, replaced := n.messageID(1, "aaaaaaaaaaaaaaaa"), n.messageID(1, "aaaaaaaaaaaaaaab"), n.messageID(2, "aaaaaaaaaaaaaaaa")
	if a != newNaming(key).messageID(1, "aaaaaaaaaaaaaaaa") || a == b || a == replaced {
		t.Errorf("messageID: %q, %q and %q of the issue that replaced it", a, b, replaced)
	}
	// What mails that are out bear must not change with the program.
	sum := sha256.Sum256([]byte("message-id\x00" + key.String() + "\x00aaaaaaaaaaaaaaaa"))
	want := "20260208." + strings.ToLower(base32.StdEncoding.EncodeToString(sum[:10]))
	if a != want {
		t.Errorf("messageID: %q, want %q", a, want)
	}
}

func TestFolderOfJournalsThatIsNoneStops(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		tr := newTrial(t, db, 5, nil)
		tr.Journal = filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(tr.Journal, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		if _, err := tr.run(ctx); err == nil || errors.Is(err, context.DeadlineExceeded) || len(tr.received()) > 0 {
			t.Errorf("Run: %v, %d messages; want it to stop over its journal", err, len(tr.received()))
		}
	})
}
