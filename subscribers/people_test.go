package subscribers

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/zotpaper/zotpaper/internal/database"
	"github.com/zotpaper/zotpaper/internal/database/databasetest"
)

func TestEnsureListsKeepsWhatIsThere(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := newStore(t, db)
		if _, err := s.Add(t.Context(), "afternoon", "anna@example.org", "", "test"); err != nil {
			t.Fatal(err)
		}
		if err := s.EnsureLists(t.Context(), []List{{"afternoon", "The Afternoon"}, {"weekend", "Weekend"}}); err != nil {
			t.Fatal(err)
		}
		got, err := s.Lists(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		want := []Figure{
			{List: List{"afternoon", "The Afternoon"}, Mailable: 1},
			{List: List{"morning", "Morning Edition"}},
			{List: List{"weekend", "Weekend"}},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Lists (-want +got):\n%s", diff)
		}
		for _, l := range []List{{"", "x"}, {"Afternoon", "x"}, {"a b", "x"}, {"-a", "x"}, {strings.Repeat("a", 33), "x"}, {"ok", ""}} {
			if err := s.EnsureLists(t.Context(), []List{{"fine", "Fine"}, l}); err == nil {
				t.Errorf("EnsureLists(%+v) succeeded", l)
			}
		}
		if after, err := s.Lists(t.Context()); err != nil || len(after) != 3 {
			t.Errorf("%d lists after refusals, %v, want 3", len(after), err)
		}
	})
}

func TestAdd(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := newStore(t, db)
		ctx := t.Context()
		add := func(list, address, name string) (bool, error) { return s.Add(ctx, list, address, name, "operator") }

		if added, err := add("afternoon", "Anna@Bücher.example", " Anna "); err != nil || !added {
			t.Fatalf("Add of somebody new: %t, %v, want true", added, err)
		}
		if added, err := add("afternoon", "ANNA@xn--bcher-kva.example", "Other"); err != nil || added {
			t.Errorf("Add of the same address: %t, %v, want false", added, err)
		}
		if diff := cmp.Diff([]string{"Anna@xn--bcher-kva.example Anna"}, mailable(t, s, "afternoon")); diff != "" {
			t.Errorf("members (-want +got):\n%s", diff)
		}
		if added, err := add("morning", "anna@bücher.example", ""); err != nil || !added {
			t.Errorf("Add to another list: %t, %v, want true", added, err)
		}
		if _, err := add("none", "anna@example.org", ""); !errors.Is(err, ErrNoList) {
			t.Errorf("Add to no list: %v, want ErrNoList", err)
		}
		if _, err := add("afternoon", "nonsense", ""); err == nil {
			t.Error("Add of nonsense succeeded")
		}
		if _, err := add("afternoon", "bob@example.org", "Bob\r\nBcc: all@example.org"); err == nil {
			t.Error("Add of a name with a line break succeeded")
		}
		if _, err := s.Suppress(ctx, "bad@example.org", ByOperator, "complaint", "bounces"); err != nil {
			t.Fatal(err)
		}
		if _, err := add("afternoon", "Bad@example.org", ""); !errors.Is(err, ErrSuppressed) || !strings.Contains(err.Error(), "complaint") {
			t.Errorf("Add of a suppressed address: %v, want ErrSuppressed with the reason", err)
		}
		if _, err := s.Unsubscribe(ctx, "afternoon", "anna@bücher.example", "reader"); err != nil {
			t.Fatal(err)
		}
		if _, err := add("afternoon", "anna@bücher.example", ""); !errors.Is(err, ErrWithdrawn) {
			t.Errorf("Add of somebody who left: %v, want ErrWithdrawn", err)
		}
		for _, unknown := range []string{"bob@example.org", "anna@example.org"} {
			if _, err := s.Show(ctx, unknown); !errors.Is(err, ErrUnknown) {
				t.Errorf("%s was refused and left something behind: %v", unknown, err)
			}
		}
	})
}

func TestUnsubscribe(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := newStore(t, db)
		ctx := t.Context()
		for _, list := range []string{"afternoon", "morning"} {
			if _, err := s.Add(ctx, list, "Anna@example.org", "Anna", "operator"); err != nil {
				t.Fatal(err)
			}
		}
		known, err := s.Show(ctx, "anna@example.org")
		if err != nil {
			t.Fatal(err)
		}
		ref := known.Subscriber.Ref
		for i, who := range []string{ref, ref, "ANNA@example.org"} {
			got, err := s.Unsubscribe(ctx, "afternoon", who, "reader")
			want := Unsubscribed{Subscriber: *known.Subscriber, List: List{"afternoon", "Afternoon Edition"}, Already: i > 0}
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Errorf("Unsubscribe(%q), time %d: %v (-want +got):\n%s", who, i+1, err, diff)
			}
		}
		if a, m := mailable(t, s, "afternoon"), mailable(t, s, "morning"); len(a) != 0 || len(m) != 1 {
			t.Errorf("members %v and %v, want only morning's left", a, m)
		}
		record, err := s.Show(ctx, ref)
		if err != nil {
			t.Fatal(err)
		}
		var trail []string
		for _, c := range record.Changes {
			trail = append(trail, c.List+": "+c.What+" by "+c.Who)
		}
		want := []string{"afternoon: consent given by operator", "morning: consent given by operator", "afternoon: consent withdrawn by reader"}
		if diff := cmp.Diff(want, trail); diff != "" {
			t.Errorf("the trail (-want +got):\n%s", diff)
		}
		for _, who := range []string{"aaaaaaaaaaaaaaaa", "", "nobody@example.org", strings.ToUpper(ref)} {
			if _, err := s.Unsubscribe(ctx, "afternoon", who, "reader"); !errors.Is(err, ErrUnknown) {
				t.Errorf("Unsubscribe(%q): %v, want ErrUnknown", who, err)
			}
		}
		if _, err := s.Unsubscribe(ctx, "none", ref, "reader"); !errors.Is(err, ErrNoList) {
			t.Errorf("Unsubscribe from no list: %v, want ErrNoList", err)
		}
	})
}

