package journal

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A specimen is a journal as bytes, with the places where its records end; the
// first is where the header does.
type specimen struct {
	data []byte
	ends []int
}

func newSpecimen(records ...record) specimen {
	s := specimen{data: id.header()}
	s.ends = []int{len(s.data)}
	for _, r := range records {
		s.data = append(s.data, appendRecord(nil, headerSum(id.header()), int64(len(s.data)), r)...)
		s.ends = append(s.ends, len(s.data))
	}
	return s
}

// ordinary has records of every kind, ending with last.
func ordinary(last record) specimen {
	return newSpecimen(
		record{begun, 1, nil}, record{ended, 1, []byte("sent")},
		record{begun, 2, nil}, record{ended, 2, []byte("deferred\x00\x00")}, record{begun, 2, nil},
		record{ended, 1 << 40, nil}, record{begun, 3, nil}, last)
}

// write puts data where Find looks for it.
func write(t *testing.T, data []byte) *Left {
	t.Helper()
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, id.name()), data, 0o600))
	return find(t, dir)
}

func TestFormat(t *testing.T) {
	dir := t.TempDir()
	j := create(t, dir)
	must(t, j.Begin(1), j.End(1, []byte("sent")), j.Close())
	got, err := os.ReadFile(filepath.Join(dir, "e12-b7-f3-.journal"))
	// The checksums were calculated bit by bit, by other means than ours.
	want := "zotpaper journal 1 edition 12 batch 7 fence 3 owner \n" +
		"\x00\x00B\x01\x00\x00\x00\x00\x00\x00\x00" + "\xa8\xc0\x68\xe3" +
		"\x04\x00E\x01\x00\x00\x00\x00\x00\x00\x00sent" + "\xbc\xe7\x29\xe6"
	if err != nil || string(got) != want {
		t.Errorf("the file is, error %v\n%q, want\n%q", err, got, want)
	}
}

// Dying while it writes, a process leaves any part of the last record; a loss
// of power may leave zeros behind it.
func TestTornAtEveryLength(t *testing.T) {
	for _, last := range []record{{begun, 3, nil}, {ended, 3, []byte(strings.Repeat("outcome", 20))}} {
		s := ordinary(last)
		for length := range len(s.data) + 1 {
			for _, zeros := range []int{0, len(s.data) - length, 5000} {
				data := append(slices.Clone(s.data[:length]), make([]byte, zeros)...)
				intact := 0 // how many records are whole
				for intact+1 < len(s.ends) && bytes.HasPrefix(data, s.data[:s.ends[intact+1]]) {
					intact++
				}
				want, _, _, _ := parse(id, s.data[:s.ends[intact]])
				got, torn, offset, why := parse(id, data)
				if why != "" || cmp.Diff(want, got) != "" && len(want)+len(got) > 0 {
					t.Fatalf("%d of %d bytes and %d zeros: %v, damaged at %d: %q; want %v", length, len(s.data), zeros, got, offset, why, want)
				}
				wholly := len(data) == s.ends[intact]
				if torn == wholly {
					t.Fatalf("%d of %d bytes and %d zeros: torn = %v", length, len(s.data), zeros, torn)
				}
			}
		}
	}
}

func TestTornFile(t *testing.T) {
	s := ordinary(record{ended, 3, []byte("sent")})
	l := write(t, s.data[:len(s.data)-1])
	got := entriesOf(t, l)
	if !l.Torn() || len(got) != 4 || got[2].Position != 3 || got[2].Ended {
		t.Errorf("torn = %v, entries %+v", l.Torn(), got)
	}
	must(t, l.Remove())

	l = write(t, nil) // the owner died within Create
	if got := entriesOf(t, l); !l.Torn() || got != nil {
		t.Errorf("an empty file: torn = %v, entries %+v", l.Torn(), got)
	}
}

// A record that looks like one within the outcome of a torn one is none.
func TestOutcomeThatHoldsARecord(t *testing.T) {
	inner := newSpecimen(record{begun, 8, nil})
	s := newSpecimen(record{begun, 1, nil}, record{ended, 1, bytes.Repeat(inner.data[inner.ends[0]:], 100)})
	got, torn, offset, why := parse(id, s.data[:len(s.data)-1])
	if !torn || why != "" || len(got) != 1 || got[1].Ended {
		t.Errorf("parse: %v, torn %v, damaged at %d: %q", got, torn, offset, why)
	}
}

func TestFlippedAtEveryOffset(t *testing.T) {
	for _, last := range []record{{begun, 4, nil}, {ended, 3, []byte("sent")}} {
		s := ordinary(last)
		written, _, _, _ := parse(id, s.data)
		for at := range s.data {
			for bits := 1; bits < 256; bits++ {
				data := slices.Clone(s.data)
				data[at] ^= byte(bits)
				got, torn, offset, why := parse(id, data)
				if why != "" {
					if offset > int64(at) {
						t.Fatalf("byte %d xor %#x: damage found at %d", at, bits, offset)
					}
					continue
				}
				// Only the last record may look as if it had been cut off; a
				// last Begin only if its last byte became zero.
				if !torn || at < s.ends[len(s.ends)-2] || last.kind == begun && (at != len(data)-1 || data[at] != 0) {
					t.Fatalf("byte %d xor %#x: not noticed", at, bits)
				}
				for _, e := range got {
					if w := written[e.Position]; e.Ended && (!w.Ended || !bytes.Equal(e.Outcome, w.Outcome)) {
						t.Fatalf("byte %d xor %#x: reports %+v, never written", at, bits, e)
					}
				}
			}
		}
	}
}

