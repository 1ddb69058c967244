package intake

import (
	"fmt"
	"net/netip"
	"strings"
)

// checkDialed refuses an address, as a dialer has it, that a feed must not
// reach. A feed's address and its redirects are written by others, and this
// machine stands in networks that those others do not: what it can reach there,
// such as the metadata of a cloud at 169.254.169.254, would answer it.
//
// private says that the host is one of the newsroom's own. Even that has no
// address of a link, and is no group of hosts.
func checkDialed(dialed string, private bool) error {
	at, err := netip.ParseAddrPort(dialed)
	if err != nil {
		return refusal("its server has no address")
	}
	ip := at.Addr()
	switch {
	case ip.Zone() != "", isPrivate(ip) && !private, reachesNobody(ip):
		hint := "; if it is yours, put its name into articles.private_hosts"
		if private || ip.Zone() != "" || reachesNobody(ip) {
			hint = "" // it would not help
		}
		return refusal(fmt.Sprintf("its server has the private address %s%s", ip, hint))
	}
	return nil
}

// isPrivate reports whether ip lies in a private network, or in one that has a
// special purpose and is not the internet at large.
//
// Of IPv6 only 2000::/3 is; all else, whatever it becomes one day, is refused.
// That takes in the forms in which an IPv4 address can be hidden: ::ffff:0:0/96
// and ::/96, and 64:ff9b::/96 and 64:ff9b:1::/48 of NAT64. Those within 2000::/3
// are named: 2002::/16 of 6to4, and Teredo in 2001::/23.
//
// https://www.iana.org/assignments/iana-ipv4-special-registry/
// https://www.iana.org/assignments/iana-ipv6-special-registry/
func isPrivate(ip netip.Addr) bool {
	if ip.Is6() {
		return !netip.MustParsePrefix("2000::/3").Contains(ip) ||
			within(ip, "2001::/23 2001:db8::/32 2002::/16 3fff::/20")
	}
	return within(ip, "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 "+
		"192.0.0.0/24 192.0.2.0/24 192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 "+
		"224.0.0.0/4 240.0.0.0/4")
}

// reachesNobody reports whether ip is an address that not even a server of the
// newsroom has.
func reachesNobody(ip netip.Addr) bool {
	return within(ip.Unmap(), "0.0.0.0/8 169.254.0.0/16 224.0.0.0/4 240.0.0.0/4 fe80::/10 ff00::/8 ::/128")
}

func within(ip netip.Addr, prefixes string) bool {
	for prefix := range strings.FieldsSeq(prefixes) {
		if netip.MustParsePrefix(prefix).Contains(ip) {
			return true
		}
	}
	return false
}
