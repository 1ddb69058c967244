package press

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/zotpaper/zotpaper/edition"
	"github.com/zotpaper/zotpaper/internal/database"
)

// A Published is an edition that readers may see, with what its latest issue
// says of it.
type Published struct {
	Record
	Subject   string
	Preheader string
	Headlines []string  // in the order printed
	Updated   time.Time // when that issue was frozen
}

// Public reports whether readers may see an edition: once mail with links to
// it goes out.
func (r Record) Public() bool { return r.State == edition.Dispatching || r.State == edition.Complete }

// selectPublished sorts the editions by themselves: with what their issues say
// it would sort the megabytes of a whole archive for each front page.
const selectPublished = `
	SELECT ` + recordColumns + `, subject, preheader, facts, issued_at
	FROM  (SELECT ` + recordColumns + ` FROM editions
	       WHERE  state IN ('dispatching', 'complete')
	       ORDER  BY date DESC, frozen_at DESC, id DESC
	       LIMIT  $1 OFFSET $2) AS shown
	JOIN  (SELECT edition_id, number, subject, preheader, facts, frozen_at AS issued_at FROM issues) AS issue
	       ON issue.edition_id = shown.id
	WHERE  number = (SELECT MAX(number) FROM issues WHERE issues.edition_id = shown.id)
	ORDER  BY date DESC, frozen_at DESC, id DESC`

// Published returns the editions that readers may see, the newest first: at
// most limit of them, after as many as skip.
func (p *Press) Published(ctx context.Context, limit, skip int) ([]Published, error) {
	rows, err := p.DB.QueryContext(ctx, selectPublished, limit, skip)
	if err != nil {
		return nil, fmt.Errorf("published editions: %w", err)
	}
	defer rows.Close()
	var list []Published
	for rows.Next() {
		e, err := scanPublished(rows)
		if err != nil {
			return nil, fmt.Errorf("published editions: %w", err)
		}
		list = append(list, e)
	}
	return list, rows.Err()
}

// scanPublished reads a row of selectPublished.
func scanPublished(row interface{ Scan(...any) error }) (Published, error) {
	var e Published
	var text string
	var updated database.Time
	var err error
	e.Record, err = scanRecord(withMore{row, []any{&e.Subject, &e.Preheader, &text, &updated}})
	if err != nil {
		return e, err
	}
	e.Updated = updated.Time
	var facts Facts
	if err := json.Unmarshal([]byte(text), &facts); err != nil {
		return e, fmt.Errorf("facts of edition %s: %w", e.Key, err)
	}
	for _, a := range facts.Articles {
		e.Headlines = append(e.Headlines, a.Headline)
	}
	return e, nil
}

// withMore scans further columns behind those of a record.
type withMore struct {
	row  interface{ Scan(...any) error }
	more []any
}

func (w withMore) Scan(columns ...any) error { return w.row.Scan(append(columns, w.more...)...) }
