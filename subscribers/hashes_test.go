package subscribers

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestHashSetHasWhatWasAdded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := rapid.SliceOfDistinct(rapid.Uint64(), rapid.ID).Draw(t, "hashes")
		batch := rapid.IntRange(1, 10).Draw(t, "batch")
		var set hashSet
		added := 0
		for hashes := range slices.Chunk(slices.Clone(all), batch) {
			for _, hash := range all[added:] {
				if set.has(hash) {
					t.Fatalf("%x is in the set before it was added", hash)
				}
			}
			added += len(hashes)
			set.add(hashes)
			for _, hash := range all[:added] {
				if !set.has(hash) {
					t.Fatalf("%x was added and is not in the set", hash)
				}
			}
		}
	})
}
