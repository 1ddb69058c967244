package listfile

import "strings"

// AppendRecord appends a line of CSV with these cells, every one quoted. Cells
// that a spreadsheet would take for a formula get an apostrophe in front, so
// that opening the file runs nothing that a reader wrote as a name. A Reader
// takes it away again.
func AppendRecord(b []byte, cells ...string) []byte {
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
