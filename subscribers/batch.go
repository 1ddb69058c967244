package subscribers

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// An outcome is what became of a row.
type outcome int

const (
	outcomeOpen outcome = iota // not known yet
	outcomeAdded
	outcomeAlready
	outcomeWithdrawn
	outcomeSuppressed
)

// write writes the rows of the batch in one transaction and sets their
// outcomes. In a dry run it only looks.
func (im *importer) write(ctx context.Context) error {
	if im.options.DryRun {
		for i := range im.rows {
			im.rows[i].outcome = outcomeOpen
		}
		if _, err := im.settle(ctx, im.store.DB); err != nil {
			return err
		}
		for i := range im.rows {
			if im.rows[i].outcome == outcomeOpen {
				im.rows[i].outcome = outcomeAdded
			}
		}
		return nil
	}
	return im.store.DB.Transact(ctx, func(ctx context.Context, tx *sql.Tx) error {
		for i := range im.rows { // Transact may have run this before
			im.rows[i].outcome = outcomeOpen
		}
		// On PostgreSQL others may add the same people between our statements.
		// Then ours do nothing, and the next round finds what they did.
		const rounds = 5
		for range rounds {
			ids, err := im.settle(ctx, tx)
			if err != nil {
				return err
			}
			done, err := im.addOpen(ctx, tx, ids)
			if done || err != nil {
				return err
			}
		}
		return errors.New("others keep writing the same addresses")
	})
}

// findKnown looks up the addresses that are the keys of the JSON object $1.
//
// A batch goes into a statement as one JSON object, whose members json_each
// lists alike on both databases. A placeholder a value would be slower by a
// factor of five: SQLite compares the name of each with all others.
const findKnown = `
	SELECT batch.key, subscribers.id, consents.state, suppressions.reason
	FROM   json_each($1) AS batch
	LEFT JOIN subscribers ON subscribers.canonical = batch.key
	LEFT JOIN consents ON consents.list = $2 AND consents.subscriber_id = subscribers.id
	LEFT JOIN suppressions ON suppressions.canonical IN (batch.key, batch.value ->> 0)`

// settle sets the outcome of rows that are decided by what the database holds,
// and returns the IDs of those subscribers that are still open.
func (im *importer) settle(ctx context.Context, q querier) (map[string]int64, error) {
	open := im.open()
	var keys object
	for _, r := range open {
		keys.member(r.canonical, im.salt.digest(r.address).key())
	}
	type known struct {
		canonical     string
		id            sql.NullInt64
		state, reason sql.NullString
	}
	found, err := collect(ctx, q, func(rows *sql.Rows) (k known, err error) {
		err = rows.Scan(&k.canonical, &k.id, &k.state, &k.reason)
		return k, err
	}, findKnown, keys.String(), im.options.List)
	if err != nil {
		return nil, err
	}
	outcomes := make(map[string]outcome)
	ids := make(map[string]int64)
	for _, k := range found {
		switch {
		case k.reason.Valid || outcomes[k.canonical] == outcomeSuppressed:
			outcomes[k.canonical] = outcomeSuppressed
		case k.state.String == stateGiven:
			outcomes[k.canonical] = outcomeAlready
		case k.state.String == stateWithdrawn:
			outcomes[k.canonical] = outcomeWithdrawn
		case k.id.Valid: // pending, or nothing about this list
			ids[k.canonical] = k.id.Int64
		}
	}
	for _, r := range open {
		r.outcome = outcomes[r.canonical]
	}
	return ids, nil
}

// open returns the rows that have no outcome yet.
func (im *importer) open() []*row {
	open := make([]*row, 0, len(im.rows))
	for i := range im.rows {
		if im.rows[i].outcome == outcomeOpen {
			open = append(open, &im.rows[i])
		}
	}
	return open
}

