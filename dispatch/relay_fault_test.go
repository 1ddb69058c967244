package dispatch

import (
	"bytes"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zotpaper/zotpaper/internal/database"
	"github.com/zotpaper/zotpaper/internal/database/databasetest"
	"github.com/zotpaper/zotpaper/internal/smtptest"
	"github.com/zotpaper/zotpaper/mailer"
)

// TestS9CutAfterTheReply lets the 250 through, and nothing after it.
func TestS9CutAfterTheReply(t *testing.T) {
	for _, pipelining := range []bool{true, false} {
		databasetest.Each(t, func(t *testing.T, db *database.DB) {
			tr := newTrial(t, db, 20, nil)
			p := newProxy(t, "tcp", "127.0.0.1:0", tr.server.Addr())
			var taken, cuts atomic.Int64
			p.last = []byte("250 2.0.0 OK: queued\r\n") // what go-smtp answers to a message
			p.answered = func(_ int, b []byte) fate {
				if bytes.Contains(b, p.last) && taken.Add(1)%4 == 0 {
					cuts.Add(1)
					return passEnd
				}
				return pass
			}
			p.serve()
			tr.relay().Port, tr.relay().Pipelining = p.port(), pipelining
			tr.steady()
			tr.everybodyOnce(20)
			if cuts.Load() < 3 {
				t.Errorf("only %d replies were followed by a cut", cuts.Load())
			}
		})
	}
}

// TestS11ServerHangs has one connection of several hang at each step: it is
// given up after the time allowed, and the others go on meanwhile.
func TestS11ServerHangs(t *testing.T) {
	for _, phase := range allPhases() {
		t.Run("S11 hangs at "+string(phase), func(t *testing.T) {
			databasetest.Each(t, func(t *testing.T, db *database.DB) {
				const readers = 60
				var hung atomic.Bool
				var meanwhile atomic.Int64
				forever := make(chan struct{})
				tr := newTrial(t, db, readers, func(e smtptest.Event) smtptest.Answer {
					if e.Phase == phase && hung.CompareAndSwap(false, true) {
						return smtptest.Answer{Wait: forever, HangUp: true, Drop: true}
					}
					if e.Phase == smtptest.Message && hung.Load() {
						meanwhile.Add(1)
					}
					return smtptest.Answer{}
				})
				defer close(forever)
				tr.steady()
				tr.relay().Timeout = 300 * time.Millisecond
				tally, err := tr.run(t.Context())
				extra, doubts := tr.audit()
				inDoubt := 0
				if phase == smtptest.Message || phase == smtptest.Data {
					inDoubt = 1
				}
				if err != nil || tally.Sent != readers || extra != 0 || doubts > inDoubt {
					t.Errorf("Run: %+v, error %v, %d copies too many, %d in doubt", tally, err, extra, doubts)
				}
				if meanwhile.Load() == 0 {
					t.Error("nothing went out while one connection hung")
				}
			})
		})
	}
}

// TestS12SlowServer thinks for longer about a message than about a command may
// be thought: that alone makes nothing doubtful.
func TestS12SlowServer(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		tr := newTrial(t, db, 3, func(e smtptest.Event) smtptest.Answer {
			if e.Phase != smtptest.Message {
				return smtptest.Answer{}
			}
			thought := make(chan struct{})
			time.AfterFunc(450*time.Millisecond, func() { close(thought) })
			return smtptest.Answer{Wait: thought}
		})
		tr.relay().Timeout = 300 * time.Millisecond
		tr.everybodyOnce(3)
	})
}

func TestS16NameThatIsNotFound(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		tr := newTrial(t, db, 3, nil)
		tr.relay().Host = "no..such.name" // asks nobody
		tr.stops(1)
		for address, row := range tr.states() {
			if row.state != Pending || row.attempts > 0 {
				t.Errorf("%s is %s after %d attempts", address, row.state, row.attempts)
			}
		}
		tr.relay().Host = tr.server.Host()
		tr.resume()
		tr.everybodyOnce(3)
	})
}

