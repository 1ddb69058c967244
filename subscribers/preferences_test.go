package subscribers

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/zotpaper/zotpaper/internal/database"
	"github.com/zotpaper/zotpaper/internal/database/databasetest"
)

func TestSetPreferences(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		d := newDesk(t, db)
		ref := d.confirmed(t, "anna@example.org", "afternoon").Subscriber.Ref
		set := func(p Preferences) bool {
			t.Helper()
			altered, err := d.SetPreferences(t.Context(), ref, p, home)
			if err != nil {
				t.Fatal(err)
			}
			return altered
		}
		if !set(Preferences{Lists: []string{"morning"}, Format: FormatText, Zone: "Asia/Tokyo"}) {
			t.Error("nothing was altered")
		}
		d.wantMailable(t, "afternoon")
		d.wantMailable(t, "morning", "anna@example.org Anna")
		r := d.show(t, ref)
		if r.Subscriber.Format != FormatText || r.Subscriber.Zone != "Asia/Tokyo" {
			t.Errorf("format %s and zone %s, want text and Asia/Tokyo", r.Subscriber.Format, r.Subscriber.Zone)
		}
		trail := len(r.Changes)
		if set(Preferences{Lists: []string{"morning"}, Format: FormatText, Zone: "Asia/Tokyo"}) || len(d.show(t, ref).Changes) != trail {
			t.Error("setting the same again altered something")
		}
		// The reader's own word brings back what they had left.
		set(Preferences{Lists: []string{"morning", "afternoon"}})
		d.wantMailable(t, "afternoon", "anna@example.org Anna")
		if got := d.show(t, ref).Subscriber.Format; got != FormatHTML {
			t.Errorf("format %s, want html", got)
		}
		set(Preferences{})
		d.wantMailable(t, "afternoon")
		d.wantMailable(t, "morning")

		for rule, p := range map[string]Preferences{
			"a list that is not there": {Lists: []string{"evening"}},
			"a format that is none":    {Format: "pdf"},
			"a zone that is none":      {Zone: "Mars"},
		} {
			if _, err := d.SetPreferences(t.Context(), ref, p, home); err == nil {
				t.Errorf("%s was taken", rule)
			}
		}
		if _, err := d.SetPreferences(t.Context(), "aaaaaaaaaaaaaaaa", Preferences{}, home); !errors.Is(err, ErrUnknown) {
			t.Errorf("preferences of nobody: %v, want ErrUnknown", err)
		}
	})
}

func TestPreferencesDoNotEndASuppressionByOthers(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		d := newDesk(t, db)
		ref := d.confirmed(t, "anna@example.org", "afternoon").Subscriber.Ref
		if _, err := d.Suppress(t.Context(), "anna@example.org", ByComplaint, "called it spam", "bounces"); err != nil {
			t.Fatal(err)
		}
		if _, err := d.SetPreferences(t.Context(), ref, Preferences{Lists: []string{"afternoon", "morning"}}, home); err != nil {
			t.Fatal(err)
		}
		d.wantMailable(t, "afternoon")
		d.wantMailable(t, "morning")
		lifted, err := d.Lift(t.Context(), "Anna@example.org", "operator")
		if err != nil || !lifted {
			t.Errorf("Lift: %t, %v", lifted, err)
		}
		d.wantMailable(t, "morning", "anna@example.org Anna")
		if lifted, err := d.Lift(t.Context(), "anna@example.org", "operator"); err != nil || lifted {
			t.Errorf("Lift again: %t, %v, want false", lifted, err)
		}
	})
}

