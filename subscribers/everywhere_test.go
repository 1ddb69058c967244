package subscribers

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/zotpaper/zotpaper/internal/database"
)

// whereIs returns the first table and column in which a value holds word, in
// whatever table it is; nothing if there is none.
func whereIs(t *testing.T, db *database.DB, word string) string {
	t.Helper()
	query := "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
	if db.Dialect() == database.PostgreSQL {
		query = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
	}
	tables, err := collect(t.Context(), db, func(rows *sql.Rows) (name string, err error) {
		err = rows.Scan(&name)
		return name, err
	}, query)
	if err != nil {
		t.Fatal(err)
	}
	if len(tables) < 10 {
		t.Fatalf("only %d tables to look into", len(tables))
	}
	for _, table := range tables {
		if where := findIn(t, db, table, word); where != "" {
			return where
		}
	}
	return ""
}

func findIn(t *testing.T, db *database.DB, table, word string) string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), "SELECT * FROM "+table)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(any)
		}
		if err := rows.Scan(values...); err != nil {
			t.Fatal(err)
		}
		for i, v := range values {
			value := *v.(*any)
			if b, ok := value.([]byte); ok {
				value = string(b)
			}
			if strings.Contains(fmt.Sprint(value), word) {
				return table + "." + columns[i]
			}
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return ""
}
