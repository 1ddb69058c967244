package subscribers

import (
	"bytes"
	"database/sql"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/zotpaper/zotpaper/internal/database"
	"github.com/zotpaper/zotpaper/internal/database/databasetest"
)

func newStore(t testing.TB, db *database.DB) *Store {
	t.Helper()
	noon := time.Date(2026, 2, 8, 12, 0, 0, 0, time.UTC)
	s := &Store{DB: db, Now: func() time.Time { return noon }}
	if err := s.EnsureLists(t.Context(), []List{{"afternoon", "Afternoon Edition"}, {"morning", "Morning Edition"}}); err != nil {
		t.Fatal(err)
	}
	return s
}

func mustImport(t *testing.T, s *Store, file string, options ImportOptions) ImportReport {
	t.Helper()
	if options.List == "" {
		options.List = "afternoon"
	}
	options.By = "test"
	report, err := s.Import(t.Context(), strings.NewReader(file), options)
	if err != nil {
		t.Fatal(err)
	}
	sum := report.Added + report.Already + report.Withdrawn + report.Suppressed + report.SuppressedByFile + report.Repeated + report.Refused
	if report.Rows != sum {
		t.Errorf("%d rows, but the counts make %d: %+v", report.Rows, sum, report)
	}
	return report
}

// ignoreDetails has only the counts of reports compared.
func ignoreDetails() cmp.Option {
	return cmpopts.IgnoreFields(ImportReport{}, "LastLine", "Encoding", "Divider", "Columns", "First", "Refusals")
}

// mailable returns "address name" of each member of a list, by age.
func mailable(t *testing.T, s *Store, list string) []string {
	t.Helper()
	all, err := collect(t.Context(), s.DB, func(rows *sql.Rows) (string, error) {
		var address, name string
		err := rows.Scan(&address, &name)
		return strings.TrimSuffix(address+" "+name, " "), err
	}, "SELECT address, name FROM mailable WHERE list = $1 ORDER BY subscriber_id", list)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestImportReadsWhatPeopleHave(t *testing.T) {
	tests := []struct {
		rule string
		file string
		want []string // members, in the order of the file
	}{
		{"email alone", "email\nanna@example.org\n", []string{"anna@example.org"}},
		{"email and name", "email,name\nanna@example.org,Anna\n", []string{"anna@example.org Anna"}},
		{"address instead of email", "address,name\nanna@example.org,Anna\n", []string{"anna@example.org Anna"}},
		{"email beside a postal address", "address,email\n1 Main St,anna@example.org\n", []string{"anna@example.org"}},
		{"columns in any order and case", "Name , Phone, EMAIL\nAnna,123,anna@example.org\n", []string{"anna@example.org Anna"}},
		{"a byte order mark", "\ufeffemail,name\nanna@example.org,Anna\n", []string{"anna@example.org Anna"}},
		{"a byte order mark and quotes", "\ufeff\"email\",\"name\"\n\"anna@example.org\",\"Anna\"\n", []string{"anna@example.org Anna"}},
		{"CR LF", "email,name\r\nanna@example.org,Anna\r\n", []string{"anna@example.org Anna"}},
		{"no line end at the end", "email\nanna@example.org", []string{"anna@example.org"}},
		{"semicolons", "email;name\nanna@example.org;Müller, Anna\n", []string{"anna@example.org Müller, Anna"}},
		{"tabs", "email\tname\nanna@example.org\tAnna\n", []string{"anna@example.org Anna"}},
		{"blank lines are skipped", "\nemail\n\nanna@example.org\n  \n", []string{"anna@example.org"}},
		{"quotes", "email,name\nanna@example.org,\"Anna \"\"Nan\"\" Müller, Jr.\"\n", []string{`anna@example.org Anna "Nan" Müller, Jr.`}},
		{"a line break in a column we do not use", "email,notes,name\nanna@example.org,\"1 Main St\nTown\n\",Anna\n", []string{"anna@example.org Anna"}},
		{"missing cells at the end", "email,name\nanna@example.org\n", []string{"anna@example.org"}},
		{"empty cells beyond the last", "email,name\nanna@example.org,Anna,,\n", []string{"anna@example.org Anna"}},
		{"a domain in another script", "email\nanna@bücher.example\n", []string{"anna@xn--bcher-kva.example"}},
		{"the order of the file is kept", "email\nzoe@example.org\nanna@example.org\n", []string{"zoe@example.org", "anna@example.org"}},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			s := newStore(t, databasetest.SQLite(t))
			report := mustImport(t, s, tt.file, ImportOptions{})
			if diff := cmp.Diff(tt.want, mailable(t, s, "afternoon")); diff != "" {
				t.Errorf("members (-want +got):\n%s\n%+v", diff, report)
			}
		})
	}
}

