package web

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zotpaper/zotpaper/internal/database"
	"github.com/zotpaper/zotpaper/internal/database/databasetest"
)

// A route is a page of the site with a token that is in order.
type route struct {
	path string
	form url.Values // of a POST; nil: there is none
}

// routes returns every page there is, with what its form sends. What changes
// most comes last.
func (s *site) routes(t *testing.T) []route {
	t.Helper()
	s.do(t, http.MethodPost, "/subscribe", s.signup(t, "bob@example.org", "afternoon"), nil)
	refs := s.notices(t)
	confirm := "/confirm/" + s.keys.Notice(refs[len(refs)-1])
	leave := "/u/" + s.keys.Unsubscribe(s.ada.Ref, "afternoon")
	return []route{
		{"/", nil}, {"/style.css", nil}, {"/healthz", nil}, {"/readyz", nil}, {"/nothing", nil}, {"/media/none.png", nil},
		{"/editions", nil}, {"/editions.atom", nil}, {"/editions/2026-02-08/afternoon", nil}, {"/subscribe/sent", nil},
		{"/subscribe", s.signup(t, "carol@example.org", "afternoon")},
		{confirm, url.Values{}},
		{leave + "/undo", url.Values{}},
		{leave + "/reason", url.Values{"reason": {"too long"}}},
		{leave, oneClick},
		{s.preferences(), url.Values{"lists": {"morning"}, "format": {"text"}}},
		{s.preferences() + "/move", url.Values{"address": {"dan@example.org"}}},
		{s.preferences() + "/data", url.Values{}},
		{s.preferences() + "/erase", url.Values{"sure": {"yes"}}},
	}
}

// dump returns every row of every table of ours.
func dump(t *testing.T, db *database.DB) string {
	t.Helper()
	var all strings.Builder
	for _, table := range []string{
		"lists", "subscribers", "consents", "suppressions", "changes", "forms", "notices", "confirmations", "salts",
		"editions", "transitions", "issues", "printed_articles", "dispatches", "deliveries", "batches",
	} {
		rows, err := db.QueryContext(t.Context(), "SELECT * FROM "+table)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		columns, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			row := make([]any, len(columns))
			for i := range row {
				row[i] = new(any)
			}
			if err := rows.Scan(row...); err != nil {
				t.Fatal(err)
			}
			fmt.Fprint(&all, table)
			for _, v := range row {
				fmt.Fprintf(&all, " %v", *v.(*any))
			}
			all.WriteByte('\n')
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
	return all.String()
}

// TestLookingChangesNothing is the half of row R7 that needs no browser.
func TestLookingChangesNothing(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := newSite(t, db)
		s.send(t, 8)
		routes := s.routes(t)
		before := dump(t, db)
		for _, r := range routes {
			for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodOptions, "PROPFIND"} {
				for _, query := range []string{"", "?List-Unsubscribe=One-Click&sure=yes&lists=&format=text"} {
					s.do(t, method, r.path+query, nil, nil)
				}
			}
		}
		if after := dump(t, db); after != before {
			t.Errorf("looking at the pages changed the database from\n%s\nto\n%s", before, after)
		}
	})
}

// TestFormsOfOtherSites is row 3 of the checklist: what another site's page has
// a browser send does nothing. The one-click request alone may come from
// anywhere, and it works; see TestOneClickFromAnywhere.
func TestFormsOfOtherSites(t *testing.T) {
	origins := []struct {
		name   string
		header http.Header
		passes bool
	}{
		{"another site", http.Header{"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://evil.example"}}, false},
		{"a neighbor's site", http.Header{"Sec-Fetch-Site": {"same-site"}, "Origin": {"https://shop.zotpaper.example"}}, false},
		{"an old browser on another site", http.Header{"Origin": {"https://evil.example"}}, false},
		{"a sandboxed page", http.Header{"Origin": {"null"}}, false},
		{"ours", http.Header{"Sec-Fetch-Site": {"same-origin"}, "Origin": {"https://zotpaper.example"}}, true},
		{"an old browser on ours, behind a server that asks under another name", http.Header{"Origin": {"https://zotpaper.example"}}, true},
		{"no browser", nil, true},
	}
	for _, o := range origins {
		t.Run(o.name, func(t *testing.T) {
			s := newSite(t, databasetest.SQLite(t))
			s.send(t, 8)
			for _, r := range s.routes(t) {
				if r.form == nil || strings.HasPrefix(r.path, "/u/") && strings.Count(r.path, "/") == 2 {
					continue
				}
				before := dump(t, s.people.DB)
				answer, body := s.do(t, http.MethodPost, r.path, r.form, o.header)
				if passed := answer.StatusCode != http.StatusForbidden; passed != o.passes {
					t.Errorf("POST %s: status %d", r.path, answer.StatusCode)
				}
				if !o.passes && (dump(t, s.people.DB) != before || !strings.Contains(body, "from another web site")) {
					t.Errorf("POST %s changed something, or does not say what is wrong", r.path)
				}
			}
		})
	}
}

