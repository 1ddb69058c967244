package web

import (
	"errors"
	"net/http"

	"github.com/zotpaper/zotpaper/edition"
	"github.com/zotpaper/zotpaper/press"
)

// archiveLength is how many editions the pages list.
const archiveLength = 60

func (s *Server) home(w http.ResponseWriter, r *http.Request) {
	list, err := s.published(r, 7)
	if err != nil {
		s.failed(w, r, err)
		return
	}
	s.show(w, http.StatusOK, "editions", view{Title: s.Publication.Name, Home: true, Editions: list})
}

func (s *Server) editions(w http.ResponseWriter, r *http.Request) {
	list, err := s.published(r, archiveLength)
	if err != nil {
		s.failed(w, r, err)
		return
	}
	s.show(w, http.StatusOK, "editions", view{Title: "Editions", Editions: list})
}

// published returns the newest editions that have gone out, at most limit.
func (s *Server) published(r *http.Request, limit int) ([]press.Record, error) {
	records, err := s.Press.Records(r.Context(), archiveLength)
	if err != nil {
		return nil, err
	}
	var list []press.Record
	for _, rec := range records {
		if isPublic(rec) && len(list) < limit {
			list = append(list, rec)
		}
	}
	return list, nil
}

// isPublic reports whether readers may see an edition: once mail with links to
// it goes out.
func isPublic(r press.Record) bool {
	return r.State == edition.Dispatching || r.State == edition.Complete
}

// pagePolicy lets an edition carry the style attributes that mail needs.
const pagePolicy = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' https:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// edition shows the whole of a frozen edition, nothing cut.
func (s *Server) edition(w http.ResponseWriter, r *http.Request) {
	key, err := edition.ParseKey(r.PathValue("date") + "/" + r.PathValue("slot"))
	if err != nil {
		s.notFound(w, r)
		return
	}
	record, err := s.Press.Record(r.Context(), key)
	if errors.Is(err, press.ErrNotFound) || (err == nil && !isPublic(record)) {
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
	h.Set("Content-Security-Policy", pagePolicy)
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "public, max-age=300")
	_, _ = w.Write([]byte(issue.Web)) // the reader may have gone
}
