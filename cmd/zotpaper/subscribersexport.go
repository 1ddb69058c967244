package main

import (
	"context"
	"errors"
	"io"

	"github.com/spf13/cobra"
)

func newSubscribersExport(a *app) *cobra.Command {
	var list string
	var suppressed bool
	cmd := &cobra.Command{
		Use:   "export [FILE]",
		Short: "Write the people of a list to a CSV file",
		Long: `Export writes to FILE, or to standard output, everybody who would be mailed
now, with name, format and time zone, in a form that import reads again without
change. A spreadsheet can open it: what it would take for a formula has an
apostrophe in front, which import takes away.

With --suppressed it writes the addresses that no list may mail instead, and
why; import suppresses them again. Of people who were erased there is no address
left to write.`,
		Example: `  zotpaper subscribers export --list afternoon readers.csv
  zotpaper subscribers export --suppressed suppressed.csv`,
		Args: cobra.MaximumNArgs(1),
		RunE: inNewsroom(a, func(ctx context.Context, n *newsroom, args []string) error {
			if suppressed {
				if list != "" {
					return wrongUse(errors.New("--suppressed: suppressions are of all lists, so leave --list out"))
				}
				return a.exportTo(args, func(w io.Writer) error {
					hashed, err := n.people.ExportSuppressed(ctx, w)
					if hashed > 0 {
						a.note("%s left out: their owners were erased, and only a hash is kept", count(int(hashed), "suppression"))
					}
					return err
				})
			}
			id, err := n.list(list)
			if err != nil {
				return err
			}
			return a.exportTo(args, func(w io.Writer) error { return n.people.Export(ctx, w, id) })
		}),
	}
	listFlag(cmd, &list)
	cmd.Flags().BoolVar(&suppressed, "suppressed", false, "write the addresses that may not be mailed")
	return cmd
}

// exportTo has write fill the file that args name, or standard output.
func (a *app) exportTo(args []string, write func(io.Writer) error) (err error) {
	if len(args) == 0 || args[0] == "-" {
		return write(a.stdout)
	}
	f, err := createPrivate(args[0])
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return write(f)
}
