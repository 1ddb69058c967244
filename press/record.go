package press

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/zotpaper/zotpaper/edition"
	"github.com/zotpaper/zotpaper/internal/database"
	"github.com/zotpaper/zotpaper/templates"
)

// A Record is what the database knows of an edition.
type Record struct {
	ID        int64
	Key       edition.Key
	Title     string
	List      string
	State     edition.State
	Reason    string // why it is in that state; may be empty
	Window    edition.Window
	Frozen    time.Time // zero: not frozen
	Completed time.Time // zero: not complete
}

// ErrNotFound says that there is no edition, or no issue, of that key.
var ErrNotFound = errors.New("no such edition")

const recordColumns = `id, slot, date, title, list, state, reason, window_since, window_until, frozen_at, completed_at`

func scanRecord(row interface{ Scan(...any) error }) (Record, error) {
	var r Record
	var date string
	var since, until, frozen, completed database.Time
	err := row.Scan(&r.ID, &r.Key.Slot, &date, &r.Title, &r.List, &r.State, &r.Reason, &since, &until, &frozen, &completed)
	if err != nil {
		return r, err
	}
	r.Window = edition.Window{Since: since.Time, Until: until.Time}
	r.Frozen, r.Completed = frozen.Time, completed.Time
	r.Key.Date, err = edition.ParseDate(date)
	return r, err
}

const selectRecord = `
	SELECT ` + recordColumns + ` FROM editions
	WHERE  slot = $1 AND date = $2`

// querier is a database or a transaction in it.
type querier interface {
	QueryRowContext(context.Context, string, ...any) *sql.Row
}

func findRecord(ctx context.Context, q querier, key edition.Key) (Record, error) {
	r, err := scanRecord(q.QueryRowContext(ctx, selectRecord, key.Slot, key.Date.String()))
	if errors.Is(err, sql.ErrNoRows) {
		return r, fmt.Errorf("edition %s: %w", key, ErrNotFound)
	}
	if err != nil {
		return r, fmt.Errorf("edition %s: %w", key, err)
	}
	return r, nil
}

// Record returns the record of the edition called key, or ErrNotFound.
func (p *Press) Record(ctx context.Context, key edition.Key) (Record, error) {
	return findRecord(ctx, p.DB, key)
}

const selectRecords = `
	SELECT ` + recordColumns + ` FROM editions
	ORDER  BY date DESC, slot
	LIMIT  $1`

// Records returns the newest editions, at most limit.
func (p *Press) Records(ctx context.Context, limit int) ([]Record, error) {
	rows, err := p.DB.QueryContext(ctx, selectRecords, limit)
	if err != nil {
		return nil, fmt.Errorf("list editions: %w", err)
	}
	defer rows.Close()
	var list []Record
	for rows.Next() {
		r, err := scanRecord(rows)
		if err != nil {
			return nil, fmt.Errorf("list editions: %w", err)
		}
		list = append(list, r)
	}
	return list, rows.Err()
}

const selectIssue = `
	SELECT number, subject, preheader, html, text, web, facts, sha256
	FROM   issues
	WHERE  edition_id = $1 AND (number = $2 OR $2 = 0)
	ORDER BY number DESC
	LIMIT  1`

// Issue returns the frozen issue of the edition called key, the latest if it
// was replaced, with what edition.json says of it. It fails with ErrNotFound
// while nothing is frozen.
func (p *Press) Issue(ctx context.Context, key edition.Key) (templates.Issue, Facts, error) {
	return p.IssueNumber(ctx, key, 0)
}

// IssueNumber is like Issue for the issue of that number: 1 is the first, 2 the
// one that replaced it.
func (p *Press) IssueNumber(ctx context.Context, key edition.Key, number int) (templates.Issue, Facts, error) {
	r, err := p.Record(ctx, key)
	if err != nil {
		return templates.Issue{}, Facts{}, err
	}
	issue := templates.Issue{Key: key}
	var facts Facts
	var text, sum string
	err = p.DB.QueryRowContext(ctx, selectIssue, r.ID, number).
		Scan(&number, &issue.Subject, &issue.Preheader, &issue.HTML, &issue.Text, &issue.Web, &text, &sum)
	if errors.Is(err, sql.ErrNoRows) {
		err = fmt.Errorf("%w: it is not frozen", ErrNotFound)
	}
	if err == nil {
		err = json.Unmarshal([]byte(text), &facts)
	}
	if err == nil && issue.SHA256() != sum {
		err = fmt.Errorf("issue %d is not what was frozen: its SHA-256 is %s, was %s", number, issue.SHA256(), sum)
	}
	if err != nil {
		return issue, facts, fmt.Errorf("issue of edition %s: %w", key, err)
	}
	issue.Cuts = facts.Cuts
	return issue, facts, nil
}

const selectIssues = `
	SELECT number, subject, sha256, frozen_at
	FROM   issues
	WHERE  edition_id = $1
	ORDER  BY number`

// An IssueRecord says of an issue which it is.
type IssueRecord struct {
	Number  int       `json:"number"`
	Subject string    `json:"subject"`
	SHA256  string    `json:"sha256"`
	Frozen  time.Time `json:"frozen_at"`
}

// Issues returns the issues of an edition, the first one first. There are
// several if it was replaced.
func (p *Press) Issues(ctx context.Context, r Record) ([]IssueRecord, error) {
	rows, err := p.DB.QueryContext(ctx, selectIssues, r.ID)
	if err != nil {
		return nil, fmt.Errorf("issues of edition %s: %w", r.Key, err)
	}
	defer rows.Close()
	var list []IssueRecord
	for rows.Next() {
		var i IssueRecord
		var frozen database.Time
		if err := rows.Scan(&i.Number, &i.Subject, &i.SHA256, &frozen); err != nil {
			return nil, fmt.Errorf("issues of edition %s: %w", r.Key, err)
		}
		i.Frozen = frozen.Time
		list = append(list, i)
	}
	return list, rows.Err()
}

// A Transition is one step in an edition's life.
type Transition struct {
	Old edition.State `json:"old,omitempty"` // empty: the edition was made
	New edition.State `json:"new"`
	Who string        `json:"who"`
	Why string        `json:"why,omitempty"`
	At  time.Time     `json:"at"`
}

const selectTransitions = `
	SELECT COALESCE(old_state, ''), new_state, who, why, at
	FROM   transitions
	WHERE  edition_id = $1
	ORDER  BY id
	LIMIT  1000`

// Transitions returns what happened to the edition r, oldest first.
func (p *Press) Transitions(ctx context.Context, r Record) ([]Transition, error) {
	rows, err := p.DB.QueryContext(ctx, selectTransitions, r.ID)
	if err != nil {
		return nil, fmt.Errorf("transitions of edition %s: %w", r.Key, err)
	}
	defer rows.Close()
	var list []Transition
	for rows.Next() {
		var t Transition
		var at database.Time
		if err := rows.Scan(&t.Old, &t.New, &t.Who, &t.Why, &at); err != nil {
			return nil, fmt.Errorf("transitions of edition %s: %w", r.Key, err)
		}
		t.At = at.Time
		list = append(list, t)
	}
	return list, rows.Err()
}
