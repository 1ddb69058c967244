package web

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"net/http"

	"github.com/zotpaper/zotpaper/edition"
)

//go:embed pages/*.html
var sources embed.FS

//go:embed style.css
var styleSheet []byte

// A page is what every page is made from.
type page struct {
	Publication edition.Publication
	Lang        string
	Date        edition.Date // today's
	Title       string
	Home        bool // the front page, whose title is the masthead
	Indexed     bool // search engines may list it
	Archive     bool // the paper has a public one
	Signup      bool // the paper has a form to subscribe with
	Data        any  // what this page is about
}

type pages struct{ set *template.Template }

// parsePages reads the pages' templates. What they can call is all here.
func (s *Server) parsePages() (*pages, error) {
	set, err := template.New("pages").Funcs(template.FuncMap{
		"say":  s.Words.Say,
		"path": s.path,
		"date": func(d edition.Date) (string, error) { return s.Words.Date(d.Midnight(s.Publication.Zone)) },
	}).ParseFS(sources, "pages/*.html")
	if err != nil {
		return nil, fmt.Errorf("pages: %w", err)
	}
	return &pages{set}, nil
}

// show answers with the page called name, under the title of the text title.
func (s *Server) show(w http.ResponseWriter, status int, name, title string, data any) {
	s.print(w, status, name, page{Title: s.say(title), Data: data})
}

func (s *Server) print(w http.ResponseWriter, status int, name string, p page) {
	p.Publication, p.Lang, p.Date = s.Publication, s.Words.Language, edition.DateOf(s.now(), s.Publication.Zone)
	p.Archive, p.Signup = s.Archive, s.Signup
	var b bytes.Buffer // a page that fails half-way is not sent
	if err := s.pages.set.ExecuteTemplate(&b, name, p); err != nil {
		s.Log.Error("cannot make a page", "page", name, "error", err)
		http.Error(w, "This page could not be made. Please try again later.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // the reader may have gone
}

// say returns a text of ours. All of them are there: a test reads every key in
// these sources.
func (s *Server) say(key string, pairs ...string) string {
	text, err := s.Words.Say(key, pairs...)
	if err != nil {
		s.Log.Error("a text is missing", "error", err)
	}
	return text
}

// message answers with a page of one sentence: the text key, under the title
// of the text key_title.
func (s *Server) message(w http.ResponseWriter, status int, key string) {
	s.show(w, status, "message", key+"_title", s.say(key))
}

func (s *Server) notFound(w http.ResponseWriter, _ *http.Request) {
	s.message(w, http.StatusNotFound, "trouble.missing")
}

// failed answers when something on our side went wrong. The log has the cause
// but not the address of the page, which may hold a token.
func (s *Server) failed(w http.ResponseWriter, r *http.Request, err error) {
	s.Log.Error("cannot answer a reader", "method", r.Method, "page", r.Pattern, "error", err)
	s.message(w, http.StatusServiceUnavailable, "trouble.failed")
}

// foreign answers a form on another web site.
func (s *Server) foreign(w http.ResponseWriter, _ *http.Request) {
	s.message(w, http.StatusForbidden, "trouble.foreign")
}

// badLink answers a token that is not ours, or was damaged on its way.
func (s *Server) badLink(w http.ResponseWriter) { s.message(w, http.StatusNotFound, "trouble.link") }

// nobody answers a token that is in order and belongs to no reader: that of a
// test copy, or of somebody whose data was erased.
func (s *Server) nobody(w http.ResponseWriter) { s.message(w, http.StatusOK, "trouble.nobody") }

// readForm reads the form of r, or answers that it cannot be read.
func (s *Server) readForm(w http.ResponseWriter, r *http.Request) bool {
	err := r.ParseForm()
	var large *http.MaxBytesError
	switch {
	case err == nil:
		return true
	case errors.As(err, &large):
		s.message(w, http.StatusRequestEntityTooLarge, "trouble.large")
	default:
		s.message(w, http.StatusBadRequest, "trouble.garbled")
	}
	return false
}

func style(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	w.Header().Set("Cache-Control", "public, max-age=3600")
	_, _ = w.Write(styleSheet)
}
