package listfile

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// What encoding/csv reads without an error, records must read alike.
func FuzzRecords(f *testing.F) {
	for _, seed := range []string{"a,b\nc,d\n", "\"a\nb\",c\n", "\"a\"\"b\"\n", "a,\"\"\n,\n", "a\r\nb\r\n", "\"a\n\nb\",\"c\"\n\n\"d\""} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		if !utf8.Valid(file) || bytes.ContainsRune(file, '\r') || bytes.Count(file, []byte{'\n'}) > maxRecordLines {
			return // encoding/csv knows no encoding, changes line ends inside quotes, and has no bounds
		}
		theirs := csv.NewReader(bytes.NewReader(file))
		theirs.FieldsPerRecord = -1
		want, err := theirs.ReadAll()
		if err != nil {
			return
		}
		ours := newRecords(bytes.NewReader(file))
		var got [][]string
		for {
			cells, _, err := ours.next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%q: %v, encoding/csv reads %q", file, err, want)
			}
			var record []string
			for _, cell := range cells {
				record = append(record, string(cell))
			}
			got = append(got, record)
		}
		// A line of blanks is one empty cell to them and nothing to us.
		blank := func(record []string) bool { return len(record) == 1 && strings.TrimSpace(record[0]) == "" }
		var rest [][]string
		for _, record := range want {
			if !blank(record) {
				rest = append(rest, record)
			}
		}
		got2 := got[:0]
		for _, record := range got {
			if !blank(record) {
				got2 = append(got2, record)
			}
		}
		if diff := cmp.Diff(rest, got2, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%q (-encoding/csv +records):\n%s", file, diff)
		}
	})
}
