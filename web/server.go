package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/zotpaper/zotpaper/edition"
	"github.com/zotpaper/zotpaper/press"
	"github.com/zotpaper/zotpaper/subscribers"
)

// A Server answers readers. Its fields are set once; its handler may be used
// by any number of goroutines.
type Server struct {
	Publication edition.Publication
	Press       *press.Press
	Subscribers *subscribers.Store
	Keys        *subscribers.Keyring
	Media       string // folder of the pictures, named by their content
	Log         *slog.Logger

	pages *pages
}

// The bounds of one request.
const (
	bodyLimit     = 64 << 10
	headerLimit   = 32 << 10
	headerTimeout = 10 * time.Second
	readTimeout   = 30 * time.Second
	writeTimeout  = 60 * time.Second
	idleTimeout   = 2 * time.Minute
	drainTimeout  = 10 * time.Second
)

// Handler returns the readers' pages.
func (s *Server) Handler() (http.Handler, error) {
	var err error
	if s.pages, err = parsePages(); err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.home)
	mux.HandleFunc("GET /u/{token}", s.unsubscribePage)
	mux.HandleFunc("POST /u/{token}", s.unsubscribe)
	mux.HandleFunc("GET /preferences/{token}", s.preferencesPage)
	mux.HandleFunc("POST /preferences/{token}", s.leaveList)
	mux.HandleFunc("GET /editions", s.editions)
	mux.HandleFunc("GET /editions/{date}/{slot}", s.edition)
	mux.HandleFunc("GET /media/{file}", s.media)
	mux.HandleFunc("GET /style.css", style)
	mux.HandleFunc("GET /healthz", s.healthz)
	mux.HandleFunc("/", s.notFound)

	// A reader's mail provider posts the one-click request from its own
	// servers and names no origin we could know; the token is the proof.
	// https://www.rfc-editor.org/rfc/rfc8058#section-3.2
	protection := http.NewCrossOriginProtection()
	protection.AddInsecureBypassPattern("POST /u/{token}")
	return bound(harden(protection.Handler(mux))), nil
}

// Serve answers on l until ctx ends, then lets requests under way finish.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	handler, err := s.Handler()
	if err != nil {
		return err
	}
	return Serve(ctx, l, handler, s.Log)
}

// Serve answers requests on l with handler until ctx ends, then lets those
// under way finish. Slow and oversized requests are cut off.
func Serve(ctx context.Context, l net.Listener, handler http.Handler, log *slog.Logger) error {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: headerLimit,
		ErrorLog:       slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	select {
	case err := <-failed:
		return fmt.Errorf("web: %w", err)
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	err := server.Shutdown(drain)
	if served := <-failed; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

// bound keeps a request from being larger than anything a reader sends.
func bound(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, bodyLimit)
		next.ServeHTTP(w, r)
	})
}

// contentPolicy allows our own style sheet and pictures and nothing else.
const contentPolicy = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// harden sets the headers that every answer has. The address of a page holds a
// reader's token, so it goes to nobody as a referrer.
func harden(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprintln(w, "ok")
}

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
