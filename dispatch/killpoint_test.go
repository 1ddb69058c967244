package dispatch

import (
	"sync"
	"testing"
	"time"

	"github.com/zotpaper/zotpaper/internal/smtptest"
)

// TestKillAtPoints kills a process at each point on a delivery's way. Over one
// connection it is exact who is in doubt then, and who has two copies.
func TestKillAtPoints(t *testing.T) {
	tests := []struct {
		name   string
		point  point
		doubts int
		extra  int
	}{
		{"K4 after a delivery was taken", deliveryTaken, 0, 0},
		{"K5 before the message begins", beforeBegin, 0, 0},
		{"K5 before the message goes out", afterBegin, 1, 0},
		{"K8 before the reply is written down", afterDeliver, 1, 1},
		{"K8 before the ledger has the reply", afterEnd, 0, 0},
		{"K4 after the ledger has the reply", afterLedger, 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			eachShared(t, func(t *testing.T, url string) {
				tr := newShared(t, url, 40, nil)
				tr.dies(childWork{Point: tt.point, Hit: 9, Connections: 1, Lease: time.Hour})
				tally := tr.takesOver()
				if extra, doubts := tr.audit(); tally.Sent != 40 || extra != tt.extra || doubts != tt.doubts {
					t.Errorf("%+v, %d copies too many, %d in doubt; want 40 sent, %d, %d", tally, extra, doubts, tt.extra, tt.doubts)
				}
			})
		})
	}
}

// TestKillAmongBatches kills a process of several batches and connections: at
// most one delivery for each connection is in doubt, and nobody is lost.
func TestKillAmongBatches(t *testing.T) {
	tests := []struct {
		name  string
		point point
		hit   int64
	}{
		{"K4 before a batch is taken", batchJournaled, 2},
		{"K4 before the first delivery of a batch", batchTaken, 1},
		{"K8 before the reply is written down", afterDeliver, 60},
		{"K4 before the journal of a batch is removed", batchReturned, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			eachShared(t, func(t *testing.T, url string) {
				const readers = 140 // three batches
				tr := newShared(t, url, readers, nil)
				tr.dies(childWork{Point: tt.point, Hit: tt.hit, Lease: time.Hour})
				tally := tr.takesOver()
				if _, doubts := tr.audit(); tally.Sent != readers || doubts > tr.Connections {
					t.Errorf("%+v, %d in doubt; want %d sent and at most %d in doubt", tally, doubts, readers, tr.Connections)
				}
			})
		})
	}
}

// TestK7KilledBeforeTheReply kills a process whose conversations all wait for
// the reply to a message that the server has.
func TestK7KilledBeforeTheReply(t *testing.T) {
	for _, policy := range []InDoubt{Resend, Hold} {
		t.Run(string(policy), func(t *testing.T) {
			eachShared(t, func(t *testing.T, url string) {
				const connections = 4
				killed := make(chan struct{})
				var waiting sync.WaitGroup
				waiting.Add(connections)
				tr := newShared(t, url, 40, func(e smtptest.Event) smtptest.Answer {
					if e.Phase == smtptest.Message && e.Conn <= connections {
						waiting.Done()
						return smtptest.Answer{Wait: killed}
					}
					return smtptest.Answer{}
				})
				tr.OnInDoubt = policy
				cmd := tr.command(t.Context(), childWork{Lease: time.Hour})
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				waiting.Wait()
				if err := cmd.Process.Kill(); err != nil {
					t.Error(err)
				}
				if err := cmd.Wait(); !isKilled(err) {
					t.Errorf("the child ended by itself: %v", err)
				}
				close(killed)
				if err := tr.server.Wait(t.Context(), connections); err != nil {
					t.Fatal(err)
				}
				tally := tr.takesOver()
				extra, doubts := tr.audit()
				held, copies := 0, connections
				if policy == Hold {
					held, copies = connections, 0
				}
				if doubts != connections || extra != copies || tally.Held != held || tally.Sent != 40-held {
					t.Errorf("%+v, %d in doubt, %d copies too many; want %d in doubt, %d held, %d copies", tally, doubts, extra, connections, held, copies)
				}
			})
		})
	}
}
