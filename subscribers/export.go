package subscribers

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/zotpaper/zotpaper/internal/listfile"
)

const selectExport = `
	SELECT address, name, format, zone FROM mailable
	WHERE    list = $1
	ORDER BY subscriber_id`

// Export writes the members of a list that may be mailed as CSV, oldest first:
// a line with the names of the columns, email, name, format and zone, then a
// line each. What it writes, Import reads back without a change.
//
// Cells that a spreadsheet would take for a formula have an apostrophe in
// front, so that opening the file runs nothing that a reader wrote as a name.
func (s *Store) Export(ctx context.Context, w io.Writer, list string) error {
	if _, err := findList(ctx, s.DB, list); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	err := s.export(ctx, w, []string{"email", "name", "format", "zone"}, nil, selectExport, list)
	if err != nil {
		return fmt.Errorf("export %q: %w", list, err)
	}
	return nil
}

const selectSuppressions = `
	SELECT canonical, kind, reason, source, at FROM suppressions
	ORDER BY canonical`

// ExportSuppressed writes the addresses that must not be mailed as CSV: the
// columns email, status, status_reason, source and since. Import of it
// suppresses them again, for the same reasons. Those of people who were erased
// are not in it, since only a hash is kept of them; hashed says how many.
func (s *Store) ExportSuppressed(ctx context.Context, w io.Writer) (hashed int64, err error) {
	skip := func(cells []string) bool {
		if strings.HasPrefix(cells[0], "#") {
			hashed++
			return true
		}
		return false
	}
	err = s.export(ctx, w, []string{"email", "status", "status_reason", "source", "since"}, skip, selectSuppressions)
	if err != nil {
		return 0, fmt.Errorf("export suppressions: %w", err)
	}
	return hashed, nil
}

// export writes what a query returns, a column for each name, without the rows
// that skip picks; it may be nil.
func (s *Store) export(ctx context.Context, w io.Writer, names []string, skip func([]string) bool, query string, args ...any) error {
	rows, err := s.DB.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	cells := make([]string, len(names))
	into := make([]any, len(names))
	for i := range cells {
		into[i] = &cells[i]
	}
	out := bufio.NewWriter(w)
	line := listfile.AppendRecord(nil, names...)
	for {
		if _, err := out.Write(line); err != nil {
			return err
		}
		line = line[:0]
		if !rows.Next() {
			break
		}
		if err := rows.Scan(into...); err != nil {
			return err
		}
		if skip == nil || !skip(cells) {
			line = listfile.AppendRecord(line, cells...)
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	return out.Flush()
}
