package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/zotpaper/zotpaper/subscribers"
)

func newSubscribersImport(a *app) *cobra.Command {
	var list, refused string
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "import [FILE]",
		Short: "Add the people of a CSV file to a list",
		Long: `Import reads FILE, or standard input, and adds its people to a list, on your
word that they have given their consent. The first line names the columns:
email or address, and name if there is one.

A line that cannot be read is refused with its number and the reason, and the
others go on. Who has unsubscribed or is suppressed stays so. Running it again
on the same file adds nobody twice.`,
		Example: `  zotpaper subscribers import --list afternoon readers.csv
  zotpaper subscribers import --dry-run readers.csv
  zotpaper subscribers import --refused refused.csv < readers.csv`,
		Args: cobra.MaximumNArgs(1),
		RunE: inNewsroom(a, func(ctx context.Context, n *newsroom, args []string) (err error) {
			id, err := n.list(list)
			if err != nil {
				return err
			}
			in, size, err := a.input(args)
			if err != nil {
				return err
			}
			defer in.Close()
			options := subscribers.ImportOptions{List: id, By: a.who(), DryRun: dryRun}
			if refused != "" {
				f, err := os.Create(refused)
				if err != nil {
					return err
				}
				defer func() { err = errors.Join(err, f.Close()) }()
				options.Refused = f
			}
			bar := a.progress("kB", int(size/1000))
			options.Progress = func(p subscribers.ImportProgress) { bar.set(int(p.Bytes / 1000)) }
			report, err := n.people.Import(ctx, in, options)
			bar.end()
			if err != nil {
				return errors.Join(fmt.Errorf("import: %w", err), a.print(imported{report, id, dryRun}))
			}
			return a.print(imported{report, id, dryRun})
		}),
	}
	listFlag(cmd, &list)
	flags := cmd.Flags()
	flags.BoolVar(&dryRun, "dry-run", false, "only say what would be done")
	flags.StringVar(&refused, "refused", "", "write every refused line, with its reason, to that CSV `FILE`")
	return cmd
}

// input opens the file that args name, or standard input. size is 0 if it is
// not known.
func (a *app) input(args []string) (in io.ReadCloser, size int64, err error) {
	if len(args) == 0 || args[0] == "-" {
		return io.NopCloser(a.stdin), 0, nil
	}
	f, err := os.Open(args[0])
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, info.Size(), nil
}

// An imported is what subscribers import did.
type imported struct {
	subscribers.ImportReport
	List   string `json:"list"`
	DryRun bool   `json:"dry_run"`
}

// shownRefusals is how many refused lines are printed for people.
const shownRefusals = 20

func (i imported) WriteText(w io.Writer) error {
	did := "added"
	if i.DryRun {
		did = "would add"
	}
	fmt.Fprintf(w, "%s %d of %d to %s\n", did, i.Added, i.Rows, i.List)
	for _, c := range []struct {
		n    int64
		what string
	}{
		{i.Already, "were on it already"},
		{i.Repeated, "stand in the file more than once"},
		{i.Withdrawn, "have unsubscribed, and stay so"},
		{i.Suppressed, "are suppressed, and stay so"},
		{i.Refused, "could not be read"},
	} {
		if c.n > 0 {
			fmt.Fprintf(w, "  %d %s\n", c.n, c.what)
		}
	}
	if len(i.Ignored) > 0 {
		fmt.Fprintf(w, "  columns not used: %q\n", i.Ignored)
	}
	for n, r := range i.Refusals {
		if n == shownRefusals {
			fmt.Fprintf(w, "  and more; --refused FILE has them all\n")
			break
		}
		fmt.Fprintf(w, "  line %d: %s: %s\n", r.Line, printable(r.Reason), printable(r.Text))
	}
	return nil
}

func newSubscribersExport(a *app) *cobra.Command {
	var list string
	cmd := &cobra.Command{
		Use:   "export [FILE]",
		Short: "Write the people of a list to a CSV file",
		Long: `Export writes to FILE, or to standard output, everybody who would be mailed
now, in a form that import reads again without change.`,
		Example: `  zotpaper subscribers export --list afternoon readers.csv`,
		Args:    cobra.MaximumNArgs(1),
		RunE: inNewsroom(a, func(ctx context.Context, n *newsroom, args []string) (err error) {
			id, err := n.list(list)
			if err != nil {
				return err
			}
			out := a.stdout
			if len(args) == 1 && args[0] != "-" {
				// Addresses are personal data: for the owner's eyes.
				f, err := os.OpenFile(args[0], os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
				if err != nil {
					return err
				}
				defer func() { err = errors.Join(err, f.Close()) }()
				out = f
			}
			buffered := bufio.NewWriter(out)
			if err := n.people.Export(ctx, buffered, id); err != nil {
				return err
			}
			return buffered.Flush()
		}),
	}
	listFlag(cmd, &list)
	return cmd
}
