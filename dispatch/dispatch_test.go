package dispatch

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zotpaper/zotpaper/edition"
	"github.com/zotpaper/zotpaper/internal/database"
	"github.com/zotpaper/zotpaper/internal/database/databasetest"
	"github.com/zotpaper/zotpaper/internal/smtptest"
	"github.com/zotpaper/zotpaper/mailer"
	"github.com/zotpaper/zotpaper/subscribers"
)

var key = edition.Key{Date: edition.Date{Year: 2026, Month: 2, Day: 8}, Slot: "afternoon"}

// A clock stands still until somebody waits.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Wait lets the time pass without anybody waiting for it.
func (c *clock) Wait(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	return ctx.Err()
}

// plain is a letter that fails for recipients called "bad".
type plain struct{ started time.Time }

func (p plain) Compose(d Delivery) (mailer.Envelope, []byte, error) {
	if d.Name == "bad" {
		return mailer.Envelope{}, nil, errors.New("a name that cannot be printed")
	}
	raw, err := mailer.Message{
		From: mailer.Address{Address: "edition@news.example"}, To: mailer.Address{Name: d.Name, Address: d.Address},
		Subject: "Afternoon Edition", Date: p.started, ID: d.MessageID + "@news.example", Text: "text\n", HTML: "<p>html</p>\n",
	}.Compose()
	return mailer.Envelope{Sender: "bounce@news.example", Recipient: d.Address}, raw, err
}

func compose(started time.Time) (Letter, error) { return plain{started}, nil }

// A trial is an edition frozen for readers, a mail server, and a dispatcher
// that knows both.
type trial struct {
	*Dispatcher
	t       testing.TB
	clock   *clock
	people  *subscribers.Store
	server  *smtptest.Server
	edition int64
}

const insertTestEdition = `
	INSERT INTO editions (slot, date, title, list, state, window_since, window_until, frozen_at, created_at, changed_at)
	VALUES ('afternoon', '2026-02-08', 'Afternoon Edition', 'afternoon', 'frozen', $1, $2, $2, $2, $2)
	RETURNING id`

// newTrial freezes an edition for n readers, reader1@example.org and on, which
// expires after 20 hours. script is the mail server's.
func newTrial(t testing.TB, db *database.DB, n int, script func(smtptest.Event) smtptest.Answer) *trial {
	t.Helper()
	c := &clock{now: time.Date(2026, 2, 8, 16, 0, 0, 0, time.UTC)}
	people := &subscribers.Store{DB: db, Now: c.Now}
	if err := people.EnsureLists(t.Context(), []subscribers.List{{ID: "afternoon", Title: "Afternoon Edition"}}); err != nil {
		t.Fatal(err)
	}
	var csv strings.Builder
	csv.WriteString("email\n")
	for i := range n {
		fmt.Fprintf(&csv, "reader%d@example.org\n", i+1)
	}
	if _, err := people.Import(t.Context(), strings.NewReader(csv.String()), subscribers.ImportOptions{List: "afternoon", By: "test"}); err != nil {
		t.Fatal(err)
	}
	server, err := smtptest.Start(smtptest.Options{Script: script})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	tr := &trial{
		Dispatcher: &Dispatcher{
			Ledger:      Ledger{DB: db, Now: c.Now},
			Relay:       mailer.Relay{Host: server.Host(), Port: server.Port(), TLS: mailer.TLSNone, Timeout: 20 * time.Second, Pipelining: true},
			Connections: 4, OnInDoubt: Resend, Owner: "test:1", Log: slog.New(slog.DiscardHandler), Wait: c.Wait,
		},
		t: t, clock: c, people: people, server: server,
	}
	tr.freeze(20 * time.Hour)
	return tr
}

