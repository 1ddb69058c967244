package subscribers

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// An outcome is what became of a row.
type outcome int

const (
	outcomeOpen outcome = iota // not known yet
	outcomeAdded
	outcomeAlready
	outcomeWithdrawn
	outcomeSuppressed    // it was so before
	outcomeSuppressedNow // since the file says so
)

// orderedFrom is the number of rows in a batch from which they are written in the
// order of their addresses. With fewer there is nothing to gain, and a small list
// keeps the order of its file.
const orderedFrom = 2000

// statementRows is how many rows one statement deals with. SQLite keeps a copy,
// in memory, of every page that a statement changes, in case it must be undone;
// scattered addresses are a page or two each. With all rows of a batch in one
// statement that is 200 MB for a list of a million, and with some thousands the
// time goes into having memory and giving it back. Fewer than these cost more
// than they save.
const statementRows = 200

// write writes the rows of the batch in one transaction and sets their
// outcomes. In a dry run it only looks.
func (im *importer) write(ctx context.Context) error {
	if im.options.DryRun {
		return im.look(ctx)
	}
	// In order: their indexes are then written from one end to the other, and not
	// all over for every batch. A ref is as hard to guess as before.
	if len(im.rows) >= orderedFrom {
		slices.SortFunc(im.rows, func(a, b person) int { return strings.Compare(a.canonical, b.canonical) })
	}
	refs := make([]string, len(im.rows))
	for i := range refs {
		refs[i] = newRef()
	}
	slices.Sort(refs)
	for i := range im.rows {
		im.rows[i].ref = refs[i]
	}
	return im.store.DB.TransactByKey(ctx, func(ctx context.Context, tx *sql.Tx) error {
		for rows := range slices.Chunk(im.rows, statementRows) {
			for i := range rows { // Transact may have run this before
				rows[i].outcome = outcomeOpen
			}
			if err := im.writeRows(ctx, tx, rows); err != nil {
				return err
			}
		}
		return nil
	})
}

// look sets the outcomes of the batch as write would.
func (im *importer) look(ctx context.Context) error {
	for rows := range slices.Chunk(im.rows, statementRows) {
		if _, err := im.settle(ctx, im.store.DB, open(rows)); err != nil {
			return err
		}
		for _, p := range open(rows) {
			p.outcome = outcomeAdded
			if p.kind != "" {
				p.outcome = outcomeSuppressedNow
			}
		}
	}
	return nil
}

// writeRows writes rows and sets their outcomes.
func (im *importer) writeRows(ctx context.Context, tx *sql.Tx, rows []person) error {
	// On PostgreSQL others may add the same people between our statements.
	// Then ours do nothing, and the next round finds what they did.
	const rounds = 5
	for range rounds {
		ids, err := im.settle(ctx, tx, open(rows))
		if err != nil {
			return err
		}
		if err := im.suppress(ctx, tx, open(rows)); err != nil {
			return err
		}
		if err := im.add(ctx, tx, open(rows), ids); err != nil {
			return err
		}
		if len(open(rows)) == 0 {
			return nil
		}
	}
	return errors.New("others keep writing the same addresses")
}

// open returns the rows that have no outcome yet.
func open(rows []person) []*person {
	open := make([]*person, 0, len(rows))
	for i := range rows {
		if rows[i].outcome == outcomeOpen {
			open = append(open, &rows[i])
		}
	}
	return open
}

// findKnown looks up the addresses that are the keys of the JSON object $1.
//
// A batch goes into a statement as one JSON object, whose members json_each
// lists alike on both databases. A placeholder a value would be slower by a
// factor of five: SQLite compares the name of each with all others.
const findKnown = `
	SELECT batch.key, subscribers.id, consents.state, suppressions.kind, suppressions.canonical
	FROM   json_each($1) AS batch
	LEFT JOIN subscribers ON subscribers.canonical = batch.key
	LEFT JOIN consents ON consents.list = $2 AND consents.subscriber_id = subscribers.id
	LEFT JOIN suppressions ON suppressions.canonical IN (batch.key, batch.value ->> 0)`

// A known is what the database holds about an address.
type known struct {
	canonical     string
	id            sql.NullInt64
	state         sql.NullString
	kind, entered sql.NullString // of a suppression: what it is, and for whom
}

// settle sets the outcome of open rows that are decided by what the database
// holds, and returns the IDs of those who are subscribers.
func (im *importer) settle(ctx context.Context, q querier, open []*person) (map[string]int64, error) {
	var keys object
	kinds := make(map[string]SuppressionKind)
	for _, p := range open {
		keys.member(p.canonical, im.salt.digest(p.address).key())
		if p.kind != "" {
			kinds[p.canonical] = p.kind
		}
	}
	found, err := collect(ctx, q, func(rows *sql.Rows) (k known, err error) {
		err = rows.Scan(&k.canonical, &k.id, &k.state, &k.kind, &k.entered)
		return k, err
	}, findKnown, keys.String(), im.options.List)
	if err != nil {
		return nil, err
	}
	outcomes := make(map[string]outcome)
	ids := make(map[string]int64)
	for _, k := range found {
		if outcomes[k.canonical] == outcomeSuppressed {
			continue // it may be so in the clear and by hash
		}
		outcomes[k.canonical] = k.outcome(kinds[k.canonical])
		if k.id.Valid {
			ids[k.canonical] = k.id.Int64
		}
	}
	for _, p := range open {
		p.outcome = outcomes[p.canonical]
	}
	return ids, nil
}

