package main

import (
	"io"
	"log/slog"
	"time"

	"github.com/spf13/cobra"
)

// An app is what every command is given: the streams, the environment, the
// clock and the flags they share. It is made by run and filled in by cobra
// before a command begins; commands only read it.
type app struct {
	stdin   io.Reader
	stdout  io.Writer // facts
	stderr  io.Writer // everything else
	environ func() []string
	now     func() time.Time

	configFile string // --config
	json       bool   // --json
	quiet      bool   // --quiet

	started bool // a command was reached: the command line was right
}

// config reads the configuration afresh and checks it. It may be called again
// at any time, as on SIGHUP; a caller keeps the old one if it fails.
func (a *app) config() (*Config, error) {
	return loadConfig(a.configFile, a.environ())
}

// logger returns the program's log, written as c says to standard error, without
// readers' addresses and links.
func (a *app) logger(c LogConfig) *slog.Logger {
	level := slog.LevelInfo
	if err := level.UnmarshalText([]byte(c.Level)); err != nil {
		level = slog.LevelInfo // unreachable after the check of the configuration
	}
	options := &slog.HandlerOptions{Level: level, ReplaceAttr: newRedactor().replace}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(a.stderr, options))
	}
	return slog.New(slog.NewTextHandler(a.stderr, options))
}

// noFileCompletion keeps the shell from offering file names where a command
// takes none.
func noFileCompletion(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveNoFileComp
}
