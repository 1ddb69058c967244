package journal

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// The kinds of a record.
const (
	begun = 'B'
	ended = 'E'
)

const (
	headSize   = 2 + 1 + 8 // of a record, before the outcome
	sumSize    = 4         // of a record, after the outcome
	maxOutcome = 2000
	maxSize    = 64 << 20 // of a file; a batch of 1,000 needs a thirtieth of it
)

// A record is one line of the journal.
type record struct {
	kind     byte
	position int64
	outcome  []byte
}

// header returns the first line of the journal of id.
func (id ID) header() []byte {
	return fmt.Appendf(nil, "zotpaper journal 1 edition %d batch %d fence %d owner %s\n", id.Edition, id.Batch, id.Fence, id.Owner)
}

// headerSum returns what the checksums of a journal start from.
func headerSum(header []byte) uint32 {
	return crc32.Checksum(header, crc32.MakeTable(crc32.Castagnoli))
}

// sum returns the checksum of a record in a journal with that headerSum at that
// offset, below 2^32. Of two different starts come two different checksums.
func sum(start uint32, offset int64, b []byte) uint32 {
	return crc32.Update(start^uint32(offset), crc32.MakeTable(crc32.Castagnoli), b)
}

// appendRecord appends to b, which is empty, the bytes of r as they stand at
// offset.
func appendRecord(b []byte, start uint32, offset int64, r record) []byte {
	b = binary.LittleEndian.AppendUint16(b, uint16(len(r.outcome)))
	b = append(b, r.kind)
	b = binary.LittleEndian.AppendUint64(b, uint64(r.position))
	b = append(b, r.outcome...)
	return binary.LittleEndian.AppendUint32(b, sum(start, offset, b))
}

// recordSize returns how long the record is that b begins with, going by its
// head; 0 if that is no head of a record.
func recordSize(b []byte) int {
	if len(b) < headSize {
		return 0
	}
	length := int(binary.LittleEndian.Uint16(b))
	if b[2] == begun && length == 0 || b[2] == ended && length <= maxOutcome {
		return headSize + length + sumSize
	}
	return 0
}

// parseRecord returns the record at the beginning of b, which stands at offset,
// and its size; 0 if there is no valid one. The outcome is a part of b.
func parseRecord(b []byte, start uint32, offset int64) (record, int) {
	size := recordSize(b)
	if size == 0 || size > len(b) {
		return record{}, 0
	}
	end := size - sumSize
	if binary.LittleEndian.Uint32(b[end:]) != sum(start, offset, b[:end]) {
		return record{}, 0
	}
	return record{b[2], int64(binary.LittleEndian.Uint64(b[3:])), b[headSize:end:end]}, size
}

// parse reads the journal of id from data: the last state of each position.
// torn says that the last record was cut off, and why, if not empty, what is
// wrong at offset; nothing else is returned then.
func parse(id ID, data []byte) (entries map[int64]Entry, torn bool, offset int64, why string) {
	header := id.header()
	if !bytes.HasPrefix(data, header) {
		// The owner may have died while it wrote even this.
		if bytes.HasPrefix(header, bytes.TrimRight(data, "\x00")) {
			return nil, true, 0, ""
		}
		return nil, false, 0, fmt.Sprintf("does not begin with %q", header)
	}
	start := headerSum(header)
	entries = map[int64]Entry{}
	at := len(header)
	for at < len(data) {
		r, size := parseRecord(data[at:], start, int64(at))
		if size == 0 {
			if !isTorn(data, start, at) {
				return nil, false, int64(at), "not a valid record"
			}
			return entries, true, 0, ""
		}
		e := Entry{Position: r.position, Ended: r.kind == ended}
		if e.Ended {
			e.Outcome = r.outcome
		}
		entries[r.position] = e
		at += size
	}
	return entries, false, 0, ""
}

// isTorn reports whether the invalid record at that place is one that was being
// written at the end: its beginning, then nothing or zeros.
func isTorn(data []byte, start uint32, at int) bool {
	for next := at + 1; next < len(data); next++ {
		if _, size := parseRecord(data[next:], start, int64(next)); size > 0 {
			return false
		}
	}
	rest := bytes.TrimRight(data[at:], "\x00")
	return len(rest) < headSize || recordSize(rest) > len(rest)
}
