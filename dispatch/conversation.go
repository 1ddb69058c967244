package dispatch

import (
	"context"
	"errors"
	"time"

	"github.com/zotpaper/zotpaper/dispatch/journal"
	"github.com/zotpaper/zotpaper/mailer"
)

const (
	// idle is how long a connection waits for something to deliver before it
	// says goodbye: no server likes a guest who only waits.
	idle = 2 * time.Second
	// fullPause is how long to wait before the journal is tried again after its
	// disk was full.
	fullPause = time.Second
)

// A letter is a delivery made out to its recipient, ready to go.
type letter struct {
	*Delivery
	envelope mailer.Envelope
	wire     mailer.Wire
}

// A conversation delivers over one connection. Of the two letters it has in
// hand one is under way, and the other's envelope goes out in the same breath,
// so that a message costs one round trip.
type conversation struct {
	run     *run
	line    *line
	request request   // to the clerk, with outcomes to record
	buffers [2][]byte // letters are made in turns
	turn    int
	columns []byte
}

// deliverAll delivers, over one connection at a time, until ctx ends. An error
// means that nothing further must be begun.
func (r *run) deliverAll(ctx context.Context) error {
	for ctx.Err() == nil {
		// Nobody is called before there is something to say.
		if !r.queue.ready(ctx, time.Minute) {
			continue
		}
		l, err := r.dial(ctx)
		if err != nil {
			return err
		}
		if l == nil {
			continue
		}
		c := &conversation{run: r, line: l}
		err = c.deliver(ctx)
		r.hangUp(l)
		if err != nil {
			return err
		}
	}
	return nil
}

