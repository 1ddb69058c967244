package web

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zotpaper/zotpaper/internal/database"
	"github.com/zotpaper/zotpaper/internal/database/databasetest"
	"github.com/zotpaper/zotpaper/subscribers"
)

// preferences returns where Ada's preferences are.
func (s *site) preferences() string { return "/preferences/" + s.keys.Preferences(s.ada.Ref) }

func TestPreferencesAreSaved(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := newSite(t, db)
		_, body := s.do(t, http.MethodGet, s.preferences(), nil, nil)
		for _, want := range []string{
			`value="afternoon" checked`, `value="morning" checked`, `value="html" checked`,
			`<optgroup label="Europe">`, `<option value="America/Argentina/Buenos_Aires">Argentina, Buenos Aires</option>`,
		} {
			if !strings.Contains(body, want) {
				t.Errorf("the page lacks %s", want)
			}
		}
		if strings.Contains(body, "ada@example.org") {
			t.Error("the page shows the address to whoever holds the link")
		}
		form := url.Values{"lists": {"morning"}, "format": {"text"}, "zone": {"Europe/Berlin"}}
		answer, _ := s.do(t, http.MethodPost, s.preferences(), form, nil)
		if answer.StatusCode != http.StatusSeeOther || answer.Header.Get("Location") != s.preferences()+"?saved" {
			t.Fatalf("status %d to %q", answer.StatusCode, answer.Header.Get("Location"))
		}
		if s.subscribed(t, "afternoon") || !s.subscribed(t, "morning") {
			t.Errorf("subscribed to afternoon %v, morning %v; want morning alone", s.subscribed(t, "afternoon"), s.subscribed(t, "morning"))
		}
		_, body = s.do(t, http.MethodGet, answer.Header.Get("Location"), nil, nil)
		for _, want := range []string{
			"Saved. You get: Morning Edition.", `value="morning" checked`, `value="text" checked`,
			`<option value="Europe/Berlin" selected>`,
		} {
			if !strings.Contains(body, want) {
				t.Errorf("the page does not say what was saved: it lacks %s", want)
			}
		}
		if strings.Contains(body, `value="afternoon" checked`) {
			t.Error("the box of a list that was left is checked")
		}
		if answer, _ := s.do(t, http.MethodPost, s.preferences(), url.Values{"format": {"html"}}, nil); answer.StatusCode != http.StatusSeeOther {
			t.Errorf("no list at all: status %d", answer.StatusCode)
		}
		if _, body = s.do(t, http.MethodGet, s.preferences()+"?saved", nil, nil); !strings.Contains(body, "You get no edition.") {
			t.Error("the page does not say that nothing will come")
		}
	})
}

func TestPreferencesThatAreNone(t *testing.T) {
	s := newSite(t, databasetest.SQLite(t))
	if answer, _ := s.do(t, http.MethodPost, s.preferences(), url.Values{"lists": slices.Repeat([]string{"morning", "afternoon"}, 2000)}, nil); answer.StatusCode != http.StatusSeeOther {
		t.Errorf("the same lists again and again: status %d", answer.StatusCode)
	}
	for name, form := range map[string]url.Values{
		"a list that is none":   {"lists": {"nosuch"}, "format": {"html"}},
		"a format that is none": {"lists": {"morning"}, "format": {"pdf"}},
		"a zone that is none":   {"lists": {"morning"}, "format": {"html"}, "zone": {"Europe/<b>"}},
	} {
		answer, body := s.do(t, http.MethodPost, s.preferences(), form, nil)
		if answer.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(body, `role="alert"`) {
			t.Errorf("%s: status %d, want 422 with a problem", name, answer.StatusCode)
		}
		if !s.subscribed(t, "afternoon") {
			t.Errorf("%s: something was changed", name)
		}
	}
}

// TestZoneOfAnotherName keeps the zone of a reader who came with one that the
// page does not offer.
func TestZoneOfAnotherName(t *testing.T) {
	s := newSite(t, databasetest.SQLite(t))
	form := url.Values{"lists": {"morning"}, "format": {"html"}, "zone": {"US/Pacific"}}
	s.do(t, http.MethodPost, s.preferences(), form, nil)
	if _, body := s.do(t, http.MethodGet, s.preferences(), nil, nil); !strings.Contains(body, "<option selected>US/Pacific</option>") {
		t.Error("the page would drop the reader's zone with the next Save")
	}
}

func TestPreferencesSayWhyNothingComes(t *testing.T) {
	tests := []struct {
		kind subscribers.SuppressionKind
		says string
	}{
		{subscribers.ByBounce, "came back"},
		{subscribers.ByComplaint, "reported as spam"},
		{subscribers.ByOperator, "has stopped all mail"},
		{subscribers.BySubscriber, "You have unsubscribed from everything"},
	}
	for _, tt := range tests {
		t.Run(string(tt.kind), func(t *testing.T) {
			s := newSite(t, databasetest.SQLite(t))
			if _, err := s.people.Suppress(t.Context(), "ada@example.org", tt.kind, "internal reason", "test"); err != nil {
				t.Fatal(err)
			}
			_, body := s.do(t, http.MethodGet, s.preferences(), nil, nil)
			if !strings.Contains(body, tt.says) || strings.Contains(body, "internal reason") {
				t.Errorf("the page does not say %q, or says what is not for readers", tt.says)
			}
		})
	}
}

