package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/zotpaper/zotpaper/edition"
	"github.com/zotpaper/zotpaper/press"
)

// A word is an editor's word about an edition. It returns what it did.
type word func(ctx context.Context, n *newsroom, key edition.Key, why string) (fact, error)

// controlCommand makes cmd a command that takes one edition and carries act
// out. An edition on which the word has no effect makes it exit with status 3.
func controlCommand(a *app, cmd *cobra.Command, act word) *cobra.Command {
	return wordCommand(a, cmd, new(string), act)
}

// reasonedCommand is like controlCommand for a word that takes a reason.
func reasonedCommand(a *app, cmd *cobra.Command, act word) *cobra.Command {
	var why string
	cmd.Flags().StringVar(&why, "why", "", "the `REASON`, to be kept on record")
	return wordCommand(a, cmd, &why, act)
}

func wordCommand(a *app, cmd *cobra.Command, why *string, act word) *cobra.Command {
	cmd.Args = cobra.MaximumNArgs(1)
	cmd.RunE = inNewsroom(a, func(ctx context.Context, n *newsroom, args []string) error {
		key, err := n.key(args)
		if err != nil {
			return err
		}
		f, err := act(ctx, n, key, *why)
		var state *press.StateError
		if errors.As(err, &state) || errors.Is(err, press.ErrNothingHeld) || errors.Is(err, press.ErrAsItIs) {
			return held(err)
		}
		if err != nil {
			return err
		}
		return a.print(f)
	})
	return cmd
}

// An obeyed is what an editor's word about an edition did.
type obeyed struct {
	listed
	Did string `json:"did"`
}

func (o obeyed) WriteText(w io.Writer) error {
	fmt.Fprintf(w, "%s: %s\n", o.Key, o.Did)
	if o.Tally.Recipients > 0 {
		writeTally(w, o.Tally)
	}
	return nil
}

// obeyed returns what was done with r, with its figures as they are now.
func (n *newsroom) obeyed(ctx context.Context, r press.Record, did string) (fact, error) {
	l, err := n.listed(ctx, r)
	return obeyed{l, did}, err
}

func newEditionPause(a *app) *cobra.Command {
	return reasonedCommand(a, &cobra.Command{
		Use:   "pause [EDITION]",
		Short: "Stop sending an edition, until it is resumed",
		Long: `Pause keeps every process from beginning further deliveries, from the moment
on at which it returns. Conversations under way come to their end.

Exit status 3: it is paused already, or it is not under way.`,
		Example: `  zotpaper edition pause
  zotpaper edition pause 2026-02-08/afternoon --why "wrong picture"`,
	}, func(ctx context.Context, n *newsroom, key edition.Key, why string) (fact, error) {
		r, err := n.press.Pause(ctx, key, a.who(), why)
		if err != nil {
			return nil, err
		}
		return n.obeyed(ctx, r, "paused; nothing further is sent until it is resumed")
	})
}

func newEditionResume(a *app) *cobra.Command {
	return controlCommand(a, &cobra.Command{
		Use:   "resume [EDITION]",
		Short: "Go on with an edition that was paused or had stopped",
		Long: `Resume lets a dispatch go on that an editor had paused, or that had stopped
because the mail server refused us. Processes that run serve or work take it up
within a second; if there is none, run "zotpaper edition send".

Exit status 3: it is neither paused nor stopped.`,
		Example: `  zotpaper edition resume 2026-02-08/afternoon`,
	}, func(ctx context.Context, n *newsroom, key edition.Key, _ string) (fact, error) {
		r, err := n.press.Resume(ctx, key, a.who())
		if err != nil {
			return nil, err
		}
		return n.obeyed(ctx, r, "resumed; serve, work or edition send goes on with it")
	})
}

func newEditionCancel(a *app) *cobra.Command {
	return reasonedCommand(a, &cobra.Command{
		Use:   "cancel [EDITION]",
		Short: "End an edition for good",
		Long: `Cancel ends an edition: whoever has not got it will not get it. It waits for
the conversations under way; if that is interrupted, cancel it again.

Exit status 3: it has ended already.`,
		Example: `  zotpaper edition cancel 2026-02-08/afternoon --why "sent to the wrong list"`,
	}, func(ctx context.Context, n *newsroom, key edition.Key, why string) (fact, error) {
		done, err := n.press.Cancel(ctx, key, a.who(), why)
		if err != nil {
			return nil, err
		}
		return n.obeyed(ctx, done.Record, "canceled")
	})
}

func newEditionReplace(a *app) *cobra.Command {
	return reasonedCommand(a, &cobra.Command{
		Use:   "replace [EDITION]",
		Short: "Put a corrected issue in the place of one that is going out",
		Long: `Replace stops a dispatch, assembles the edition anew from the articles as they
are now, freezes that as its next issue, and has it sent to everybody who has
not been reached. Both issues stay on record.

If the new issue cannot be made, for instance because nothing was corrected, the
dispatch stays paused and the exit status is 1. Exit status 3: it is not under
way.`,
		Example: `  zotpaper edition replace 2026-02-08/afternoon --why "wrong figure in the lead"`,
	}, func(ctx context.Context, n *newsroom, key edition.Key, why string) (fact, error) {
		done, err := n.press.Replace(ctx, key, a.who(), why)
		if err != nil {
			return nil, err
		}
		return n.obeyed(ctx, done.Record, fmt.Sprintf("replaced; issue %d goes to %s", done.Issue, count(done.Recipients, "recipient")))
	})
}
