package web

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/zotpaper/zotpaper/dispatch"
	"github.com/zotpaper/zotpaper/edition"
	"github.com/zotpaper/zotpaper/intake"
	"github.com/zotpaper/zotpaper/internal/database"
	"github.com/zotpaper/zotpaper/internal/database/databasetest"
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
	log    *bytes.Buffer
}

var noon = time.Date(2026, 2, 8, 12, 0, 0, 0, time.UTC)

func newSite(t *testing.T, db *database.DB) *site {
	t.Helper()
	now := func() time.Time { return noon }
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
	log := &bytes.Buffer{}
	logger := slog.New(slog.NewTextHandler(log, nil))
	server := &Server{
		Publication: edition.Publication{
			Name: "Zotpaper", Tagline: "News without the noise", URL: "https://zotpaper.example", Web: "https://zotpaper.example",
			Language: "en", Address: "1 Example Street, Exampletown", Zone: time.UTC,
		},
		Subscribers: people, Keys: keys, Media: t.TempDir(), Log: logger,
	}
	server.Press = newPress(t, db, server, now, logger)
	handler, err := server.Handler()
	if err != nil {
		t.Fatal(err)
	}
	s := &site{httptest.NewServer(handler), server, people, keys, *record.Subscriber, log}
	t.Cleanup(s.Close)
	return s
}

// newPress returns a press with three articles and a mail server.
func newPress(t *testing.T, db *database.DB, s *Server, now func() time.Time, log *slog.Logger) *press.Press {
	t.Helper()
	inbox, err := smtptest.Start(smtptest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { inbox.Close() })
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

var oneClick = url.Values{"List-Unsubscribe": {"One-Click"}}

func TestUnsubscribe(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := newSite(t, db)
		path := "/u/" + s.keys.Unsubscribe(s.ada.Ref, "afternoon")
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			answer, _ := s.do(t, method, path, nil, nil)
			if answer.StatusCode != http.StatusOK || !s.subscribed(t, "afternoon") {
				t.Fatalf("U6 %s: status %d, still subscribed %v; a scanner must change nothing", method, answer.StatusCode, s.subscribed(t, "afternoon"))
			}
		}
		if answer, _ := s.do(t, http.MethodPost, path, url.Values{"x": {"y"}}, nil); answer.StatusCode != http.StatusBadRequest || !s.subscribed(t, "afternoon") {
			t.Errorf("POST of something else: status %d, subscribed %v", answer.StatusCode, s.subscribed(t, "afternoon"))
		}
		for _, time := range []string{"first", "second"} {
			answer, body := s.do(t, http.MethodPost, path, oneClick, nil)
			if answer.StatusCode != http.StatusOK || len(answer.Cookies()) > 0 {
				t.Errorf("U5 %s one-click POST: status %d, cookies %v; want 200 and none", time, answer.StatusCode, answer.Cookies())
			}
			if !strings.Contains(body, "no longer subscribed") || !strings.Contains(body, "Afternoon Edition") {
				t.Errorf("%s POST: the page does not say what was done:\n%s", time, body)
			}
			if s.subscribed(t, "afternoon") || !s.subscribed(t, "morning") {
				t.Errorf("%s POST: subscribed to afternoon %v, morning %v", time, s.subscribed(t, "afternoon"), s.subscribed(t, "morning"))
			}
		}
		if _, body := s.do(t, http.MethodGet, path, nil, nil); !strings.Contains(body, "no longer subscribed") || strings.Contains(body, "<button") {
			t.Errorf("GET afterwards offers to unsubscribe again:\n%s", body)
		}
	})
}

func TestOneClickFromAnywhere(t *testing.T) {
	tests := []struct {
		name   string
		header http.Header
	}{
		{"a mail provider's server, without origin", nil},
		{"a webmail's page", http.Header{"Origin": {"https://webmail.example"}, "Sec-Fetch-Site": {"cross-site"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newSite(t, databasetest.SQLite(t))
			answer, _ := s.do(t, http.MethodPost, "/u/"+s.keys.Unsubscribe(s.ada.Ref, "afternoon"), oneClick, tt.header)
			if answer.StatusCode != http.StatusOK || s.subscribed(t, "afternoon") {
				t.Errorf("status %d, subscribed %v", answer.StatusCode, s.subscribed(t, "afternoon"))
			}
		})
	}
}

func TestOneClickAsMultipart(t *testing.T) {
	// https://www.rfc-editor.org/rfc/rfc8058#section-3.2 allows both encodings.
	s := newSite(t, databasetest.SQLite(t))
	body := "--b\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--b--\r\n"
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/u/"+s.keys.Unsubscribe(s.ada.Ref, "afternoon"), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "multipart/form-data; boundary=b")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK || s.subscribed(t, "afternoon") {
		t.Errorf("status %d, subscribed %v", answer.StatusCode, s.subscribed(t, "afternoon"))
	}
}

