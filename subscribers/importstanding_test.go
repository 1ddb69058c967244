package subscribers

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zotpaper/zotpaper/internal/database"
	"github.com/zotpaper/zotpaper/internal/database/databasetest"
)

// What the file says of people who left, and what is known of them here.
func TestImportSuppressesWhomTheFileSays(t *testing.T) {
	tests := []struct {
		rule  string
		here  func(t *testing.T, s *Store, address string) // before the import; may be nil
		lines []string                                     // what the file says, line by line
		want  ImportReport
		kind  SuppressionKind // afterwards; empty: none
		why   string
	}{
		{"a stranger who left", nil, []string{"unsubscribed"}, ImportReport{SuppressedByFile: 1}, BySubscriber, `status "unsubscribed"`},
		{"a bounce", nil, []string{"bounced"}, ImportReport{SuppressedByFile: 1}, ByBounce, "bounced"},
		{"a complaint", nil, []string{"complained"}, ImportReport{SuppressedByFile: 1}, ByComplaint, "complained"},
		{"a member here who left there", joined, []string{"unsubscribed"}, ImportReport{SuppressedByFile: 1}, BySubscriber, "unsubscribed"},
		{"who bounced there and left here", suppressedAs(BySubscriber), []string{"bounced"}, ImportReport{SuppressedByFile: 1}, ByBounce, "bounced"},
		{"who left there and bounced here", suppressedAs(ByBounce), []string{"unsubscribed"}, ImportReport{Suppressed: 1}, ByBounce, "before"},
		{"who left twice", suppressedAs(BySubscriber), []string{"unsubscribed"}, ImportReport{Suppressed: 1}, BySubscriber, "before"},
		{"a member there who left here", suppressedAs(BySubscriber), []string{"member"}, ImportReport{Suppressed: 1}, BySubscriber, "before"},
		{"who was erased here, and is a member there", erased, []string{"member"}, ImportReport{Suppressed: 1}, ByErasure, "erased"},
		{"who was erased here, and bounced there", erased, []string{"bounced"}, ImportReport{Suppressed: 1}, ByErasure, "erased"},
		{"the worse of two lines", nil, []string{"member", "unsubscribed"}, ImportReport{SuppressedByFile: 1, Repeated: 1}, BySubscriber, "unsubscribed"},
		{"in any order", nil, []string{"bounced", "member", "unsubscribed"}, ImportReport{SuppressedByFile: 1, Repeated: 2}, ByBounce, "bounced"},
		{"who never confirmed", nil, []string{"pending"}, ImportReport{Refused: 1}, "", ""},
	}
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		for i, tt := range tests {
			t.Run(tt.rule, func(t *testing.T) {
				s := newStore(t, db)
				address := fmt.Sprintf("anna%d@example.org", i)
				if tt.here != nil {
					tt.here(t, s, address)
				}
				file := "email,status\n"
				for _, line := range tt.lines {
					file += strings.ToUpper(address) + "," + line + "\n"
				}
				tt.want.Rows = int64(len(tt.lines))
				for _, dry := range []bool{true, false} {
					report := mustImport(t, s, file, ImportOptions{DryRun: dry})
					if diff := cmp.Diff(tt.want, report, ignoreDetails()); diff != "" {
						t.Errorf("dry run %t (-want +got):\n%s", dry, diff)
					}
				}
				record, err := s.Show(t.Context(), address)
				if tt.kind == "" {
					if err == nil {
						t.Errorf("known as %+v, want nothing", record)
					}
					return
				}
				if err != nil || record.Suppression == nil || record.Suppression.Kind != tt.kind || !strings.Contains(record.Suppression.Reason, tt.why) {
					t.Errorf("suppression %+v, %v, want %s with %q", record.Suppression, err, tt.kind, tt.why)
				}
				if record.Suppression != nil && record.Suppression.Hashed != (tt.kind == ByErasure) {
					t.Errorf("the address is kept by hash: %t", record.Suppression.Hashed)
				}
				if n := len(record.Changes); tt.rule == "a member here who left there" && record.Changes[n-1].What != changeSuppressed {
					t.Errorf("the trail ends with %+v, want the suppression", record.Changes[n-1])
				}
			})
		}
	})
}

func joined(t *testing.T, s *Store, address string) {
	t.Helper()
	if _, err := s.Add(t.Context(), "afternoon", address, "", "test"); err != nil {
		t.Fatal(err)
	}
}

func erased(t *testing.T, s *Store, address string) {
	t.Helper()
	joined(t, s, address)
	if err := s.Erase(t.Context(), address, "test"); err != nil {
		t.Fatal(err)
	}
}

func suppressedAs(kind SuppressionKind) func(t *testing.T, s *Store, address string) {
	return func(t *testing.T, s *Store, address string) {
		t.Helper()
		if _, err := s.Suppress(t.Context(), address, kind, "before", "test"); err != nil {
			t.Fatal(err)
		}
	}
}

