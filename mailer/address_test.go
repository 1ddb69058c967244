package mailer

import (
	"regexp"
	"strings"
	"testing"
)

// injections are addresses that carry more than an address: what follows would
// become a parameter of MAIL or RCPT, another command, or another header
// field. Each was or might be let through by somebody's parser; the class as a
// whole is known from CVE-2025-59937.
func injections() map[string]string {
	return map[string]string{
		"a parameter behind a quoted bracket":    `"reader@example.org> NOTIFY=NEVER"@example.org`,
		"a size":                                 `"reader@example.org> SIZE=1"@example.org`,
		"a login":                                `"reader@example.org> AUTH=<>"@example.org`,
		"two blanks":                             `"reader@example.org>  NOTIFY=NEVER"@example.org`,
		"a tab":                                  "\"reader@example.org>\tNOTIFY=NEVER\"@example.org",
		"an escaped quote":                       `"reader@example.org\"> NOTIFY=NEVER"@example.org`,
		"an escaped backslash":                   `"reader@example.org\\"> NOTIFY=NEVER"@example.org`,
		"a bracket closed too soon":              `reader@example.org> NOTIFY=NEVER@example.org`,
		"a bracket of its own":                   `<reader@example.org> NOTIFY=NEVER@example.org`,
		"brackets around all":                    `<reader@example.org>`,
		"no bracket at all":                      `reader@example.org NOTIFY=NEVER@example.org`,
		"a parameter behind the domain":          `reader@example.org NOTIFY=NEVER`,
		"a bracket behind the domain":            `reader@example.org>`,
		"a comment before":                       `(hello)reader@example.org`,
		"a comment behind":                       `reader@example.org(hello)`,
		"a comment and a bracket in quotes":      `"reader@example.org (x) > NOTIFY=NEVER"@example.org`,
		"a source route":                         `@relay.example.org:reader@example.org`,
		"a percent sign for the bracket":         `"reader%3E NOTIFY=NEVER"@example.org`,
		"a NUL":                                  "\"reader\x00> NOTIFY=NEVER\"@example.org",
		"a NUL in the domain":                    "reader@example.org\x00",
		"another RCPT behind CRLF":               "reader@example.org>\r\nRCPT TO:<victim@example.net",
		"another RCPT in quotes":                 "\"reader>\r\nRCPT TO:<victim@example.net>\"@example.org",
		"another MAIL behind CR alone":           "\"reader>\rMAIL FROM:<x@example.net>\"@example.org",
		"another header field behind LF":         "reader@example.org\nBcc: victim@example.net",
		"folded white space":                     "\"reader> \r\n\tNOTIFY=NEVER\"@example.org",
		"a full-width letter":                    `"reader> NOTIFY=NEVER@ｅxample.org"@example.org`,
		"a full-width bracket":                   `reader＞@example.org`,
		"a joiner that is not seen":              "reader@exam\u200cple.org",
		"a line separator of Unicode":            "reader\u2028@example.org",
		"two @":                                  `reader@victim.example.net@example.org`,
		"two @ in quotes":                        `"reader> NOTIFY=NEVER@@x"@example.org`,
		"a quoted @":                             `"reader@victim.example.net"@example.org`,
		"an UUCP path":                           `"victim.example.net!reader" @example.org`,
		"a blank in quotes":                      `"two words"@example.org`,
		"a group":                                `readers:reader@example.org;`,
		"a list":                                 `reader@example.org,victim@example.net`,
		"a display name":                         `Reader <reader@example.org>`,
		"a local part beyond the limit":          strings.Repeat("a", 65) + "@example.org",
		"an address beyond the limit":            "reader@" + strings.Repeat("a.", 122) + "orgs",
		"a label beyond the limit":               "reader@" + strings.Repeat("a", 64) + ".org",
		"no local part":                          `@example.org`,
		"no domain":                              `reader@`,
		"no @":                                   `reader`,
		"nothing":                                ``,
		"a dot at the end of the local part":     `reader.@example.org`,
		"a dot at the end of the domain":         `reader@example.org.`,
		"a domain that looks like an option":     `reader@-oProxyCommand.example.org`,
		"an address literal with a parameter":    `reader@[192.0.2.1 NOTIFY=NEVER]`,
		"letters that only an extension carries": `jörg@example.org`,
	}
}

func TestParseAddressRefusesInjections(t *testing.T) {
	for name, payload := range injections() {
		t.Run(name, func(t *testing.T) {
			if a, err := ParseAddress("", payload); err == nil {
				t.Errorf("ParseAddress(%q) = %+v, want an error", payload, a)
			}
		})
	}
}

