// Package demo holds the sample publication that "zotpaper demo" runs: a day's
// articles with their pictures, thirty readers, and the page on which a
// newcomer sees what they received.
//
// The articles are filed for one day, [Day]; [Write] files them for today.
package demo

import (
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/zotpaper/zotpaper/edition"
)

//go:embed articles readers.csv
var files embed.FS

// Day is the cut-off of the sample day.
func Day() time.Time { return time.Date(2026, 2, 8, 16, 0, 0, 0, time.UTC) }

// Publication returns the sample paper, its pages under its own address.
func Publication() edition.Publication {
	return edition.Publication{
		Name: "Zotpaper", Tagline: "News without the noise",
		URL: "https://zotpaper.example", Web: "https://zotpaper.example",
		Language: "en", Address: "1 Example Street, Exampletown", Zone: time.UTC,
	}
}

// Slot returns the sample paper's one edition of the day.
func Slot() edition.Slot {
	return edition.Slot{
		ID: "afternoon", Title: "Afternoon Edition", List: "afternoon",
		Sections: []string{"US Politics", "World", "Business", "Science", "Culture"},
		Minimum:  3, Maximum: 20,
	}
}

// Readers returns the sample readers as CSV, with a line of column names.
func Readers() ([]byte, error) { return files.ReadFile("readers.csv") }

// stamp finds the times in an article's front matter.
var stamp = regexp.MustCompile(`(?m)^(published|updated|embargo): (\S+)$`)

// Write files the sample articles and their pictures in dir, every time in
// them moved so that the sample day's cut-off falls on now.
func Write(dir string, now time.Time) error {
	shift := now.Sub(Day())
	return fs.WalkDir(files, "articles", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		path := filepath.Join(dir, filepath.FromSlash(strings.TrimPrefix(name, "articles")))
		if d.IsDir() {
			return os.MkdirAll(path, 0o755)
		}
		content, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		if strings.HasSuffix(name, ".md") {
			if content, err = move(content, shift); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return err
		}
		// Filed long enough ago for nobody to wait until they hold still.
		filed := now.Add(-time.Minute)
		return os.Chtimes(path, filed, filed)
	})
}

// move moves every time in an article's front matter by shift.
func move(article []byte, shift time.Duration) ([]byte, error) {
	front, body, ok := strings.Cut(strings.TrimPrefix(string(article), "---\n"), "\n---\n")
	if !ok && strings.HasSuffix(front, "\n---") {
		front = strings.TrimSuffix(front, "\n---")
	} else if !ok {
		return nil, fmt.Errorf("no front matter")
	}
	var failed error
	front = stamp.ReplaceAllStringFunc(front, func(line string) string {
		m := stamp.FindStringSubmatch(line)
		t, err := time.Parse(time.RFC3339, m[2])
		if err != nil {
			failed = err
			return line
		}
		return m[1] + ": " + t.Add(shift).UTC().Format(time.RFC3339)
	})
	return []byte("---\n" + front + "\n---\n" + body), failed
}
