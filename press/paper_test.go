package press

import (
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/zotpaper/zotpaper/dispatch"
	"github.com/zotpaper/zotpaper/edition"
	"github.com/zotpaper/zotpaper/intake"
	"github.com/zotpaper/zotpaper/internal/database"
	"github.com/zotpaper/zotpaper/internal/smtptest"
	"github.com/zotpaper/zotpaper/mailer"
	"github.com/zotpaper/zotpaper/subscribers"
	"github.com/zotpaper/zotpaper/templates"
)

// A desk gives the articles of these tests.
type desk struct{ intake.Result }

func (d *desk) Read(context.Context) (intake.Result, error) { return d.Result, nil }

// file files articles called slugs, published at published.
func (d *desk) file(published time.Time, slugs ...string) {
	for _, slug := range slugs {
		d.Articles = append(d.Articles, edition.Article{
			Slug: slug, Headline: "Headline of " + slug, Section: "World", Published: published,
			Body: []edition.Block{{Kind: edition.Paragraph, Spans: []edition.Span{{Text: "Text of " + slug + "."}}}},
		})
	}
}

// A paper is a press with a desk, a mail server and a clock.
type paper struct {
	*Press
	t      *testing.T
	desk   *desk
	people *subscribers.Store
	server *smtptest.Server
	mu     sync.Mutex
	now    time.Time
}

var sunday = edition.Date{Year: 2026, Month: 2, Day: 8}

// newPaper returns a paper at four in the afternoon of a Sunday, with readers
// on its list.
func newPaper(t *testing.T, db *database.DB, readers ...string) *paper {
	t.Helper()
	return newScriptedPaper(t, db, nil, readers...)
}

// newScriptedPaper is like newPaper with a script for the mail server.
func newScriptedPaper(t *testing.T, db *database.DB, script func(smtptest.Event) smtptest.Answer, readers ...string) *paper {
	t.Helper()
	p := &paper{t: t, desk: &desk{}, now: time.Date(2026, 2, 8, 16, 0, 0, 0, time.UTC)}
	server, err := smtptest.Start(smtptest.Options{Script: script})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	p.server = server
	p.people = &subscribers.Store{DB: db, Now: p.clock}
	if err := p.people.EnsureLists(t.Context(), []subscribers.List{{ID: "afternoon", Title: "Afternoon Edition"}}); err != nil {
		t.Fatal(err)
	}
	for _, r := range readers {
		if _, err := p.people.Add(t.Context(), "afternoon", r, "", "test"); err != nil {
			t.Fatal(err)
		}
	}
	keys, err := subscribers.LoadKeyring(filepath.Join(t.TempDir(), "secret"), true)
	if err != nil {
		t.Fatal(err)
	}
	publication := edition.Publication{
		Name: "Zotpaper", Tagline: "News without the noise", URL: "https://zotpaper.example", Web: "https://zotpaper.example",
		Language: "en", Address: "1 Example Street", Zone: time.UTC,
	}
	renderer, err := templates.New(publication, nil)
	if err != nil {
		t.Fatal(err)
	}
	schedule, err := cron.ParseStandard("0 16 * * *")
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	p.Press = &Press{
		DB: db, Now: p.clock, Log: log, Publication: publication, Articles: p.desk, Renderer: renderer, Keys: keys,
		Slots: []Slot{{
			Slot:     edition.Slot{ID: "afternoon", Title: "Afternoon Edition", List: "afternoon", Minimum: 2, Maximum: 20},
			Schedule: schedule, Expire: 20 * time.Hour,
		}},
		Sender: Sender{
			From:    mailer.Address{Name: "Zotpaper", Address: "edition@news.zotpaper.example"},
			ReplyTo: "letters@zotpaper.example", Bounces: "bounce@bounce.zotpaper.example",
		},
		Dispatcher: &dispatch.Dispatcher{
			Ledger:      dispatch.Ledger{DB: db, Now: p.clock},
			Relays:      []dispatch.Relay{{Relay: mailer.Relay{Host: server.Host(), Port: server.Port(), TLS: mailer.TLSNone}}},
			Journal:     t.TempDir(),
			Connections: 2, Owner: "test:1", Log: log,
		},
	}
	return p
}

func (p *paper) clock() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now
}

func (p *paper) pass(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = p.now.Add(d)
}

func (p *paper) send(date edition.Date) (Dispatched, error) {
	p.t.Helper()
	return p.Send(p.t.Context(), p.Slots[0], date, "test", nil)
}

// steps returns the states that the edition of date went through.
func (p *paper) steps(date edition.Date) string {
	p.t.Helper()
	r, err := p.Record(p.t.Context(), edition.Key{Date: date, Slot: "afternoon"})
	if err != nil {
		p.t.Fatal(err)
	}
	steps, err := p.Transitions(p.t.Context(), r)
	if err != nil {
		p.t.Fatal(err)
	}
	var words []string
	for _, s := range steps {
		if s.Who != "test" {
			p.t.Errorf("a step by %q, want test", s.Who)
		}
		words = append(words, string(s.New))
	}
	return strings.Join(words, " ")
}
