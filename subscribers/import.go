package subscribers

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"

	"github.com/zotpaper/zotpaper/internal/listfile"
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
// the counts from Added to Refused.
type ImportReport struct {
	Rows             int64 `json:"rows"`
	Added            int64 `json:"added"`              // joined the list
	Already          int64 `json:"already"`            // were on it
	Withdrawn        int64 `json:"withdrawn"`          // have unsubscribed, and stay so
	Suppressed       int64 `json:"suppressed"`         // must not be mailed, and stay so
	SuppressedByFile int64 `json:"suppressed_by_file"` // were suppressed, since the file says that they left or bounced
	Repeated         int64 `json:"repeated"`           // stand further up in the file
	Refused          int64 `json:"refused"`            // could not be read, or never confirmed

	LeftOut  int64  `json:"left_out"`  // formats and time zones that were not understood; their rows were taken without
	LastLine int    `json:"last_line"` // that was dealt with; after an error, what stands further down was not
	Encoding string `json:"encoding"`  // for people
	Divider  string `json:"divider"`   // of cells, for people

	Columns  []listfile.Column `json:"columns"`         // what each was taken for
	First    []listfile.Row    `json:"first,omitempty"` // in a dry run the first rows, as they were read
	Refusals []Refusal         `json:"refusals"`        // of refused, withdrawn and suppressed rows the first MaxRefusals
}

// importBatch is how many rows are written in one transaction. The addresses
// of a batch lie scattered over the index, so that a large one writes each of
// its pages less often: with 20,000 a million rows take half the time they
// take with 5,000. It also keeps others from writing for most of a second, and
// holds some 10 MB.
const importBatch = 20_000

// maxKept bounds what a batch holds of its rows for the report of refused
// lines, in bytes.
const maxKept = 4 << 20

// maxFirst is how many rows a dry run shows.
const maxFirst = 5

// An importer is one run of Import.
type importer struct {
	store   *Store
	options ImportOptions
	input   *countingReader
	file    *listfile.Reader

	salt     salt
	zones    map[string]string // what ParseZone made of a cell; see zone
	seed     maphash.Seed
	seen     hashSet             // hashes of the addresses of all batches before
	gone     map[uint64]struct{} // of those that it suppresses; only a dry run asks
	rows     []person
	at       map[uint64]int // where in rows an address stands, by its hash
	fresh    []uint64       // hashes that are in rows and not in seen
	refusals []refusal      // of this batch
	kept     int            // bytes of text in rows and refusals
	report   ImportReport
}

// A person is a row of the file, read.
type person struct {
	line      int
	ref       string // what it will be, if the person is new
	address   Address
	canonical string
	name      string
	format    Format
	zone      string
	kind      SuppressionKind // empty if the file says that they get mail
	note      string          // on the consent; if kind is set, why
	text      string          // of the row, if it may have to be reported
	again     bool            // the address seems to stand further up
	outcome   outcome
}

// Import adds the people of a CSV file to a list, on the word of options.By
// that they have given their consent, and reports what became of every row.
//
// The first line names the columns: email or address, and if there are any,
// name, format, time zone and how the person stands, each by the names that
// listmonk, Mailchimp, Ghost, Substack and Buttondown have for it; others are
// ignored. A row that cannot be read is refused with its reason and the others
// go on, and so is one of somebody who never confirmed, or of whom the file
// says something we do not know.
//
// Who has unsubscribed, bounced or complained, as the file says, does not join
// but is suppressed. Import never undoes an unsubscription or a suppression,
// and leaves names, formats and time zones of people who are known as they are.
//
// Rows are written some thousands at a time. When Import returns an error, the
// report says what is written and stays; running it again on the same file
// does the rest. The file is never held as a whole: memory grows by some 10
// bytes a row.
func (s *Store) Import(ctx context.Context, r io.Reader, options ImportOptions) (ImportReport, error) {
	im := &importer{
		store: s, options: options, input: &countingReader{r: r},
		zones: make(map[string]string),
		seed:  maphash.MakeSeed(), gone: make(map[uint64]struct{}), at: make(map[uint64]int),
	}
	if im.options.batch == 0 {
		im.options.batch = importBatch
	}
	err := im.begin(ctx)
	if err == nil {
		err = im.readRows(ctx)
	}
	if im.file != nil {
		im.report.Encoding = im.file.Encoding()
	}
	if err != nil {
		return im.report, fmt.Errorf("import: %w", err)
	}
	return im.report, nil
}

