package dispatch

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/zotpaper/zotpaper/internal/database"
	"github.com/zotpaper/zotpaper/mailer"
)

// A clerk writes the ledger for all connections of a run. Each of them hands in
// what became of its last delivery and asks for the next one; whoever asks
// while a transaction is under way shares the next, so that the cost of making
// it durable is divided among the connections.
//
// A connection has never more than one delivery in the state sending, and
// begins none before the outcome of its last one is committed. That bounds
// what a crash leaves in doubt.
type clerk struct {
	hold     *hold
	requests chan request
	ready    map[string]*sql.Stmt // by their text: parsed once, not once a message
}

// A request is what one connection wants.
type request struct {
	last   *settled // outcome to record; nil: none
	more   bool     // the next delivery is wanted
	answer chan<- answer
}

// A settled is a delivery with what became of it.
type settled struct {
	delivery Delivery
	outcome  outcome
}

// An answer says that the outcome is recorded, and what is next.
type answer struct {
	next Delivery
	ok   bool // false: no delivery is due
	err  error
}

// An outcome is what became of one attempt.
type outcome struct {
	state   State
	next    time.Time // of Deferred
	doubt   bool      // the final dot was written and no reply read
	uncount bool      // it was not the recipient's attempt: we were at fault
	reply   mailer.Reply
}

// ask hands in last and, if more, returns the next delivery.
func (c *clerk) ask(last *settled, more bool) (Delivery, bool, error) {
	if last == nil && !more {
		return Delivery{}, false, nil
	}
	got := make(chan answer, 1)
	c.requests <- request{last, more, got}
	a := <-got
	return a.next, a.ok, a.err
}

// newClerk returns a clerk for n connections.
func newClerk(ctx context.Context, h *hold, n int) (*clerk, error) {
	c := &clerk{hold: h, requests: make(chan request, n), ready: map[string]*sql.Stmt{}}
	for _, text := range []string{checkFence, recordOutcomes, claimPending, claimDeferred} {
		stmt, err := h.ledger.DB.PrepareContext(ctx, text)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("prepare the ledger: %w", err), c.close())
		}
		c.ready[text] = stmt
	}
	return c, nil
}

func (c *clerk) close() error {
	var errs []error
	for _, stmt := range c.ready {
		errs = append(errs, stmt.Close())
	}
	return errors.Join(errs...)
}

// work answers requests until there will be no more. suppressed is told of
// deliveries that ended there and then, since their readers must not be
// mailed.
func (c *clerk) work(ctx context.Context, suppressed func(Delivery)) {
	for first := range c.requests {
		group := []request{first}
		for waiting := true; waiting; {
			select {
			case r, open := <-c.requests:
				if waiting = open; open {
					group = append(group, r)
				}
			default:
				waiting = false
			}
		}
		next, ended, err := c.write(ctx, group)
		for _, d := range ended {
			suppressed(d)
		}
		for _, r := range group {
			a := answer{err: err}
			if err == nil && r.more && len(next) > 0 {
				a.next, a.ok = next[0], true
				next = next[1:]
			}
			r.answer <- a
		}
	}
}

// write records the outcomes of group and takes as many deliveries as it asks
// for, in one transaction.
func (c *clerk) write(ctx context.Context, group []request) (next, suppressed []Delivery, err error) {
	outcomes, wanted := 0, 0
	batch := map[string][]any{}
	for _, r := range group {
		if r.last != nil {
			outcomes++
			batch[strconv.FormatInt(r.last.delivery.Position, 10)] = r.last.outcome.columns()
		}
		if r.more {
			wanted++
		}
	}
	text, err := json.Marshal(batch)
	if err != nil {
		return nil, nil, fmt.Errorf("write the ledger: %w", err)
	}
	err = c.hold.ledger.DB.Transact(ctx, func(ctx context.Context, tx *sql.Tx) error {
		next, suppressed = nil, nil // the transaction may be run again
		if err := c.check(ctx, tx); err != nil {
			return err
		}
		if err := c.record(ctx, tx, string(text), outcomes); err != nil {
			return err
		}
		next, suppressed, err = c.claim(ctx, tx, wanted)
		return err
	})
	if err != nil {
		return nil, nil, fmt.Errorf("write the ledger: %w", err)
	}
	return next, suppressed, nil
}

// replyTextLimit bounds what is kept of a server's words, in bytes.
const replyTextLimit = 500

// columns returns o as recordOutcomes reads it.
func (o outcome) columns() []any {
	// What a server says may be in any encoding; PostgreSQL takes UTF-8 alone,
	// and no zero byte.
	words := strings.ReplaceAll(strings.ToValidUTF8(o.reply.Text, "?"), "\x00", "")
	if len(words) > replyTextLimit {
		words = strings.ToValidUTF8(words[:replyTextLimit], "")
	}
	next, err := database.Time{Time: o.next}.Value()
	if err != nil {
		next = nil // a year beyond 9999: never
	}
	return []any{string(o.state), next, toInt(o.doubt), toInt(o.uncount), o.reply.Code, o.reply.Enhanced, words}
}

func toInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// in returns the statement of that text, for use within tx, whose end closes
// it.
func (c *clerk) in(ctx context.Context, tx *sql.Tx, text string) *sql.Stmt {
	return tx.StmtContext(ctx, c.ready[text])
}

const checkFence = `
	SELECT 1 FROM dispatches WHERE edition_id = $1 AND fence = $2`

// check fails with errFenced if the dispatch has another owner by now. On
// PostgreSQL what follows in tx could still race with a new owner; the fence
// that a claim writes into its row then refuses the outcome.
func (c *clerk) check(ctx context.Context, tx *sql.Tx) error {
	var one int
	err := c.in(ctx, tx, checkFence).QueryRowContext(ctx, c.hold.editionID, c.hold.fence).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return errFenced
	}
	return err
}

// recordOutcomes takes all outcomes as one JSON object of arrays by position:
// json_each lists its members alike on both databases.
const recordOutcomes = `
	UPDATE deliveries
	SET    state = batch.value ->> 0, next_attempt_at = batch.value ->> 1,
	       in_doubt = in_doubt + CAST(batch.value ->> 2 AS BIGINT),
	       attempts = attempts - CAST(batch.value ->> 3 AS BIGINT),
	       reply_code = CAST(batch.value ->> 4 AS BIGINT),
	       reply_enhanced = batch.value ->> 5, reply_text = batch.value ->> 6, changed_at = $2
	FROM   json_each($1) AS batch
	WHERE  deliveries.edition_id = $3 AND deliveries.position = CAST(batch.key AS BIGINT)
	AND    deliveries.state = 'sending' AND deliveries.fence = $4`

// record writes n outcomes. It fails with errFenced if one of the rows is no
// longer ours: another process has taken the dispatch over.
func (c *clerk) record(ctx context.Context, tx *sql.Tx, outcomes string, n int) error {
	if n == 0 {
		return nil
	}
	h := c.hold
	result, err := c.in(ctx, tx, recordOutcomes).
		ExecContext(ctx, outcomes, database.Time{Time: h.ledger.Now()}, h.editionID, h.fence)
	if err != nil {
		return fmt.Errorf("record outcomes: %w", err)
	}
	if written, err := result.RowsAffected(); err != nil || int(written) != n {
		return errors.Join(fmt.Errorf("record outcomes: %w", errFenced), err)
	}
	return nil
}

// claimDeliveries takes deliveries that wait. Choosing, marking, and asking
// whether the reader may still be mailed are one statement: nobody else can
// take the rows, and once an unsubscription is committed the row cannot become
// sending. The view mailable belongs to package subscribers.
const (
	claimDeliveries = `
		UPDATE deliveries
		SET    state = CASE WHEN EXISTS (SELECT 1 FROM mailable
		                                 WHERE mailable.list = $1 AND mailable.subscriber_id = deliveries.subscriber_id)
		                    THEN 'sending' ELSE 'suppressed' END,
		       attempts = attempts + 1, next_attempt_at = NULL, fence = $2, changed_at = $3
		WHERE  edition_id = $4
		AND    position IN (`
	returning = `)
		RETURNING position, ref, address, name, attempts, state`

	claimPending = claimDeliveries + `
			SELECT position FROM deliveries
			WHERE  edition_id = $4 AND state = 'pending'
			ORDER  BY position LIMIT $5` + returning

	claimDeferred = claimDeliveries + `
			SELECT position FROM deliveries
			WHERE  edition_id = $4 AND state = 'deferred' AND next_attempt_at <= $3
			ORDER  BY position LIMIT $5` + returning
)

// claim takes up to wanted deliveries for sending: first attempts before
// repeated ones, so that no reader waits for somebody else's server. It also
// returns those that ended, since their readers must not be mailed any more.
func (c *clerk) claim(ctx context.Context, tx *sql.Tx, wanted int) (next, suppressed []Delivery, err error) {
	for _, query := range []string{claimPending, claimDeferred} {
		for len(next) < wanted {
			claimed, ended, err := c.claimSome(ctx, tx, query, wanted-len(next))
			if err != nil {
				return nil, nil, fmt.Errorf("claim deliveries: %w", err)
			}
			next = append(next, claimed...)
			suppressed = append(suppressed, ended...)
			if len(claimed)+len(ended) == 0 {
				break
			}
		}
	}
	return next, suppressed, nil
}

func (c *clerk) claimSome(ctx context.Context, tx *sql.Tx, query string, limit int) (claimed, ended []Delivery, err error) {
	h := c.hold
	rows, err := c.in(ctx, tx, query).
		QueryContext(ctx, h.list, h.fence, database.Time{Time: h.ledger.Now()}, h.editionID, limit)
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	for rows.Next() {
		d := Delivery{Edition: h.key, Started: h.started}
		var state State
		if err := rows.Scan(&d.Position, &d.Ref, &d.Address, &d.Name, &d.Attempts, &state); err != nil {
			return nil, nil, err
		}
		d.MessageID = messageID(h.key, d.Ref)
		if state == Suppressed {
			ended = append(ended, d)
			continue
		}
		claimed = append(claimed, d)
	}
	return claimed, ended, rows.Err()
}
