package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/zotpaper/zotpaper/subscribers"
)

func newSubscribers(a *app) *cobra.Command {
	cmd := group("subscribers", "Import, export, add and look up the people on the lists",
		`A subscriber is on a list from the consent until the unsubscription. An
address that is suppressed is not mailed, whatever any list says; neither an
import nor an addition undoes a suppression or an unsubscription.`,
		`  zotpaper subscribers import --list afternoon readers.csv
  zotpaper subscribers add --list afternoon --name "Ada King" ada@example.org
  zotpaper subscribers list
  zotpaper subscribers show ada@example.org`)
	cmd.AddCommand(
		newSubscribersImport(a),
		newSubscribersExport(a),
		newSubscribersAdd(a),
		newSubscribersList(a),
		newSubscribersShow(a),
		newSubscribersUnsubscribe(a),
		newSubscribersSuppress(a),
		newSubscribersErase(a),
	)
	return cmd
}

// listFlag adds --list to cmd; without it the command works on the only list.
func listFlag(cmd *cobra.Command, list *string) {
	cmd.Flags().StringVar(list, "list", "", "the `LIST`; not needed if there is one")
}

// list returns the list that a command names, or the only one.
func (n *newsroom) list(id string) (string, error) {
	all := lists(n.config)
	if id == "" && len(all) == 1 {
		return all[0].ID, nil
	}
	var known string
	for _, l := range all {
		if l.ID == id {
			return id, nil
		}
		known += ", " + l.ID
	}
	if id == "" {
		return "", wrongUse(fmt.Errorf("there are several lists; name one with --list: %s", known[2:]))
	}
	return "", wrongUse(fmt.Errorf("no slot goes to a list %q; the configuration has %s", id, known[2:]))
}

func newSubscribersAdd(a *app) *cobra.Command {
	var list, name string
	cmd := &cobra.Command{
		Use:     "add ADDRESS",
		Short:   "Add one reader who has given you their consent",
		Example: `  zotpaper subscribers add --list afternoon --name "Ada King" ada@example.org`,
		Args:    cobra.ExactArgs(1),
		RunE: inNewsroom(a, func(ctx context.Context, n *newsroom, args []string) error {
			id, err := n.list(list)
			if err != nil {
				return err
			}
			added, err := n.people.Add(ctx, id, args[0], name, a.who())
			if err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			if err := a.print(addition{args[0], id, added}); err != nil || added {
				return err
			}
			return held(nil)
		}),
	}
	listFlag(cmd, &list)
	cmd.Flags().StringVar(&name, "name", "", "the reader's `NAME`")
	return cmd
}

// An addition is what subscribers add did.
type addition struct {
	Address string `json:"address"`
	List    string `json:"list"`
	Added   bool   `json:"added"`
}

func (d addition) WriteText(w io.Writer) error {
	if d.Added {
		fmt.Fprintf(w, "added %s to %s\n", d.Address, d.List)
	} else {
		fmt.Fprintf(w, "%s is on %s already\n", d.Address, d.List)
	}
	return nil
}

func newSubscribersList(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the lists and how many people are on each",
		Example: `  zotpaper subscribers list --json`,
		Args:    cobra.NoArgs,
		RunE: inNewsroom(a, func(ctx context.Context, n *newsroom, _ []string) error {
			figures, err := n.people.Lists(ctx)
			if err != nil {
				return err
			}
			return a.print(listFigures(figures))
		}),
	}
}

type listFigures []subscribers.Figure

func (l listFigures) WriteText(w io.Writer) error {
	for _, f := range l {
		fmt.Fprintf(w, "%-16s %s\n", f.ID, f.Title)
		fmt.Fprintf(w, "  %d would be mailed now, %d pending, %d unsubscribed, %d suppressed\n", f.Mailable, f.Pending, f.Withdrawn, f.Suppressed)
	}
	return nil
}

func newSubscribersUnsubscribe(a *app) *cobra.Command {
	var list string
	cmd := &cobra.Command{
		Use:     "unsubscribe ADDRESS",
		Short:   "Take a reader off a list, for good",
		Example: `  zotpaper subscribers unsubscribe --list afternoon ada@example.org`,
		Args:    cobra.ExactArgs(1),
		RunE: inNewsroom(a, func(ctx context.Context, n *newsroom, args []string) error {
			id, err := n.list(list)
			if err != nil {
				return err
			}
			u, err := n.people.Unsubscribe(ctx, id, args[0], a.who())
			if err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			if err := a.print(removal{u.Subscriber.Address, id, u.Already}); err != nil || !u.Already {
				return err
			}
			return held(nil)
		}),
	}
	listFlag(cmd, &list)
	return cmd
}

// A removal is what subscribers unsubscribe did.
type removal struct {
	Address string `json:"address"`
	List    string `json:"list"`
	Already bool   `json:"already"` // it was so before
}

func (r removal) WriteText(w io.Writer) error {
	if r.Already {
		fmt.Fprintf(w, "%s had unsubscribed from %s already\n", r.Address, r.List)
	} else {
		fmt.Fprintf(w, "unsubscribed %s from %s\n", r.Address, r.List)
	}
	return nil
}