// TestOneClickIsNoPrefix is about the pattern that lets one-click requests in
// from anywhere: it is for that page alone.
func TestOneClickIsNoPrefix(t *testing.T) {
	s := newSite(t, databasetest.SQLite(t))
	path := "/u/" + s.keys.Unsubscribe(s.ada.Ref, "afternoon")
	foreign := http.Header{"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://evil.example"}}
	s.do(t, http.MethodPost, path, oneClick, nil)
	for _, other := range []string{path + "/undo", path + "/reason", path + "/", "/u/../subscribe", "//u/x", "/U/x", "/preferences/x"} {
		answer, _ := s.do(t, http.MethodPost, other, oneClick, foreign)
		if answer.StatusCode != http.StatusForbidden && answer.StatusCode != http.StatusTemporaryRedirect || s.subscribed(t, "afternoon") {
			t.Errorf("%s: status %d", other, answer.StatusCode)
		}
	}
}

// TestTokensArePurposeBound is row 6: a token opens the page it was made for
// and no other.
func TestTokensArePurposeBound(t *testing.T) {
	s := newSite(t, databasetest.SQLite(t))
	s.do(t, http.MethodPost, "/subscribe", s.signup(t, "bob@example.org", "afternoon"), nil)
	tokens := map[string]string{
		"/u/": s.keys.Unsubscribe(s.ada.Ref, "afternoon"), "/preferences/": s.keys.Preferences(s.ada.Ref), "/confirm/": s.keys.Notice(s.notices(t)[0]),
		"stamp": s.keys.Stamp(noon), "edition": s.keys.Edition("2026-02-08/afternoon"), "bounce": s.keys.Bounce(s.ada.Ref, "2026-02-08/afternoon"),
	}
	for _, page := range []string{"/u/", "/preferences/", "/confirm/"} {
		for made, token := range tokens {
			want := http.StatusNotFound
			if made == page {
				want = http.StatusOK
			}
			if answer, _ := s.do(t, http.MethodGet, page+token, nil, nil); answer.StatusCode != want {
				t.Errorf("%s with a token of %s: status %d, want %d", page, made, answer.StatusCode, want)
			}
			for i := range token {
				if page != made {
					break
				}
				flipped := []byte(token)
				flipped[i] = "AB"[(flipped[i]&1)^1]
				if string(flipped) == token {
					flipped[i] = 'C'
				}
				if answer, _ := s.do(t, http.MethodGet, page+string(flipped), nil, nil); answer.StatusCode != http.StatusNotFound {
					t.Fatalf("%s with letter %d changed: status %d", page, i, answer.StatusCode)
				}
			}
		}
	}
}