func (tr *trial) freeze(expire time.Duration) {
	tr.t.Helper()
	err := tr.Ledger.DB.Transact(tr.t.Context(), func(ctx context.Context, tx *sql.Tx) error {
		now := tr.clock.Now()
		err := tx.QueryRowContext(ctx, insertTestEdition, database.Time{Time: now.Add(-time.Hour)}, database.Time{Time: now}).Scan(&tr.edition)
		if err == nil {
			_, err = tr.Ledger.Freeze(ctx, tx, tr.edition, "afternoon", now.Add(expire))
		}
		return err
	})
	if err != nil {
		tr.t.Fatal(err)
	}
}

// run runs the dispatch and checks what must hold after every run: the
// equation, and that nobody got two copies unless the outcome of one was in
// doubt.
func (tr *trial) run(ctx context.Context) (Tally, error) {
	tr.t.Helper()
	tally, err := tr.Run(ctx, key, tr.edition, compose, nil)
	if sum := tally.Ended() + tally.Pending + tally.Sending + tally.Deferred; sum != tally.Recipients {
		tr.t.Errorf("the states add up to %d of %d recipients: %+v", sum, tally.Recipients, tally)
	}
	if tally.Sending != 0 {
		tr.t.Errorf("%d deliveries are left in the state sending", tally.Sending)
	}
	if extra := len(tr.received()) - len(tr.readers()); extra > tally.InDoubt {
		tr.t.Errorf("%d copies too many, %d were in doubt", extra, tally.InDoubt)
	}
	return tally, err
}

func (tr *trial) received() []smtptest.Received { return tr.server.Messages() }

// readers returns who has at least one copy.
func (tr *trial) readers() map[string]int {
	copies := map[string]int{}
	for _, m := range tr.received() {
		copies[m.To]++
	}
	return copies
}

func refuse(code int, enhanced [3]int, text string) smtptest.Answer {
	return smtptest.Answer{Code: code, Enhanced: enhanced, Text: text}
}

func TestEveryReaderOnce(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		tr := newTrial(t, db, 60, nil)
		tally, err := tr.run(t.Context())
		if err != nil || !tally.Complete() || tally.Sent != 60 {
			t.Fatalf("Run: %+v, error %v", tally, err)
		}
		if n := len(tr.readers()); n != 60 || len(tr.received()) != 60 {
			t.Errorf("%d messages to %d readers, want one each to 60", len(tr.received()), n)
		}
		for _, m := range tr.received() {
			if !strings.Contains(string(m.Raw), "To: <"+m.To+">\r\n") {
				t.Errorf("the message to %s is addressed to somebody else", m.To)
			}
		}
		if tally, err = tr.run(t.Context()); err != nil || tally.Sent != 60 || len(tr.received()) != 60 {
			t.Errorf("a second Run: %+v, error %v, %d messages; want nothing new", tally, err, len(tr.received()))
		}
	})
}

func TestFreezeTakesWhoMayBeMailed(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		tr := newTrial(t, db, 3, nil)
		if _, err := tr.people.Add(t.Context(), "afternoon", "late@example.org", "", "test"); err != nil {
			t.Fatal(err)
		}
		if tally, err := tr.Ledger.Tally(t.Context(), tr.edition); err != nil || tally.Recipients != 3 {
			t.Errorf("recipients %+v, error %v; want the three of the freeze", tally, err)
		}
		// An edition that cannot be frozen whole is not frozen at all.
		boom := errors.New("boom")
		err := db.Transact(t.Context(), func(ctx context.Context, tx *sql.Tx) error {
			if _, err := tx.ExecContext(ctx, "DELETE FROM deliveries"); err != nil {
				return err
			}
			return boom
		})
		if tally, tallyErr := tr.Ledger.Tally(t.Context(), tr.edition); !errors.Is(err, boom) || tallyErr != nil || tally.Recipients != 3 {
			t.Errorf("after a rollback: %+v, errors %v, %v", tally, err, tallyErr)
		}
	})
}

