package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestJournalFolder(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"beside the database", "database: sqlite:data/paper.db\n", "data/journal"},
		{"beside a database elsewhere", "database: sqlite:/srv/paper.db\n", "/srv/journal"},
		{"beside the configuration", "database: postgres://u@h/n\n", "journal"},
		{"as it is named", "dispatch: {journal: spool}\ndatabase: postgres://u@h/n\n", "spool"},
		{"as it is named, not beside the database", "dispatch: {journal: /var/spool/paper}\ndatabase: sqlite:data/paper.db\n", "/var/spool/paper"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir, config := paperFolder(t, tt.text, nil)
			c, err := loadConfig(config, nil)
			if err != nil {
				t.Fatal(err)
			}
			want := tt.want
			if !filepath.IsAbs(want) {
				want = filepath.Join(dir, want)
			}
			if got := c.journal(); got != want {
				t.Errorf("journal: got %s, want %s", got, want)
			}
		})
	}
}

// TestJournalThatCannotBeWritten wants to be told before an edition is frozen.
// A file stands where the folder would be.
func TestJournalThatCannotBeWritten(t *testing.T) {
	_, config := paperFolder(t, "dispatch: {journal: file/journal}\n", map[string]string{"file": ""})
	c, err := loadConfig(config, nil)
	if err != nil {
		t.Fatal(err)
	}
	told := false
	for _, w := range warnings(c) {
		told = told || strings.HasPrefix(w, "dispatch.journal: cannot write to the folder ") && strings.Contains(w, "not a directory")
	}
	if !told {
		t.Errorf("config check does not tell: %q", warnings(c))
	}
	if err := (&newsroom{config: c}).readyToDispatch(); err == nil || !strings.HasPrefix(err.Error(), "dispatch.journal: ") {
		t.Errorf("readyToDispatch: error %v, want one about dispatch.journal", err)
	}
}

func TestJournalIsMadeReady(t *testing.T) {
	dir, config := paperFolder(t, "dispatch: {journal: a/b}\n", nil)
	c, err := loadConfig(config, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range warnings(c) {
		if strings.HasPrefix(w, "dispatch.journal") {
			t.Errorf("config check warns of a folder that can be made: %s", w)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "a")); err == nil {
		t.Error("config check has made the folder")
	}
	if err := (&newsroom{config: c}).readyToDispatch(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, "a", "b"))
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Fatalf("the folder: %v, error %v; want it made for us alone", info, err)
	}
	if left, err := os.ReadDir(filepath.Join(dir, "a", "b")); err != nil || len(left) != 0 {
		t.Errorf("%d files were left in it (%v)", len(left), err)
	}
}
