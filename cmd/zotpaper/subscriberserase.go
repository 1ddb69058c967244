package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/zotpaper/zotpaper/subscribers"
)

func newSubscribersErase(a *app) *cobra.Command {
	var compact bool
	cmd := &cobra.Command{
		Use:   "erase ADDRESS",
		Short: "Remove everything that is kept about a person",
		Long: `Erase removes a person: address, name, lists, consents with their proof, and
their address in the record of editions sent. A salted hash of the address
stays, so that no import brings it back; the reader can, by asking for a list
and confirming it.

What was deleted may stay on unused pages of the database until they are used
again. --compact rewrites the whole database, which takes as long as copying
it; nothing can be written meanwhile. Your backups are your own to clean.`,
		Example: `  zotpaper subscribers erase ada@example.org
  zotpaper subscribers erase --compact ada@example.org`,
		Args: cobra.ExactArgs(1),
		RunE: inNewsroom(a, func(ctx context.Context, n *newsroom, args []string) error {
			err := n.people.Erase(ctx, args[0], a.who())
			if errors.Is(err, subscribers.ErrUnknown) && !compact {
				return held(fmt.Errorf("%s: %w", args[0], subscribers.ErrUnknown))
			}
			if err != nil && !errors.Is(err, subscribers.ErrUnknown) {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			erased := err == nil
			if compact {
				if err := n.db.Compact(ctx); err != nil {
					return err
				}
			}
			return a.print(erasure{args[0], erased, compact})
		}),
	}
	cmd.Flags().BoolVar(&compact, "compact", false, "also rewrite the database, so that nothing is left on unused pages")
	return cmd
}

// An erasure is what subscribers erase did.
type erasure struct {
	Address   string `json:"address"`
	Erased    bool   `json:"erased"` // false: nothing was known of it
	Compacted bool   `json:"compacted"`
}

func (e erasure) WriteText(w io.Writer) error {
	if e.Erased {
		fmt.Fprintf(w, "erased %s; a salted hash stays, so that no import brings it back\n", e.Address)
	} else {
		fmt.Fprintf(w, "nothing was known of %s\n", e.Address)
	}
	if e.Compacted {
		fmt.Fprintf(w, "rewrote the database\n")
	}
	return nil
}
