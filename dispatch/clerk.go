package dispatch

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"

	"github.com/zotpaper/zotpaper/internal/database"
)

// A clerk writes the ledger for all connections of a run. Each of them hands in
// what became of its last deliveries and asks whether it may make the next one;
// whoever asks while a statement is under way shares the next, so that its cost
// is divided among the connections.
//
// One statement records the outcomes and takes the deliveries. To take one is
// to ask, in the same statement, whether the reader may still be mailed,
// whether the batch is still ours, and whether the dispatch still runs.
//
// It does not wait for the disk: the journal has every outcome, and the commit
// with which a batch is given back makes all of it durable.
type clerk struct {
	run      *run
	requests chan *request

	conn    *database.Relaxed // nil: to be opened
	write   *sql.Stmt
	changes entries
}

// A request is what one connection wants.
type request struct {
	settled []settled // outcomes to record
	want    *Delivery // may be made next, if so; nil: none
	answer  chan verdict
}

// A settled is a delivery with what became of it.
type settled struct {
	delivery *Delivery
	outcome  outcome
}

// A verdict says whether a delivery may be made. Whatever it is, the outcomes
// handed in with the question are recorded, or it is the journal that has them.
type verdict int

// The verdicts.
const (
	taken      verdict = iota // it is ours to make, now
	suppressed                // its reader must not be mailed any more
	refused                   // the dispatch was stopped
	lost                      // its batch is another process's
	broken                    // the ledger cannot be written
)

func newClerk(r *run) *clerk { return &clerk{run: r, requests: make(chan *request, 256)} }

// ask hands in q and returns the verdict on what it wants. It waits for the
// ledger, however long that takes.
func (c *clerk) ask(q *request) verdict {
	if len(q.settled) == 0 && q.want == nil {
		return refused
	}
	if q.answer == nil {
		q.answer = make(chan verdict, 1)
	}
	c.requests <- q
	return <-q.answer
}

// work answers requests until the channel is closed.
func (c *clerk) work(ctx context.Context) {
	defer c.disconnect()
	var group []*request
	for first := range c.requests {
		group = append(group[:0], first)
		runtime.Gosched() // a reply that is there already can still come along
		for waiting := true; waiting; {
			select {
			case q, open := <-c.requests:
				if waiting = open; open {
					group = append(group, q)
				}
			default:
				waiting = false
			}
		}
		verdicts, err := c.record(ctx, group)
		if err != nil {
			c.run.stop(fmt.Errorf("write the ledger: %w", err))
		} else {
			c.run.reach(afterLedger)
		}
		for i, q := range group {
			v := broken
			if err == nil {
				v = verdicts[i]
			}
			c.account(q)
			q.answer <- v
		}
	}
}

// account counts outcomes that were handed in. What the ledger lacks of them is
// found when their batch is given back.
func (c *clerk) account(q *request) {
	for _, s := range q.settled {
		s.delivery.share.ended(s.outcome.state)
	}
}

// record writes what group hands in and returns a verdict for each. While the
// disk is full, or the database locked or out of reach, it tries again: nobody
// is mailed meanwhile.
func (c *clerk) record(ctx context.Context, group []*request) (verdicts []verdict, err error) {
	c.changes.reset()
	for _, q := range group {
		for _, s := range q.settled {
			c.changes.settle(s.delivery, s.outcome)
		}
		if q.want != nil {
			c.changes.take(q.want)
		}
	}
	text := c.changes.json()
	err = c.run.insist(ctx, "write the ledger", func(ctx context.Context) error {
		written, err := c.update(ctx, text)
		if err == nil && written == c.changes.count {
			verdicts = make([]verdict, len(group)) // all taken
			return nil
		}
		if err == nil {
			verdicts, err = c.inspect(ctx, group, text)
		}
		if err != nil {
			c.disconnect() // it may be the connection
		}
		return err
	})
	return verdicts, err
}

// recordAndTake is idempotent: when the answer to it was lost, it may be run
// again. An outcome is accepted only under the fence that its delivery was
// taken with.
//
// With EXISTS instead of the comparison with 1, PostgreSQL would collect the
// whole list first.
//
// On PostgreSQL a process that has just lost its batch could still take a
// delivery of it, racing with the new owner; the row then is in the state
// sending under the old fence, the new owner does not get it, and the sweep of
// the batch finds it. The view mailable belongs to package subscribers.
const recordAndTake = withEntries + `
	UPDATE deliveries
	SET    state = entry.state, next_attempt_at = entry.next_at,
	       attempts = COALESCE(entry.attempts, deliveries.attempts),
	       in_doubt = COALESCE(entry.doubts, deliveries.in_doubt),
	       reply_code = COALESCE(entry.code, deliveries.reply_code),
	       reply_enhanced = COALESCE(entry.enhanced, deliveries.reply_enhanced),
	       reply_text = COALESCE(entry.words, deliveries.reply_text),
	       fence = entry.fence, changed_at = $3
	FROM   entry
	WHERE  deliveries.edition_id = entry.edition_id AND deliveries.position = entry.position
	AND    CASE WHEN entry.state = 'sending'
	       THEN (deliveries.state IN ('pending', 'deferred') OR deliveries.state = 'sending' AND deliveries.fence = entry.fence)
	            AND (SELECT state FROM dispatches WHERE dispatches.edition_id = $2) = 'running'
	            AND entry.fence = (SELECT fence FROM batches
	                               WHERE batches.edition_id = $2 AND batches.first_position <= entry.position
	                               ORDER BY batches.first_position DESC LIMIT 1)
	            AND 1 = (SELECT 1 FROM mailable
	                     WHERE mailable.list = $4 AND mailable.subscriber_id = deliveries.position LIMIT 1)
	       ELSE deliveries.fence = entry.fence AND deliveries.state IN ('sending', entry.state)
	       END`

