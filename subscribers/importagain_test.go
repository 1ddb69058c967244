package subscribers

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/zotpaper/zotpaper/internal/database"
	"github.com/zotpaper/zotpaper/internal/database/databasetest"
)

// The environment that has the test binary be an import, which others kill and
// measure: the URL of the database, and how many rows are a batch.
const (
	childDatabase = "ZOTPAPER_TEST_IMPORT"
	childBatch    = "ZOTPAPER_TEST_IMPORT_BATCH"
)

func TestMain(m *testing.M) {
	if url := os.Getenv(childDatabase); url != "" {
		if err := importChild(context.Background(), url); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// importChild imports standard input, prints a line after every batch, and the
// report as the last.
func importChild(ctx context.Context, url string) (err error) {
	batch, err := strconv.Atoi(os.Getenv(childBatch))
	if err != nil {
		return err
	}
	debug.SetGCPercent(30) // as the command does
	db, err := database.Open(ctx, url)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	s := &Store{DB: db, Now: time.Now}
	if err := s.EnsureLists(ctx, []List{{"afternoon", "Afternoon Edition"}}); err != nil {
		return err
	}
	report, err := s.Import(ctx, os.Stdin, ImportOptions{
		List: "afternoon", By: "test", batch: batch,
		Progress: func(p ImportProgress) { fmt.Println(p.Rows, "rows") },
	})
	report.Refusals = nil // may be a thousand
	return errors.Join(err, json.NewEncoder(os.Stdout).Encode(report))
}

// childImport returns the command that imports what it reads into a database.
func childImport(ctx context.Context, url string, batch int) *exec.Cmd {
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), childDatabase+"="+url, childBatch+"="+strconv.Itoa(batch))
	cmd.Stderr = os.Stderr
	return cmd
}

// numbered returns a file of so many readers.
func numbered(people int) string {
	var file strings.Builder
	file.WriteString("email,name\n")
	for i := range people {
		fmt.Fprintf(&file, "reader%d@example.org,Reader %d\n", i, i)
	}
	return file.String()
}

// wantOnce fails unless so many people are on the list, each with one line in
// the trail.
func wantOnce(t *testing.T, db *database.DB, people int) {
	t.Helper()
	var members, lines int
	err := db.QueryRowContext(t.Context(), `
		SELECT (SELECT count(*) FROM mailable WHERE list = 'afternoon'), (SELECT count(*) FROM changes)`).Scan(&members, &lines)
	if err != nil || members != people || lines != people {
		t.Errorf("%d members and %d lines in the trail, %v, want %d of each", members, lines, err, people)
	}
}

func TestImportGoesOnWhereItWasInterrupted(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := newStore(t, db)
		const people, batch = 1000, 100
		ctx, cancel := context.WithCancel(t.Context())
		report, err := s.Import(ctx, strings.NewReader(numbered(people)), ImportOptions{
			List: "afternoon", By: "test", batch: batch,
			Progress: func(p ImportProgress) {
				if p.Rows == 3*batch {
					cancel()
				}
			},
		})
		if !errors.Is(err, context.Canceled) || report.Added != 3*batch || report.LastLine != 3*batch+1 {
			t.Errorf("an interrupted import: %+v, %v, want the first three batches and where they end", report, err)
		}
		wantOnce(t, db, 3*batch)
		report = mustImport(t, s, numbered(people), ImportOptions{})
		if report.Already != 3*batch || report.Added != people-3*batch || report.LastLine != people+1 {
			t.Errorf("the same file again: %+v, want the rest added", report)
		}
		wantOnce(t, db, people)
	})
}

func TestImportGoesOnAfterAKill(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { killImport(t, "sqlite:"+filepath.Join(t.TempDir(), "zotpaper.db")) })
	t.Run("postgres", func(t *testing.T) { killImport(t, databasetest.PostgreSQLURL(t)) })
}

func killImport(t *testing.T, url string) {
	const people, batch = 8000, 500
	child := childImport(t.Context(), url, batch)
	in, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	fed := make(chan struct{})
	go func() { // until it is dead; it never sees the end
		defer close(fed)
		_, _ = io.WriteString(in, numbered(people))
	}()
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || !strings.HasSuffix(line, " rows\n") {
		t.Errorf("the import says %q, %v, want a batch done", line, err)
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // it was killed
	<-fed

	db, err := database.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close database: %v", err)
		}
	})
	var written int
	if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM mailable").Scan(&written); err != nil {
		t.Fatal(err)
	}
	if written == 0 || written%batch != 0 {
		t.Errorf("%d people after the kill, want whole batches of %d", written, batch)
	}
	report := mustImport(t, newStore(t, db), numbered(people), ImportOptions{})
	// A server may still have been committing what the dead had sent.
	if report.Already < int64(written) || report.Already%batch != 0 || report.Added != people-report.Already {
		t.Errorf("the same file again: %+v, want the rest added to at least %d", report, written)
	}
	wantOnce(t, db, people)
}
