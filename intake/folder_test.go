package intake

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
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
	r := read(t, newFolder(t, map[string]string{
		"b.md": head + "B.", "a-b.md": head + "A.", "a.md": head, "bad.md": "---\nheadline: H\nstandfrist: x\n---\n", "worse.md": "x", "also-bad.md": "\xff",
	}))
	if got := slugs(r); !slices.Equal(got, []string{"a", "a-b", "b"}) {
		t.Errorf("articles %q, want a, a-b and b, by slug", got)
	}
	want := []string{
		`also-bad.md:1: the byte 0xff is not UTF-8; save the file as UTF-8, not as Latin-1 or Windows-1252`,
		`bad.md:3: there is no key "standfrist"; did you mean "standfirst"?`,
		`worse.md:1: it does not begin with front matter; its first line must be "---"`,
	}
	if diff := cmp.Diff(want, lines(r.Refused)); diff != "" {
		t.Errorf("refused (-want +got):\n%s", diff)
	}
}

func TestPanicCostsOneArticle(t *testing.T) {
	f := newFolder(t, map[string]string{"a.md": front("headline: H", "published: 2026-02-08 11:30"), "b.md": head})
	f.Zone = nil // a time without an offset makes package time panic
	r := read(t, f)
	if got := lines(r.Refused); len(got) != 1 || !strings.HasPrefix(got[0], "a.md: it cannot be read (") || !slices.Equal(slugs(r), []string{"b"}) {
		t.Errorf("articles %q, refused %q; want a.md alone refused", slugs(r), got)
	}
}

func TestNames(t *testing.T) {
	const rename = "its name must be made of a-z, 0-9 and hyphens, such as harbour-ferries.md; rename it"
	long := strings.Repeat("a", 100)
	f := newFolder(t, nil)
	for _, name := range []string{
		"harbour-ferries.md", "2026-02-08-x.md", "0.md", long + ".md",
		"Harbour.md", "a b.md", "-a.md", "ü.md", "a.b.md", "a_b.md", long + "a.md", "x.MD",
		"Twin.md", "twin.md", "TWIN.md", "twin.MD",
		"esc\x1b[2J.md", "latin\xfc.md",
	} {
		write(t, f, name, head, now.Add(-time.Hour))
	}
	r := read(t, f)
	if want := []string{"0", "2026-02-08-x", long, "harbour-ferries", "twin"}; !slices.Equal(slugs(r), want) {
		t.Errorf("articles %q, want %q", slugs(r), want)
	}
	const twin = "it has the name of twin.md but for capitals; rename one of them"
	want := []string{
		`"esc\x1b[2J.md": ` + rename, `"latin\xfc.md": ` + rename, "-a.md: " + rename, "Harbour.md: " + rename,
		"TWIN.md: " + twin, "Twin.md: " + twin, "a b.md: " + rename, "a.b.md: " + rename, "a_b.md: " + rename, long + "a.md: " + rename,
		"twin.MD: " + twin, "x.MD: " + rename, "ü.md: " + rename,
	}
	if diff := cmp.Diff(want, lines(r.Refused)); diff != "" {
		t.Errorf("refused (-want +got):\n%s", diff)
	}
}

func TestFilesThatAreNoArticles(t *testing.T) {
	f := newFolder(t, map[string]string{"ferry.md": head, "folder.md/inside.md": head, "folder/inside.md": head})
	for _, name := range []string{
		"notes.txt", "md", ".md", ".hidden.md", // nobody's
		"ferry.md~", ".ferry.md.swp", ".ferry.md.swo", "ferry.md.swp", "4913", // vim
		".#ferry.md", "#ferry.md#", // Emacs
		"ferry.md___jb_tmp___", "ferry___jb_tmp___.md", "ferry.md___jb_old___", // JetBrains
		"ferry.md.tmp", "ferry.md.part", "ferry.md.tmp.1234", ".ferry.md.Xy12Zq", // downloads, VS Code, rsync
		"~$ferry.md", "~ferry.md", "._ferry.md", ".DS_Store", "ferry.sync-conflict-20260208.md",
	} {
		write(t, f, name, "x", now.Add(-time.Hour))
	}
	// Emacs locks a file by a link to nowhere.
	if err := os.Symlink("editor@host.1234", filepath.Join(f.Dir, ".#other.md")); err != nil {
		t.Fatal(err)
	}
	r := read(t, f)
	if got := slugs(r); !slices.Equal(got, []string{"ferry"}) || len(r.Refused) > 0 {
		t.Errorf("articles %q, refused %q; want ferry alone", got, lines(r.Refused))
	}
}

