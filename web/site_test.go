package web

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/zotpaper/zotpaper/dispatch"
	"github.com/zotpaper/zotpaper/edition"
	"github.com/zotpaper/zotpaper/intake"
	"github.com/zotpaper/zotpaper/internal/database"
	"github.com/zotpaper/zotpaper/internal/smtptest"
	"github.com/zotpaper/zotpaper/mailer"
	"github.com/zotpaper/zotpaper/press"
	"github.com/zotpaper/zotpaper/subscribers"
	"github.com/zotpaper/zotpaper/templates"
)

// desk gives the articles of these tests.
type desk []edition.Article

func (d desk) Read(context.Context) (intake.Result, error) { return intake.Result{Articles: d}, nil }

// A site is a running server with one reader, Ada, on the list afternoon.
type site struct {
	*httptest.Server
	server *Server
	people *subscribers.Store
	keys   *subscribers.Keyring
	ada    subscribers.Subscriber
	log    *lockedBuffer
	clock  *clock
	inbox  *smtptest.Server // where its mail goes
}

// A clock is what a site goes by. It stands still unless it is set.
type clock struct{ at atomic.Pointer[time.Time] }

func (c *clock) now() time.Time { return *c.at.Load() }

func (c *clock) set(t time.Time) { c.at.Store(&t) }

// A lockedBuffer is a log that may be read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

var noon = time.Date(2026, 2, 8, 12, 0, 0, 0, time.UTC)

// newSite returns a site; change may change its server before it runs.
func newSite(t *testing.T, db *database.DB, change ...func(*Server)) *site {
	t.Helper()
	c := &clock{}
	c.set(noon)
	now := c.now
	keys, err := subscribers.LoadKeyring(filepath.Join(t.TempDir(), "secret"), true)
	if err != nil {
		t.Fatal(err)
	}
	people := &subscribers.Store{DB: db, Now: now}
	if err := people.EnsureLists(t.Context(), []subscribers.List{{ID: "afternoon", Title: "Afternoon Edition"}, {ID: "morning", Title: "Morning Edition"}}); err != nil {
		t.Fatal(err)
	}
	for _, list := range []string{"afternoon", "morning"} {
		if _, err := people.Add(t.Context(), list, "ada@example.org", "Ada", "test"); err != nil {
			t.Fatal(err)
		}
	}
	record, err := people.Show(t.Context(), "ada@example.org")
	if err != nil {
		t.Fatal(err)
	}
	log := &lockedBuffer{}
	logger := slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	server := &Server{
		Publication: edition.Publication{
			Name: "Zotpaper", Tagline: "News without the noise", URL: "https://zotpaper.example", Web: "https://zotpaper.example",
			Language: "en", Address: "1 Example Street, Exampletown", Zone: time.UTC,
		},
		Subscribers: people, Keys: keys, Media: t.TempDir(), Log: logger,
		Lists:  []subscribers.List{{ID: "afternoon", Title: "Afternoon Edition"}, {ID: "morning", Title: "Morning Edition"}},
		Signup: true, Archive: true,
		Proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")},
	}
	inbox, err := smtptest.Start(smtptest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { inbox.Close() })
	server.Press = newPress(t, server, inbox)
	for _, f := range change {
		f(server)
	}
	handler, err := server.Handler()
	if err != nil {
		t.Fatal(err)
	}
	s := &site{httptest.NewServer(handler), server, people, keys, *record.Subscriber, log, c, inbox}
	t.Cleanup(s.Close)
	return s
}

// newPress returns a press of s with three articles, whose mail goes to inbox.
func newPress(t *testing.T, s *Server, inbox *smtptest.Server) *press.Press {
	t.Helper()
	db, now, log := s.Subscribers.DB, s.Subscribers.Now, s.Log
	renderer, err := templates.New(s.Publication, nil)
	if err != nil {
		t.Fatal(err)
	}
	from, err := mailer.ParseAddress("Zotpaper", "edition@news.zotpaper.example")
	if err != nil {
		t.Fatal(err)
	}
	schedule, err := cron.ParseStandard("0 16 * * *")
	if err != nil {
		t.Fatal(err)
	}
	var articles desk
	for _, slug := range []string{"one", "two", "three"} {
		articles = append(articles, edition.Article{
			Slug: slug, Headline: "Headline " + slug, Section: "World", Published: noon.Add(-time.Hour),
			Body: []edition.Block{{Kind: edition.Paragraph, Spans: []edition.Span{{Text: "Text of " + slug + "."}}}},
		})
	}
	return &press.Press{
		DB: db, Now: now, Log: log, Publication: s.Publication, Articles: articles, Renderer: renderer,
		Slots: []press.Slot{{
			Slot:     edition.Slot{ID: "afternoon", Title: "Afternoon Edition", List: "afternoon", Minimum: 1, Maximum: 20},
			Schedule: schedule, Expire: time.Hour,
		}},
		Sender: press.Sender{From: from, Bounces: "bounce@bounce.zotpaper.example"}, Keys: s.Keys,
		Dispatcher: &dispatch.Dispatcher{
			Ledger:      dispatch.Ledger{DB: db, Now: now},
			Relays:      []dispatch.Relay{{Relay: mailer.Relay{Host: inbox.Host(), Port: inbox.Port(), TLS: mailer.TLSNone}}},
			Journal:     t.TempDir(),
			Connections: 1, Owner: "test", Log: log,
		},
	}
}

// do sends a request and returns the answer with its body.
func (s *site) do(t *testing.T, method, path string, form url.Values, header http.Header) (*http.Response, string) {
	t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, body)
	if err != nil {
		t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for k, v := range header {
		r.Header[k] = v
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(text)
}

// subscribed reports whether Ada is on list.
func (s *site) subscribed(t *testing.T, list string) bool {
	t.Helper()
	r, err := s.people.Show(t.Context(), "ada@example.org")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range r.Consents {
		if c.List == list {
			return c.State == "given"
		}
	}
	return false
}

var hiddenField = regexp.MustCompile(`<input type="hidden" name="(\w+)" value="([^"]*)">`)

// signup returns the form as a reader sends it who has looked at it for a
// minute.
func (s *site) signup(t *testing.T, address string, lists ...string) url.Values {
	t.Helper()
	_, body := s.do(t, http.MethodGet, "/subscribe", nil, nil)
	form := url.Values{"address": {address}, "lists": lists, "name": {""}, "homepage": {""}}
	for _, field := range hiddenField.FindAllStringSubmatch(body, -1) {
		form.Set(field[1], field[2])
	}
	form.Set("stamp", s.keys.Stamp(noon.Add(-time.Minute)))
	return form
}

// notices returns the refs of the notices in the database, the oldest first.
func (s *site) notices(t *testing.T) []string {
	t.Helper()
	rows, err := s.people.DB.QueryContext(t.Context(), "SELECT ref FROM notices ORDER BY id")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var refs []string
	for rows.Next() {
		var ref string
		if err := rows.Scan(&ref); err != nil {
			t.Fatal(err)
		}
		refs = append(refs, ref)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return refs
}

// send sends the edition of February n.
func (s *site) send(t *testing.T, n int) {
	t.Helper()
	slot, err := s.server.Press.Slot("afternoon")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.server.Press.Send(t.Context(), slot, edition.Date{Year: 2026, Month: 2, Day: n}, "test", nil); err != nil {
		t.Fatal(err)
	}
}
