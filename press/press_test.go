package press

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zotpaper/zotpaper/edition"
	"github.com/zotpaper/zotpaper/intake"
	"github.com/zotpaper/zotpaper/internal/database"
	"github.com/zotpaper/zotpaper/internal/database/databasetest"
	"github.com/zotpaper/zotpaper/subscribers"
)

func TestSendTakesAnEditionAllTheWay(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		p := newPaper(t, db, "ada@example.org", "bo@example.org")
		p.desk.file(p.now.Add(-time.Hour), "one", "two")
		done, err := p.send(sunday)
		if err != nil || done.Record.State != edition.Complete || done.Tally.Sent != 2 || !done.Fresh {
			t.Fatalf("Send: %+v, error %v", done, err)
		}
		if got := p.steps(sunday); got != "draft frozen dispatching complete" {
			t.Errorf("the edition went through %q", got)
		}
		if done, err = p.send(sunday); !errors.Is(err, ErrComplete) || done.Tally.Sent != 2 {
			t.Errorf("Send again: %+v, error %v; want ErrComplete", done, err)
		}
		if n := len(p.server.Messages()); n != 2 {
			t.Errorf("%d messages, want 2", n)
		}
	})
}

func TestHeldUntilThereIsEnough(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		p := newPaper(t, db)
		p.desk.file(p.now.Add(-time.Hour), "one")
		var heldBack *HeldError
		if _, err := p.send(sunday); !errors.As(err, &heldBack) || !strings.Contains(heldBack.Reason, "1 article since") {
			t.Fatalf("Send with one article: error %v, want a HeldError that says so", err)
		}
		p.desk.file(p.now.Add(-time.Hour), "two")
		if _, err := p.send(sunday); !errors.As(err, &heldBack) || !strings.Contains(heldBack.Reason, "no confirmed subscriber") {
			t.Fatalf("Send to nobody: error %v, want a HeldError that says so", err)
		}
		if tally, err := p.Dispatcher.Ledger.Tally(t.Context(), 1); err != nil || tally.Recipients != 0 {
			t.Errorf("a held edition has %d recipients (%v)", tally.Recipients, err)
		}
		if _, err := p.people.Add(t.Context(), "afternoon", "ada@example.org", "", "test"); err != nil {
			t.Fatal(err)
		}
		if done, err := p.send(sunday); err != nil || done.Tally.Sent != 1 {
			t.Fatalf("Send at last: %+v, error %v", done, err)
		}
		if got := p.steps(sunday); got != "held draft frozen dispatching complete" {
			t.Errorf("the edition went through %q", got)
		}
	})
}

func TestWindowsFollowEachOther(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		p := newPaper(t, db, "ada@example.org")
		p.desk.file(p.now.Add(-time.Hour), "one", "two")
		if _, err := p.send(sunday); err != nil {
			t.Fatal(err)
		}
		// Monday has one article and is held; Tuesday carries it as well, and
		// nothing of Sunday.
		p.pass(24 * time.Hour)
		p.desk.file(p.now.Add(-time.Hour), "three")
		var heldBack *HeldError
		if _, err := p.send(sunday.AddDays(1)); !errors.As(err, &heldBack) {
			t.Fatalf("Monday: error %v, want it held", err)
		}
		p.pass(24 * time.Hour)
		p.desk.file(p.now.Add(-time.Hour), "four")
		if _, err := p.send(sunday.AddDays(2)); err != nil {
			t.Fatal(err)
		}
		_, facts, err := p.Issue(t.Context(), edition.Key{Date: sunday.AddDays(2), Slot: "afternoon"})
		if err != nil {
			t.Fatal(err)
		}
		var slugs []string
		for _, a := range facts.Articles {
			slugs = append(slugs, a.Slug)
		}
		if slices.Sort(slugs); !slices.Equal(slugs, []string{"four", "three"}) {
			t.Errorf("Tuesday carries %q, want Monday's and its own", slugs)
		}
		if want := time.Date(2026, 2, 8, 16, 0, 0, 0, time.UTC); !facts.Since.Equal(want) {
			t.Errorf("Tuesday's window begins at %v, want where Sunday's ended, %v", facts.Since, want)
		}
	})
}

func TestSendBeforeTheCutoffEndsTheWindowNow(t *testing.T) {
	p := newPaper(t, databasetest.SQLite(t), "ada@example.org")
	p.pass(-2 * time.Hour)
	p.desk.file(p.now.Add(-time.Hour), "one", "two")
	p.desk.file(p.now.Add(time.Hour), "later")
	if _, err := p.send(sunday); err != nil {
		t.Fatal(err)
	}
	p.pass(26 * time.Hour)
	p.desk.file(p.now.Add(-time.Hour), "monday")
	d, err := p.Draft(t.Context(), p.Slots[0], sunday.AddDays(1), p.now)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(d.Edition.Lineup.Articles()); n != 2 {
		t.Errorf("Monday has %d articles, want the one after Sunday's early cut-off and its own", n)
	}
}

