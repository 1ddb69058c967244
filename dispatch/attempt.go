package dispatch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/zotpaper/zotpaper/mailer"
)

const (
	// patience is how many conversations in a row may break or fail to begin,
	// over all connections, before the dispatch stops and says so. With the
	// pauses between them that is about a minute of trying.
	patience = 12
	// refusals is how many recipients in a row may be refused by what looks
	// like a policy against us before the dispatch stops. One may have a
	// server of their own that wants nothing of us; that must not cost the
	// others their paper.
	refusals = 3
	// longestPause bounds the pause between two tries to connect.
	longestPause = 10 * time.Second
)

// backoff returns how long a delivery waits after so many attempts. An edition
// is stale when the next one is due, so the steps are shorter than a mail
// server's own.
func backoff(attempts int) time.Duration {
	steps := []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute}
	if attempts >= 1 && attempts <= len(steps) {
		return steps[attempts-1]
	}
	return time.Hour
}

// dial opens a connection. It returns nil without an error if there was none
// to be had, after a pause that grows with the failures; and a *StopError if
// the server refuses us, or if trying on looks pointless.
func (r *run) dial(ctx context.Context) (*mailer.Conn, error) {
	conn, err := r.Relay.Dial(ctx)
	switch {
	case err == nil:
		return conn, nil
	case ctx.Err() != nil:
		return nil, nil //nolint:nilerr // the caller looks at ctx
	case mailer.OurFault(err):
		return nil, &StopError{r.hold.key, err}
	}
	failures := r.failed()
	if failures >= patience {
		return nil, &StopError{r.hold.key, err}
	}
	r.Log.Warn("cannot connect to the mail server", "edition", r.hold.key.String(), "failures", failures, "error", err)
	pause := min(time.Second<<min(failures, 8), longestPause)
	if err := r.wait(ctx, pause); err != nil {
		return nil, nil //nolint:nilerr // the caller looks at ctx
	}
	return nil, nil
}

// failed counts a conversation that broke and returns how many have in a row.
func (r *run) failed() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures++
	return r.failures
}

func (r *run) succeeded() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures, r.refused = 0, 0
}

// attempt holds one SMTP conversation for d and returns what became of it.
// stop is not nil if no further delivery must be begun.
func (r *run) attempt(ctx context.Context, conn *mailer.Conn, d Delivery) (o outcome, stop error) {
	envelope, raw, err := r.letter.Compose(d)
	if err != nil {
		// One reader's name or address that cannot be printed must not keep
		// the edition from all others.
		r.Log.Error("cannot compose a message", "edition", d.Edition.String(), "delivery", d.Position, "error", err)
		return outcome{state: Unrenderable, reply: mailer.Reply{Text: err.Error()}}, nil
	}
	reply, err := conn.Send(ctx, envelope, raw)
	if err == nil {
		r.succeeded()
		return outcome{state: Sent, reply: reply}, nil
	}
	return r.judge(d, err)
}

// judge decides what a failed attempt means for its delivery, and for the
// dispatch.
func (r *run) judge(d Delivery, err error) (o outcome, stop error) {
	now := r.Ledger.Now()
	again := outcome{state: Deferred, next: now.Add(backoff(d.Attempts))}
	again.reply.Text = err.Error()
	var refused *mailer.ReplyError
	if errors.As(err, &refused) {
		again.reply = refused.Reply
	}
	switch {
	case mailer.InDoubt(err):
		r.Log.Warn("no reply after the final dot", "edition", d.Edition.String(), "delivery", d.Position, "policy", string(r.OnInDoubt), "error", err)
		again.doubt = true
		if r.OnInDoubt == Hold {
			again.state, again.next = Held, time.Time{}
		}
		return again, r.broke(err)
	case mailer.OurFault(err):
		// The recipient is not to blame: it counts as no attempt of theirs,
		// and never as a rejection.
		again.uncount = true
		if r.refusedAgain() < refusals {
			return r.unlessExpired(again), nil
		}
		again.state, again.next = Pending, time.Time{}
		return again, &StopError{d.Edition, err}
	case mailer.Permanent(err):
		r.succeeded()
		return outcome{state: Rejected, reply: again.reply}, nil
	case refused != nil:
		r.succeeded()
		return r.unlessExpired(again), nil //nolint:nilerr // the recipient's error stops nothing
	}
	// The conversation broke before the final dot: nothing was sent.
	return outcome{state: Pending, reply: again.reply}, r.broke(err)
}

// unlessExpired turns a deferral into an end if the edition is too old for
// another attempt.
func (r *run) unlessExpired(again outcome) outcome {
	if !again.next.Before(r.hold.expires) {
		again.state, again.next = Expired, time.Time{}
	}
	return again
}

// refusedAgain counts a refusal of us and returns how many there were in a
// row.
func (r *run) refusedAgain() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refused++
	return r.refused
}

// broke counts a broken conversation and says whether to stop over it.
func (r *run) broke(err error) error {
	if failures := r.failed(); failures >= patience {
		return &StopError{r.hold.key, fmt.Errorf("%d conversations in a row broke, the last with: %w", failures, err)}
	}
	return nil
}
