package web

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/zotpaper/zotpaper/edition"
	"github.com/zotpaper/zotpaper/internal/database"
	"github.com/zotpaper/zotpaper/internal/database/databasetest"
	"github.com/zotpaper/zotpaper/words"
)

func TestEditionIsReadableOnceItGoesOut(t *testing.T) {
	s := newSite(t, databasetest.SQLite(t))
	const path = "/editions/2026-02-08/afternoon"
	if answer, _ := s.do(t, http.MethodGet, path, nil, nil); answer.StatusCode != http.StatusNotFound {
		t.Errorf("before it is sent: status %d, want 404", answer.StatusCode)
	}
	s.send(t, 8)
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

func TestPicturesOfAnEditionComeFromThePage(t *testing.T) {
	s := newSite(t, databasetest.SQLite(t))
	s.server.Press.Articles.(desk)[0].Image = &edition.Image{File: "0123456789abcdef.png", Alt: "A ferry", Width: 600, Height: 400}
	s.send(t, 8)
	answer, body := s.do(t, http.MethodGet, "/editions/2026-02-08/afternoon", nil, nil)
	for _, want := range []string{`src="/media/0123456789abcdef.png"`, `<meta property="og:image" content="https://zotpaper.example/media/0123456789abcdef.png"`} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if got := answer.Header.Get("Content-Security-Policy"); !strings.Contains(got, "img-src 'self';") {
		t.Errorf("policy %s", got)
	}
}

// insertPublished puts n editions into the archive, one a day.
func insertPublished(t *testing.T, db *database.DB, n int) {
	t.Helper()
	first := edition.Date{Year: 2025, Month: 1, Day: 1}
	for i := range n {
		at := database.Time{Time: noon.AddDate(-1, 0, i)}
		var id int64
		if err := db.QueryRowContext(t.Context(), `
			INSERT INTO editions (slot, date, title, list, state, window_since, window_until, frozen_at, completed_at, created_at, changed_at)
			VALUES ('afternoon', $1, 'Afternoon Edition', 'afternoon', 'complete', $2, $3, $3, $3, $3, $3) RETURNING id`,
			first.AddDays(i).String(), database.Time{Time: at.AddDate(0, 0, -1)}, at).Scan(&id); err != nil {
			t.Fatal(err)
		}
		if _, err := db.ExecContext(t.Context(), `
			INSERT INTO issues (edition_id, number, subject, preheader, html, text, web, facts, sha256, frozen_at)
			VALUES ($1, 1, $2, 'preheader', '', '', '', $3, $4, $5)`,
			id, fmt.Sprintf("Subject %d", i), fmt.Sprintf(`{"articles": [{"headline": "Headline %d"}]}`, i), strings.Repeat("0", 64), at); err != nil {
			t.Fatal(err)
		}
	}
}

func TestArchiveHasPages(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := newSite(t, db)
		insertPublished(t, db, 2*archiveLength+5)
		tests := []struct {
			path         string
			first, last  string
			count        int
			newer, older string
		}{
			{"/editions", "Headline 124<", "Headline 65<", 60, "", "/editions?page=2"},
			{"/editions?page=2", "Headline 64<", "Headline 5<", 60, "/editions?page=1", "/editions?page=3"},
			{"/editions?page=3", "Headline 4<", "Headline 0<", 5, "/editions?page=2", ""},
		}
		for _, tt := range tests {
			_, body := s.do(t, http.MethodGet, tt.path, nil, nil)
			if n := strings.Count(body, `<li><a href="/editions/2025-`); n != tt.count || strings.Index(body, tt.first) > strings.Index(body, tt.last) || !strings.Contains(body, tt.last) {
				t.Errorf("%s: %d editions, want %d from %s to %s", tt.path, n, tt.count, tt.first, tt.last)
			}
			for rel, want := range map[string]string{"prev": tt.newer, "next": tt.older} {
				if has := strings.Contains(body, `rel="`+rel+`"`); has != (want != "") || !strings.Contains(body, want) {
					t.Errorf("%s: the link %s: %v, want %q", tt.path, rel, has, want)
				}
			}
		}
		for _, bad := range []string{"4", "0", "-1", "x", "1001", "99999999999999999999"} {
			if answer, _ := s.do(t, http.MethodGet, "/editions?page="+bad, nil, nil); answer.StatusCode != http.StatusNotFound {
				t.Errorf("page %s: status %d, want 404", bad, answer.StatusCode)
			}
		}
	})
}

