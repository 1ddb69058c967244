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

// A listed is an edition as list and show print it.
type listed struct {
	Key       string         `json:"key"`
	Title     string         `json:"title"`
	List      string         `json:"list"`
	State     edition.State  `json:"state"`
	Reason    string         `json:"reason,omitempty"`
	Since     time.Time      `json:"since"`
	Until     time.Time      `json:"until"`
	Frozen    time.Time      `json:"frozen_at,omitzero"`
	Completed time.Time      `json:"completed_at,omitzero"`
	Tally     dispatch.Tally `json:"tally"`

	// Control says whether the dispatch may go on; nil unless it is under way,
	// or was canceled.
	Control *dispatch.Control `json:"control,omitempty"`
}

func (n *newsroom) listed(ctx context.Context, r press.Record) (listed, error) {
	l := listed{
		Key: r.Key.String(), Title: r.Title, List: r.List, State: r.State, Reason: r.Reason,
		Since: r.Window.Since, Until: r.Window.Until, Frozen: r.Frozen, Completed: r.Completed,
	}
	var err error
	if l.Tally, err = n.press.Dispatcher.Ledger.Tally(ctx, r.ID); err != nil {
		return l, err
	}
	switch r.State {
	case edition.Frozen, edition.Dispatching, edition.Canceled:
		control, err := n.press.Control(ctx, r)
		if errors.Is(err, dispatch.ErrNoDispatch) {
			return l, nil // canceled before it was frozen
		}
		l.Control = &control
		return l, err
	}
	return l, nil
}

// standing returns the word for where l stands. What keeps a dispatch from
// going on says more than that it is under way.
func (l listed) standing() string {
	if l.Control != nil && l.Control.State != dispatch.Running {
		return string(l.Control.State)
	}
	return string(l.State)
}

func newEditionList(a *app) *cobra.Command {
	var limit int
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the newest editions and how they went",
		Example: `  zotpaper edition list --limit 7`,
		Args:    cobra.NoArgs,
		RunE: inNewsroom(a, func(ctx context.Context, n *newsroom, _ []string) error {
			if limit < 1 || limit > 10_000 {
				return wrongUse(fmt.Errorf("--limit %d: want 1 to 10000", limit))
			}
			records, err := n.press.Records(ctx, limit)
			if err != nil {
				return err
			}
			list := editionList{}
			for _, r := range records {
				l, err := n.listed(ctx, r)
				if err != nil {
					return err
				}
				list = append(list, l)
			}
			return a.print(list)
		}),
	}
	cmd.Flags().IntVar(&limit, "limit", 20, "how many at most")
	return cmd
}

type editionList []listed

func (l editionList) WriteText(w io.Writer) error {
	if len(l) == 0 {
		fmt.Fprintln(w, `no edition yet; "zotpaper edition send" makes the first`)
	}
	for _, e := range l {
		fmt.Fprintf(w, "%-24s %-12s", e.Key, e.standing())
		if e.Tally.Recipients > 0 {
			fmt.Fprintf(w, " %d of %d sent", e.Tally.Sent, e.Tally.Recipients)
		}
		switch {
		case e.Control != nil && e.Control.Why != "":
			fmt.Fprintf(w, " %s", printable(e.Control.Why))
		case e.Reason != "":
			fmt.Fprintf(w, " %s", printable(e.Reason))
		}
		fmt.Fprintln(w)
	}
	return nil
}

func newEditionShow(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "show [EDITION]",
		Short: "Show one edition: its state, its figures, what happened to it",
		Long: `Show prints where an edition stands, whether its dispatch is paused or stopped
and why, how many of its recipients have it, who has not and why, and every step
of its life with who took it.`,
		Example: `  zotpaper edition show 2026-02-08/afternoon
  zotpaper edition show --json`,
		Args: cobra.MaximumNArgs(1),
		RunE: inNewsroom(a, func(ctx context.Context, n *newsroom, args []string) error {
			key, err := n.key(args)
			if err != nil {
				return err
			}
			s, err := n.shown(ctx, key)
			if errors.Is(err, press.ErrNotFound) {
				return fmt.Errorf(`%w; "zotpaper edition build" shows what it would be`, err)
			}
			if err != nil {
				return err
			}
			return a.print(s)
		}),
	}
}

