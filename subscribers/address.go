package subscribers

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// The lengths of RFC 5321 in bytes, the domain in its ASCII form. A path may
// have 256 with its angle brackets, which leaves 254.
//
// https://www.rfc-editor.org/rfc/rfc5321#section-4.5.3.1
const (
	maxLocal   = 64
	maxLabel   = 63
	maxAddress = 254
)

// An Address is a mail address that ParseAddress has accepted. Two equal
// Addresses are spelled the same; two with an equal Canonical are the same
// mailbox. The zero Address is none.
type Address struct {
	local, domain string
}

// An AddressError says why a text is no address that we can send to. It does
// not repeat the text, which is personal data and may hold anything.
type AddressError struct {
	Reason string // for people, such as "there is no @"
}

func (e *AddressError) Error() string { return "address: " + e.Reason }

// String returns a as mail is sent to it: the part before the @ as it was
// given, the domain in lower case and in its ASCII form.
func (a Address) String() string {
	if a == (Address{}) {
		return ""
	}
	return a.local + "@" + a.domain
}

// Canonical returns a as addresses are compared: in lower case.
//
// RFC 5321 leaves it to each host whether Anna@ and anna@ are one mailbox, but
// hosts that tell them apart are not found in practice, and a reader must not
// get two copies for having typed a capital once. A tag behind a + is kept:
// people file their mail by it, and not every host drops it.
//
// https://www.rfc-editor.org/rfc/rfc5321#section-2.4
func (a Address) Canonical() string { return strings.ToLower(a.String()) }

// ParseAddress reads a mail address as a reader or an operator writes it:
// alone, without a name and without angle brackets. Blanks around it are
// dropped. The error is an *AddressError.
//
// What is accepted is a little less than RFC 5321 allows, so that an address
// can stand in a header, a URL, a CSV file and an envelope of any server
// without being quoted: the part before the @ is ASCII letters, digits, dots
// and !#$%&'*+-/=?^_`{|}~; if it is quoted without need, the quotes are
// dropped. The domain is a name with a dot, never a number; names in other
// scripts become their ASCII form.
func ParseAddress(s string) (Address, error) {
	s = strings.Trim(s, " \t\u00a0")
	if reason := unfit(s); reason != "" {
		return Address{}, &AddressError{reason}
	}
	at := strings.LastIndexByte(s, '@')
	if at < 0 {
		return Address{}, &AddressError{"there is no @"}
	}
	local, reason := parseLocal(s[:at])
	if reason != "" {
		return Address{}, &AddressError{reason}
	}
	domain, reason := parseDomain(s[at+1:])
	if reason != "" {
		return Address{}, &AddressError{reason}
	}
	a := Address{local, domain}
	if len(local)+1+len(domain) > maxAddress {
		return Address{}, &AddressError{fmt.Sprintf("it is longer than %d bytes", maxAddress)}
	}
	return a, nil
}

// unfit returns why s cannot be an address, whatever its parts; nothing if it
// can.
func unfit(s string) string {
	switch {
	case s == "":
		return "it is empty"
	case len(s) > 4*maxAddress: // a name in another script may shrink
		return fmt.Sprintf("it is longer than %d bytes", maxAddress)
	case !utf8.ValidString(s):
		return "it is not UTF-8"
	}
	for _, r := range s {
		switch {
		case r == '\r' || r == '\n':
			return "there is a line break in it"
		case unicode.IsControl(r):
			return "there is a control character in it"
		case unicode.IsSpace(r):
			return "there is a blank in it"
		case unicode.Is(unicode.Cf, r) && r != '\u200c' && r != '\u200d': // joiners are letters' business in some scripts
			return "there is an invisible character in it"
		case r == '<' || r == '>':
			return "there are angle brackets in it: want the address alone"
		}
	}
	if len(s) > len("mailto:") && strings.EqualFold(s[:len("mailto:")], "mailto:") {
		return "it begins with mailto: want the address alone"
	}
	return ""
}

// parseLocal returns the part before the @ as it is sent, or why it cannot be.
func parseLocal(s string) (local, reason string) {
	// The same mailbox can be written with quotes and without; the shorter
	// form is the one to send.
	// https://www.rfc-editor.org/rfc/rfc5321#section-4.1.2
	if bare, quoted := unquote(s); quoted {
		if bare == "" || !isDotAtom(bare) {
			return "", "the part before the @ works only in quotes, which many servers do not take"
		}
		s = bare
	}
	switch {
	case s == "":
		return "", "there is nothing before the @"
	case !isASCII(s):
		return "", "the part before the @ has letters beyond ASCII, which would need SMTPUTF8"
	case len(s) > maxLocal:
		return "", fmt.Sprintf("the part before the @ is longer than %d bytes", maxLocal)
	case strings.Contains(s, "@"):
		return "", "there is more than one @"
	case s[0] == '.' || s[len(s)-1] == '.':
		return "", "the part before the @ begins or ends with a dot"
	case strings.Contains(s, ".."):
		return "", "the part before the @ has two dots in a row"
	case !isDotAtom(s):
		return "", fmt.Sprintf("the part before the @ may not have %q", notAtom(s))
	}
	return s, ""
}

func unquote(s string) (bare string, quoted bool) {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return s, false
	}
	return s[1 : len(s)-1], true
}

// isDotAtom reports whether s is a dot-atom.
//
// https://www.rfc-editor.org/rfc/rfc5322#section-3.2.3
func isDotAtom(s string) bool {
	return notAtom(s) == 0 && s[0] != '.' && s[len(s)-1] != '.' && !strings.Contains(s, "..")
}

// notAtom returns the first character of s that no dot-atom has, or 0.
func notAtom(s string) rune {
	for _, r := range s {
		if !isLetterOrDigit(r) && !strings.ContainsRune("!#$%&'*+-/=?^_`{|}~.", r) {
			return r
		}
	}
	return 0
}

// parseDomain returns the domain in its ASCII form, or why it is none.
func parseDomain(s string) (domain, reason string) {
	switch {
	case s == "":
		return "", "there is nothing behind the @"
	case s[0] == '[':
		return "", "it names a machine by number: want a domain"
	}
	if !isASCII(s) || strings.Contains(strings.ToLower(s), "xn--") {
		ascii, err := idna.Lookup.ToASCII(s)
		if err != nil {
			return "", "the domain is not a valid name in its script"
		}
		s = ascii
	}
	s = strings.ToLower(s)
	if strings.HasSuffix(s, ".") {
		return "", "the domain ends with a dot"
	}
	labels := strings.Split(s, ".")
	for _, label := range labels {
		if reason := badLabel(label); reason != "" {
			return "", reason
		}
	}
	top := labels[len(labels)-1]
	switch {
	case len(labels) < 2:
		return "", "the domain has no dot"
	case strings.Trim(top, "0123456789") == "":
		return "", "the domain ends with a number"
	case len(top) < 2:
		return "", "the domain ends with a single letter"
	}
	return s, ""
}

// badLabel returns why label cannot stand in the name of a host, or nothing.
//
// https://www.rfc-editor.org/rfc/rfc1123#section-2
func badLabel(label string) string {
	switch {
	case label == "":
		return "the domain has an empty part"
	case len(label) > maxLabel:
		return fmt.Sprintf("a part of the domain is longer than %d bytes", maxLabel)
	case label[0] == '-' || label[len(label)-1] == '-':
		return "a part of the domain begins or ends with a hyphen"
	}
	for _, r := range label {
		if !isLetterOrDigit(r) && r != '-' {
			return fmt.Sprintf("the domain may not have %q", r)
		}
	}
	return ""
}

func isLetterOrDigit(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
