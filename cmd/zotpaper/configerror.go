package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// maxProblems is how many problems are shown at once. More than that mostly
// follow from the first ones.
const maxProblems = 20

// A ConfigError says everything that is wrong with a configuration.
type ConfigError struct {
	File     string          `json:"file"`
	Problems []ConfigProblem `json:"problems"` // by line; at least one
}

// A ConfigProblem is one thing that is wrong with a configuration.
type ConfigProblem struct {
	Line     int    `json:"line,omitempty"`     // in the file; 0: nowhere in it
	Variable string `json:"variable,omitempty"` // of the environment, if the value came from there
	Key      string `json:"key,omitempty"`      // such as smtp.port; empty: the file as a whole
	Text     string `json:"text"`               // what is wrong, and what to do
}

// Error returns one line for each problem, such as
//
//	config.yaml:12: smtp.port: want 1 to 65535, got 0
func (e *ConfigError) Error() string {
	shown := e.Problems[:min(len(e.Problems), maxProblems)]
	lines := make([]string, len(shown), len(shown)+1)
	for i, p := range shown {
		lines[i] = p.in(e.File)
	}
	if more := len(e.Problems) - len(shown); more > 0 {
		lines = append(lines, fmt.Sprintf("%s: and %d more", e.File, more))
	}
	return strings.Join(lines, "\n")
}

func (p ConfigProblem) in(file string) string {
	where := file
	switch {
	case p.Variable != "":
		where = p.Variable
	case p.Line > 0:
		where = fmt.Sprintf("%s:%d", file, p.Line)
	}
	if p.Key != "" {
		where += ": " + p.Key
	}
	return where + ": " + oneLine(p.Text)
}

// problems collects what is wrong with the configuration in file.
type problems struct {
	file string
	list []ConfigProblem
}

func (p *problems) add(problem ConfigProblem) { p.list = append(p.list, problem) }

// has reports whether something is known to be wrong with key, so that a
// second finding about it would only repeat the first.
func (p *problems) has(key string) bool {
	return slices.ContainsFunc(p.list, func(q ConfigProblem) bool { return q.Key == key })
}

// err returns what was collected as a *ConfigError, or nil if nothing was.
func (p *problems) err() error {
	if len(p.list) == 0 {
		return nil
	}
	slices.SortStableFunc(p.list, func(a, b ConfigProblem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), strings.Compare(a.Variable, b.Variable))
	})
	return &ConfigError{File: p.file, Problems: p.list}
}

// oneLine returns s with every run of white space as one blank.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
