package web

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/http"
	"net/mail"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zotpaper/zotpaper/internal/browsertest"
	"github.com/zotpaper/zotpaper/internal/database/databasetest"
	"github.com/zotpaper/zotpaper/subscribers"
)

func TestPagesAreAccessible(t *testing.T) {
	s := newSite(t, databasetest.SQLite(t))
	s.send(t, 8)
	s.do(t, http.MethodPost, "/subscribe", s.signup(t, "bob@example.org", "afternoon"), nil)
	s.do(t, http.MethodPost, "/subscribe", s.signup(t, "carol@example.org", "morning"), nil)
	refs := s.notices(t)
	s.do(t, http.MethodPost, "/confirm/"+s.keys.Notice(refs[1]), nil, nil)
	s.do(t, http.MethodPost, "/u/"+s.keys.Unsubscribe(s.ada.Ref, "morning"), oneClick, nil)
	b := browsertest.Start(t)
	for name, path := range map[string]string{
		"home":         "/",
		"subscribe":    "/subscribe",
		"sent":         "/subscribe/sent",
		"confirm":      "/confirm/" + s.keys.Notice(refs[0]),
		"confirmed":    "/confirm/" + s.keys.Notice(refs[1]),
		"unsubscribe":  "/u/" + s.keys.Unsubscribe(s.ada.Ref, "afternoon"),
		"unsubscribed": "/u/" + s.keys.Unsubscribe(s.ada.Ref, "morning"),
		"preferences":  s.preferences() + "?saved",
		"erase":        s.preferences() + "/erase",
		"editions":     "/editions",
		"edition":      "/editions/2026-02-08/afternoon",
		"bad link":     "/u/x",
	} {
		b.Accessible(t, name, s.URL+path, 1000, 320)
	}
}

// landing is the role of what has the focus: a browser gives it a moment after
// the page is there.
const landing = `new Promise(resolve => {
	const look = left => {
		const role = document.activeElement.getAttribute("role") || "";
		role || !left ? resolve(role) : requestAnimationFrame(() => look(left - 1));
	};
	look(300);
})`

// TestProblemsAreAccessible sends forms as they should not be.
func TestProblemsAreAccessible(t *testing.T) {
	s := newSite(t, databasetest.SQLite(t))
	if _, err := s.people.Suppress(t.Context(), "ada@example.org", subscribers.ByBounce, "no such user", "test"); err != nil {
		t.Fatal(err)
	}
	b := browsertest.Start(t)
	for name, form := range map[string]struct{ path, button string }{
		"sign-up":         {"/subscribe", "#subscribe"},
		"another address": {s.preferences(), "[action$=move] button"},
		"erasure":         {s.preferences() + "/erase", "main button"},
	} {
		for _, scheme := range []browsertest.Scheme{browsertest.Light, browsertest.Dark} {
			for _, width := range []int{1000, 320} {
				b.Open(t, s.URL+form.path, width, scheme)
				b.Follow(t, form.button)
				if got := browsertest.Eval[string](t, b, landing); got != "alert" {
					t.Errorf("%s: the reader does not land at what is wrong, but at %q", name, got)
				}
				for _, v := range b.Violations(t) {
					t.Errorf("%s, %s at %d: %s", name, scheme, width, v)
				}
				if over := browsertest.Eval[int](t, b, `document.documentElement.scrollWidth - window.innerWidth`); over > 0 {
					t.Errorf("%s: the page is %d pixels wider than a window of %d", name, over, width)
				}
			}
		}
	}
}

// TestUnsubscribeWithAButton is what a reader does: open the link, press the
// button.
func TestUnsubscribeWithAButton(t *testing.T) {
	s := newSite(t, databasetest.SQLite(t))
	b := browsertest.Start(t)
	b.Open(t, s.URL+"/u/"+s.keys.Unsubscribe(s.ada.Ref, "afternoon"), 375, browsertest.Light)
	if !s.subscribed(t, "afternoon") {
		t.Fatal("opening the page unsubscribed the reader")
	}
	b.Follow(t, "button")
	if got := browsertest.Eval[string](t, b, "document.title"); got != "You are unsubscribed · Zotpaper" {
		t.Errorf("the page after the button is titled %q", got)
	}
	if s.subscribed(t, "afternoon") {
		t.Error("the button did not unsubscribe the reader")
	}
	b.Follow(t, "[action$=undo] button")
	if !s.subscribed(t, "afternoon") {
		t.Error("the button to undo it did not")
	}
}

