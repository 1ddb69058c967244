package main

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
)

// Bounds of the list of mail servers.
const (
	maxRelays = 16
	maxWeight = 1000
)

// relays checks smtp.relays and parses them.
func (k *checker) relays() {
	s := &k.c.SMTP
	s.Others = nil
	if len(s.Relays) > maxRelays {
		k.bad("smtp.relays", "want at most %d servers, got %d", maxRelays, len(s.Relays))
		return
	}
	for i, text := range s.Relays {
		path := fmt.Sprintf("smtp.relays[%d]", i)
		if r, ok := k.relay(path, text); ok {
			s.Others = append(s.Others, r)
		}
	}
}

// relay parses one further mail server. It reports false if something is
// wrong with it. No message repeats the text, which somebody may have put a
// password into.
func (k *checker) relay(path, text string) (RelayConfig, bool) {
	const form = "want smtp://USER@HOST:PORT or smtps://USER@HOST:PORT, and ?weight=N&password_file=FILE behind it"
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.Path != "" && u.Path != "/" || u.Fragment != "" {
		k.bad(path, form)
		return RelayConfig{}, false
	}
	options, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		k.bad(path, form)
		return RelayConfig{}, false
	}
	r := RelayConfig{Host: u.Hostname(), Username: u.User.Username(), Weight: 1}
	switch u.Scheme {
	case "smtp":
		r.TLS, r.Port = "mandatory", 587
	case "smtps":
		r.TLS, r.Port = "implicit", 465
	default:
		k.bad(path, form)
		return r, false
	}
	if _, given := u.User.Password(); given {
		k.bad(path, "keep the password in a file: ?password_file=FILE")
		return r, false
	}
	if port := u.Port(); port != "" {
		if r.Port, err = strconv.Atoi(port); err != nil || r.Port < 1 || r.Port > 65535 {
			k.bad(path, "port: want 1 to 65535")
			return r, false
		}
	}
	ok := k.relayOptions(path, options, &r)
	return r, ok
}

// relayOptions reads what stands behind the ? of a server's URL into r.
func (k *checker) relayOptions(path string, options url.Values, r *RelayConfig) bool {
	for _, name := range slices.Sorted(maps.Keys(options)) {
		value := options.Get(name)
		if len(options[name]) > 1 {
			k.bad(path, "%s stands there twice", name)
			return false
		}
		switch name {
		case "weight":
			n, err := strconv.Atoi(value)
			if err != nil || n < 1 || n > maxWeight {
				k.bad(path, "weight: want 1 to %d, got %q", maxWeight, value)
				return false
			}
			r.Weight = n
		case "password_file":
			if r.Password = k.password(path, resolve(value, k.c.File)); r.Password == "" {
				return false
			}
		case "tls":
			if value != "none" || !isLoopback(r.Host) {
				k.bad(path, "tls: only none, and only for a server on this machine")
				return false
			}
			r.TLS = value
		default:
			k.bad(path, "unknown option %q; want weight, password_file or tls", name)
			return false
		}
	}
	if (r.Username == "") != (r.Password == "") {
		k.bad(path, "want both a user before the @ and a password_file, or neither")
		return false
	}
	return true
}
