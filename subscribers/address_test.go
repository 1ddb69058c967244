package subscribers

import (
	"errors"
	"strings"
	"testing"
	"unicode"
)

func TestParseAddress(t *testing.T) {
	long := func(n int) string { return strings.Repeat("a", n) }
	tests := []struct {
		rule   string
		in     string
		want   string // as sent; empty: refused
		reason string // part of the reason
	}{
		{"a plain address", "anna@example.org", "anna@example.org", ""},
		{"one letter before the @", "a@example.org", "a@example.org", ""},
		{"digits", "1234567890@example.org", "1234567890@example.org", ""},
		{"dots inside", "anna.maria.b@example.org", "anna.maria.b@example.org", ""},
		{"a tag is kept", "anna+news@example.org", "anna+news@example.org", ""},
		{"every sign an atom may have", "!#$%&'*+-/=?^_`{|}~@example.org", "!#$%&'*+-/=?^_`{|}~@example.org", ""},
		{"an apostrophe", "o'hara@example.org", "o'hara@example.org", ""},
		{"capitals before the @ are sent as given", "Anna.B@example.org", "Anna.B@example.org", ""},
		{"capitals of the domain are not", "anna@EXAMPLE.Org", "anna@example.org", ""},
		{"a hyphen in the domain", "anna@my-example.org", "anna@my-example.org", ""},
		{"two hyphens in the domain", "anna@my--example.org", "anna@my--example.org", ""},
		{"many labels", "anna@a.b.c.d.example.org", "anna@a.b.c.d.example.org", ""},
		{"a label of digits", "anna@123.example.org", "anna@123.example.org", ""},
		{"a label that begins with a digit", "anna@3com.example", "anna@3com.example", ""},
		{"a long top-level domain", "anna@example.photography", "anna@example.photography", ""},
		{"64 bytes before the @", long(64) + "@example.org", long(64) + "@example.org", ""},
		{"a label of 63 bytes", "anna@" + long(63) + ".org", "anna@" + long(63) + ".org", ""},
		{"254 bytes in all", long(64) + "@" + long(63) + "." + long(63) + "." + long(57) + ".org", long(64) + "@" + long(63) + "." + long(63) + "." + long(57) + ".org", ""},
		{"blanks around it are dropped", " \tanna@example.org \u00a0", "anna@example.org", ""},
		{"quotes without need are dropped", `"anna.b"@example.org`, "anna.b@example.org", ""},

		{"a domain in another script", "anna@bücher.example", "anna@xn--bcher-kva.example", ""},
		{"its capitals are folded", "anna@BÜCHER.example", "anna@xn--bcher-kva.example", ""},
		{"its parts may be decomposed", "anna@bu\u0308cher.example", "anna@xn--bcher-kva.example", ""},
		{"sharp s stays sharp s", "anna@straße.example", "anna@xn--strae-oqa.example", ""},
		{"a top-level domain in another script", "anna@пример.рф", "anna@xn--e1afmkfd.xn--p1ai", ""},
		{"Chinese", "anna@例え.テスト", "anna@xn--r8jz45g.xn--zckzah", ""},
		{"the ideographic full stop is a dot", "anna@例え。テスト", "anna@xn--r8jz45g.xn--zckzah", ""},
		{"letters of full width become narrow", "anna@ｅｘａｍｐｌｅ.org", "anna@example.org", ""},
		{"already in ASCII form", "anna@xn--bcher-kva.example", "anna@xn--bcher-kva.example", ""},
		{"already in ASCII form, capitals", "anna@XN--BCHER-KVA.example", "anna@xn--bcher-kva.example", ""},
		{"right to left", "anna@מבחן.example", "anna@xn--5dbmtg.example", ""},

		{"nothing", "", "", "empty"},
		{"only blanks", " \t ", "", "empty"},
		{"no @", "anna.example.org", "", "no @"},
		{"only an @", "@", "", "nothing before"},
		{"nothing before the @", "@example.org", "", "nothing before"},
		{"nothing behind the @", "anna@", "", "nothing behind"},
		{"two @", "anna@b@example.org", "", "more than one @"},
		{"a dot first", ".anna@example.org", "", "begins or ends with a dot"},
		{"a dot last", "anna.@example.org", "", "begins or ends with a dot"},
		{"two dots", "anna..b@example.org", "", "two dots"},
		{"65 bytes before the @", long(65) + "@example.org", "", "longer than 64"},
		{"255 bytes in all", long(64) + "@" + long(63) + "." + long(63) + "." + long(58) + ".org", "", "longer than 254"},
		{"a megabyte", long(1 << 20), "", "longer than 254"},
		{"a blank inside", "anna b@example.org", "", "blank"},
		{"a no-break space inside", "anna\u00a0b@example.org", "", "blank"},
		{"a blank around the @", "anna @ example.org", "", "blank"},
		{"a tab inside", "anna\tb@example.org", "", "control"},
		{"CR LF and a header", "anna@example.org\r\nBcc: all@example.org", "", "line break"},
		{"a line feed at the end", "anna@example.org\n", "", "line break"},
		{"a bare carriage return", "anna\r@example.org", "", "line break"},
		{"NUL", "anna\x00@example.org", "", "control"},
		{"DEL", "anna\x7f@example.org", "", "control"},
		{"a C1 control", "anna\u0085@example.org", "", "control"},
		{"a zero width space", "anna\u200b@example.org", "", "invisible"},
		{"a turn of direction", "anna@example\u202e.org", "", "invisible"},
		{"a byte order mark", "\ufeffanna@example.org", "", "invisible"},
		{"not UTF-8", "anna\xff@example.org", "", "not UTF-8"},
		{"letters beyond ASCII before the @", "jörg@example.org", "", "SMTPUTF8"},
		{"a look-alike before the @", "аnna@example.org", "", "SMTPUTF8"},
		{"quotes that are needed: blank", `"anna b"@example.org`, "", "blank"},
		{"quotes that are needed: @", `"anna@home"@example.org`, "", "only in quotes"},
		{"quotes that are needed: dots", `"anna..b"@example.org`, "", "only in quotes"},
		{"quotes that are needed: backslash", `"anna\"b"@example.org`, "", "only in quotes"},
		{"quotes around nothing", `""@example.org`, "", "only in quotes"},
		{"one quote", `"anna@example.org`, "", "may not have '\"'"},
		{"a backslash", `anna\b@example.org`, "", `may not have '\\'`},
		{"a comma", "anna,b@example.org", "", "may not have ','"},
		{"two addresses", "anna@example.org,bob@example.org", "", "more than one @"},
		{"a semicolon", "anna;b@example.org", "", "may not have ';'"},
		{"a colon", "anna:b@example.org", "", "may not have ':'"},
		{"a comment", "anna(home)@example.org", "", "may not have '('"},
		{"a name in front", "Anna <anna@example.org>", "", "blank"},
		{"angle brackets", "<anna@example.org>", "", "angle brackets"},
		{"a URL", "mailto:anna@example.org", "", "mailto"},
		{"no dot in the domain", "anna@localhost", "", "no dot"},
		{"a dot before the domain", "anna@.example.org", "", "empty part"},
		{"a dot behind the domain", "anna@example.org.", "", "ends with a dot"},
		{"two dots in the domain", "anna@example..org", "", "empty part"},
		{"a hyphen before a label", "anna@-example.org", "", "hyphen"},
		{"a hyphen behind a label", "anna@example-.org", "", "hyphen"},
		{"an underscore in the domain", "anna@my_example.org", "", "may not have '_'"},
		{"a slash in the domain", "anna@example.org/x", "", "may not have '/'"},
		{"a port", "anna@example.org:25", "", "may not have ':'"},
		{"a label of 64 bytes", "anna@" + long(64) + ".org", "", "longer than 63"},
		{"an IP literal", "anna@[192.0.2.1]", "", "by number"},
		{"an IPv6 literal", "anna@[IPv6:2001:db8::1]", "", "by number"},
		{"an IP address", "anna@192.0.2.1", "", "ends with a number"},
		{"a numeric top-level domain", "anna@example.123", "", "ends with a number"},
		{"a top-level domain of one letter", "anna@gmail.c", "", "single letter"},
		{"a broken ASCII form", "anna@xn--a.example", "", "not a valid name"},
		{"an ASCII form of ASCII", "anna@xn--example-.org", "", "not a valid name"},
		{"left and right in one label", "anna@aא.example", "", "not a valid name"},
		{"a mark without a letter", "anna@\u0308a.example", "", "not a valid name"},
		{"a symbol that maps to a slash", "anna@a℀b.example", "", "not a valid name"},
		{"an underscore beside another script", "anna@bü_cher.example", "", "not a valid name"},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			a, err := ParseAddress(tt.in)
			if tt.want == "" {
				reason, ok := errors.AsType[*AddressError](err)
				if !ok || !strings.Contains(reason.Reason, tt.reason) {
					t.Errorf("ParseAddress(%.100q): %q, %v, want it refused with %q", tt.in, a, err, tt.reason)
				}
				return
			}
			if err != nil || a.String() != tt.want {
				t.Errorf("ParseAddress(%q): %q, %v, want %q", tt.in, a, err, tt.want)
			}
		})
	}
}

