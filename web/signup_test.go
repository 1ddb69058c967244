package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/zotpaper/zotpaper/internal/database"
	"github.com/zotpaper/zotpaper/internal/database/databasetest"
	"github.com/zotpaper/zotpaper/subscribers"
)

func TestSignupIsConfirmed(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := newSite(t, db)
		form := s.signup(t, "Bob@Example.org", "afternoon")
		form.Set("name", "Bob")
		answer, body := s.do(t, http.MethodPost, "/subscribe", form, http.Header{"X-Forwarded-For": {"192.0.2.7"}})
		if answer.StatusCode != http.StatusSeeOther || answer.Header.Get("Location") != "/subscribe/sent" || len(answer.Cookies()) > 0 {
			t.Fatalf("status %d to %q, cookies %v:\n%s", answer.StatusCode, answer.Header.Get("Location"), answer.Cookies(), body)
		}
		if _, body := s.do(t, http.MethodGet, "/subscribe/sent", nil, nil); !strings.Contains(body, "Look into your mail") {
			t.Error("the page behind the form does not say what to do")
		}
		refs := s.notices(t)
		if len(refs) != 1 {
			t.Fatalf("%d notices, want one", len(refs))
		}
		path := "/confirm/" + s.keys.Notice(refs[0])
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			if answer, _ := s.do(t, method, path, nil, nil); answer.StatusCode != http.StatusOK || s.isOn(t, "bob@example.org", "afternoon") {
				t.Fatalf("%s: status %d; a scanner that looks at the page must not subscribe anybody", method, answer.StatusCode)
			}
		}
		for _, time := range []string{"first", "second"} {
			answer, _ := s.do(t, http.MethodPost, path, url.Values{}, nil)
			if answer.StatusCode != http.StatusSeeOther || answer.Header.Get("Location") != path || !s.isOn(t, "bob@example.org", "afternoon") {
				t.Fatalf("%s POST: status %d, on the list %v", time, answer.StatusCode, s.isOn(t, "bob@example.org", "afternoon"))
			}
		}
		_, body = s.do(t, http.MethodGet, path, nil, nil)
		if !strings.Contains(body, "You are subscribed") || !strings.Contains(body, "Afternoon Edition") || strings.Contains(body, "<button") {
			t.Errorf("the page afterwards:\n%s", body)
		}
		s.checkProof(t)
	})
}

// checkProof checks what is kept as proof of Bob's consent: the words he saw,
// and where he was.
func (s *site) checkProof(t *testing.T) {
	t.Helper()
	r, err := s.people.Show(t.Context(), "bob@example.org")
	if err != nil {
		t.Fatal(err)
	}
	proof := r.Consents[0].Proof
	if proof == nil || proof.AskedFrom != "192.0.2.7" || len(r.Forms) != 1 || proof.Form != r.Forms[0].Version {
		t.Fatalf("proof %+v, forms %+v", proof, r.Forms)
	}
	if _, page := s.do(t, http.MethodGet, "/subscribe", nil, nil); !strings.Contains(page, `<p class="consent">`+r.Forms[0].Text+"</p>") {
		t.Errorf("the words on record are not those on the page: %s", r.Forms[0].Text)
	}
	if r.Subscriber.Name != "Bob" {
		t.Errorf("name %q", r.Subscriber.Name)
	}
}

// isOn reports whether somebody is on a list.
func (s *site) isOn(t *testing.T, address, list string) bool {
	t.Helper()
	r, err := s.people.Show(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range r.Consents {
		if c.List == list {
			return c.State == "given"
		}
	}
	return false
}

// TestSignupAnswersEveryAddressAlike is about who asks whether an address is
// known.
func TestSignupAnswersEveryAddressAlike(t *testing.T) {
	s := newSite(t, databasetest.SQLite(t))
	if _, err := s.people.Suppress(t.Context(), "gone@example.org", subscribers.ByComplaint, "spam", "test"); err != nil {
		t.Fatal(err)
	}
	var first http.Header
	for _, address := range []string{"new@example.org", "ada@example.org", "gone@example.org", "new@example.org"} {
		answer, body := s.do(t, http.MethodPost, "/subscribe", s.signup(t, address, "afternoon"), nil)
		answer.Header.Del("Date")
		if first == nil {
			first = answer.Header
		}
		if answer.StatusCode != http.StatusSeeOther || body != "" || len(answer.Header) != len(first) || answer.Header.Get("Location") != first.Get("Location") {
			t.Errorf("%s: status %d, %v %q; want the same for all", address, answer.StatusCode, answer.Header, body)
		}
	}
}

func TestSignupProblems(t *testing.T) {
	const hostile = `"><script>alert(1)</script>`
	tests := []struct {
		name   string
		change func(url.Values, *site)
		says   string
	}{
		{"no list", func(f url.Values, _ *site) { f.Del("lists") }, "Choose at least one edition."},
		{"a list that is none", func(f url.Values, _ *site) { f.Set("lists", "nosuch") }, "Choose at least one edition."},
		{"no address", func(f url.Values, _ *site) { f.Del("address") }, "This is not a whole email address."},
		{"half an address", func(f url.Values, _ *site) { f.Set("address", "bob@") }, "This is not a whole email address."},
		{"markup for an address", func(f url.Values, _ *site) { f.Set("address", hostile) }, "This is not a whole email address."},
		{"a header in the address", func(f url.Values, _ *site) { f.Set("address", "b@example.org\r\nBcc: c@example.org") }, "This is not a whole email address."},
		{"a header in the name", func(f url.Values, _ *site) { f.Set("name", "Bob\r\nBcc: c@example.org") }, "The name does not fit."},
		{"a NUL in the name", func(f url.Values, _ *site) { f.Set("name", "Bob\x00") }, "The name does not fit."},
		{"an endless name", func(f url.Values, _ *site) { f.Set("name", strings.Repeat("x", 5000)) }, "The name does not fit."},
		{"a program's haste", func(f url.Values, s *site) { f.Set("stamp", s.keys.Stamp(noon.Add(-time.Second))) }, "quicker than people are"},
		{"yesterday's form", func(f url.Values, s *site) { f.Set("stamp", s.keys.Stamp(noon.Add(-25*time.Hour))) }, "open for a long time"},
		{"a stamp of the future", func(f url.Values, s *site) { f.Set("stamp", s.keys.Stamp(noon.Add(time.Hour))) }, "open for a long time"},
		{"no stamp", func(f url.Values, _ *site) { f.Del("stamp") }, "open for a long time"},
		{"a forged stamp", func(f url.Values, _ *site) { f.Set("stamp", f.Get("stamp")[:20]+hostile) }, "open for a long time"},
		{"other words", func(f url.Values, _ *site) { f.Set("wording", hostile) }, "put in new words"},
	}
	s := newSite(t, databasetest.SQLite(t))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			form := s.signup(t, "bob@example.org", "afternoon")
			tt.change(form, s)
			answer, body := s.do(t, http.MethodPost, "/subscribe", form, nil)
			if answer.StatusCode != http.StatusUnprocessableEntity || strings.Count(body, tt.says) != 2 {
				t.Errorf("status %d, want 422, and %q in the summary and beside the field:\n%s", answer.StatusCode, tt.says, body)
			}
			if strings.Contains(body, "<script") || !strings.Contains(body, `role="alert"`) {
				t.Error("the page repeats markup, or has no summary")
			}
			if form.Get("address") == "bob@example.org" && !strings.Contains(body, `value="bob@example.org"`) {
				t.Error("what was entered is lost")
			}
			if len(s.notices(t)) != 0 {
				t.Error("a notice was recorded all the same")
			}
		})
	}
}