// TestS20HorizonPassed has some recipients deferred for ever.
func TestS20HorizonPassed(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		tr := newTrial(t, db, 20, func(e smtptest.Event) smtptest.Answer {
			if e.Phase == smtptest.Rcpt && strings.HasSuffix(e.Recipient, "5@example.org") {
				return refuse(451, [3]int{4, 2, 1}, "later")
			}
			return smtptest.Answer{}
		})
		_, err := db.ExecContext(t.Context(), "UPDATE dispatches SET expires_at = $1", database.Time{Time: tr.clock.Now().Add(time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		tally, err := tr.run(t.Context())
		tr.audit()
		if err != nil || tally.Expired != 2 || tally.Sent != 18 || !tally.Complete() {
			t.Errorf("Run: %+v, error %v; want 2 expired", tally, err)
		}
		troubles, err := tr.Ledger.Troubles(t.Context(), tr.edition, 10)
		if err != nil || len(troubles) != 2 || troubles[0].State != Expired || troubles[0].Code != 451 {
			t.Errorf("Troubles: %+v, error %v; want the expired with their replies", troubles, err)
		}
	})
}

// secondRelay gives tr another mail server, of that weight.
func (tr *trial) secondRelay(weight int, o smtptest.Options) *smtptest.Server {
	tr.t.Helper()
	server, err := smtptest.Start(o)
	if err != nil {
		tr.t.Fatal(err)
	}
	tr.t.Cleanup(func() { server.Close() })
	second := tr.Relays[0]
	second.Port, second.Weight = server.Port(), weight
	tr.Relays = append(tr.Relays, second)
	return server
}

func TestRelaysShareByWeight(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		tr := newTrial(t, db, 200, nil)
		second := tr.secondRelay(3, smtptest.Options{})
		tr.relay().Weight, tr.Connections = 1, 8
		// A connection carries few messages, so that shares of connections are
		// shares of messages.
		tr.Relays[0].Messages, tr.Relays[1].Messages = 5, 5
		tally, err := tr.Run(t.Context(), tr.assignment())
		n, m := len(tr.received()), len(second.Messages())
		if err != nil || tally.Sent != 200 || n+m != 200 || m < n || n == 0 {
			t.Errorf("Run: %+v, error %v; %d went to the server of weight 1 and %d to that of weight 3", tally, err, n, m)
		}
	})
}

func TestRelaysTakeOver(t *testing.T) {
	tests := []struct {
		name  string
		ruin  func(tr *trial, first *smtptest.Server)
		tried int // connections to the first at most
	}{
		{"one is dead", func(_ *trial, first *smtptest.Server) { first.Close() }, 0},
		{"one refuses us", func(tr *trial, _ *smtptest.Server) {
			refusing := tr.secondRelay(1, smtptest.Options{Username: "paper", Password: "right"})
			tr.Relays[0], tr.Relays[1] = tr.Relays[1], tr.Relays[0]
			tr.Relays[0].Username, tr.Relays[0].Password = "paper", "wrong"
			tr.server = refusing
		}, 4},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			databasetest.Each(t, func(t *testing.T, db *database.DB) {
				tr := newTrial(t, db, 50, nil)
				working := tr.server
				if tt.tried == 0 {
					working = tr.secondRelay(1, smtptest.Options{})
				}
				tt.ruin(tr, tr.server)
				tr.steady()
				tally, err := tr.Run(t.Context(), tr.assignment())
				if err != nil || tally.Sent != 50 || len(working.Messages()) != 50 || tally.InDoubt > 0 {
					t.Errorf("Run: %+v, error %v, %d messages by the one that works", tally, err, len(working.Messages()))
				}
				if n := tr.server.Connections(); n > tt.tried {
					t.Errorf("%d connections to the one that does not, want at most %d", n, tt.tried)
				}
			})
		})
	}
}

func TestRelaysThatAllRefuseStop(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		login := smtptest.Options{Username: "paper", Password: "right"}
		tr := newTrialWith(t, db, 20, login)
		second := tr.secondRelay(1, login)
		for i := range tr.Relays {
			tr.Relays[i].Username, tr.Relays[i].Password = "paper", "wrong"
		}
		tally, err := tr.run(t.Context())
		var refused *mailer.ReplyError
		if !errors.As(err, new(*StopError)) || !errors.As(err, &refused) || refused.Reply.Code != 535 || tally.Pending != 20 {
			t.Errorf("Run: %+v, error %v; want it to stop over the login", tally, err)
		}
		if n := tr.server.Connections() + second.Connections(); n > 2*tr.Connections {
			t.Errorf("%d logins were tried", n)
		}
	})
}

// TestConnectionsThatCarryFewMessages keeps to a bound of ours, and meets one
// of the server's: neither is about any reader.
func TestConnectionsThatCarryFewMessages(t *testing.T) {
	tests := []struct {
		name          string
		ours, servers int
	}{{"our bound", 7, 0}, {"the server's bound", 0, 7}, {"the server's is lower", 10, 4}}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			databasetest.Each(t, func(t *testing.T, db *database.DB) {
				var mu sync.Mutex
				begun := map[int]int{}
				tr := newTrial(t, db, 100, func(e smtptest.Event) smtptest.Answer {
					if e.Phase != smtptest.Mail {
						return smtptest.Answer{}
					}
					mu.Lock()
					defer mu.Unlock()
					if begun[e.Conn]++; tt.servers > 0 && begun[e.Conn] > tt.servers {
						return refuse(421, [3]int{4, 3, 2}, "enough for one connection")
					}
					return smtptest.Answer{}
				})
				tr.relay().Messages = tt.ours
				tr.steady()
				tr.everybodyOnce(100)
				for conn, n := range begun {
					if tt.ours > 0 && n > tt.ours {
						t.Errorf("connection %d carried %d messages", conn, n)
					}
				}
				for address, row := range tr.states() {
					if row.attempts != 1 {
						t.Errorf("%s has %d attempts", address, row.attempts)
					}
				}
			})
		})
	}
}
