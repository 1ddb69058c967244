package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/zotpaper/zotpaper/press"
	"github.com/zotpaper/zotpaper/subscribers"
)

// testLimit is how many addresses one test goes to: a test is for the desk.
const testLimit = 20

func newEditionTest(a *app) *cobra.Command {
	var to []string
	cmd := &cobra.Command{
		Use:   "test [EDITION] --to ADDRESS[,ADDRESS]",
		Short: "Send an edition to yourself first",
		Long: `Test sends what a reader would get, with [Test] before the subject, to the
addresses given. Of a frozen edition it sends the frozen bytes. Its links
belong to no reader: pressing "unsubscribe" in a test copy unsubscribes
nobody. Nothing is recorded.`,
		Example: `  zotpaper edition test --to editor@paper.example
  zotpaper edition test 2026-02-08/afternoon --to a@paper.example,b@paper.example`,
		Args: cobra.MaximumNArgs(1),
		RunE: inNewsroom(a, func(ctx context.Context, n *newsroom, args []string) error {
			addresses, err := testAddresses(to)
			if err != nil {
				return wrongUse(err)
			}
			key, err := n.key(args)
			if err != nil {
				return err
			}
			d, frozen, err := n.press.Proof(ctx, key)
			if err != nil {
				return err
			}
			results, err := n.press.TestSend(ctx, d, addresses)
			if results == nil {
				return err
			}
			return errors.Join(a.print(tested{Key: key.String(), Frozen: frozen, Subject: "[Test] " + d.Issue.Subject, Copies: results}), err)
		}),
	}
	cmd.Flags().StringSliceVar(&to, "to", nil, "the `ADDRESSES` to send to, divided by commas")
	return cmd
}

func testAddresses(to []string) ([]string, error) {
	if len(to) == 0 {
		return nil, errors.New("--to: say whom to send the test to")
	}
	if len(to) > testLimit {
		return nil, fmt.Errorf("--to: %d addresses; a test goes to at most %d", len(to), testLimit)
	}
	var list []string
	for _, s := range to {
		address, err := subscribers.ParseAddress(s)
		if err != nil {
			return nil, fmt.Errorf("--to %q: %w", s, err)
		}
		list = append(list, address.String())
	}
	return list, nil
}

// A tested is what became of a test.
type tested struct {
	Key     string             `json:"key"`
	Frozen  bool               `json:"frozen"`
	Subject string             `json:"subject"`
	Copies  []press.TestResult `json:"copies"`
}

func (t tested) WriteText(w io.Writer) error {
	fmt.Fprintf(w, "%s: %s\n", t.Key, t.Subject)
	for _, c := range t.Copies {
		if c.Error != "" {
			continue // printed as an error
		}
		fmt.Fprintf(w, "  sent to %s: %s\n", c.To, printable(c.Reply))
	}
	return nil
}
