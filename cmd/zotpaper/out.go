package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"
)

// A fact is what a command prints on standard output: as text for people, and
// with --json as the JSON encoding of the same value, so the two cannot
// disagree.
type fact interface {
	WriteText(w io.Writer) error
}

// print prints f on standard output, as the flags want it.
func (a *app) print(f fact) error {
	if !a.json {
		return f.WriteText(a.stdout)
	}
	enc := json.NewEncoder(a.stdout)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(f)
}

// note tells a person at the terminal how things go: one line on standard
// error, nothing under --quiet. Errors and facts are never notes.
func (a *app) note(format string, args ...any) {
	if a.quiet {
		return
	}
	fmt.Fprintln(a.stderr, printable(fmt.Sprintf(format, args...)))
}

// printError prints err on standard error, each of its lines behind the
// program's name.
func (a *app) printError(err error) {
	if err == nil {
		return
	}
	for line := range strings.Lines(plainError(err)) {
		fmt.Fprintln(a.stderr, "zotpaper: "+printable(strings.TrimRight(line, "\n")))
	}
}

// printable returns s with control characters shown instead of obeyed: parts
// of a message may come from a server or an article, and a terminal would act
// on their escape sequences.
func printable(s string) string {
	if !strings.ContainsFunc(s, isControl) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if isControl(r) {
			fmt.Fprintf(&b, `\x%02x`, r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

func isControl(r rune) bool { return unicode.IsControl(r) && r != '\t' }
