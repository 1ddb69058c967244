package subscribers

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/zotpaper/zotpaper/internal/database"
)

// The refusals that callers tell apart.
var (
	ErrNoList     = errors.New("there is no such list")
	ErrUnknown    = errors.New("nothing is known of this address")
	ErrWithdrawn  = errors.New("the reader has unsubscribed; only the reader can undo that")
	ErrSuppressed = errors.New("the address is suppressed")
)

// A Store is what the database holds about people. It is safe for concurrent
// use. All its methods leave the database as it was when they return an error.
type Store struct {
	DB     *database.DB
	Now    func() time.Time
	Limits Limits // of mails that strangers can have sent
	Ledger Ledger // nil: nobody else keeps anything of subscribers
}

// A List is something one can subscribe to.
type List struct {
	ID    string `json:"id"`    // see ValidListID
	Title string `json:"title"` // as a reader sees it; not empty
}

// listID is what a list may be called: the name stands in tokens, header
// fields and URLs.
var listID = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)

// ValidListID reports whether id may name a list: 1 to 32 of a-z, 0-9 and the
// hyphen, beginning with a letter.
func ValidListID(id string) bool { return listID.MatchString(id) }

// A Figure is a list with the number of people on it.
type Figure struct {
	List
	Mailable   int64 `json:"mailable"`   // would be mailed now
	Pending    int64 `json:"pending"`    // have asked and not confirmed
	Withdrawn  int64 `json:"withdrawn"`  // have unsubscribed
	Suppressed int64 `json:"suppressed"` // have given consent, but the address must not be mailed
}

// upsertList keeps created_at of a list that is there.
const upsertList = `
	INSERT INTO lists (id, title, created_at) VALUES ($1, $2, $3)
	ON CONFLICT (id) DO UPDATE SET title = excluded.title
	WHERE  lists.title <> excluded.title`

// EnsureLists makes lists known and gives them their titles. Lists that are
// known and not named stay as they are, with everybody on them.
func (s *Store) EnsureLists(ctx context.Context, lists []List) error {
	for _, l := range lists {
		if !ValidListID(l.ID) {
			return fmt.Errorf("list %q: want 1 to 32 of a-z, 0-9 and the hyphen, beginning with a letter", l.ID)
		}
		if l.Title == "" {
			return fmt.Errorf("list %q: it has no title", l.ID)
		}
	}
	return s.DB.Transact(ctx, func(ctx context.Context, tx *sql.Tx) error {
		for _, l := range lists {
			if _, err := tx.ExecContext(ctx, upsertList, l.ID, l.Title, s.now()); err != nil {
				return fmt.Errorf("list %q: %w", l.ID, err)
			}
		}
		return nil
	})
}

const listFigures = `
	SELECT   lists.id, lists.title,
	         count(CASE WHEN consents.state = 'given' AND suppressions.canonical IS NULL THEN 1 END),
	         count(CASE WHEN consents.state = 'pending' THEN 1 END),
	         count(CASE WHEN consents.state = 'withdrawn' THEN 1 END),
	         count(CASE WHEN consents.state = 'given' AND suppressions.canonical IS NOT NULL THEN 1 END)
	FROM     lists
	LEFT JOIN consents ON consents.list = lists.id
	LEFT JOIN subscribers ON subscribers.id = consents.subscriber_id
	LEFT JOIN suppressions ON suppressions.canonical = subscribers.canonical
	GROUP BY lists.id, lists.title
	ORDER BY lists.id`

// Lists returns every list, by ID, with the number of people on it.
func (s *Store) Lists(ctx context.Context) ([]Figure, error) {
	all, err := collect(ctx, s.DB, func(rows *sql.Rows) (f Figure, err error) {
		err = rows.Scan(&f.ID, &f.Title, &f.Mailable, &f.Pending, &f.Withdrawn, &f.Suppressed)
		return f, err
	}, listFigures)
	if err != nil {
		return nil, fmt.Errorf("lists: %w", err)
	}
	return all, nil
}

// findList returns the list of that ID, or ErrNoList.
func findList(ctx context.Context, q querier, id string) (List, error) {
	l := List{ID: id}
	err := q.QueryRowContext(ctx, "SELECT title FROM lists WHERE id = $1", id).Scan(&l.Title)
	if errors.Is(err, sql.ErrNoRows) {
		return List{}, fmt.Errorf("list %q: %w", id, ErrNoList)
	}
	if err != nil {
		return List{}, fmt.Errorf("list %q: %w", id, err)
	}
	return l, nil
}

// A querier is a database or a transaction in it.
type querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func (s *Store) now() database.Time { return database.Time{Time: s.Now()} }

// The words of the trail. They are stored; none may change its meaning.
const (
	changeAsked       = "consent asked for"
	changeGiven       = "consent given"
	changeWithdrawn   = "consent withdrawn"
	changeReason      = "reason given"
	changePreferences = "preferences set"
	changeMoved       = "address changed"
	changeMerged      = "made one with another subscriber"
	changeSuppressed  = "address suppressed"
	changeLifted      = "suppression lifted"
	changeErased      = "erased"
)

// An act is a line of the trail that is about to be added.
type act struct {
	subscriber int64
	list       string // empty: all
	what, who  string
	origin     Origin
	note       string
}

const insertChange = `
	INSERT INTO changes (subscriber_id, list, what, who, at, ip, form_id, note) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`

// recordAct adds a line to the trail.
func (s *Store) recordAct(ctx context.Context, q querier, a act) error {
	_, err := q.ExecContext(ctx, insertChange, a.subscriber, sql.NullString{String: a.list, Valid: a.list != ""},
		a.what, a.who, s.now(), a.origin.ip(), nullID(a.origin.Form), a.note)
	if err != nil {
		return fmt.Errorf("record change: %w", err)
	}
	return nil
}

// record adds a line that needs no proof; an empty list stands for all lists.
func (s *Store) record(ctx context.Context, q querier, subscriber int64, list, what, who string) error {
	return s.recordAct(ctx, q, act{subscriber: subscriber, list: list, what: what, who: who})
}

// Titles returns what readers call each list, by its ID.
func (s *Store) Titles(ctx context.Context) (map[string]string, error) {
	all, err := collect(ctx, s.DB, func(rows *sql.Rows) (l List, err error) {
		err = rows.Scan(&l.ID, &l.Title)
		return l, err
	}, "SELECT id, title FROM lists ORDER BY id")
	if err != nil {
		return nil, fmt.Errorf("titles of lists: %w", err)
	}
	titles := make(map[string]string, len(all))
	for _, l := range all {
		titles[l.ID] = l.Title
	}
	return titles, nil
}
