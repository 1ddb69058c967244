package subscribers

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/zotpaper/zotpaper/internal/database"
)

// A Format is how a subscriber wants the editions.
type Format string

// The formats.
const (
	FormatHTML Format = "html" // HTML with the plain text beside it
	FormatText Format = "text" // the plain text alone
)

// A FormatError says that a text is no format.
type FormatError struct{ Text string }

func (e *FormatError) Error() string {
	return fmt.Sprintf("format %.20q: want html or text", e.Text)
}

// ParseFormat reads a format; an empty text is FormatHTML. The error is a
// *FormatError.
func ParseFormat(s string) (Format, error) {
	switch f := Format(strings.ToLower(strings.TrimSpace(s))); f {
	case "":
		return FormatHTML, nil
	case FormatHTML, FormatText:
		return f, nil
	}
	return "", &FormatError{s}
}

// A ZoneError says that a text is no time zone.
type ZoneError struct{ Text string }

func (e *ZoneError) Error() string {
	return fmt.Sprintf("time zone %.40q: want a name such as Europe/Berlin", e.Text)
}

// maxZone bounds the name of a zone in bytes; the longest there is has 32.
const maxZone = 64

// ParseZone reads the name of a time zone; empty means the publication's. The
// error is a *ZoneError.
func ParseZone(s string) (string, error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return "", nil
	}
	// "Local" is wherever this program runs, which says nothing of the reader.
	if len(s) > maxZone || s == "Local" {
		return "", &ZoneError{s}
	}
	if _, err := time.LoadLocation(s); err != nil {
		return "", &ZoneError{s}
	}
	return s, nil
}

// Preferences are what a reader may set.
type Preferences struct {
	Lists  []string // the lists they want; they leave all others
	Format Format
	Zone   string // see ParseZone
}

const updatePreferences = `
	UPDATE subscribers SET format = $1, zone = $2
	WHERE  id = $3 AND (format <> $1 OR zone <> $2)`

// SetPreferences has the subscriber with that ref on exactly these lists, in
// that format and zone, on their own word, and reports whether that changed
// anything. It returns ErrUnknown, ErrNoList, a *ZoneError or a *FormatError.
func (s *Store) SetPreferences(ctx context.Context, ref string, p Preferences, o Origin) (altered bool, err error) {
	if p.Format, err = ParseFormat(string(p.Format)); err != nil {
		return false, err
	}
	if p.Zone, err = ParseZone(p.Zone); err != nil {
		return false, err
	}
	err = s.DB.Transact(ctx, func(ctx context.Context, tx *sql.Tx) error {
		subscriber, err := find(ctx, tx, ref)
		if err != nil {
			return err
		}
		altered, err = changed(tx.ExecContext(ctx, updatePreferences, p.Format, p.Zone, subscriber.ID))
		if err != nil {
			return err
		}
		if altered {
			note := fmt.Sprintf("format %s, zone %q", p.Format, p.Zone)
			if err := s.recordAct(ctx, tx, act{subscriber: subscriber.ID, what: changePreferences, who: byReader, note: note}); err != nil {
				return err
			}
		}
		did, err := s.setLists(ctx, tx, subscriber, p.Lists, o)
		altered = altered || did
		return err
	})
	if err != nil {
		return false, fmt.Errorf("set preferences: %w", err)
	}
	return altered, nil
}

// setLists has a subscriber on exactly these lists.
func (s *Store) setLists(ctx context.Context, tx *sql.Tx, subscriber Subscriber, wanted []string, o Origin) (altered bool, err error) {
	for _, list := range wanted {
		if _, err := findList(ctx, tx, list); err != nil {
			return false, err
		}
		state, err := consentState(ctx, tx, list, subscriber.ID)
		if err != nil {
			return false, err
		}
		if state == stateGiven {
			continue
		}
		altered = true
		if err := s.giveByReader(ctx, tx, list, subscriber.ID, o); err != nil {
			return false, err
		}
		if err := s.liftOwn(ctx, tx, subscriber.ID, subscriber.parsed()); err != nil {
			return false, err
		}
	}
	consents, err := s.consents(ctx, tx, subscriber.ID)
	if err != nil {
		return false, err
	}
	for _, c := range consents {
		if slices.Contains(wanted, c.List) || c.State == stateWithdrawn {
			continue
		}
		did, err := s.withdraw(ctx, tx, subscriber.ID, c.List, byReader, o)
		if err != nil {
			return false, err
		}
		altered = altered || did
	}
	return altered, nil
}