func TestLinksOfNobody(t *testing.T) {
	s := newSite(t, databasetest.SQLite(t))
	good := s.keys.Unsubscribe(s.ada.Ref, "afternoon")
	tests := []struct {
		name, path string
		status     int
		says       string
	}{
		{"a test copy's", "/u/" + s.keys.Unsubscribe("aaaaaaaaaaaaaaaa", "afternoon"), http.StatusOK, "belongs to no subscriber"},
		{"cut off", "/u/" + good[:len(good)-4], http.StatusNotFound, "does not work"},
		{"of another purpose", "/u/" + s.keys.Preferences(s.ada.Ref), http.StatusNotFound, "does not work"},
		{"an unsubscribe token for preferences", "/preferences/" + good, http.StatusNotFound, "does not work"},
		{"markup", "/u/%3Cscript%3E", http.StatusNotFound, "does not work"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, method := range []string{http.MethodGet, http.MethodPost} {
				answer, body := s.do(t, method, tt.path, oneClick, nil)
				if answer.StatusCode != tt.status || !strings.Contains(body, tt.says) {
					t.Errorf("%s: status %d, want %d with %q", method, answer.StatusCode, tt.status, tt.says)
				}
				if strings.Contains(body, "<script") {
					t.Errorf("%s: the page repeats what it was asked", method)
				}
			}
		})
	}
	if !s.subscribed(t, "afternoon") {
		t.Error("somebody else's link unsubscribed Ada")
	}
}

func TestPreferences(t *testing.T) {
	s := newSite(t, databasetest.SQLite(t))
	path := "/preferences/" + s.keys.Preferences(s.ada.Ref)
	_, body := s.do(t, http.MethodGet, path, nil, nil)
	for _, want := range []string{"Afternoon Edition", "Morning Edition"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page does not name %s", want)
		}
	}
	if strings.Contains(body, "ada@example.org") {
		t.Error("the page shows the address to whoever holds the link")
	}
	answer, _ := s.do(t, http.MethodPost, path, url.Values{"leave": {"morning"}}, http.Header{"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://evil.example"}})
	if answer.StatusCode != http.StatusForbidden || !s.subscribed(t, "morning") {
		t.Errorf("a form on another site: status %d, still subscribed %v", answer.StatusCode, s.subscribed(t, "morning"))
	}
	if _, body = s.do(t, http.MethodPost, path, url.Values{"leave": {"morning"}}, nil); s.subscribed(t, "morning") || !s.subscribed(t, "afternoon") {
		t.Error("POST leave=morning did not leave morning alone")
	}
	if !strings.Contains(body, "You are not subscribed.") {
		t.Error("the page does not say what was done")
	}
}

func TestEditionIsReadableOnceItGoesOut(t *testing.T) {
	s := newSite(t, databasetest.SQLite(t))
	const path = "/editions/2026-02-08/afternoon"
	if answer, _ := s.do(t, http.MethodGet, path, nil, nil); answer.StatusCode != http.StatusNotFound {
		t.Errorf("before it is sent: status %d, want 404", answer.StatusCode)
	}
	slot, err := s.server.Press.Slot("afternoon")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.server.Press.Send(t.Context(), slot, edition.Date{Year: 2026, Month: 2, Day: 8}, "test", nil); err != nil {
		t.Fatal(err)
	}
	answer, body := s.do(t, http.MethodGet, path, nil, nil)
	if answer.StatusCode != http.StatusOK || !strings.Contains(body, "Text of three.") {
		t.Errorf("after it was sent: status %d", answer.StatusCode)
	}
	if strings.Contains(body, "/u/") || strings.Contains(body, "slot.invalid") {
		t.Error("the page everybody can see carries a reader's link")
	}
	for _, page := range []string{"/", "/editions"} {
		if _, body := s.do(t, http.MethodGet, page, nil, nil); !strings.Contains(body, `href="`+path+`"`) {
			t.Errorf("%s does not lead to the edition", page)
		}
	}
	for _, bad := range []string{"/editions/2026-02-09/afternoon", "/editions/x/y", "/editions/2026-02-08/..%2f"} {
		if answer, _ := s.do(t, http.MethodGet, bad, nil, nil); answer.StatusCode != http.StatusNotFound {
			t.Errorf("%s: status %d, want 404", bad, answer.StatusCode)
		}
	}
}