// TestEveryAnswerIsHardened also looks for what tracks: cookies, scripts, and
// anything from elsewhere.
func TestEveryAnswerIsHardened(t *testing.T) {
	s := newSite(t, databasetest.SQLite(t))
	s.send(t, 8)
	for _, r := range s.routes(t) {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			answer, body := s.do(t, method, r.path, r.form, nil)
			for name, want := range map[string]string{
				"Content-Security-Policy": "default-src 'none'", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff",
				"Strict-Transport-Security": "max-age=31536000",
			} {
				if got := answer.Header.Get(name); !strings.Contains(got, want) {
					t.Errorf("%s %s: %s is %q, want %q in it", method, r.path, name, got, want)
				}
			}
			if token := strings.Count(r.path, "/") > 1 && !strings.HasPrefix(r.path, "/editions") && !strings.HasPrefix(r.path, "/media"); token && answer.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s %s: Cache-Control %q", method, r.path, answer.Header.Get("Cache-Control"))
			}
			policy := answer.Header.Get("Content-Security-Policy")
			if strings.Contains(policy, "script") || strings.Contains(policy, "*") {
				t.Errorf("%s %s: policy %s", method, r.path, policy)
			}
			for _, trace := range []string{"<script", "javascript:", " onclick", " onload", "<iframe", "<object", `src="http`, `<link rel="stylesheet" href="http`} {
				if strings.Contains(body, trace) && !strings.HasPrefix(r.path, "/editions/") {
					t.Errorf("%s %s: %s", method, r.path, trace)
				}
			}
			if len(answer.Cookies()) > 0 {
				t.Errorf("%s %s: a cookie", method, r.path)
			}
		}
	}
	plain := newSite(t, databasetest.SQLite(t), func(s *Server) { s.Publication.Web = "http://127.0.0.1:8080" })
	if answer, _ := plain.do(t, http.MethodGet, "/", nil, nil); answer.Header.Get("Strict-Transport-Security") != "" {
		t.Error("a paper without TLS sends browsers to TLS")
	}
}

// TestNothingPersonalIsLogged runs through all pages, with all that goes wrong
// on them, and looks for tokens and addresses in the log.
func TestNothingPersonalIsLogged(t *testing.T) {
	db := databasetest.SQLite(t)
	s := newSite(t, db)
	s.send(t, 8)
	routes := s.routes(t)
	ask := func() {
		for _, r := range routes {
			s.do(t, http.MethodGet, r.path, nil, nil)
			s.do(t, http.MethodPost, r.path, r.form, nil)
			s.do(t, http.MethodPost, r.path, url.Values{"address": {"marker@example.org"}, "name": {"marker\r\nname"}, "reason": {"marker"}}, nil)
			s.do(t, http.MethodPost, r.path, url.Values{"x": {strings.Repeat("marker", bodyLimit)}}, nil)
		}
	}
	ask()
	if _, err := db.ExecContext(t.Context(), "ALTER TABLE subscribers RENAME TO gone"); err != nil {
		t.Fatal(err)
	}
	ask()
	log := s.log.String()
	if !strings.Contains(log, "cannot answer a reader") {
		t.Errorf("the log does not say that the database failed: %s", log)
	}
	for _, marker := range []string{
		"@example.org", "marker", s.ada.Ref, s.keys.Preferences(s.ada.Ref), s.keys.Unsubscribe(s.ada.Ref, "afternoon"), "127.0.0.1:",
		strings.Split(routes[11].path, "/")[2],
	} {
		if strings.Contains(log, marker) {
			t.Errorf("the log holds %s:\n%s", marker, log)
		}
	}
}

// TestPathsOutOfTheMedia is row 11.
func TestPathsOutOfTheMedia(t *testing.T) {
	s := newSite(t, databasetest.SQLite(t))
	dir := s.server.Media
	if err := os.WriteFile(filepath.Join(dir, "..", "secret"), []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, to := range map[string]string{"relative": "../secret", "absolute": filepath.Join(dir, "..", "secret")} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{
		"..%2fsecret", "%2e%2e%2fsecret", "%2e%2e/secret", "../secret", "..%5csecret", "..%252fsecret", "folder%2f..%2f..%2fsecret",
		url.PathEscape(filepath.Join(dir, "..", "secret")), "relative", "absolute", "folder", ".", "", "secret%00.png", "%00", "C:%5csecret", "%5c%5chost%5cshare",
	} {
		answer, body := s.do(t, http.MethodGet, "/media/"+path, nil, nil)
		if answer.StatusCode == http.StatusOK || body == "secret" {
			t.Errorf("%s: status %d", path, answer.StatusCode)
		}
	}
}
