package intake

import (
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

func TestPrivateAddresses(t *testing.T) {
	const public, private, never = "public", "private", "never"
	tests := []struct{ ip, want string }{
		{"93.184.216.34", public}, {"1.1.1.1", public}, {"172.15.0.1", public}, {"172.32.0.1", public}, {"100.63.0.1", public},
		{"100.128.0.1", public}, {"223.255.255.255", public}, {"192.0.1.1", public}, {"198.17.0.1", public},
		{"2606:2800:220:1:248:1893:25c8:1946", public}, {"2a00:1450::1", public}, {"2001:200::1", public}, {"2620:4f:8000::1", public},

		{"127.0.0.1", private}, {"127.255.255.255", private}, {"10.0.0.1", private}, {"172.16.0.1", private}, {"172.31.255.255", private},
		{"192.168.1.1", private}, {"100.64.0.1", private}, {"100.127.255.255", private}, {"192.0.0.170", private}, {"192.0.2.1", private},
		{"198.18.0.1", private}, {"198.19.255.255", private}, {"198.51.100.1", private}, {"203.0.113.1", private}, {"192.88.99.1", private},
		{"::1", private}, {"fc00::1", private}, {"fd12:3456::1", private}, {"fec0::1", private},
		{"::ffff:127.0.0.1", private}, {"::ffff:93.184.216.34", private}, {"::127.0.0.1", private}, {"64:ff9b::7f00:1", private},
		{"64:ff9b::a9fe:a9fe", private}, {"64:ff9b:1::1", private}, {"2002:7f00:1::", private}, {"2001::1", private}, {"2001:0:7f00:1::", private},
		{"2001:db8::1", private}, {"2001:10::1", private}, {"3fff::1", private}, {"100::1", private}, {"5f00::1", private}, {"4000::1", private},

		{"0.0.0.0", never}, {"0.1.2.3", never}, {"169.254.169.254", never}, {"224.0.0.1", never}, {"239.255.255.255", never},
		{"240.0.0.1", never}, {"255.255.255.255", never}, {"::", never}, {"::ffff:0.0.0.0", never}, {"::ffff:169.254.169.254", never},
		{"fe80::1", never}, {"fe80::1%eth0", never}, {"ff02::1", never}, {"fd00::1%eth0", never},
	}
	for _, tt := range tests {
		dialed := netip.AddrPortFrom(netip.MustParseAddr(tt.ip), 80).String()
		if got := checkDialed(dialed, false) == nil; got != (tt.want == public) {
			t.Errorf("%s of any host: allowed %v, want it to be %s", tt.ip, got, tt.want)
		}
		if got := checkDialed(dialed, true) == nil; got != (tt.want != never) {
			t.Errorf("%s of a host of our own: allowed %v, want it to be %s", tt.ip, got, tt.want)
		}
	}
	for _, dialed := range []string{"", "wire.example:80", "1.1.1.1"} {
		if checkDialed(dialed, false) == nil {
			t.Errorf("%q is allowed", dialed)
		}
	}
}

// A canary is a listener that nobody may connect to.
type canary struct {
	net.Listener
	connects atomic.Int32
}

func newCanary(t *testing.T) *canary {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &canary{Listener: l}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			c.connects.Add(1)
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return c
}

// named returns a resolver that knows the addresses of names, all others do
// not exist.
func named(addresses map[string][]string) *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go func() {
			defer func() { _ = server.Close() }()
			for answerDNS(server, addresses) == nil {
			}
		}()
		return client, nil
	}}
}

// answerDNS answers one question of a resolver.
//
// https://www.rfc-editor.org/rfc/rfc1035#section-4.2.2
func answerDNS(conn net.Conn, addresses map[string][]string) error {
	var length [2]byte
	if _, err := io.ReadFull(conn, length[:]); err != nil {
		return err
	}
	question := make([]byte, binary.BigEndian.Uint16(length[:]))
	if _, err := io.ReadFull(conn, question); err != nil {
		return err
	}
	var m dnsmessage.Message
	if err := m.Unpack(question); err != nil {
		return err
	}
	q := m.Questions[0]
	reply := dnsmessage.Message{Header: dnsmessage.Header{ID: m.ID, Response: true, RecursionAvailable: true}, Questions: m.Questions}
	known, ok := addresses[strings.TrimSuffix(q.Name.String(), ".")]
	if !ok {
		reply.RCode = dnsmessage.RCodeNameError
	}
	for _, address := range known {
		header := dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: dnsmessage.ClassINET}
		switch ip := netip.MustParseAddr(address); {
		case ip.Is4() && q.Type == dnsmessage.TypeA:
			reply.Answers = append(reply.Answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.AResource{A: ip.As4()}})
		case ip.Is6() && q.Type == dnsmessage.TypeAAAA:
			reply.Answers = append(reply.Answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.AAAAResource{AAAA: ip.As16()}})
		}
	}
	packed, err := reply.Pack()
	if err != nil {
		return err
	}
	_, err = conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(packed))), packed...))
	return err
}

