package intake

import (
	"net/url"
	"strings"
)

// canonical returns address in the form that all addresses of one page have in
// common, or "" if it is none. It is for comparing, not for following.
//
// Left out are the scheme, a www. is not; capitals of the host, the port of the
// web, slashes at the end of the path, the fragment, and parameters that only
// say where a reader came from: utm_*, fbclid and their like. All else counts,
// the order of the parameters too: a page may be named by them.
func canonical(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return ""
	}
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	if port := u.Port(); port != "" && port != "80" && port != "443" {
		host += ":" + port
	}
	form := host + strings.TrimRight(u.EscapedPath(), "/")
	var kept []string
	for parameter := range strings.SplitSeq(u.RawQuery, "&") {
		if name, _, _ := strings.Cut(parameter, "="); parameter != "" && !tracks(name) {
			kept = append(kept, parameter)
		}
	}
	if len(kept) > 0 {
		form += "?" + strings.Join(kept, "&")
	}
	return form
}

// tracks reports whether a parameter of an address says where a reader came
// from, and nothing of the page.
func tracks(name string) bool {
	name = strings.ToLower(name)
	switch name {
	case "fbclid", "gclid", "dclid", "msclkid", "yclid", "twclid", "igshid", "mc_cid", "mc_eid", "_hsenc", "_hsmi":
		return true
	}
	return strings.HasPrefix(name, "utm_")
}

// sameHost reports whether a and b are one host's name.
func sameHost(a, b string) bool {
	return strings.EqualFold(strings.TrimSuffix(a, "."), strings.TrimSuffix(b, "."))
}
