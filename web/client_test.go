package web

import (
	"net/http"
	"net/netip"
	"testing"
)

func TestClient(t *testing.T) {
	const proxy = "127.0.0.1:5000"
	tests := []struct {
		name, peer string
		forwarded  []string
		want       string
	}{
		{"no server in front", "192.0.2.1:5000", nil, "192.0.2.1"},
		{"a stranger's word counts nothing", "192.0.2.1:5000", []string{"198.51.100.9"}, "192.0.2.1"},
		{"behind a server", proxy, []string{"198.51.100.9"}, "198.51.100.9"},
		{"a server that says nothing", proxy, nil, "127.0.0.1"},
		{"what the reader claims stands left", proxy, []string{"203.0.113.1, 198.51.100.9"}, "198.51.100.9"},
		{"a claim to be one of us", proxy, []string{"127.0.0.1, 198.51.100.9"}, "198.51.100.9"},
		{"two servers", proxy, []string{"203.0.113.1, 198.51.100.9, 10.1.1.1"}, "198.51.100.9"},
		{"two lines", proxy, []string{"203.0.113.1", "198.51.100.9"}, "198.51.100.9"},
		{"from within", proxy, []string{"10.1.1.1, 10.2.2.2"}, "10.1.1.1"},
		{"nonsense ends it", proxy, []string{"198.51.100.9, unknown"}, "127.0.0.1"},
		{"nonsense further left is not reached", proxy, []string{"unknown, 198.51.100.9"}, "198.51.100.9"},
		{"with a port", proxy, []string{"198.51.100.9:4711"}, "198.51.100.9"},
		{"IPv6", "[::1]:5000", []string{"2001:db8::1"}, "2001:db8::1"},
		{"IPv6 with a port", "[::1]:5000", []string{"[2001:db8::1]:4711"}, "2001:db8::1"},
		{"IPv4 within IPv6", "[::ffff:127.0.0.1]:5000", []string{"::ffff:198.51.100.9"}, "198.51.100.9"},
		{"a zone", "[fe80::1%eth0]:5000", nil, "fe80::1"},
		{"a socket without addresses", "@", []string{"198.51.100.9"}, "invalid IP"},
	}
	s := &Server{}
	for _, network := range []string{"127.0.0.1/32", "::1/128", "10.0.0.0/8"} {
		s.Proxies = append(s.Proxies, netip.MustParsePrefix(network))
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := &http.Request{RemoteAddr: tt.peer, Header: http.Header{"X-Forwarded-For": tt.forwarded}}
			if got := s.client(r).String(); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}
