package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/zotpaper/zotpaper/edition"
	"github.com/zotpaper/zotpaper/press"
	"github.com/zotpaper/zotpaper/subscribers"
	"github.com/zotpaper/zotpaper/words"
)

// A Server answers readers. Its fields are set once; its handler may be used
// by any number of goroutines.
type Server struct {
	Publication edition.Publication
	Press       *press.Press
	Subscribers *subscribers.Store
	Keys        *subscribers.Keyring
	Words       *words.Book                 // nil: English
	Lists       []subscribers.List          // what readers can subscribe to, in the order shown
	Signup      bool                        // there is a form to subscribe with
	Archive     bool                        // everybody may read what went out; else whoever has the link in a mail
	Proxies     []netip.Prefix              // the servers in front whose X-Forwarded-For is believed
	Ready       func(context.Context) error // nil if the server can do its work; nil itself: it always can
	Media       string                      // folder of the pictures, named by their content
	Log         *slog.Logger

	pages   *pages
	base    string            // path of the pages' address, without a slash at its end
	origin  string            // scheme and host of that address
	rhythms map[string]string // when the editions of a list come, in words
	zones   []zoneGroup
	posts   *limiter // what a form sends
	clicks  *limiter // one-click unsubscriptions
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
	if err := s.prepare(); err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	s.route(mux)
	protection := http.NewCrossOriginProtection()
	// A reader's mail provider posts the one-click request from its own
	// servers and names no origin we could know; the token is the proof.
	// https://www.rfc-editor.org/rfc/rfc8058#section-3.2
	protection.AddInsecureBypassPattern("POST /u/{token}")
	// A server in front may ask under another name than readers do.
	if err := protection.AddTrustedOrigin(s.origin); err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	protection.SetDenyHandler(http.HandlerFunc(s.foreign))
	return s.harden(bound(protection.Handler(mux))), nil
}

// route names every page. No GET changes anything.
func (s *Server) route(mux *http.ServeMux) {
	mux.HandleFunc("GET /{$}", s.home)
	if s.Signup {
		mux.HandleFunc("GET /subscribe", s.subscribePage)
		mux.HandleFunc("POST /subscribe", s.limited(s.posts, s.subscribe))
		mux.HandleFunc("GET /subscribe/sent", s.subscribeSent)
	}
	mux.HandleFunc("GET /confirm/{token}", s.confirmPage)
	mux.HandleFunc("POST /confirm/{token}", s.limited(s.posts, s.confirm))
	mux.HandleFunc("GET /u/{token}", s.unsubscribePage)
	mux.HandleFunc("POST /u/{token}", s.limited(s.clicks, s.unsubscribe))
	mux.HandleFunc("POST /u/{token}/undo", s.limited(s.posts, s.rejoin))
	mux.HandleFunc("POST /u/{token}/reason", s.limited(s.posts, s.reason))
	mux.HandleFunc("GET /preferences/{token}", s.preferencesPage)
	mux.HandleFunc("POST /preferences/{token}", s.limited(s.posts, s.savePreferences))
	mux.HandleFunc("POST /preferences/{token}/move", s.limited(s.posts, s.move))
	mux.HandleFunc("POST /preferences/{token}/data", s.limited(s.posts, s.data))
	mux.HandleFunc("GET /preferences/{token}/erase", s.erasePage)
	mux.HandleFunc("POST /preferences/{token}/erase", s.limited(s.posts, s.erase))
	if s.Archive {
		mux.HandleFunc("GET /editions", s.editions)
		mux.HandleFunc("GET /editions.atom", s.feed)
	}
	mux.HandleFunc("GET /editions/{date}/{slot}", s.edition)
	mux.HandleFunc("GET /media/{file}", s.media)
	mux.HandleFunc("GET /style.css", style)
	mux.HandleFunc("GET /healthz", healthz)
	mux.HandleFunc("GET /readyz", s.readyz)
	mux.HandleFunc("/", s.notFound)
}

// prepare makes what all requests share.
func (s *Server) prepare() (err error) {
	if s.Words == nil {
		if s.Words, err = words.Load(words.English, nil); err != nil {
			return err
		}
	}
	address, err := url.Parse(s.Publication.Web)
	if err != nil {
		return fmt.Errorf("web: address of the pages: %w", err)
	}
	s.base = strings.TrimRight(address.EscapedPath(), "/")
	s.origin = address.Scheme + "://" + address.Host
	s.zones = zoneGroups()
	s.posts = newLimiter(postBurst, postRate)
	s.clicks = newLimiter(clickBurst, clickRate)
	if s.rhythms, err = s.findRhythms(); err != nil {
		return err
	}
	s.pages, err = s.parsePages()
	return err
}

// path returns where the page at path is, as a link on our own pages has it.
func (s *Server) path(path string) string { return s.base + path }

// seeOther answers a form that did its work: reloading the page then shown does
// not send the form again.
func (s *Server) seeOther(w http.ResponseWriter, r *http.Request, path string) {
	http.Redirect(w, r, s.path(path), http.StatusSeeOther)
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
	return serve(ctx, l, newServer(handler, log))
}

func newServer(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: headerLimit,
		ErrorLog:       slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

func serve(ctx context.Context, l net.Listener, server *http.Server) error {
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