func TestImportRefusesOneLineAndGoesOn(t *testing.T) {
	tests := []struct {
		rule   string
		line   string
		reason string
	}{
		{"no @", "x,nonsense,Anna", "no @"},
		{"nothing in it", "x,,Anna", "empty"},
		{"not enough cells", "x", "no address"},
		{"too many cells", "x,anna@example.org,Müller,Anna", "4 cells"},
		{"not UTF-8 where other lines are", "x,anna@example.org,Anna\xff", "not UTF-8"},
		{"NUL in the address", "x,an\x00na@example.org,Anna", "control"},
		{"NUL in the name", "x,anna@example.org,An\x00na", "control"},
		{"a header in the name", "x,anna@example.org,\"Anna\r\nBcc: all@example.org\"", "line break"},
		{"10 MB", "x,anna@example.org," + strings.Repeat("n", 10<<20), "longer than 64 KiB"},
		{"10 MB in quotes", "x,anna@example.org,\"" + strings.Repeat("n", 10<<20) + "\"", "longer than 64 KiB"},
		{"a name too long", "x,anna@example.org," + strings.Repeat("n", 300), "longer than 200"},
		{"a quote that is never closed", `x,anna@example.org,"Anna`, "not closed"},
		{"a quote that a later line seems to close", "\"x,anna@example.org,Anna\nx,first@example.org,\"First\"", "not closed"},
		{"a quote inside a cell", `x,anna@example.org,Anna "Nan" Müller`, "does not begin with one"},
		{"text behind a quote", `x,anna@example.org,"Anna" Müller`, "behind the closing quote"},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			s := newStore(t, databasetest.SQLite(t))
			var refused bytes.Buffer
			report := mustImport(t, s, "notes,email,name\nä,zoe@example.org,Zoe\n"+tt.line+"\nx,last@example.org,Last\n", ImportOptions{Refused: &refused})
			if report.Refused != 1 || len(report.Refusals) != 1 {
				t.Fatalf("%d lines refused, want one: %+v", report.Refused, report.Refusals)
			}
			got := report.Refusals[0]
			if got.Line != 3 || !strings.Contains(got.Reason, tt.reason) || len(got.Text) > 3*maxRefusalText {
				t.Errorf("refused line %d: %s, want line 3 with %q", got.Line, got.Reason, tt.reason)
			}
			members := strings.Join(mailable(t, s, "afternoon"), "|")
			if !strings.HasPrefix(members, "zoe@example.org Zoe") || !strings.HasSuffix(members, "last@example.org Last") {
				t.Errorf("members %s, want those around the bad line", members)
			}
			lines, err := csv.NewReader(&refused).ReadAll()
			if err != nil || len(lines) != 2 || lines[1][0] != "3" || lines[1][1] != got.Reason {
				t.Errorf("the report is %q, %v, want a head and the refusal", lines, err)
			}
		})
	}
}

func TestImportRefusesAFileWithoutAHead(t *testing.T) {
	s := newStore(t, databasetest.SQLite(t))
	tests := []struct{ rule, file, want string }{
		{"nothing", "", "empty"},
		{"blank lines", "\n \n", "empty"},
		{"no such column", "mail,name\nanna@example.org,Anna\n", "line 1: there is no column email or address"},
		{"addresses at once", "anna@example.org\n", "no column"},
		{"two columns", "email,E-Mail Address\n", `two columns for the address, "email" and "E-Mail Address"`},
		{"a megabyte", strings.Repeat("x", 1<<20), "line 1: the line is longer"},
		{"an open quote", "email,\"name\n", "line 1: a quote"},
	}
	for _, tt := range tests {
		_, err := s.Import(t.Context(), strings.NewReader(tt.file), ImportOptions{List: "afternoon", By: "test"})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want an error with %q", tt.rule, err, tt.want)
		}
	}
	if _, err := s.Import(t.Context(), strings.NewReader("email\n"), ImportOptions{List: "none", By: "test"}); !errors.Is(err, ErrNoList) {
		t.Errorf("Import into a list that is not there: %v, want ErrNoList", err)
	}
	if _, err := s.Import(t.Context(), strings.NewReader("email\n"), ImportOptions{List: "afternoon"}); err == nil {
		t.Error("Import on nobody's word succeeded")
	}
}

