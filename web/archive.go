package web

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/zotpaper/zotpaper/edition"
	"github.com/zotpaper/zotpaper/press"
)

// The bounds of the archive: editions on a page, and pages, which is more than
// a century of a daily paper.
const (
	archiveLength = 60
	archivePages  = 1000
)

// An archive is one page of the list of all editions.
type archive struct {
	Editions []press.Published
	Number   int // of the page, from 1
	Newer    int // number of the page with newer ones; 0: there is none
	Older    int
}

func (s *Server) editions(w http.ResponseWriter, r *http.Request) {
	a := archive{Number: 1}
	if text := r.URL.Query().Get("page"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > archivePages {
			s.notFound(w, r)
			return
		}
		a.Number = n
	}
	list, err := s.Press.Published(r.Context(), archiveLength+1, (a.Number-1)*archiveLength)
	if err != nil {
		s.failed(w, r, err)
		return
	}
	if len(list) == 0 && a.Number > 1 {
		s.notFound(w, r)
		return
	}
	a.Newer = a.Number - 1
	if len(list) > archiveLength {
		list, a.Older = list[:archiveLength], a.Number+1
	}
	a.Editions = list
	s.print(w, http.StatusOK, "editions", page{Title: s.say("archive.title"), Indexed: true, Data: a})
}

// Lead returns the first headline of an edition.
func (archive) Lead(e press.Published) string { return front{Latest: &e}.Lead() }

// editionPolicy lets an edition carry the style attributes that mail needs.
const editionPolicy = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// edition shows the whole of a frozen edition, nothing cut.
func (s *Server) edition(w http.ResponseWriter, r *http.Request) {
	key, err := edition.ParseKey(r.PathValue("date") + "/" + r.PathValue("slot"))
	if err != nil || !s.mayRead(r, key) {
		s.notFound(w, r)
		return
	}
	record, err := s.Press.Record(r.Context(), key)
	if errors.Is(err, press.ErrNotFound) || (err == nil && !record.Public()) {
		s.notFound(w, r)
		return
	}
	if err != nil {
		s.failed(w, r, err)
		return
	}
	issue, _, err := s.Press.Issue(r.Context(), key)
	if err != nil {
		s.failed(w, r, err)
		return
	}
	h := w.Header()
	h.Set("Content-Security-Policy", editionPolicy)
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "public, max-age=300")
	if !s.Archive {
		h.Set("Cache-Control", "private, max-age=300")
		h.Set("X-Robots-Tag", "noindex")
	}
	// The page is frozen with its pictures under their whole address; here they
	// come from where the page does, whatever name that was asked for by.
	text := strings.ReplaceAll(issue.Web, `src="`+s.Publication.Web+"/media/", `src="`+s.path("/media/"))
	_, _ = w.Write([]byte(text)) // the reader may have gone
}

// mayRead reports whether r may see the edition called key.
func (s *Server) mayRead(r *http.Request, key edition.Key) bool {
	return s.Archive || s.Keys.OpensEdition(r.URL.Query().Get("key"), key.String())
}
