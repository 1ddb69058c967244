package intake

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestStaleCopies(t *testing.T) {
	tests := []struct {
		name   string
		then   http.HandlerFunc
		reason string
	}{
		{"an error", status(http.StatusInternalServerError), "its server answered 500 Internal Server Error"},
		{"gone", status(http.StatusGone), "its server answered 410 Gone"},
		{"a status of no name", status(999), "its server answered 999"},
		{"unchanged, although nothing was asked", status(http.StatusNotModified), "its server answered 304 Not Modified"},
		{"cut off", says(rss(item("a"))[:300]), "it is broken XML in line 1: unexpected EOF"},
		{"no XML", says("<rss><channel><item><title>a & b < c</title></item>"), ""},
		{"a web page", says("<!DOCTYPE html><html><head><title>x</title></head></html>"), "it is a web page and no feed; is that the feed's address?"},
		{"other XML", says("<opml version='2.0'/>"), "it is no RSS, Atom or JSON feed"},
		{"words", says("Under maintenance"), "it is no RSS, Atom or JSON feed"},
		{"nothing", says(""), "it is no RSS, Atom or JSON feed"},
		{"cut-off JSON", says(`{"version":"https://jsonfeed.org/version/1","items":[{"id":"1"`), "unexpected end of JSON input"},
		{"an item that is null", says(`{"version":"https://jsonfeed.org/version/1","items":[null]}`), "an item of it is null"},
		{"other letters than it says", says("<?xml version='1.0' encoding='utf-8'?><rss><channel><item><title>\xe9</title></item></channel></rss>"), "it is broken XML in line 1: invalid UTF-8"},
		{"letters that are not known", says("<?xml version='1.0' encoding='klingon'?><rss/>"), ""},
		{"a lost connection", func(w http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) }, ""},
		{"fewer bytes than it says", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			fmt.Fprint(w, rss(item("a")))
		}, "unexpected EOF"},
		{"what it packed badly", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			fmt.Fprint(w, rss(item("a")))
		}, "gzip: invalid header"},
		{"control characters in an answer", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "h\x1b[2Jttp://%zz")
			w.WriteHeader(http.StatusFound)
		}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWire(t, rss(item("a")))
			other := newWire(t, rss(item("b")))
			f := newFeeds(t, w.URL+"/feed?key=secret", other.URL)
			first := readFeeds(t, f)
			w.answer(tt.then)
			r := readFeeds(t, f.at(now.Add(time.Hour)))
			if diff := cmp.Diff(first.Articles, r.Articles); diff != "" {
				t.Errorf("articles of the copy (-before +after):\n%s", diff)
			}
			want := w.URL + "/feed?...: it could not be read (" + tt.reason
			if tt.reason != "" {
				want += "); its copy of 2026-02-08T16:00:00Z is used"
			}
			if got := lines(r.Warnings); len(got) != 1 || !strings.HasPrefix(got[0], want) || len(r.Refused) > 0 {
				t.Errorf("warnings %q, refused %q; want %q", got, lines(r.Refused), want)
			}
			for _, line := range lines(r.Warnings) {
				checkText(t, line)
			}
			w.serve(rss(item("c"), item("a")))
			if r := readFeeds(t, f); len(r.Articles) != 3 || len(r.Warnings) > 0 {
				t.Errorf("when the feed is well again: articles %q, warnings %q", slugs(r), lines(r.Warnings))
			}
		})
	}
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func says(s string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, s) }
}

func TestAFeedThatWasNeverRead(t *testing.T) {
	w, other := newWire(t, ""), newWire(t, rss(item("b")))
	w.fail(http.StatusNotFound)
	f := newFeeds(t, w.URL, other.URL)
	r := readFeeds(t, f)
	want := []string{w.URL + ": it could not be read (its server answered 404 Not Found), and there is no copy of it; the edition goes on without it"}
	if len(r.Articles) != 1 || !slices.Equal(lines(r.Refused), want) {
		t.Errorf("articles %q, refused %q; want one and %q", slugs(r), lines(r.Refused), want)
	}
}

func TestTheAgeOfACopy(t *testing.T) {
	w := newWire(t, rss(item("a")))
	f := newFeeds(t, w.URL)
	readFeeds(t, f)
	w.fail(http.StatusTeapot)
	r := readFeeds(t, f.at(now.Add(80*time.Hour)))
	if got := lines(r.Warnings); len(r.Articles) != 1 || len(got) != 1 || !strings.HasSuffix(got[0], "its copy of 2026-02-08T16:00:00Z is used, 3 days old") {
		t.Errorf("articles %q, warnings %q; want it to be said how old the copy is", slugs(r), got)
	}
}

func TestDamagedCopies(t *testing.T) {
	tests := []struct {
		name   string
		damage func(content string) string
	}{
		{"cut off", func(s string) string { return s[:len(s)-1] }},
		{"changed", func(s string) string { return strings.Replace(s, "The a", "The b", 1) }},
		{"of another feed", func(s string) string { return strings.Replace(s, "http://", "http://x", 1) }},
		{"no JSON", func(s string) string { return s[1:] }},
		{"empty", func(string) string { return "" }},
		{"endless", func(s string) string { return s + strings.Repeat("x", copyHeadLimit+feedLimit) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWire(t, rss(item("a")))
			f := newFeeds(t, w.URL)
			readFeeds(t, f)
			name := filepath.Join(f.Cache, copyName(w.URL))
			content, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(name, []byte(tt.damage(string(content))), 0o600); err != nil {
				t.Fatal(err)
			}
			r := readFeeds(t, f)
			want := []string{w.URL + ": its copy is not used: the file " + copyName(w.URL) + " is damaged"}
			if len(r.Articles) != 1 || !slices.Equal(lines(r.Warnings), want) {
				t.Errorf("articles %q, warnings %q; want the feed's and %q", slugs(r), lines(r.Warnings), want)
			}
			if r := readFeeds(t, f); len(r.Warnings) > 0 {
				t.Errorf("afterwards: warnings %q, want the copy to be whole again", lines(r.Warnings))
			}
		})
	}
}

func TestACacheThatCannotBeWritten(t *testing.T) {
	w := newWire(t, rss(item("a")))
	f := newFeeds(t, w.URL)
	f.Cache = filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(f.Cache, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r := readFeeds(t, f)
	if len(r.Articles) != 1 || len(r.Warnings) == 0 || !strings.Contains(r.Warnings[len(r.Warnings)-1].Reason, "its copy could not be kept") {
		t.Errorf("articles %q, warnings %q; want the article and why there is no copy", slugs(r), lines(r.Warnings))
	}
}

func TestCopiesAreForUsAlone(t *testing.T) {
	f := newFeeds(t, newWire(t, rss(item("a"))).URL+"/?key=secret")
	readFeeds(t, f)
	info, err := os.Stat(f.Cache)
	if err != nil {
		t.Fatal(err)
	}
	if mode := info.Mode().Perm(); mode != 0o700 {
		t.Errorf("the folder of the copies has the mode %o, want 700", mode)
	}
	files, err := os.ReadDir(f.Cache)
	if err != nil || len(files) != 1 || files[0].Name() != copyName(f.List[0].URL) {
		t.Errorf("files %v, error %v; want one copy and nothing left over", files, err)
	}
}
