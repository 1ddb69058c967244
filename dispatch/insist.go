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
	// tryLimit is longer than SQLite waits for a lock.
	tryLimit = 30 * time.Second
)

// try runs f, with a limit where a network lies between. A file does not go
// away without a word, and a statement that can be interrupted costs SQLite a
// goroutine, three times the statement itself.
func (r *run) try(ctx context.Context, f func(context.Context) error) error {
	if r.Ledger.DB.Dialect() == database.SQLite {
		return f(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, tryLimit)
	defer cancel()
	return f(ctx)
}

// insist runs f until it succeeds or fails with an error that does not pass: a
// full disk has space again some time, a server is restarted, a lock released.
// Nobody is mailed meanwhile. what names it in the log.
//
// Each try has half a minute: a server that went away without a word would not
// be missed for a quarter of an hour otherwise. When the run has ended, insist
// gives up a while after.
func (r *run) insist(ctx context.Context, what string, f func(context.Context) error) error {
	pause := 20 * time.Millisecond
	var deadline time.Time
	for attempt := 1; ; attempt++ {
		err := r.try(ctx, f)
		if err == nil || ctx.Err() != nil || !database.MayPass(err) && !errors.Is(err, context.DeadlineExceeded) {
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