func TestMoveIsAskedForTheSameWayForEveryAddress(t *testing.T) {
	s := newSite(t, databasetest.SQLite(t))
	if _, err := s.people.Suppress(t.Context(), "gone@example.org", subscribers.ByBounce, "no such user", "test"); err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{"new@example.org", "new@example.org", "gone@example.org", "ada@example.org"} {
		answer, _ := s.do(t, http.MethodPost, s.preferences()+"/move", url.Values{"address": {address}}, nil)
		if answer.StatusCode != http.StatusSeeOther || answer.Header.Get("Location") != s.preferences()+"?asked" {
			t.Errorf("%s: status %d to %q", address, answer.StatusCode, answer.Header.Get("Location"))
		}
	}
	refs := s.notices(t)
	if len(refs) != 1 {
		t.Fatalf("%d notices, want one, to the new address", len(refs))
	}
	answer, body := s.do(t, http.MethodPost, s.preferences()+"/move", url.Values{"address": {`x"><b>`}}, nil)
	if answer.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(body, `value="x&#34;&gt;&lt;b&gt;"`) || !strings.Contains(body, `aria-invalid="true"`) {
		t.Errorf("not an address: status %d, and the page does not show it again, escaped, as wrong", answer.StatusCode)
	}

	path := "/confirm/" + s.keys.Notice(refs[0])
	if _, body := s.do(t, http.MethodGet, path, nil, nil); !strings.Contains(body, "Confirm your new address") || strings.Contains(body, "new@") {
		t.Error("the page of the link does not ask, or shows an address")
	}
	if r, err := s.people.Show(t.Context(), s.ada.Ref); err != nil || r.Subscriber.Address != "ada@example.org" {
		t.Fatalf("looking at the page moved Ada: %+v, error %v", r.Subscriber, err)
	}
	if answer, _ := s.do(t, http.MethodPost, path, url.Values{}, nil); answer.StatusCode != http.StatusSeeOther {
		t.Errorf("the button: status %d", answer.StatusCode)
	}
	if r, err := s.people.Show(t.Context(), s.ada.Ref); err != nil || r.Subscriber.Address != "new@example.org" {
		t.Errorf("the button did not move Ada: %+v, error %v", r.Subscriber, err)
	}
	if _, body := s.do(t, http.MethodGet, path, nil, nil); !strings.Contains(body, "Your address is changed") || strings.Contains(body, "<button") {
		t.Error("the page afterwards does not say so")
	}
}

func TestDataIsTheReadersOwn(t *testing.T) {
	s := newSite(t, databasetest.SQLite(t))
	if answer, _ := s.do(t, http.MethodGet, s.preferences()+"/data", nil, nil); answer.StatusCode != http.StatusNotFound {
		t.Errorf("GET: status %d; what follows links must not come by the data", answer.StatusCode)
	}
	answer, body := s.do(t, http.MethodPost, s.preferences()+"/data", url.Values{}, nil)
	var record subscribers.Record
	if err := json.Unmarshal([]byte(body), &record); err != nil || record.Subscriber.Address != "ada@example.org" || len(record.Consents) != 2 {
		t.Errorf("%s\nerror %v", body, err)
	}
	for name, want := range map[string]string{
		"Content-Type": "application/json", "Cache-Control": "no-store", "Content-Disposition": "attachment; filename*=UTF-8''Zotpaper.json",
	} {
		if got := answer.Header.Get(name); !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q in it", name, got, want)
		}
	}
}

func TestErase(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := newSite(t, db)
		path := s.preferences() + "/erase"
		if answer, body := s.do(t, http.MethodGet, path, nil, nil); answer.StatusCode != http.StatusOK || !strings.Contains(body, "One thing stays") {
			t.Errorf("GET: status %d", answer.StatusCode)
		}
		answer, body := s.do(t, http.MethodPost, path, url.Values{}, nil)
		if answer.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(body, "Tick the box") {
			t.Errorf("without the box: status %d", answer.StatusCode)
		}
		if _, err := s.people.Show(t.Context(), s.ada.Ref); err != nil {
			t.Fatalf("erased without the box: %v", err)
		}
		answer, body = s.do(t, http.MethodPost, path, url.Values{"sure": {"yes"}}, nil)
		if answer.StatusCode != http.StatusOK || !strings.Contains(body, "You are erased") {
			t.Errorf("status %d", answer.StatusCode)
		}
		r, err := s.people.Show(t.Context(), "ada@example.org")
		if err != nil || r.Subscriber != nil || r.Suppression == nil || !r.Suppression.Hashed {
			t.Errorf("what is left: %+v, error %v; want a hash alone", r, err)
		}
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			if answer, body := s.do(t, method, path, url.Values{"sure": {"yes"}}, nil); answer.StatusCode != http.StatusOK || !strings.Contains(body, "belongs to no subscriber") {
				t.Errorf("%s afterwards: status %d", method, answer.StatusCode)
			}
		}
	})
}

func TestListedZonesAreKnown(t *testing.T) {
	n := 0
	for _, g := range zoneGroups() {
		for _, z := range g.Zones {
			n++
			if got, err := subscribers.ParseZone(z.Name); err != nil || got != z.Name || z.City == "" {
				t.Errorf("%q %q: error %v", z.Name, z.City, err)
			}
			if loaded, err := time.LoadLocation(z.Name); err != nil || loaded.String() != z.Name {
				t.Errorf("%s: %v", z.Name, err)
			}
		}
	}
	if n < 400 {
		t.Errorf("%d zones; is the list whole?", n)
	}
}
