package emltest

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// validatorConfig switches off what web pages are held to and mail cannot be:
// style attributes, presentational attributes, and roles on the elements that
// mail programs keep.
const validatorConfig = `{
	"root": true,
	"extends": ["html-validate:standard", "html-validate:a11y"],
	"rules": {"no-deprecated-attr": "off", "prefer-native-element": "off", "no-inline-style": "off", "void-style": "off"}
}`

// Validate fails t for each error that html-validate finds in the HTML part of
// raw.
//
// The program is looked for in the folder .tools at the root of the
// repository, where "make test" installs it if npm is there. Where it is
// missing the test is skipped, or fails if ZOTPAPER_NO_SKIP is set.
func Validate(t *testing.T, raw []byte) {
	t.Helper()
	for _, finding := range validate(t, raw) {
		t.Errorf("A6 %s", finding)
	}
}

// validate returns what html-validate says of the HTML part of raw.
func validate(t *testing.T, raw []byte) []string {
	t.Helper()
	program := findValidator(t)
	if program == "" {
		if os.Getenv("ZOTPAPER_NO_SKIP") != "" {
			t.Fatal("html-validate is missing; make test installs it with npm")
		}
		t.Skip("html-validate is missing; make test installs it where there is npm")
	}
	m, err := parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	config, page := filepath.Join(dir, "config.json"), filepath.Join(dir, "edition.html")
	if err := errors.Join(os.WriteFile(config, []byte(validatorConfig), 0o600), os.WriteFile(page, []byte(m.html), 0o600)); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), program, "--config", config, "--formatter", "json", page).Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("html-validate: %v", err)
	}
	var results []struct {
		Messages []struct {
			Rule    string `json:"ruleId"`
			Message string `json:"message"`
			Line    int    `json:"line"`
		} `json:"messages"`
	}
	if jsonErr := json.Unmarshal(out, &results); jsonErr != nil {
		t.Fatalf("html-validate printed %.200q: %v", out, errors.Join(jsonErr, err))
	}
	var findings []string
	for _, r := range results {
		for _, f := range r.Messages {
			findings = append(findings, fmt.Sprintf("line %d: %s (%s)", f.Line, f.Message, f.Rule))
		}
	}
	if err != nil && len(findings) == 0 {
		t.Fatalf("html-validate: %v", err)
	}
	return findings
}

// findValidator looks for the program from the test's folder upwards.
func findValidator(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		program := filepath.Join(dir, ".tools", "node_modules", ".bin", "html-validate")
		if _, err := os.Stat(program); err == nil {
			return program
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return ""
		}
		dir = parent
	}
}
