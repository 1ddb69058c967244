package intake

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zotpaper/zotpaper/edition"
)

// now is the time of these tests; files are a day old unless a test says
// otherwise.
var now = time.Date(2026, 2, 8, 16, 0, 0, 0, time.UTC)

// newFolder returns a folder with files, each a day old.
func newFolder(t *testing.T, files map[string]string) Folder {
	t.Helper()
	f := Folder{Dir: t.TempDir(), Media: filepath.Join(t.TempDir(), "media"), Zone: time.UTC, Now: func() time.Time { return now }}
	f.Wait = func(context.Context, time.Duration) error {
		t.Error("it waited although every file is old")
		return nil
	}
	for name, text := range files {
		write(t, f, name, text, now.Add(-24*time.Hour))
	}
	return f
}

func write(t *testing.T, f Folder, name, text string, modified time.Time) {
	t.Helper()
	path := filepath.Join(f.Dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, modified, modified); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, f Folder) Result {
	t.Helper()
	r, err := f.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func slugs(r Result) []string {
	var list []string
	for _, a := range r.Articles {
		list = append(list, a.Slug)
	}
	return list
}

func lines(refusals []Refusal) []string {
	var list []string
	for _, r := range refusals {
		list = append(list, r.String())
	}
	return list
}

const head = "---\nheadline: H\npublished: 2026-02-08T11:30:00Z\n---\n"

func TestOneBadFileDoesNotStopTheOthers(t *testing.T) {
	r := read(t, newFolder(t, map[string]string{"b.md": head + "B.", "a.md": head + "A.", "bad.md": "---\nheadline: H\nstandfrist: x\n---\n", "c.md": head}))
	if got := slugs(r); !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("articles %q, want a, b, c", got)
	}
	want := []string{`bad.md:3: there is no key "standfrist"; did you mean "standfirst"?`}
	if diff := cmp.Diff(want, lines(r.Refused)); diff != "" {
		t.Errorf("refused (-want +got):\n%s", diff)
	}
}

func TestFilesThatAreNoArticles(t *testing.T) {
	f := newFolder(t, map[string]string{
		"ferry.md": head, "notes.txt": "x", ".hidden.md": "x", ".#ferry.md": "x", "#ferry.md#": "x", "ferry.md~": "x", "ferry.md.swp": "x",
		".ferry.md.swp": "x", "ferry___jb_tmp___.md": "x", "ferry.md.tmp": "x", "~ferry.md": "x", "folder.md/inside.md": head,
		"ferry.sync-conflict-20260208.md": "x",
	})
	r := read(t, f)
	if got := slugs(r); !slices.Equal(got, []string{"ferry"}) || len(r.Refused) > 0 {
		t.Errorf("articles %q, refused %q; want ferry alone", got, lines(r.Refused))
	}
}

