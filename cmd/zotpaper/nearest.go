package main

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// nearest returns the word of known that word was probably meant to be, or ""
// if none is near: at most a third of its letters, and never more than three,
// are wrong.
func nearest(word string, known []string) string {
	best, limit := "", min(len(word)/3, 3)+1
	for _, k := range known {
		if d := distance(word, k); d < limit {
			best, limit = k, d
		}
	}
	return best
}

// distance returns how many letters must be put in, left out, replaced or
// swapped with their neighbor to get from a to b.
func distance(a, b string) int {
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j]+cost, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}

// flagNames returns the names of the flags cmd takes, those of its parents
// included.
func flagNames(cmd *cobra.Command) []string {
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	return names
}