func TestImportUndoesNothing(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := newStore(t, db)
		ctx := t.Context()
		mustImport(t, s, "email,name\nmember@example.org,Member\nleft@example.org,Left\nother@example.org,Other\nbad@example.org,Bad\n", ImportOptions{})
		if _, err := s.Unsubscribe(ctx, "afternoon", "left@example.org", "reader"); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Unsubscribe(ctx, "morning", "other@example.org", "reader"); err != nil {
			t.Fatal(err)
		}
		for _, address := range []string{"bad@example.org", "stranger@example.org"} {
			if _, err := s.Suppress(ctx, address, ByOperator, "complaint", "bounces"); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := db.ExecContext(ctx, `
			INSERT INTO consents (list, subscriber_id, state, source, changed_at)
			SELECT 'morning', id, 'pending', 'form', '2026-02-08T00:00:00.000Z' FROM subscribers WHERE canonical = 'member@example.org'`); err != nil {
			t.Fatal(err)
		}
		before, err := s.Show(ctx, "left@example.org")
		if err != nil {
			t.Fatal(err)
		}

		again := "email,name\nMEMBER@example.org,Changed\nLeft@Example.org,Left\nbad@example.org,Bad\n" +
			"stranger@example.org,Stranger\nnew@example.org,New\nNEW@example.org,New\nnonsense,X\nother@example.org,Other\n"
		for _, dry := range []bool{true, false} {
			report := mustImport(t, s, again, ImportOptions{DryRun: dry})
			want := ImportReport{Rows: 8, Added: 1, Already: 2, Withdrawn: 1, Suppressed: 2, Repeated: 1, Refused: 1}
			if diff := cmp.Diff(want, report, ignoreDetails()); diff != "" {
				t.Errorf("dry run %t (-want +got):\n%s", dry, diff)
			}
			var lines []int
			for _, r := range report.Refusals {
				lines = append(lines, r.Line)
			}
			if diff := cmp.Diff([]int{3, 4, 5, 8}, lines); diff != "" {
				t.Errorf("dry run %t: lines refused (-want +got):\n%s", dry, diff)
			}
			want1 := []string{"member@example.org Member", "other@example.org Other"}
			if !dry {
				want1 = append(want1, "new@example.org New")
			}
			if diff := cmp.Diff(want1, mailable(t, s, "afternoon")); diff != "" {
				t.Errorf("dry run %t: members (-want +got):\n%s", dry, diff)
			}
		}
		after, err := s.Show(ctx, "left@example.org")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(before, after); diff != "" {
			t.Errorf("the import changed what is known of a reader who left (-before +after):\n%s", diff)
		}
		if r, err := s.Show(ctx, "stranger@example.org"); err != nil || r.Subscriber != nil {
			t.Errorf("a suppressed address became the subscriber %+v, %v", r.Subscriber, err)
		}

		// Another list: a word about one says nothing about the other.
		report := mustImport(t, s, again, ImportOptions{List: "morning"})
		if report.Added != 3 || report.Withdrawn != 1 || report.Suppressed != 2 { // member, left, new; other
			t.Errorf("import into morning: %+v, want 3 added, 1 withdrawn, 2 suppressed", report)
		}
		r, err := s.Show(ctx, "member@example.org")
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Consents) != 2 || r.Consents[1].State != "given" || r.Consents[1].Source != "import" {
			t.Errorf("a pending consent is %+v after the import, want given", r.Consents)
		}
	})
}

// More rows than a batch, with the repeats in other batches than the first.
func TestImportCountsAcrossBatches(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := newStore(t, db)
		var file strings.Builder
		file.WriteString("email,name\n")
		const people, bad, repeats, batch = 1017, 1200, 300, 500
		for i := range people {
			fmt.Fprintf(&file, "reader%d@example.org,Reader %d\n", i, i)
		}
		for i := range bad {
			fmt.Fprintf(&file, "bad%d,X\n", i)
		}
		for i := range repeats {
			fmt.Fprintf(&file, "READER%d@example.org,Reader %d\n", i, i)
		}
		var progress []ImportProgress
		var refused bytes.Buffer
		report := mustImport(t, s, file.String(), ImportOptions{
			batch:    batch,
			Refused:  &refused,
			Progress: func(p ImportProgress) { progress = append(progress, p) },
		})
		want := ImportReport{Rows: people + bad + repeats, Added: people, Repeated: repeats, Refused: bad}
		if diff := cmp.Diff(want, report, ignoreDetails()); diff != "" {
			t.Errorf("report (-want +got):\n%s", diff)
		}
		if len(report.Refusals) != MaxRefusals {
			t.Errorf("%d refusals in memory, want the first %d", len(report.Refusals), MaxRefusals)
		}
		if n := strings.Count(refused.String(), "\n"); n != bad+1 {
			t.Errorf("%d lines in the report, want a head and %d", n, bad)
		}
		last := progress[len(progress)-1]
		if len(progress) < 3 || last.Rows != report.Rows || last.Bytes != int64(file.Len()) {
			t.Errorf("progress ended at %+v after %d steps, want all rows and bytes", last, len(progress))
		}
		again := mustImport(t, s, file.String(), ImportOptions{})
		if again.Added != 0 || again.Already != people || again.Repeated != repeats {
			t.Errorf("the same file again: %+v, want nothing added", again)
		}
	})
}

