package emltest

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

func structure() []assertion {
	return []assertion{
		{"M1", "alternative: plain text, then HTML", func(m *mail, _ Expect) []string {
			kinds := []string{m.kind}
			for _, p := range m.parts {
				kinds = append(kinds, p.kind)
			}
			// https://www.rfc-editor.org/rfc/rfc2046#section-5.1.4
			return differ("types", strings.Join(kinds, " "), "multipart/alternative text/plain text/html")
		}},
		{"M2", "no attachment, no embedded picture", noAttachment},
		{"M3", "UTF-8 in quoted-printable, MIME 1.0", func(m *mail, _ Expect) []string {
			ps := differ("MIME-Version", m.first("MIME-Version"), "1.0")
			for _, p := range m.parts {
				ps = append(ps, differ("charset of "+p.kind, strings.ToLower(p.params["charset"]), "utf-8")...)
				ps = append(ps, differ("encoding of "+p.kind, strings.ToLower(p.header.Get("Content-Transfer-Encoding")), "quoted-printable")...)
			}
			return ps
		}},
		{"M4", "the boundary divides and does nothing else", boundaries},
		{"M5", "two parts and no more", func(m *mail, _ Expect) []string {
			return differ("parts", fmt.Sprint(len(m.parts)), "2")
		}},
	}
}

// differ returns that got is not want.
func differ(what, got, want string) []string {
	if got == want {
		return nil
	}
	return []string{fmt.Sprintf("%s: got %q, want %q", what, got, want)}
}

func noAttachment(m *mail, _ Expect) []string {
	var ps []string
	for _, p := range m.parts {
		if d := p.header.Get("Content-Disposition"); d != "" {
			ps = append(ps, fmt.Sprintf("%s: Content-Disposition %q", p.kind, d))
		}
	}
	for _, n := range m.elements() {
		for _, a := range n.Attr {
			v := strings.ToLower(a.Val)
			for _, scheme := range []string{"cid:", "data:"} {
				if a.Key != "alt" && a.Key != "title" && (strings.HasPrefix(strings.TrimSpace(v), scheme) || strings.Contains(v, "url("+scheme)) {
					ps = append(ps, "embedded: "+show(n))
				}
			}
		}
	}
	return ps
}

func boundaries(m *mail, _ Expect) []string {
	boundary := []byte(m.params["boundary"])
	_, body, _ := bytes.Cut(m.raw, []byte("\r\n\r\n"))
	var ps []string
	dividers, closed := 0, false
	for line := range bytes.SplitSeq(body, []byte("\r\n")) {
		switch {
		case !bytes.Contains(line, boundary):
		case string(line) == "--"+string(boundary):
			dividers++
		case string(line) == "--"+string(boundary)+"--":
			closed = true
		default:
			ps = append(ps, fmt.Sprintf("the boundary stands in %q", line))
		}
	}
	if dividers != len(m.parts) || !closed {
		ps = append(ps, fmt.Sprintf("%d dividers for %d parts, closed %t", dividers, len(m.parts), closed))
	}
	for _, p := range m.parts {
		if p.params["boundary"] != "" {
			ps = append(ps, "a part with a boundary of its own: "+p.kind)
		}
	}
	return ps
}

const (
	hardLimit   = 998 // https://www.rfc-editor.org/rfc/rfc5322#section-2.1.1
	bodyLimit   = 76  // https://www.rfc-editor.org/rfc/rfc2045#section-6.7
	headerLimit = 78
)

func encoding() []assertion {
	return []assertion{
		{"E1", "lines end with CRLF, no NUL", func(m *mail, _ Expect) []string {
			lines := bytes.Count(m.raw, []byte("\r\n"))
			if bytes.Count(m.raw, []byte("\r")) != lines || bytes.Count(m.raw, []byte("\n")) != lines || bytes.IndexByte(m.raw, 0) >= 0 {
				return []string{"a CR, LF or NUL stands alone"}
			}
			return nil
		}},
		{"E2", "lines within their limits", lineLengths},
		{"E3", "seven bits", func(m *mail, _ Expect) []string {
			if i := bytes.IndexFunc(m.raw, func(r rune) bool { return r >= 0x80 }); i >= 0 {
				return []string{fmt.Sprintf("byte %d is not ASCII", i)}
			}
			return nil
		}},
		{"E4", "text decodes to lines that end with CRLF", func(m *mail, _ Expect) []string {
			var ps []string
			for _, p := range m.parts {
				if lines := bytes.Count(p.body, []byte("\r\n")); bytes.Count(p.body, []byte("\n")) != lines || bytes.Count(p.body, []byte("\r")) != lines {
					ps = append(ps, p.kind+": a CR or LF stands alone")
				}
				if bytes.Contains(p.wire, []byte("=0D=0A")) {
					ps = append(ps, p.kind+": an end of line is encoded")
				}
			}
			return ps
		}},
		{"E5", "parts decode to what was rendered", func(m *mail, want Expect) []string {
			var ps []string
			if want.Text != "" {
				ps = append(ps, differ("plain text", m.text, want.Text)...)
			}
			if want.HTML != "" {
				ps = append(ps, differ("HTML", m.html, want.HTML)...)
			}
			return ps
		}},
		{"E6", "clean Unicode", func(m *mail, _ Expect) []string {
			return append(append(unclean("HTML", m.html), unclean("plain text", m.text)...), unclean("Subject", m.subject())...)
		}},
		{"E7", "the HTML names its charset early", func(m *mail, _ Expect) []string {
			if !charsetMeta.MatchString(m.html[:min(len(m.html), 1024)]) {
				return []string{`no <meta charset="utf-8"> in the first 1024 bytes`}
			}
			return nil
		}},
		{"E8", "no line begins with From", func(m *mail, _ Expect) []string {
			return each(m.text, func(line string) bool { return strings.HasPrefix(line, "From ") })
		}},
	}
}

var charsetMeta = regexp.MustCompile(`(?i)<meta charset="utf-8"\s*/?>`)

func lineLengths(m *mail, _ Expect) []string {
	var ps []string
	inBody := false
	name := ""
	for line := range strings.SplitSeq(string(m.raw), "\r\n") {
		if !inBody && line != "" && line[0] != ' ' && line[0] != '\t' {
			name, _, _ = strings.Cut(line, ":")
		}
		limit := bodyLimit
		if !inBody {
			limit = headerLimit
			if strings.EqualFold(name, "List-Unsubscribe") || strings.EqualFold(name, "DKIM-Signature") {
				limit = hardLimit
			}
		}
		if len(line) > limit {
			ps = append(ps, fmt.Sprintf("%d bytes, at most %d: %.60s…", len(line), limit, line))
		}
		inBody = inBody || line == ""
	}
	return ps
}

// each returns the lines of text that are wrong.
func each(text string, wrong func(line string) bool) []string {
	var ps []string
	for line := range strings.SplitSeq(text, "\n") {
		if wrong(line) {
			ps = append(ps, fmt.Sprintf("line %q", line))
		}
	}
	return ps
}

// unclean returns what of s is no text: C1 controls, which make Gmail say that
// a mail was clipped, marks of a broken decoding, and letters not composed.
func unclean(what, s string) []string {
	var ps []string
	for i, r := range s {
		if r >= 0x80 && r <= 0x9f || r == unicode.ReplacementChar {
			ps = append(ps, fmt.Sprintf("%s: %U at byte %d", what, r, i))
		}
	}
	if !norm.NFC.IsNormalString(s) {
		ps = append(ps, what+" is not in normal form C")
	}
	return ps
}
