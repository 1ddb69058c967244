package edition

import (
	"slices"
	"strings"
)

// analysisOrder returns the order in which readers find the usual parts of an
// analysis, whatever order they were filed in.
func analysisOrder() []string {
	return []string{"why this matters", "background", "key perspectives", "what to watch"}
}

// OrderAnalysis returns parts in the order printed: text that stands before
// any heading, then Why This Matters, Background, Key Perspectives and What to
// Watch, then parts under other headings as they were filed. Headings are
// compared without regard to case. parts is left as it is.
func OrderAnalysis(parts []Part) []Part {
	ordered := slices.Clone(parts)
	slices.SortStableFunc(ordered, func(a, b Part) int { return analysisRank(a) - analysisRank(b) })
	return ordered
}

func analysisRank(p Part) int {
	heading := strings.ToLower(strings.TrimSpace(p.Heading))
	if heading == "" {
		return -1
	}
	order := analysisOrder()
	if i := slices.Index(order, heading); i >= 0 {
		return i
	}
	return len(order)
}
