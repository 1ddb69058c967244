package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/zotpaper/zotpaper/internal/database"
	"github.com/zotpaper/zotpaper/internal/database/databasetest"
)

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
			if !strings.Contains(body, "no longer sent to you") || !strings.Contains(body, "Afternoon Edition") {
				t.Errorf("%s POST: the page does not say what was done:\n%s", time, body)
			}
			if s.subscribed(t, "afternoon") || !s.subscribed(t, "morning") {
				t.Errorf("%s POST: subscribed to afternoon %v, morning %v", time, s.subscribed(t, "afternoon"), s.subscribed(t, "morning"))
			}
		}
		if _, body := s.do(t, http.MethodGet, path, nil, nil); !strings.Contains(body, "no longer sent to you") || strings.Contains(body, "One-Click") {
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

func TestUndo(t *testing.T) {
	s := newSite(t, databasetest.SQLite(t))
	path := "/u/" + s.keys.Unsubscribe(s.ada.Ref, "afternoon")
	if answer, _ := s.do(t, http.MethodPost, path+"/undo", url.Values{}, nil); answer.StatusCode != http.StatusOK || !s.subscribed(t, "afternoon") {
		t.Errorf("nothing to undo: status %d", answer.StatusCode)
	}
	s.do(t, http.MethodPost, path, oneClick, nil)
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		if answer, _ := s.do(t, method, path+"/undo", nil, nil); answer.StatusCode != http.StatusNotFound || s.subscribed(t, "afternoon") {
			t.Errorf("%s: status %d; looking must not subscribe anybody", method, answer.StatusCode)
		}
	}
	if _, body := s.do(t, http.MethodGet, path, nil, nil); !strings.Contains(body, "Subscribe me again") {
		t.Error("the page does not offer to undo it")
	}
	if answer, body := s.do(t, http.MethodPost, path+"/undo", url.Values{}, nil); answer.StatusCode != http.StatusOK || !s.subscribed(t, "afternoon") || !strings.Contains(body, "as before") {
		t.Errorf("undo: status %d, subscribed %v", answer.StatusCode, s.subscribed(t, "afternoon"))
	}

	s.do(t, http.MethodPost, path, oneClick, nil)
	s.clock.set(noon.Add(24*time.Hour + time.Second))
	if answer, _ := s.do(t, http.MethodPost, path+"/undo", url.Values{}, nil); answer.StatusCode != http.StatusGone || s.subscribed(t, "afternoon") {
		t.Errorf("a day later: status %d, subscribed %v; a link that is passed on must not subscribe anybody", answer.StatusCode, s.subscribed(t, "afternoon"))
	}
	if _, body := s.do(t, http.MethodGet, path, nil, nil); strings.Contains(body, "Subscribe me again") {
		t.Error("the page offers what is not possible any more")
	}
}

func TestReason(t *testing.T) {
	s := newSite(t, databasetest.SQLite(t))
	path := "/u/" + s.keys.Unsubscribe(s.ada.Ref, "afternoon")
	s.do(t, http.MethodPost, path, oneClick, nil)
	const words = "Too long.\r\nAnd <b>late</b>."
	answer, body := s.do(t, http.MethodPost, path+"/reason", url.Values{"reason": {words}}, nil)
	if answer.StatusCode != http.StatusOK || !strings.Contains(body, "Thank you") || strings.Contains(body, "late") {
		t.Errorf("status %d", answer.StatusCode)
	}
	r, err := s.people.Show(t.Context(), s.ada.Ref)
	if err != nil {
		t.Fatal(err)
	}
	if last := r.Changes[len(r.Changes)-1]; last.Note != words || last.List != "afternoon" {
		t.Errorf("on record: %+v", last)
	}
	for name, path := range map[string]string{"undo": "/u/x/undo", "reason": "/u/x/reason"} {
		if answer, _ := s.do(t, http.MethodPost, path, url.Values{}, nil); answer.StatusCode != http.StatusNotFound {
			t.Errorf("%s with a damaged link: status %d, want 404", name, answer.StatusCode)
		}
	}
}