// A shown is all that is known of an edition.
type shown struct {
	listed
	Facts    *press.Facts        `json:"edition,omitempty"` // of the latest issue; nil until it is frozen
	Issues   []press.IssueRecord `json:"issues"`            // several if it was replaced
	Troubles []dispatch.Trouble  `json:"troubles"`
	Steps    []press.Transition  `json:"steps"`
}

// troubleLimit is how many deliveries show names.
const troubleLimit = 200

func (n *newsroom) shown(ctx context.Context, key edition.Key) (shown, error) {
	var s shown
	r, err := n.press.Record(ctx, key)
	if err != nil {
		return s, err
	}
	if s.listed, err = n.listed(ctx, r); err != nil {
		return s, err
	}
	if s.Steps, err = n.press.Transitions(ctx, r); err != nil {
		return s, err
	}
	if s.Troubles, err = n.press.Dispatcher.Ledger.Troubles(ctx, r.ID, troubleLimit); err != nil {
		return s, err
	}
	if s.Issues, err = n.press.Issues(ctx, r); err != nil {
		return s, err
	}
	_, facts, err := n.press.Issue(ctx, key)
	switch {
	case err == nil:
		s.Facts = &facts
	case !errors.Is(err, press.ErrNotFound):
		return s, err
	}
	// Empty lists rather than null: whoever reads the JSON can loop.
	s.Issues = append([]press.IssueRecord{}, s.Issues...)
	s.Troubles = append([]dispatch.Trouble{}, s.Troubles...)
	return s, nil
}

func (s shown) WriteText(w io.Writer) error {
	fmt.Fprintf(w, "%s, %s\n", s.Title, s.Key)
	fmt.Fprintf(w, "  state       %s", s.State)
	if s.Reason != "" {
		fmt.Fprintf(w, ": %s", printable(s.Reason))
	}
	fmt.Fprintln(w)
	if s.Control != nil {
		writeControl(w, *s.Control)
	}
	fmt.Fprintf(w, "  articles    %s to %s\n", s.Since.Format(time.RFC3339), s.Until.Format(time.RFC3339))
	if s.Facts != nil {
		fmt.Fprintf(w, "  subject     %s\n  sha256      %s\n", s.Facts.Subject, s.Facts.SHA256)
		for _, c := range s.Facts.Cuts {
			fmt.Fprintf(w, "  cut         %s, %d of %d words\n", c.Headline, c.Printed, c.Words)
		}
	}
	if s.Tally.Recipients > 0 {
		writeTally(w, s.Tally)
	}
	if len(s.Issues) > 1 {
		for _, i := range s.Issues {
			fmt.Fprintf(w, "  issue %-5d frozen %s, sha256 %.12s\n", i.Number, i.Frozen.Format(time.RFC3339), i.SHA256)
		}
	}
	for _, t := range s.Troubles {
		writeTrouble(w, t)
	}
	for _, t := range s.Steps {
		fmt.Fprintf(w, "  %s  %s by %s", t.At.Format(time.RFC3339), t.New, t.Who)
		if t.Why != "" {
			fmt.Fprintf(w, ": %s", printable(t.Why))
		}
		fmt.Fprintln(w)
	}
	return nil
}

// writeControl writes whether a dispatch may go on, and who said so.
func writeControl(w io.Writer, c dispatch.Control) {
	fmt.Fprintf(w, "  dispatch    %s", c.State)
	if c.Who != "" {
		fmt.Fprintf(w, " by %s", c.Who)
	}
	if !c.Changed.IsZero() {
		fmt.Fprintf(w, " since %s", c.Changed.Format(time.RFC3339))
	}
	if c.Why != "" {
		fmt.Fprintf(w, ": %s", printable(c.Why))
	}
	fmt.Fprintln(w)
}