func TestHoneypot(t *testing.T) {
	s := newSite(t, databasetest.SQLite(t))
	form := s.signup(t, "bob@example.org", "afternoon")
	form.Set("homepage", "https://pills.example")
	if answer, _ := s.do(t, http.MethodPost, "/subscribe", form, nil); answer.StatusCode != http.StatusSeeOther || answer.Header.Get("Location") != "/subscribe/sent" {
		t.Errorf("status %d to %q; a program must not learn that it was seen", answer.StatusCode, answer.Header.Get("Location"))
	}
	if n := len(s.notices(t)); n != 0 {
		t.Errorf("%d notices, want none", n)
	}
}

func TestOnlyListIsChosen(t *testing.T) {
	s := newSite(t, databasetest.SQLite(t), func(s *Server) { s.Lists = s.Lists[:1] })
	if _, body := s.do(t, http.MethodGet, "/", nil, nil); !strings.Contains(body, `value="afternoon" checked`) || strings.Contains(body, "Morning Edition") {
		t.Error("the only list is not chosen, or another is offered")
	}
	if answer, _ := s.do(t, http.MethodPost, "/subscribe", s.signup(t, "bob@example.org", "morning"), nil); answer.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("a list that the paper offers no more: status %d, want 422", answer.StatusCode)
	}
}

func TestNoSignup(t *testing.T) {
	s := newSite(t, databasetest.SQLite(t), func(s *Server) { s.Signup = false })
	for _, path := range []string{"/subscribe", "/subscribe/sent"} {
		if answer, _ := s.do(t, http.MethodGet, path, nil, nil); answer.StatusCode != http.StatusNotFound {
			t.Errorf("%s: status %d, want 404", path, answer.StatusCode)
		}
	}
	form := url.Values{"address": {"bob@example.org"}, "lists": {"afternoon"}, "stamp": {s.keys.Stamp(noon.Add(-time.Minute))}}
	if answer, _ := s.do(t, http.MethodPost, "/subscribe", form, nil); answer.StatusCode != http.StatusNotFound || len(s.notices(t)) > 0 {
		t.Errorf("POST: status %d; a form that is switched off must not work without its page", answer.StatusCode)
	}
	for _, path := range []string{"/", "/editions", "/u/x"} {
		if _, body := s.do(t, http.MethodGet, path, nil, nil); strings.Contains(body, "/subscribe") {
			t.Errorf("%s leads to the form", path)
		}
	}
}

func TestConfirmTooLate(t *testing.T) {
	s := newSite(t, databasetest.SQLite(t))
	s.do(t, http.MethodPost, "/subscribe", s.signup(t, "bob@example.org", "afternoon"), nil)
	token := s.keys.Notice(s.notices(t)[0])
	s.clock.set(noon.Add(7*24*time.Hour + time.Second))
	for name, path := range map[string]string{"a week later": token, "of nobody": s.keys.Notice("aaaaaaaaaaaaaaaa")} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			answer, body := s.do(t, method, "/confirm/"+path, url.Values{}, nil)
			if answer.StatusCode != http.StatusGone || !strings.Contains(body, `href="/subscribe"`) {
				t.Errorf("%s, %s: status %d, want 410 and the way to a new link", name, method, answer.StatusCode)
			}
		}
	}
	if s.isOn(t, "bob@example.org", "afternoon") {
		t.Error("an expired link subscribed somebody")
	}
	for _, bad := range []string{token[:10], s.keys.Preferences(s.ada.Ref), "x"} {
		if answer, _ := s.do(t, http.MethodPost, "/confirm/"+bad, url.Values{}, nil); answer.StatusCode != http.StatusNotFound {
			t.Errorf("a damaged link: status %d, want 404", answer.StatusCode)
		}
	}
}
