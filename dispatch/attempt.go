package dispatch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/zotpaper/zotpaper/mailer"
)

const (
	// patience is how long the mail server may be out of reach, or break every
	// conversation, before the dispatch stops and says so. A server that is
	// started again is back within that.
	patience = 2 * time.Minute
	// refusals is how many recipients in a row may be refused by what looks
	// like a policy against us before the dispatch stops. One may have a
	// server of their own that wants nothing of us; that must not cost the
	// others their paper.
	refusals = 3
	// The pauses before a connection tries again, after its first failure and
	// at most.
	shortestPause = 200 * time.Millisecond
	longestPause  = 10 * time.Second
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
// to be had this time; and a *StopError if the server refuses us, or if it has
// been out of reach for too long. It pauses first if conversations have
// failed lately, the longer the more of them have.
func (r *run) dial(ctx context.Context) (*mailer.Conn, error) {
	if pause := r.pause(); pause > 0 {
		if err := r.wait(ctx, pause); err != nil {
			return nil, nil //nolint:nilerr // the caller looks at ctx
		}
	}
	conn, err := r.Relay.Dial(ctx)
	switch {
	case err == nil:
		return conn, nil
	case ctx.Err() != nil:
		return nil, nil //nolint:nilerr // the caller looks at ctx
	case mailer.OurFault(err):
		return nil, &StopError{r.hold.key, err}
	}
	return nil, r.failed(err)
}

// pause returns how long to wait before the next connection. It doubles with
// every round in which all connections failed.
func (r *run) pause() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failures == 0 {
		return 0
	}
	rounds := (r.failures - 1) / max(r.Connections, 1)
	return min(shortestPause<<min(rounds, 10), longestPause)
}

// failed counts a conversation that broke, or could not begin, because of
// cause. It returns a *StopError if none has succeeded for longer than we have
// patience.
func (r *run) failed(cause error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.Ledger.Now()
	if r.failures++; r.failures == 1 {
		r.failing = now
		r.Log.Warn("trouble with the mail server; trying again", "edition", r.hold.key.String(), "error", cause)
	}
	if failing := now.Sub(r.failing); failing >= patience {
		return &StopError{r.hold.key, fmt.Errorf("nothing went out for %s, the last time because: %w", failing.Round(time.Second), cause)}
	}
	return nil
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
		return again, r.failed(err)
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
	return outcome{state: Pending, reply: again.reply}, r.failed(err)
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
