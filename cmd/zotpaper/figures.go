package main

import (
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/zotpaper/zotpaper/press"
)

// count returns "1 article", "2 articles".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func kilobytes(n int) string { return fmt.Sprintf("%.1f kB", float64(n)/1000) }

// clip returns s in at most n characters.
func clip(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n-1]) + "…"
}

// writeFindings writes what the preflight noticed, a line each.
func writeFindings(w io.Writer, findings []press.Finding) {
	mark := map[press.Severity]string{press.Blocks: "HELD", press.Warns: "warning", press.Notes: "note"}
	for _, f := range findings {
		fmt.Fprintf(w, "  %s: %s\n", mark[f.Severity], printable(f.Text))
	}
}
