package web

import (
	"errors"
	"net/http"

	"github.com/zotpaper/zotpaper/subscribers"
)

// confirmPage shows what the link in a notice asks, with a button; or, when
// that was pressed, what it did.
func (s *Server) confirmPage(w http.ResponseWriter, r *http.Request) {
	ref, err := s.Keys.ParseNotice(r.PathValue("token"))
	if err != nil {
		s.badLink(w)
		return
	}
	q, err := s.Subscribers.Question(r.Context(), ref)
	if err != nil {
		s.unanswerable(w, r, err)
		return
	}
	title := "confirm.title"
	switch {
	case q.Kind == subscribers.KindMove && q.Answered:
		title = "move.done_title"
	case q.Kind == subscribers.KindMove:
		title = "move.title"
	case q.Answered:
		title = "confirm.done_title"
	}
	s.show(w, http.StatusOK, string(q.Kind), title, q)
}

// confirm acts on the button.
func (s *Server) confirm(w http.ResponseWriter, r *http.Request) {
	token := r.PathValue("token")
	ref, err := s.Keys.ParseNotice(token)
	if err != nil {
		s.badLink(w)
		return
	}
	if _, err := s.Subscribers.Confirm(r.Context(), ref, subscribers.Origin{IP: s.client(r)}); err != nil {
		s.unanswerable(w, r, err)
		return
	}
	s.seeOther(w, r, "/confirm/"+token)
}

// unanswerable answers a link whose question cannot be answered any more: it
// came too late, or is about somebody who is not known any more.
func (s *Server) unanswerable(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, subscribers.ErrExpired) || errors.Is(err, subscribers.ErrUnknown) {
		s.show(w, http.StatusGone, "expired", "confirm.expired_title", nil)
		return
	}
	s.failed(w, r, err)
}