func TestParseAddressTakes(t *testing.T) {
	for name, tt := range map[string]struct{ name, address string }{
		"an ordinary address":    {"", "reader@example.org"},
		"a tag":                  {"", "reader+paper@example.org"},
		"every sign of RFC 5322": {"", "!#$%&'*+-/=?^_`{|}~@example.org"},
		"a domain in A-labels":   {"", "reader@xn--exmple-cua.org"},
		"a host of one label":    {"", "root@localhost"},
		"quotes around dots":     {"", `".reader."@example.org`},
		"the longest local part": {"", strings.Repeat("a", 64) + "@example.org"},
		"the longest address":    {"", strings.Repeat("a", 64) + "@" + strings.Repeat(strings.Repeat("a", 62)+".", 2) + strings.Repeat("a", 63)},
		"the longest name":       {strings.Repeat("n", 200), "ann@example.org"},
		"a blank of Unicode":     {"Ann\u00a0Fox", "ann@example.org"},
		"a name in any script":   {"山田 太郎", "taro@example.org"},
		"a name with quotes":     {`Ann "Fox" O\Neil`, "ann@example.org"},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := ParseAddress(tt.name, tt.address)
			if err != nil || a != (Address{tt.name, tt.address}) {
				t.Errorf("ParseAddress(%q, %q) = %+v, %v", tt.name, tt.address, a, err)
			}
		})
	}
	if a, err := ParseAddress("  Reader ", "reader@example.org"); err != nil || a.Name != "Reader" {
		t.Errorf("blanks around the name: got %+v, %v; want them gone", a, err)
	}
}

func TestParseAddressRefusesNames(t *testing.T) {
	for name, value := range map[string]string{
		"with CRLF": "Reader\r\nBcc: victim@example.net", "with LF": "Reader\nX: y", "with CR": "Reader\rX: y", "with NUL": "Rea\x00der", "with LF first": "\nReader",
		"with a C1 control": "Rea\u0085der", "that are not UTF-8": "J\xf6rg", "without end": strings.Repeat("a", 201),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseAddress(value, "reader@example.org")
			if err == nil || !strings.Contains(err.Error(), "name") {
				t.Errorf("ParseAddress: got %v, want an error that says it is the name", err)
			}
		})
	}
}

// wireAddress is how an address may look between the angle brackets, whatever
// its parts mean.
var wireAddress = regexp.MustCompile(`^[!-;=?-~]+$`)

func FuzzParseAddress(f *testing.F) {
	for _, payload := range injections() {
		f.Add("Reader", payload)
	}
	f.Add("山田 太郎", "reader+tag@example.org")
	f.Fuzz(func(t *testing.T, name, address string) {
		a, err := ParseAddress(name, address)
		if err != nil {
			return
		}
		if !wireAddress.MatchString(a.Address) || strings.Count(a.Address, "@") != 1 || len(a.Address) > 254 {
			t.Errorf("ParseAddress took %q", a.Address)
		}
		m := specimen()
		m.To = a
		raw, err := m.Compose()
		if err != nil {
			t.Fatalf("Compose to %+v: %v", a, err)
		}
		if err := Check(raw); err != nil {
			t.Errorf("Check of a message to %+v: %v", a, err)
		}
	})
}

func TestVERP(t *testing.T) {
	got, err := VERP("bounce@bounce.example.org", "k1.Zm9v-_x")
	if err != nil || got != "bounce+k1.Zm9v-_x@bounce.example.org" {
		t.Errorf("VERP = %q, %v", got, err)
	}
	for name, tt := range map[string]struct{ bounce, token string }{
		"a local part beyond 64 bytes":      {"bounce@example.org", strings.Repeat("t", 58)},
		"a bounce address without @":        {"bounce", "token"},
		"a bounce address with two @":       {"b@c@example.org", "token"},
		"a token with a blank":              {"bounce@example.org", "a b"},
		"a token that closes the address":   {"bounce@example.org", "x@example.net> SIZE=1"},
		"a token with a line of its own":    {"bounce@example.org", "x\r\nRCPT TO:<victim@example.net>"},
		"a bounce address that is a phrase": {"Bounces <bounce@example.org>", "token"},
	} {
		t.Run("refuses "+name, func(t *testing.T) {
			if got, err := VERP(tt.bounce, tt.token); err == nil {
				t.Errorf("VERP(%q, %q) = %q, want an error", tt.bounce, tt.token, got)
			}
		})
	}
	if _, err := VERP("bounce@example.org", strings.Repeat("t", 57)); err != nil {
		t.Errorf("a local part of 64 bytes: %v", err)
	}
}