func TestUnsubscribeBeforeAnyConsentKeepsImportsOut(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := newStore(t, db)
		if _, err := s.Add(t.Context(), "morning", "anna@example.org", "", "operator"); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Unsubscribe(t.Context(), "afternoon", "anna@example.org", "reader"); err != nil || got.Already {
			t.Errorf("Unsubscribe without a consent: %+v, %v", got, err)
		}
		if report := mustImport(t, s, "email\nanna@example.org\n", ImportOptions{}); report.Withdrawn != 1 {
			t.Errorf("the import: %+v, want the address kept out", report)
		}
	})
}

func TestSuppressBeatsEveryList(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := newStore(t, db)
		ctx := t.Context()
		for _, list := range []string{"afternoon", "morning"} {
			if _, err := s.Add(ctx, list, "anna@example.org", "", "operator"); err != nil {
				t.Fatal(err)
			}
		}
		for i, reason := range []string{"complaint", "bounce"} {
			added, err := s.Suppress(ctx, "ANNA@example.org", ByOperator, reason, "bounces")
			if err != nil || added != (i == 0) {
				t.Errorf("Suppress, time %d: %t, %v, want %t", i+1, added, err, i == 0)
			}
		}
		if a, m := mailable(t, s, "afternoon"), mailable(t, s, "morning"); len(a)+len(m) != 0 {
			t.Errorf("members %v and %v, want none", a, m)
		}
		record, err := s.Show(ctx, "anna@example.org")
		if err != nil {
			t.Fatal(err)
		}
		want := &Suppression{Kind: ByOperator, Reason: "complaint", Source: "bounces", At: s.Now()}
		if diff := cmp.Diff(want, record.Suppression); diff != "" {
			t.Errorf("the suppression (-want +got):\n%s", diff)
		}
		if last := record.Changes[len(record.Changes)-1]; last.What != changeSuppressed || last.List != "" || len(record.Changes) != 3 {
			t.Errorf("the trail ends with %+v after %d lines, want the suppression of all lists, once", last, len(record.Changes))
		}
		figures, err := s.Lists(ctx)
		if err != nil || figures[0].Suppressed != 1 || figures[0].Mailable != 0 {
			t.Errorf("Lists: %+v, %v, want one suppressed and none mailable", figures, err)
		}

		if _, err := s.Suppress(ctx, "stranger@example.org", ByOperator, "asked by letter", "operator"); err != nil {
			t.Errorf("Suppress of somebody we do not know: %v", err)
		}
		got, err := s.Show(ctx, "stranger@example.org")
		if err != nil || got.Subscriber != nil || got.Suppression == nil {
			t.Errorf("Show: %+v, %v, want the suppression alone", got, err)
		}
		for _, bad := range [][2]string{{"nonsense", "x"}, {"a@example.org", ""}, {"a@example.org", " "}} {
			if _, err := s.Suppress(ctx, bad[0], ByOperator, bad[1], "operator"); err == nil {
				t.Errorf("Suppress(%q, %q) succeeded", bad[0], bad[1])
			}
		}
	})
}

func TestShowTellsAll(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := newStore(t, db)
		ctx := t.Context()
		if _, err := s.Add(ctx, "afternoon", "Anna@example.org", "Anna", "operator"); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Unsubscribe(ctx, "morning", "anna@example.org", "reader"); err != nil {
			t.Fatal(err)
		}
		noon := s.Now()
		want := Record{
			Subscriber: &Subscriber{Address: "Anna@example.org", Name: "Anna", Format: FormatHTML, CreatedAt: noon},
			Consents: []Consent{
				{List: "afternoon", State: "given", Source: "operator", ChangedAt: noon},
				{List: "morning", State: "withdrawn", Source: "reader", ChangedAt: noon},
			},
			Changes: []Change{
				{List: "afternoon", What: changeGiven, Who: "operator", At: noon},
				{List: "morning", What: changeWithdrawn, Who: "reader", At: noon},
			},
		}
		got, err := s.Show(ctx, "anna@example.org")
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Subscriber{}, "ID", "Ref")); err != nil || diff != "" {
			t.Errorf("Show: %v (-want +got):\n%s", err, diff)
		}
		if byRef, err := s.Show(ctx, got.Subscriber.Ref); err != nil || !cmp.Equal(got, byRef) {
			t.Errorf("Show by ref: %+v, %v, want the same", byRef, err)
		}
		for _, who := range []string{"nobody@example.org", "aaaaaaaaaaaaaaaa"} {
			if _, err := s.Show(ctx, who); !errors.Is(err, ErrUnknown) {
				t.Errorf("Show(%q): %v, want ErrUnknown", who, err)
			}
		}
	})
}

