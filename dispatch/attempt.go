package dispatch

import (
	"errors"
	"fmt"
	"time"

	"github.com/zotpaper/zotpaper/mailer"
)

const (
	// patience is how long the mail servers may be out of reach, or break every
	// conversation, before the dispatch stops and says so. A server that is
	// started again is back within that.
	patience = 2 * time.Minute
	// refusals is how many recipients in a row may be refused by what looks
	// like a policy against us before the dispatch stops. One may have a
	// server of their own that wants nothing of us; that must not cost the
	// others their paper.
	refusals = 3
	// returns is how often a delivery may be in a conversation that breaks, or is
	// refused as too much, before it is deferred.
	returns = 5
	// rejections is how many recipients in a row may be rejected for good
	// before the dispatch stops: a relay that knows none of our readers is set
	// up wrongly, or we are.
	rejections = 20
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

// A StopError says that a dispatch stopped because we, not a recipient, are
// refused. Every delivery that was not tried is still pending.
type StopError struct {
	Edition fmt.Stringer
	Cause   error
}

func (e *StopError) Error() string {
	return fmt.Sprintf("dispatch of %s stopped, nobody is lost; put this right and send again: %v", e.Edition, e.Cause)
}

func (e *StopError) Unwrap() error { return e.Cause }

// failed counts a conversation that broke, or could not begin, because of
// cause. It returns a *StopError if none has succeeded for longer than we have
// patience.
func (r *run) failed(cause error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.Ledger.Now()
	if r.failures++; r.failures == 1 {
		r.failing = now
		r.Log.Warn("trouble with the mail server; trying again", "edition", r.key.String(), "error", cause)
	}
	if failing := now.Sub(r.failing); failing >= patience {
		return &StopError{r.key, fmt.Errorf("nothing went out for %s, the last time because: %w", failing.Round(time.Second), cause)}
	}
	return nil
}

// answered notes that a server has judged a recipient: it is there.
func (r *run) answered(l *line) {
	r.reached()
	r.relays.answered(l.relay)
}

// reached notes that a server is there.
func (r *run) reached() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = 0
}

// accepted notes that a server took a message: it knows readers of ours.
func (r *run) accepted(l *line) {
	r.reached()
	r.relays.worked(l.relay)
	r.pace.went()
	l.carried++
}

// judge decides what a failed attempt means for its delivery, and for the
// dispatch. again says that nothing was begun, and that it was not about the
// recipient: the delivery waits for another connection.
func (r *run) judge(l *line, d *Delivery, err error) (o outcome, again bool, stop error) {
	if o, again, stop = r.judgeOnce(l, d, err); !again {
		return o, again, stop
	}
	// What breaks every conversation that it is in is deferred like any other,
	// so that it does not stand in everybody's way.
	if d.returned++; d.returned >= returns {
		d.returned, o.uncount, again = 0, true, false
	}
	return o, again, stop
}

func (r *run) judgeOnce(l *line, d *Delivery, err error) (o outcome, again bool, stop error) {
	o = outcome{state: Deferred, next: r.Ledger.Now().Add(backoff(d.Attempts))}
	o.reply.Text = err.Error()
	var refused *mailer.ReplyError
	if errors.As(err, &refused) {
		o.reply = refused.Reply
	}
	switch {
	case mailer.InDoubt(err):
		r.Log.Warn("no reply after the final dot", "edition", r.key.String(), "delivery", d.Position, "policy", string(r.OnInDoubt), "error", err)
		o.doubt = true
		if r.OnInDoubt == Hold {
			o.state, o.next = Held, time.Time{}
		}
		r.relays.failed(l.relay)
		return r.unlessExpired(o), false, r.failed(err)
	case mailer.OurFault(err):
		stop = r.judgeUs(l, err)
		o.uncount = true
		return r.unlessExpired(o), false, stop
	case refused == nil:
		// The conversation broke before the final dot: nothing was sent.
		r.relays.failed(l.relay)
		return r.unlessExpired(o), true, r.failed(err)
	case isThrottle(refused):
		r.throttled(refused)
		return o, true, nil
	case refused.Reply.Code == 421 && refused.Command != "message":
		// It wants no more over this connection; that is not about anybody. If
		// it took some, it will again.
		if l.carried > 0 {
			return o, true, nil
		}
		r.relays.failed(l.relay)
		return o, true, r.failed(err)
	case mailer.Permanent(err):
		r.answered(l)
		return outcome{state: Rejected, reply: o.reply}, false, r.rejectedAgain(l, d, err)
	}
	r.answered(l)
	return r.unlessExpired(o), false, nil
}

// judgeUs counts a refusal that looks like one of us, not of a recipient. It
// returns a *StopError if it is the last straw.
func (r *run) judgeUs(l *line, err error) error {
	if r.relays.refusedOnce(l.relay) < refusals {
		return nil
	}
	return r.refusedBy(l.relay, err)
}

// rejectedAgain counts a rejection. It returns a *StopError if the server has
// rejected too many in a row, without accepting anybody between them.
func (r *run) rejectedAgain(l *line, d *Delivery, err error) error {
	n := r.relays.rejectedOnce(l.relay, d.Position)
	if n < rejections {
		return nil
	}
	return &StopError{r.key, fmt.Errorf("%s rejected %d recipients in a row, the last one because: %w", l.relay.Host, n, err)}
}

// unrenderable counts a recipient whose message could not be made. It returns a
// *StopError if there were too many in a row: then it is not the recipients.
func (r *run) unrenderable(d *Delivery, err error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.unmade = append(r.unmade, d.Position); len(r.unmade) < rejections {
		return nil
	}
	return &StopError{r.key, fmt.Errorf("the messages to %d recipients in a row could not be composed, the last one because: %w", len(r.unmade), err)}
}

// made notes that a message could be composed.
func (r *run) made() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unmade = r.unmade[:0]
}

// unlessExpired turns a deferral into an end if the edition is too old for
// another attempt.
func (r *run) unlessExpired(o outcome) outcome {
	if o.state == Deferred && !o.next.Before(r.expires) {
		o.state, o.next = Expired, time.Time{}
	}
	return o
}

// isThrottle reports whether a refusal says that we are too fast. It is about
// none of our readers. Amazon SES answers "454 Throttling failure".
//
// https://docs.aws.amazon.com/ses/latest/dg/troubleshoot-smtp.html
func isThrottle(e *mailer.ReplyError) bool {
	if e.Command == "AUTH" {
		return false
	}
	return e.Reply.Code == 454 || e.Reply.Code == 421 && (e.Reply.Enhanced == "4.7.0" || e.Reply.Enhanced == "4.7.28")
}

// throttled slows all connections down.
func (r *run) throttled(e *mailer.ReplyError) {
	limit := r.pace.slow()
	r.Log.Warn("the mail server says that it is too much; slowing down", "edition", r.key.String(),
		"messages_a_second", fmt.Sprintf("%.1f", limit), "reply", e.Reply.String())
}
