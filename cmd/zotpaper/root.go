package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// run is the program: it carries out the command in args and returns the exit
// status. environ returns the environment as os.Environ does. When ctx ends,
// run cleans up and returns.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, environ func() []string) int {
	a := &app{stdin: stdin, stdout: stdout, stderr: stderr, environ: environ, now: time.Now}
	root := newRoot(a)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err != nil && !a.started {
		// Cobra never reached the command, so the command line was wrong.
		err = wrongUse(err)
	}
	a.printError(err)
	return exitCode(err)
}

// newRoot returns the command zotpaper with all its subcommands.
func newRoot(a *app) *cobra.Command {
	root := group("zotpaper", "A daily paper that arrives by email",
		`Zotpaper assembles the day's articles into an edition and mails it to
everyone who asked for it: each reader once, nobody skipped.`,
		`  zotpaper demo              see it work; needs nothing
  zotpaper init paper        start a paper in the folder paper
  zotpaper edition build     make today's edition and look at it
  zotpaper edition send      send it`)
	root.SilenceErrors, root.SilenceUsage = true, true
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetFlagErrorFunc(flagError)

	flags := root.PersistentFlags()
	flags.StringVar(&a.configFile, "config", "config.yaml", "the configuration `FILE`")
	flags.BoolVar(&a.json, "json", false, "print facts as JSON")
	flags.BoolVar(&a.quiet, "quiet", false, "print neither progress nor notes")

	// The commands, a line each, in the order a newcomer meets them.
	root.AddCommand(
		newInit(a),
		newConfig(a),
		newVersion(a),
	)
	markStarted(a, root)
	return root
}

// group returns a command that only holds others. Called alone it prints its
// help; an unknown subcommand is an error that names the nearest.
func group(use, short, long, example string) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Long: long, Example: example,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
				return fmt.Errorf("unknown command %q; did you mean %q?", args[0], cmd.CommandPath()+" "+near[0])
			}
			return fmt.Errorf("unknown command %q; %q lists them", args[0], cmd.CommandPath()+" --help")
		},
		RunE:                       func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		SuggestionsMinimumDistance: 2,
	}
}

// markStarted makes every command below cmd note that it was reached, which
// tells an error of a command from a wrong command line.
func markStarted(a *app, cmd *cobra.Command) {
	if work := cmd.RunE; work != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			a.started = true
			return work(cmd, args)
		}
	}
	for _, sub := range cmd.Commands() {
		markStarted(a, sub)
	}
}

// flagError says what is wrong with a flag of cmd, and which was meant.
func flagError(cmd *cobra.Command, err error) error {
	var unknown interface{ GetSpecifiedName() string }
	if errors.As(err, &unknown) {
		name := strings.TrimLeft(unknown.GetSpecifiedName(), "-")
		if cmd.Flags().Lookup(name) == nil {
			if near := nearest(name, flagNames(cmd)); near != "" {
				return fmt.Errorf("unknown flag --%s; did you mean --%s?", name, near)
			}
		}
	}
	return fmt.Errorf("%w; %q lists the flags", err, cmd.CommandPath()+" --help")
}