// TestSubscribeWithAButton fills in the form as a reader does, on the front
// page, and confirms in another browser, which has no cookie of the first.
func TestSubscribeWithAButton(t *testing.T) {
	s := newSite(t, databasetest.SQLite(t))
	b := browsertest.Start(t)
	b.Open(t, s.URL+"/", 375, browsertest.Light)
	s.clock.set(noon.Add(5 * time.Second))
	browsertest.Eval[bool](t, b, `document.querySelector("#address").value = "bob@example.org", document.querySelector("#list-morning").click(), true`)
	b.Follow(t, "#subscribe")
	if got := browsertest.Eval[string](t, b, "location.pathname + ' ' + document.title"); got != "/subscribe/sent Look into your mail · Zotpaper" {
		t.Fatalf("the page after the form is %q", got)
	}
	other := browsertest.Start(t)
	other.Open(t, s.URL+"/confirm/"+s.keys.Notice(s.notices(t)[0]), 1000, browsertest.Dark)
	if s.isOn(t, "bob@example.org", "morning") {
		t.Fatal("opening the page subscribed the reader")
	}
	other.Follow(t, "main button")
	if got := browsertest.Eval[string](t, other, "document.title"); got != "You are subscribed · Zotpaper" || !s.isOn(t, "bob@example.org", "morning") {
		t.Errorf("the page after the button is titled %q; subscribed: %v", got, s.isOn(t, "bob@example.org", "morning"))
	}
}

// linkInMail matches an address of ours, as it stands in HTML, in plain text
// and in a header.
var linkInMail = regexp.MustCompile(`https://zotpaper\.example[^\s"<>]*`)

// linksOf returns every link to our pages in a mail: header fields, HTML, text.
func linksOf(t *testing.T, raw []byte) []string {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(string(raw)))
	if err != nil {
		t.Fatal(err)
	}
	text := m.Header.Get("List-Unsubscribe") + "\n" + m.Header.Get("List-Archive") + "\n"
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	parts := multipart.NewReader(m.Body, params["boundary"])
	for {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		var body io.Reader = part
		if part.Header.Get("Content-Transfer-Encoding") == "quoted-printable" {
			body = quotedprintable.NewReader(part)
		}
		content, err := io.ReadAll(body)
		if err != nil {
			t.Fatal(err)
		}
		text += string(content)
	}
	links := linkInMail.FindAllString(text, -1)
	slices.Sort(links)
	return slices.Compact(links)
}

// TestScannerThatRunsScripts is row R7 of the fault matrix: a provider's
// scanner asks for every link of a mail with HEAD and GET, and opens it in a
// browser in which scripts run.
func TestScannerThatRunsScripts(t *testing.T) {
	s := newSite(t, databasetest.SQLite(t))
	s.send(t, 8)
	links := linksOf(t, s.inbox.Messages()[0].Raw)
	for _, want := range []string{"/u/", "/preferences/", "/editions/"} {
		if !slices.ContainsFunc(links, func(l string) bool { return strings.HasPrefix(l, "https://zotpaper.example"+want) }) {
			t.Fatalf("no link to %s in the mail: %q", want, links)
		}
	}
	s.do(t, http.MethodPost, "/subscribe", s.signup(t, "bob@example.org", "afternoon"), nil)
	s.do(t, http.MethodPost, s.preferences()+"/move", map[string][]string{"address": {"new@example.org"}}, nil)
	for _, ref := range s.notices(t) {
		links = append(links, "https://zotpaper.example/confirm/"+s.keys.Notice(ref))
	}
	before := dump(t, s.people.DB)
	b := browsertest.Start(t)
	for _, link := range links {
		path := strings.TrimPrefix(link, "https://zotpaper.example")
		for _, method := range []string{http.MethodHead, http.MethodGet} {
			if answer, _ := s.do(t, method, path, nil, nil); answer.StatusCode != http.StatusOK {
				t.Errorf("%s %s: status %d", method, path, answer.StatusCode)
			}
		}
		b.Open(t, s.URL+path, 600, browsertest.Light)
		if got := browsertest.Eval[string](t, b, "document.readyState"); got != "complete" {
			t.Errorf("%s: the page is %s", path, got)
		}
	}
	if after := dump(t, s.people.DB); after != before {
		t.Errorf("a scanner changed the database from\n%s\nto\n%s", before, after)
	}
}
