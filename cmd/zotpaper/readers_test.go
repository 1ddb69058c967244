package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/http"
	"net/mail"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zotpaper/zotpaper/edition"
	"github.com/zotpaper/zotpaper/internal/browsertest"
	"github.com/zotpaper/zotpaper/internal/smtptest"
	"github.com/zotpaper/zotpaper/subscribers"
)

// A house is a paper that is served, with its inbox, its log and a clock that
// can be put forward.
type house struct {
	*newsroom
	t       *testing.T
	inbox   *smtptest.Server
	dir     string
	base    string // address of the readers' pages
	log     *lockedBuffer
	forward *atomic.Int64 // nanoseconds
}

// A lockedBuffer may be written to by many at once.
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

// newHouse serves a paper whose clock begins at noon of a Sunday, with one
// reader, Bo. The mail server repeats addresses in its replies, as many do.
func newHouse(t *testing.T) *house {
	t.Helper()
	begin, begun := time.Date(2026, 2, 8, 12, 0, 0, 0, time.UTC), time.Now()
	h := &house{t: t, dir: t.TempDir(), log: &lockedBuffer{}, forward: &atomic.Int64{}}
	now := func() time.Time { return begin.Add(time.Since(begun) + time.Duration(h.forward.Load())) }
	var err error
	h.inbox, err = smtptest.Start(smtptest.Options{Script: func(e smtptest.Event) smtptest.Answer {
		if e.Phase == smtptest.Rcpt && e.Count == 1 && strings.HasPrefix(e.Recipient, "marker") {
			return smtptest.Answer{Code: 451, Enhanced: [3]int{4, 7, 1}, Text: "<" + e.Recipient + "> is greylisted"}
		}
		return smtptest.Answer{}
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.inbox.Close() })
	if _, err := subscribers.LoadKeyring(filepath.Join(h.dir, "zotpaper.secret"), true); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(h.dir, "articles"), 0o755); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(h.dir, "config.yaml")
	config := demoConfig(time.Date(2026, 2, 8, 16, 0, 0, 0, time.UTC), h.inbox)
	if err := os.WriteFile(file, config, 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := loadConfig(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	a := &app{stderr: h.log}
	h.newsroom, err = openNewsroom(t.Context(), c, a.logger(LogConfig{Level: "debug", Format: "json"}), now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := h.people.Add(t.Context(), "afternoon", "bo@example.org", "Bo", "test"); err != nil {
		t.Fatal(err)
	}
	h.open()
	return h
}

// open serves the paper for the length of the test.
func (h *house) open() {
	h.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		h.t.Fatal(err)
	}
	h.base = "http://" + l.Addr().String()
	ctx, stop := context.WithCancel(h.t.Context())
	done := make(chan error, 1)
	go func() { done <- (&app{}).shifts(ctx, h.newsroom, l, nil) }()
	h.t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			h.t.Errorf("serve: %v", err)
		}
	})
}

func (h *house) pass(d time.Duration) { h.forward.Add(int64(d)) }

// publish files three articles and sends the edition of that day.
func (h *house) publish(date edition.Date) {
	h.t.Helper()
	for _, n := range []string{"one", "two", "three"} {
		path := filepath.Join(h.dir, "articles", fmt.Sprintf("%s-%s.md", date, n))
		published := h.press.Now().Add(-time.Hour)
		text := fmt.Sprintf("---\nheadline: %s of %s\npublished: %s\nsources:\n  - {title: A source, url: \"https://zotpaper.example/source\"}\n---\nText.\n",
			n, date, published.Format(time.RFC3339))
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			h.t.Fatal(err)
		}
		if err := os.Chtimes(path, published, published); err != nil {
			h.t.Fatal(err)
		}
	}
	slot, err := h.press.Slot("")
	if err != nil {
		h.t.Fatal(err)
	}
	if _, err := h.press.Frozen(h.t.Context(), slot, date, "test"); err != nil {
		h.t.Fatal(err)
	}
}

// mail waits for the nth mail to somebody.
func (h *house) mail(to string, n int) []byte {
	h.t.Helper()
	limit, cancel := context.WithTimeout(h.t.Context(), time.Minute)
	defer cancel()
	for total := 1; ; total++ {
		if err := h.inbox.Wait(limit, total); err != nil {
			h.t.Fatalf("no mail %d to %s: %v\n%s", n, to, err, h.log)
		}
		found := 0
		for _, m := range h.inbox.Messages() {
			if m.To != to {
				continue
			}
			if found++; found == n {
				return m.Raw
			}
		}
		h.pass(10 * time.Second) // what was deferred comes sooner
	}
}

