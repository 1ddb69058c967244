package intake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// The bounds of a conversation with a feed's server.
const (
	redirectsLimit = 5
	headerLimit    = 64 << 10 // bytes of an answer's header
	validatorLimit = 512      // bytes of a validator

	// A feed is not asked for again before keepShortest, even if its server
	// does not say how long an answer holds, and is asked after keepLongest even
	// if the server says that it holds for days: a paper wants the news that
	// came before its cut-off.
	keepShortest = 5 * time.Minute
	keepLongest  = 15 * time.Minute
)

// A line is the way to one feed. Through it no other part of the network can be
// reached than the one the feed is allowed.
type line struct {
	feed     *url.URL
	private  bool     // the feed's host may have a private address
	hosts    []string // that may
	agent    string
	patience time.Duration
	resolver *net.Resolver
	dialTo   func(ctx context.Context, network, address string) (net.Conn, error) // nil: the network's own
}

func (f *Feeds) lineTo(address string) *line {
	l := &line{agent: f.Agent, patience: f.patience, resolver: f.resolver, dialTo: f.dial, hosts: f.PrivateHosts}
	if l.patience == 0 {
		l.patience = feedPatience
	}
	if u, err := url.Parse(address); err == nil {
		l.feed = u
		l.private = slices.ContainsFunc(l.hosts, func(h string) bool { return sameHost(h, u.Hostname()) })
	}
	return l
}

// mayBePrivate reports whether the host called name may have an address in a
// private network. A feed from outside cannot send us to the hosts within that
// are allowed to others.
func (l *line) mayBePrivate(name string) bool {
	return l.private && slices.ContainsFunc(l.hosts, func(h string) bool { return sameHost(h, name) })
}

// An answer is what a feed's server said.
type answer struct {
	unchanged bool // the copy still stands; the rest but the validators is empty
	body      []byte
	charset   string // as the server names it; may be empty
	base      string // the address that answered, after all redirects
	etag      string
	modified  string
	keep      time.Duration // for which it need not be asked again
}

// A busyError is a server's wish to be left alone for a time.
type busyError struct {
	status int
	after  time.Duration
}

func (e *busyError) Error() string { return statusReason(e.status) }

// fetch asks for the feed, with the validators of kept unless that is nil.
func (l *line) fetch(ctx context.Context, kept *feedCopy) (answer, error) {
	if l.feed == nil {
		return answer{}, errors.New("it has no address")
	}
	ctx, cancel := context.WithTimeout(ctx, l.patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, l.feed.String(), http.NoBody)
	if err != nil {
		return answer{}, errors.New("it has no address")
	}
	if err := l.check(request.URL); err != nil {
		return answer{}, err
	}
	request.Header.Set("User-Agent", l.agent)
	request.Header.Set("Accept", "application/atom+xml, application/rss+xml, application/feed+json, application/xml;q=0.9, text/xml;q=0.9, */*;q=0.5")
	if kept != nil && kept.ETag != "" {
		request.Header.Set("If-None-Match", kept.ETag)
	}
	if kept != nil && kept.LastModified != "" {
		request.Header.Set("If-Modified-Since", kept.LastModified)
	}
	client := l.client()
	defer client.CloseIdleConnections()
	response, err := client.Do(request)
	if err != nil {
		return answer{}, l.reason(ctx, err)
	}
	defer response.Body.Close()
	return l.take(ctx, response, kept)
}

// client returns a client that knows no proxy, no cookie and no open
// connection: every request dials, and every dial is checked.
func (l *line) client() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			DialContext:            l.dial,
			DisableKeepAlives:      true,
			MaxResponseHeaderBytes: headerLimit,
			TLSHandshakeTimeout:    l.patience,
			ResponseHeaderTimeout:  l.patience,
		},
		CheckRedirect: func(request *http.Request, via []*http.Request) error {
			if len(via) > redirectsLimit {
				return refusal(fmt.Sprintf("it redirects more than %d times", redirectsLimit))
			}
			if via[len(via)-1].URL.Scheme == "https" && request.URL.Scheme == "http" {
				return refusal("it redirects from https to http")
			}
			request.Header.Del("Referer") // the feed's address may hold a key
			return l.check(request.URL)
		},
	}
}

// A refusal is our own no, in words for an editor.
type refusal string

func (r refusal) Error() string { return string(r) }

