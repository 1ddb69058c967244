package emltest

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
)

func unsubscribing() []assertion {
	return []assertion{
		{"U1", "List-Unsubscribe: one https URI first, on one line", func(m *mail, _ Expect) []string {
			fs := m.all("List-Unsubscribe")
			if len(fs) != 1 {
				return []string{fmt.Sprintf("%d fields, want one", len(fs))}
			}
			if f := fs[0]; f.lines != 1 || !unsubscribeForm.MatchString(f.value) || len(f.name)+2+len(f.value) > hardLimit {
				return []string{fmt.Sprintf("%q on %d lines", f.value, f.lines)}
			}
			return nil
		}},
		{"U2", "List-Unsubscribe-Post: one click", func(m *mail, _ Expect) []string {
			return differ("List-Unsubscribe-Post", m.first("List-Unsubscribe-Post"), "List-Unsubscribe=One-Click")
		}},
		{"U4", "the URI does not tell the reader's address", func(m *mail, _ Expect) []string {
			to, err := m.addresses("To")
			if err != nil || len(to) != 1 {
				return []string{"no reader"}
			}
			uri := strings.ToLower(m.first("List-Unsubscribe"))
			var ps []string
			address := to[0].Address
			for name, form := range map[string]string{
				"clear": address, "escaped": strings.ReplaceAll(address, "@", "%40"), "hex": hex.EncodeToString([]byte(address)),
				// Case is lost, which makes a chance match no more likely.
				"base64": base64.RawURLEncoding.EncodeToString([]byte(address)),
			} {
				if strings.Contains(uri, strings.ToLower(form)) {
					ps = append(ps, "the address stands in the URI, "+name)
				}
			}
			return ps
		}},
		{"U7", "a link to unsubscribe in both parts", visibleWayOut},
		{"U10", "the sender's postal address in both parts", func(m *mail, want Expect) []string {
			if want.Postal == "" {
				return nil
			}
			var ps []string
			for name, text := range map[string]string{"HTML": textOf(m.dom), "plain text": m.text} {
				if !strings.Contains(fold(text), fold(want.Postal)) {
					ps = append(ps, fmt.Sprintf("the %s has no %q", name, want.Postal))
				}
			}
			return ps
		}},
	}
}

// https://www.rfc-editor.org/rfc/rfc8058#section-3.1
var unsubscribeForm = regexp.MustCompile(`^<https://[^<>\s]+>(, <mailto:[^<>\s]+>)?$`)

func visibleWayOut(m *mail, _ Expect) []string {
	href := ""
	for _, n := range m.elements("a") {
		if strings.Contains(strings.ToLower(textOf(n)), "unsubscribe") && value(n, "href") != "" {
			href = value(n, "href")
		}
	}
	if href == "" {
		return []string{"no link of the HTML says unsubscribe"}
	}
	if !strings.Contains(m.text, href) {
		return []string{fmt.Sprintf("the plain text has no %q", href)}
	}
	return nil
}