// links returns the addresses of the paper's pages in a mail, as this test
// serves them.
func (h *house) links(raw []byte) []string {
	h.t.Helper()
	msg, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		h.t.Fatal(err)
	}
	var body []byte
	kind, params, err := mime.ParseMediaType(msg.Header.Get("Content-Type"))
	if err != nil {
		h.t.Fatal(err)
	}
	if kind == "text/plain" {
		if body, err = io.ReadAll(quotedprintable.NewReader(msg.Body)); err != nil {
			h.t.Fatal(err)
		}
	} else {
		parts := multipart.NewReader(msg.Body, params["boundary"])
		for {
			part, err := parts.NextPart() // decodes
			if err != nil {
				break
			}
			b, err := io.ReadAll(part)
			if err != nil {
				h.t.Fatal(err)
			}
			body = append(body, b...)
		}
	}
	body = append(body, msg.Header.Get("List-Unsubscribe")...)
	var found []string
	for _, link := range regexp.MustCompile(`https://zotpaper\.example[^\s<>"]*`).FindAllString(string(body), -1) {
		link = h.base + strings.TrimPrefix(strings.TrimRight(link, "."), "https://zotpaper.example")
		if !slices.Contains(found, link) {
			found = append(found, link)
		}
	}
	return found
}

// link returns the one link of a mail that leads to a page.
func (h *house) link(raw []byte, page string) string {
	h.t.Helper()
	all := h.links(raw)
	i := slices.IndexFunc(all, func(link string) bool { return strings.HasPrefix(link, h.base+page) })
	if i < 0 {
		h.t.Fatalf("no link to %s in %q", page, all)
	}
	return all[i]
}

// tables returns all that the database holds, but for the queue.
func (h *house) tables() string {
	h.t.Helper()
	ctx := h.t.Context()
	var all strings.Builder
	for _, table := range h.column("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'river%' AND name NOT LIKE 'sqlite%' ORDER BY name") {
		rows, err := h.db.QueryContext(ctx, "SELECT * FROM "+table+" ORDER BY 1, 2")
		if err != nil {
			h.t.Fatal(err)
		}
		defer rows.Close()
		columns, err := rows.Columns()
		if err != nil {
			h.t.Fatal(err)
		}
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(any)
		}
		for rows.Next() {
			if err := rows.Scan(values...); err != nil {
				h.t.Fatal(err)
			}
			fmt.Fprint(&all, table)
			for _, v := range values {
				fmt.Fprintf(&all, "|%v", *v.(*any))
			}
			fmt.Fprintln(&all)
		}
		if err := rows.Err(); err != nil {
			h.t.Fatal(err)
		}
	}
	return all.String()
}

func (h *house) column(query string) (names []string) {
	h.t.Helper()
	rows, err := h.db.QueryContext(h.t.Context(), query)
	if err != nil {
		h.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			h.t.Fatal(err)
		}
		names = append(names, name)
	}
	if err := rows.Err(); err != nil {
		h.t.Fatal(err)
	}
	return names
}

// complete waits until the edition of that day has gone out.
func (h *house) complete(date edition.Date) {
	h.t.Helper()
	key := edition.Key{Date: date, Slot: "afternoon"}
	for deadline := time.Now().Add(time.Minute); ; {
		r, err := h.press.Record(h.t.Context(), key)
		if err != nil {
			h.t.Fatal(err)
		}
		if r.State == edition.Complete {
			return
		}
		if time.Now().After(deadline) {
			h.t.Fatalf("the edition of %s is %s\n%s", date, r.State, h.log)
		}
	}
}

const marker = "marker.reader@example.org"

