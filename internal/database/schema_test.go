package database_test

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zotpaper/zotpaper/internal/database/databasetest"
)

var update = flag.Bool("update", false, "write schema.sql anew")

// creation finds what a migration creates, with the comment above it.
var creation = regexp.MustCompile(`(?m)^((?:--.*\n)*)CREATE (TABLE|VIEW) (\w+)`)

// comments returns the comment above each CREATE TABLE and CREATE VIEW.
func comments(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("migrations/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range creation.FindAllStringSubmatch(string(text), -1) {
			found[m[3]] = m[1]
		}
	}
	return found
}

func TestEachTableHasOneOwner(t *testing.T) {
	owner := regexp.MustCompile(`Owned by\s+(?:-- )?package\s+(?:-- )?(\w+)`)
	all := comments(t)
	if len(all) < 6 {
		t.Fatalf("found %d tables and views, want at least the six of subscribers", len(all))
	}
	for name, comment := range all {
		if n := len(owner.FindAllString(comment, -1)); n != 1 {
			t.Errorf("the comment above %s names %d owners, want one as in \"Owned by package X\":\n%s", name, n, comment)
		}
	}
}

func TestSchemaIsTheGoldenOne(t *testing.T) {
	db := databasetest.SQLite(t)
	rows, err := db.QueryContext(t.Context(), `
		SELECT   name, sql FROM sqlite_schema
		WHERE    sql IS NOT NULL AND name NOT LIKE 'sqlite_%' AND name <> 'goose_db_version'
		AND      tbl_name NOT LIKE 'river_%'
		ORDER BY tbl_name, type <> 'table', name`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	above := comments(t)
	var got strings.Builder
	got.WriteString("-- The schema as SQLite has it after all migrations. Written by the tests: go test -update\n")
	for rows.Next() {
		var name, text string
		if err := rows.Scan(&name, &text); err != nil {
			t.Fatal(err)
		}
		got.WriteString("\n" + above[name] + text + ";\n")
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("schema.sql", []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("schema.sql")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("the schema differs from schema.sql (-want +got); run with -update if that is meant:\n%s", diff)
	}
}
