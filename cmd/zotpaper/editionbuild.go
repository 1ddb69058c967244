package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/zotpaper/zotpaper/edition"
	"github.com/zotpaper/zotpaper/press"
)

func newEditionBuild(a *app) *cobra.Command {
	var slot, date, at, out string
	cmd := &cobra.Command{
		Use:   "build",
		Short: "Make an edition and write it to files",
		Long: `Build assembles the edition from the articles that are there now, renders it
and writes what a reader would get into DIR:

  edition.html   the mail's HTML
  edition.txt    the mail's plain text
  edition.eml    the whole mail, made out to nobody
  edition.json   what is in it, what is not, and why

Nothing is recorded and nothing is sent. An edition that is frozen is written
as it was frozen. Exit status 3: the edition has too few articles to go out.`,
		Example: `  zotpaper edition build
  zotpaper edition build --slot morning --date 2026-02-09 --out proof
  zotpaper edition build --at 2026-02-08T15:00:00Z   as if it were then`,
		Args: cobra.NoArgs,
		RunE: inNewsroom(a, func(ctx context.Context, n *newsroom, _ []string) error {
			s, day, err := n.slotAndDate(slot, date)
			if err != nil {
				return err
			}
			clock := a.now()
			if at != "" {
				if clock, err = time.Parse(time.RFC3339, at); err != nil {
					return wrongUse(fmt.Errorf("--at %q: want a time such as 2026-02-08T15:00:00Z", at))
				}
				if date == "" {
					day = edition.DateOf(clock, n.press.Publication.Zone)
				}
			}
			d, frozen, err := proofAt(ctx, n.press, s, day, clock)
			if err != nil {
				return err
			}
			return a.writeBuilt(n, d, frozen, out)
		}),
	}
	flags := cmd.Flags()
	flags.StringVar(&slot, "slot", "", "the `SLOT`; not needed if there is one")
	flags.StringVar(&date, "date", "", "the `DATE`, such as 2026-02-08 (default today)")
	flags.StringVar(&at, "at", "", "assemble as if it were that `TIME`")
	flags.StringVar(&out, "out", "out", "the `DIR` to write to")
	return cmd
}

// proofAt returns the frozen edition of s on day, or else its draft as of
// clock.
func proofAt(ctx context.Context, p *press.Press, s press.Slot, day edition.Date, clock time.Time) (press.Draft, bool, error) {
	d, frozen, err := p.Proof(ctx, edition.Key{Date: day, Slot: s.ID})
	if err == nil && frozen {
		return d, true, nil
	}
	d, err = p.Draft(ctx, s, day, clock)
	return d, false, err
}

// A built is what edition build did.
type built struct {
	Facts    press.Facts     `json:"edition"`
	Findings []press.Finding `json:"findings"`
	Frozen   bool            `json:"frozen"`
	Files    []string        `json:"files"`
}

func (b built) WriteText(w io.Writer) error {
	f := b.Facts
	state := "draft"
	if b.Frozen {
		state = "frozen"
	}
	fmt.Fprintf(w, "%s, %s (%s)\n", f.Title, f.Key, state)
	if f.Subject != "" {
		fmt.Fprintf(w, "  %s\n", f.Subject)
	}
	fmt.Fprintf(w, "  %s, HTML %s, text %s\n", count(len(f.Articles), "article"), kilobytes(f.HTMLBytes), kilobytes(f.TextBytes))
	for _, p := range f.Articles {
		fmt.Fprintf(w, "  %-12s %s\n", clip(p.Section, 12), p.Headline)
	}
	writeFindings(w, b.Findings)
	for _, name := range b.Files {
		fmt.Fprintf(w, "wrote %s\n", name)
	}
	return nil
}

// writeBuilt writes the files of d into dir and tells what it did.
func (a *app) writeBuilt(n *newsroom, d press.Draft, frozen bool, dir string) error {
	b := built{Facts: d.Facts(), Findings: d.Findings(), Frozen: frozen}
	if frozen {
		_, facts, err := n.press.Issue(context.Background(), d.Edition.Key)
		if err != nil {
			return err
		}
		b.Facts, b.Findings = facts, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	var facts bytes.Buffer
	enc := json.NewEncoder(&facts)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(b.Facts); err != nil {
		return err
	}
	files := map[string][]byte{"edition.json": facts.Bytes()}
	if d.Issue.HTML != "" {
		specimen, err := n.press.Specimen(d.Issue, d.Edition.Title, d.Edition.List)
		if err != nil {
			return err
		}
		files["edition.eml"] = specimen.Mail
		files["edition.html"] = []byte(specimen.HTML)
		files["edition.txt"] = []byte(specimen.Text)
	}
	for _, name := range []string{"edition.html", "edition.txt", "edition.eml", "edition.json"} {
		if files[name] == nil {
			continue
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, files[name], 0o644); err != nil {
			return err
		}
		b.Files = append(b.Files, path)
	}
	if err := a.print(b); err != nil {
		return err
	}
	if !frozen && d.Shortfall() > 0 {
		return held(&press.HeldError{Key: d.Edition.Key, Reason: b.Findings[0].Text})
	}
	return nil
}
