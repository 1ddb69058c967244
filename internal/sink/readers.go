package sink

import (
	"bytes"
	"math"
	"sync"
)

// A lottery is what recipients are drawn for.
type lottery string

const (
	rcptLater lottery = "rcpt later"
	rcptNo    lottery = "rcpt no"
	dataLater lottery = "data later"
	cut       lottery = "cut"
)

// drawn says whether address is among the fraction of recipients drawn in l.
func (o *Options) drawn(l lottery, address []byte, fraction float64) bool {
	if fraction <= 0 {
		return false
	}
	return float64(hash(o.Seed^hash(0, []byte(l)), address)) < fraction*math.MaxUint64
}

// hash is FNV-1a over b in lower case, mixed once more so that its upper bits
// are a fair lottery too.
func hash(seed uint64, b []byte) uint64 {
	h := uint64(14695981039346656037) ^ seed*0x9E3779B97F4A7C15
	for _, c := range b {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		h = (h ^ uint64(c)) * 1099511628211
	}
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// readers are who got a message. They are known by a hash of 64 bits, which a
// million of them share with a chance of one in ten million, and in parts, so
// that connections do not wait for each other.
type readers [64]struct {
	sync.Mutex
	got   map[uint64]uint64 // hash of the first Message-ID
	tries map[uint64]int    // temporary refusals so far, by recipient and lottery
}

func (r *readers) forget() {
	for i := range r {
		part := &r[i]
		part.Lock()
		part.got, part.tries = map[uint64]uint64{}, map[uint64]int{}
		part.Unlock()
	}
}

// got counts a message with a Message-ID to address. It says whether it is the
// first one, and whether it has another Message-ID than the first.
func (r *readers) got(address, id []byte) (first, other bool) {
	h, hashed := hash(0, address), hash(0, id)
	part := &r[h%uint64(len(r))]
	part.Lock()
	defer part.Unlock()
	known, ok := part.got[h]
	if !ok {
		part.got[h] = hashed
	}
	return !ok, ok && known != hashed
}

// try counts a temporary refusal of address, and says whether one is due:
// there were fewer than limit before.
func (r *readers) try(l lottery, address []byte, limit int) bool {
	h := hash(hash(0, []byte(l)), address)
	part := &r[h%uint64(len(r))]
	part.Lock()
	defer part.Unlock()
	if part.tries[h] >= limit {
		return false
	}
	part.tries[h]++
	return true
}

// fields returns the values of To and Message-ID, folded as they came; nil if
// there is no such field.
func fields(message []byte) (to, id []byte) {
	var open *[]byte // the field that a folded line goes on with
	for rest := message; len(rest) > 0; {
		line, after, _ := bytes.Cut(rest, []byte("\r\n"))
		rest = after
		if len(line) == 0 {
			break
		}
		if line[0] == ' ' || line[0] == '\t' {
			if open != nil {
				*open = append(bytes.Clone(*open), line...)
			}
			continue
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		open = nil
		switch {
		case bytes.EqualFold(name, []byte("To")):
			open = &to
		case bytes.EqualFold(name, []byte("Message-ID")):
			open = &id
		default:
			continue
		}
		*open = bytes.TrimSpace(value)
	}
	return bytes.TrimSpace(to), bytes.TrimSpace(id)
}
