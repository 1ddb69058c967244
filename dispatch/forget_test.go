package dispatch

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/zotpaper/zotpaper/internal/database"
	"github.com/zotpaper/zotpaper/internal/database/databasetest"
)

// forget undoes what a loss of power may undo of a dispatch: all that was
// recorded since a commit last waited for the disk.
const forget = `
	UPDATE deliveries SET state = 'pending', fence = 0, attempts = 0, in_doubt = 0, reply_code = 0
	WHERE  state IN ('sending', 'sent')`

// TestForgottenByTheDatabase has the database forget the last outcomes while
// their process lives, as when its server dies: nobody gets a second copy.
func TestForgottenByTheDatabase(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		const readers = 140
		tr := newTrial(t, db, readers, nil)
		var hits atomic.Int64
		tr.failpoint = func(p point) {
			// In the clerk, so that no statement is under way. What was given
			// back has waited for the disk.
			if p == afterLedger && hits.Add(1) == 20 {
				execute(t, db, forget+" AND EXISTS (SELECT 1 FROM batches WHERE owner <> '' AND position BETWEEN first_position AND last_position)")
			}
		}
		tally, err := tr.run(t.Context())
		if extra, doubts := tr.audit(); err != nil || tally.Sent != readers || extra+doubts != 0 {
			t.Errorf("Run: %+v, error %v, %d copies too many, %d in doubt", tally, err, extra, doubts)
		}
	})
}

// TestForgottenWithTheProcess has the database forget what a process recorded
// last, which is dead, as after a loss of power: its journal has it.
func TestForgottenWithTheProcess(t *testing.T) {
	eachShared(t, func(t *testing.T, url string) {
		tr := newShared(t, url, 40, nil)
		tr.dies(childWork{Point: afterDeliver, Hit: 15, Connections: 1, Lease: time.Hour})
		execute(t, tr.Ledger.DB, forget)
		tally := tr.takesOver()
		if extra, doubts := tr.audit(); tally.Sent != 40 || extra != 1 || doubts != 1 {
			t.Errorf("%+v, %d copies too many, %d in doubt; want the one that was under way", tally, extra, doubts)
		}
	})
}