// outcome returns what becomes of somebody the file says kind of.
func (k known) outcome(kind SuppressionKind) outcome {
	switch {
	case k.kind.Valid && kind != "" && kind.replaces(SuppressionKind(k.kind.String)) && k.entered.String == k.canonical:
		return outcomeOpen
	case k.kind.Valid:
		// Of who was erased only a hash is there, and no import changes that.
		return outcomeSuppressed
	case kind != "":
		return outcomeOpen
	case k.state.String == stateGiven:
		return outcomeAlready
	case k.state.String == stateWithdrawn:
		return outcomeWithdrawn
	}
	return outcomeOpen // pending, or nothing about this list
}

const (
	insertSuppressions = `
		INSERT INTO suppressions (canonical, kind, reason, source, at)
		SELECT batch.key, batch.value ->> 0, batch.value ->> 1, $2, $3
		FROM   json_each($1) AS batch
		WHERE  true` + replaceOwn + `
		RETURNING canonical`

	recordSuppressions = `
		INSERT INTO changes (subscriber_id, what, who, at, note)
		SELECT   subscribers.id, $2, $3, $4, batch.value ->> 0
		FROM     json_each($1) AS batch
		JOIN     subscribers ON subscribers.canonical = batch.key
		ORDER BY subscribers.id`
)

// suppress suppresses those of whom the file says so.
func (im *importer) suppress(ctx context.Context, tx *sql.Tx, open []*person) error {
	var entries object
	gone := make(map[string]*person)
	for _, p := range open {
		if p.kind != "" {
			entries.member(p.canonical, string(p.kind), p.note)
			gone[p.canonical] = p
		}
	}
	if entries.empty() {
		return nil
	}
	now := im.store.now()
	done, err := collect(ctx, tx, func(rows *sql.Rows) (canonical string, err error) {
		err = rows.Scan(&canonical)
		return canonical, err
	}, insertSuppressions, entries.String(), im.options.By, now)
	if err != nil {
		return fmt.Errorf("suppress: %w", err)
	}
	var recorded object
	for _, canonical := range done {
		p := gone[canonical]
		p.outcome = outcomeSuppressedNow
		recorded.member(canonical, p.note)
	}
	if _, err := tx.ExecContext(ctx, recordSuppressions, recorded.String(), changeSuppressed, im.options.By, now); err != nil {
		return fmt.Errorf("record changes: %w", err)
	}
	return nil
}

// add puts the others on the list, those that are not in ids as new
// subscribers.
func (im *importer) add(ctx context.Context, tx *sql.Tx, open []*person, ids map[string]int64) error {
	open = slices.DeleteFunc(open, func(p *person) bool { return p.kind != "" })
	if err := im.insertSubscribers(ctx, tx, open, ids); err != nil {
		return err
	}
	var members object // in the order of the file
	notes := make(map[int64]string)
	for _, p := range open {
		id, ok := ids[p.canonical]
		if !ok {
			continue
		}
		members.member(strconv.FormatInt(id, 10))
		if p.note != "" {
			notes[id] = p.note
		}
	}
	given, err := im.giveConsents(ctx, tx, members, notes)
	if err != nil {
		return err
	}
	for _, p := range open {
		if id, ok := ids[p.canonical]; ok && given[id] {
			p.outcome = outcomeAdded
		}
	}
	return nil
}

// The WHERE that is always true keeps SQLite from reading ON CONFLICT as the
// condition of a join.
const insertSubscribers = `
	INSERT INTO subscribers (canonical, ref, address, name, format, zone, created_at)
	SELECT batch.key, batch.value ->> 0, batch.value ->> 1, batch.value ->> 2, batch.value ->> 3, batch.value ->> 4, $2
	FROM   json_each($1) AS batch
	WHERE  true
	ON CONFLICT (canonical) DO NOTHING
	RETURNING id, canonical`

// insertSubscribers makes subscribers of those rows that are not in ids, and
// puts them there.
func (im *importer) insertSubscribers(ctx context.Context, tx *sql.Tx, open []*person, ids map[string]int64) error {
	var people object
	for _, p := range open {
		if _, known := ids[p.canonical]; !known {
			people.member(p.canonical, p.ref, p.address.String(), p.name, string(p.format), p.zone)
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
		INSERT INTO changes (subscriber_id, list, what, who, at, note)
		SELECT CAST(batch.key AS BIGINT), $2, $3, $4, $5, batch.value ->> 0 FROM json_each($1) AS batch`
)

// giveConsents puts subscribers on the list and returns those that were not on
// it, nor had left it. notes has what the file says of how they gave it.
func (im *importer) giveConsents(ctx context.Context, tx *sql.Tx, members object, notes map[int64]string) (map[int64]bool, error) {
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
		recorded.member(strconv.FormatInt(id, 10), notes[id])
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