// UndoSpan is how long an unsubscription can be undone with its own link. The
// link works for ever and may be passed on with the mail; nobody is to be
// subscribed again by it years later.
const UndoSpan = 24 * time.Hour

// ErrTooLate says that an unsubscription was too long ago to be undone, or that
// there was none.
var ErrTooLate = errors.New("there is no unsubscription of the last day to undo")

const undoWithdrawal = `
	UPDATE consents SET state = 'given', source = $3, changed_at = $4
	WHERE  list = $1 AND subscriber_id = $2 AND state = 'withdrawn' AND source = $3 AND changed_at > $5`

// Rejoin undoes an unsubscription that the reader made in the last day. It
// returns ErrTooLate, and ErrUnknown if ref is nobody's. If the reader is on
// the list again already, nothing changes.
func (s *Store) Rejoin(ctx context.Context, list, ref string, o Origin) error {
	err := s.DB.Transact(ctx, func(ctx context.Context, tx *sql.Tx) error {
		subscriber, err := find(ctx, tx, ref)
		if err != nil {
			return err
		}
		since := database.Time{Time: s.Now().Add(-UndoSpan)}
		did, err := changed(tx.ExecContext(ctx, undoWithdrawal, list, subscriber.ID, byReader, s.now(), since))
		if err != nil {
			return err
		}
		if did {
			return s.recordAct(ctx, tx, act{subscriber: subscriber.ID, list: list, what: changeGiven, who: byReader, origin: o, note: "unsubscription undone"})
		}
		state, err := consentState(ctx, tx, list, subscriber.ID)
		if err == nil && state != stateGiven {
			err = ErrTooLate
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("rejoin %q: %w", list, err)
	}
	return nil
}

// maxNote bounds what a reader may give as a reason, in bytes.
const maxNote = 1000

const countReasons = `
	SELECT COUNT(*) FROM changes
	WHERE  subscriber_id = $1 AND list = $2 AND what = $3
	AND    id > (SELECT COALESCE(MAX(id), 0) FROM changes WHERE subscriber_id = $1 AND list = $2 AND what = $4)`

// GiveReason keeps why a reader has left a list, in their own words: the first
// thousand bytes, and once for each time that they leave. It returns ErrUnknown
// if ref is nobody's.
func (s *Store) GiveReason(ctx context.Context, list, ref, reason string) error {
	reason = strings.TrimSpace(strings.ToValidUTF8(reason, "\ufffd"))
	if reason == "" {
		return nil
	}
	if len(reason) > maxNote {
		reason = reason[:maxNote]
		for !utf8.ValidString(reason) { // a letter was cut
			reason = reason[:len(reason)-1]
		}
	}
	err := s.DB.Transact(ctx, func(ctx context.Context, tx *sql.Tx) error {
		subscriber, err := find(ctx, tx, ref)
		if err != nil {
			return err
		}
		state, err := consentState(ctx, tx, list, subscriber.ID)
		if err != nil || state != stateWithdrawn {
			return err
		}
		var given int
		if err := tx.QueryRowContext(ctx, countReasons, subscriber.ID, list, changeReason, changeWithdrawn).Scan(&given); err != nil || given > 0 {
			return err
		}
		return s.recordAct(ctx, tx, act{subscriber: subscriber.ID, list: list, what: changeReason, who: byReader, note: reason})
	})
	if err != nil {
		return fmt.Errorf("give reason: %w", err)
	}
	return nil
}