// The worse of what a file says counts also when the lines are in two batches.
func TestImportSuppressesAcrossBatches(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := newStore(t, db)
		file := "email,status\nanna@example.org,member\nbo@example.org,member\nanna@example.org,unsubscribed\ncy@example.org,bounced\ncy@example.org,bounced\nanna@example.org,member\n"
		want := ImportReport{Rows: 6, Added: 2, SuppressedByFile: 2, Repeated: 2}
		for _, dry := range []bool{true, false} {
			report := mustImport(t, s, file, ImportOptions{DryRun: dry, batch: 2})
			if diff := cmp.Diff(want, report, ignoreDetails()); diff != "" {
				t.Errorf("dry run %t (-want +got):\n%s", dry, diff)
			}
		}
		if diff := cmp.Diff([]string{"bo@example.org"}, mailable(t, s, "afternoon")); diff != "" {
			t.Errorf("members (-want +got):\n%s", diff)
		}
	})
}

func TestImportKeepsWhatTheFileSaysOfTheConsent(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := newStore(t, db)
		joined(t, s, "bo@example.org")
		file := "email,CONFIRM_TIME,CONFIRM_IP,format,time zone\n" +
			"anna@example.org,2019-05-04 12:00,192.0.2.7,Text,Europe/Rome\n" +
			"bo@example.org,2019-05-04 12:00,192.0.2.7,text,Europe/Rome\n" +
			"cy@example.org,,,pdf,Middle/Earth\n"
		report := mustImport(t, s, file, ImportOptions{})
		if report.Added != 2 || report.Already != 1 || report.LeftOut != 2 {
			t.Errorf("%+v, want two added, one there already, a format and a zone left out", report)
		}
		anna, err := s.Show(t.Context(), "anna@example.org")
		if err != nil {
			t.Fatal(err)
		}
		if anna.Subscriber.Format != FormatText || anna.Subscriber.Zone != "Europe/Rome" {
			t.Errorf("anna gets %s, lives in %q, want what the file says", anna.Subscriber.Format, anna.Subscriber.Zone)
		}
		if got, want := anna.Changes[0].Note, "as the imported file says: confirmed 2019-05-04 12:00 from 192.0.2.7"; got != want {
			t.Errorf("the trail has %q, want %q", got, want)
		}
		for _, address := range []string{"bo@example.org", "cy@example.org"} {
			r, err := s.Show(t.Context(), address)
			if err != nil || r.Subscriber.Format != FormatHTML || r.Subscriber.Zone != "" || r.Changes[0].Note != "" {
				t.Errorf("%s is %+v, %v, want nothing of the file", address, r, err)
			}
		}
	})
}

// What was refused can be corrected in the report and imported.
func TestImportReadsItsReportOfRefusals(t *testing.T) {
	s := newStore(t, databasetest.SQLite(t))
	if _, err := s.Suppress(t.Context(), "gone@example.org", ByBounce, "x", "test"); err != nil {
		t.Fatal(err)
	}
	var refused bytes.Buffer
	mustImport(t, s, "email;notes;name\nanna.example.org;a;'=Anna\n gone@example.org;\"b\";\"Gone; Away\"\nx@example.org;;;;more\n\"y@example.org;;\n", ImportOptions{Refused: &refused})
	want := `"line","reason","text","email","notes","name"
"2","there is no @","","anna.example.org","a","'=Anna"
"3","the address is suppressed",""," gone@example.org","b","Gone; Away"
"4","it has 5 cells, the first line 3","x@example.org;;;;more","x@example.org","",""
"5","a quote is opened and not closed","""y@example.org;;","","",""
`
	if diff := cmp.Diff(want, refused.String()); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
	corrected := strings.ReplaceAll(refused.String(), "anna.example.org", "anna@example.org")
	report := mustImport(t, s, corrected, ImportOptions{})
	if diff := cmp.Diff(ImportReport{Rows: 4, Added: 2, Suppressed: 1, Refused: 1}, report, ignoreDetails()); diff != "" {
		t.Errorf("import of it (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"anna@example.org =Anna", "x@example.org"}, mailable(t, s, "afternoon")); diff != "" {
		t.Errorf("members (-want +got):\n%s", diff)
	}
}

func TestExportOfSuppressionsSuppressesAgain(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := newStore(t, db)
		for kind, reason := range map[SuppressionKind]string{
			ByOperator: "=asked \"by phone\"", BySubscriber: "unsubscribed, as the file says", ByBounce: "550 5.1.1 no such user", ByComplaint: "'+1 complaint",
		} {
			if _, err := s.Suppress(t.Context(), string(kind)+"@example.org", kind, reason, "test"); err != nil {
				t.Fatal(err)
			}
		}
		erased(t, s, "nobody@example.org")
		var file bytes.Buffer
		hashed, err := s.ExportSuppressed(t.Context(), &file)
		if err != nil || hashed != 1 || strings.Contains(file.String(), "#") {
			t.Fatalf("ExportSuppressed: %d left out, %v, of one: %s", hashed, err, file.String())
		}
		other := newStore(t, databasetest.SQLite(t))
		if report := mustImport(t, other, file.String(), ImportOptions{}); report.SuppressedByFile != 4 {
			t.Errorf("import of it: %+v, want 4 suppressed", report)
		}
		for _, kind := range []SuppressionKind{ByOperator, BySubscriber, ByBounce, ByComplaint} {
			before, _ := s.Show(t.Context(), string(kind)+"@example.org")
			after, err := other.Show(t.Context(), string(kind)+"@example.org")
			if err != nil || after.Suppression == nil || after.Suppression.Kind != kind || after.Suppression.Reason != before.Suppression.Reason {
				t.Errorf("%s is %+v, %v, want it as it was: %+v", kind, after.Suppression, err, before.Suppression)
			}
		}
	})
}
