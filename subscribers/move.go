package subscribers

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// RequestMove records that the subscriber with that ref wants their mail at
// another address, and has its owner asked whether that is so; nothing changes
// before they have answered, see Confirm.
//
// Like Subscribe it does not tell whether the address is known, suppressed, was
// written to in the last day, or is the one they have: whoever has the link need
// not be them. It returns an *AddressError, ErrUnknown, or a *BusyError.
func (s *Store) RequestMove(ctx context.Context, ref, address string, o Origin) error {
	a, err := ParseAddress(address)
	if err != nil {
		return err
	}
	err = s.DB.Transact(ctx, func(ctx context.Context, tx *sql.Tx) error {
		subscriber, err := find(ctx, tx, ref)
		if err != nil {
			return err
		}
		if subscriber.Address == a.String() {
			return nil
		}
		mayAsk, err := s.mayAsk(ctx, tx, a, o)
		if err != nil || !mayAsk {
			return err
		}
		return s.insertNotice(ctx, tx, notice{kind: KindMove, subscriber: subscriber.ID, address: a, origin: o})
	})
	if err != nil {
		return fmt.Errorf("change of address: %w", err)
	}
	return nil
}

const (
	updateAddress = `UPDATE subscribers SET address = $1, canonical = $2 WHERE id = $3`

	// moveConsents gives the one who stays what the other was subscribed to.
	moveConsents = `
		INSERT INTO consents (list, subscriber_id, state, source, changed_at)
		SELECT list, $1, state, source, changed_at FROM consents WHERE subscriber_id = $2 AND state = 'given'
		ON CONFLICT (list, subscriber_id) DO UPDATE
		SET    state = excluded.state, source = excluded.source, changed_at = excluded.changed_at
		WHERE  consents.state <> 'given'`

	moveTrail = `UPDATE changes SET subscriber_id = $1 WHERE subscriber_id = $2`

	deleteSubscriber = `DELETE FROM subscribers WHERE id = $1`
)

// move gives the subscriber of q their new address, and tells the old one. If
// there is a subscriber with that address, it is the same person, who has shown
// that both are theirs: they become one.
func (s *Store) move(ctx context.Context, tx *sql.Tx, q openQuestion, o Origin) error {
	subscriber, err := findID(ctx, tx, q.subscriber)
	if err != nil {
		return err
	}
	old := subscriber.parsed()
	other, err := findCanonical(ctx, tx, q.address)
	switch {
	case errors.Is(err, ErrUnknown):
	case err != nil:
		return err
	case other.ID != subscriber.ID:
		if err := s.merge(ctx, tx, subscriber.ID, other.ID); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, updateAddress, q.address.String(), q.address.Canonical(), subscriber.ID); err != nil {
		return err
	}
	if err := s.liftOwn(ctx, tx, subscriber.ID, q.address); err != nil {
		return err
	}
	if err := s.recordAct(ctx, tx, act{subscriber: subscriber.ID, what: changeMoved, who: byReader, origin: o}); err != nil {
		return err
	}
	suppression, err := s.suppression(ctx, tx, old)
	if err != nil || suppression != nil || old.Canonical() == q.address.Canonical() {
		return err
	}
	return s.insertNotice(ctx, tx, notice{kind: KindMoved, subscriber: subscriber.ID, address: old, origin: o})
}

// merge makes gone part of stays.
func (s *Store) merge(ctx context.Context, tx *sql.Tx, stays, gone int64) error {
	for _, query := range []string{moveConsents, moveTrail} {
		if _, err := tx.ExecContext(ctx, query, stays, gone); err != nil {
			return err
		}
	}
	if s.Ledger != nil {
		if err := s.Ledger.Forget(ctx, tx, gone); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, deleteSubscriber, gone); err != nil {
		return err
	}
	return s.recordAct(ctx, tx, act{subscriber: stays, what: changeMerged, who: byReader})
}
