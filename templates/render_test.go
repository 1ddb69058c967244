package templates

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestGoldenIssue(t *testing.T) {
	issue := render(t, sampleEdition())
	for name, got := range map[string]string{
		"edition.golden.html": issue.HTML,
		"edition.golden.txt":  issue.Text,
		"edition.golden.web":  issue.Web,
	} {
		path := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s differs from the issue rendered; if the change is meant, run go test ./templates -update and read the diff", path)
		}
	}
}
