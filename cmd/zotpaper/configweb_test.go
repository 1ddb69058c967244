package main

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWebMistakes(t *testing.T) {
	tests := []struct {
		name, text, want string
	}{
		{"a third kind of archive", "web: {archive: reader}", `config.yaml:1: web.archive: want public or readers, got "reader"; did you mean readers?`},
		{"nobody may ask", "web: {signups: {network: 0}}", "config.yaml:1: web.signups.network: want 1 to 100000, got 0"},
		{"no bound at all", "web: {signups: {total: 10000000}}", "config.yaml:1: web.signups.total: want 1 to 1000000, got 10000000"},
		{"a proxy by name", "web: {trusted_proxies: [localhost]}", `config.yaml:1: web.trusted_proxies: "localhost" is neither an address nor a network; want one such as 127.0.0.1 or 10.0.0.0/8`},
		{"half a switch", "web: {signup: \"yes\"}", `config.yaml:1: web.signup: want true or false, got "yes" in quotes`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir, config := paperFolder(t, tt.text, nil)
			if diff := cmp.Diff([]string{tt.want}, complaints(t, dir, config, nil)); diff != "" {
				t.Errorf("complaints (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTrustedProxies(t *testing.T) {
	for text, want := range map[string][]string{
		"":                                     {"127.0.0.1/32", "::1/128"},
		"[]":                                   {},
		"[10.1.2.3/8, \"2001:db8::1\"]":        {"10.0.0.0/8", "2001:db8::1/128"},
		"[\"::ffff:192.0.2.1\", 192.0.2.0/24]": {"192.0.2.1/32", "192.0.2.0/24"},
	} {
		_, config := paperFolder(t, fmt.Sprintf("web: {trusted_proxies: %s}", text), nil)
		if text == "" {
			_, config = paperFolder(t, "", nil)
		}
		c, err := loadConfig(config, nil)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		got := []string{}
		for _, network := range c.Web.Trusted {
			got = append(got, network.String())
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: trusted %v, want %v", text, got, want)
		}
		if slices.ContainsFunc(c.Web.Trusted, func(n netip.Prefix) bool { return !n.IsValid() }) {
			t.Errorf("%s: an invalid network", text)
		}
	}
}
