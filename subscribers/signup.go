package subscribers

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/zotpaper/zotpaper/internal/database"
)

// A Signup is what somebody typed into the form.
type Signup struct {
	Address string
	Name    string   // may be empty
	Zone    string   // see ParseZone; may be empty
	Lists   []string // asked for; at least one
	Origin
}

// Limits bound the mails that strangers can have sent.
type Limits struct {
	Network int // an hour, asked for from one network; 0: 20
	Total   int // an hour, in all; 0: 2000
}

func (l Limits) network() int { return orElse(l.Network, 20) }
func (l Limits) total() int   { return orElse(l.Total, 2000) }

func orElse(n, otherwise int) int {
	if n <= 0 {
		return otherwise
	}
	return n
}

// limitSpan is the time in which Limits count.
const limitSpan = time.Hour

// A BusyError says that too many mails were asked for.
type BusyError struct {
	Total bool          // by all together; else from that network
	Wait  time.Duration // when to try again
}

func (e *BusyError) Error() string {
	if e.Total {
		return "too many requests in the last hour"
	}
	return "too many requests from one network in the last hour"
}

// oncePer is the time in which an address gets at most one mail on the word of
// whoever knows it.
const oncePer = 24 * time.Hour

// Subscribe records that somebody who knows an address asks for lists, and has
// its owner asked by mail whether that is so. Nobody is on a list before they
// have answered, see Confirm; nothing that they had consented to or withdrawn
// changes meanwhile.
//
// It returns nil whether the address is known or not, is suppressed or was
// written to in the last 24 hours, in which cases it does nothing: whoever asks
// must not learn which. It returns an *AddressError, a *NameError, a
// *ZoneError, ErrNoList, or a *BusyError if it may not be done.
func (s *Store) Subscribe(ctx context.Context, su Signup) error {
	a, err := ParseAddress(su.Address)
	if err != nil {
		return err
	}
	if su.Name, err = ParseName(su.Name); err != nil {
		return err
	}
	if su.Zone, err = ParseZone(su.Zone); err != nil {
		return err
	}
	if len(su.Lists) == 0 {
		return ErrNoList
	}
	err = s.DB.Transact(ctx, func(ctx context.Context, tx *sql.Tx) error {
		for _, list := range su.Lists {
			if _, err := findList(ctx, tx, list); err != nil {
				return err
			}
		}
		mayAsk, err := s.mayAsk(ctx, tx, a, su.Origin)
		if err != nil || !mayAsk {
			return err
		}
		return s.subscribe(ctx, tx, a, su)
	})
	if err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	return nil
}

// subscribe makes the notice that asks the owner of a.
func (s *Store) subscribe(ctx context.Context, tx *sql.Tx, a Address, su Signup) error {
	if _, err := tx.ExecContext(ctx, insertSubscriber, newRef(), a.String(), a.Canonical(), "", s.now()); err != nil {
		return err
	}
	subscriber, err := findCanonical(ctx, tx, a)
	if err != nil {
		return err
	}
	n := notice{kind: KindKnown, subscriber: subscriber.ID, address: a, name: su.Name, zone: su.Zone, origin: su.Origin}
	lists := slices.Compact(slices.Sorted(slices.Values(su.Lists)))
	for _, list := range lists {
		state, err := s.askConsent(ctx, tx, list, subscriber.ID)
		if err != nil {
			return err
		}
		if state == stateGiven {
			continue
		}
		n.kind = KindConfirm
		n.lists = append(n.lists, list)
		if err := s.recordAct(ctx, tx, act{subscriber: subscriber.ID, list: list, what: changeAsked, who: byReader, origin: su.Origin}); err != nil {
			return err
		}
	}
	if n.kind == KindKnown {
		n.lists = lists
	}
	return s.insertNotice(ctx, tx, n)
}

// askConsent leaves what the reader has said before as it is.
const askConsent = `
	INSERT INTO consents (list, subscriber_id, state, source, changed_at) VALUES ($1, $2, 'pending', $3, $4)
	ON CONFLICT (list, subscriber_id) DO NOTHING`

// askConsent marks a consent as asked for, unless the reader has said yes or no
// before, and returns its state.
func (s *Store) askConsent(ctx context.Context, tx *sql.Tx, list string, subscriber int64) (state string, err error) {
	if _, err := tx.ExecContext(ctx, askConsent, list, subscriber, byReader, s.now()); err != nil {
		return "", err
	}
	return consentState(ctx, tx, list, subscriber)
}

const selectConsent = `SELECT state FROM consents WHERE list = $1 AND subscriber_id = $2`

// consentState returns the state of a consent; empty if there is none.
func consentState(ctx context.Context, q querier, list string, subscriber int64) (state string, err error) {
	err = q.QueryRowContext(ctx, selectConsent, list, subscriber).Scan(&state)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return state, err
}

const (
	countNotices = `
		SELECT COUNT(*), COUNT(CASE WHEN network = $2 THEN 1 END) FROM notices WHERE asked_at > $1`

	// claimConfirmation is one statement, so that of several that come at once
	// one gets the day's mail.
	claimConfirmation = `
		INSERT INTO confirmations (digest, at) VALUES ($1, $2)
		ON CONFLICT (digest) DO UPDATE SET at = excluded.at
		WHERE confirmations.at <= $3`
)

// mayAsk reports whether the owner of a may be sent a mail on the word of a
// stranger, and counts it as sent. It returns a *BusyError if nobody may be.
func (s *Store) mayAsk(ctx context.Context, tx *sql.Tx, a Address, o Origin) (bool, error) {
	var total, network int
	since := database.Time{Time: s.Now().Add(-limitSpan)}
	if err := tx.QueryRowContext(ctx, countNotices, since, o.network()).Scan(&total, &network); err != nil {
		return false, err
	}
	if network >= s.Limits.network() && o.network() != "" {
		return false, &BusyError{Wait: limitSpan}
	}
	if total >= s.Limits.total() {
		return false, &BusyError{Total: true, Wait: limitSpan}
	}
	suppression, err := s.suppression(ctx, tx, a)
	if err != nil || suppression != nil && !suppression.Kind.readersOwn() {
		return false, err
	}
	salt, err := s.salt(ctx, tx)
	if err != nil {
		return false, err
	}
	before := database.Time{Time: s.Now().Add(-oncePer)}
	return changed(tx.ExecContext(ctx, claimConfirmation, salt.digest(a).String(), s.now(), before))
}

// joinLists and splitLists spell lists as the table notices has them.
func joinLists(lists []string) string { return strings.Join(lists, ",") }

func splitLists(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}
