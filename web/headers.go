package web

import (
	"net/http"
	"strings"
)

// bound keeps a request from being larger than anything a reader sends.
func bound(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, bodyLimit)
		next.ServeHTTP(w, r)
	})
}

// contentPolicy allows our own style sheet, pictures and forms and nothing
// else.
const contentPolicy = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// transportPolicy has browsers come by TLS alone for a year. Names below ours
// are not ours to speak for.
//
// https://www.rfc-editor.org/rfc/rfc6797#section-6.1
const transportPolicy = "max-age=31536000"

// harden sets the headers that every answer has. The address of a page holds a
// reader's token, so it goes to nobody as a referrer, and no page is kept but
// those that say so.
func (s *Server) harden(next http.Handler) http.Handler {
	secure := strings.HasPrefix(s.origin, "https:")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		if secure {
			h.Set("Strict-Transport-Security", transportPolicy)
		}
		next.ServeHTTP(w, r)
	})
}
