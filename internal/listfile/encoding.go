package listfile

import (
	"bufio"
	"bytes"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// A script is the encoding of a file, as far as it is known yet.
//
// UTF-16 is told by its byte order mark, or by the zero bytes of the first line.
// All else is read line by line: what is UTF-8 is UTF-8. A line that is not is
// read as Windows-1252, of which Latin-1 is a part, as long as the file has
// shown no letter beyond ASCII in UTF-8, neither in its first 64 KiB nor since;
// in a file that has, such a line is damaged, and is refused. So a file of
// either kind is read whole, however late its first accent comes, and one bad
// line does not change how others are read.
type script struct {
	wide      string // the name, if it is UTF-16: every line is converted before it is seen
	multibyte bool   // a letter beyond ASCII was seen in UTF-8, or a mark that says UTF-8
	latin     bool   // a line was read as Windows-1252
}

// The reasons for which a record is no text.
var (
	errNotUTF8  = &RowError{"it is not UTF-8, and other lines are"}
	errNotUTF16 = &RowError{"a character of it is broken"}
)

// String returns the name of the encoding, for people.
func (s script) String() string {
	switch {
	case s.wide != "":
		return s.wide
	case s.latin && s.multibyte:
		return "Windows-1252, and UTF-8 further down"
	case s.latin:
		return "Windows-1252"
	}
	return "UTF-8"
}

// The marks at the beginning of a file.
const (
	markUTF8         = "\xef\xbb\xbf"
	markLittleEndian = "\xff\xfe"
	markBigEndian    = "\xfe\xff"
)

// begin finds out the encoding, from as much as the file has at its beginning.
func (r *records) begin() {
	// An error will come again when the lines before it have been read.
	sample, _ := r.r.Peek(maxRecord)
	if wide, order, mark := wideOf(sample); wide != "" {
		r.skip(mark)
		r.script.wide = wide
		decoder := unicode.UTF16(order, unicode.IgnoreBOM).NewDecoder()
		r.r = bufio.NewReaderSize(transform.NewReader(r.r, decoder), maxRecord)
		return
	}
	if bytes.HasPrefix(sample, []byte(markUTF8)) {
		r.skip(len(markUTF8))
		r.script.multibyte = true
		return
	}
	for line := range bytes.Lines(sample) {
		if utf8.Valid(line) && !isASCII(line) {
			r.script.multibyte = true
			return
		}
	}
}

// skip drops bytes that were peeked at.
func (r *records) skip(n int) {
	if _, err := r.r.Discard(n); err != nil {
		panic(err) // they are in the buffer
	}
}

// wideOf returns the name of the kind of UTF-16 that a file begins with, its
// byte order and the length of its mark; or nothing. Without a mark it is told
// by the names of the columns, in which every other byte is zero.
func wideOf(sample []byte) (name string, order unicode.Endianness, mark int) {
	const little, big = "UTF-16, little endian", "UTF-16, big endian"
	switch {
	case bytes.HasPrefix(sample, []byte(markLittleEndian)):
		return little, unicode.LittleEndian, len(markLittleEndian)
	case bytes.HasPrefix(sample, []byte(markBigEndian)):
		return big, unicode.BigEndian, len(markBigEndian)
	}
	const most = 512 // of the file; more may be names in any letters
	sample = sample[:min(len(sample), most)&^1]
	var zeros [2]int
	for i, b := range sample {
		if b == 0 {
			zeros[i%2]++
		}
	}
	pairs := len(sample) / 2
	switch {
	case zeros[1] > pairs/2 && zeros[0] == 0:
		return little, unicode.LittleEndian, 0
	case zeros[0] > pairs/2 && zeros[1] == 0:
		return big, unicode.BigEndian, 0
	}
	return "", unicode.LittleEndian, 0
}

// toUTF8 sees to it that r.text is UTF-8, and reports whether it was altered.
func (r *records) toUTF8() (altered bool, err error) {
	switch {
	case r.script.wide != "":
		if bytes.ContainsRune(r.text, utf8.RuneError) {
			return false, errNotUTF16
		}
	case utf8.Valid(r.text):
		if !r.script.multibyte && !isASCII(r.text) {
			r.script.multibyte = true
		}
	case r.script.multibyte:
		return false, errNotUTF8
	default:
		text, err := charmap.Windows1252.NewDecoder().Bytes(r.text)
		if err != nil {
			return false, &RowError{"it is neither UTF-8 nor Windows-1252"}
		}
		r.script.latin = true
		r.text = append(r.text[:0], text...)
		return true, nil
	}
	return false, nil
}

func isASCII(text []byte) bool {
	for _, b := range text {
		if b >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
