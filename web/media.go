package web

import (
	"net/http"
	"os"
)

// media serves a picture. Its name is the hash of its content, so a browser
// may keep it for good.
func (s *Server) media(w http.ResponseWriter, r *http.Request) {
	root, err := os.OpenRoot(s.Media)
	if err != nil {
		s.notFound(w, r)
		return
	}
	defer root.Close()
	file, err := root.Open(r.PathValue("file"))
	if err != nil {
		s.notFound(w, r)
		return
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		s.notFound(w, r)
		return
	}
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	http.ServeContent(w, r, info.Name(), info.ModTime(), file)
}
