package web

import (
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/zotpaper/zotpaper/words"
)

// TestEveryTextIsUsed reads our sources: every key in them is one of the file,
// and every key of the file but those of the notices and dates is in them.
func TestEveryTextIsUsed(t *testing.T) {
	key := regexp.MustCompile(`"([a-z]+\.[a-z_]+)"`)
	book, err := words.Load("en", nil)
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, k := range book.Keys() {
		known[k] = true
	}
	used := map[string]bool{}
	for _, pattern := range []string{"*.go", "pages/*.html"} {
		names, err := fs.Glob(os.DirFS("."), pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range key.FindAllStringSubmatch(string(text), -1) {
				used[m[1]] = true
			}
		}
	}
	for k := range used {
		if known[k+"_title"] {
			used[k+"_title"] = true // for a message
		}
		if page, _, _ := strings.Cut(k, "."); !known[k] && known[page+".title"] {
			t.Errorf("%s: there is no such text", k)
		}
	}
	for k := range known {
		if page, _, _ := strings.Cut(k, "."); !used[k] && page != "mail" && !strings.HasPrefix(page, "mail_") && page != "date" {
			t.Errorf("%s: no page has this text", k)
		}
	}
	if len(used) < 50 {
		t.Errorf("only %d texts found; is the test blind?", len(used))
	}
}
