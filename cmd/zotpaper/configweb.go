package main

import (
	"io/fs"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"github.com/zotpaper/zotpaper/words"
)

// The values of web.archive.
const (
	archivePublic    = "public"
	archiveOfReaders = "readers"
)

func (k *checker) web() {
	w := &k.c.Web
	k.url("web.url", &w.URL)
	host, port, err := net.SplitHostPort(w.Listen)
	n, portErr := strconv.Atoi(port)
	if err != nil || portErr != nil || n < 0 || n > 65535 || strings.ContainsAny(host, "/ ") {
		k.bad("web.listen", "want ADDRESS:PORT, such as 127.0.0.1:8080 or :8080, got %q", w.Listen)
	}
	k.oneOf("web.archive", w.Archive, archivePublic, archiveOfReaders)
	k.within("web.signups.network", w.Signups.Network, 1, 100_000)
	k.within("web.signups.total", w.Signups.Total, 1, 1_000_000)
	for _, text := range w.Proxies {
		network, ok := parseNetwork(text)
		if !ok {
			k.bad("web.trusted_proxies", "%q is neither an address nor a network; want one such as 127.0.0.1 or 10.0.0.0/8", text)
		}
		w.Trusted = append(w.Trusted, network)
	}
	k.secretFile()
}

// parseNetwork reads an address, or a network in CIDR notation.
func parseNetwork(s string) (netip.Prefix, bool) {
	if ip, err := netip.ParseAddr(s); err == nil {
		ip = ip.Unmap().WithZone("")
		return netip.PrefixFrom(ip, ip.BitLen()), true
	}
	network, err := netip.ParsePrefix(s)
	return network.Masked(), err == nil
}

// words loads what is said to readers.
func (k *checker) words() {
	if k.found.has("templates") || k.found.has("publication.language") {
		return
	}
	var err error
	if k.c.Words, err = words.Load(k.c.Publication.Language, k.c.overrides()); err != nil {
		k.bad("templates", "%s", err)
	}
}

// overrides returns the folder with a newsroom's own templates; nil: none.
func (c *Config) overrides() fs.FS {
	if c.Templates == "" {
		return nil
	}
	return os.DirFS(c.Templates)
}
