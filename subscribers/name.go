package subscribers

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxName bounds a name in bytes; it has to fit into a header.
const maxName = 200

// A NameError says why a text is no name.
type NameError struct {
	Reason string // for people
}

func (e *NameError) Error() string { return "name: " + e.Reason }

// ParseName reads a subscriber's name as it will stand in a greeting and in
// the To field. Blanks around it are dropped; it may be empty. Line breaks and
// other control characters are refused rather than dropped: a name that has
// them is an attack or an accident, and either way not the name. The error is a
// *NameError.
func ParseName(s string) (string, error) {
	if !utf8.ValidString(s) {
		return "", &NameError{"it is not UTF-8"}
	}
	s = strings.TrimSpace(s)
	if len(s) > maxName {
		return "", &NameError{fmt.Sprintf("it is longer than %d bytes", maxName)}
	}
	for _, r := range s {
		switch {
		case r == '\r' || r == '\n' || r == '\u2028' || r == '\u2029':
			return "", &NameError{"there is a line break in it"}
		case unicode.IsControl(r):
			return "", &NameError{"there is a control character in it"}
		case unicode.Is(unicode.Bidi_Control, r):
			// They would turn around what stands beside the name.
			return "", &NameError{"there is a control of writing direction in it"}
		}
	}
	return s, nil
}