func TestMedia(t *testing.T) {
	s := newSite(t, databasetest.SQLite(t))
	for name, content := range map[string]string{"0123.png": "\x89PNG\r\n\x1a\n", "../secret": "secret"} {
		if err := os.WriteFile(filepath.Join(s.server.Media, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("../secret", filepath.Join(s.server.Media, "link.png")); err != nil {
		t.Fatal(err)
	}
	answer, _ := s.do(t, http.MethodGet, "/media/0123.png", nil, nil)
	if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != "image/png" || !strings.Contains(answer.Header.Get("Cache-Control"), "immutable") {
		t.Errorf("a picture: status %d, %v", answer.StatusCode, answer.Header)
	}
	for _, bad := range []string{"/media/", "/media/none.png", "/media/..%2fsecret", "/media/%2e%2e%2fsecret", "/media/link.png", "/media/."} {
		if answer, body := s.do(t, http.MethodGet, bad, nil, nil); answer.StatusCode == http.StatusOK || strings.Contains(body, "secret") {
			t.Errorf("%s: status %d", bad, answer.StatusCode)
		}
	}
}

func TestEveryAnswerIsHardened(t *testing.T) {
	s := newSite(t, databasetest.SQLite(t))
	for _, path := range []string{"/", "/u/x", "/nothing", "/style.css", "/healthz", "/editions"} {
		answer, body := s.do(t, http.MethodGet, path, nil, nil)
		for name, want := range map[string]string{
			"Content-Security-Policy": "default-src 'none'", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff",
		} {
			if got := answer.Header.Get(name); !strings.Contains(got, want) {
				t.Errorf("%s: %s is %q, want %q in it", path, name, got, want)
			}
		}
		if strings.Contains(body, "<script") || len(answer.Cookies()) > 0 {
			t.Errorf("%s: a script or a cookie", path)
		}
	}
	if answer, body := s.do(t, http.MethodGet, "/healthz", nil, nil); answer.StatusCode != http.StatusOK || body != "ok\n" {
		t.Errorf("/healthz: %d %q", answer.StatusCode, body)
	}
}

func TestOversizedBodyIsRefused(t *testing.T) {
	s := newSite(t, databasetest.SQLite(t))
	form := url.Values{"pad": {strings.Repeat("x", bodyLimit)}, "List-Unsubscribe": {"One-Click"}}
	if _, _ = s.do(t, http.MethodPost, "/u/"+s.keys.Unsubscribe(s.ada.Ref, "afternoon"), form, nil); !s.subscribed(t, "afternoon") {
		t.Error("a body beyond the bound was read to its end")
	}
}

func TestDatabaseGoneIsSaidAndNotLogged(t *testing.T) {
	db := databasetest.SQLite(t)
	s := newSite(t, db)
	token := s.keys.Unsubscribe(s.ada.Ref, "afternoon")
	if _, err := db.ExecContext(t.Context(), "DROP VIEW mailable"); err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), "ALTER TABLE consents RENAME TO gone"); err != nil {
		t.Fatal(err)
	}
	answer, body := s.do(t, http.MethodPost, "/u/"+token, oneClick, nil)
	if answer.StatusCode != http.StatusServiceUnavailable || !strings.Contains(body, "nothing was changed") {
		t.Errorf("status %d; an unsubscription that was not kept must not be answered with 200", answer.StatusCode)
	}
	if log := s.log.String(); !strings.Contains(log, "cannot answer a reader") || strings.Contains(log, token) || strings.Contains(log, "ada@") {
		t.Errorf("log: %s\nwant the cause, without token or address", log)
	}
}

func TestServeDrains(t *testing.T) {
	s := newSite(t, databasetest.SQLite(t))
	var lc = httptest.NewUnstartedServer(nil)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.server.Serve(ctx, lc.Listener) }()
	answer, err := http.Get("http://" + lc.Listener.Addr().String() + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	stop()
	if err := <-done; err != nil {
		t.Errorf("Serve: %v", err)
	}
}