// TestAReaderFromTheFormToSilence is the life of a subscription, in a real
// browser, with real mail.
func TestAReaderFromTheFormToSilence(t *testing.T) {
	h := newHouse(t)
	b := browsertest.Start(t)
	show := func(page string) {
		t.Helper()
		b.Open(t, page, 375, browsertest.Light)
	}
	state := func(list string) string {
		t.Helper()
		r, err := h.people.Show(t.Context(), marker)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range r.Consents {
			if c.List == list {
				return c.State
			}
		}
		return ""
	}

	// Sign up.
	show(h.base + "/")
	h.pass(time.Minute) // nobody types that fast
	browsertest.Eval[bool](t, b, `document.querySelector("#address").value = "`+marker+`", document.querySelector("#name").value = "Marker Reader", true`)
	b.Follow(t, "#subscribe")
	if got := state("afternoon"); got != "pending" {
		t.Fatalf("after the form the consent is %q, want pending; the page is %q", got, browsertest.Eval[string](t, b, "document.body.innerText"))
	}

	// Confirm.
	confirm := h.link(h.mail(marker, 1), "/confirm/")
	show(confirm)
	if got := state("afternoon"); got != "pending" {
		t.Errorf("opening the page made the consent %q", got)
	}
	b.Follow(t, "main form button")
	if got := state("afternoon"); got != "given" {
		t.Fatalf("after the button the consent is %q, want given", got)
	}

	// Receive an edition. A browser that opens every link of it changes nothing.
	sunday := edition.Date{Year: 2026, Month: 2, Day: 8}
	h.publish(sunday)
	raw := h.mail(marker, 2)
	h.complete(sunday)
	before := h.tables()
	for _, link := range h.links(raw) {
		show(link)
		for _, method := range []string{http.MethodHead, http.MethodGet} {
			request, err := http.NewRequestWithContext(t.Context(), method, link, nil)
			if err != nil {
				t.Fatal(err)
			}
			answer, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			answer.Body.Close()
		}
	}
	if after := h.tables(); after != before {
		t.Errorf("opening links changed the database\nfrom %s\nto   %s", before, after)
	}

	// Change preferences.
	show(h.link(raw, "/preferences/"))
	browsertest.Eval[bool](t, b, `document.querySelector("#format-text").checked = true, document.querySelector("#zone").value = "Asia/Tokyo", true`)
	b.Follow(t, "#save")
	if r, err := h.people.Show(t.Context(), marker); err != nil || r.Subscriber.Format != subscribers.FormatText || r.Subscriber.Zone != "Asia/Tokyo" {
		t.Errorf("preferences: %+v, %v, want text and Asia/Tokyo", r.Subscriber, err)
	}
	h.pass(24 * time.Hour)
	h.publish(sunday.AddDays(1))
	raw = h.mail(marker, 3)
	if !bytes.Contains(raw, []byte("\r\nContent-Type: text/plain")) {
		t.Errorf("the next edition is no plain text:\n%.600s", raw)
	}
	h.complete(sunday.AddDays(1))

	// One click, as Gmail does it: no referrer, no origin, no cookie.
	answer, err := http.PostForm(h.link(raw, "/u/"), url.Values{"List-Unsubscribe": {"One-Click"}})
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK || answer.Request.Method != http.MethodPost || len(answer.Cookies()) != 0 {
		t.Errorf("one click: %s to a %s, cookies %v", answer.Status, answer.Request.Method, answer.Cookies())
	}
	if got := state("afternoon"); got != "withdrawn" {
		t.Errorf("after one click the consent is %q", got)
	}

	// Silence, also when the file they were in is imported again.
	report, err := h.people.Import(t.Context(), strings.NewReader("email,name\n"+marker+",Marker Reader\ncy@example.org,Cy\n"),
		subscribers.ImportOptions{List: "afternoon", By: "test"})
	if err != nil || report.Added != 1 || report.Withdrawn != 1 {
		t.Errorf("import: %+v, %v, want one added and one who has left", report, err)
	}
	h.pass(24 * time.Hour)
	h.publish(sunday.AddDays(2))
	h.complete(sunday.AddDays(2))
	for _, m := range h.inbox.Messages()[1:] {
		if m.To == marker && strings.Contains(string(m.Raw), "Tue 10 Feb") {
			t.Error("a reader who had left was mailed")
		}
	}

	h.saysNothing(confirm, h.link(raw, "/u/"), h.link(raw, "/preferences/"))
}

// saysNothing checks that neither the reader nor their links are in the log,
// which at this level holds all there is.
func (h *house) saysNothing(links ...string) {
	h.t.Helper()
	text := h.log.String()
	if !strings.Contains(text, "deferred") && !strings.Contains(text, "not taken") {
		h.t.Errorf("the log says nothing of the greylisting; is it the log?\n%s", text)
	}
	secrets := []string{"marker", "Marker"}
	for _, link := range links {
		secrets = append(secrets, link[strings.LastIndexByte(link, '/')+1:])
	}
	for _, secret := range secrets {
		for line := range strings.Lines(text) {
			if strings.Contains(line, secret) {
				h.t.Errorf("%q is in the log: %s", secret, line)
			}
		}
	}
}
