package subscribers

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"slices"
	"unicode/utf8"
)

// ImportOptions say what Import does with the people of a file.
type ImportOptions struct {
	List     string               // the list they join
	By       string               // who answers for their consent; not empty
	DryRun   bool                 // only count and report
	Progress func(ImportProgress) // called now and then; may be nil
	Refused  io.Writer            // gets every refusal as CSV; may be nil

	batch int // rows in a transaction; 0: importBatch
}

// ImportProgress is how far an import has come.
type ImportProgress struct {
	Bytes int64 // read from the file
	Rows  int64 // done
}

// An ImportReport says what became of each row of a file. Rows is the sum of
// all other counts.
type ImportReport struct {
	Rows       int64     `json:"rows"`
	Added      int64     `json:"added"`      // joined the list
	Already    int64     `json:"already"`    // were on it
	Withdrawn  int64     `json:"withdrawn"`  // have unsubscribed, and stay so
	Suppressed int64     `json:"suppressed"` // must not be mailed, and stay so
	Repeated   int64     `json:"repeated"`   // stand further up in the file
	Refused    int64     `json:"refused"`    // could not be read
	Ignored    []string  `json:"ignored"`    // columns that were not used
	Refusals   []Refusal `json:"refusals"`   // of refused, withdrawn and suppressed rows the first MaxRefusals
}

// A Refusal says why a row did not join the list.
type Refusal struct {
	Line   int    `json:"line"` // where the row begins in the file, from 1
	Reason string `json:"reason"`
	Text   string `json:"text"` // the beginning of the row
}

// MaxRefusals bounds the refusals that an ImportReport holds.
const MaxRefusals = 1000

// maxRefusalText bounds the text of a refusal in bytes.
const maxRefusalText = 200

// importBatch is how many rows are written in one transaction. The addresses
// of a batch lie scattered over the index, so that a large one writes each of
// its pages less often: with 20,000 a million rows take half the time they
// take with 5,000. It also keeps others from writing for most of a second, and
// holds some 10 MB.
const importBatch = 20_000

// An importer is one run of Import.
type importer struct {
	store   *Store
	options ImportOptions
	input   *countingReader
	records *records
	email   int // index of the column; name is -1 if there is none
	name    int
	columns int

	salt     salt
	seed     maphash.Seed
	seen     map[uint64]struct{} // hashes of the addresses so far, 8 bytes each
	rows     []row
	refusals []Refusal // of this batch
	report   ImportReport
}

// A row is a person as the file has them.
type row struct {
	line      int
	address   Address
	canonical string
	name      string
	again     bool // the address seems to stand further up
	outcome   outcome
}

// Import adds the people of a CSV file to a list, on the word of options.By
// that they have given their consent, and reports what became of every row.
//
// The first line names the columns: email or address, and name if there is
// one; others are ignored. Cells are divided by commas, semicolons or tabs. A
// row that cannot be read is refused with its reason and the others go on.
// Import never undoes an unsubscription or a suppression, and leaves the names
// of people who are known as they are.
//
// Rows are written some thousands at a time. When Import returns an error, the
// report says what is written and stays; running it again on the same file
// does the rest. The file is never held as a whole: memory grows by some 20
// bytes a row.
func (s *Store) Import(ctx context.Context, r io.Reader, options ImportOptions) (ImportReport, error) {
	input := &countingReader{r: r}
	im := &importer{
		store: s, options: options, input: input, records: newRecords(input),
		seed: maphash.MakeSeed(), seen: make(map[uint64]struct{}),
	}
	if im.options.batch == 0 {
		im.options.batch = importBatch
	}
	if options.By == "" {
		return ImportReport{}, errors.New("import: nobody is named who answers for it")
	}
	if _, err := findList(ctx, s.DB, options.List); err != nil {
		return ImportReport{}, fmt.Errorf("import: %w", err)
	}
	var err error
	if im.salt, err = s.salt(ctx, s.DB); err != nil {
		return ImportReport{}, fmt.Errorf("import: %w", err)
	}
	if err := im.readHead(); err != nil {
		return ImportReport{}, fmt.Errorf("import: %w", err)
	}
	if err := im.readRows(ctx); err != nil {
		return im.report, fmt.Errorf("import: %w", err)
	}
	return im.report, nil
}

