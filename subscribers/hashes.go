package subscribers

import "slices"

// A hashSet is a set of hashes that takes 8 bytes for each, about half of what
// a map takes. Adding many at once is cheap, adding one is not.
type hashSet struct {
	sorted []uint64
}

func (s *hashSet) has(hash uint64) bool {
	_, found := slices.BinarySearch(s.sorted, hash)
	return found
}

// add adds hashes, of which none is in the set yet. It sorts them.
func (s *hashSet) add(hashes []uint64) {
	slices.Sort(hashes)
	old, more := len(s.sorted)-1, len(hashes)-1
	s.sorted = append(s.sorted, hashes...)
	// From the end, so that nothing is overwritten before it is moved.
	for to := len(s.sorted) - 1; more >= 0; to-- {
		if old >= 0 && s.sorted[old] > hashes[more] {
			s.sorted[to] = s.sorted[old]
			old--
		} else {
			s.sorted[to] = hashes[more]
			more--
		}
	}
}
