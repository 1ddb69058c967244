package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/zotpaper/zotpaper/subscribers"
)

func newSubscribersSuppress(a *app) *cobra.Command {
	var reason string
	var lift bool
	cmd := &cobra.Command{
		Use:   "suppress ADDRESS --reason WHY",
		Short: "Keep an address from being mailed, on every list",
		Long: `Suppress keeps an address from being mailed, whatever any list says and
whoever imports or adds it. --lift ends that: for an address that works again,
or was suppressed by mistake.`,
		Example: `  zotpaper subscribers suppress --reason "asked by phone" ada@example.org
  zotpaper subscribers suppress --lift ada@example.org`,
		Args: cobra.ExactArgs(1),
		RunE: inNewsroom(a, func(ctx context.Context, n *newsroom, args []string) error {
			if lift {
				return a.lift(ctx, n, args[0], reason)
			}
			if reason == "" {
				return wrongUse(errors.New("--reason: say why, for whoever asks later"))
			}
			added, err := n.people.Suppress(ctx, args[0], subscribers.ByOperator, reason, a.who())
			if err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			if err := a.print(suppressed{args[0], reason, !added}); err != nil || added {
				return err
			}
			return held(nil)
		}),
	}
	flags := cmd.Flags()
	flags.StringVar(&reason, "reason", "", "`WHY`, for people")
	flags.BoolVar(&lift, "lift", false, "end the suppression instead")
	return cmd
}

// lift ends a suppression.
func (a *app) lift(ctx context.Context, n *newsroom, address, reason string) error {
	if reason != "" {
		return wrongUse(errors.New("--reason: a suppression that is lifted needs none"))
	}
	did, err := n.people.Lift(ctx, address, a.who())
	if err != nil {
		return fmt.Errorf("%s: %w", address, err)
	}
	if err := a.print(lifted{address, did}); err != nil || did {
		return err
	}
	return held(nil)
}

// A suppressed is what subscribers suppress did.
type suppressed struct {
	Address string `json:"address"`
	Reason  string `json:"reason"`
	Already bool   `json:"already"` // it was so before, with the reason given then
}

func (s suppressed) WriteText(w io.Writer) error {
	if s.Already {
		fmt.Fprintf(w, "%s was suppressed already\n", s.Address)
	} else {
		fmt.Fprintf(w, "suppressed %s: %s\n", s.Address, s.Reason)
	}
	return nil
}

// A lifted is what subscribers suppress --lift did.
type lifted struct {
	Address string `json:"address"`
	Lifted  bool   `json:"lifted"`
}

func (l lifted) WriteText(w io.Writer) error {
	if l.Lifted {
		fmt.Fprintf(w, "%s may be mailed again\n", l.Address)
	} else {
		fmt.Fprintf(w, "%s was not suppressed\n", l.Address)
	}
	return nil
}