func TestFrozenIsFrozen(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		p := newPaper(t, db, "ada@example.org")
		p.desk.file(p.now.Add(-time.Hour), "one", "two")
		d, err := p.Draft(t.Context(), p.Slots[0], sunday, p.now)
		if err != nil {
			t.Fatal(err)
		}
		if _, n, err := p.Freeze(t.Context(), d, "test"); err != nil || n != 1 {
			t.Fatalf("Freeze: %d recipients, error %v", n, err)
		}
		// The desk changes everything, somebody subscribes, and the process
		// goes down: what is sent is what was frozen, to whom it was frozen.
		p.desk.Articles = nil
		p.desk.file(p.now.Add(-time.Minute), "x", "y", "z")
		if _, err := p.people.Add(t.Context(), "afternoon", "late@example.org", "", "test"); err != nil {
			t.Fatal(err)
		}
		done, err := p.send(sunday)
		if err != nil || done.Tally.Recipients != 1 || done.Fresh {
			t.Fatalf("Send: %+v, error %v", done, err)
		}
		issue, facts, err := p.Issue(t.Context(), d.Edition.Key)
		if err != nil || issue.SHA256() != d.Issue.SHA256() || facts.SHA256 != d.Issue.SHA256() {
			t.Errorf("the issue has the hash %s, the draft had %s (%v)", issue.SHA256(), d.Issue.SHA256(), err)
		}
		if raw := string(p.server.Messages()[0].Raw); !strings.Contains(raw, "Text of one.") || strings.Contains(raw, "Text of x.") {
			t.Error("what was sent is not what was frozen")
		}
		var late *StateError
		if _, _, err := p.Freeze(t.Context(), d, "test"); !errors.As(err, &late) {
			t.Errorf("Freeze again: error %v, want a StateError", err)
		}
	})
}

func TestFreezeIsOneTransaction(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		p := newPaper(t, db, "ada@example.org")
		p.desk.file(p.now.Add(-time.Hour), "one", "two")
		d, err := p.Draft(t.Context(), p.Slots[0], sunday, p.now)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.ExecContext(t.Context(), "DROP VIEW mailable"); err != nil {
			t.Fatal(err)
		}
		if _, _, err := p.Freeze(t.Context(), d, "test"); err == nil {
			t.Fatal("Freeze without the view of its recipients succeeded")
		}
		if _, err := p.Record(t.Context(), d.Edition.Key); !errors.Is(err, ErrNotFound) {
			t.Errorf("after a freeze that failed there is an edition: %v", err)
		}
	})
}

func TestEightAtOnceMakeOneEdition(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		p := newPaper(t, db, "ada@example.org", "bo@example.org", "cy@example.org")
		p.desk.file(p.now.Add(-time.Hour), "one", "two")
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				q := *p.Press
				d := *p.Dispatcher
				d.Owner = fmt.Sprintf("test:%d", i)
				q.Dispatcher = &d
				if _, err := q.Send(t.Context(), q.Slots[0], sunday, "test", nil); err != nil && !errors.Is(err, ErrComplete) {
					t.Errorf("Send: %v", err)
				}
			})
		}
		wg.Wait()
		if n := len(p.server.Messages()); n != 3 {
			t.Errorf("%d messages to three readers", n)
		}
		if records, err := p.Records(t.Context(), 10); err != nil || len(records) != 1 {
			t.Errorf("%d editions (%v), want one", len(records), err)
		}
	})
}

func TestStoppedEditionIsNotSent(t *testing.T) {
	for _, state := range []edition.State{edition.Missed, edition.Canceled} {
		t.Run(string(state), func(t *testing.T) {
			p := newPaper(t, databasetest.SQLite(t), "ada@example.org")
			var heldBack *HeldError
			if _, err := p.send(sunday); !errors.As(err, &heldBack) {
				t.Fatal(err)
			}
			if _, err := p.DB.ExecContext(t.Context(), "UPDATE editions SET state = $1", string(state)); err != nil {
				t.Fatal(err)
			}
			p.desk.file(p.now.Add(-time.Hour), "one", "two")
			var stopped *StateError
			if _, err := p.send(sunday); !errors.As(err, &stopped) || len(p.server.Messages()) > 0 {
				t.Errorf("Send: error %v, want a StateError and no mail", err)
			}
		})
	}
}

func TestTestSend(t *testing.T) {
	p := newPaper(t, databasetest.SQLite(t), "ada@example.org")
	p.desk.file(p.now.Add(-time.Hour), "one", "two")
	key := edition.Key{Date: sunday, Slot: "afternoon"}
	d, frozen, err := p.Proof(t.Context(), key)
	if err != nil || frozen {
		t.Fatalf("Proof: frozen %v, error %v", frozen, err)
	}
	results, err := p.TestSend(t.Context(), d, []string{"desk@example.org", "chief@example.org"})
	if err != nil || len(results) != 2 || !strings.HasPrefix(results[0].Reply, "250 ") {
		t.Fatalf("TestSend: %+v, error %v", results, err)
	}
	msg, err := mail.ReadMessage(strings.NewReader(string(p.server.Messages()[0].Raw)))
	if err != nil {
		t.Fatal(err)
	}
	if got := msg.Header.Get("Subject"); got != "[Test] "+d.Issue.Subject {
		t.Errorf("Subject %q", got)
	}
	link := strings.Trim(msg.Header.Get("List-Unsubscribe"), "<>")
	ref, list, err := p.Keys.ParseUnsubscribe(strings.TrimPrefix(link, "https://zotpaper.example/u/"))
	if err != nil || list != "afternoon" {
		t.Errorf("the link %s of a test copy is not in order: %v", link, err)
	}
	if _, err := p.people.Show(t.Context(), ref); !errors.Is(err, subscribers.ErrUnknown) {
		t.Errorf("the link of a test copy belongs to somebody: %v", err)
	}
	if _, err := p.Record(t.Context(), key); !errors.Is(err, ErrNotFound) {
		t.Errorf("a test left something behind: %v", err)
	}
}