func TestDamage(t *testing.T) {
	s := ordinary(record{ended, 3, []byte("sent")})
	cut := func(from, to int) []byte { return slices.Delete(slices.Clone(s.data), from, to) }
	zeroed := slices.Clone(s.data)
	clear(zeroed[s.ends[1]:s.ends[2]])
	tests := []struct {
		name   string
		data   []byte
		offset int
	}{
		{"a record is missing", cut(s.ends[1], s.ends[2]), s.ends[1]},
		{"a record stands there twice", slices.Concat(s.data[:s.ends[2]], s.data[s.ends[1]:]), s.ends[2]},
		{"a byte is missing", cut(s.ends[2]+4, s.ends[2]+5), s.ends[2]},
		{"a page was lost, later ones were not", zeroed, s.ends[1]},
		{"something else follows", append(slices.Clone(s.data), "something else"...), len(s.data)},
		{"another batch", bytes.Replace(s.data, []byte("batch 7"), []byte("batch 8"), 1), 0},
		{"another version", bytes.Replace(s.data, []byte("journal 1"), []byte("journal 2"), 1), 0},
		{"no journal", []byte("PK\x03\x04"), 0},
		{"the journal of another batch, renamed", slices.Concat(ID{12, 8, 3, ""}.header(), s.data[s.ends[0]:]), 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := write(t, tt.data)
			err := l.Each(func(e Entry) error {
				t.Errorf("called with %+v", e)
				return nil
			})
			var damaged *DamagedError
			if !errors.As(err, &damaged) || damaged.Offset != int64(tt.offset) || damaged.File != l.name {
				t.Errorf("Each: %v; want damage at %d", err, tt.offset)
			}
			must(t, l.Remove())
		})
	}
}

func TestTooLarge(t *testing.T) {
	dir := t.TempDir()
	j := create(t, dir)
	name := filepath.Join(dir, id.name())
	must(t, os.Truncate(name, maxSize-20)) // sparse
	j.size = maxSize - 20
	must(t, j.Begin(1))
	if err := j.Begin(2); err == nil || IsFull(err) || IsBroken(err) || !strings.Contains(err.Error(), name) {
		t.Errorf("Begin in a journal of 64 MB: %v", err)
	}
	must(t, j.Close(), os.Truncate(name, maxSize+1))
	err := find(t, dir).Each(nil)
	var damaged *DamagedError
	if !errors.As(err, &damaged) || damaged.File != name {
		t.Errorf("Each of a journal of more than 64 MB: %v", err)
	}
}

// FuzzRead reads any bytes as a journal. What it makes of them must be what the
// records before the end or the tear say, written once more.
func FuzzRead(f *testing.F) {
	s := ordinary(record{ended, 3, []byte("sent")})
	start := headerSum(id.header())
	f.Add(s.data, false)
	f.Add(s.data[s.ends[0]:len(s.data)-3], true)
	f.Add(make([]byte, 100), true)
	f.Add([]byte("\xff\xffE\x01\x00\x00\x00\x00\x00\x00\x00sent"), true)
	f.Fuzz(func(t *testing.T, data []byte, headed bool) {
		if headed {
			data = append(id.header(), data...)
		}
		got, torn, offset, why := parse(id, data)
		if why != "" {
			if got != nil || torn || offset < 0 || offset > int64(len(data)) {
				t.Fatalf("parse: %v, torn %v, damaged at %d: %q", got, torn, offset, why)
			}
			return
		}
		if !bytes.HasPrefix(data, id.header()) {
			if got != nil || !torn {
				t.Fatalf("parse without a header: %v, torn %v", got, torn)
			}
			return
		}
		again := id.header()
		want := map[int64]Entry{}
		for {
			r, size := parseRecord(data[len(again):], start, int64(len(again)))
			if size == 0 {
				break
			}
			again = append(again, appendRecord(nil, start, int64(len(again)), r)...)
			want[r.position] = Entry{r.position, r.kind == ended, r.outcome}
			if r.kind == begun {
				want[r.position] = Entry{Position: r.position}
			}
		}
		if !bytes.HasPrefix(data, again) || torn != (len(again) < len(data)) {
			t.Fatalf("parse: torn %v after %d of %d bytes", torn, len(again), len(data))
		}
		if diff := cmp.Diff(fmt.Sprint(want), fmt.Sprint(got)); diff != "" {
			t.Fatalf("parse (-want +got):\n%s", diff)
		}
	})
}
