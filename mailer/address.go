package mailer

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// An Address is a mailbox with the name beside it. Make one with ParseAddress.
type Address struct {
	Name    string // any script; may be empty
	Address string // ASCII; an international domain in its A-label form
}

// The bounds of an address in octets.
//
// https://www.rfc-editor.org/rfc/rfc5321#section-4.5.3.1
const (
	localLimit   = 64
	addressLimit = 254
	nameLimit    = 200
)

// ParseAddress checks an address and the name beside it, and returns both. The
// address must be as it goes over the wire: ASCII, without display name or
// angle brackets.
func ParseAddress(name, address string) (Address, error) {
	if err := checkLine("name", name); err != nil {
		return Address{}, err
	}
	if len(name) > nameLimit {
		return Address{}, fmt.Errorf("name of %q: %d bytes, at most %d", address, len(name), nameLimit)
	}
	if err := checkMailbox(address); err != nil {
		return Address{}, err
	}
	return Address{Name: strings.TrimSpace(name), Address: address}, nil
}

// checkMailbox refuses what must not stand between the angle brackets of MAIL
// or RCPT.
func checkMailbox(address string) error {
	at := strings.LastIndexByte(address, '@')
	if at < 0 {
		return fmt.Errorf("address %q: there is no @", address)
	}
	local, domain := address[:at], address[at+1:]
	switch {
	case len(address) > addressLimit:
		return fmt.Errorf("address %q: %d bytes, at most %d", address, len(address), addressLimit)
	case len(local) > localLimit:
		return fmt.Errorf("address %q: %d bytes before the @, at most %d", address, len(local), localLimit)
	case !isDotAtom(local) && !isQuotedLocal(local):
		return fmt.Errorf("address %q: the part before the @ holds what a mail server may misread", address)
	case !isDomain(domain):
		return fmt.Errorf("address %q: %q is no domain", address, domain)
	}
	return nil
}

// checkLine refuses a value that would not stay within its line of a header,
// or that is not text.
func checkLine(field, value string) error {
	if !utf8.ValidString(value) {
		return fmt.Errorf("%s: is not UTF-8", field)
	}
	if i := strings.IndexFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f || r >= 0x80 && r < 0xa0 }); i >= 0 {
		return fmt.Errorf("%s: holds a control character at byte %d", field, i)
	}
	return nil
}

// VERP returns the envelope sender that brings a bounce back with its token:
// bounce+TOKEN@domain.
func VERP(bounce, token string) (string, error) {
	local, domain, ok := strings.Cut(bounce, "@")
	if !ok {
		return "", fmt.Errorf("bounce address %q: there is no @", bounce)
	}
	address := local + "+" + token + "@" + domain
	if err := checkMailbox(address); err != nil {
		return "", fmt.Errorf("bounce address: %w", err)
	}
	return address, nil
}
