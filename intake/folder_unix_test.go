//go:build unix

package intake

import (
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPipesAreNotWaitedFor(t *testing.T) {
	f := newFolder(t, map[string]string{"a.md": "---\nheadline: H\npublished: 2026-02-08T11:30:00Z\nimage: {src: pipe.png, alt: x}\n---\n"})
	for _, name := range []string{"pipe.md", "pipe.png"} {
		if err := syscall.Mkfifo(filepath.Join(f.Dir, name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r := read(t, f)
	want := []string{"pipe.md: it is no regular file; put a copy of the article in its place"}
	if diff := cmp.Diff(want, lines(r.Refused)); diff != "" || !slices.Equal(slugs(r), []string{"a"}) {
		t.Errorf("articles %q, refused (-want +got):\n%s", slugs(r), diff)
	}
	if got := lines(r.Warnings); len(got) != 1 || !strings.Contains(got[0], `a.md:4: image: "pipe.png" is no regular file`) {
		t.Errorf("warnings %q, want one of the pipe", got)
	}
}

// A pipe may take the place of a file after the folder was listed.
func TestPipeInPlaceOfAFile(t *testing.T) {
	f := newFolder(t, nil)
	if err := syscall.Mkfifo(filepath.Join(f.Dir, "pipe.md"), 0o600); err != nil {
		t.Fatal(err)
	}
	root := openRoot(t, f.Dir)
	if _, refusal := readBounded(root, "pipe.md"); refusal == nil || refusal.Reason != notRegular {
		t.Errorf("refusal %v, want %q", refusal, notRegular)
	}
}
