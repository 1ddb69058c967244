package press

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zotpaper/zotpaper/alerts"
	"github.com/zotpaper/zotpaper/edition"
	"github.com/zotpaper/zotpaper/internal/database"
	"github.com/zotpaper/zotpaper/internal/database/databasetest"
)

// newDay returns a paper at eight in the morning of a Sunday, with a reader and
// an editor to tell, whose editions may be two hours late.
func newDay(t *testing.T, db *database.DB) *paper {
	t.Helper()
	p := newPaper(t, db, "ada@example.org")
	p.now = time.Date(2026, 2, 8, 8, 0, 0, 0, time.UTC)
	p.Slots[0].CatchUp = 2 * time.Hour
	p.Alerts = alerts.Board{To: []string{"desk@zotpaper.example"}}
	return p
}

// until puts the clock to a time of the day and tends what is due.
func (p *paper) until(clock string) {
	p.t.Helper()
	at, err := time.Parse("2006-01-02 15:04", clock)
	if err != nil {
		p.t.Fatal(err)
	}
	p.mu.Lock()
	p.now = at
	p.mu.Unlock()
	if err := p.Due(p.t.Context(), p.Slots[0], "test"); err != nil {
		p.t.Fatalf("at %s: %v", clock, err)
	}
}

// stands returns the state of each edition, the oldest first, with its reason.
func (p *paper) stands() string {
	p.t.Helper()
	records, err := p.Records(p.t.Context(), 100)
	if err != nil {
		p.t.Fatal(err)
	}
	var lines []string
	for _, r := range records {
		line := r.Key.Date.String() + " " + string(r.State)
		if r.Reason != "" {
			line += " (" + r.Reason + ")"
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return strings.Join(lines, ", ")
}

// told returns the causes that the editors heard of, the oldest first.
func (p *paper) told() string {
	p.t.Helper()
	recent, err := alerts.Recent(p.t.Context(), p.DB, 100)
	if err != nil {
		p.t.Fatal(err)
	}
	var causes []string
	for _, r := range recent {
		cause, _, _ := strings.Cut(r.Cause, " ")
		causes = append(causes, cause)
	}
	slices.Reverse(causes)
	return strings.Join(causes, " ")
}

func (p *paper) want(stands, told string) {
	p.t.Helper()
	if got := p.stands(); got != stands {
		p.t.Errorf("the editions: %s\nwant          %s", got, stands)
	}
	if got := p.told(); got != told {
		p.t.Errorf("the editors heard %q, want %q", got, told)
	}
}

func (p *paper) at(hour int) time.Time { return time.Date(2026, 2, 8, hour, 0, 0, 0, time.UTC) }

func TestADayThatGoesWell(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		p := newDay(t, db)
		p.desk.file(p.at(7), "one", "two")
		p.until("2026-02-08 08:00")
		p.want("2026-02-08 draft", "")
		p.until("2026-02-08 15:59")
		p.want("2026-02-08 draft", "")
		p.until("2026-02-08 16:00")
		p.until("2026-02-08 16:01")
		p.want("2026-02-08 frozen, 2026-02-09 draft", "")
		if _, err := p.send(sunday); err != nil {
			t.Fatal(err)
		}
		p.want("2026-02-08 complete, 2026-02-09 draft", "complete")
	})
}

func TestTooFewArticles(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		p := newDay(t, db)
		p.desk.file(p.at(7), "one")
		thin := "1 article since 2026-02-07T16:00:00Z, the slot's minimum is 2"
		p.until("2026-02-08 16:00")
		p.want("2026-02-08 held ("+thin+"), 2026-02-09 draft", "thin")
		p.until("2026-02-08 16:30")
		p.until("2026-02-08 17:05") // once an hour
		p.want("2026-02-08 held ("+thin+"), 2026-02-09 draft", "thin thin")

		// It is filed late, as of before the cut-off.
		p.desk.file(p.at(15), "two")
		p.until("2026-02-08 17:10")
		p.want("2026-02-08 frozen (late by 1h10m0s), 2026-02-09 draft", "thin thin")

		p.until("2026-02-09 16:00")
		p.until("2026-02-09 18:03")
		p.want("2026-02-08 frozen (late by 1h10m0s), 2026-02-09 missed (0 articles since 2026-02-08T16:00:00Z, the slot's minimum is 2), 2026-02-10 draft",
			"thin thin thin missed")
		if got := len(p.server.Messages()); got != 0 {
			t.Errorf("%d mails went out", got)
		}
	})
}

