package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/zotpaper/zotpaper/internal/listfile"
	"github.com/zotpaper/zotpaper/subscribers"
)

func newSubscribersImport(a *app) *cobra.Command {
	var list, refused string
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "import [FILE]",
		Short: "Add the people of a CSV file to a list",
		Long: `Import reads FILE, or standard input, and adds its people to a list, on your
word that they have given their consent. The files that listmonk, Mailchimp,
Ghost, Substack and Buttondown export are understood as they are: the first
line names the columns, of which only the address is needed; the encoding is
found out.

Who has unsubscribed, bounced or complained, as the file says, is suppressed:
no list mails them. Who never confirmed is refused. So is a line that cannot be
read, with its number and the reason, and the others go on. Who has unsubscribed
or is suppressed here stays so. Names, formats and time zones of people who are
known here stay as they are.

With --dry-run nothing is written: it shows what each column is taken for, the
first rows as they are read, and what would become of all.

When it is interrupted, what is written stays. Running it again on the same file
does the rest, and adds nobody twice.`,
		Example: `  zotpaper subscribers import --dry-run readers.csv
  zotpaper subscribers import --list afternoon readers.csv
  zotpaper subscribers import --refused refused.csv readers.csv`,
		Args: cobra.MaximumNArgs(1),
		RunE: inNewsroom(a, func(ctx context.Context, n *newsroom, args []string) error {
			id, err := n.list(list)
			if err != nil {
				return err
			}
			return a.importFile(ctx, n, args, refused, subscribers.ImportOptions{List: id, By: a.who(), DryRun: dryRun})
		}),
	}
	listFlag(cmd, &list)
	flags := cmd.Flags()
	flags.BoolVar(&dryRun, "dry-run", false, "only say what would be done, and how the file is read")
	flags.StringVar(&refused, "refused", "", "write every refused line, with its reason, to that CSV `FILE`")
	return cmd
}

// importFile imports the file that args name, and writes what is refused to
// the file refused, if it is not empty.
func (a *app) importFile(ctx context.Context, n *newsroom, args []string, refused string, options subscribers.ImportOptions) (err error) {
	if len(args) == 1 && strings.HasPrefix(filepath.Base(args[0]), "nonsubscribed_") {
		return wrongUse(fmt.Errorf("%s: by its name that is Mailchimp's file of people who never asked for mail, which it does not say inside: rename it if they have given you their consent", args[0]))
	}
	in, size, err := a.input(args)
	if err != nil {
		return err
	}
	defer in.Close()
	if refused != "" {
		if len(args) == 1 && sameFile(args[0], refused) {
			return wrongUse(fmt.Errorf("--refused %s: that is the file to import, and would be overwritten", refused))
		}
		f, err := createPrivate(refused)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		options.Refused = f
	}
	// A million rows are to fit into 100 MB, of which the database takes the half.
	defer debug.SetGCPercent(debug.SetGCPercent(30))
	bar := a.progress("kB", int(size/1000))
	options.Progress = func(p subscribers.ImportProgress) {
		bar.say(fmt.Sprintf(", %d rows", p.Rows), 0)
		bar.set(int(p.Bytes / 1000))
	}
	report, err := n.people.Import(ctx, in, options)
	bar.end()
	if err == nil {
		return a.print(imported{report, options.List, options.DryRun})
	}
	if report.LastLine == 0 {
		return err
	}
	if !options.DryRun {
		err = fmt.Errorf("%w; what stands up to line %d is written and stays: run it again on the same file, and it does the rest", err, report.LastLine)
	}
	return errors.Join(err, a.print(imported{report, options.List, options.DryRun}))
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

// sameFile reports whether two names are those of one file that is there.
func sameFile(a, b string) bool {
	one, err := os.Stat(a)
	if err != nil {
		return false
	}
	other, err := os.Stat(b)
	return err == nil && os.SameFile(one, other)
}

// createPrivate creates or empties a file for its owner's eyes alone: addresses
// are personal data.
func createPrivate(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && info.Mode().IsRegular() { // a pipe or a terminal is not ours
		err = f.Chmod(0o600)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
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
		{i.SuppressedByFile, "are suppressed from now on, since the file says that they left, bounced or complained"},
		{i.Withdrawn, "have unsubscribed, and stay so"},
		{i.Suppressed, "are suppressed, and stay so"},
		{i.Refused, "are refused"},
		{i.LeftOut, "formats or time zones were not understood and are left out"},
	} {
		if c.n > 0 {
			fmt.Fprintf(w, "  %d %s\n", c.n, c.what)
		}
	}
	i.writeReading(w)
	for n, r := range i.Refusals {
		if n == shownRefusals {
			fmt.Fprintf(w, "  and more; --refused FILE has them all\n")
			break
		}
		fmt.Fprintf(w, "  line %d: %s: %s\n", r.Line, printable(r.Reason), printable(r.Text))
	}
	return nil
}

// writeReading writes how the file was read: in a dry run in full.
func (i imported) writeReading(w io.Writer) {
	fmt.Fprintf(w, "  read as %s, with a %s between cells\n", i.Encoding, i.Divider)
	var unused []string
	for _, c := range i.Columns {
		if i.DryRun {
			fmt.Fprintf(w, "  column %-24s %s\n", printable(clip(c.Name, 40))+":", c.Means)
		} else if c.Unused() {
			unused = append(unused, fmt.Sprintf("%q", clip(c.Name, 40)))
		}
	}
	if len(unused) > 0 {
		fmt.Fprintf(w, "  columns not used: %s\n", strings.Join(unused, ", "))
	}
	for _, row := range i.First {
		fmt.Fprintf(w, "  line %d is read as %s\n", row.Line, printable(reading(row)))
	}
}

// reading puts a row into words: Ada King <ada@example.org>, text, Europe/Rome.
func reading(row listfile.Row) string {
	s := row.Email
	if row.Name != "" {
		s = row.Name + " <" + row.Email + ">"
	}
	for _, part := range []string{row.Format, row.Zone} {
		if part != "" {
			s += ", " + part
		}
	}
	switch {
	case row.Reason != "":
		s += ", " + row.Reason
	case row.Consent != "":
		s += ", " + row.Consent
	}
	return s
}