// update runs the statement and returns how many rows it changed.
func (c *clerk) update(ctx context.Context, text string) (int, error) {
	if err := c.connect(ctx); err != nil {
		return 0, err
	}
	r := c.run
	result, err := c.write.ExecContext(ctx, text, r.editionID, database.Time{Time: r.Ledger.Now()}, r.list)
	if err != nil {
		return 0, err
	}
	n, err := result.RowsAffected()
	return int(n), err
}

func (c *clerk) connect(ctx context.Context) (err error) {
	if c.conn != nil {
		return nil
	}
	if c.conn, err = c.run.Ledger.DB.Relaxed(ctx); err != nil {
		return err
	}
	if c.write, err = c.conn.Prepare(ctx, recordAndTake); err != nil {
		c.disconnect()
	}
	return err
}

func (c *clerk) disconnect() {
	if c.conn == nil {
		return
	}
	var err error
	if c.write != nil {
		err = c.write.Close() // before its connection goes
	}
	if err = errors.Join(err, c.conn.Close()); err != nil {
		c.run.Log.Debug("close the ledger's connection", "error", err)
	}
	c.conn, c.write = nil, nil
}

const inspectEntries = withEntries + `
	SELECT deliveries.position, deliveries.state, deliveries.fence,
	       CASE WHEN EXISTS (SELECT 1 FROM mailable
	                         WHERE mailable.list = $3 AND mailable.subscriber_id = deliveries.position)
	            THEN 1 ELSE 0 END,
	       COALESCE((SELECT fence FROM batches WHERE batches.edition_id = $2 AND batches.first_position <= entry.position
	                 ORDER BY batches.first_position DESC LIMIT 1), 0)
	FROM   entry
	JOIN   deliveries ON deliveries.edition_id = entry.edition_id AND deliveries.position = entry.position`

// A standing is how a delivery stands after a statement that did not change
// all rows it should have.
type standing struct {
	state      State
	fence      int64
	mailable   bool
	batchFence int64
}

// inspect finds out why some rows of group were not changed, and returns the
// verdicts.
func (c *clerk) inspect(ctx context.Context, group []*request, text string) ([]verdict, error) {
	r := c.run
	rows, err := r.Ledger.DB.QueryContext(ctx, inspectEntries, text, r.editionID, r.list)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found := map[int64]standing{}
	for rows.Next() {
		var position int64
		var s standing
		var mailable int
		if err := rows.Scan(&position, &s.state, &s.fence, &mailable, &s.batchFence); err != nil {
			return nil, err
		}
		s.mailable = mailable != 0
		found[position] = s
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	verdicts := make([]verdict, len(group))
	for i, q := range group {
		for _, s := range q.settled {
			share := s.delivery.share
			switch at := found[s.delivery.Position]; {
			case at.fence == share.fence && at.state == s.outcome.state:
			case at.batchFence == share.fence:
				// It forgot that the delivery was taken, see release.
				r.queue.withdraw(share)
			default:
				r.loseShare(share)
			}
		}
		if q.want != nil {
			if verdicts[i], err = c.judge(ctx, q.want, found[q.want.Position]); err != nil {
				return nil, err
			}
		}
	}
	return verdicts, nil
}

const suppressDelivery = `
	UPDATE deliveries
	SET    state = 'suppressed', next_attempt_at = NULL, fence = $1, changed_at = $2
	WHERE  edition_id = $3 AND position = $4
	AND    (state IN ('pending', 'deferred') OR state = 'sending' AND fence = $1)
	AND    NOT EXISTS (SELECT 1 FROM mailable
	                   WHERE mailable.list = $5 AND mailable.subscriber_id = deliveries.position)`

// judge says what is to be done with d, which stands at s.
func (c *clerk) judge(ctx context.Context, d *Delivery, s standing) (verdict, error) {
	r := c.run
	switch {
	case s.batchFence != d.share.fence:
		r.loseShare(d.share)
		return lost, nil
	case s.state == Suppressed && s.fence == d.share.fence:
		return suppressed, nil // by us, a moment ago, and then something else failed
	case s.state != Pending && s.state != Deferred && (s.state != Sending || s.fence != d.share.fence):
		r.loseShare(d.share)
		return lost, nil
	case !s.mailable:
		result, err := r.Ledger.DB.ExecContext(ctx, suppressDelivery, d.share.fence, database.Time{Time: r.Ledger.Now()}, r.editionID, d.Position, r.list)
		if err != nil {
			return broken, err
		}
		n, err := result.RowsAffected()
		if n == 1 {
			return suppressed, err
		}
		return refused, err // they came back this very moment; it is asked again
	case s.state == Sending:
		return taken, nil
	}
	return refused, nil
}