func TestApproval(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		p := newDay(t, db)
		p.Slots[0].Approval = true
		slot := p.Slots[0]
		p.desk.file(p.at(7), "one", "two")
		p.until("2026-02-08 14:59")
		p.want("2026-02-08 draft", "")
		p.until("2026-02-08 15:01")
		p.want("2026-02-08 draft", "approval")
		p.until("2026-02-08 16:00")
		p.until("2026-02-08 16:02")
		p.want("2026-02-08 held (it waits for an editor's release), 2026-02-09 draft", "approval approval")

		// What an editor saw is what goes out, or nothing.
		if _, err := p.Approve(t.Context(), slot, sunday, strings.Repeat("0", 64), false, "eve", ""); !errors.As(err, new(*BlockedError)) {
			t.Errorf("Approve of another hash: %v, want a BlockedError", err)
		}
		draft, err := p.Draft(t.Context(), slot, sunday, p.clock())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Approve(t.Context(), slot, sunday, draft.Issue.SHA256(), false, "eve", "read it"); err != nil {
			t.Fatal(err)
		}
		p.desk.Articles[0].Headline = "Another headline"
		p.desk.file(p.at(9), "three")
		p.until("2026-02-08 16:03")
		p.want(`2026-02-08 held (it is not what eve released: "Headline of three" was added, "Another headline" was changed), 2026-02-09 draft`, "approval approval changed")
		if _, err := p.Approve(t.Context(), slot, sunday, "", false, "eve", ""); err != nil {
			t.Fatal(err)
		}
		p.until("2026-02-08 16:04")
		p.want("2026-02-08 frozen (late by 4m0s), 2026-02-09 draft", "approval approval changed")
		r, err := p.Record(t.Context(), edition.Key{Date: sunday, Slot: "afternoon"})
		if err != nil {
			t.Fatal(err)
		}
		steps, err := p.Transitions(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		if released := steps[len(steps)-2]; released.Who != "eve" || released.Why != "released" {
			t.Errorf("the steps end with %+v, want who released it", steps)
		}
		if _, err := p.Approve(t.Context(), slot, sunday, "", false, "eve", ""); !errors.As(err, new(*StateError)) {
			t.Errorf("Approve of a frozen edition: %v, want a StateError", err)
		}

		// Nobody releases the next one.
		p.desk.file(p.at(16).Add(time.Minute), "four", "five")
		p.until("2026-02-09 16:00")
		p.until("2026-02-09 18:03")
		if got := p.stands(); !strings.Contains(got, "2026-02-09 missed (it waits for an editor's release)") {
			t.Errorf("the editions: %s", got)
		}
	})
}

func TestReleaseBeforeItsTime(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		p := newDay(t, db)
		p.Slots[0].Approval = true
		p.desk.file(p.at(7), "one", "two")
		p.until("2026-02-08 15:30")
		if _, err := p.Approve(t.Context(), p.Slots[0], sunday, "", false, "eve", ""); err != nil {
			t.Fatal(err)
		}
		p.until("2026-02-08 15:50")
		p.want("2026-02-08 draft (released)", "approval")
		p.until("2026-02-08 16:00")
		p.want("2026-02-08 frozen, 2026-02-09 draft", "approval")
	})
}

func TestAnEditorHolds(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		p := newDay(t, db)
		p.desk.file(p.at(7), "one")
		p.until("2026-02-08 08:00")
		if _, err := p.Withhold(t.Context(), p.Slots[0], sunday, "eve", "wait for the vote"); err != nil {
			t.Fatal(err)
		}
		p.until("2026-02-08 16:00")
		p.want("2026-02-08 held (held by eve: wait for the vote), 2026-02-09 draft", "hold")
		if _, err := p.Approve(t.Context(), p.Slots[0], sunday, "", false, "eve", ""); !errors.As(err, new(*BlockedError)) {
			t.Errorf("Approve with too few articles: %v, want a BlockedError", err)
		}
		if _, err := p.Approve(t.Context(), p.Slots[0], sunday, "", true, "eve", "one is enough today"); err != nil {
			t.Fatal(err)
		}
		p.until("2026-02-08 16:01")
		p.want("2026-02-08 frozen, 2026-02-09 draft", "hold")
	})
}

