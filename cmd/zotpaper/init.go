package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/zotpaper/zotpaper"
	"github.com/zotpaper/zotpaper/subscribers"
	"github.com/zotpaper/zotpaper/templates"
	"github.com/zotpaper/zotpaper/words"
)

func newInit(a *app) *cobra.Command {
	var ownTemplates bool
	cmd := &cobra.Command{
		Use:   "init [DIR]",
		Short: "Start a paper in a folder",
		Long: `Init writes what a paper begins with into DIR, or the folder you are in: a
configuration with a comment for every key, a first article, and the secret
that signs the links in mails. It never overwrites anything.

With --templates it writes, into a paper that is there already, the folder
templates: the files that make the mail look as it does, and the words of the
readers' pages, to be changed.`,
		Example: `  zotpaper init paper
  zotpaper init --templates paper`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			dir := "."
			if len(args) == 1 {
				dir = args[0]
			}
			if ownTemplates {
				if err := initTemplates(dir); err != nil {
					return err
				}
				a.note("The templates are in %s. Put into config.yaml: templates: templates", filepath.Join(dir, "templates"))
				return nil
			}
			if err := initPaper(dir, a.now()); err != nil {
				return err
			}
			in := ""
			if dir != "." {
				in = "cd " + shellQuote(dir) + "\n  "
			}
			a.note("A paper is ready in %s. Next:", dir)
			for line := range strings.Lines("  " + in + "edit config.yaml, then: zotpaper config check\n" +
				"  write into articles/, then: zotpaper edition build\n") {
				a.note("%s", strings.TrimRight(line, "\n"))
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&ownTemplates, "templates", false, "write the built-in templates, to be changed, and nothing else")
	return cmd
}

// A paperFile is one file of a new paper.
type paperFile struct {
	name string
	text []byte
}

// initPaper writes a new paper into dir. If one of its files is there already
// it writes none of them.
func initPaper(dir string, now time.Time) error {
	files := []paperFile{
		{"config.yaml", zotpaper.ConfigYAML},
		{"articles/first-article.md", firstArticle(now)},
	}
	secret := filepath.Join(dir, "zotpaper.secret")
	if err := writeAll(dir, files, []string{secret}); err != nil {
		return err
	}
	_, err := subscribers.LoadKeyring(secret, true)
	return err
}

// writeAll writes files into dir, unless one of them or of others is there.
func writeAll(dir string, files []paperFile, others []string) error {
	names := others
	for _, f := range files {
		names = append(names, filepath.Join(dir, filepath.FromSlash(f.name)))
	}
	for _, name := range names {
		if _, err := os.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
			if err != nil {
				return err
			}
			return fmt.Errorf("%s is there already; init does not overwrite: choose another folder, or move it away", name)
		}
	}
	for _, f := range files {
		if err := writeNew(filepath.Join(dir, filepath.FromSlash(f.name)), f.text); err != nil {
			return err
		}
	}
	return nil
}

// initTemplates writes the built-in templates and words into dir/templates. If one of the
// files is there already it writes none of them.
func initTemplates(dir string) error {
	names, err := fs.Glob(templates.Files(), "*")
	if err != nil {
		return err
	}
	var files []paperFile
	for _, name := range names {
		text, err := fs.ReadFile(templates.Files(), name)
		if err != nil {
			return err
		}
		files = append(files, paperFile{filepath.Join("templates", name), text})
	}
	files = append(files, paperFile{filepath.Join("templates", "words.en.yaml"), words.Source()})
	return writeAll(dir, files, nil)
}

// writeNew writes a file that must not be there yet, with the folders it needs.
func writeNew(name string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}

// firstArticle returns an article published now that says how to write one.
func firstArticle(now time.Time) []byte {
	return fmt.Appendf(nil, firstArticleText, now.Format(time.RFC3339))
}

const firstArticleText = `---
headline: The First Article of a New Paper
standfirst: It explains how articles are filed, and is best replaced by news
section: Culture
byline: Zotpaper Staff
published: %s
---
An article is a Markdown file in this folder. What stands between the two lines
of dashes is its front matter; the text follows. The name of the file is the
article's slug, so *first-article* is the slug of this one.

Only the headline and the time of publication are required. An edition carries
the articles published since the edition before it; an article that is not
finished yet says "draft: true" and waits.

## Analysis

### Why This Matters

Readers who know why a story matters read on. This part is optional, like the
three others that a reader of this paper will look for: Background, Key
Perspectives and What to Watch.

### What to Watch

Whether your first article is better than this one.

## Sources

- [How Markdown is written](https://commonmark.org/help/)
`

// shellQuote returns s as one word of a shell's command line.
func shellQuote(s string) string {
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/+", r)
	}) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
