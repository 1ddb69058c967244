// Package listfile reads lists of people as newsletter systems export them: CSV
// in any of several encodings, with the columns of any of several systems. It
// writes CSV that a spreadsheet can open without harm.
//
// It knows nothing of what is done with the people: addresses, names and time
// zones come out as the file has them.
package listfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
)

// A RowError says why a row cannot be read, while others can.
type RowError struct {
	Reason string // for people
}

func (e *RowError) Error() string { return e.Reason }

// A Row is a person as a file has them. Texts are UTF-8, without blanks around
// them; they may hold anything else.
type Row struct {
	Line     int      `json:"line"` // where the row begins, from 1
	Email    string   `json:"email"`
	Name     string   `json:"name,omitempty"`
	Format   string   `json:"format,omitempty"`
	Zone     string   `json:"zone,omitempty"`
	Standing Standing `json:"standing"`
	Reason   string   `json:"reason,omitempty"` // of a standing other than Member
	Consent  string   `json:"consent,omitempty"`
}

// A Reader reads a file row by row, in bounded memory. See Next for what it
// does with bad rows.
type Reader struct {
	records   *records
	columns   []Column
	standings []Column // those of columns that say how people stand
	at        map[field]int
	gone      bool // of people who have left: a row that does not say when is not understood
}

// NewReader reads the first line of a file, which names the columns. The error
// says what is wrong with it, and in which line.
//
// Cells are divided by commas, semicolons or tabs. The encoding is UTF-8,
// UTF-16 or Windows-1252; see script.
func NewReader(r io.Reader) (*Reader, error) {
	in := &Reader{records: newRecords(r)}
	in.records.begin()
	if err := in.readHead(); errors.Is(err, io.EOF) {
		return nil, errors.New("the file is empty")
	} else if err != nil {
		return nil, fmt.Errorf("line %d: %w", in.records.line, err)
	}
	in.at = make(map[field]int, len(in.columns))
	for _, c := range in.columns {
		in.at[c.field] = c.index
	}
	return in, nil
}

func (r *Reader) readHead() error {
	if err := r.records.nextLine(); err != nil {
		return err
	}
	divide, said := announced(r.records.text)
	if said {
		if err := r.records.nextLine(); err != nil {
			return err
		}
	} else {
		divide = divider(r.records.text)
	}
	r.records.comma = divide
	if _, err := r.records.toUTF8(); err != nil {
		return err
	}
	cells, err := r.records.split()
	if err != nil {
		return err
	}
	return r.setColumns(cells)
}

// announced returns what divides cells if the line says just that, as Excel
// writes it: sep=;
func announced(line []byte) (divide byte, ok bool) {
	said, ok := bytes.CutPrefix(bytes.Trim(line, `" `), []byte("sep="))
	if !ok || len(said) != 1 {
		return 0, false
	}
	return said[0], true
}

// divider returns what divides the cells of a file with that first line. What
// is written in a European country is often divided by semicolons.
func divider(head []byte) byte {
	best, most := byte(','), bytes.Count(head, []byte{','})
	for _, c := range []byte{';', '\t'} {
		if n := bytes.Count(head, []byte{c}); n > most {
			best, most = c, n
		}
	}
	return best
}

// Columns returns what the columns were taken for, from left to right.
func (r *Reader) Columns() []Column { return r.columns }

// Encoding returns the name of the encoding, for people, as far as it has shown.
func (r *Reader) Encoding() string { return r.records.script.String() }

// Divider returns what divides the cells, for people.
func (r *Reader) Divider() string {
	switch r.records.comma {
	case ',':
		return "comma"
	case ';':
		return "semicolon"
	case '\t':
		return "tab"
	}
	return fmt.Sprintf("%q", r.records.comma)
}

// Line returns the number of the line read last, from 1.
func (r *Reader) Line() int { return r.records.line }

// Text returns the row that Next read last, or at least its beginning. It is
// good until the next call.
func (r *Reader) Text() []byte { return r.records.text }

// Cells returns the cells of a row that Next read, given its text; nil if it
// cannot be divided.
func (r *Reader) Cells(text []byte) []string {
	one := records{text: text, comma: r.records.comma}
	divided, err := one.split()
	if err != nil {
		return nil
	}
	cells := make([]string, len(divided))
	for i, cell := range divided {
		cells[i] = unguard(string(cell))
	}
	return cells
}

// Next returns the next row. If the error is a *RowError, only this row is bad,
// which begins in Line, and the next call goes on behind it; nothing but Line is
// to be used then. Any other error is final; io.EOF is that of the end.
func (r *Reader) Next() (Row, error) {
	cells, line, err := r.records.next()
	row := Row{Line: line}
	if err == nil {
		err = r.read(cells, &row)
	}
	return row, err
}