func TestWhatIsNoRegularFileIsRefused(t *testing.T) {
	f := newFolder(t, map[string]string{"a.md": head})
	outside := filepath.Join(t.TempDir(), "secret.md")
	if err := os.WriteFile(outside, []byte(head+"secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(f.Dir, "link.md")); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(f.Dir, "pipe.md"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := read(t, f) // must not wait at the pipe
	if got := slugs(r); !slices.Equal(got, []string{"a"}) || len(r.Refused) != 2 {
		t.Errorf("articles %q, refused %q; want the link and the pipe refused", got, lines(r.Refused))
	}
}

func TestDoubledSlugs(t *testing.T) {
	r := read(t, newFolder(t, map[string]string{"ferry.md": head, "ferry.MD": head}))
	if len(r.Articles) != 1 || len(r.Refused) != 1 {
		t.Errorf("articles %q, refused %q; want one of each", slugs(r), lines(r.Refused))
	}
}

func TestEncodings(t *testing.T) {
	full := "---\nheadline: Zoë\npublished: 2026-02-08T11:30:00Z\n---\nFirst line\nsecond.\n"
	tests := []struct {
		name, text string
		want       string // refusal; empty: it is read, as "Zoë" and "First line second."
	}{
		{"as it should be", full, ""},
		{"a byte-order mark", "\ufeff" + full, ""},
		{"CRLF", strings.ReplaceAll(full, "\n", "\r\n"), ""},
		{"CR alone", strings.ReplaceAll(full, "\n", "\r"), ""},
		{"decomposed letters", strings.ReplaceAll(full, "ë", "e\u0308"), ""},
		{"Latin-1", strings.ReplaceAll(full, "ë", "\xeb"), "a.md:2: the byte 0xeb is not UTF-8; save the file as UTF-8, not as Latin-1 or Windows-1252"},
		{"UTF-16", "\xff\xfe-\x00-\x00", "a.md:1: it is UTF-16; save it as UTF-8"},
		{"a zero byte", full + "x\x00", "a.md:7: it holds a zero byte; is it a text file?"},
		{"a control character", full + "\nx\x1b[2J", "a.md:8: it holds the control character U+001B; type that line again"},
		{"a C1 control character", full + "x\u0085", "a.md:7: it holds the control character U+0085; type that line again"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := read(t, newFolder(t, map[string]string{"a.md": tt.text}))
			if tt.want != "" {
				if diff := cmp.Diff([]string{tt.want}, lines(r.Refused)); diff != "" || len(r.Articles) > 0 {
					t.Errorf("refused (-want +got):\n%s", diff)
				}
				return
			}
			if len(r.Articles) != 1 || r.Articles[0].Headline != "Zoë" || edition.Plain(r.Articles[0].Body[0].Spans) != "First line second." {
				t.Errorf("read %+v, refused %q", r.Articles, lines(r.Refused))
			}
		})
	}
}

func TestEnormousFilesAreNotRead(t *testing.T) {
	f := newFolder(t, map[string]string{"long.md": "---\n", "front.md": "---\nheadline: " + strings.Repeat("x", frontLimit) + "\n---\n"})
	// 100 MB of front matter that takes no room on the disk.
	if err := os.Truncate(filepath.Join(f.Dir, "long.md"), 100<<20); err != nil {
		t.Fatal(err)
	}
	old := now.Add(-time.Hour)
	if err := os.Chtimes(filepath.Join(f.Dir, "long.md"), old, old); err != nil {
		t.Fatal(err)
	}
	allocated := testing.AllocsPerRun(1, func() { read(t, f) })
	r := read(t, f)
	if len(r.Articles) > 0 || len(r.Refused) != 2 {
		t.Fatalf("articles %q, refused %q", slugs(r), lines(r.Refused))
	}
	if got := r.Refused[1].String(); !strings.Contains(got, "long.md: it is longer than 1024 kB") {
		t.Errorf("100 MB: %q", got)
	}
	if got := r.Refused[0].String(); !strings.Contains(got, "front matter is longer than 64 kB") {
		t.Errorf("65 kB of front matter: %q", got)
	}
	if allocated > 100_000 {
		t.Errorf("%v allocations for two files that are not read", allocated)
	}
}

func TestTooManyFiles(t *testing.T) {
	f := newFolder(t, nil)
	for i := range filesLimit + 1 {
		if err := os.WriteFile(filepath.Join(f.Dir, "a"+strings.Repeat("a", i%90)+string(rune('a'+i/90))+".md"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := f.Read(t.Context()); err == nil || !strings.Contains(err.Error(), "move old ones elsewhere") {
		t.Errorf("Read of %d files: error %v, want one that says what to do", filesLimit+1, err)
	}
	f.Dir = filepath.Join(f.Dir, "none")
	if _, err := f.Read(t.Context()); err == nil {
		t.Error("Read of a folder that is not there succeeded")
	}
}

func TestFilesMustHoldStill(t *testing.T) {
	tests := []struct {
		name     string
		modified time.Time
		meddle   func(t *testing.T, f Folder)
		waits    bool
		taken    bool
	}{
		{"old: taken at once", now.Add(-time.Minute), nil, false, true},
		{"fresh and left alone: taken after a second look", now, func(*testing.T, Folder) {}, true, true},
		{"from the future and left alone: taken", now.Add(time.Hour), func(*testing.T, Folder) {}, true, true},
		{"still growing: refused", now, func(t *testing.T, f Folder) { write(t, f, "a.md", head+"Half and more", now) }, true, false},
		{"other words of the same length: refused", now, func(t *testing.T, f Folder) { write(t, f, "a.md", head+"Flah", now) }, true, false},
		{"saved anew with the same words: refused, it may go on", now, func(t *testing.T, f Folder) { write(t, f, "a.md", head+"Half", now.Add(time.Second)) }, true, false},
		{"gone: refused", now, func(t *testing.T, f Folder) {
			if err := os.Remove(filepath.Join(f.Dir, "a.md")); err != nil {
				t.Fatal(err)
			}
		}, true, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFolder(t, map[string]string{"old.md": head})
			write(t, f, "a.md", head+"Half", tt.modified)
			waited := false
			f.Wait = func(_ context.Context, d time.Duration) error {
				waited = true
				tt.meddle(t, f)
				return nil
			}
			r := read(t, f)
			if waited != tt.waits {
				t.Errorf("waited %v, want %v", waited, tt.waits)
			}
			if got := slices.Contains(slugs(r), "a"); got != tt.taken {
				t.Errorf("taken %v, want %v; refused %q", got, tt.taken, lines(r.Refused))
			}
			if !slices.Contains(slugs(r), "old") {
				t.Error("a file that held still was lost over one that did not")
			}
			if !tt.taken && len(r.Refused) != 1 {
				t.Errorf("refused %q, want a.md with its reason", lines(r.Refused))
			}
		})
	}
}

func TestReadTwiceGivesTheSame(t *testing.T) {
	f := newFolder(t, map[string]string{"a.md": head + "A.", "b.md": head + "![x](p.png)"})
	if err := os.WriteFile(filepath.Join(f.Dir, "p.png"), picture(t, 10, 10), 0o600); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(read(t, f), read(t, f)); diff != "" {
		t.Errorf("two readings differ:\n%s", diff)
	}
}

func FuzzArticle(f *testing.F) {
	f.Add([]byte(head + "Text with [a link](https://x.example) and `code`.\n\n- one\n- two\n\n| a | b |\n| - | -: |\n| 1 | 2 |\n"))
	f.Add([]byte(head + "<script>alert(1)</script>[x](javascript:alert(1))![y](../../etc/passwd)"))
	f.Add([]byte("---\nheadline: &a [*a]\n---\n"))
	f.Add([]byte("---\nsources: [{title: x, url: https://x.example}]\nheadline: x\npublished: 2026-02-08T11:30:00Z\n---\n## Analysis\n### Background\nx\n## Sources\n- [y](https://y.example)\n"))
	dir := f.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		folder := Folder{Dir: dir, Media: filepath.Join(dir, "media"), Zone: time.UTC}
		a, _, refused := folder.article(filed{"a.md", text}, &pictures{root: root, media: folder.Media})
		if refused != nil {
			return
		}
		checkText(t, a.Headline)
		checkBlocks(t, a.Body)
		for _, p := range a.Analysis {
			checkBlocks(t, p.Blocks)
		}
		for _, s := range a.Sources {
			checkText(t, s.Title)
			if s.URL != "" && !strings.HasPrefix(s.URL, "https:") {
				t.Errorf("source %q", s.URL)
			}
		}
	})
}

func checkText(t *testing.T, s string) {
	t.Helper()
	for _, r := range s {
		if r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 {
			t.Errorf("text %q holds a control character", s)
		}
	}
}

func checkBlocks(t *testing.T, blocks []edition.Block) {
	t.Helper()
	for _, b := range blocks {
		for _, s := range b.Spans {
			checkText(t, s.Text)
			if s.Link != "" && !strings.HasPrefix(s.Link, "https://") && !strings.HasPrefix(s.Link, "mailto:") {
				t.Errorf("link %q", s.Link)
			}
		}
		checkBlocks(t, b.Blocks)
		for _, item := range b.Items {
			checkBlocks(t, item)
		}
		for _, row := range b.Rows {
			for _, cell := range row {
				checkBlocks(t, []edition.Block{{Spans: cell.Spans}})
			}
		}
	}
}

func TestRefusalString(t *testing.T) {
	for want, r := range map[string]Refusal{"a.md:3: x": {"a.md", 3, "x"}, "a.md: x": {"a.md", 0, "x"}} {
		if r.String() != want {
			t.Errorf("got %q, want %q", r, want)
		}
	}
}