// TestPrivateNetworksAreNotReached asks for feeds at addresses that lead into
// the house, by whatever way. None may bring about a connection.
func TestPrivateNetworksAreNotReached(t *testing.T) {
	house := newCanary(t)
	_, port, err := net.SplitHostPort(house.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	names := named(map[string][]string{
		"inside.example": {"127.0.0.1"}, "six.example": {"::1"}, "mapped.example": {"::ffff:127.0.0.1"}, "nat.example": {"64:ff9b::7f00:1"},
		"sixtofour.example": {"2002:7f00:1::"}, "both.example": {"169.254.169.254", "10.0.0.1", "fd00::1"}, "own.example": {"127.0.0.1"},
		"metadata.example": {"169.254.169.254"},
	})
	const needsName = "; if it is yours, put its name into articles.private_hosts"
	tests := []struct{ name, address, reason string }{
		{"this machine by its address", "http://127.0.0.1/", "its server has the private address 127.0.0.1" + needsName},
		{"by its address in IPv6", "http://[::1]/", "its server has the private address ::1" + needsName},
		{"by its name", "http://localhost/", ""},
		{"by a name of others", "http://inside.example/", "its server has the private address 127.0.0.1" + needsName},
		{"by a name of others, with a dot", "https://inside.example./", "its server has the private address 127.0.0.1" + needsName},
		{"by a name of others in IPv6", "https://six.example/", "its server has the private address ::1" + needsName},
		{"by an IPv4 address in IPv6", "http://[::ffff:127.0.0.1]/", ""},
		{"by a name that is mapped", "http://mapped.example/", ""},
		{"by NAT64", "http://nat.example/", "its server has the private address 64:ff9b::7f00:1" + needsName},
		{"by 6to4", "http://sixtofour.example/", "its server has the private address 2002:7f00:1::" + needsName},
		{"by a name of several", "http://both.example/", ""},
		{"by a number", "http://2130706433/", ""},
		{"by a number in octal", "http://0177.0.0.1/", ""},
		{"the metadata of a cloud", "http://169.254.169.254/latest/", "its server has the private address 169.254.169.254"},
		{"and by a host of our own", "http://metadata.example/", "its server has the private address 169.254.169.254"},
		{"a port of its own", "http://inside.example:" + port + "/", "the port " + port + " is not asked; only a host of articles.private_hosts may have one of its own"},
		{"a port of a public server", "http://1.1.1.1:22/", "the port 22 is not asked; only a host of articles.private_hosts may have one of its own"},
		{"a file", "file:///etc/passwd", `"file" is neither http nor https`},
		{"a user's name", "http://a:b@wire.example/", "its address holds a user's name"},
		{"no server", "http:///feed", "its address names no server"},
		{"a name that is not there", "http://nobody.example/", `its server's name "nobody.example" cannot be looked up`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFeeds(t)
			f.PrivateHosts = []string{"metadata.example"}
			f.resolver = names
			_, err := f.lineTo(tt.address).fetch(t.Context(), nil)
			if err == nil || tt.reason != "" && err.Error() != tt.reason {
				t.Errorf("fetch: error %v, want %q", err, tt.reason)
			}
			if strings.HasPrefix(tt.address, "http://127.0.0.1/") {
				return // the host of the feed below
			}
			w := newWire(t, "")
			w.answer(func(rw http.ResponseWriter, r *http.Request) { http.Redirect(rw, r, tt.address, http.StatusFound) })
			f.PrivateHosts = []string{"127.0.0.1"}
			if _, err := f.lineTo(w.URL).fetch(t.Context(), nil); err == nil {
				t.Error("fetch by a redirect: no error")
			}
		})
	}
	if n := house.connects.Load(); n > 0 {
		t.Errorf("%d connections were made into the house", n)
	}
}

func TestRedirectsAreChecked(t *testing.T) {
	house, inside := newCanary(t), newWire(t, rss(item("a")))
	tests := []struct{ name, to, reason string }{
		{"to the metadata of a cloud", "http://169.254.169.254/latest/meta-data/", "its server has the private address 169.254.169.254"},
		{"to another port of the house", "http://" + house.Addr().String() + "/", "the port "},
		{"to another server of the house", inside.URL, "the port "},
		{"to a file", "file:///etc/passwd", `"file" is neither http nor https`},
		{"to a script", "gopher://127.0.0.1:25/x", `"gopher" is neither http nor https`},
		{"in a circle", "/", "it redirects more than 5 times"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWire(t, "")
			w.answer(func(rw http.ResponseWriter, r *http.Request) { http.Redirect(rw, r, tt.to, http.StatusFound) })
			_, err := newFeeds(t).lineTo(w.URL).fetch(t.Context(), nil)
			if err == nil || !strings.HasPrefix(err.Error(), tt.reason) {
				t.Errorf("fetch: error %v, want %q", err, tt.reason)
			}
		})
	}
	if n := house.connects.Load() + inside.requests.Load(); n > 0 {
		t.Errorf("%d connections were made into the house", n)
	}
}

