package zotpaper_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/zotpaper/zotpaper"

// allowed is the design: which package of ours may import which. A package
// that is not here may not exist; an import that is not here is a change of
// the design and belongs into a commit that says why.
var allowed = map[string][]string{
	"edition":           {},
	"mailer":            {},
	"intake":            {"edition"},
	"templates":         {"edition"},
	"demo":              {"edition"},
	"subscribers":       {"internal/database", "internal/listfile"},
	"dispatch":          {"edition", "subscribers", "mailer", "dispatch/journal", "internal/database"},
	"dispatch/journal":  {},
	"press":             {"edition", "intake", "templates", "subscribers", "mailer", "dispatch", "alerts", "internal/database"},
	"words":             {},
	"alerts":            {"mailer", "internal/database"},
	"notices":           {"edition", "subscribers", "mailer", "words", "internal/database"},
	"web":               {"edition", "intake", "templates", "subscribers", "mailer", "dispatch", "press", "words", "internal/database"},
	"cmd/zotpaper":      {"*"},
	".":                 {},
	"internal/database": {},
	"internal/listfile": {},
	"internal/smtptest": {},
	"internal/sink":     {},
	"internal/torture":  {"internal/sink", "internal/database"},

	// Only tests use these.
	"internal/database/databasetest": {"internal/database"},
	"internal/browsertest":           {},
	"internal/emltest":               {},
}

// forTests may be imported by the tests of any package, and by nothing else.
var forTests = []string{"internal/database/databasetest", "internal/browsertest", "internal/emltest", "internal/smtptest", "internal/sink"}

func TestImports(t *testing.T) {
	seen := map[string]bool{}
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && name != "." || d.Name() == "testdata" || d.Name() == "node_modules") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		from := path.Dir(filepath.ToSlash(name))
		seen[from] = true
		if _, ok := allowed[from]; !ok {
			t.Errorf("%s: package %s is not in the design", name, from)
			return nil
		}
		for _, to := range importsOf(t, name) {
			isTest := strings.HasSuffix(name, "_test.go") || strings.HasSuffix(from, "test")
			if !mayImport(from, to, isTest) {
				t.Errorf("%s: %s may not import %s", name, from, to)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range allowed {
		if !seen[name] {
			t.Errorf("package %s is in the design and has no Go file", name)
		}
	}
}

// importsOf returns the packages of ours that a file imports.
func importsOf(t *testing.T, name string) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		if imported == module {
			list = append(list, ".")
		} else if ours, ok := strings.CutPrefix(imported, module+"/"); ok {
			list = append(list, ours)
		}
	}
	return list
}

func mayImport(from, to string, isTest bool) bool {
	if isTest && slices.Contains(forTests, to) || from == to {
		return true
	}
	if slices.Contains(allowed[from], "*") {
		// smtptest is also the demo's inbox.
		return to == "internal/smtptest" || !slices.Contains(forTests, to)
	}
	return slices.Contains(allowed[from], to)
}

func TestImportRuleCanFail(t *testing.T) {
	tests := []struct {
		name     string
		from, to string
		isTest   bool
		want     bool
	}{
		{"the pure package knows no database", "edition", "internal/database", false, false},
		{"the press knows the database", "press", "internal/database", false, true},
		{"a program does not carry a browser", "web", "internal/browsertest", false, false},
		{"a test does", "web", "internal/browsertest", true, true},
		{"a test does not break the order", "edition", "templates", true, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := mayImport(tt.from, tt.to, tt.isTest); got != tt.want {
				t.Errorf("mayImport(%s, %s) = %v, want %v", tt.from, tt.to, got, tt.want)
			}
		})
	}
}
