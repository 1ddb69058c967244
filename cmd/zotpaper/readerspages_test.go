package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/zotpaper/zotpaper/edition"
)

// get returns the status and the body of a page.
func get(t *testing.T, h http.Handler, path string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	body, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Code, string(body)
}

func TestReadyWhenItCanWork(t *testing.T) {
	n, _ := newServed(t, "2026-02-08T15:00:00Z")
	if err := n.readyToDispatch(); err != nil {
		t.Fatal(err)
	}
	h, err := n.readersPages().Handler()
	if err != nil {
		t.Fatal(err)
	}
	if status, body := get(t, h, "/readyz"); status != http.StatusOK {
		t.Errorf("status %d: %s", status, body)
	}
	journal := n.config.journal()
	if err := os.Rename(journal, journal+".gone"); err != nil {
		t.Fatal(err)
	}
	if status, _ := get(t, h, "/readyz"); status != http.StatusServiceUnavailable {
		t.Errorf("without a journal: status %d, want 503", status)
	}
	if err := os.Rename(journal+".gone", journal); err != nil {
		t.Fatal(err)
	}
	if status, _ := get(t, h, "/readyz"); status != http.StatusOK {
		t.Errorf("with the journal back: status %d", status)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if err := n.ready(ended); err == nil {
		t.Error("a database that does not answer in time counts as ready")
	}
}

// TestPagesAsConfigured has each key of the readers' pages take effect.
func TestPagesAsConfigured(t *testing.T) {
	n, _ := newServed(t, "2026-02-08T16:00:00Z")
	n.config.Web.Archive, n.config.Web.Signup, n.config.Web.Signups.Network = archiveOfReaders, false, 7
	n.people.Limits.Network = 0
	again, err := openNewsroom(t.Context(), n.config, n.log, n.press.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := again.close(); err != nil {
			t.Error(err)
		}
	}()
	if again.people.Limits.Network != 7 || again.people.Limits.Total != 2000 {
		t.Errorf("limits %+v", again.people.Limits)
	}
	if _, err := again.press.Send(t.Context(), again.press.Slots[0], again.press.Today(), "test", nil); err != nil {
		t.Fatal(err)
	}
	h, err := again.readersPages().Handler()
	if err != nil {
		t.Fatal(err)
	}
	key := edition.Key{Date: again.press.Today(), Slot: "afternoon"}
	issue, _, err := again.press.Issue(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	view := "/editions/" + key.String() + "?key=" + again.keys.Edition(key.String())
	if !strings.Contains(issue.HTML, view) || !strings.Contains(issue.Text, view) {
		t.Errorf("the mail does not open the edition with %s", view)
	}
	for path, want := range map[string]int{
		"/": http.StatusOK, "/subscribe": http.StatusNotFound, "/editions": http.StatusNotFound,
		"/editions/" + key.String(): http.StatusNotFound, view: http.StatusOK,
	} {
		if status, _ := get(t, h, path); status != want {
			t.Errorf("%s: status %d, want %d", path, status, want)
		}
	}
}

// TestDemoOfAReaderWhoIsGone is about the demo's table of readers.
func TestDemoOfAReaderWhoIsGone(t *testing.T) {
	s := sampleSent(t, nil)
	gone := s.inbox.Messages()[0].To
	if err := s.people.Erase(t.Context(), gone, "test"); err != nil {
		t.Fatal(err)
	}
	h, err := s.pages(t.Context(), "http://127.0.0.1:8025")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/", "/subscribe", "/editions", "/inbox/"} {
		if status, body := get(t, h, path); status != http.StatusOK || !strings.Contains(body, "Afternoon Edition") {
			t.Errorf("%s: status %d", path, status)
		}
	}
}
