package dispatch

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zotpaper/zotpaper/internal/database"
	"github.com/zotpaper/zotpaper/internal/database/databasetest"
	"github.com/zotpaper/zotpaper/internal/smtptest"
)

// allPhases are where a conversation can be broken, in order.
func allPhases() []smtptest.Phase {
	return []smtptest.Phase{smtptest.Connect, smtptest.Hello, smtptest.Mail, smtptest.Rcpt, smtptest.Data, smtptest.Message}
}

// everybodyOnce checks that a run sent to all, nobody twice, and struck nobody
// off for what was no fault of theirs.
func (tr *trial) everybodyOnce(readers int) {
	tr.t.Helper()
	tally, err := tr.run(tr.t.Context())
	extra, doubts := tr.audit()
	if err != nil || tally.Sent != readers || extra+doubts != 0 {
		tr.t.Errorf("Run: %+v, error %v, %d copies too many, %d in doubt; want %d sent once", tally, err, extra, doubts, readers)
	}
	tr.nobodyStruckOff()
}

func (tr *trial) nobodyStruckOff() {
	tr.t.Helper()
	var n int
	if err := tr.Ledger.DB.QueryRowContext(tr.t.Context(), "SELECT COUNT(*) FROM suppressions").Scan(&n); err != nil || n > 0 {
		tr.t.Errorf("%d readers were suppressed, error %v", n, err)
	}
}

func TestS1GoodbyeAtEveryPoint(t *testing.T) {
	for _, phase := range allPhases() {
		t.Run("S1 421 at "+string(phase), func(t *testing.T) {
			databasetest.Each(t, func(t *testing.T, db *database.DB) {
				var n atomic.Int64
				tr := newTrial(t, db, 25, func(e smtptest.Event) smtptest.Answer {
					if e.Phase == phase && n.Add(1)%5 == 2 && n.Load() < 30 {
						return refuse(421, [3]int{4, 3, 2}, "shutting down")
					}
					return smtptest.Answer{}
				})
				tr.steady()
				tr.everybodyOnce(25)
				for address, row := range tr.states() {
					// That of DATA comes after the dot.
					if row.attempts > 1 && phase != smtptest.Message && phase != smtptest.Data {
						t.Errorf("%s has %d attempts; the goodbye was not about them", address, row.attempts)
					}
				}
			})
		})
	}
}

func TestS2LaterForSomeRecipients(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		codes := []int{450, 451, 452}
		tr := newTrial(t, db, 30, func(e smtptest.Event) smtptest.Answer {
			var number int
			if _, err := fmt.Sscanf(e.Recipient, "reader%d@", &number); e.Phase == smtptest.Rcpt && err == nil && number%4 == 0 && e.Count == 1 {
				return refuse(codes[number%3], [3]int{4, 2, 0}, "later")
			}
			return smtptest.Answer{}
		})
		tr.Connections = 1
		tr.everybodyOnce(30)
		if n := tr.server.Connections(); n > 3 {
			t.Errorf("%d connections: a refusal of one recipient must not cost the connection", n)
		}
		for address, row := range tr.states() {
			var number int
			_, err := fmt.Sscanf(address, "reader%d@", &number)
			if want := 1 + (3-number%4)/3; err != nil || row.attempts != want {
				t.Errorf("%s has %d attempts, want %d", address, row.attempts, want)
			}
		}
	})
}

// TestS3Throttled sends through a server that refuses what exceeds so many
// messages in a second of its own clock.
func TestS3Throttled(t *testing.T) {
	for _, phase := range []smtptest.Phase{smtptest.Mail, smtptest.Message} {
		t.Run("S3 454 at "+string(phase), func(t *testing.T) {
			databasetest.Each(t, func(t *testing.T, db *database.DB) {
				const (
					bears  = 2
					second = time.Second / 20 // of the clock of the trial, half a minute
				)
				var mu sync.Mutex
				var since time.Time
				inSecond, refused := 0, 0
				tr := newTrial(t, db, 60, func(e smtptest.Event) smtptest.Answer {
					if e.Phase != phase {
						return smtptest.Answer{}
					}
					mu.Lock()
					defer mu.Unlock()
					if now := time.Now(); now.Sub(since) > second {
						since, inSecond = now, 0
					}
					if inSecond++; inSecond > bears {
						refused++
						return refuse(454, [3]int{4, 7, 0}, "Throttling failure: Maximum sending rate exceeded.")
					}
					return smtptest.Answer{}
				})
				tr.everybodyOnce(60)
				for address, row := range tr.states() {
					if row.attempts != 1 {
						t.Errorf("%s has %d attempts; we were too fast, which is not about them", address, row.attempts)
					}
				}
				if refused == 0 {
					t.Error("nothing was refused")
				}
			})
		})
	}
}

func TestS5MailboxFull(t *testing.T) {
	tests := []struct {
		name   string
		answer smtptest.Answer
		state  State
	}{
		{"S5 452 passes", refuse(452, [3]int{4, 2, 2}, "mailbox full"), Sent},
		{"S5 552 does not", refuse(552, [3]int{5, 2, 2}, "mailbox full"), Rejected},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			databasetest.Each(t, func(t *testing.T, db *database.DB) {
				tr := newTrial(t, db, 10, func(e smtptest.Event) smtptest.Answer {
					if e.Phase == smtptest.Message && e.Recipient == "reader4@example.org" && e.Count == 1 {
						return tt.answer
					}
					return smtptest.Answer{}
				})
				tally, err := tr.run(t.Context())
				if got := tr.states()["reader4@example.org"].state; err != nil || got != tt.state || !tally.Complete() {
					t.Errorf("Run: %+v, error %v; the one with the full mailbox is %s, want %s", tally, err, got, tt.state)
				}
				tr.audit()
				tr.nobodyStruckOff()
			})
		})
	}
}