// begin reads the first line.
func (im *importer) begin(ctx context.Context) error {
	if im.options.By == "" {
		return errors.New("nobody is named who answers for it")
	}
	if _, err := findList(ctx, im.store.DB, im.options.List); err != nil {
		return err
	}
	var err error
	if im.salt, err = im.store.salt(ctx, im.store.DB); err != nil {
		return err
	}
	if im.file, err = listfile.NewReader(im.input); err != nil {
		return err
	}
	im.report.Columns, im.report.Divider = im.file.Columns(), im.file.Divider()
	return im.beginRefused()
}

// readRows reads all rows and writes them in batches.
func (im *importer) readRows(ctx context.Context) error {
	for {
		row, err := im.file.Next()
		if errors.Is(err, io.EOF) {
			return im.flush(ctx)
		}
		if _, bad := errors.AsType[*listfile.RowError](err); err != nil && !bad {
			// What was read is good, and the next run will find it done.
			return errors.Join(fmt.Errorf("behind line %d: %w", im.file.Line(), err), im.flush(ctx))
		}
		im.take(row, err)
		if len(im.rows)+len(im.refusals) >= im.options.batch || im.kept >= maxKept {
			if err := im.flush(ctx); err != nil {
				return err
			}
		}
	}
}

// take adds a row to the batch, or refuses it.
func (im *importer) take(row listfile.Row, err error) {
	p := person{line: row.Line}
	if err == nil {
		err = im.read(row, &p)
	}
	if err != nil {
		im.refuseText(row.Line, reasonOf(err))
		return
	}
	if im.options.DryRun && len(im.report.First) < maxFirst {
		im.report.First = append(im.report.First, row)
	}
	hash := maphash.String(im.seed, p.canonical)
	_, here := im.at[hash]
	before := im.seen.has(hash)
	if p.again = here || before; p.again && im.repeats(&p, hash) {
		im.report.Repeated++
		im.report.Rows++
		return
	}
	if !p.again {
		im.fresh = append(im.fresh, hash)
	}
	if p.kind != "" && im.options.DryRun {
		im.gone[hash] = struct{}{}
	}
	if im.options.Refused != nil {
		p.text = string(im.file.Text())
		im.kept += len(p.text)
	}
	im.at[hash] = len(im.rows)
	im.rows = append(im.rows, p)
}

// repeats reports whether p, whose address seems to stand further up, adds
// nothing. Once more in this batch is certain; whether it stands before that,
// the database knows, and in a dry run nobody. The worse of what a file says of
// a person counts, wherever it stands.
func (im *importer) repeats(p *person, hash uint64) bool {
	if twin := im.twin(p, hash); twin != nil {
		if p.kind != "" && (twin.kind == "" || twin.kind.readersOwn()) {
			twin.kind, twin.note = p.kind, p.note
			if im.options.DryRun {
				im.gone[hash] = struct{}{}
			}
		}
		return true
	}
	_, gone := im.gone[hash]
	return im.options.DryRun && (p.kind == "" || gone)
}

// twin returns the person of this batch with the address of p, or nil.
func (im *importer) twin(p *person, hash uint64) *person {
	i, ok := im.at[hash]
	if !ok {
		return nil
	}
	if twin := &im.rows[i]; twin.canonical == p.canonical {
		return twin
	}
	for i := range im.rows { // two addresses with one hash
		if im.rows[i].canonical == p.canonical {
			return &im.rows[i]
		}
	}
	return nil
}

// flush writes the batch, counts what became of it, and reports.
func (im *importer) flush(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err // also where a dry run would only count
	}
	if len(im.rows) > 0 {
		if err := im.write(ctx); err != nil {
			return fmt.Errorf("lines %d to %d: %w", im.rows[0].line, im.rows[len(im.rows)-1].line, err)
		}
	}
	for i := range im.rows {
		im.report.Rows++
		im.count(&im.rows[i])
	}
	if err := im.reportRefusals(); err != nil {
		return err
	}
	im.report.LastLine = im.file.Line()
	im.rows, im.kept = im.rows[:0], 0
	im.seen.add(im.fresh)
	im.fresh = im.fresh[:0]
	clear(im.at)
	if im.options.Progress != nil {
		im.options.Progress(ImportProgress{Bytes: im.input.n, Rows: im.report.Rows})
	}
	return nil
}

func (im *importer) count(p *person) {
	switch {
	case p.outcome == outcomeAdded:
		im.report.Added++
	case p.outcome == outcomeSuppressedNow:
		im.report.SuppressedByFile++
	case p.again:
		im.report.Repeated++
	case p.outcome == outcomeAlready:
		im.report.Already++
	case p.outcome == outcomeWithdrawn:
		im.report.Withdrawn++
		im.refuse(p.line, "the reader has unsubscribed", p)
	case p.outcome == outcomeSuppressed:
		im.report.Suppressed++
		if p.kind == "" { // else it is as the file says
			im.refuse(p.line, "the address is suppressed", p)
		}
	}
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
