package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/zotpaper/zotpaper/subscribers"
)

func newSubscribersShow(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "show ADDRESS",
		Short: "Show everything known of one address",
		Long: `Show prints all that is kept about a person, as they may ask for it: the
address, each list with the consent and its proof (when and from where it was
asked for and confirmed, on which words), the suppression, every change and who
made it, the notices written to them, and the editions sent.`,
		Example: `  zotpaper subscribers show ada@example.org
  zotpaper subscribers show ada@example.org --json > ada.json`,
		Args: cobra.ExactArgs(1),
		RunE: inNewsroom(a, func(ctx context.Context, n *newsroom, args []string) error {
			r, err := n.people.Show(ctx, args[0])
			if errors.Is(err, subscribers.ErrUnknown) {
				return held(fmt.Errorf("%s: %w", args[0], err))
			}
			if err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			return a.print(person{args[0], r})
		}),
	}
}

// A person is what is known of one address.
type person struct {
	Address string `json:"-"`
	subscribers.Record
}

// shownEditions is how many editions are printed for people.
const shownEditions = 10

func (p person) WriteText(w io.Writer) error {
	p.writeSubscriber(w)
	if s := p.Suppression; s != nil {
		fmt.Fprintf(w, "  suppressed, %s: %s (%s, %s)\n", s.Kind, printable(s.Reason), s.Source, s.At.Format(time.RFC3339))
		if s.Hashed {
			fmt.Fprintf(w, "    only a hash of the address is kept\n")
		}
	}
	if len(p.Changes) > 0 {
		fmt.Fprintf(w, "what was done:\n")
	}
	for _, c := range p.Changes {
		writeChange(w, c)
	}
	for _, n := range p.Notices {
		fmt.Fprintf(w, "  %s  notice %q to %s: %s\n", n.AskedAt.Format(time.RFC3339), n.Kind, n.Address, n.State)
	}
	if len(p.Received) > 0 {
		fmt.Fprintf(w, "editions:\n")
	}
	for i, r := range p.Received {
		if i == shownEditions {
			fmt.Fprintf(w, "  and %d more; --json has them\n", len(p.Received)-i)
			break
		}
		fmt.Fprintf(w, "  %s  %s %s\n", r.Edition, r.State, printable(r.Reply))
	}
	return nil
}

func (p person) writeSubscriber(w io.Writer) {
	s := p.Subscriber
	if s == nil {
		fmt.Fprintf(w, "%s, no subscriber\n", p.Address)
		return
	}
	fmt.Fprintf(w, "%s", s.Address)
	if s.Name != "" {
		fmt.Fprintf(w, " (%s)", s.Name)
	}
	fmt.Fprintf(w, ", known since %s\n", s.CreatedAt.Format(time.RFC3339))
	zone := s.Zone
	if zone == "" {
		zone = "of the publication"
	}
	fmt.Fprintf(w, "  format %s, time zone %s\n", s.Format, zone)
	for _, c := range p.Consents {
		fmt.Fprintf(w, "  list %s: consent %s (%s, %s)\n", c.List, c.State, c.Source, c.ChangedAt.Format(time.RFC3339))
		if proof := c.Proof; proof != nil && !proof.AskedAt.IsZero() {
			fmt.Fprintf(w, "    asked for %s from %s, confirmed %s from %s\n", proof.AskedAt.Format(time.RFC3339),
				orUnknown(proof.AskedFrom), proof.ConfirmedAt.Format(time.RFC3339), orUnknown(proof.ConfirmedIP))
		}
	}
	for _, f := range p.Forms {
		fmt.Fprintf(w, "  words %d, since %s: %s\n", f.Version, f.Since.Format(time.DateOnly), printable(strings.Join(strings.Fields(f.Text), " ")))
	}
}

func orUnknown(s string) string {
	if s == "" {
		return "an unknown address"
	}
	return s
}

func writeChange(w io.Writer, c subscribers.Change) {
	fmt.Fprintf(w, "  %s  %s", c.At.Format(time.RFC3339), c.What)
	if c.List != "" {
		fmt.Fprintf(w, ", %s", c.List)
	}
	fmt.Fprintf(w, ", by %s", c.Who)
	if c.IP != "" {
		fmt.Fprintf(w, " from %s", c.IP)
	}
	if c.Form != 0 {
		fmt.Fprintf(w, ", words %d", c.Form)
	}
	if c.Note != "" {
		fmt.Fprintf(w, ": %s", printable(c.Note))
	}
	fmt.Fprintln(w)
}
