package subscribers

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/zotpaper/zotpaper/internal/database"
)

// answerBy is how long the link in a notice works.
const answerBy = 7 * 24 * time.Hour

// ErrExpired says that a link came too late, or that it was used and what it
// did was undone since.
var ErrExpired = errors.New("the link has expired")

// A Question is what the link in a notice asks of the reader.
type Question struct {
	Kind     Kind
	Address  string // whose owner is asked
	Lists    []List // of a KindConfirm
	Answered bool   // the button was pressed before, and what it did still holds
}

const selectQuestion = `
	SELECT id, kind, subscriber_id, address, lists, name, zone, form_id, asked_at, answered_at
	FROM   notices
	WHERE  ref = $1 AND kind IN ('confirm', 'move')`

// An openQuestion is a Question with what is needed to act on the answer.
type openQuestion struct {
	Question
	id, subscriber int64
	address        Address
	name, zone     string
	form           int64
}

// Question returns what the notice with that ref asks. It changes nothing. It
// returns ErrUnknown if there is no such notice, and ErrExpired.
func (s *Store) Question(ctx context.Context, ref string) (Question, error) {
	q, err := s.question(ctx, s.DB, ref)
	return q.Question, err
}

func (s *Store) question(ctx context.Context, db querier, ref string) (openQuestion, error) {
	var q openQuestion
	var lists string
	var form sql.NullInt64
	var asked, answered database.Time
	err := db.QueryRowContext(ctx, selectQuestion, ref).Scan(&q.id, &q.Kind, &q.subscriber, &q.Address, &lists,
		&q.name, &q.zone, &form, &asked, &answered)
	if errors.Is(err, sql.ErrNoRows) {
		return q, ErrUnknown
	}
	if err != nil {
		return q, fmt.Errorf("notice: %w", err)
	}
	q.form = form.Int64
	if q.address, err = ParseAddress(q.Address); err != nil {
		return q, fmt.Errorf("notice: %w", err)
	}
	q.Answered = !answered.IsZero()
	if !q.Answered && s.Now().Sub(asked.Time) > answerBy {
		return q, ErrExpired
	}
	for _, id := range splitLists(lists) {
		list, err := findList(ctx, db, id)
		if err != nil {
			return q, err
		}
		q.Lists = append(q.Lists, list)
	}
	if !q.Answered {
		return q, nil
	}
	holds, err := s.answerHolds(ctx, db, q)
	if err == nil && !holds {
		err = ErrExpired
	}
	return q, err
}

// answerHolds reports whether what the answer to q did still is so: who has
// unsubscribed since is not told that they are subscribed.
func (s *Store) answerHolds(ctx context.Context, db querier, q openQuestion) (bool, error) {
	if q.Kind == KindMove {
		subscriber, err := findCanonical(ctx, db, q.address)
		if errors.Is(err, ErrUnknown) {
			return false, nil
		}
		return subscriber.ID == q.subscriber, err
	}
	for _, list := range q.Lists {
		state, err := consentState(ctx, db, list.ID, q.subscriber)
		if err != nil || state != stateGiven {
			return false, err
		}
	}
	return true, nil
}

const answerNotice = `
	UPDATE notices SET answered_at = $1 WHERE id = $2 AND answered_at IS NULL`

// Confirm acts on the answer to the notice with that ref: it puts its reader on
// the lists they asked for, or moves them to their new address. Doing it again
// changes nothing. It returns what was asked; ErrUnknown; ErrExpired.
//
// An earlier unsubscription of the reader, and a suppression on their own word,
// end with it. Any other suppression goes on.
func (s *Store) Confirm(ctx context.Context, ref string, o Origin) (Question, error) {
	var q openQuestion
	err := s.DB.Transact(ctx, func(ctx context.Context, tx *sql.Tx) error {
		var err error
		if q, err = s.question(ctx, tx, ref); err != nil || q.Answered {
			return err
		}
		first, err := changed(tx.ExecContext(ctx, answerNotice, s.now(), q.id))
		if err != nil || !first {
			return err // another request is a moment ahead
		}
		o.Form = q.form
		if q.Kind == KindMove {
			return s.move(ctx, tx, q, o)
		}
		return s.confirm(ctx, tx, q, o)
	})
	if err != nil {
		return Question{}, fmt.Errorf("confirm: %w", err)
	}
	return q.Question, nil
}

// The name and the zone of somebody who is known stay as they are.
const completeSubscriber = `
	UPDATE subscribers
	SET    name = CASE WHEN name = '' THEN $1 ELSE name END,
	       zone = CASE WHEN zone = '' THEN $2 ELSE zone END
	WHERE  id = $3`

func (s *Store) confirm(ctx context.Context, tx *sql.Tx, q openQuestion, o Origin) error {
	if _, err := tx.ExecContext(ctx, completeSubscriber, q.name, q.zone, q.subscriber); err != nil {
		return err
	}
	for _, list := range q.Lists {
		if err := s.giveByReader(ctx, tx, list.ID, q.subscriber, o); err != nil {
			return err
		}
	}
	return s.liftOwn(ctx, tx, q.subscriber, q.address)
}

// giveByReaderSQL also undoes an unsubscription: it is the reader's own word.
const giveByReaderSQL = `
	INSERT INTO consents (list, subscriber_id, state, source, changed_at) VALUES ($1, $2, 'given', $3, $4)
	ON CONFLICT (list, subscriber_id) DO UPDATE
	SET    state = 'given', source = excluded.source, changed_at = excluded.changed_at
	WHERE  consents.state <> 'given'`

// giveByReader puts a subscriber on a list on their own word.
func (s *Store) giveByReader(ctx context.Context, tx *sql.Tx, list string, subscriber int64, o Origin) error {
	given, err := changed(tx.ExecContext(ctx, giveByReaderSQL, list, subscriber, byReader, s.now()))
	if err != nil || !given {
		return err
	}
	return s.recordAct(ctx, tx, act{subscriber: subscriber, list: list, what: changeGiven, who: byReader, origin: o})
}

const liftOwnSQL = `
	DELETE FROM suppressions WHERE canonical IN ($1, $2) AND kind IN ('unsubscribed', 'erased')`

// liftOwn ends a suppression of a that its owner had asked for.
func (s *Store) liftOwn(ctx context.Context, tx *sql.Tx, subscriber int64, a Address) error {
	salt, err := s.salt(ctx, tx)
	if err != nil {
		return err
	}
	lifted, err := changed(tx.ExecContext(ctx, liftOwnSQL, a.Canonical(), salt.digest(a).key()))
	if err != nil || !lifted {
		return err
	}
	return s.recordAct(ctx, tx, act{subscriber: subscriber, what: changeLifted, who: byReader})
}
