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
everyone who asked for it: each reader once, nobody skipped.

Exit status: 0 done, 1 failed, 2 wrong use, 3 held or nothing to do.`,
		`  zotpaper demo              see it work; needs nothing
  zotpaper init paper        start a paper in the folder paper
  zotpaper edition build     make today's edition and look at it
  zotpaper edition send      send it
  zotpaper edition show      see who has it, and who has not`)
	root.SilenceErrors, root.SilenceUsage = true, true
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetFlagErrorFunc(flagError)

	flags := root.PersistentFlags()
	flags.StringVar(&a.configFile, "config", "config.yaml", "the configuration `FILE`")
	flags.BoolVar(&a.json, "json", false, "print facts as JSON")
	flags.BoolVar(&a.quiet, "quiet", false, "print neither progress nor notes")
	_ = root.MarkPersistentFlagFilename("config", "yaml", "yml") // fails for unknown flags only

	// The commands, in the order a newcomer meets them.
	register(root, "Begin:",
		newDemo(a),
		newInit(a),
	)
	register(root, "Every day:",
		newEdition(a),
		newSubscribers(a),
		newServe(a),
		newWork(a),
	)
	register(root, "Look after it:",
		newConfig(a),
		newVersion(a),
		newHelp(root),
	)
	root.SetCompletionCommandGroupID("Look after it:")
	prepare(a, root)
	return root
}

// register adds commands to root under a heading of its help.
func register(root *cobra.Command, title string, commands ...*cobra.Command) {
	root.AddGroup(&cobra.Group{ID: title, Title: title})
	for _, cmd := range commands {
		cmd.GroupID = title
		root.AddCommand(cmd)
	}
}

// newHelp returns the command help. Unlike cobra's own it fails for a command
// that does not exist.
func newHelp(root *cobra.Command) *cobra.Command {
	help := &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Print what a command does",
		RunE: func(_ *cobra.Command, args []string) error {
			cmd, rest, err := root.Find(args)
			switch {
			case err != nil:
				return wrongUse(err)
			case len(rest) > 0 && cmd.HasSubCommands():
				return wrongUse(cmd.Args(cmd, rest))
			case len(rest) > 0:
				return wrongUse(fmt.Errorf("%q has no commands of its own", cmd.CommandPath()))
			}
			return cmd.Help()
		},
	}
	root.SetHelpCommand(help)
	return help
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

// prepare makes every command below cmd note that it was reached, which tells
// an error of a command from a wrong command line, and say how it is used when
// its arguments are wrong.
func prepare(a *app, cmd *cobra.Command) {
	if work := cmd.RunE; work != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			a.started = true
			return work(cmd, args)
		}
	}
	if judge := cmd.Args; judge != nil && !cmd.HasSubCommands() {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if err := judge(cmd, args); err != nil {
				return fmt.Errorf("%w; the use is: %s", err, cmd.UseLine())
			}
			return nil
		}
	}
	for _, sub := range cmd.Commands() {
		prepare(a, sub)
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