func TestCanonicalFoldsCaseAndKeepsTags(t *testing.T) {
	for in, want := range map[string]string{
		"Anna@Example.ORG":      "anna@example.org",
		"ANNA+News@example.org": "anna+news@example.org",
		"a.n.n.a@example.org":   "a.n.n.a@example.org",
		"anna@BÜCHER.example":   "anna@xn--bcher-kva.example",
		`"Anna"@example.org`:    "anna@example.org",
	} {
		a, err := ParseAddress(in)
		if err != nil || a.Canonical() != want {
			t.Errorf("ParseAddress(%q).Canonical(): %q, %v, want %q", in, a.Canonical(), err, want)
		}
	}
	if zero := (Address{}); zero.String() != "" || zero.Canonical() != "" {
		t.Errorf("the zero Address prints as %q, want nothing", zero)
	}
}

func FuzzParseAddress(f *testing.F) {
	for _, seed := range []string{
		"anna@example.org", `"a b"@example.org`, "anna@bücher.example", "anna@[192.0.2.1]", "a@b@c.de",
		"anna@例え。テスト", "anna@xn--a.example", "a\r\nb@example.org", "@", "anna@\u00ad.example",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ParseAddress(s)
		if err != nil {
			if a != (Address{}) {
				t.Errorf("ParseAddress(%q): %q beside the error %v", s, a, err)
			}
			return
		}
		sent := a.String()
		if len(sent) > maxAddress || strings.Count(sent, "@") != 1 {
			t.Errorf("ParseAddress(%q): %q is too long or has another @", s, sent)
		}
		for _, r := range sent {
			if r > unicode.MaxASCII || r <= ' ' || r == 0x7f || strings.ContainsRune(`"(),:;<>[\]`, r) {
				t.Errorf("ParseAddress(%q): %q has %q", s, sent, r)
			}
		}
		// What we send or store must be read back as the same address.
		if again, err := ParseAddress(sent); err != nil || again != a {
			t.Errorf("ParseAddress(%q): %q, and again: %q, %v", s, sent, again, err)
		}
		if again, err := ParseAddress(a.Canonical()); err != nil || again.Canonical() != a.Canonical() {
			t.Errorf("ParseAddress of the canonical %q: %q, %v", a.Canonical(), again, err)
		}
	})
}

func TestParseName(t *testing.T) {
	for in, want := range map[string]string{
		"":                           "",
		"  Anna Müller ":             "Anna Müller",
		"O'Hara, Jr.":                "O'Hara, Jr.",
		"山田太郎":                       "山田太郎",
		"نگار":                       "نگار",
		"می\u200cخواهم":              "می\u200cخواهم", // a joiner is a letter's business
		strings.Repeat("n", 200):     strings.Repeat("n", 200),
		strings.Repeat(" ", 9) + "x": "x",
	} {
		if got, err := ParseName(in); err != nil || got != want {
			t.Errorf("ParseName(%q): %q, %v, want %q", in, got, err, want)
		}
	}
	for _, in := range []string{
		"Anna\r\nBcc: all@example.org", "Anna\nB", "Anna\x00", "Anna\x1b[31m", "Anna\u2028B", "Anna\u202egro",
		"Anna\xff", strings.Repeat("n", 201), "Anna\tB",
	} {
		if got, err := ParseName(in); err == nil {
			t.Errorf("ParseName(%q): %q, want it refused", in, got)
		}
	}
}
