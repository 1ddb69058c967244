package demo

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/zotpaper/zotpaper/internal/browsertest"
)

const sampleMail = "From: \"Zotpaper\" <edition@news.zotpaper.example>\r\n" +
	"To: =?utf-8?q?Zo=C3=AB?= <zoe@example.org>\r\n" +
	"Subject: =?utf-8?q?Grüße?=\r\n aus der Stadt\r\n" +
	"MIME-Version: 1.0\r\n" +
	"Content-Type: multipart/alternative; boundary=b\r\n\r\n" +
	"--b\r\nContent-Type: text/plain; charset=UTF-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nGr=C3=BC=C3=9Fe <b>\r\n" +
	"--b\r\nContent-Type: text/html; charset=UTF-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" +
	"<!DOCTYPE html><html lang=3D\"en\"><title>x</title><p>Gr=C3=BC=C3=9Fe</p><script>alert(1)</script><a href=3D\"https://zotpaper.example/u/1\">Unsubscribe</a></html>\r\n--b--\r\n"

func samplePage(t *testing.T, messages ...Received) *httptest.Server {
	t.Helper()
	handler, err := Page{
		Prefix:   "/inbox",
		Messages: func() []Received { return messages },
		Readers: func() ([]Reader, error) {
			return []Reader{{Name: "Zoë", Address: "zoe@example.org", State: "sent", On: true}, {Address: "no@example.org", State: "sent"}}, nil
		},
		Report: func() Report {
			return Report{Edition: "Afternoon Edition, Sunday 8 February 2026", Subject: "Grüße", Articles: 11, Recipients: 30, Sent: 30,
				Took: 800 * time.Millisecond, Omitted: []string{"An Essay (draft)"}}
		},
		Rewrite: func(page string) string {
			return strings.ReplaceAll(page, "https://zotpaper.example/", "http://127.0.0.1:1/")
		},
	}.Handler()
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server
}

func read(t *testing.T, url string) (*http.Response, string) {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(body)
}

func TestPageShowsTheMessageInThreeWays(t *testing.T) {
	s := samplePage(t, Received{To: "zoe@example.org", Raw: []byte(sampleMail)})
	tests := []struct {
		name, path string
		want       []string
	}{
		{"the first message, the readers, what was sent", "/inbox/", []string{"aus der Stadt", "Zoë", `src="/inbox/1/body"`, "30 recipients = 30 sent", "An Essay (draft)", "unsubscribed"}},
		{"plain text", "/inbox/1?view=text", []string{"Grüße &lt;b&gt;"}},
		{"source", "/inbox/1?view=source", []string{"Gr=C3=BC=C3=9Fe"}},
		{"the frame", "/inbox/1/body", []string{"<p>Grüße</p>", `target="_top" href="http://127.0.0.1:1/u/1"`}},
		{"the file", "/inbox/1/raw", []string{sampleMail}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			answer, body := read(t, s.URL+tt.path)
			if answer.StatusCode != http.StatusOK {
				t.Fatalf("GET %s: status %d", tt.path, answer.StatusCode)
			}
			for _, want := range tt.want {
				if !strings.Contains(body, want) {
					t.Errorf("GET %s: no %q in\n%s", tt.path, want, body)
				}
			}
			if csp := answer.Header.Get("Content-Security-Policy"); !strings.HasSuffix(tt.path, "raw") && !strings.Contains(csp, "default-src 'none'") {
				t.Errorf("GET %s: policy %q", tt.path, csp)
			}
		})
	}
	for _, path := range []string{"/inbox/0", "/inbox/2", "/inbox/x", "/inbox/2/body", "/inbox/-1/raw"} {
		if answer, _ := read(t, s.URL+path); answer.StatusCode != http.StatusNotFound {
			t.Errorf("GET %s: status %d, want 404", path, answer.StatusCode)
		}
	}
}

func TestPageBeforeAnythingHasCome(t *testing.T) {
	if answer, body := read(t, samplePage(t).URL+"/inbox/"); answer.StatusCode != http.StatusOK || !strings.Contains(body, "Nothing has come yet") {
		t.Errorf("status %d\n%s", answer.StatusCode, body)
	}
}

func TestPageOfSomethingThatIsNoMail(t *testing.T) {
	s := samplePage(t, Received{To: "zoe@example.org", Raw: []byte("no header\x00at all")})
	for _, path := range []string{"/inbox/", "/inbox/1?view=text", "/inbox/1?view=source", "/inbox/1/body"} {
		if answer, _ := read(t, s.URL+path); answer.StatusCode != http.StatusOK {
			t.Errorf("GET %s: status %d", path, answer.StatusCode)
		}
	}
}

func TestPageIsAccessible(t *testing.T) {
	s := samplePage(t, Received{To: "zoe@example.org", Raw: []byte(sampleMail)})
	b := browsertest.Start(t)
	for _, path := range []string{"/inbox/", "/inbox/1?view=text"} {
		b.Accessible(t, path, s.URL+path, 1280, 375)
	}
}
