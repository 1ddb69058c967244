package subscribers

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"
)

// Export writes the members of a list that may be mailed as CSV, oldest first:
// a line with the names of the columns, email and name, then a line each. What
// it writes, Import reads back without a change.
//
// Cells that a spreadsheet would take for a formula have an apostrophe in
// front, so that opening the file runs nothing that a reader wrote as a name.
func (s *Store) Export(ctx context.Context, w io.Writer, list string) error {
	if _, err := findList(ctx, s.DB, list); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	rows, err := s.DB.QueryContext(ctx, "SELECT address, name FROM mailable WHERE list = $1 ORDER BY subscriber_id", list)
	if err != nil {
		return fmt.Errorf("export %q: %w", list, err)
	}
	defer rows.Close()
	out := bufio.NewWriter(w)
	line := appendRecord(nil, "email", "name")
	for {
		if _, err := out.Write(line); err != nil {
			return fmt.Errorf("export %q: %w", list, err)
		}
		if !rows.Next() {
			break
		}
		var address, name string
		if err := rows.Scan(&address, &name); err != nil {
			return fmt.Errorf("export %q: %w", list, err)
		}
		line = appendRecord(line[:0], address, name)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("export %q: %w", list, err)
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("export %q: %w", list, err)
	}
	return nil
}

// appendRecord appends a line of CSV, with every cell guarded and quoted.
func appendRecord(b []byte, cells ...string) []byte {
	for i, cell := range cells {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '"')
		b = append(b, strings.ReplaceAll(guard(cell), `"`, `""`)...)
		b = append(b, '"')
	}
	return append(b, '\n')
}

// guard puts an apostrophe in front of what a spreadsheet would run. What has
// one already and looks guarded gets another, so that unguard gives back
// exactly what was there.
//
// https://owasp.org/www-community/attacks/CSV_Injection
func guard(cell string) string {
	if isFormula(strings.TrimLeft(cell, "'")) {
		return "'" + cell
	}
	return cell
}

// unguard takes the apostrophe of guard away.
func unguard(cell string) string {
	if strings.HasPrefix(cell, "'") && isFormula(strings.TrimLeft(cell, "'")) {
		return cell[1:]
	}
	return cell
}

func isFormula(s string) bool {
	return s != "" && strings.IndexByte("=+-@\t\r", s[0]) >= 0
}
