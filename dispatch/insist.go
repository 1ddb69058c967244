package dispatch

import (
	"context"
	"errors"
	"time"

	"github.com/zotpaper/zotpaper/internal/database"
)

const (
	// insistAfterEnd is how long a process that is to stop goes on trying to
	// write down what became of its last conversations. Whatever it cannot is
	// in the journal.
	insistAfterEnd = 15 * time.Second
	longestInsist  = 2 * time.Second
)

// insist runs f until it succeeds or fails with an error that does not pass: a
// full disk has space again some time, a server is restarted, a lock released.
// Nobody is mailed meanwhile. what names it in the log.
//
// f runs whether or not ctx has ended. When the run has ended, insist gives up
// a while after.
func (r *run) insist(ctx context.Context, what string, f func() error) error {
	pause := 20 * time.Millisecond
	var deadline time.Time
	for attempt := 1; ; attempt++ {
		err := f()
		if err == nil || !database.MayPass(err) || errors.Is(err, context.Canceled) {
			if err == nil && attempt > 1 {
				r.Log.Info("it works again", "edition", r.key.String(), "what", what, "attempts", attempt)
			}
			return err
		}
		if r.ctx.Err() != nil {
			if now := r.Ledger.Now(); deadline.IsZero() {
				deadline = now.Add(insistAfterEnd)
			} else if now.After(deadline) {
				return err
			}
		}
		if attempt == 1 {
			r.Log.Warn("trouble with the database; nobody is mailed until it works again", "edition", r.key.String(), "what", what, "error", err)
		}
		if waitErr := r.wait(ctx, pause); waitErr != nil {
			return errors.Join(err, waitErr)
		}
		pause = min(2*pause, longestInsist)
	}
}