// A hold that comes while the edition is being frozen is not lost.
func TestAnEditorHoldsAtTheLastMoment(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		for range 10 {
			p := newDay(t, db)
			p.desk.file(p.at(7), "one", "two")
			p.now = p.at(16)
			var both sync.WaitGroup
			var withheld, froze error
			both.Go(func() { _, withheld = p.Withhold(t.Context(), p.Slots[0], sunday, "eve", "") })
			both.Go(func() { _, froze = p.Frozen(t.Context(), p.Slots[0], sunday, "test") })
			both.Wait()
			r, err := p.Record(t.Context(), edition.Key{Date: sunday, Slot: "afternoon"})
			if err != nil {
				t.Fatal(err)
			}
			if held := withheld == nil; held == r.State.IsFrozen() {
				t.Fatalf("Withhold: %v, Frozen: %v, and the edition is %s", withheld, froze, r.State)
			}
			for _, table := range []string{"verdicts", "printed_articles", "transitions", "deliveries", "batches", "dispatches", "issues", "alert_copies", "alerts", "alert_causes", "editions"} {
				if _, err := db.ExecContext(t.Context(), "DELETE FROM "+table); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

func TestNothingRan(t *testing.T) {
	tests := map[string]struct {
		back   string // when it runs again
		stands string
		told   string
	}{
		"for a minute": {"2026-02-09 16:01", "2026-02-08 frozen, 2026-02-09 frozen, 2026-02-10 draft", ""},
		"for an hour":  {"2026-02-09 17:00", "2026-02-08 frozen, 2026-02-09 frozen (late by 1h0m0s), 2026-02-10 draft", ""},
		"for too long": {"2026-02-09 19:00", "2026-02-08 frozen, 2026-02-09 missed (nothing ran at its time), 2026-02-10 draft", "missed"},
		"for three days, but the newest can go out": {"2026-02-11 16:30",
			"2026-02-08 frozen, 2026-02-09 missed (nothing ran at its time), 2026-02-10 missed (nothing ran at its time), " +
				"2026-02-11 frozen (late by 30m0s), 2026-02-12 draft", "missed missed"},
		"for three days and an evening": {"2026-02-11 20:00",
			"2026-02-08 frozen, 2026-02-09 missed (nothing ran at its time), 2026-02-10 missed (nothing ran at its time), " +
				"2026-02-11 missed (nothing ran at its time), 2026-02-12 draft", "missed missed missed"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			databasetest.Each(t, func(t *testing.T, db *database.DB) {
				p := newDay(t, db)
				p.desk.file(p.at(7), "one", "two")
				p.now = p.at(16)
				if _, err := p.Frozen(t.Context(), p.Slots[0], sunday, "test"); err != nil {
					t.Fatal(err)
				}
				p.desk.file(p.at(17), "three", "four")
				p.until(tt.back)
				p.until(tt.back)
				p.want(tt.stands, tt.told)
			})
		})
	}
}

func TestAPaperThatBegins(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		p := newDay(t, db)
		p.desk.file(p.at(7), "one", "two")
		p.until("2026-02-08 19:00") // too late for today; nothing was missed, it is new
		p.want("2026-02-09 draft", "")
	})
}

// Ten processes that tend the same slot make one edition.
func TestManyTendOneEdition(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		p := newDay(t, db)
		p.desk.file(p.at(7), "one", "two")
		for _, clock := range []time.Time{p.at(8), p.at(16), p.at(17)} {
			p.mu.Lock()
			p.now = clock
			p.mu.Unlock()
			var tending sync.WaitGroup
			for range 10 {
				tending.Go(func() {
					if err := p.Due(t.Context(), p.Slots[0], "test"); err != nil {
						t.Error(err)
					}
				})
			}
			tending.Wait()
		}
		p.want("2026-02-08 frozen, 2026-02-09 draft", "")
		if got := p.steps(sunday); got != "draft frozen" {
			t.Errorf("its life: %s, want draft frozen", got)
		}
	})
}

// A slot that panics goes on, and keeps no other from its time.
func TestAPanicBlocksNoSlot(t *testing.T) {
	p := newDay(t, databasetest.SQLite(t))
	broken := p.Slots[0]
	broken.ID, broken.Schedule = "broken", panics{}
	p.Slots = append(p.Slots, broken)
	p.desk.file(p.at(7), "one", "two")
	p.now = p.at(16).Add(-50 * time.Millisecond)
	if err := p.dueSafely(t.Context(), broken, "test"); err == nil || !strings.Contains(err.Error(), "this schedule panics") {
		t.Errorf("dueSafely: %v, want the panic as an error", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var keeping sync.WaitGroup
	keeping.Go(func() { p.keep(ctx, p.Slots[0], "test") })
	p.pass(time.Second)
	for !strings.Contains(p.stands(), "2026-02-08 frozen") {
		if t.Context().Err() != nil {
			t.Fatal("the edition is not frozen at its time")
		}
	}
	stop()
	keeping.Wait()
}

type panics struct{}

func (panics) Next(time.Time) time.Time { panic("this schedule panics") }
