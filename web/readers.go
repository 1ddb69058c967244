package web

import (
	"errors"
	"net/http"

	"github.com/zotpaper/zotpaper/subscribers"
)

// byReader is who stands on record for what a reader does on these pages.
const byReader = "reader"

func (s *Server) unsubscribePage(w http.ResponseWriter, r *http.Request) {
	ref, list, err := s.Keys.ParseUnsubscribe(r.PathValue("token"))
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
	title, err := s.listTitle(r, list)
	if err != nil {
		s.failed(w, r, err)
		return
	}
	for _, c := range record.Consents {
		if c.List == list && c.State == "withdrawn" {
			s.show(w, http.StatusOK, "unsubscribed", view{Title: "Unsubscribed", List: title})
			return
		}
	}
	s.show(w, http.StatusOK, "unsubscribe", view{Title: "Unsubscribe", List: title, Action: r.URL.Path})
}

// unsubscribe takes the reader off the list, whether the button was pressed or
// a mail program sent the one-click request. Either is answered with 200 and
// without a redirect, and a second time like the first.
//
// https://www.rfc-editor.org/rfc/rfc8058#section-3.1
func (s *Server) unsubscribe(w http.ResponseWriter, r *http.Request) {
	ref, list, err := s.Keys.ParseUnsubscribe(r.PathValue("token"))
	if err != nil {
		s.badLink(w)
		return
	}
	if r.PostFormValue("List-Unsubscribe") != "One-Click" {
		// Whatever posts to every address it finds does not know this word.
		s.show(w, http.StatusBadRequest, "message", view{
			Title: "Nothing was changed",
			Text:  "The request did not come from the button on this page. Please open the link in the mail again.",
		})
		return
	}
	done, err := s.Subscribers.Unsubscribe(r.Context(), list, ref, byReader)
	switch {
	case errors.Is(err, subscribers.ErrUnknown), errors.Is(err, subscribers.ErrNoList):
		s.nobody(w)
	case err != nil:
		s.failed(w, r, err)
	default:
		s.show(w, http.StatusOK, "unsubscribed", view{Title: "Unsubscribed", List: done.List.Title})
	}
}

func (s *Server) preferencesPage(w http.ResponseWriter, r *http.Request) {
	ref, err := s.Keys.ParsePreferences(r.PathValue("token"))
	if err != nil {
		s.badLink(w)
		return
	}
	s.preferences(w, r, ref)
}

// preferences shows what the reader behind ref is subscribed to.
func (s *Server) preferences(w http.ResponseWriter, r *http.Request, ref string) {
	record, err := s.Subscribers.Show(r.Context(), ref)
	if errors.Is(err, subscribers.ErrUnknown) {
		s.nobody(w)
		return
	}
	v := view{Title: "Preferences", Action: r.URL.Path}
	for _, c := range record.Consents {
		if err != nil {
			break
		}
		var title string
		title, err = s.listTitle(r, c.List)
		v.Lists = append(v.Lists, membership{c.List, title, c.State == "given"})
	}
	if err != nil {
		s.failed(w, r, err)
		return
	}
	s.show(w, http.StatusOK, "preferences", v)
}

func (s *Server) leaveList(w http.ResponseWriter, r *http.Request) {
	ref, err := s.Keys.ParsePreferences(r.PathValue("token"))
	if err != nil {
		s.badLink(w)
		return
	}
	_, err = s.Subscribers.Unsubscribe(r.Context(), r.PostFormValue("leave"), ref, byReader)
	switch {
	case errors.Is(err, subscribers.ErrUnknown), errors.Is(err, subscribers.ErrNoList):
		s.nobody(w)
	case err != nil:
		s.failed(w, r, err)
	default:
		s.preferences(w, r, ref)
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

// badLink answers a token that is not ours, or was damaged on its way.
func (s *Server) badLink(w http.ResponseWriter) {
	s.show(w, http.StatusNotFound, "message", view{
		Title: "This link does not work",
		Text:  "It may have been cut off on its way. Please open it from the mail once more, or copy all of it.",
	})
}

// nobody answers a token that is in order and belongs to no reader: that of a
// test copy, or of somebody whose data was erased.
func (s *Server) nobody(w http.ResponseWriter) {
	s.show(w, http.StatusOK, "message", view{
		Title: "This link belongs to no subscriber",
		Text:  "It comes from a test copy, or the address it was made for is no longer kept. No mail will be sent on account of it.",
	})
}