// writeTrouble writes a delivery that did not simply go out.
func writeTrouble(w io.Writer, t dispatch.Trouble) {
	fmt.Fprintf(w, "  %-11s %s", t.State, t.Address)
	if t.Issue > 1 {
		fmt.Fprintf(w, " (issue %d)", t.Issue)
	}
	if t.Code > 0 {
		fmt.Fprintf(w, ": %d %s", t.Code, t.Enhanced)
	}
	if t.Text != "" {
		fmt.Fprintf(w, " %s", printable(t.Text))
	}
	if t.InDoubt > 0 {
		fmt.Fprintf(w, " (was in doubt)")
	}
	fmt.Fprintln(w)
}

// writeTally writes the equation that says whether anybody was skipped.
func writeTally(w io.Writer, t dispatch.Tally) {
	fmt.Fprintf(w, "  recipients  %d = %d sent + %d rejected + %d suppressed + %d expired + %d unrenderable + %d held",
		t.Recipients, t.Sent, t.Rejected, t.Suppressed, t.Expired, t.Unrenderable, t.Held)
	if t.Canceled > 0 {
		fmt.Fprintf(w, " + %d canceled", t.Canceled)
	}
	if open := t.Recipients - t.Ended(); open > 0 {
		fmt.Fprintf(w, " + %d to come", open)
	}
	fmt.Fprintln(w)
	if t.InDoubt > 0 {
		fmt.Fprintf(w, "  in doubt    %d, of whom some may have two copies\n", t.InDoubt)
	}
}

func newEditionCheck(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "check [EDITION]",
		Short: "Say what an editor should know before an edition goes out",
		Long: `Check assembles the edition as build does and lists what it noticed: articles
that were left out and why, with file and line; pictures without a
description; articles that were cut to fit the mail; too few articles.

Exit status 3: the edition would be held.`,
		Example: `  zotpaper edition check
  zotpaper edition check 2026-02-08/afternoon --json`,
		Args: cobra.MaximumNArgs(1),
		RunE: inNewsroom(a, func(ctx context.Context, n *newsroom, args []string) error {
			key, err := n.key(args)
			if err != nil {
				return err
			}
			d, frozen, err := n.press.Proof(ctx, key)
			if err != nil {
				return err
			}
			c := checked{Key: key.String(), Frozen: frozen, Articles: len(d.Edition.Lineup.Articles()), Findings: []press.Finding{}}
			if frozen {
				_, facts, err := n.press.Issue(ctx, key)
				if err != nil {
					return err
				}
				c.Articles = len(facts.Articles)
				d.Issue.Cuts = facts.Cuts
			}
			if !frozen || len(d.Issue.Cuts) > 0 {
				c.Findings = append(c.Findings, findings(d, frozen)...)
			}
			if err := a.print(c); err != nil {
				return err
			}
			if !frozen && d.Shortfall() > 0 {
				return held(nil)
			}
			return nil
		}),
	}
}

// findings returns what the preflight noticed of d. What is frozen can no
// longer be held for want of articles.
func findings(d press.Draft, frozen bool) []press.Finding {
	var list []press.Finding
	for _, f := range d.Findings() {
		if !frozen || f.Severity != press.Blocks {
			list = append(list, f)
		}
	}
	return list
}

// A checked is what edition check noticed.
type checked struct {
	Key      string          `json:"key"`
	Frozen   bool            `json:"frozen"`
	Articles int             `json:"articles"`
	Findings []press.Finding `json:"findings"`
}

func (c checked) WriteText(w io.Writer) error {
	fmt.Fprintf(w, "%s: %s\n", c.Key, count(c.Articles, "article"))
	if len(c.Findings) == 0 {
		fmt.Fprintln(w, "  nothing to say against it")
	}
	writeFindings(w, c.Findings)
	return nil
}