// TestARedirectFromOutside puts a server on this machine in the place of one on
// the internet, which sends us to a host that another feed may use.
func TestARedirectFromOutside(t *testing.T) {
	w := newWire(t, "")
	w.answer(func(rw http.ResponseWriter, r *http.Request) {
		http.Redirect(rw, r, "http://cms.example/", http.StatusFound)
	})
	f := newFeeds(t)
	f.PrivateHosts = []string{"cms.example"}
	f.resolver = named(map[string][]string{"cms.example": {"127.0.0.1"}})
	checked := f.lineTo("http://wire.example/feed")
	f.dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		if strings.HasPrefix(address, "wire.example:") {
			return to(w)(ctx, network, address)
		}
		return checked.dial(ctx, network, address)
	}
	_, err := f.lineTo("http://wire.example/feed").fetch(t.Context(), nil)
	if err == nil || !strings.HasPrefix(err.Error(), "its server has the private address 127.0.0.1") || w.requests.Load() != 1 {
		t.Errorf("fetch: error %v after %d requests, want the redirect to be refused", err, w.requests.Load())
	}
	if checked.mayBePrivate("cms.example") {
		t.Error("a feed from outside may reach a private host")
	}
	if !f.lineTo("http://CMS.example./feed").mayBePrivate("cms.example") {
		t.Error("a feed of a private host may not reach it")
	}
	if f.lineTo("http://x.cms.example/feed").mayBePrivate("x.cms.example") {
		t.Error("a name within that of a private host may be private")
	}
}

func TestRedirectsThatAreFollowed(t *testing.T) {
	w := newWire(t, "")
	w.answer(func(rw http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Referer") != "" {
			t.Errorf("the server is told whence we come: %q", r.Header.Get("Referer"))
		}
		n := len(r.URL.Path)
		if n <= redirectsLimit {
			http.Redirect(rw, r, r.URL.Path+"x", http.StatusMovedPermanently)
			return
		}
		fmt.Fprint(rw, rss("<item><title>A</title><link>a</link></item>"))
	})
	r := readFeeds(t, newFeeds(t, w.URL+"/?key=secret"))
	if len(r.Articles) != 1 || len(r.Refused)+len(r.Warnings) > 0 {
		t.Errorf("articles %q, refused %q, warnings %q", slugs(r), lines(r.Refused), lines(r.Warnings))
	}
}

func TestFromHTTPSToHTTP(t *testing.T) {
	l := newFeeds(t).lineTo("https://wire.example/")
	before, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://wire.example/", http.NoBody)
	after, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://wire.example/", http.NoBody)
	var no refusal
	if err := l.client().CheckRedirect(after, []*http.Request{before}); !errors.As(err, &no) {
		t.Errorf("CheckRedirect: error %v, want a refusal", err)
	}
}

func TestNoProxyIsUsed(t *testing.T) {
	house := newCanary(t)
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"} {
		t.Setenv(name, "http://"+house.Addr().String())
	}
	f := newFeeds(t)
	f.resolver = named(nil)
	if _, err := f.lineTo("http://wire.example/").fetch(t.Context(), nil); err == nil {
		t.Error("fetch: no error for a name that is not there")
	}
	if n := house.connects.Load(); n > 0 {
		t.Errorf("%d connections were made to the proxy", n)
	}
}

// TestServersOfTooMuch measures that what a server sends is bounded in bytes and
// time.
func TestServersOfTooMuch(t *testing.T) {
	endless := func(w io.Writer) {
		page := []byte("<rss><channel>" + strings.Repeat("<item><title>x</title></item>", 1000))
		for {
			if _, err := w.Write(page); err != nil {
				return
			}
		}
	}
	tests := []struct {
		name   string
		answer http.HandlerFunc
		reason string
	}{
		{"an endless stream", func(w http.ResponseWriter, _ *http.Request) { endless(w) }, "it is longer than 10 MB"},
		{"a bomb in gzip", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			endless(z)
		}, "it is longer than 10 MB"},
		{"a gigabyte, as it says", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000000000")
			endless(w)
		}, "it is longer than 10 MB"},
		{"a header without end", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Long", strings.Repeat("x", 2*headerLimit))
		}, ""},
		{"one byte, and another some day", func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, "<")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, "it did not arrive within 200ms"},
		{"no answer", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "it did not arrive within 200ms"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWire(t, "")
			w.answer(tt.answer)
			f := newFeeds(t)
			f.patience = 200 * time.Millisecond
			if tt.reason != "" && !strings.Contains(tt.reason, "200ms") {
				f.patience = time.Minute
			}
			var err error
			got := allocated(func() { _, err = f.lineTo(w.URL).fetch(t.Context(), nil) })
			if err == nil || tt.reason != "" && err.Error() != tt.reason {
				t.Errorf("fetch: error %v, want %q", err, tt.reason)
			}
			if got > 200<<20 { // the server's part is in it
				t.Errorf("%d MB were taken in all", got>>20)
			}
		})
	}
}
