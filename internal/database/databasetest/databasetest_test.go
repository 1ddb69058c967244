package databasetest_test

import (
	"testing"

	"github.com/zotpaper/zotpaper/internal/database"
	"github.com/zotpaper/zotpaper/internal/database/databasetest"
)

func TestEachGetsAnEmptyDatabaseOfItsOwn(t *testing.T) {
	seen := map[database.Dialect]int{}
	for range 2 {
		databasetest.Each(t, func(t *testing.T, db *database.DB) {
			seen[db.Dialect()]++
			var rows int
			if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM lists").Scan(&rows); err != nil {
				t.Fatal(err)
			}
			if rows != 0 {
				t.Errorf("%s: %d lists in a database for a new test, want none", db.Dialect(), rows)
			}
			if _, err := db.ExecContext(t.Context(), "INSERT INTO lists (id, title, created_at) VALUES ($1, $2, $3)", "a", "A", "now"); err != nil {
				t.Fatal(err)
			}
		})
	}
	if seen[database.SQLite] != 2 {
		t.Errorf("Each ran %v, want sqlite twice", seen)
	}
}