// readHead reads the first line.
func (im *importer) readHead() error {
	mark, err := im.records.r.Peek(3)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	switch {
	case bytes.HasPrefix(mark, []byte("\xff\xfe")), bytes.HasPrefix(mark, []byte("\xfe\xff")):
		return errors.New("the file is UTF-16: save it as CSV in UTF-8")
	case bytes.HasPrefix(mark, []byte("\xef\xbb\xbf")):
		if _, err := im.records.r.Discard(3); err != nil {
			return err
		}
	}
	if err := im.records.nextLine(); errors.Is(err, io.EOF) {
		return errors.New("the file is empty")
	} else if err != nil {
		return fmt.Errorf("line %d: %w", im.records.line, err)
	}
	im.records.comma = divider(im.records.text)
	cells, err := im.records.split()
	if err == nil {
		err = im.setColumns(cells)
	}
	if err != nil {
		return fmt.Errorf("line %d: %w", im.records.line, err)
	}
	if im.options.Refused != nil {
		return im.writeRefusal("line", "reason", "text")
	}
	return nil
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

// setColumns finds the columns by their names. If there are both email and
// address, the latter is likely where somebody lives.
func (im *importer) setColumns(cells [][]byte) error {
	var names []string
	for _, cell := range cells {
		names = append(names, string(bytes.ToLower(bytes.TrimSpace(cell))))
	}
	im.columns = len(names)
	im.name = slices.Index(names, "name")
	im.email = slices.Index(names, "email")
	if im.email < 0 {
		im.email = slices.Index(names, "address")
	}
	if im.email < 0 {
		return errors.New("there is no column email or address: the first line must name the columns")
	}
	for i, name := range names {
		if i == im.email || i == im.name {
			continue
		}
		if name == names[im.email] || im.name >= 0 && name == names[im.name] {
			return fmt.Errorf("there are two columns %s", name)
		}
		im.report.Ignored = append(im.report.Ignored, clip(cells[i]))
	}
	return nil
}

// readRows reads all rows and writes them in batches.
func (im *importer) readRows(ctx context.Context) error {
	for {
		cells, line, err := im.records.next()
		if errors.Is(err, io.EOF) {
			return im.flush(ctx)
		}
		if err != nil && !isBadRecord(err) {
			// What was read is good, and the next run will find it done.
			return errors.Join(fmt.Errorf("behind line %d: %w", line, err), im.flush(ctx))
		}
		im.take(cells, line, err)
		if len(im.rows)+len(im.refusals) >= im.options.batch {
			if err := im.flush(ctx); err != nil {
				return err
			}
		}
	}
}

// take adds a record to the batch, or refuses it.
func (im *importer) take(cells [][]byte, line int, err error) {
	r := row{line: line}
	if err == nil {
		err = im.read(cells, &r)
	}
	if err != nil {
		im.report.Refused++
		im.report.Rows++
		im.refuse(line, reasonOf(err), im.records.text)
		return
	}
	r.canonical = r.address.Canonical()
	hash := maphash.String(im.seed, r.canonical)
	if _, r.again = im.seen[hash]; r.again {
		// Once more in this batch is certain; further up, the database knows.
		twin := func(other row) bool { return other.canonical == r.canonical }
		if im.options.DryRun || slices.ContainsFunc(im.rows, twin) {
			im.report.Repeated++
			im.report.Rows++
			return
		}
	}
	im.seen[hash] = struct{}{}
	im.rows = append(im.rows, r)
}

// read fills r from cells.
func (im *importer) read(cells [][]byte, r *row) error {
	if !utf8.Valid(im.records.text) {
		return errors.New("it is not UTF-8")
	}
	if len(cells) <= im.email {
		return errors.New("there is no address in it")
	}
	for _, beyond := range cells[min(im.columns, len(cells)):] {
		if len(bytes.TrimSpace(beyond)) > 0 {
			return fmt.Errorf("it has %d cells, the first line %d", len(cells), im.columns)
		}
	}
	var err error
	if r.address, err = ParseAddress(unguard(string(cells[im.email]))); err != nil {
		return err
	}
	if im.name >= 0 && im.name < len(cells) {
		r.name, err = ParseName(unguard(string(cells[im.name])))
	}
	return err
}

func reasonOf(err error) string {
	if reason, ok := errors.AsType[*AddressError](err); ok {
		return reason.Reason
	}
	return err.Error()
}

// refuse notes a refusal of this batch.
func (im *importer) refuse(line int, reason string, text []byte) {
	im.refusals = append(im.refusals, Refusal{line, reason, clip(text)})
}

// clip returns the beginning of text as valid UTF-8.
func clip(text []byte) string {
	return string(bytes.ToValidUTF8(text[:min(len(text), maxRefusalText)], []byte("\ufffd")))
}

// flush writes the batch, counts what became of it, and reports.
func (im *importer) flush(ctx context.Context) error {
	if len(im.rows) > 0 {
		if err := im.write(ctx); err != nil {
			return fmt.Errorf("lines %d to %d: %w", im.rows[0].line, im.rows[len(im.rows)-1].line, err)
		}
	}
	for _, r := range im.rows {
		im.report.Rows++
		im.count(r)
	}
	slices.SortStableFunc(im.refusals, func(a, b Refusal) int { return cmp.Compare(a.Line, b.Line) })
	for _, refusal := range im.refusals {
		if len(im.report.Refusals) < MaxRefusals {
			im.report.Refusals = append(im.report.Refusals, refusal)
		}
		if im.options.Refused == nil {
			continue
		}
		if err := im.writeRefusal(fmt.Sprint(refusal.Line), refusal.Reason, refusal.Text); err != nil {
			return err
		}
	}
	im.rows, im.refusals = im.rows[:0], im.refusals[:0]
	if im.options.Progress != nil {
		im.options.Progress(ImportProgress{Bytes: im.input.n, Rows: im.report.Rows})
	}
	return nil
}

func (im *importer) count(r row) {
	switch {
	case r.outcome == outcomeAdded:
		im.report.Added++
	case r.again:
		im.report.Repeated++
	case r.outcome == outcomeAlready:
		im.report.Already++
	case r.outcome == outcomeWithdrawn:
		im.report.Withdrawn++
		im.refuse(r.line, "the reader has unsubscribed", []byte(r.address.String()))
	case r.outcome == outcomeSuppressed:
		im.report.Suppressed++
		im.refuse(r.line, "the address is suppressed", []byte(r.address.String()))
	}
}

func (im *importer) writeRefusal(cells ...string) error {
	if _, err := im.options.Refused.Write(appendRecord(nil, cells...)); err != nil {
		return fmt.Errorf("report of refused lines: %w", err)
	}
	return nil
}

// A countingReader counts the bytes that were read from r.
type countingReader struct {
	r io.Reader
	n int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}
