package web

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"net/http"

	"github.com/zotpaper/zotpaper/edition"
	"github.com/zotpaper/zotpaper/press"
)

//go:embed pages.html
var pagesHTML string

//go:embed style.css
var styleSheet []byte

// A view is what a page is made from.
type view struct {
	Publication edition.Publication
	Title       string
	Text        string
	List        string // title of the list in question
	Action      string // where the page's form goes
	Home        bool
	Lists       []membership
	Editions    []press.Record
}

// A membership is a list as one reader sees it.
type membership struct {
	ID    string
	Title string
	On    bool
}

type pages struct{ set *template.Template }

func parsePages() (*pages, error) {
	set, err := template.New("pages").Parse(pagesHTML)
	if err != nil {
		return nil, fmt.Errorf("pages: %w", err)
	}
	return &pages{set}, nil
}

// show answers with the page called name.
func (s *Server) show(w http.ResponseWriter, status int, name string, v view) {
	v.Publication = s.Publication
	var b bytes.Buffer // a page that fails half-way is not sent
	if err := s.pages.set.ExecuteTemplate(&b, name, v); err != nil {
		s.Log.Error("cannot make a page", "page", name, "error", err)
		http.Error(w, "This page could not be made. Please try again later.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // the reader may have gone
}

func (s *Server) notFound(w http.ResponseWriter, _ *http.Request) {
	s.show(w, http.StatusNotFound, "message", view{Title: "Not found", Text: "There is no page at this address."})
}

// failed answers when something on our side went wrong. The log has the cause
// but not the address of the page, which may hold a token.
func (s *Server) failed(w http.ResponseWriter, r *http.Request, err error) {
	s.Log.Error("cannot answer a reader", "method", r.Method, "page", r.Pattern, "error", err)
	s.show(w, http.StatusServiceUnavailable, "message", view{
		Title: "Please try again later",
		Text:  "Something went wrong on our side, and nothing was changed.",
	})
}

func style(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	w.Header().Set("Cache-Control", "public, max-age=3600")
	_, _ = w.Write(styleSheet)
}