func TestLinkedArticleIsRefused(t *testing.T) {
	f := newFolder(t, map[string]string{"a.md": head})
	outside := filepath.Join(t.TempDir(), "secret.md")
	if err := os.WriteFile(outside, []byte(head+"secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{"out.md": outside, "within.md": "a.md", "nowhere.md": "none"} {
		if err := os.Symlink(target, filepath.Join(f.Dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	r := read(t, f)
	const reason = ".md: it is no regular file; put a copy of the article in its place"
	if diff := cmp.Diff([]string{"nowhere" + reason, "out" + reason, "within" + reason}, lines(r.Refused)); diff != "" || !slices.Equal(slugs(r), []string{"a"}) {
		t.Errorf("articles %q, refused (-want +got):\n%s", slugs(r), diff)
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
	f := newFolder(t, map[string]string{
		"enormous.md": "---\n", "file.md": head + strings.Repeat("x", fileLimit-len(head)+1), "front.md": "---\nheadline: H\nbyline: " + strings.Repeat("x", frontLimit) + "\n---\n",
		"lines.md": "---\n" + strings.Repeat("\n", fileLimit/2), "full.md": head + strings.Repeat("x", fileLimit-len(head)),
	})
	// 100 MB of front matter that takes no room on the disk.
	enormous := filepath.Join(f.Dir, "enormous.md")
	if err := os.Truncate(enormous, 100<<20); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(enormous, now.Add(-time.Hour), now.Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	r := read(t, f)
	const long = ".md: it is longer than 1024 kB; an article is text, put pictures beside it"
	want := []string{
		"enormous" + long, "file" + long,
		`front.md:3: the front matter is longer than 64 kB; is the line "---" missing that ends it?`,
		`lines.md:65538: the front matter is longer than 64 kB; is the line "---" missing that ends it?`,
	}
	if diff := cmp.Diff(want, lines(r.Refused)); diff != "" || !slices.Equal(slugs(r), []string{"full"}) {
		t.Errorf("articles %q, refused (-want +got):\n%s", slugs(r), diff)
	}

	for _, name := range []string{"file.md", "front.md", "lines.md", "full.md"} {
		if err := os.Remove(filepath.Join(f.Dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	read(t, f)
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > fileLimit {
		t.Errorf("%d bytes were taken for a file of 100 MB, want at most what an article may have", took)
	}
}

func TestTooManyFiles(t *testing.T) {
	f := newFolder(t, nil)
	for i := range filesLimit {
		if err := os.WriteFile(filepath.Join(f.Dir, fmt.Sprintf("a%d.md", i)), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f.Wait = func(context.Context, time.Duration) error { return nil }
	if r := read(t, f); len(r.Refused) != filesLimit {
		t.Errorf("%d of %d files were read", len(r.Refused), filesLimit)
	}
	write(t, f, "z.md", head, now)
	want := "articles: " + f.Dir + " holds more than 2000 articles; move old ones elsewhere"
	if _, err := f.Read(t.Context()); err == nil || err.Error() != want {
		t.Errorf("Read: error %v, want %s", err, want)
	}
}

func TestTooMuchText(t *testing.T) {
	f := newFolder(t, nil)
	for i := range folderLimit/fileLimit + 1 {
		name := fmt.Sprintf("a%d.md", i)
		write(t, f, name, "", now)
		if err := os.Truncate(filepath.Join(f.Dir, name), fileLimit); err != nil {
			t.Fatal(err)
		}
	}
	want := "articles: " + f.Dir + " holds more than 64 MB of articles; move old ones elsewhere"
	if _, err := f.Read(t.Context()); err == nil || err.Error() != want {
		t.Errorf("Read: error %v, want %s", err, want)
	}
}

func TestFolderThatIsNotThere(t *testing.T) {
	f := newFolder(t, nil)
	f.Dir = filepath.Join(f.Dir, "none")
	if _, err := f.Read(t.Context()); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), f.Dir) {
		t.Errorf("Read: error %v, want one that names the folder", err)
	}
}

func TestEmptyFolder(t *testing.T) {
	if diff := cmp.Diff(Result{}, read(t, newFolder(t, nil))); diff != "" {
		t.Errorf("an empty folder holds something:\n%s", diff)
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

func TestRefusalString(t *testing.T) {
	for want, r := range map[string]Refusal{"a.md:3: x": {"a.md", 3, "x"}, "a.md: x": {"a.md", 0, "x"}} {
		if r.String() != want {
			t.Errorf("got %q, want %q", r, want)
		}
	}
}
