package subscribers

import "slices"

// A hashSet is a set of hashes that takes 8 bytes for each, about half of what
// a map takes. Adding many at once is cheap, adding one is not.
//
// It has a part for each first byte: when a part grows, only that one is in
// memory twice.
type hashSet struct {
	parts [256][]uint64 // each sorted
}

// part returns the number of the part that hash belongs to.
func part(hash uint64) int { return int(hash >> 56) }

func (s *hashSet) has(hash uint64) bool {
	_, found := slices.BinarySearch(s.parts[part(hash)], hash)
	return found
}

// add adds hashes, of which none is in the set yet. It sorts them.
func (s *hashSet) add(hashes []uint64) {
	slices.Sort(hashes)
	for len(hashes) > 0 {
		p := part(hashes[0])
		n := slices.IndexFunc(hashes, func(hash uint64) bool { return part(hash) != p })
		if n < 0 {
			n = len(hashes)
		}
		s.parts[p] = merge(s.parts[p], hashes[:n])
		hashes = hashes[n:]
	}
}

// merge returns what is in sorted and in more, which are both sorted, in order.
// It may use the memory of sorted.
func merge(sorted, more []uint64) []uint64 {
	i, j := len(sorted)-1, len(more)-1
	sorted = append(sorted, more...)
	// From the end, so that nothing is overwritten before it is moved.
	for to := len(sorted) - 1; j >= 0; to-- {
		if i >= 0 && sorted[i] > more[j] {
			sorted[to] = sorted[i]
			i--
		} else {
			sorted[to] = more[j]
			j--
		}
	}
	return sorted
}
