package subscribers

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"github.com/zotpaper/zotpaper/internal/listfile"
)

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

// A refusal is a Refusal with the whole row, as far as it was kept.
type refusal struct {
	Refusal
	row string
}

// refuseText refuses the row that was read last.
func (im *importer) refuseText(line int, reason string) {
	im.report.Refused++
	im.report.Rows++
	text := im.file.Text()
	r := refusal{Refusal{line, reason, clip(text)}, ""}
	if im.options.Refused != nil {
		r.row = string(text)
	}
	im.kept += len(r.Text) + len(r.row)
	im.refusals = append(im.refusals, r)
}

// refuse notes that somebody who was read does not join.
func (im *importer) refuse(line int, reason string, p *person) {
	im.refusals = append(im.refusals, refusal{Refusal{line, reason, p.address.String()}, p.text})
}

// clip returns the beginning of text as valid UTF-8.
func clip(text []byte) string {
	return string(bytes.ToValidUTF8(text[:min(len(text), maxRefusalText)], []byte("\ufffd")))
}

// beginRefused writes the first line of the report of refused rows. Behind our
// own columns it has those of the file, so that it can be corrected and
// imported.
func (im *importer) beginRefused() error {
	if im.options.Refused == nil {
		return nil
	}
	head := []string{"line", "reason", "text"}
	for _, c := range im.file.Columns() {
		head = append(head, c.Name)
	}
	return im.writeRefused(listfile.AppendRecord(nil, head...))
}

// reportRefusals reports the refusals of the batch, by line.
func (im *importer) reportRefusals() error {
	slices.SortStableFunc(im.refusals, func(a, b refusal) int { return cmp.Compare(a.Line, b.Line) })
	var lines []byte
	for _, r := range im.refusals {
		if len(im.report.Refusals) < MaxRefusals {
			im.report.Refusals = append(im.report.Refusals, r.Refusal)
		}
		if im.options.Refused == nil {
			continue
		}
		// A row that cannot be divided into cells, or has too many, stands as it
		// is beside them.
		n := len(im.report.Columns)
		line := make([]string, 3+n)
		cells := im.file.Cells([]byte(r.row))
		line[0], line[1] = strconv.Itoa(r.Line), r.Reason
		if cells == nil || len(cells) > n {
			line[2] = r.Text
		}
		copy(line[3:], cells)
		lines = listfile.AppendRecord(lines, line...)
	}
	im.refusals = im.refusals[:0]
	return im.writeRefused(lines)
}

func (im *importer) writeRefused(lines []byte) error {
	if len(lines) == 0 {
		return nil
	}
	if _, err := im.options.Refused.Write(lines); err != nil {
		return fmt.Errorf("report of refused lines: %w", err)
	}
	return nil
}
