package web

import (
	"bytes"
	"encoding/xml"
	"net/http"
	"time"

	"github.com/zotpaper/zotpaper/press"
)

// feedLength is how many editions the feed has.
const feedLength = 20

// An atomFeed is the newest editions, for programs that read feeds.
//
// https://www.rfc-editor.org/rfc/rfc4287#section-4.1.1
type atomFeed struct {
	XMLName  xml.Name    `xml:"http://www.w3.org/2005/Atom feed"`
	Lang     string      `xml:"xml:lang,attr"`
	ID       string      `xml:"id"`
	Title    string      `xml:"title"`
	Subtitle string      `xml:"subtitle,omitempty"`
	Updated  string      `xml:"updated"`
	Author   string      `xml:"author>name"`
	Links    []atomLink  `xml:"link"`
	Entries  []atomEntry `xml:"entry"`
}

type atomLink struct {
	Rel  string `xml:"rel,attr"`
	Type string `xml:"type,attr"`
	Href string `xml:"href,attr"`
}

type atomEntry struct {
	ID        string   `xml:"id"`
	Title     string   `xml:"title"`
	Published string   `xml:"published"`
	Updated   string   `xml:"updated"`
	Link      atomLink `xml:"link"`
	Summary   string   `xml:"summary"`
}

// feed answers with the newest editions as Atom.
func (s *Server) feed(w http.ResponseWriter, r *http.Request) {
	list, err := s.Press.Published(r.Context(), feedLength, 0)
	if err != nil {
		s.failed(w, r, err)
		return
	}
	text, updated, err := s.atom(list)
	if err != nil {
		s.failed(w, r, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/atom+xml; charset=utf-8")
	h.Set("Cache-Control", "public, max-age=300")
	http.ServeContent(w, r, "", updated, bytes.NewReader(text))
}

// atom returns the feed of editions, and when it was last changed.
func (s *Server) atom(editions []press.Published) (text []byte, updated time.Time, err error) {
	const html = "text/html"
	web := s.Publication.Web
	f := atomFeed{
		Lang: s.Publication.Language, ID: web + "/editions.atom",
		Title: s.Publication.Name, Subtitle: s.Publication.Tagline, Author: s.Publication.Name,
		Links: []atomLink{{"self", "application/atom+xml", web + "/editions.atom"}, {"alternate", html, web + "/editions"}},
	}
	updated = time.Unix(0, 0) // a feed has to say when, also before the first edition
	for _, e := range editions {
		if e.Updated.After(updated) {
			updated = e.Updated
		}
		view := web + "/editions/" + e.Key.String()
		f.Entries = append(f.Entries, atomEntry{
			ID: view, Title: e.Subject, Summary: e.Preheader, Link: atomLink{"alternate", html, view},
			Published: s.stamp(e.Frozen), Updated: s.stamp(e.Updated),
		})
	}
	f.Updated = s.stamp(updated)
	text, err = xml.MarshalIndent(f, "", "  ")
	return append([]byte(xml.Header), append(text, '\n')...), updated, err
}

// stamp returns t as feeds have it.
func (s *Server) stamp(t time.Time) string { return t.In(s.Publication.Zone).Format(time.RFC3339) }