// Imports and single additions of the same people at the same time end with
// each of them there once, and nobody who leaves meanwhile comes back.
func TestManyAtOnce(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := newStore(t, db)
		ctx := t.Context()
		const people = 200
		var file strings.Builder
		file.WriteString("email\n")
		addresses := make([]string, people)
		for i := range addresses {
			addresses[i] = fmt.Sprintf("reader%d@example.org", i)
			file.WriteString(addresses[i] + "\n")
		}
		if _, err := s.Add(ctx, "afternoon", addresses[7], "", "operator"); err != nil {
			t.Fatal(err)
		}
		var added atomic.Int64
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				report, err := s.Import(ctx, strings.NewReader(file.String()), ImportOptions{List: "afternoon", By: "test"})
				if err != nil {
					t.Errorf("Import beside others: %v", err)
				}
				added.Add(report.Added)
			})
		}
		wg.Go(func() {
			for _, a := range addresses[:50] {
				did, err := s.Add(ctx, "afternoon", a, "", "operator")
				if err != nil && !errors.Is(err, ErrWithdrawn) {
					t.Errorf("Add beside others: %v", err)
				}
				if did {
					added.Add(1)
				}
			}
		})
		wg.Go(func() {
			if _, err := s.Unsubscribe(ctx, "afternoon", addresses[7], "reader"); err != nil {
				t.Errorf("Unsubscribe beside others: %v", err)
			}
		})
		wg.Wait()
		if n := added.Load(); n != people-1 {
			t.Errorf("%d were added in all, want each once: %d", n, people-1)
		}
		if members := mailable(t, s, "afternoon"); len(members) != people-1 {
			t.Errorf("%d members, want all but the one who left: %d", len(members), people-1)
		}
	})
}

// The schema itself refuses what the code must not do.
func TestSchemaRefusesNonsense(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := newStore(t, db)
		if _, err := s.Add(t.Context(), "afternoon", "anna@example.org", "", "operator"); err != nil {
			t.Fatal(err)
		}
		for _, statement := range []string{
			"UPDATE consents SET state = 'maybe'",
			"UPDATE consents SET source = ''",
			"UPDATE consents SET list = 'none'",
			"UPDATE subscribers SET canonical = 'Anna@example.org'",
			"UPDATE subscribers SET ref = 'short'",
			"INSERT INTO suppressions (canonical, reason, source, at) VALUES ('A@example.org', 'x', 'x', 'x')",
			"INSERT INTO suppressions (canonical, reason, source, at) VALUES ('a@example.org', '', 'x', 'x')",
			"DELETE FROM lists",
		} {
			if _, err := db.ExecContext(t.Context(), statement); err == nil {
				t.Errorf("the schema takes %s", statement)
			}
		}
		if _, err := db.ExecContext(t.Context(), "DELETE FROM subscribers"); err != nil {
			t.Errorf("a subscriber cannot be erased: %v", err)
		}
		var left int
		if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM consents").Scan(&left); err != nil || left != 0 {
			t.Errorf("%d consents are left of an erased subscriber, %v", left, err)
		}
		// A number is never given again: deliveries go by it.
		var old int64
		if err := db.QueryRowContext(t.Context(), "SELECT max(subscriber_id) FROM changes").Scan(&old); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Add(t.Context(), "afternoon", "bob@example.org", "", "operator"); err != nil {
			t.Fatal(err)
		}
		if r, err := s.Show(t.Context(), "bob@example.org"); err != nil || r.Subscriber.ID <= old || len(r.Changes) != 1 {
			t.Errorf("a new subscriber: %+v, %v, want a number above %d and no trail of another", r, err, old)
		}
	})
}

func TestTimesAreTheStoresOwn(t *testing.T) {
	s := newStore(t, databasetest.SQLite(t))
	at := time.Date(2026, 2, 8, 16, 0, 0, 123_456_789, time.FixedZone("", 3600))
	s.Now = func() time.Time { return at }
	mustImport(t, s, "email\nanna@example.org\n", ImportOptions{})
	r, err := s.Show(t.Context(), "anna@example.org")
	if err != nil {
		t.Fatal(err)
	}
	want := at.Truncate(time.Millisecond)
	if !r.Subscriber.CreatedAt.Equal(want) || !r.Consents[0].ChangedAt.Equal(want) || !r.Changes[0].At.Equal(want) {
		t.Errorf("the record %+v has other times than %v", r, want)
	}
}
