package intake

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zotpaper/zotpaper/edition"
)

// A wire is a server of feeds on this machine.
type wire struct {
	*httptest.Server
	handler  atomic.Pointer[http.HandlerFunc]
	requests atomic.Int32
}

// newWire returns a server that answers every request with body.
func newWire(t *testing.T, body string) *wire {
	t.Helper()
	w := &wire{}
	w.serve(body)
	w.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.requests.Add(1)
		(*w.handler.Load())(rw, r)
	}))
	t.Cleanup(w.Close)
	return w
}

func (w *wire) answer(h http.HandlerFunc) { w.handler.Store(&h) }

func (w *wire) serve(body string) {
	w.answer(func(rw http.ResponseWriter, _ *http.Request) { fmt.Fprint(rw, body) })
}

func (w *wire) fail(status int) {
	w.answer(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(status) })
}

// newFeeds returns feeds at addresses, whose servers may be on this machine.
func newFeeds(t *testing.T, addresses ...string) *Feeds {
	t.Helper()
	f := &Feeds{
		Sections: []string{"World", "Business"}, PrivateHosts: []string{"127.0.0.1"}, Cache: filepath.Join(t.TempDir(), "cache"),
		Agent: "Zotpaper/test (+https://paper.example)", Now: func() time.Time { return now },
	}
	for _, address := range addresses {
		f.List = append(f.List, Feed{URL: address, FullText: true})
	}
	return f
}

func (f *Feeds) at(t time.Time) *Feeds { f.Now = func() time.Time { return t }; return f }

func readFeeds(t *testing.T, f *Feeds) Result {
	t.Helper()
	r, err := f.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range r.Articles {
		checkFeedArticle(t, a)
	}
	return r
}

func checkFeedArticle(t *testing.T, a edition.Article) {
	t.Helper()
	checkArticle(t, a)
	if !slugForm.MatchString(a.Slug) {
		t.Errorf("slug %q", a.Slug)
	}
}

// rss returns an RSS feed with items.
func rss(items ...string) string {
	return `<?xml version="1.0"?><rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/">` +
		"<channel><title>The Wire</title><link>https://wire.example/</link>" + strings.Join(items, "") + "</channel></rss>"
}

// item returns an RSS item about the page called name, an hour old.
func item(name string, more ...string) string {
	return itemAt(name, now.Add(-time.Hour), more...)
}

func itemAt(name string, at time.Time, more ...string) string {
	return fmt.Sprintf("<item><title>The %s</title><link>https://wire.example/%s</link><guid>id-%s</guid><pubDate>%s</pubDate>%s</item>",
		name, name, name, at.Format(time.RFC1123Z), strings.Join(more, ""))
}

func TestConditionalRequests(t *testing.T) {
	w := newWire(t, "")
	var got []string
	w.answer(func(rw http.ResponseWriter, r *http.Request) {
		got = append(got, r.Header.Get("If-None-Match")+" "+r.Header.Get("If-Modified-Since"))
		if ua := r.Header.Get("User-Agent"); ua != "Zotpaper/test (+https://paper.example)" {
			t.Errorf("User-Agent %q", ua)
		}
		rw.Header().Set("ETag", `W/"1"`)
		rw.Header().Set("Last-Modified", "Sun, 08 Feb 2026 15:00:00 GMT")
		if r.Header.Get("If-None-Match") != "" {
			rw.WriteHeader(http.StatusNotModified)
			return
		}
		fmt.Fprint(rw, rss(item("a")))
	})
	f := newFeeds(t, w.URL)
	first := readFeeds(t, f)
	second := readFeeds(t, f.at(now.Add(time.Hour)))
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("unchanged (-first +second):\n%s", diff)
	}
	if want := []string{" ", `W/"1" Sun, 08 Feb 2026 15:00:00 GMT`}; !slices.Equal(got, want) {
		t.Errorf("validators %q, want %q", got, want)
	}
	w.fail(http.StatusBadGateway)
	if r := readFeeds(t, f); len(r.Warnings) != 1 || !strings.Contains(r.Warnings[0].Reason, "2026-02-08T17:00:00Z") {
		t.Errorf("warnings %q, want the time at which the server said that the copy stands", lines(r.Warnings))
	}
}

