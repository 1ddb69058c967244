package web

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/zotpaper/zotpaper/subscribers"
)

// A settings is what stands on the page of a reader's preferences.
type settings struct {
	Token      string
	Lists      []choice
	Format     subscribers.Format
	Zone       string // empty: the paper's
	OtherZone  bool   // Zone is none of Zones
	PaperZone  string
	Zones      []zoneGroup
	Stopped    string // why no mail goes to the address; empty: it may
	Said       string // what was just done; empty: nothing
	NewAddress string // as it was entered
	Problems   problems
}

// fieldNewAddress is the ID of the field for another address.
const fieldNewAddress = "new-address"

// reader returns everything known of the reader whose preferences r asks for,
// or answers that there is nobody.
func (s *Server) reader(w http.ResponseWriter, r *http.Request) (subscribers.Record, bool) {
	ref, err := s.Keys.ParsePreferences(r.PathValue("token"))
	if err != nil {
		s.badLink(w)
		return subscribers.Record{}, false
	}
	record, err := s.Subscribers.Show(r.Context(), ref)
	switch {
	case errors.Is(err, subscribers.ErrUnknown):
		s.nobody(w)
	case err != nil:
		s.failed(w, r, err)
	default:
		return record, true
	}
	return subscribers.Record{}, false
}

func (s *Server) preferencesPage(w http.ResponseWriter, r *http.Request) {
	record, ok := s.reader(w, r)
	if !ok {
		return
	}
	p, err := s.settings(r, record)
	if err != nil {
		s.failed(w, r, err)
		return
	}
	switch query := r.URL.Query(); {
	case query.Has("saved"):
		p.Said = s.saved(p)
	case query.Has("asked"):
		p.Said = s.say("preferences.move_asked")
	}
	s.show(w, http.StatusOK, "preferences", "preferences.title", p)
}

// settings returns the preferences of a reader as they are.
func (s *Server) settings(r *http.Request, record subscribers.Record) (settings, error) {
	p := settings{
		Token:  r.PathValue("token"),
		Format: record.Subscriber.Format, Zone: record.Subscriber.Zone,
		PaperZone: s.zoneName(), Zones: s.zones,
		Stopped: s.stopped(record.Suppression),
	}
	p.OtherZone = p.Zone != "" && !isListed(s.zones, p.Zone)
	titles, err := s.Subscribers.Titles(r.Context())
	if err != nil {
		return p, err
	}
	for _, l := range s.Lists {
		p.Lists = append(p.Lists, choice{ID: l.ID, Title: l.Title, When: s.rhythms[l.ID]})
	}
	for _, c := range record.Consents {
		on := c.State == "given"
		i := slices.IndexFunc(p.Lists, func(l choice) bool { return l.ID == c.List })
		switch {
		case i >= 0:
			p.Lists[i].On = on
		case on: // the paper offers it no more, and the reader is on it
			p.Lists = append(p.Lists, choice{ID: c.List, Title: titles[c.List], On: true})
		}
	}
	return p, nil
}

// stopped says why no mail goes to an address with that suppression.
func (s *Server) stopped(suppression *subscribers.Suppression) string {
	if suppression == nil {
		return ""
	}
	switch suppression.Kind {
	case subscribers.ByBounce:
		return s.say("preferences.bounced")
	case subscribers.ByComplaint:
		return s.say("preferences.complained")
	case subscribers.BySubscriber, subscribers.ByErasure:
		return s.say("preferences.unsubscribed")
	}
	return s.say("preferences.stopped")
}

// saved says what p came to.
func (s *Server) saved(p settings) string {
	var titles []string
	for _, l := range p.Lists {
		if l.On {
			titles = append(titles, l.Title)
		}
	}
	if len(titles) == 0 {
		return s.say("preferences.saved_none")
	}
	return s.say("preferences.saved", "lists", strings.Join(titles, ", "))
}

func (s *Server) savePreferences(w http.ResponseWriter, r *http.Request) {
	if !s.readForm(w, r) {
		return
	}
	record, ok := s.reader(w, r)
	if !ok {
		return
	}
	_, err := s.Subscribers.SetPreferences(r.Context(), record.Subscriber.Ref, subscribers.Preferences{
		// Each once: a form may repeat one thousands of times.
		Lists:  slices.Compact(slices.Sorted(slices.Values(r.PostForm["lists"]))),
		Format: subscribers.Format(r.PostForm.Get("format")), Zone: r.PostForm.Get("zone"),
	}, subscribers.Origin{IP: s.client(r)})
	var badZone *subscribers.ZoneError
	var badFormat *subscribers.FormatError
	switch {
	case errors.As(err, &badZone), errors.As(err, &badFormat), errors.Is(err, subscribers.ErrNoList):
		s.mend(w, r, record, problem{"save", s.say("preferences.bad")})
	case err != nil:
		s.refuse(w, r, err)
	default:
		s.seeOther(w, r, "/preferences/"+r.PathValue("token")+"?saved")
	}
}

// mend shows the preferences again, with what was wrong with a form.
func (s *Server) mend(w http.ResponseWriter, r *http.Request, record subscribers.Record, what problem) {
	p, err := s.settings(r, record)
	if err != nil {
		s.failed(w, r, err)
		return
	}
	p.Problems = problems{what}
	p.NewAddress = r.PostForm.Get("address")
	s.show(w, http.StatusUnprocessableEntity, "preferences", "preferences.title", p)
}

// move has the owner of another address asked whether the reader is them. The
// answer is the same for every address, the reader's own among them: whoever
// holds the link must not learn one by trying.
func (s *Server) move(w http.ResponseWriter, r *http.Request) {
	if !s.readForm(w, r) {
		return
	}
	record, ok := s.reader(w, r)
	if !ok {
		return
	}
	err := s.Subscribers.RequestMove(r.Context(), record.Subscriber.Ref, r.PostForm.Get("address"), subscribers.Origin{IP: s.client(r)})
	var bad *subscribers.AddressError
	switch {
	case errors.As(err, &bad):
		s.mend(w, r, record, problem{fieldNewAddress, s.say("signup.bad_address")})
	case err != nil:
		s.refuse(w, r, err)
	default:
		s.seeOther(w, r, "/preferences/"+r.PathValue("token")+"?asked")
	}
}

// data gives readers everything that is known of them. It is a POST so that
// nothing that follows links comes by it.
func (s *Server) data(w http.ResponseWriter, r *http.Request) {
	record, ok := s.reader(w, r)
	if !ok {
		return
	}
	text, err := json.MarshalIndent(record, "", "  ")
	if err != nil {
		s.failed(w, r, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Content-Disposition", "attachment; filename*=UTF-8''"+url.PathEscape(s.Publication.Name)+".json")
	_, _ = w.Write(append(text, '\n')) // the reader may have gone
}
