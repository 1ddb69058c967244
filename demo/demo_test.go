package demo

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// article returns the front matter and the text of a sample article.
func article(t *testing.T, name string) (front, text string) {
	t.Helper()
	raw, err := files.ReadFile("articles/" + name)
	if err != nil {
		t.Fatal(err)
	}
	front, text, ok := strings.Cut(strings.TrimPrefix(string(raw), "---\n"), "---\n")
	if !ok {
		t.Fatalf("%s has no front matter", name)
	}
	return front, text
}

func names(t *testing.T) []string {
	t.Helper()
	entries, err := files.ReadDir("articles")
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".md") {
			list = append(list, e.Name())
		}
	}
	return list
}

func TestTenArticlesOfRealLength(t *testing.T) {
	printed := 0
	for _, name := range names(t) {
		front, text := article(t, name)
		switch {
		case strings.Contains(front, "draft: true"), strings.Contains(front, "embargo: 2026-02-08T20"), name == "bridge-closed.md":
			continue // held back on purpose, or a brief
		}
		printed++
		body, _, _ := strings.Cut(text, "\n## ")
		if n := len(strings.Fields(body)); n < 300 || n > 900 {
			t.Errorf("%s: a body of %d words, want 300 to 900", name, n)
		}
		for _, filler := range []string{"lorem", "ipsum", "TODO", "placeholder"} {
			if strings.Contains(strings.ToLower(text), strings.ToLower(filler)) {
				t.Errorf("%s: holds %q", name, filler)
			}
		}
	}
	if printed != 10 {
		t.Errorf("%d articles are printed, want 10", printed)
	}
}

func TestSampleShowsEverything(t *testing.T) {
	var all strings.Builder
	sections := map[string]bool{}
	withoutAnalysis := 0
	for _, name := range names(t) {
		front, text := article(t, name)
		all.WriteString(front + text)
		sections[regexp.MustCompile(`(?m)^section: (.*)$`).FindString(front)] = true
		if text != "" && !strings.Contains(text, "## Analysis") && !strings.Contains(front, "draft: true") {
			withoutAnalysis++
		}
	}
	for what, form := range map[string]string{
		"a lead":                   `(?m)^lead: true$`,
		"an image":                 `(?m)^image:$`,
		"an image in the text":     `(?m)^!\[.+\]\(images/`,
		"a correction":             `(?m)^correction: `,
		"an update":                `(?m)^updated: `,
		"an embargo":               `(?m)^embargo: `,
		"a draft":                  `(?m)^draft: true$`,
		"a quote":                  `(?m)^> `,
		"a bulleted list":          `(?m)^- `,
		"a numbered list":          `(?m)^1\. `,
		"a table":                  `(?m)^\| --- \|`,
		"a heading in a body":      `(?m)^### What the poles say$`,
		"a further heading":        `(?m)^### By the Numbers$`,
		"sources in the head":      `(?m)^sources:$`,
		"sources in the text":      `(?m)^## Sources$`,
		"emphasis":                 `\*[A-Za-z]`,
		"accented names":           `Zoë Łukasiewicz`,
		"Greek":                    `\p{Greek}`,
		"Cyrillic":                 `\p{Cyrillic}`,
		"Japanese":                 `\p{Han}`,
		"Devanagari":               `\p{Devanagari}`,
		"the page of a brief":      `(?m)^url: https://`,
		"Why This Matters":         `(?m)^### Why This Matters$`,
		"Background":               `(?m)^### Background$`,
		"Key Perspectives":         `(?m)^### Key Perspectives$`,
		"What to Watch":            `(?m)^### What to Watch$`,
		"a name that is no Latin1": `Nguyễn`,
	} {
		if !regexp.MustCompile(form).MatchString(all.String()) {
			t.Errorf("no sample article shows %s", what)
		}
	}
	if len(sections) < 5 || withoutAnalysis != 1 {
		t.Errorf("%d sections, %d articles without analysis; want at least 5, and one", len(sections), withoutAnalysis)
	}
}

func TestWriteMovesTheDayToNow(t *testing.T) {
	dir := t.TempDir()
	now := time.Date(2031, 7, 1, 9, 30, 0, 0, time.UTC)
	if err := Write(dir, now); err != nil {
		t.Fatal(err)
	}
	times := regexp.MustCompile(`(?m)^(published|updated|embargo): (.*)$`)
	for _, name := range names(t) {
		moved, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		front, text := article(t, name)
		movedFront, movedText, _ := strings.Cut(strings.TrimPrefix(string(moved), "---\n"), "---\n")
		if strings.TrimSpace(movedText) != strings.TrimSpace(text) {
			t.Errorf("%s: its text was changed", name)
		}
		before, after := times.FindAllStringSubmatch(front, -1), times.FindAllStringSubmatch(movedFront, -1)
		if len(before) == 0 || len(before) != len(after) {
			t.Fatalf("%s: %d times became %d", name, len(before), len(after))
		}
		for i := range before {
			was, err1 := time.Parse(time.RFC3339, before[i][2])
			is, err2 := time.Parse(time.RFC3339, after[i][2])
			if err1 != nil || err2 != nil || now.Sub(is) != Day().Sub(was) {
				t.Errorf("%s: %s became %s", name, before[i][0], after[i][0])
			}
			if age := Day().Sub(was); before[i][1] == "published" && (age < 0 || age > 24*time.Hour) {
				t.Errorf("%s was published %v before the cut-off, want within a day", name, age)
			}
		}
	}
	for _, picture := range []string{"ferry.jpg", "observatory.jpg", "hall.jpg"} {
		info, err := os.Stat(filepath.Join(dir, "images", picture))
		if err != nil || info.Size() > 300_000 {
			t.Errorf("%s: %v, or larger than 300 kB", picture, err)
		}
	}
}

func TestThirtyReaders(t *testing.T) {
	raw, err := Readers()
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(string(raw))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, row := range rows[1:] {
		seen[strings.ToLower(row[0])] = true
	}
	if len(rows) != 31 || len(seen) != 30 {
		t.Errorf("%d rows with %d addresses, want 30 readers under a line of names", len(rows)-1, len(seen))
	}
}