func TestUndoOfAnUnsubscription(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		d := newDesk(t, db)
		ref := d.confirmed(t, "anna@example.org", "afternoon").Subscriber.Ref
		leave := func(by string) {
			t.Helper()
			if _, err := d.Unsubscribe(t.Context(), "afternoon", ref, by); err != nil {
				t.Fatal(err)
			}
		}
		if err := d.Rejoin(t.Context(), "morning", ref, home); !errors.Is(err, ErrTooLate) {
			t.Errorf("Rejoin of a list they were never on: %v, want ErrTooLate", err)
		}
		leave("reader")
		d.pass(23 * time.Hour)
		for range 2 {
			if err := d.Rejoin(t.Context(), "afternoon", ref, home); err != nil {
				t.Errorf("Rejoin: %v", err)
			}
		}
		d.wantMailable(t, "afternoon", "anna@example.org Anna")
		leave("reader")
		d.pass(25 * time.Hour)
		if err := d.Rejoin(t.Context(), "afternoon", ref, home); !errors.Is(err, ErrTooLate) {
			t.Errorf("Rejoin after a day: %v, want ErrTooLate", err)
		}
		d.wantMailable(t, "afternoon")
		if _, err := d.SetPreferences(t.Context(), ref, Preferences{Lists: []string{"afternoon"}}, home); err != nil {
			t.Fatal(err)
		}
		leave("operator eve") // that is not the reader's to undo with an old link
		if err := d.Rejoin(t.Context(), "afternoon", ref, home); !errors.Is(err, ErrTooLate) {
			t.Errorf("Rejoin of what an operator ended: %v, want ErrTooLate", err)
		}
	})
}

func TestAReasonIsKeptOnceForEachTimeTheyLeave(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		d := newDesk(t, db)
		ref := d.confirmed(t, "anna@example.org", "afternoon").Subscriber.Ref
		reasons := func() (notes []string) {
			for _, c := range d.show(t, ref).Changes {
				if c.What == changeReason {
					notes = append(notes, c.Note)
				}
			}
			return notes
		}
		give := func(reason string) {
			t.Helper()
			if err := d.GiveReason(t.Context(), "afternoon", ref, reason); err != nil {
				t.Fatal(err)
			}
		}
		give("I am still here")
		if got := reasons(); len(got) != 0 {
			t.Errorf("reasons %q of somebody who has not left", got)
		}
		if _, err := d.Unsubscribe(t.Context(), "afternoon", ref, "reader"); err != nil {
			t.Fatal(err)
		}
		give("  ")
		give(strings.Repeat("ä", 600) + "\xff")
		give("and another thing")
		got := reasons()
		if len(got) != 1 || got[0] != strings.Repeat("ä", 500) {
			t.Errorf("reasons %q, want one of 1000 bytes", got)
		}
	})
}

func TestChangeOfAddress(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		d := newDesk(t, db)
		ref := d.confirmed(t, "anna@example.org", "afternoon").Subscriber.Ref
		if err := d.RequestMove(t.Context(), ref, "anna@example.org", home); err != nil {
			t.Errorf("RequestMove to where they are: %v", err)
		}
		if due := d.due(t); len(due) != 0 {
			t.Errorf("mails %+v about a move to where they are", due)
		}
		if err := d.RequestMove(t.Context(), ref, "Anna.King@example.net", home); err != nil {
			t.Fatal(err)
		}
		d.wantMailable(t, "afternoon", "anna@example.org Anna")
		n := d.theOne(t, KindMove, "Anna.King@example.net")
		for i := range 2 {
			q, err := d.Confirm(t.Context(), n.Ref, home)
			if err != nil || q.Kind != KindMove || q.Answered != (i == 1) {
				t.Errorf("Confirm, time %d: %+v, %v", i+1, q, err)
			}
		}
		d.wantMailable(t, "afternoon", "Anna.King@example.net Anna")
		d.theOne(t, KindMoved, "anna@example.org") // the old address hears of it
		if _, err := d.Show(t.Context(), "anna@example.org"); !errors.Is(err, ErrUnknown) {
			t.Errorf("the old address: %v, want ErrUnknown", err)
		}
		if d.show(t, "anna.king@example.net").Subscriber.Ref != ref {
			t.Error("the links of earlier mails do not work any more")
		}
	})
}