// addOpen adds the people of the open rows, those that are not in ids as new
// subscribers, and reports whether that settled them all.
func (im *importer) addOpen(ctx context.Context, tx *sql.Tx, ids map[string]int64) (done bool, err error) {
	open := im.open()
	if err := im.insertSubscribers(ctx, tx, open, ids); err != nil {
		return false, err
	}
	var members object // in the order of the file
	for _, r := range open {
		if id, ok := ids[r.canonical]; ok {
			members.member(strconv.FormatInt(id, 10))
		}
	}
	given, err := im.giveConsents(ctx, tx, members)
	if err != nil {
		return false, err
	}
	done = true
	for _, r := range open {
		if id, ok := ids[r.canonical]; ok && given[id] {
			r.outcome = outcomeAdded
		} else {
			done = false
		}
	}
	return done, nil
}

// The WHERE that is always true keeps SQLite from reading ON CONFLICT as the
// condition of a join.
const insertSubscribers = `
	INSERT INTO subscribers (canonical, ref, address, name, created_at)
	SELECT batch.key, batch.value ->> 0, batch.value ->> 1, batch.value ->> 2, $2
	FROM   json_each($1) AS batch
	WHERE  true
	ON CONFLICT (canonical) DO NOTHING
	RETURNING id, canonical`

// insertSubscribers makes subscribers of those rows that are not in ids, and
// puts them there.
func (im *importer) insertSubscribers(ctx context.Context, tx *sql.Tx, open []*row, ids map[string]int64) error {
	var people object
	for _, r := range open {
		if _, known := ids[r.canonical]; !known {
			people.member(r.canonical, newRef(), r.address.String(), r.name)
		}
	}
	if people.empty() {
		return nil
	}
	type inserted struct {
		canonical string
		id        int64
	}
	all, err := collect(ctx, tx, func(rows *sql.Rows) (i inserted, err error) {
		err = rows.Scan(&i.id, &i.canonical)
		return i, err
	}, insertSubscribers, people.String(), im.store.now())
	for _, i := range all {
		ids[i.canonical] = i.id
	}
	return err
}

const (
	giveConsents = `
		INSERT INTO consents (list, subscriber_id, state, source, changed_at)
		SELECT $2, CAST(batch.key AS BIGINT), 'given', 'import', $3
		FROM   json_each($1) AS batch
		WHERE  true
		ON CONFLICT (list, subscriber_id) DO UPDATE
		SET    state = 'given', source = excluded.source, changed_at = excluded.changed_at
		WHERE  consents.state = 'pending'
		RETURNING subscriber_id`

	insertChanges = `
		INSERT INTO changes (subscriber_id, list, what, who, at)
		SELECT CAST(batch.key AS BIGINT), $2, $3, $4, $5 FROM json_each($1) AS batch`
)

// giveConsents puts subscribers on the list and returns those that were not on
// it, nor had left it.
func (im *importer) giveConsents(ctx context.Context, tx *sql.Tx, members object) (map[int64]bool, error) {
	if members.empty() {
		return nil, nil
	}
	now := im.store.now()
	ids, err := collect(ctx, tx, func(rows *sql.Rows) (id int64, err error) {
		err = rows.Scan(&id)
		return id, err
	}, giveConsents, members.String(), im.options.List, now)
	if err != nil {
		return nil, err
	}
	slices.Sort(ids)
	var recorded object
	given := make(map[int64]bool, len(ids))
	for _, id := range ids {
		given[id] = true
		recorded.member(strconv.FormatInt(id, 10))
	}
	if _, err := tx.ExecContext(ctx, insertChanges, recorded.String(), im.options.List, changeGiven, im.options.By, now); err != nil {
		return nil, fmt.Errorf("record changes: %w", err)
	}
	return given, nil
}

// An object is a JSON object that grows member by member and keeps their
// order.
type object struct{ b []byte }

func (o *object) empty() bool { return len(o.b) == 0 }

// member adds a member whose value is an array of texts.
func (o *object) member(key string, values ...string) {
	if o.empty() {
		o.b = append(o.b, '{')
	} else {
		o.b = append(o.b, ',')
	}
	o.text(key)
	o.b = append(o.b, ':', '[')
	for i, value := range values {
		if i > 0 {
			o.b = append(o.b, ',')
		}
		o.text(value)
	}
	o.b = append(o.b, ']')
}

func (o *object) text(s string) {
	quoted, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string always has a JSON form
	}
	o.b = append(o.b, quoted...)
}

func (o *object) String() string {
	if o.empty() {
		return "{}"
	}
	return string(o.b) + "}"
}
