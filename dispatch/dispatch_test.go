package dispatch

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zotpaper/zotpaper/internal/database"
	"github.com/zotpaper/zotpaper/internal/database/databasetest"
	"github.com/zotpaper/zotpaper/internal/smtptest"
	"github.com/zotpaper/zotpaper/subscribers"
)

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
					if _, err := tr.people.Suppress(t.Context(), "reader39@example.org", subscribers.ByOperator, "asked by phone", "desk"); err != nil {
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
			if gap := at[i+1].Sub(at[i]); gap < least || gap > least+hurry*2*time.Second {
				t.Errorf("attempt %d came %v after the one before, want %v and a little", i+2, gap, least)
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
		const expire = 30 * time.Minute
		_, err := db.ExecContext(t.Context(), "UPDATE dispatches SET expires_at = $1", database.Time{Time: trialDay.Add(expire)})
		if err != nil {
			t.Fatal(err)
		}
		tally, err := tr.run(t.Context())
		if err != nil || tally.Expired != 1 || tally.Sent != 1 || !tally.Complete() {
			t.Errorf("Run: %+v, error %v; want one expired", tally, err)
		}
		if late := tr.clock.Now().Sub(trialDay); late > 2*expire {
			t.Errorf("it was given up after %v, want within %v", late, expire)
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
		policy     InDoubt
		copies     int // that the reader in doubt has
		sent, held int
	}{
		{Resend, 2, 5, 0},
		{Hold, 1, 4, 1},
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
				if err != nil || !tally.Complete() || tally.InDoubt != 1 || tally.Sent != tt.sent || tally.Held != tt.held {
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
			databasetest.Each(t, func(t *testing.T, db *database.DB) {
				tr := newTrial(t, db, 10, func(e smtptest.Event) smtptest.Answer {
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

func TestProcessesShareTheWork(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		tr := newTrial(t, db, 400, nil)
		var wg sync.WaitGroup
		for i := range 3 {
			wg.Go(func() {
				d := *tr.Dispatcher
				d.Owner = fmt.Sprintf("test:%d", i)
				if tally, err := d.Run(t.Context(), tr.assignment()); err != nil || !tally.Complete() {
					t.Errorf("Run: %+v, error %v", tally, err)
				}
			})
		}
		wg.Wait()
		if len(tr.received()) != 400 || len(tr.readers()) != 400 {
			t.Errorf("%d messages to %d readers, want one each to 400", len(tr.received()), len(tr.readers()))
		}
	})
}
