package web

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zotpaper/zotpaper/internal/database/databasetest"
)

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
