package emltest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestTheRenderersSpecimenPasses holds what templates/ renders to the rules,
// in a mail that nothing of ours composed.
func TestTheRenderersSpecimenPasses(t *testing.T) {
	links := strings.NewReplacer(
		"https://slot.invalid/unsubscribe", "https://zotpaper.example/u/v1.k1.Zm9vYmFy",
		"https://slot.invalid/preferences", "https://zotpaper.example/preferences/v1.k1.Zm9vYmFy",
	)
	read := func(name string) string {
		b, err := os.ReadFile(filepath.Join("..", "..", "templates", "testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		return links.Replace(string(b))
	}
	html, text := read("edition.golden.html"), read("edition.golden.txt")
	titled := regexp.MustCompile(`<title>([^<]+)</title>`).FindStringSubmatch(html)
	if titled == nil {
		t.Fatal("the specimen has no title")
	}
	d := good()
	d.set("Subject", titled[1])
	d.parts[0].body, d.parts[1].body = text, html
	want := expectation()
	want.Subject, want.Text, want.HTML, want.Summary = titled[1], text, html, ""
	want.InOrder = []string{
		"Sunday 8 February 2026", "ZOTPAPER", "News without the noise", "In this edition", "Ministers Agree on the Budget",
		"US Politics", "Ministers Agree on the Budget", "After nine days of talks", "Zotpaper Staff", "Ministers agreed on Sunday",
		"World", "Harbour Ferries Return After Eleven Months", "Unsubscribe", "1 Example Street",
	}
	Assert(t, d.bytes(), want)
}
