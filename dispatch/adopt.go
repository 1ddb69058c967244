package dispatch

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/zotpaper/zotpaper/dispatch/journal"
	"github.com/zotpaper/zotpaper/internal/database"
)

// InDoubt says what becomes of a delivery whose final dot was written and
// whose reply was never read.
type InDoubt string

// The policies.
const (
	// Resend sends the message once more, with the same Message-ID: nobody is
	// skipped, a reader may get two copies.
	Resend InDoubt = "resend"
	// Hold leaves the delivery to an editor: nobody gets two, a reader may
	// have none.
	Hold InDoubt = "hold"
)

// evidence is what is known of an earlier owner of a batch.
type evidence struct {
	left *journal.Left // its journal; nil: it is not on this machine, or not ours to read yet
}

func (e evidence) close() error {
	if e.left == nil {
		return nil
	}
	return e.left.Close()
}

func (e evidence) remove() error {
	if e.left == nil {
		return nil
	}
	return e.left.Remove()
}

// predecessor finds out whether b's owner is dead. It fails with a *busyError
// if it is not. On this machine the lock on its journal tells at once; another
// machine's counts as dead when its lease has run out.
func (r *run) predecessor(b batch) (evidence, error) {
	if b.owner == "" {
		return evidence{}, nil
	}
	left, err := journal.Find(r.journals, b.journalID(r.editionID))
	switch own := b.owner == r.Owner; {
	case err == nil:
		return evidence{left}, nil
	case own && errors.Is(err, journal.ErrAlive):
		return evidence{}, &busyError{"this process has it", time.Second} // a job too many
	case own && errors.Is(err, journal.ErrNone):
		return evidence{}, nil // taken by us, but we never heard that we had it
	case !errors.Is(err, journal.ErrNone) && !errors.Is(err, journal.ErrAlive):
		return evidence{}, err
	}
	if wait := b.leaseUntil.Sub(r.clock()); wait > 0 {
		return evidence{}, &busyError{"it is held by " + b.owner, min(wait, 5*time.Second)}
	}
	return evidence{}, nil
}

const openDeliveries = `
	SELECT   position, state, attempts, in_doubt
	FROM     deliveries
	WHERE    edition_id = $1 AND position BETWEEN $2 AND $3 AND state IN ('sending', 'pending', 'deferred') AND fence <= $4
	ORDER BY position`

const settleDeliveries = withEntries + `
	UPDATE deliveries
	SET    state = entry.state, next_attempt_at = entry.next_at, attempts = entry.attempts, in_doubt = entry.doubts,
	       reply_code = entry.code, reply_enhanced = entry.enhanced, reply_text = entry.words,
	       fence = entry.fence, changed_at = $3
	FROM   entry
	WHERE  deliveries.edition_id = entry.edition_id AND deliveries.position = entry.position
	AND    deliveries.state IN ('sending', 'pending', 'deferred') AND deliveries.fence < entry.fence`

// adopt settles, within tx, what earlier owners of b left in the state
// sending. Their journal tells which of these were answered, which are in
// doubt, and which had not begun. Without it all of them are in doubt.
//
// The database may have forgotten what it was told last: it does not wait for
// the disk, and has lost power, or its server died. Then the journal also tells
// of deliveries that, as far as the ledger knows, nobody took.
func (r *run) adopt(ctx context.Context, tx *sql.Tx, b batch, before evidence) error {
	open, err := r.openDeliveries(ctx, tx, b)
	if err != nil || len(open) == 0 {
		return err
	}
	known, told, err := r.testimony(before, open)
	if err != nil {
		return err
	}
	sending, doubtful := 0, 0
	var list entries
	for position, row := range open {
		e, begun := known[position]
		if row.state == Sending {
			sending++
		} else if !begun || e.Ended && !isSent(e.Outcome) {
			continue // it waits, whatever came of an attempt before
		}
		switch {
		case e.Ended:
			if err := list.replay(position, e.Outcome, b.fence+1); err != nil {
				return err
			}
		case begun || !told:
			doubtful++
			o := outcome{state: Pending}
			if r.OnInDoubt == Hold {
				o.state = Held
			}
			o.reply.Text = "no reply was read: the process that sent it died"
			list.add(position, o, row.attempts+1, row.doubts+1, b.fence+1)
		default:
			list.add(position, outcome{state: Pending}, row.attempts, row.doubts, b.fence+1)
		}
	}
	if list.count == 0 {
		return nil
	}
	if _, err := tx.ExecContext(ctx, settleDeliveries, list.json(), r.editionID, database.Time{Time: r.Ledger.Now()}); err != nil {
		return fmt.Errorf("settle what a dead process left: %w", err)
	}
	r.Log.Warn("a process died while sending", "edition", r.key.String(), "batch", b.number, "owner", b.owner,
		"open", sending, "forgotten", list.count-sending, "in_doubt", doubtful, "policy", string(r.OnInDoubt))
	return nil
}