func TestNoDeliveryBeginsAfterAnUnsubscription(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		var tr *trial
		var once sync.Once
		tr = newTrial(t, db, 40, func(e smtptest.Event) smtptest.Answer {
			if e.Phase == smtptest.Message {
				once.Do(func() {
					if _, err := tr.people.Unsubscribe(t.Context(), "afternoon", "reader40@example.org", "reader"); err != nil {
						t.Error(err)
					}
					if _, err := tr.people.Suppress(t.Context(), "reader39@example.org", "asked by phone", "desk"); err != nil {
						t.Error(err)
					}
				})
			}
			return smtptest.Answer{}
		})
		if _, err := tr.people.Unsubscribe(t.Context(), "afternoon", "reader1@example.org", "reader"); err != nil {
			t.Fatal(err)
		}
		tr.Connections = 2
		tally, err := tr.run(t.Context())
		if err != nil || !tally.Complete() || tally.Suppressed != 3 || tally.Sent != 37 {
			t.Errorf("Run: %+v, error %v; want 37 sent and 3 suppressed", tally, err)
		}
		for _, reader := range []string{"reader1@example.org", "reader39@example.org", "reader40@example.org"} {
			if tr.readers()[reader] > 0 {
				t.Errorf("%s was mailed after the unsubscription was answered", reader)
			}
		}
	})
}

func TestDeferralsComeBackWithBackoff(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		var mu sync.Mutex
		var at []time.Time
		var tr *trial
		tr = newTrial(t, db, 3, func(e smtptest.Event) smtptest.Answer {
			if e.Phase == smtptest.Rcpt && e.Recipient == "reader2@example.org" {
				mu.Lock()
				defer mu.Unlock()
				if at = append(at, tr.clock.Now()); e.Count <= 5 {
					return refuse(451, [3]int{4, 2, 1}, "try again later")
				}
			}
			return smtptest.Answer{}
		})
		tally, err := tr.run(t.Context())
		if err != nil || tally.Sent != 3 || !tally.Complete() {
			t.Fatalf("Run: %+v, error %v", tally, err)
		}
		want := []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, time.Hour}
		for i, least := range want {
			if gap := at[i+1].Sub(at[i]); gap < least || gap > least+2*time.Minute {
				t.Errorf("attempt %d came %v after the one before, want about %v", i+2, gap, least)
			}
		}
	})
}

func TestDeliveriesExpire(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		tr := newTrial(t, db, 2, func(e smtptest.Event) smtptest.Answer {
			if e.Phase == smtptest.Message && e.Recipient == "reader1@example.org" {
				return refuse(452, [3]int{4, 2, 2}, "mailbox full")
			}
			return smtptest.Answer{}
		})
		tally, err := tr.run(t.Context())
		if err != nil || tally.Expired != 1 || tally.Sent != 1 || !tally.Complete() {
			t.Errorf("Run: %+v, error %v; want one expired", tally, err)
		}
		if late := tr.clock.Now().Sub(time.Date(2026, 2, 8, 16, 0, 0, 0, time.UTC)); late > 21*time.Hour {
			t.Errorf("it was given up after %v, want within 20 hours", late)
		}
	})
}

func TestRejectionKeepsTheReply(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		tr := newTrial(t, db, 3, func(e smtptest.Event) smtptest.Answer {
			if e.Phase == smtptest.Rcpt && e.Recipient == "reader2@example.org" {
				return refuse(550, [3]int{5, 1, 1}, "no such user \xe9 "+strings.Repeat("é", 600))
			}
			return smtptest.Answer{}
		})
		tally, err := tr.run(t.Context())
		if err != nil || tally.Rejected != 1 || tally.Sent != 2 {
			t.Fatalf("Run: %+v, error %v; want one rejected", tally, err)
		}
		troubles, err := tr.Ledger.Troubles(t.Context(), tr.edition, 10)
		if err != nil || len(troubles) != 1 {
			t.Fatalf("Troubles: %+v, error %v", troubles, err)
		}
		got := troubles[0]
		if got.Address != "reader2@example.org" || got.State != Rejected || got.Code != 550 || got.Enhanced != "5.1.1" ||
			!strings.HasPrefix(got.Text, "no such user") || len(got.Text) > replyTextLimit {
			t.Errorf("Troubles: %+v", got)
		}
	})
}

