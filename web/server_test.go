package web

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zotpaper/zotpaper/internal/database/databasetest"
	"github.com/zotpaper/zotpaper/press"
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

func TestFormThatIsNone(t *testing.T) {
	s := newSite(t, databasetest.SQLite(t))
	for _, path := range []string{"/subscribe", s.preferences(), s.preferences() + "/erase"} {
		header := http.Header{"Content-Type": {"application/x-www-form-urlencoded; ="}}
		if answer, body := s.do(t, http.MethodPost, path, url.Values{"x": {"y"}}, header); answer.StatusCode != http.StatusBadRequest || !strings.Contains(body, "Nothing was changed") {
			t.Errorf("%s: status %d, want 400", path, answer.StatusCode)
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

// dial connects to a server by itself. The connection ends with the test.
func dial(t *testing.T, address net.Addr) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", address.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // it may be closed
	return c
}

// TestSlowClientIsCutOff is the first half of row 21, with less patience.
func TestSlowClientIsCutOff(t *testing.T) {
	s := newSite(t, databasetest.SQLite(t))
	handler, err := s.server.Handler()
	if err != nil {
		t.Fatal(err)
	}
	server := newServer(handler, s.server.Log)
	for name, limit := range map[string]time.Duration{
		"head": server.ReadHeaderTimeout, "request": server.ReadTimeout, "answer": server.WriteTimeout, "idle": server.IdleTimeout,
	} {
		if limit <= 0 || limit > 5*time.Minute {
			t.Errorf("the time for the %s is %v", name, limit)
		}
	}
	server.ReadHeaderTimeout, server.ReadTimeout = 50*time.Millisecond, 100*time.Millisecond
	l := httptest.NewUnstartedServer(nil).Listener
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- serve(ctx, l, server) }()
	for name, begin := range map[string]string{
		"half a head": "GET / HTTP/1.1\r\nHost: x\r\n",
		"half a body": "POST /subscribe HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\nx=",
	} {
		c := dial(t, l.Addr())
		if _, err := io.WriteString(c, begin); err != nil {
			t.Fatal(err)
		}
		if err := c.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, c); err != nil {
			t.Errorf("%s: the connection is kept: %v", name, err)
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Errorf("serve: %v", err)
	}
}

// TestHugeBodyIsNotRead is the other half: a gigabyte is not taken in.
func TestHugeBodyIsNotRead(t *testing.T) {
	s := newSite(t, databasetest.SQLite(t))
	for _, path := range []string{"/subscribe", "/u/" + s.keys.Unsubscribe(s.ada.Ref, "afternoon"), s.preferences(), s.preferences() + "/data", "/nothing"} {
		c := dial(t, s.Listener.Addr())
		const size = 1 << 30
		fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n", path, size)
		written := make(chan int, 1)
		go func() {
			n, part := 0, []byte(strings.Repeat("x", 64<<10))
			for n < size {
				m, err := c.Write(part)
				if n += m; err != nil {
					break
				}
			}
			written <- n
		}()
		answer, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Errorf("%s: %v", path, err)
		} else {
			answer.Body.Close()
			if answer.StatusCode < 400 && !strings.HasSuffix(path, "/data") {
				t.Errorf("%s: status %d", path, answer.StatusCode)
			}
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if n := <-written; n > 64<<20 {
			t.Errorf("%s: %d bytes were taken", path, n)
		}
	}
	if !s.subscribed(t, "afternoon") {
		t.Error("a body beyond the bound unsubscribed Ada")
	}
}

func TestReadyz(t *testing.T) {
	var missing error
	s := newSite(t, databasetest.SQLite(t), func(s *Server) { s.Ready = func(context.Context) error { return missing } })
	if answer, body := s.do(t, http.MethodGet, "/readyz", nil, nil); answer.StatusCode != http.StatusOK || body != "ready\n" {
		t.Errorf("status %d, %q", answer.StatusCode, body)
	}
	missing = press.ErrNotFound
	answer, body := s.do(t, http.MethodGet, "/readyz", nil, nil)
	if answer.StatusCode != http.StatusServiceUnavailable || strings.Contains(body, missing.Error()) || !strings.Contains(s.log.String(), missing.Error()) {
		t.Errorf("status %d, %q; want 503, and the cause in the log alone", answer.StatusCode, body)
	}
	if answer, body := s.do(t, http.MethodGet, "/healthz", nil, nil); answer.StatusCode != http.StatusOK || body != "ok\n" {
		t.Errorf("/healthz: status %d, %q", answer.StatusCode, body)
	}
}
