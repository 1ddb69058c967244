package web

import (
	"errors"
	"net/http"

	"github.com/zotpaper/zotpaper/subscribers"
)

// An erasure is the page on which readers have themselves erased.
type erasure struct {
	Token    string
	Problems problems
}

func (s *Server) erasePage(w http.ResponseWriter, r *http.Request) {
	if _, ok := s.reader(w, r); ok {
		s.show(w, http.StatusOK, "erase", "erase.title", erasure{Token: r.PathValue("token")})
	}
}

func (s *Server) erase(w http.ResponseWriter, r *http.Request) {
	if !s.readForm(w, r) {
		return
	}
	record, ok := s.reader(w, r)
	if !ok {
		return
	}
	if r.PostForm.Get("sure") != "yes" {
		s.show(w, http.StatusUnprocessableEntity, "erase", "erase.title",
			erasure{r.PathValue("token"), problems{{"sure", s.say("erase.not_sure")}}})
		return
	}
	err := s.Subscribers.Erase(r.Context(), record.Subscriber.Ref, byReader)
	switch {
	case errors.Is(err, subscribers.ErrUnknown): // by another request, a moment ago
		s.nobody(w)
	case err != nil:
		s.failed(w, r, err)
	default:
		s.message(w, http.StatusOK, "erase.done")
	}
}
