//go:build unix

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A table is rows of cells; the first row is the head.
type table [][]string

// String returns t as Markdown.
func (t table) String() string {
	var b strings.Builder
	for i, row := range t {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
		if i == 0 {
			fmt.Fprintf(&b, "|%s\n", strings.Repeat(" --- |", len(row)))
		}
	}
	return b.String()
}

// replace puts text into BENCHMARKS.md, between the two comments that hold the
// place of what is called name.
func (s *shop) replace(name, text string) error {
	file := filepath.Join(s.root, "BENCHMARKS.md")
	old, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	begin, end := "<!-- torture: "+name+" -->\n", "<!-- end -->"
	head, rest, ok := strings.Cut(string(old), begin)
	_, tail, closed := strings.Cut(rest, end)
	if !ok || !closed {
		return fmt.Errorf("%s: there is no place for the table %q: want the line %q, and after it %q", file, name, strings.TrimSpace(begin), end)
	}
	return os.WriteFile(file, []byte(head+begin+text+end+tail), 0o644)
}

// median returns the middle of list, which has one at least. Of an even number
// it is the lower of the two.
func median(list []float64) float64 {
	sorted := slices.Sorted(slices.Values(list))
	return sorted[(len(sorted)-1)/2]
}

// thousands returns f to three figures, with a comma before the thousands.
func thousands(f float64) string {
	switch {
	case f < 10:
		return fmt.Sprintf("%.2f", f)
	case f < 100:
		return fmt.Sprintf("%.1f", f)
	case f < 1000:
		return fmt.Sprintf("%.0f", f)
	}
	step := 1
	for f/float64(step) >= 1000 {
		step *= 10
	}
	text := fmt.Sprint((int(f) + step/2) / step * step)
	var parts []string
	for len(text) > 3 {
		parts = append([]string{text[len(text)-3:]}, parts...)
		text = text[:len(text)-3]
	}
	return strings.Join(append([]string{text}, parts...), ",")
}