func TestImportKeepsWhatItReadBeforeTheFileBroke(t *testing.T) {
	s := newStore(t, databasetest.SQLite(t))
	broken := errors.New("the disk is gone")
	file := io.MultiReader(strings.NewReader("email\nanna@example.org\n"), iotest.ErrReader(broken))
	report, err := s.Import(t.Context(), file, ImportOptions{List: "afternoon", By: "test"})
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "behind line 2") {
		t.Errorf("Import of a file that breaks: %v, want that error and the line", err)
	}
	if members := mailable(t, s, "afternoon"); report.Added != 1 || len(members) != 1 {
		t.Errorf("%d added, members %v, want the one that was read", report.Added, members)
	}
}

func TestExportComesBackUnchanged(t *testing.T) {
	names := []string{
		"", "Anna", "Müller, Anna", `Anna "Nan" B`, "=HYPERLINK(\"http://x\")", "+1", "-1", "@cmd", "'=1", "''=1", "'quoted'", "'",
		"=", "山田", "a;b", "a\u00a0b",
	}
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := newStore(t, db)
		for i, name := range names {
			address := fmt.Sprintf("=r%d'x@example.org", i)
			if _, err := s.Add(t.Context(), "afternoon", address, name, "test"); err != nil {
				t.Fatal(err)
			}
			subscriber, err := find(t.Context(), db, address)
			if err != nil {
				t.Fatal(err)
			}
			wants := Preferences{Lists: []string{"afternoon"}, Format: FormatText, Zone: "Asia/Tokyo"}
			if i%2 == 0 {
				if _, err := s.SetPreferences(t.Context(), subscriber.Ref, wants, Origin{}); err != nil {
					t.Fatal(err)
				}
			}
		}
		if _, err := s.Add(t.Context(), "afternoon", "gone@example.org", "Gone", "test"); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Suppress(t.Context(), "gone@example.org", ByOperator, "bounce", "test"); err != nil {
			t.Fatal(err)
		}
		var file bytes.Buffer
		if err := s.Export(t.Context(), &file, "afternoon"); err != nil {
			t.Fatal(err)
		}
		cells, err := csv.NewReader(bytes.NewReader(file.Bytes())).ReadAll()
		if err != nil {
			t.Fatalf("what Export writes is no CSV: %v", err)
		}
		for _, line := range cells {
			for _, cell := range line {
				if cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r") {
					t.Errorf("the cell %q is a formula", cell)
				}
			}
		}
		other := newStore(t, databasetest.SQLite(t))
		report := mustImport(t, other, file.String(), ImportOptions{})
		if report.Added != int64(len(names)) {
			t.Errorf("%+v, want %d added", report, len(names))
		}
		if diff := cmp.Diff(mailable(t, s, "afternoon"), mailable(t, other, "afternoon")); diff != "" {
			t.Errorf("members after export and import (-before +after):\n%s", diff)
		}
		var again bytes.Buffer
		if err := other.Export(t.Context(), &again, "afternoon"); err != nil || again.String() != file.String() {
			t.Errorf("exported, imported, exported: %v (-before +after):\n%s", err, cmp.Diff(file.String(), again.String()))
		}
		if err := s.Export(t.Context(), io.Discard, "none"); !errors.Is(err, ErrNoList) {
			t.Errorf("Export of a list that is not there: %v, want ErrNoList", err)
		}
	})
}

func FuzzImport(f *testing.F) {
	for _, seed := range []string{
		"email,name\na@b.de,A\n", "\xef\xbb\xbfemail;name\r\n\"a@b.de\";\"x\"\"y\"\r\n", "email\n\"a\n\"b\n", "address\n\n\"\n\n", "email\n'=a@b.de",
	} {
		f.Add([]byte(seed))
	}
	s := newStore(f, databasetest.SQLite(f))
	f.Fuzz(func(t *testing.T, file []byte) {
		report, err := s.Import(t.Context(), bytes.NewReader(file), ImportOptions{List: "afternoon", By: "fuzz", DryRun: true})
		if err != nil {
			return
		}
		if sum := report.Added + report.Already + report.Withdrawn + report.Suppressed + report.SuppressedByFile + report.Repeated + report.Refused; sum != report.Rows {
			t.Errorf("%d rows, but the counts make %d", report.Rows, sum)
		}
		for _, r := range report.Refusals {
			if r.Line < 2 || r.Line > bytes.Count(file, []byte{'\n'})+1 {
				t.Errorf("refused line %d of a file with %d", r.Line, bytes.Count(file, []byte{'\n'})+1)
			}
		}
	})
}
