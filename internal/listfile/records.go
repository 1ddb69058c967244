package listfile

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// The bounds of one record of a CSV file, in bytes and in lines. A record has
// more than one line when a quoted cell holds a line break.
const (
	maxRecord      = 64 << 10
	maxRecordLines = 50
)

// maxBeginning is how much is kept of a line that is too long, in bytes.
const maxBeginning = 200

// The reasons for which a record is bad before its cells are looked at.
var (
	errRecordLong  = &RowError{"the line is longer than 64 KiB"}
	errQuoteOpen   = &RowError{"a quote is opened and not closed"}
	errQuoteInside = &RowError{"there is a quote in a cell that does not begin with one"}
	errQuoteAfter  = &RowError{"there is text behind the closing quote of a cell"}
)

// records reads a CSV file record by record in bounded memory.
//
// It does what encoding/csv does not: it goes on behind a line that is too
// long, and behind a quote that is never closed, which would otherwise swallow
// the rest of the file.
//
// https://www.rfc-editor.org/rfc/rfc4180#section-2
type records struct {
	r       *bufio.Reader
	script  script
	comma   byte
	line    int     // number of the line read last, from 1
	waiting []aLine // lines that were read too far, to be read again
	text    []byte  // of the record read last
	cells   [][]byte
}

// aLine is a line without its end, or the reason why there is none.
type aLine struct {
	text []byte
	err  error
}

func newRecords(r io.Reader) *records {
	return &records{r: bufio.NewReaderSize(r, maxRecord), comma: ','}
}

// next returns the cells of the next record that is not blank, in UTF-8. They,
// and r.text, are good until the next call. If err is a *RowError, only this
// record is bad, r.text holds at least the beginning of it as the file has it,
// and next may be called again. Any other error, io.EOF among them, is final.
// first is the number of the record's first line.
func (r *records) next() (cells [][]byte, first int, err error) {
	if err := r.nextLine(); err != nil {
		return nil, r.line, err
	}
	first = r.line
	cells, err = r.split()
	if errors.Is(err, errQuoteOpen) {
		cells, err = r.goOn()
	}
	if err != nil {
		return nil, first, err
	}
	// What divides lines and cells are the same bytes in all the encodings.
	altered, err := r.toUTF8()
	if altered {
		cells, err = r.split()
	}
	return cells, first, err
}

// nextLine sets r.text to the next line that is not blank.
func (r *records) nextLine() error {
	for {
		l := r.readLine()
		r.text = append(r.text[:0], l.text...)
		if l.err != nil || len(bytes.TrimSpace(l.text)) > 0 {
			return l.err
		}
	}
}

// goOn reads further lines until the open quote of r.text is closed, and
// splits the whole. If that leads to no good record, the first line alone is
// bad and the others are put back: most likely the quote was a slip.
func (r *records) goOn() ([][]byte, error) {
	first, before := len(r.text), r.line
	var further []aLine
	for open := true; open; {
		l := r.readLine()
		further = append(further, aLine{bytes.Clone(l.text), l.err})
		if l.err != nil || len(further) == maxRecordLines || len(r.text)+len(l.text) >= maxRecord {
			break
		}
		r.text = append(append(r.text, '\n'), l.text...)
		// A doubled quote counts twice and changes nothing.
		if bytes.Count(l.text, []byte{'"'})%2 != 0 {
			open = false
		}
		if !open {
			if cells, err := r.split(); err == nil {
				return cells, nil
			}
		}
	}
	r.text = r.text[:first]
	r.waiting = append(further, r.waiting...)
	r.line = before
	return nil, errQuoteOpen
}

// readLine returns the next line. Of a line that is too long it returns the
// beginning, and skips the rest.
func (r *records) readLine() aLine {
	if len(r.waiting) > 0 {
		l := r.waiting[0]
		r.waiting = r.waiting[1:]
		if l.err == nil || errors.Is(l.err, errRecordLong) {
			r.line++
		}
		return l
	}
	text, err := r.r.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		beginning := bytes.Clone(text[:maxBeginning])
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = r.r.ReadSlice('\n')
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return aLine{err: err}
		}
		r.line++
		return aLine{beginning, errRecordLong}
	case err != nil && (len(text) == 0 || !errors.Is(err, io.EOF)):
		return aLine{err: err}
	}
	r.line++
	return aLine{text: bytes.TrimSuffix(bytes.TrimSuffix(text, []byte{'\n'}), []byte{'\r'})}
}

// split returns the cells of r.text.
func (r *records) split() ([][]byte, error) {
	r.cells = r.cells[:0]
	for rest := r.text; ; {
		cell, behind, more, err := r.cell(rest)
		if err != nil {
			return nil, err
		}
		r.cells = append(r.cells, cell)
		if !more {
			return r.cells, nil
		}
		rest = behind
	}
}

// cell returns the first cell of text, what stands behind its comma, and
// whether there is a comma.
func (r *records) cell(text []byte) (cell, behind []byte, more bool, err error) {
	if len(text) == 0 || text[0] != '"' {
		cell, behind, more = bytes.Cut(text, []byte{r.comma})
		if bytes.IndexByte(cell, '"') >= 0 {
			err = errQuoteInside
		}
		return cell, behind, more, err
	}
	doubled := false
	end := 1
	for {
		i := bytes.IndexByte(text[end:], '"')
		if i < 0 {
			return nil, nil, false, errQuoteOpen
		}
		end += i
		if end+1 >= len(text) || text[end+1] != '"' {
			break
		}
		doubled = true
		end += 2
	}
	cell, behind = text[1:end], text[end+1:]
	if doubled {
		cell = bytes.ReplaceAll(cell, []byte(`""`), []byte{'"'})
	}
	if len(behind) == 0 {
		return cell, nil, false, nil
	}
	if behind[0] != r.comma {
		return nil, nil, false, errQuoteAfter
	}
	return cell, behind[1:], true, nil
}