// read fills row from cells.
func (r *Reader) read(cells [][]byte, row *Row) error {
	if len(cells) <= r.at[email] {
		return &RowError{"there is no address in it"}
	}
	for _, beyond := range cells[min(len(r.columns), len(cells)):] {
		if len(bytes.TrimSpace(beyond)) > 0 {
			return &RowError{fmt.Sprintf("it has %d cells, the first line %d", len(cells), len(r.columns))}
		}
	}
	row.Email = r.cell(cells, email)
	row.Name = r.cell(cells, name)
	if row.Name == "" {
		row.Name = strings.TrimSpace(r.cell(cells, firstName) + " " + r.cell(cells, lastName))
	}
	row.Format = r.cell(cells, format)
	row.Zone = r.cell(cells, zone)
	said, err := r.readStanding(cells, row)
	if err != nil {
		return err
	}
	if row.Standing == Member {
		row.Consent = r.consent(cells)
		return nil
	}
	if row.Reason = r.cell(cells, reason); row.Reason == "" {
		row.Reason = r.because(row.Standing, said)
	}
	return nil
}

// cell returns the cell of the column that says f, or nothing.
func (r *Reader) cell(cells [][]byte, f field) string {
	i, ok := r.at[f]
	if !ok || i >= len(cells) {
		return ""
	}
	return strings.TrimSpace(unguard(string(cells[i])))
}

// readStanding sets how the person stands, and returns the column and the word
// that say so, such as `type "undeliverable"`. What we do not know is refused:
// nobody is to get mail because we did not understand that they do not want it.
func (r *Reader) readStanding(cells [][]byte, row *Row) (said string, err error) {
	row.Standing = Member
	for _, c := range r.standings {
		word := ""
		if c.index < len(cells) {
			word = strings.TrimSpace(unguard(string(cells[c.index])))
		}
		s := c.standing(word)
		if s == "" {
			if word == "" {
				return "", &RowError{fmt.Sprintf("there is nothing in the column %s, which would say whether they want mail", c.Name)}
			}
			return "", &RowError{fmt.Sprintf("we do not know what %q means in the column %s: whether they want mail", clip(word), c.Name)}
		}
		if s.worse(row.Standing) {
			row.Standing = s
			said = fmt.Sprintf("%s %q", c.Name, clip(word))
		}
	}
	if row.Standing == Member && r.gone {
		return "", &RowError{"the file is of people who have left, and this row does not say when"}
	}
	return said, nil
}

// standing returns what a cell of c says, or nothing if that is not known.
func (c Column) standing(cell string) Standing {
	if c.field == leftAt || c.field == bouncedAt {
		switch {
		case cell == "":
			return Member
		case c.field == leftAt:
			return Unsubscribed
		}
		return Bounced
	}
	word := fold(cell)
	if c.field == status {
		return standingOf(word)
	}
	yes, ok := yesOrNo(word)
	switch {
	case !ok:
		return ""
	case yes == (c.field == mailed):
		return Member
	case c.field == bounced:
		return Bounced
	}
	return Unsubscribed
}

// because puts into words why somebody of a file does not get mail.
func (r *Reader) because(s Standing, said string) string {
	what := map[Standing]string{
		Unconfirmed:  "never confirmed",
		Unsubscribed: "unsubscribed",
		Operator:     "suppressed",
		Bounced:      "bounced",
		Complained:   "complained",
	}[s]
	return what + ", as the imported file says: " + said
}

// consent returns what the row says of how the consent was given.
func (r *Reader) consent(cells [][]byte) string {
	var parts []string
	for _, p := range []struct {
		what     string
		at, from field
	}{{"confirmed", confirmedAt, confirmedFrom}, {"asked for", askedAt, askedFrom}, {"known since", knownSince, unused}} {
		at, from := clip(r.cell(cells, p.at)), ""
		if p.from != unused {
			from = clip(r.cell(cells, p.from))
		}
		if at == "" {
			continue
		}
		part := p.what + " " + at
		if from != "" {
			part += " from " + from
		}
		parts = append(parts, part)
	}
	if len(parts) == 0 {
		return ""
	}
	return "as the imported file says: " + strings.Join(parts, ", ")
}

// clip returns the beginning of a cell, short enough to be repeated, and
// without what has no place in a line.
func clip(cell string) string {
	const most = 60
	var b strings.Builder
	for _, c := range cell {
		if b.Len() >= most {
			break
		}
		if !unicode.IsControl(c) {
			b.WriteRune(c)
		}
	}
	return b.String()
}