// testimony returns what a dead process's journal says of its open deliveries.
// told is false if it says nothing, because there is none or it is damaged; then
// every one of them is in doubt.
func (r *run) testimony(before evidence, open map[int64]openDelivery) (known map[int64]journal.Entry, told bool, err error) {
	if before.left == nil {
		return nil, false, nil
	}
	known = map[int64]journal.Entry{}
	err = before.left.Each(func(e journal.Entry) error {
		if _, ok := open[e.Position]; ok {
			e.Outcome = append([]byte(nil), e.Outcome...)
			known[e.Position] = e
		}
		return nil
	})
	var damaged *journal.DamagedError
	if errors.As(err, &damaged) {
		r.Log.Error("a journal is damaged; all that was under way counts as in doubt", "edition", r.key.String(), "error", err)
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("journal of the process that died: %w", err)
	}
	return known, true, nil
}

// An openDelivery is one that an earlier owner left without an end.
type openDelivery struct {
	state            State
	attempts, doubts int
}

func (r *run) openDeliveries(ctx context.Context, tx *sql.Tx, b batch) (map[int64]openDelivery, error) {
	rows, err := tx.QueryContext(ctx, openDeliveries, r.editionID, b.first, b.last, b.fence)
	if err != nil {
		return nil, fmt.Errorf("look for what a dead process left: %w", err)
	}
	defer rows.Close()
	open := map[int64]openDelivery{}
	for rows.Next() {
		var position int64
		var d openDelivery
		if err := rows.Scan(&position, &d.state, &d.attempts, &d.doubts); err != nil {
			return nil, fmt.Errorf("look for what a dead process left: %w", err)
		}
		open[position] = d
	}
	return open, rows.Err()
}

// isSent reports whether an outcome in a journal is that the message was sent.
func isSent(columns []byte) bool { return bytes.HasPrefix(columns, []byte(`["sent"`)) }

// replay adds an outcome as it stood in a journal, under a new fence.
func (e *entries) replay(position int64, columns []byte, fence int64) error {
	var fields []json.RawMessage
	if err := json.Unmarshal(columns, &fields); err != nil || len(fields) != entryColumns {
		return errors.Join(fmt.Errorf("journal: the outcome at position %d is not one", position), err)
	}
	fields[1] = fmt.Appendf(nil, "%d", fence)
	text, err := json.Marshal(fields)
	if err != nil {
		return err
	}
	e.raw(position, text)
	return nil
}

// tidy removes journals that nobody will ask for any more: those of batches
// that were given back, or have had another owner since. A process that dies
// between the commit and the removal leaves one.
func (r *run) tidy(ctx context.Context) error {
	ids, err := journal.List(r.journals)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if wanted, err := r.wanted(ctx, id); err != nil {
			return err
		} else if wanted {
			continue
		}
		left, err := journal.Find(r.journals, id)
		if err != nil {
			continue // its owner lives, or has just removed it
		}
		// Its owner may have taken its batch, and died, between the question
		// and the lock.
		if wanted, err := r.wanted(ctx, id); err != nil || wanted {
			if err = errors.Join(err, left.Close()); err != nil {
				return err
			}
			continue
		}
		if err := left.Remove(); err != nil {
			return err
		}
	}
	return nil
}

// wanted reports whether somebody will ask for a journal.
func (r *run) wanted(ctx context.Context, id journal.ID) (bool, error) {
	var n int
	if err := r.Ledger.DB.QueryRowContext(ctx, journalWanted, id.Edition, id.Batch, id.Fence).Scan(&n); err != nil {
		return false, fmt.Errorf("look for journals to remove: %w", err)
	}
	return n > 0, nil
}

const journalWanted = `
	SELECT COUNT(*) FROM batches
	WHERE  edition_id = $1 AND number = $2 AND fence <= $3 AND owner <> ''`
