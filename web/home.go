package web

import (
	"net/http"

	"github.com/zotpaper/zotpaper/press"
)

// A front is what stands on the front page.
type front struct {
	Latest *press.Published // nil: none, or not for everybody
	Form   *signupForm      // nil: there is none
}

func (s *Server) home(w http.ResponseWriter, r *http.Request) {
	var f front
	if s.Archive {
		latest, err := s.Press.Published(r.Context(), 1, 0)
		if err != nil {
			s.failed(w, r, err)
			return
		}
		if len(latest) > 0 {
			f.Latest = &latest[0]
		}
	}
	if s.Signup {
		form := s.newSignupForm()
		f.Form = &form
	}
	s.print(w, http.StatusOK, "home", page{Home: true, Indexed: true, Data: f})
}

// alsoLimit is how many headlines the front page shows below the first.
const alsoLimit = 5

// Lead returns the first headline of the latest edition.
func (f front) Lead() string {
	if len(f.Latest.Headlines) == 0 {
		return f.Latest.Subject
	}
	return f.Latest.Headlines[0]
}

// Also returns further headlines of the latest edition.
func (f front) Also() []string {
	if len(f.Latest.Headlines) < 2 {
		return nil
	}
	return f.Latest.Headlines[1:min(len(f.Latest.Headlines), 1+alsoLimit)]
}