func TestFeed(t *testing.T) {
	db := databasetest.SQLite(t)
	s := newSite(t, db, func(s *Server) { s.Publication.Name = "Zot & <paper>" })
	type link struct {
		Rel  string `xml:"rel,attr"`
		Href string `xml:"href,attr"`
	}
	type entry struct {
		ID        string `xml:"id"`
		Title     string `xml:"title"`
		Published string `xml:"published"`
		Updated   string `xml:"updated"`
		Summary   string `xml:"summary"`
		Link      link   `xml:"link"`
	}
	type feed struct {
		XMLName xml.Name
		ID      string  `xml:"id"`
		Title   string  `xml:"title"`
		Updated string  `xml:"updated"`
		Author  string  `xml:"author>name"`
		Links   []link  `xml:"link"`
		Entries []entry `xml:"entry"`
	}
	read := func() (*http.Response, feed) {
		answer, body := s.do(t, http.MethodGet, "/editions.atom", nil, nil)
		var f feed
		if err := xml.Unmarshal([]byte(body), &f); err != nil {
			t.Fatalf("%v\n%s", err, body)
		}
		if _, err := time.Parse(time.RFC3339, f.Updated); err != nil {
			t.Error(err)
		}
		return answer, f
	}
	if _, f := read(); len(f.Entries) != 0 {
		t.Errorf("before anything went out: %d entries", len(f.Entries))
	}
	insertPublished(t, db, feedLength+3)
	answer, f := read()
	if got := answer.Header.Get("Content-Type"); got != "application/atom+xml; charset=utf-8" {
		t.Errorf("Content-Type %q", got)
	}
	if f.XMLName.Space != "http://www.w3.org/2005/Atom" || f.ID != "https://zotpaper.example/editions.atom" || f.Title != "Zot & <paper>" ||
		f.Author != f.Title || f.Updated != "2025-03-02T12:00:00Z" || len(f.Entries) != feedLength {
		t.Errorf("feed %+v", f)
	}
	if f.Links[0].Rel != "self" || f.Links[0].Href != f.ID || f.Links[1].Rel != "alternate" {
		t.Errorf("links %+v", f.Links)
	}
	want := entry{ID: "https://zotpaper.example/editions/2025-01-23/afternoon", Title: "Subject 22", Summary: "preheader",
		Published: "2025-03-02T12:00:00Z", Updated: "2025-03-02T12:00:00Z"}
	want.Link = link{"alternate", want.ID}
	if f.Entries[0] != want {
		t.Errorf("first entry %+v, want %+v", f.Entries[0], want)
	}
	again, _ := s.do(t, http.MethodGet, "/editions.atom", nil, http.Header{"If-Modified-Since": {answer.Header.Get("Last-Modified")}})
	if again.StatusCode != http.StatusNotModified {
		t.Errorf("asked again: status %d, want 304", again.StatusCode)
	}
}