func TestEveryCopyIsTheReadersOwn(t *testing.T) {
	p := newPaper(t, databasetest.SQLite(t), "ada@example.org", "bo@example.org")
	p.desk.file(p.now.Add(-time.Hour), "one", "two")
	if _, err := p.send(sunday); err != nil {
		t.Fatal(err)
	}
	var stripped []string
	for _, m := range p.server.Messages() {
		record, err := p.people.Show(t.Context(), m.To)
		if err != nil {
			t.Fatal(err)
		}
		ref, raw := record.Subscriber.Ref, string(m.Raw)
		key := edition.Key{Date: sunday, Slot: "afternoon"}
		token := strings.TrimSuffix(strings.TrimPrefix(m.From, "bounce+"), "@bounce.zotpaper.example")
		if b, err := p.Keys.ParseBounce(token); err != nil || b.Ref != ref || !b.Of(key.String()) {
			t.Errorf("%s: the envelope sender %s names %+v (%v)", m.To, m.From, b, err)
		}
		own := []string{m.To, p.Keys.Unsubscribe(ref, "afternoon"), p.Keys.Preferences(ref)}
		_, rest, _ := strings.Cut(raw, "Message-ID: <")
		id, _, _ := strings.Cut(rest, "@")
		plain := strings.ReplaceAll(raw, "=\r\n", "")
		for _, s := range append(own, id) {
			if !strings.Contains(plain, s) {
				t.Errorf("%s: %q is not in the message", m.To, s)
			}
			plain = strings.ReplaceAll(plain, s, "OWN")
		}
		stripped = append(stripped, plain)
	}
	if stripped[0] != stripped[1] {
		t.Error("C6 two readers' messages differ in more than address, Message-ID and tokens")
	}
}

func TestFeedbackID(t *testing.T) {
	key := edition.Key{Date: sunday, Slot: "afternoon"}
	for name, want := range map[string]string{
		"Zotpaper":                      "20260208.afternoon:list:edition:zotpaper",
		"The Very Long Name of a Paper": "20260208.afternoon:list:edition:theverylongname",
		"Ür":                            "20260208.afternoon:list:edition:rpape",
		"東京":                            "20260208.afternoon:list:edition:paper",
	} {
		if got := feedbackID(key, "list", name); got != want {
			t.Errorf("feedbackID of %q: %q, want %q", name, got, want)
		}
	}
}

func TestASCIIPhrase(t *testing.T) {
	for in, want := range map[string]string{
		"Zotpaper Afternoon Edition": "Zotpaper Afternoon Edition",
		"Überblick <x>, \"y\"\r\nz":  "berblick x y z",
	} {
		if got := asciiPhrase(in); got != want {
			t.Errorf("asciiPhrase(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestFindingsAndFacts(t *testing.T) {
	p := newPaper(t, databasetest.SQLite(t))
	p.desk.file(p.now.Add(-time.Hour), "one")
	p.desk.file(p.now.Add(time.Hour), "later")
	p.desk.file(p.now.Add(-72*time.Hour), "old")
	p.desk.Refused = []intake.Refusal{{File: "bad.md", Line: 3, Reason: "what is wrong"}}
	p.desk.Warnings = []intake.Refusal{{File: "one.md", Line: 9, Reason: "image: there is no alt"}}
	d, err := p.Draft(t.Context(), p.Slots[0], sunday, p.now)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range d.Findings() {
		got = append(got, string(f.Severity)+" "+f.Text)
	}
	want := []string{
		"blocks 1 article since 2026-02-07T16:00:00Z, the slot's minimum is 2",
		"warns left out: bad.md:3: what is wrong",
		"warns one.md:9: image: there is no alt",
		"notes not in this edition: later (not published yet, until 2026-02-08T17:00:00Z)",
	}
	if !slices.Equal(got, want) {
		t.Errorf("Findings: got %q, want %q", got, want)
	}
	text, err := json.Marshal(d.Facts())
	if err != nil {
		t.Fatal(err)
	}
	var back Facts
	if err := json.Unmarshal(text, &back); err != nil || fmt.Sprintf("%+v", back) != fmt.Sprintf("%+v", d.Facts()) {
		t.Errorf("Facts do not survive JSON: %+v, error %v", back, err)
	}
	if strings.Contains(string(text), "null") {
		t.Errorf("edition.json holds a null: %s", text)
	}
}
