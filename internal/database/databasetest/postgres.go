package databasetest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/zotpaper/zotpaper/internal/database"
)

// errMissing says that PostgreSQL is not installed.
var errMissing = errors.New("PostgreSQL is not installed: no initdb and postgres in /usr/lib/postgresql/*/bin or on the PATH")

// shared is the one server of this test binary. Starting one takes seconds, so
// all tests share it, and there is nothing of theirs to keep it in.
var shared struct { //nolint:gochecknoglobals // see above
	once  sync.Once
	err   error
	url   string // of the database postgres, with %s for the database's name
	admin *sql.DB
	names atomic.Int64
}

// template is the database that all others are copied from: it has the schema
// already, which saves each test the migration.
const template = "zotpaper_template"

// PostgreSQLURL returns the URL of an empty database with the whole schema,
// which is dropped when t ends.
func PostgreSQLURL(t testing.TB) string {
	t.Helper()
	return create(t, template)
}

// EmptyPostgreSQLURL returns the URL of a database without any schema, which
// is dropped when t ends.
func EmptyPostgreSQLURL(t testing.TB) string {
	t.Helper()
	return create(t, "template1")
}

// create makes a copy of the database named original and returns its URL.
func create(t testing.TB, original string) string {
	t.Helper()
	shared.once.Do(func() { shared.err = startShared(t) })
	if errors.Is(shared.err, errMissing) && os.Getenv("ZOTPAPER_NO_SKIP") != "1" {
		t.Skip(shared.err)
	}
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	name := fmt.Sprintf("test_%d", shared.names.Add(1))
	if _, err := shared.admin.ExecContext(t.Context(), "CREATE DATABASE "+name+" TEMPLATE "+original); err != nil {
		t.Fatalf("create a database for the test: %v", err)
	}
	t.Cleanup(func() {
		// Without the cancelation: t.Context has ended by now.
		if _, err := shared.admin.ExecContext(context.WithoutCancel(t.Context()), "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Errorf("drop the database of the test: %v", err)
		}
	})
	return fmt.Sprintf(shared.url, name)
}

// startShared starts the server and prepares the template. The server stops
// when this process ends, however it ends; see launch.
func startShared(t testing.TB) error {
	bin, err := binaries()
	if err != nil {
		return err
	}
	url, err := launch(t.Context(), bin)
	if err != nil {
		return fmt.Errorf("start PostgreSQL from %s: %w", bin, err)
	}
	admin, err := sql.Open("pgx", fmt.Sprintf(url, "postgres"))
	if err != nil {
		return err
	}
	admin.SetMaxOpenConns(2)
	if _, err := admin.ExecContext(t.Context(), "CREATE DATABASE "+template); err != nil {
		return err
	}
	db, err := database.Open(t.Context(), fmt.Sprintf(url, template))
	if err != nil {
		return err
	}
	shared.url, shared.admin = url, admin
	return db.Close()
}

// binaries returns the folder of the newest PostgreSQL on this machine.
func binaries() (string, error) {
	folders, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil {
		return "", err
	}
	slices.SortFunc(folders, func(a, b string) int { // "9" after "15" by text, before it by number
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(b, a)
	})
	folders = append(folders, filepath.SplitList(os.Getenv("PATH"))...)
	for _, folder := range folders {
		if executable(filepath.Join(folder, "initdb")) && executable(filepath.Join(folder, "postgres")) {
			return folder, nil
		}
	}
	return "", errMissing
}

func executable(file string) bool {
	info, err := os.Stat(file)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}