func TestArchiveOfReaders(t *testing.T) {
	s := newSite(t, databasetest.SQLite(t), func(s *Server) { s.Archive = false })
	s.send(t, 8)
	const path = "/editions/2026-02-08/afternoon"
	key := s.keys.Edition("2026-02-08/afternoon")
	for _, closed := range []string{
		"/editions", "/editions.atom", path, path + "?key=", path + "?key=x", path + "?key=" + key[:10], path + "?key=" + s.keys.Edition("2026-02-09/afternoon"),
		path + "?key=" + s.keys.Preferences(s.ada.Ref),
	} {
		if answer, body := s.do(t, http.MethodGet, closed, nil, nil); answer.StatusCode != http.StatusNotFound || strings.Contains(body, "Headline") {
			t.Errorf("%s: status %d, want 404", closed, answer.StatusCode)
		}
	}
	for _, page := range []string{"/", "/subscribe", "/u/x"} {
		if _, body := s.do(t, http.MethodGet, page, nil, nil); strings.Contains(body, "/editions") || strings.Contains(body, "Headline") {
			t.Errorf("%s names the archive, or what is in it", page)
		}
	}
	answer, body := s.do(t, http.MethodGet, path+"?key="+key, nil, nil)
	if answer.StatusCode != http.StatusOK || !strings.Contains(body, "Text of three.") {
		t.Errorf("with the key: status %d", answer.StatusCode)
	}
	if answer.Header.Get("X-Robots-Tag") != "noindex" || !strings.HasPrefix(answer.Header.Get("Cache-Control"), "private") {
		t.Errorf("with the key: %v", answer.Header)
	}
}

func TestFrontPageShowsTheLatestEdition(t *testing.T) {
	s := newSite(t, databasetest.SQLite(t))
	if _, body := s.do(t, http.MethodGet, "/", nil, nil); !strings.Contains(body, "No edition has gone out yet.") {
		t.Error("a new paper's front page does not say that nothing has gone out")
	}
	s.send(t, 8)
	_, body := s.do(t, http.MethodGet, "/", nil, nil)
	for _, want := range []string{
		`<h3 class="lead" lang="en"><a href="/editions/2026-02-08/afternoon">Headline one</a></h3>`, "<li>Headline two</li>",
		"Every day at 16:00 (UTC)", `<link rel="alternate" type="application/atom+xml"`, `name="address"`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the front page lacks %s", want)
		}
	}
	if strings.Contains(body, "noindex") {
		t.Error("the front page keeps itself from being found")
	}
}

// TestPagesBelowAPath is about a paper whose pages are a part of another site.
func TestPagesBelowAPath(t *testing.T) {
	s := newSite(t, databasetest.SQLite(t), func(s *Server) { s.Publication.Web = "https://example.org/paper" })
	s.send(t, 8)
	link := regexp.MustCompile(`(?:href|action)="([^"#]*)"`)
	for _, path := range []string{"/", "/subscribe", "/editions", s.preferences(), "/u/" + s.keys.Unsubscribe(s.ada.Ref, "afternoon"), "/nothing"} {
		_, body := s.do(t, http.MethodGet, path, nil, nil)
		for _, m := range link.FindAllStringSubmatch(body, -1) {
			if !strings.HasPrefix(m[1], "/paper/") {
				t.Errorf("%s: the link %s leads out of the pages", path, m[1])
			}
		}
	}
	if answer, _ := s.do(t, http.MethodPost, "/subscribe", s.signup(t, "bob@example.org", "afternoon"), nil); answer.Header.Get("Location") != "/paper/subscribe/sent" {
		t.Errorf("the form leads to %q", answer.Header.Get("Location"))
	}
}

func TestPagesInTheLanguageOfThePaper(t *testing.T) {
	book, err := words.Load("de", fstest.MapFS{"words.de.yaml": {Data: []byte(
		"date: {format: \"{weekday}, {day}. {month} {year}\", sunday: Sonntag, february: Februar}\nsignup: {button: Abonnieren, address: \"E-Mail <Adresse>\"}\n")}})
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t, databasetest.SQLite(t), func(s *Server) { s.Words = book })
	_, body := s.do(t, http.MethodGet, "/", nil, nil)
	for _, want := range []string{`<html lang="de" dir="ltr">`, "Sonntag, 8. Februar 2026", ">Abonnieren</button>", "E-Mail &lt;Adresse&gt;", "Name (optional)"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
}