func TestInDoubt(t *testing.T) {
	tests := []struct {
		policy InDoubt
		copies int // that the reader in doubt has
		state  State
	}{
		{Resend, 2, Sent},
		{Hold, 1, Held},
	}
	for _, tt := range tests {
		t.Run(string(tt.policy), func(t *testing.T) {
			databasetest.Each(t, func(t *testing.T, db *database.DB) {
				tr := newTrial(t, db, 5, func(e smtptest.Event) smtptest.Answer {
					// The message is taken and the connection cut before the 250.
					return smtptest.Answer{HangUp: e.Phase == smtptest.Message && e.Recipient == "reader3@example.org" && e.Count == 1}
				})
				tr.OnInDoubt = tt.policy
				tally, err := tr.run(t.Context())
				if err != nil || !tally.Complete() || tally.InDoubt != 1 || *tally.count(tt.state) < 1 {
					t.Errorf("Run: %+v, error %v; want it complete with one in doubt", tally, err)
				}
				var ids []string
				for _, m := range tr.received() {
					if m.To == "reader3@example.org" {
						_, rest, _ := strings.Cut(string(m.Raw), "Message-ID: ")
						id, _, _ := strings.Cut(rest, "\r\n")
						ids = append(ids, id)
					}
				}
				if len(ids) != tt.copies || len(slices.Compact(ids)) != 1 {
					t.Errorf("copies with Message-IDs %q, want %d with the same", ids, tt.copies)
				}
			})
		})
	}
}

func TestLostConnectionBeforeTheDotLosesNobody(t *testing.T) {
	for _, phase := range []smtptest.Phase{smtptest.Mail, smtptest.Rcpt, smtptest.Data} {
		t.Run("cut at "+string(phase), func(t *testing.T) {
			tr := newTrial(t, databasetest.SQLite(t), 10, func(e smtptest.Event) smtptest.Answer {
				return smtptest.Answer{HangUp: e.Phase == phase && e.Conn%3 == 1 && e.Conn < 6}
			})
			tally, err := tr.run(t.Context())
			if err != nil || tally.Sent != 10 || len(tr.received()) != 10 || len(tr.readers()) != 10 {
				t.Errorf("Run: %+v, error %v, %d messages; want one each to 10", tally, err, len(tr.received()))
			}
			// What was cut inside DATA may have looked written to the end.
			if tally.InDoubt > 0 && phase != smtptest.Data {
				t.Errorf("%d in doubt although no final dot was written", tally.InDoubt)
			}
		})
	}
}

func TestUnrenderableDoesNotStopTheOthers(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		tr := newTrial(t, db, 4, nil)
		if _, err := db.ExecContext(t.Context(), "UPDATE deliveries SET name = 'bad' WHERE position = 2"); err != nil {
			t.Fatal(err)
		}
		tally, err := tr.run(t.Context())
		if err != nil || tally.Unrenderable != 1 || tally.Sent != 3 || !tally.Complete() {
			t.Errorf("Run: %+v, error %v", tally, err)
		}
	})
}

func TestOneProcessAtATime(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		tr := newTrial(t, db, 30, nil)
		var wg sync.WaitGroup
		var mu sync.Mutex
		busy := 0
		for i := range 8 {
			wg.Go(func() {
				d := *tr.Dispatcher
				d.Owner = fmt.Sprintf("test:%d", i)
				_, err := d.Run(t.Context(), key, tr.edition, compose, nil)
				var b *BusyError
				mu.Lock()
				defer mu.Unlock()
				switch {
				case errors.As(err, &b) && strings.HasPrefix(b.Owner, "test:"):
					busy++
				case err != nil:
					t.Errorf("Run: %v", err)
				}
			})
		}
		wg.Wait()
		if len(tr.received()) != 30 || len(tr.readers()) != 30 {
			t.Errorf("%d messages to %d readers, want one each to 30", len(tr.received()), len(tr.readers()))
		}
		t.Logf("%d of 8 found it busy", busy)
	})
}