// TestServersAreNotAskedTooOften puts a server on this machine in the place of
// one on the internet.
func TestServersAreNotAskedTooOften(t *testing.T) {
	tests := []struct {
		name    string
		control string
		after   time.Duration
		asked   bool
	}{
		{"less than five minutes", "", 5*time.Minute - 1, false},
		{"five minutes", "", 5 * time.Minute, true},
		{"less, although it may change at once", "no-cache, max-age=0", 5*time.Minute - 1, false},
		{"less than it holds", `public, Max-Age="600"`, 10*time.Minute - 1, false},
		{"as long as it holds", "max-age=600", 10 * time.Minute, true},
		{"it holds for a year, the paper is made today", "max-age=31536000", 15 * time.Minute, true},
		{"it never ends to hold", "max-age=99999999999999999999", 5 * time.Minute, true},
		{"the clock was put back", "", -time.Hour, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWire(t, "")
			w.answer(func(rw http.ResponseWriter, _ *http.Request) {
				rw.Header().Set("Cache-Control", tt.control)
				fmt.Fprint(rw, rss(item("a")))
			})
			f := newFeeds(t, "http://wire.example/feed")
			f.dial = to(w)
			readFeeds(t, f)
			r := readFeeds(t, f.at(now.Add(tt.after)))
			if got := w.requests.Load() == 2; got != tt.asked || len(r.Articles) != 1 || len(r.Warnings) > 0 {
				t.Errorf("asked again: %v, want %v; articles %q, warnings %q", got, tt.asked, slugs(r), lines(r.Warnings))
			}
		})
	}
}

// to returns a dialer by which every host is w.
func to(w *wire) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", w.Listener.Addr().String())
	}
}

func TestAFailureIsAskedAboutAtOnce(t *testing.T) {
	w := newWire(t, rss(item("a")))
	f := newFeeds(t, "http://wire.example/feed")
	f.dial = to(w)
	readFeeds(t, f)
	w.fail(http.StatusBadGateway)
	later := now.Add(time.Hour)
	readFeeds(t, f.at(later))
	w.serve(rss(item("a"), item("b")))
	if r := readFeeds(t, f.at(later.Add(time.Second))); len(r.Articles) != 2 {
		t.Errorf("articles %q, want both", slugs(r))
	}
}

func TestAServerThatWantsToBeLeftAlone(t *testing.T) {
	w := newWire(t, rss(item("a")))
	f := newFeeds(t, "http://wire.example/feed")
	f.dial = to(w)
	readFeeds(t, f)
	w.answer(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Retry-After", "600")
		rw.WriteHeader(http.StatusTooManyRequests)
	})
	later := now.Add(time.Hour)
	r := readFeeds(t, f.at(later))
	if want := []string{"http://wire.example/feed: it could not be read (its server answered 429 Too Many Requests); its copy of 2026-02-08T16:00:00Z is used"}; !slices.Equal(lines(r.Warnings), want) {
		t.Errorf("warnings %q, want %q", lines(r.Warnings), want)
	}
	readFeeds(t, f.at(later.Add(10*time.Minute-1)))
	if got := w.requests.Load(); got != 2 {
		t.Errorf("%d requests while it wanted none, want 2", got)
	}
	readFeeds(t, f.at(later.Add(10*time.Minute)))
	if got := w.requests.Load(); got != 3 {
		t.Errorf("%d requests after the time it asked for, want 3", got)
	}
}

func TestOnlyTheNewestItems(t *testing.T) {
	var items []string
	for i := range itemsLimit + 100 {
		items = append(items, itemAt(fmt.Sprint("n", i), now.Add(time.Duration(i)*time.Minute)))
	}
	r := readFeeds(t, newFeeds(t, newWire(t, rss(items...)).URL))
	if len(r.Articles) != itemsLimit {
		t.Fatalf("%d articles, want %d", len(r.Articles), itemsLimit)
	}
	for _, a := range r.Articles {
		if a.Published.Before(now.Add(100 * time.Minute)) {
			t.Errorf("%s is among them, published %v", a.Slug, a.Published)
		}
	}
}

func TestFeedsEndWithTheirContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := newFeeds(t, newWire(t, rss(item("a"))).URL).Read(ctx); err == nil {
		t.Error("Read: no error, want the end of its context")
	}
	if r := readFeeds(t, newFeeds(t)); len(r.Articles) > 0 {
		t.Errorf("no feeds, and the articles %q", slugs(r))
	}
}
