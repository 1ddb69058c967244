package web

import (
	"errors"
	"net/http"

	"github.com/zotpaper/zotpaper/subscribers"
)

// byReader is who stands on record for what a reader does on these pages.
const byReader = "reader"

// A leave is an unsubscription, or one to come.
type leave struct {
	Token string
	List  string // its title
	Undo  bool   // it can be undone
}

func (s *Server) unsubscribePage(w http.ResponseWriter, r *http.Request) {
	token := r.PathValue("token")
	ref, list, err := s.Keys.ParseUnsubscribe(token)
	if err != nil {
		s.badLink(w)
		return
	}
	record, err := s.Subscribers.Show(r.Context(), ref)
	if errors.Is(err, subscribers.ErrUnknown) {
		s.nobody(w)
		return
	}
	if err != nil {
		s.failed(w, r, err)
		return
	}
	l := leave{Token: token}
	if l.List, err = s.listTitle(r, list); err != nil {
		s.failed(w, r, err)
		return
	}
	for _, c := range record.Consents {
		if c.List == list && c.State == "withdrawn" {
			l.Undo = c.Source == byReader && s.now().Sub(c.ChangedAt) < subscribers.UndoSpan
			s.show(w, http.StatusOK, "unsubscribed", "unsubscribe.done_title", l)
			return
		}
	}
	s.show(w, http.StatusOK, "unsubscribe", "unsubscribe.title", l)
}

// unsubscribe takes the reader off the list, whether the button was pressed or
// a mail program sent the one-click request. Either is answered with 200 and
// without a redirect, and a second time like the first.
//
// https://www.rfc-editor.org/rfc/rfc8058#section-3.1
func (s *Server) unsubscribe(w http.ResponseWriter, r *http.Request) {
	token := r.PathValue("token")
	ref, list, err := s.Keys.ParseUnsubscribe(token)
	if err != nil {
		s.badLink(w)
		return
	}
	if r.PostFormValue("List-Unsubscribe") != "One-Click" {
		// Whatever posts to every address it finds does not know this word.
		s.message(w, http.StatusBadRequest, "unsubscribe.refused")
		return
	}
	done, err := s.Subscribers.Unsubscribe(r.Context(), list, ref, byReader)
	switch {
	case errors.Is(err, subscribers.ErrUnknown), errors.Is(err, subscribers.ErrNoList):
		s.nobody(w)
	case err != nil:
		s.failed(w, r, err)
	default:
		s.show(w, http.StatusOK, "unsubscribed", "unsubscribe.done_title", leave{token, done.List.Title, true})
	}
}

// rejoin undoes an unsubscription of the last day.
func (s *Server) rejoin(w http.ResponseWriter, r *http.Request) {
	ref, list, err := s.Keys.ParseUnsubscribe(r.PathValue("token"))
	if err != nil {
		s.badLink(w)
		return
	}
	title, err := s.listTitle(r, list)
	if err == nil {
		err = s.Subscribers.Rejoin(r.Context(), list, ref, subscribers.Origin{IP: s.client(r)})
	}
	switch {
	case errors.Is(err, subscribers.ErrTooLate):
		s.show(w, http.StatusGone, "late", "unsubscribe.late_title", nil)
	case errors.Is(err, subscribers.ErrUnknown):
		s.nobody(w)
	case err != nil:
		s.failed(w, r, err)
	default:
		s.show(w, http.StatusOK, "rejoined", "unsubscribe.undone_title", leave{List: title})
	}
}

// reason keeps why a reader left.
func (s *Server) reason(w http.ResponseWriter, r *http.Request) {
	ref, list, err := s.Keys.ParseUnsubscribe(r.PathValue("token"))
	if err != nil {
		s.badLink(w)
		return
	}
	if !s.readForm(w, r) {
		return
	}
	err = s.Subscribers.GiveReason(r.Context(), list, ref, r.PostForm.Get("reason"))
	switch {
	case errors.Is(err, subscribers.ErrUnknown):
		s.nobody(w)
	case err != nil:
		s.failed(w, r, err)
	default:
		s.message(w, http.StatusOK, "unsubscribe.thanks")
	}
}

// listTitle returns what readers call a list.
func (s *Server) listTitle(r *http.Request, id string) (string, error) {
	lists, err := s.Subscribers.Titles(r.Context())
	if err != nil {
		return "", err
	}
	if title := lists[id]; title != "" {
		return title, nil
	}
	return id, nil
}