// check refuses addresses that no feed has, before anything is dialed.
func (l *line) check(u *url.URL) error {
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return refusal(fmt.Sprintf("%.80q is neither http nor https", u.Scheme))
	case u.Hostname() == "":
		return refusal("its address names no server")
	case u.User != nil:
		return refusal("its address holds a user's name")
	case !l.portAllowed(u.Hostname(), u.Port()):
		return refusal(fmt.Sprintf("the port %s is not asked; only a host of articles.private_hosts may have one of its own", u.Port()))
	}
	return nil
}

// portAllowed reports whether a port of host may be dialed: that of the web,
// or the one that the feed's own address names, if its host may be private.
func (l *line) portAllowed(host, port string) bool {
	switch port {
	case "", "80", "443":
		return true
	}
	return l.mayBePrivate(host) && sameHost(host, l.feed.Hostname()) && port == l.feed.Port()
}

// dial connects to address, a host's name and port. What is checked is the
// address that the name turns out to have at that moment, so a name cannot show
// one address to a check and another to us.
func (l *line) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if !l.portAllowed(host, port) {
		return nil, refusal(fmt.Sprintf("the port %.10s is not asked", port))
	}
	if l.dialTo != nil {
		return l.dialTo(ctx, network, address)
	}
	d := net.Dialer{
		Resolver: l.resolver,
		ControlContext: func(_ context.Context, _, dialed string, _ syscall.RawConn) error {
			return checkDialed(dialed, l.mayBePrivate(host))
		},
	}
	return d.DialContext(ctx, network, address)
}

// take reads the answer of a server.
func (l *line) take(ctx context.Context, response *http.Response, kept *feedCopy) (answer, error) {
	header := response.Header
	a := answer{
		etag: validator(header.Get("ETag")), modified: validator(header.Get("Last-Modified")),
		keep: keepFor(header.Get("Cache-Control")),
	}
	switch {
	case response.StatusCode == http.StatusNotModified && kept != nil && kept.ETag+kept.LastModified != "":
		a.unchanged = true
		if a.etag == "" && a.modified == "" {
			a.etag, a.modified = kept.ETag, kept.LastModified
		}
		return a, nil
	case response.StatusCode == http.StatusTooManyRequests, response.StatusCode == http.StatusServiceUnavailable:
		if seconds, err := strconv.Atoi(header.Get("Retry-After")); err == nil && seconds > 0 {
			return a, &busyError{response.StatusCode, time.Duration(min(seconds, 86_400)) * time.Second}
		}
		return a, errors.New(statusReason(response.StatusCode))
	case response.StatusCode != http.StatusOK:
		return a, errors.New(statusReason(response.StatusCode))
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, feedLimit+1))
	if err != nil {
		return a, l.reason(ctx, err)
	}
	if len(body) > feedLimit {
		return a, fmt.Errorf("it is longer than %d MB", feedLimit>>20)
	}
	if _, parameters, err := mime.ParseMediaType(header.Get("Content-Type")); err == nil {
		a.charset = clip(printable(parameters["charset"]), 40)
	}
	a.body, a.base = body, response.Request.URL.String()
	return a, nil
}

func statusReason(status int) string {
	return strings.TrimSpace(fmt.Sprintf("its server answered %d %s", status, http.StatusText(status)))
}

// validator returns what can be sent back to a server as it is.
func validator(s string) string {
	if len(s) > validatorLimit || strings.ContainsFunc(s, isControl) {
		return ""
	}
	return s
}

// keepFor returns for how long an answer need not be asked for again.
func keepFor(cacheControl string) time.Duration {
	keep := keepShortest
	for directive := range strings.SplitSeq(cacheControl, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		if seconds, err := strconv.Atoi(strings.Trim(value, `"`)); err == nil && strings.EqualFold(name, "max-age") {
			keep = time.Duration(min(max(seconds, 0), 86_400)) * time.Second
		}
	}
	return min(max(keep, keepShortest), keepLongest)
}

// reason returns err in words for an editor. What a server wrote into it is
// shown on one line and not in full.
func (l *line) reason(ctx context.Context, err error) error {
	var no refusal
	var about *url.Error
	var name *net.DNSError
	switch {
	case errors.As(err, &no):
		return no
	case errors.Is(ctx.Err(), context.DeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("it did not arrive within %s", l.patience)
	case errors.As(err, &name):
		return fmt.Errorf("its server's name %.80q cannot be looked up", name.Name)
	case errors.As(err, &about):
		err = about.Err
	}
	return errors.New(clip(oneLine(printable(err.Error())), 200))
}
