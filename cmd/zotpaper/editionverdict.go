package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/zotpaper/zotpaper/edition"
	"github.com/zotpaper/zotpaper/press"
)

func newEditionHold(a *app) *cobra.Command {
	return reasonedCommand(a, &cobra.Command{
		Use:   "hold [EDITION]",
		Short: "Keep an edition from going out until it is released",
		Long: `Hold keeps an edition from being frozen, by serve and by edition send, until
somebody releases it or its time is over. An edition that is frozen goes out;
pause or cancel it.

Exit status 3: it is frozen already, or has ended.`,
		Example: `  zotpaper edition hold --why "wait for the vote"
  zotpaper edition hold 2026-02-08/afternoon`,
	}, func(ctx context.Context, n *newsroom, key edition.Key, why string) (fact, error) {
		slot, err := n.press.Slot(key.Slot)
		if err != nil {
			return nil, err
		}
		r, err := n.press.Withhold(ctx, slot, key.Date, a.who(), why)
		if err != nil {
			return nil, err
		}
		return n.obeyed(ctx, r, "held; it does not go out until it is released")
	})
}

// A release is how an editor lets an edition go.
type release struct {
	hash   string
	anyway bool
}

func newEditionRelease(a *app) *cobra.Command {
	var how release
	cmd := reasonedCommand(a, &cobra.Command{
		Use:   "release [EDITION]",
		Short: "Let an edition go, or send again what was held in doubt",
		Long: `Before its edition is frozen, release lets it go out at its time, or at once if
that is past: as it is now and no otherwise. If an article changes afterwards, it
is held, and the editors hear what changed. --sha256 releases it only if it is
still what you saw in "zotpaper edition check". With fewer articles than the
slot's minimum it takes --anyway.

After the freeze it is about dispatch.on_in_doubt: hold. A recipient whose mail
server never answered after the message was handed over waits for an editor;
"zotpaper edition show" names them. Release has it sent to them again, with the
same Message-ID: whoever has the first copy may see a second. If neither serve
nor work runs, run "zotpaper edition send" after it.

Exit status 3: something speaks against it, or nobody waits for it.`,
		Example: `  zotpaper edition release
  zotpaper edition release 2026-02-08/afternoon --anyway --why "one is enough today"`,
	}, func(ctx context.Context, n *newsroom, key edition.Key, why string) (fact, error) {
		r, err := n.press.Record(ctx, key)
		if err != nil && !errors.Is(err, press.ErrNotFound) {
			return nil, err
		}
		if err == nil && r.State.IsFrozen() {
			return n.releaseHeld(ctx, key, a.who())
		}
		return n.approve(ctx, key, how, a.who(), why)
	})
	flags := cmd.Flags()
	flags.StringVar(&how.hash, "sha256", "", "the `HASH` of the issue that you saw")
	flags.BoolVar(&how.anyway, "anyway", false, "also with too few articles")
	return cmd
}

// approve lets an edition go that is not frozen yet.
func (n *newsroom) approve(ctx context.Context, key edition.Key, how release, who, why string) (fact, error) {
	slot, err := n.press.Slot(key.Slot)
	if err != nil {
		return nil, err
	}
	r, err := n.press.Approve(ctx, slot, key.Date, how.hash, how.anyway, who, why)
	var blocked *press.BlockedError
	if errors.As(err, &blocked) {
		return nil, held(err)
	}
	if err != nil {
		return nil, err
	}
	when := "it goes out at once; serve or edition send does it"
	if cutoff, ok := n.press.Cutoff(slot, key.Date); ok && cutoff.After(n.press.Now()) {
		when = "it goes out at " + cutoff.Format("15:04 MST")
	}
	return n.obeyed(ctx, r, "released as it is now; "+when)
}

// releaseHeld has those tried again who were in doubt.
func (n *newsroom) releaseHeld(ctx context.Context, key edition.Key, who string) (fact, error) {
	done, err := n.press.Release(ctx, key, who)
	if err != nil {
		return nil, err
	}
	did := fmt.Sprintf("released; %s will be tried again", count(done.Again, "recipient"))
	if done.Paused {
		did += " when it is resumed"
	}
	return n.obeyed(ctx, done.Record, did)
}
