package web

import (
	"net/http"
	"net/netip"
	"strings"
)

// maxHops bounds the entries of X-Forwarded-For that are looked at.
const maxHops = 32

// client returns the address of whoever asks; the zero address if it is not
// known.
//
// Anybody can write anything into X-Forwarded-For. Each server in front adds
// at its right end whom it answers, so what the servers that we trust have
// added is read from there; the first address that is none of theirs is the
// reader's. What stands further left is the reader's own claim.
func (s *Server) client(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	ip := plain(peer.Addr())
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for n := 1; n <= len(hops) && n <= maxHops && s.trusts(ip); n++ {
		next, ok := parseHop(hops[len(hops)-n])
		if !ok {
			break
		}
		ip = next
	}
	return ip
}

// trusts reports whether ip is a server in front of this one.
func (s *Server) trusts(ip netip.Addr) bool {
	for _, network := range s.Proxies {
		if network.Contains(ip) {
			return true
		}
	}
	return false
}

// parseHop reads an entry of X-Forwarded-For; some servers add the port.
func parseHop(text string) (netip.Addr, bool) {
	text = strings.TrimSpace(text)
	if ip, err := netip.ParseAddr(text); err == nil {
		return plain(ip), true
	}
	with, err := netip.ParseAddrPort(text)
	return plain(with.Addr()), err == nil
}

func plain(ip netip.Addr) netip.Addr { return ip.Unmap().WithZone("") }
