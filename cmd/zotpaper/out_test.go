package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

func TestPrintError(t *testing.T) {
	tests := []struct {
		name string
		err  error
		want string
	}{
		{"none", nil, ""},
		{"one line", errors.New("smtp: 550 no"), "zotpaper: smtp: 550 no\n"},
		{"each line behind the name", errors.Join(errors.New("a"), errors.New("b")), "zotpaper: a\nzotpaper: b\n"},
		{"a server's escape sequences are shown, not obeyed", errors.New("550 \x1b[2J\r\u009b"), "zotpaper: 550 \\x1b[2J\\x0d\\x9b\n"},
		{"a status without words", held(nil), ""},
		{"an interrupt", fmt.Errorf("send: %w", context.Canceled), "zotpaper: send: interrupted\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			stderr := new(bytes.Buffer)
			(&app{stderr: stderr}).printError(tt.err)
			if got := stderr.String(); got != tt.want {
				t.Errorf("printError(%v): got %q, want %q", tt.err, got, tt.want)
			}
		})
	}
}

func TestExitCode(t *testing.T) {
	tests := []struct {
		name string
		err  error
		want int
	}{
		{"done", nil, 0},
		{"failed", errors.New("x"), 1},
		{"wrong use, wrapped", fmt.Errorf("a: %w", wrongUse(errors.New("x"))), 2},
		{"held, joined", errors.Join(nil, held(nil)), 3},
		{"interrupted", context.Canceled, 1},
	}
	for _, tt := range tests {
		if got := exitCode(tt.err); got != tt.want {
			t.Errorf("%s: exitCode(%v): got %d, want %d", tt.name, tt.err, got, tt.want)
		}
	}
}

func TestNote(t *testing.T) {
	for quiet, want := range map[bool]string{false: "3 sent\n", true: ""} {
		stderr := new(bytes.Buffer)
		(&app{stderr: stderr, quiet: quiet}).note("%d sent", 3)
		if got := stderr.String(); got != want {
			t.Errorf("note, quiet %v: got %q, want %q", quiet, got, want)
		}
	}
}

type greeting struct {
	Word string `json:"word"`
}

func (g greeting) WriteText(w io.Writer) error {
	_, err := fmt.Fprintln(w, g.Word)
	return err
}

func TestPrint(t *testing.T) {
	for asJSON, want := range map[bool]string{false: "<good morning>\n", true: "{\n  \"word\": \"<good morning>\"\n}\n"} {
		stdout := new(bytes.Buffer)
		if err := (&app{stdout: stdout, json: asJSON}).print(greeting{"<good morning>"}); err != nil {
			t.Fatal(err)
		}
		if got := stdout.String(); got != want {
			t.Errorf("print, json %v: got %q, want %q", asJSON, got, want)
		}
	}
}

// TestRun calls the program as main does.
func TestRun(t *testing.T) {
	environ := func() []string { return nil }
	var stdout, stderr bytes.Buffer
	if got := run(t.Context(), []string{"version"}, strings.NewReader(""), &stdout, &stderr, environ); got != exitDone || stderr.Len() > 0 {
		t.Errorf("run version: status %d, standard error %q", got, &stderr)
	}
	if got := run(t.Context(), []string{"config", "check", "--config", t.TempDir() + "/none.yaml"}, strings.NewReader(""), &stdout, &stderr, environ); got != exitFailed {
		t.Errorf("run config check without a file: status %d, want %d", got, exitFailed)
	}
}

// TestEveryCommandExplainsItself wants help worth reading for each command.
func TestEveryCommandExplainsItself(t *testing.T) {
	root := newRoot(&app{})
	commands := root.Commands()
	for len(commands) > 0 {
		cmd := commands[0]
		commands = append(commands[1:], cmd.Commands()...)
		if cmd.Name() == "help" || cmd.Name() == "completion" || cmd.Hidden {
			continue
		}
		switch {
		case cmd.Short == "" || strings.HasSuffix(cmd.Short, "."):
			t.Errorf("%s: want a short help without a full stop, got %q", cmd.CommandPath(), cmd.Short)
		case cmd.RunE == nil:
			t.Errorf("%s: does nothing", cmd.CommandPath())
		case cmd.Args == nil:
			t.Errorf("%s: takes any arguments; say which", cmd.CommandPath())
		case cmd.Name() != "version" && !strings.Contains(cmd.Example, "zotpaper "):
			t.Errorf("%s: has no example", cmd.CommandPath())
		}
	}
}
