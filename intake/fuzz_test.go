package intake

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/zotpaper/zotpaper/edition"
)

// FuzzArticle holds what comes out of any bytes to what the rest of the paper
// relies on: no control characters, only links that may be followed, only
// pictures of ours, and nothing that is not made for its kind.
func FuzzArticle(f *testing.F) {
	f.Add([]byte(fullArticle))
	f.Add([]byte(head + "Text with [a link](https://x.example) and `code`.\n\n- one\n- two\n\n| a | b |\n| - | -: |\n| 1 | 2 |\n"))
	f.Add([]byte(head + "<script>alert(1)</script>[x](javascript:alert(1))![y](../../etc/passwd)<http://x.example/>"))
	f.Add([]byte(head + "<div>\n&lt;b&gt;\n</div>\n\n<!-- x\n\n-->\n\na&#x1b;&#133;<br>b"))
	f.Add([]byte(head + "# ![x](ferry.png \"t\") y\n\n1) [![z](pics/time%20table.png)](mailto:x@y)\n   > > www.x.example a@b.example HTTPS://x\n"))
	f.Add([]byte("---\nheadline: &a [*a]\n---\n"))
	f.Add([]byte("---\nheadline: \"\\e\\u0085\\\"\\ud83d\\ude00\"\nbyline: 'it''s'\nimage: {src: ferry.png, alt: |-}\n---\n"))
	f.Add([]byte("---\nsources: [{title: x, url: https://x.example}]\nheadline: x\npublished: 2026-02-08T11:30:00Z\n---\n## Analysis\n### Background\nx\n## Sources\n- [y](https://y.example)\n"))
	dir := f.TempDir()
	for _, name := range []string{"ferry.png", "pics/time table.png"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			f.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), picture(f, 4, 4), 0o600); err != nil {
			f.Fatal(err)
		}
	}
	root := openRoot(f, dir)
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > fileLimit {
			t.Skip("refused before it is read")
		}
		folder := Folder{Dir: dir, Media: filepath.Join(dir, "media"), Zone: time.UTC}
		a, warnings, refused := folder.article(filed{name: "a.md", text: text}, &pictures{root: root, media: folder.Media})
		if refused != nil {
			if strings.Contains(refused.Reason, "it cannot be read (") {
				t.Errorf("a parser panicked: %v", refused)
			}
			warnings = append(warnings, *refused)
		}
		count := strings.Count(string(text), "\n") + strings.Count(string(text), "\r") + 1
		for _, w := range warnings {
			checkText(t, w.String())
			if w.Line < 0 || w.Line > count {
				t.Errorf("%s: the file has %d lines", w, count)
			}
		}
		if refused == nil {
			checkArticle(t, a)
		}
	})
}

func openRoot(t testing.TB, dir string) *os.Root {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return root
}

func checkArticle(t *testing.T, a edition.Article) {
	t.Helper()
	if a.Headline == "" || a.Published.IsZero() || a.Urgency < edition.UrgencyHighest || a.Urgency > edition.UrgencyLowest {
		t.Errorf("article %+v lacks what every article has", a)
	}
	for _, s := range []string{a.Headline, a.Standfirst, a.Section, a.Byline, a.Correction, a.URL} {
		checkLine(t, s)
	}
	checkLink(t, a.URL, "https://")
	checkImage(t, a.Image)
	checkBlocks(t, a.Body)
	for _, p := range a.Analysis {
		checkLine(t, p.Heading)
		checkBlocks(t, p.Blocks)
		if len(p.Blocks) == 0 {
			t.Errorf("nothing stands under %q", p.Heading)
		}
	}
	if len(a.Sources) > sourcesLimit {
		t.Errorf("%d sources", len(a.Sources))
	}
	for _, s := range a.Sources {
		checkLine(t, s.Title)
		checkLink(t, s.URL, "https://")
		if s.Title == "" {
			t.Errorf("the source %q has no title", s.URL)
		}
	}
}

// checkLine checks a text that is printed on one line.
func checkLine(t *testing.T, s string) {
	t.Helper()
	checkText(t, s)
	if s != strings.Join(strings.Fields(s), " ") {
		t.Errorf("text %q is not one line", s)
	}
}

func checkText(t *testing.T, s string) {
	t.Helper()
	if !utf8.ValidString(s) {
		t.Errorf("text %q is not UTF-8", s)
	}
	for _, r := range s {
		if unicode.IsControl(r) {
			t.Errorf("text %q holds a control character", s)
		}
	}
}

func checkLink(t *testing.T, link string, schemes ...string) {
	t.Helper()
	checkText(t, link)
	if link != "" && !slices.ContainsFunc(schemes, func(s string) bool { return strings.HasPrefix(link, s) }) {
		t.Errorf("link %q", link)
	}
}

var fileForm = regexp.MustCompile(`^[0-9a-f]{32}\.(jpg|png)$`)

func checkImage(t *testing.T, i *edition.Image) {
	t.Helper()
	if i == nil {
		return
	}
	if !fileForm.MatchString(i.File) || i.Width < 1 || i.Height < 1 {
		t.Errorf("image %+v", i)
	}
	for _, s := range []string{i.Alt, i.Caption, i.Credit} {
		checkLine(t, s)
	}
}

func checkBlocks(t *testing.T, blocks []edition.Block) {
	t.Helper()
	for _, b := range blocks {
		filled := map[edition.Kind]bool{
			edition.Paragraph: len(b.Spans) > 0, edition.Heading: len(b.Spans) > 0 && b.Level >= 1 && b.Level <= 6, edition.Quote: len(b.Blocks) > 0,
			edition.List: len(b.Items) > 0 && b.Start >= 0, edition.Code: len(b.Spans) == 1, edition.Table: len(b.Rows) > 0,
			edition.Figure: b.Image != nil, edition.Rule: len(b.Spans) == 0,
		}
		if !filled[b.Kind] {
			t.Errorf("block %+v is not made for its kind", b)
		}
		if b.Kind == edition.Code {
			checkText(t, strings.NewReplacer("\n", "", "\t", "").Replace(b.Spans[0].Text))
		} else {
			checkSpans(t, b.Spans)
		}
		checkImage(t, b.Image)
		checkBlocks(t, b.Blocks)
		for _, item := range b.Items {
			checkBlocks(t, item)
		}
		for _, row := range b.Rows {
			for _, cell := range row {
				checkSpans(t, cell.Spans)
				if !slices.Contains([]string{"", "left", "center", "right"}, cell.Align) {
					t.Errorf("alignment %q", cell.Align)
				}
			}
		}
	}
}

func checkSpans(t *testing.T, spans []edition.Span) {
	t.Helper()
	for _, s := range spans {
		checkText(t, s.Text)
		checkLink(t, s.Link, "https://", "mailto:")
		if (s.Text == "") != s.Break {
			t.Errorf("span %+v is neither words nor a line break", s)
		}
	}
	if text := edition.Plain(spans); text != strings.Trim(text, " ") {
		t.Errorf("text %q has blanks at its ends", text)
	}
}