// Somebody with two subscriptions makes them one by moving the one to the
// other's address.
func TestChangeToAnAddressThatIsKnown(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		d := newDesk(t, db)
		d.confirmed(t, "old@example.org", "morning")
		ref := d.confirmed(t, "anna@example.org", "afternoon").Subscriber.Ref
		if err := d.RequestMove(t.Context(), ref, "old@example.org", home); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Confirm(t.Context(), d.theOne(t, KindMove, "old@example.org").Ref, home); err != nil {
			t.Fatal(err)
		}
		d.wantMailable(t, "afternoon", "old@example.org Anna")
		d.wantMailable(t, "morning", "old@example.org Anna")
	})
}

func TestErase(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		d := newDesk(t, db)
		r := d.confirmed(t, "anna@example.org", "afternoon", "morning")
		if err := d.RequestMove(t.Context(), r.Subscriber.Ref, "anna@example.net", home); err != nil {
			t.Fatal(err)
		}
		if err := d.Erase(t.Context(), r.Subscriber.Ref, "reader"); err != nil {
			t.Fatal(err)
		}
		if due := d.due(t); len(due) != 0 {
			t.Errorf("notices of somebody who was erased: %+v", due)
		}
		for _, word := range []string{"anna", "Anna", "192.0.2.7"} {
			if where := whereIs(t, db, word); where != "" {
				t.Errorf("%q is still in %s", word, where)
			}
		}
		got := d.show(t, "anna@example.org")
		if got.Subscriber != nil || got.Suppression == nil || !got.Suppression.Hashed || got.Suppression.Kind != ByErasure {
			t.Errorf("Show: %+v, want a hashed suppression alone", got)
		}

		// No import and no operator brings them back; they themselves can.
		report := mustImport(t, d.Store, "email\nanna@example.org\nANNA@EXAMPLE.ORG\nbert@example.org\n", ImportOptions{})
		if report.Added != 1 || report.Suppressed != 1 || report.Repeated != 1 {
			t.Errorf("import: %+v, want one added, one suppressed, one repeated", report)
		}
		if _, err := d.Add(t.Context(), "afternoon", "anna@example.org", "", "operator"); !errors.Is(err, ErrSuppressed) {
			t.Errorf("Add: %v, want ErrSuppressed", err)
		}
		d.pass(25 * time.Hour)
		d.signUp(t, "anna@example.org", "afternoon")
		if _, err := d.Confirm(t.Context(), d.theOne(t, KindConfirm, "anna@example.org").Ref, home); err != nil {
			t.Fatal(err)
		}
		d.wantMailable(t, "afternoon", "bert@example.org", "anna@example.org Anna")

		if err := d.Erase(t.Context(), "nobody@example.org", "reader"); !errors.Is(err, ErrUnknown) {
			t.Errorf("Erase of nobody: %v, want ErrUnknown", err)
		}
	})
}

// An address that must not be mailed stays so when its owner is erased, and
// cannot be brought back by asking for a list.
func TestEraseKeepsAWorseSuppression(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		d := newDesk(t, db)
		d.confirmed(t, "anna@example.org", "afternoon")
		for _, address := range []string{"anna@example.org", "stranger@example.org"} {
			if _, err := d.Suppress(t.Context(), address, ByComplaint, "wrote to the editor: anna", "bounces"); err != nil {
				t.Fatal(err)
			}
			if err := d.Erase(t.Context(), address, "operator"); err != nil {
				t.Fatal(err)
			}
			if s := d.show(t, address).Suppression; s == nil || !s.Hashed || s.Kind != ByComplaint {
				t.Errorf("%s: %+v, want a hashed complaint", address, s)
			}
			if err := d.Erase(t.Context(), address, "operator"); !errors.Is(err, ErrUnknown) {
				t.Errorf("Erase of %s again: %v, want ErrUnknown", address, err)
			}
		}
		if where := whereIs(t, db, "anna"); where != "" {
			t.Errorf("anna is still in %s", where)
		}
		d.signUp(t, "anna@example.org", "afternoon")
		if due := d.due(t); len(due) != 0 {
			t.Errorf("mails %+v, want none", due)
		}
	})
}