func TestS6WeAreRefused(t *testing.T) {
	for _, phase := range []smtptest.Phase{smtptest.Connect, smtptest.Mail, smtptest.Message} {
		t.Run("S6 554 5.7.1 at "+string(phase), func(t *testing.T) {
			databasetest.Each(t, func(t *testing.T, db *database.DB) {
				var refusing atomic.Bool
				var refused atomic.Int64
				refusing.Store(true)
				tr := newTrial(t, db, 120, func(e smtptest.Event) smtptest.Answer {
					if e.Phase == phase && refusing.Load() {
						refused.Add(1)
						return refuse(554, [3]int{5, 7, 1}, "we do not want your mail")
					}
					return smtptest.Answer{}
				})
				tr.stops(2)
				if n, most := refused.Load(), int64(2*(refusals+tr.Connections)); n > most {
					t.Errorf("%d were refused before two processes stopped, want at most %d", n, most)
				}
				for address, row := range tr.states() {
					if row.state != Pending && row.state != Deferred || row.attempts > 0 {
						t.Errorf("%s is %s after %d attempts, and nobody but us was refused", address, row.state, row.attempts)
					}
				}
				refusing.Store(false)
				tr.resume()
				tr.everybodyOnce(120)
			})
		})
	}
}

// stops runs as many processes, and expects that the dispatch stops for all.
func (tr *trial) stops(processes int) {
	tr.t.Helper()
	var wg sync.WaitGroup
	for i := range processes {
		wg.Go(func() {
			d := *tr.Dispatcher
			d.Owner = fmt.Sprintf("test:stop%d", i)
			_, err := d.Run(tr.t.Context(), tr.assignment())
			if !errors.As(err, new(*StopError)) && !errors.As(err, new(*HaltError)) {
				tr.t.Errorf("Run of process %d: %v, want it to stop", i, err)
			}
		})
	}
	wg.Wait()
	control, err := tr.Ledger.Control(tr.t.Context(), tr.edition)
	if err != nil || control.State != Stopped || control.Why == "" {
		tr.t.Errorf("the dispatch is %+v, error %v; want it stopped, with a reason", control, err)
	}
}

func TestS7EverybodyIsRejected(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		var rejecting atomic.Bool
		var tried atomic.Int64
		rejecting.Store(true)
		tr := newTrial(t, db, 120, func(e smtptest.Event) smtptest.Answer {
			if e.Phase == smtptest.Rcpt && rejecting.Load() {
				tried.Add(1)
				return refuse(550, [3]int{5, 1, 1}, "no such user")
			}
			return smtptest.Answer{}
		})
		tr.stops(1)
		if n := tried.Load(); n < rejections || n > int64(rejections+tr.Connections) {
			t.Errorf("%d recipients were tried, want %d", n, rejections)
		}
		for address, row := range tr.states() {
			if row.state != Pending {
				t.Errorf("%s is %s; it is we who are set up wrongly", address, row.state)
			}
		}
		rejecting.Store(false)
		tr.resume()
		tr.everybodyOnce(120)
	})
}

func TestS8CutAfterTheDot(t *testing.T) {
	for _, tt := range []struct {
		name string
		drop bool // the server has not got the message
	}{{"S8 the server has it", false}, {"S8 the server has not", true}} {
		t.Run(tt.name, func(t *testing.T) {
			databasetest.Each(t, func(t *testing.T, db *database.DB) {
				var cuts atomic.Int64
				tr := newTrial(t, db, 40, func(e smtptest.Event) smtptest.Answer {
					if e.Phase == smtptest.Message && e.Count == 1 && len(e.Recipient)%2 == 0 && cuts.Add(1) <= 6 {
						return smtptest.Answer{HangUp: true, Drop: tt.drop}
					}
					return smtptest.Answer{}
				})
				tr.steady()
				tally, err := tr.run(t.Context())
				extra, doubts := tr.audit()
				want := 6
				if tt.drop {
					want = 0
				}
				if err != nil || tally.Sent != 40 || doubts != 6 || extra != want {
					t.Errorf("Run: %+v, error %v, %d in doubt, %d copies too many; want 6 in doubt and %d copies", tally, err, doubts, extra, want)
				}
			})
		})
	}
}

func TestS10CutBeforeTheDot(t *testing.T) {
	for _, phase := range allPhases()[:5] {
		t.Run("S10 cut at "+string(phase), func(t *testing.T) {
			databasetest.Each(t, func(t *testing.T, db *database.DB) {
				tr := newTrial(t, db, 25, func(e smtptest.Event) smtptest.Answer {
					return smtptest.Answer{HangUp: e.Phase == phase && e.Conn%3 == 1 && e.Conn < 8}
				})
				tr.steady()
				tally, err := tr.run(t.Context())
				extra, doubts := tr.audit()
				// What was cut inside DATA may have looked written to the end.
				if err != nil || tally.Sent != 25 || extra != 0 || doubts > 0 && phase != smtptest.Data {
					t.Errorf("Run: %+v, error %v, %d copies too many, %d in doubt", tally, err, extra, doubts)
				}
			})
		})
	}
}
