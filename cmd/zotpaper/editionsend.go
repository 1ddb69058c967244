package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/zotpaper/zotpaper/dispatch"
	"github.com/zotpaper/zotpaper/edition"
	"github.com/zotpaper/zotpaper/press"
)

func newEditionSend(a *app) *cobra.Command {
	var slot, date string
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "send",
		Short: "Freeze an edition and send it to its list",
		Long: `Send assembles the edition, freezes it together with its recipients, sends it
and waits until every recipient has an end. This is what cron calls.

Run it again after any interruption: it goes on where it stopped, with the
frozen edition, and never sends it to anybody twice. While serve or work are at
it as well, they share the work.

Exit status 0: it is complete. 3: it is held, for instance because there are
too few articles; or an editor has paused or canceled it; or it was complete
before. 1: something went wrong; nobody is lost, put it right and run the same
command again.`,
		Example: `  zotpaper edition send
  zotpaper edition send --dry-run
  0 16 * * * zotpaper --config /srv/paper/config.yaml edition send --slot afternoon`,
		Args: cobra.NoArgs,
		RunE: inNewsroom(a, func(ctx context.Context, n *newsroom, _ []string) error {
			s, day, err := n.slotAndDate(slot, date)
			if err != nil {
				return err
			}
			if dryRun {
				return a.rehearse(ctx, n, s, day)
			}
			return a.send(ctx, n, s, day)
		}),
	}
	flags := cmd.Flags()
	flags.StringVar(&slot, "slot", "", "the `SLOT`; not needed if there is one")
	flags.StringVar(&date, "date", "", "the `DATE`, such as 2026-02-08 (default today)")
	flags.BoolVar(&dryRun, "dry-run", false, "do everything but freeze and send")
	return cmd
}

func (a *app) send(ctx context.Context, n *newsroom, s press.Slot, day edition.Date) error {
	if err := errors.Join(n.readyToDispatch(), n.clocksAgree(ctx)); err != nil {
		return err
	}
	begun := a.now()
	bar := a.dispatchProgress()
	done, err := n.press.Send(ctx, s, day, a.who(), bar.set)
	bar.end()
	n.tellEditors(ctx)
	var heldBack *press.HeldError
	var stopped *press.StateError
	var halted *dispatch.HaltError
	switch {
	case errors.As(err, &halted) && halted.State != dispatch.Stopped:
		return held(fmt.Errorf(`%w; "zotpaper edition resume %s" lets it go on`, err, done.Record.Key))
	case errors.As(err, &heldBack), errors.As(err, &stopped):
		return held(err)
	case err != nil && !errors.Is(err, press.ErrComplete):
		return err
	}
	l, listErr := n.listed(ctx, done.Record)
	if listErr != nil {
		return listErr
	}
	result := sent{listed: l, Seconds: a.now().Sub(begun).Seconds(), FreezeSeconds: done.Freeze.Seconds(), Already: err != nil}
	if printErr := a.print(result); printErr != nil {
		return printErr
	}
	if result.Already {
		return held(nil)
	}
	return nil
}

// A sent is what became of an edition that was sent.
type sent struct {
	listed
	Seconds       float64 `json:"seconds"`
	FreezeSeconds float64 `json:"freeze_seconds"` // of these, for fixing issue and recipients; 0: they were fixed before
	Already       bool    `json:"already"`        // it was complete before
}

func (s sent) WriteText(w io.Writer) error {
	if s.Already {
		fmt.Fprintf(w, "%s: nothing to do, it was complete at %s\n", s.Key, s.Completed.Format(time.RFC3339))
	} else {
		fmt.Fprintf(w, "%s: %s in %s\n", s.Key, s.State, time.Duration(s.Seconds*float64(time.Second)).Round(100*time.Millisecond))
	}
	writeTally(w, s.Tally)
	return nil
}

// rehearse does what send does up to the point where something would change.
func (a *app) rehearse(ctx context.Context, n *newsroom, s press.Slot, day edition.Date) error {
	key := edition.Key{Date: day, Slot: s.ID}
	d, frozen, err := n.press.Proof(ctx, key)
	if err != nil {
		return err
	}
	r := rehearsed{Key: key.String(), List: s.List, Frozen: frozen, Findings: findings(d, frozen), Subject: d.Issue.Subject}
	if d.Issue.HTML != "" {
		if _, err := n.press.Specimen(d.Issue, d.Edition.Title, d.Edition.List); err != nil {
			return err
		}
	}
	lists, err := n.people.Lists(ctx)
	if err != nil {
		return err
	}
	for _, l := range lists {
		if l.ID == s.List {
			r.Recipients = int(l.Mailable)
		}
	}
	if err := a.print(r); err != nil {
		return err
	}
	if !frozen && (d.Shortfall() > 0 || r.Recipients == 0) {
		return held(nil)
	}
	return nil
}

// A rehearsed is what edition send would do.
type rehearsed struct {
	Key        string          `json:"key"`
	List       string          `json:"list"`
	Frozen     bool            `json:"frozen"`
	Subject    string          `json:"subject"`
	Recipients int             `json:"recipients"` // who would be mailed now
	Findings   []press.Finding `json:"findings"`
}

func (r rehearsed) WriteText(w io.Writer) error {
	fmt.Fprintf(w, "%s would go to %s of list %s\n", r.Key, count(r.Recipients, "recipient"), r.List)
	if r.Subject != "" {
		fmt.Fprintf(w, "  %s\n", r.Subject)
	}
	writeFindings(w, r.Findings)
	return nil
}
