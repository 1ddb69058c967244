package dispatch

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/zotpaper/zotpaper/internal/database"
	"github.com/zotpaper/zotpaper/internal/database/databasetest"
	"github.com/zotpaper/zotpaper/internal/smtptest"
)

// TestR1UnsubscribedWhileTheEditionGoesOut has 200 readers unsubscribe at random
// moments while 2,000 get the edition. No message to them begins after the
// unsubscription was answered, but for what was in hand: two deliveries for each
// connection are, one under way and one whose envelope goes out with it.
func TestR1UnsubscribedWhileTheEditionGoesOut(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		const (
			readers = 2000
			leavers = 200
			seed    = 7
		)
		var mu sync.Mutex
		begun := map[int]int{}               // messages, by connection
		answered := map[string]map[int]int{} // what had begun when a reader's unsubscription was answered
		type place struct{ conn, number int }
		places := map[string]place{} // of a reader's message: the how-manieth of which connection
		tr := newTrial(t, db, readers, func(e smtptest.Event) smtptest.Answer {
			if e.Phase == smtptest.Rcpt {
				mu.Lock()
				defer mu.Unlock()
				begun[e.Conn]++
				places[e.Recipient] = place{e.Conn, begun[e.Conn]}
			}
			return smtptest.Answer{}
		})
		random := rand.New(rand.NewPCG(seed, seed))
		leaving := random.Perm(readers)[:leavers]
		done := make(chan struct{})
		go func() {
			defer close(done)
			for i, n := range leaving {
				if err := tr.server.Wait(t.Context(), i*(readers*7/10)/leavers); err != nil {
					t.Error(err)
					return
				}
				address := fmt.Sprintf("reader%d@example.org", n+1)
				if _, err := tr.people.Unsubscribe(t.Context(), "afternoon", address, "reader"); err != nil {
					t.Error(err)
				}
				mu.Lock()
				answered[address] = maps.Clone(begun)
				mu.Unlock()
			}
		}()
		tally, err := tr.run(t.Context())
		<-done
		if err != nil || !tally.Complete() || tally.Sent+tally.Suppressed != readers || tally.Suppressed == 0 {
			t.Errorf("Run: %+v, error %v; want everybody sent or suppressed", tally, err)
		}
		const inHand = 2 // by each connection
		leaked := 0
		for address, before := range answered {
			at, mailed := places[address]
			if !mailed || at.number <= before[at.conn] {
				continue
			}
			leaked++
			if at.number > before[at.conn]+inHand {
				t.Errorf("the message to %s was the %dth of its connection, and %d had begun when the unsubscription was answered",
					address, at.number, before[at.conn])
			}
		}
		tr.audit()
		t.Logf("%d suppressed; %d got what was in hand", tally.Suppressed, leaked)
	})
}