// deliver delivers for as long as the connection lasts and anything is due.
// When it returns, every delivery it began has its outcome in the ledger.
func (c *conversation) deliver(ctx context.Context) error {
	defer c.flush()
	for ctx.Err() == nil && c.line.Usable() && !c.line.Spent() && !c.run.relays.refuses(c.line.relay) {
		first, err := c.first(ctx)
		if err != nil || first == nil {
			return err
		}
		// From here on the conversation is finished whatever happens to ctx:
		// one that is cut after the final dot leaves the reader's copy in
		// doubt.
		open, err := c.open(first)
		for open != nil && err == nil {
			open, err = c.handOver(ctx, open)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// flush hands in the outcomes that are left.
func (c *conversation) flush() {
	c.request.want = nil
	if len(c.request.settled) > 0 {
		c.run.clerk.ask(&c.request)
		c.request.settled = c.request.settled[:0]
	}
}

// first returns the next delivery to begin a transaction for, or nil if none
// is due.
func (c *conversation) first(ctx context.Context) (*letter, error) {
	r := c.run
	for {
		d := r.queue.next()
		if d == nil {
			c.flush() // nothing is kept waiting while we wait
			d = r.queue.await(ctx, idle)
		}
		if d == nil || ctx.Err() != nil {
			c.putBack(d)
			return nil, nil //nolint:nilerr // the caller looks at ctx
		}
		if err := r.pace.take(ctx); err != nil {
			c.putBack(d)
			if ctx.Err() != nil {
				return nil, nil //nolint:nilerr // the caller looks at ctx
			}
			return nil, err
		}
		l, err := c.take(d)
		if l != nil || err != nil {
			return l, err
		}
	}
}

func (c *conversation) putBack(d *Delivery) {
	if d != nil {
		c.run.queue.putBack(d)
	}
}

// second returns a delivery whose transaction can be opened together with the
// message before it, or nil.
func (c *conversation) second(ctx context.Context) (*letter, error) {
	r := c.run
	// An envelope must not be left open for as long as a pause may take.
	if ctx.Err() != nil || c.line.Spent() || r.pace.limits() || r.relays.refuses(c.line.relay) {
		return nil, nil //nolint:nilerr // the caller looks at ctx
	}
	for {
		d := r.queue.next()
		if d == nil {
			return nil, nil
		}
		l, err := c.take(d)
		if l != nil || err != nil {
			return l, err
		}
	}
}

// take asks the ledger for d, handing in what is settled, and makes its letter
// out. It returns nil if d is not to be made.
func (c *conversation) take(d *Delivery) (*letter, error) {
	r := c.run
	c.request.want = d
	v := r.clerk.ask(&c.request)
	c.request.settled = c.request.settled[:0]
	c.request.want = nil
	switch v {
	case taken:
	case suppressed:
		d.share.ended(Suppressed)
		return nil, nil
	case lost:
		d.share.settle(1)
		return nil, nil
	case broken:
		d.share.settle(1)
		return nil, errStopped
	case refused:
		r.queue.putBack(d)
		return nil, errStopped
	}
	r.reach(deliveryTaken)
	written, err := r.letter(d.Issue)
	if err != nil {
		r.queue.putBack(d)
		return nil, err
	}
	l := &letter{Delivery: d}
	at := c.turn % len(c.buffers)
	l.envelope, l.wire, c.buffers[at], err = written.Compose(c.buffers[at], d)
	if err != nil {
		// One reader's name or address that cannot be printed must not keep
		// the edition from all others.
		r.Log.Error("cannot compose a message", "edition", r.key.String(), "delivery", d.Position, "error", err)
		c.settle(d, outcome{state: Unrenderable, reply: mailer.Reply{Text: err.Error()}})
		return nil, r.unrenderable(d, err)
	}
	r.made()
	c.turn++
	return l, nil
}

// errStopped says that nothing further is to be begun; why is known elsewhere.
var errStopped = errors.New("the dispatch was stopped")

// settle notes what became of d, to be handed in with the next question.
func (c *conversation) settle(d *Delivery, o outcome) {
	c.request.settled = append(c.request.settled, settled{d, o})
}

// open opens the transaction of l. It returns nil if it is not open.
func (c *conversation) open(l *letter) (*letter, error) {
	r := c.run
	if limit := c.line.MaxSize(); limit > 0 && int64(l.wire.Len()) > limit {
		// Everybody's copy is too large, so nobody's is tried.
		// https://www.rfc-editor.org/rfc/rfc1870#section-6.1
		r.queue.putBack(l.Delivery)
		return nil, r.refusedBy(c.line.relay, &mailer.ReplyError{Command: "MAIL", Reply: mailer.Reply{Code: 552, Enhanced: "5.3.4",
			Text: "the edition is larger than the server takes"}})
	}
	if err := c.line.Open(r.unhurried, l.envelope); err != nil {
		return nil, c.judged(l, err) // nil: it has its outcome, or waits again
	}
	return l, nil
}

// judged settles a delivery whose attempt failed, or puts it back. The error
// means that nothing further must be begun.
func (c *conversation) judged(l *letter, err error) error {
	o, again, stop := c.run.judge(c.line, l.Delivery, err)
	if again {
		c.run.queue.putBack(l.Delivery)
		return stop
	}
	c.settle(l.Delivery, o)
	return stop
}

// handOver hands over the message of l, whose transaction is open, and opens
// the next in the same breath. It returns the one that is open then, or nil.
func (c *conversation) handOver(ctx context.Context, l *letter) (*letter, error) {
	next, stop := c.second(ctx)
	c.run.reach(beforeBegin)
	if err := l.share.journal.Begin(l.Position); err != nil {
		return nil, c.keepBack(ctx, err, l, next)
	}
	c.run.reach(afterBegin)
	var envelope *mailer.Envelope
	if next != nil {
		envelope = &next.envelope
	}
	result := c.line.Deliver(c.run.unhurried, l.wire, envelope)
	c.run.reach(afterDeliver)
	stop = errors.Join(stop, c.handedOver(l, result))
	if next == nil {
		return nil, stop
	}
	if result.NextErr != nil {
		return nil, errors.Join(stop, c.judged(next, result.NextErr))
	}
	if stop != nil {
		// The server waits for a message that it must not get; hanging up
		// leaves it without one.
		c.run.queue.putBack(next.Delivery)
		return nil, stop
	}
	return next, nil
}

// handedOver records what became of l, first in the journal. It returns an
// error if nothing further must be begun.
func (c *conversation) handedOver(l *letter, result mailer.Delivered) error {
	r := c.run
	o := outcome{state: Sent, reply: result.Reply}
	var again bool
	var stop error
	if result.Err != nil {
		o, again, stop = r.judge(c.line, l.Delivery, result.Err)
	}
	if again {
		o = outcome{state: Pending, uncount: true, reply: o.reply}
	}
	c.columns = o.columns(c.columns[:0], l.Delivery)
	if err := l.share.journal.End(l.Position, c.columns); err != nil {
		// The ledger will have it in a moment; until then only we know.
		r.Log.Warn("cannot write the journal", "edition", r.key.String(), "error", err)
	}
	r.reach(afterEnd)
	if result.Err == nil {
		r.accepted(c.line)
	}
	if again {
		r.queue.putBack(l.Delivery)
		return stop
	}
	c.settle(l.Delivery, o)
	return stop
}

// keepBack hangs up on a server that waits for a message, because the journal
// cannot say that it is about to get it.
func (c *conversation) keepBack(ctx context.Context, cause error, held ...*letter) error {
	r := c.run
	r.close(c.line)
	for _, l := range held {
		if l != nil {
			r.queue.putBack(l.Delivery)
		}
	}
	if !journal.IsFull(cause) {
		return cause
	}
	r.note(cause, "the disk of the journal is full; nobody is mailed until there is room")
	_ = r.wait(ctx, fullPause) // the caller looks at ctx
	return nil
}
