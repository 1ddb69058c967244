package emltest

import (
	"fmt"
	netmail "net/mail"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

func headers() []assertion {
	return []assertion{
		{"H1", "single fields stand once", singles},
		{"H2", "From: one address, the paper's name", fromOne},
		{"H3", "To: the one reader; no Cc, no Bcc", toOne},
		{"H4", "a subject of a fit length that names the edition", subjectFit},
		{"H5", "encoded-words within their limits", encodedWords},
		{"H6", "Date in form and not ahead", dateFit},
		{"H7", "a short Message-ID of our domain", func(m *mail, want Expect) []string {
			id := m.first("Message-ID")
			if !messageID.MatchString(id) || len(id) > 60 || !strings.HasSuffix(id, "@"+want.Domain+">") && want.Domain != "" {
				return []string{fmt.Sprintf("Message-ID %q of %d bytes", id, len(id))}
			}
			return nil
		}},
		{"H8", "no field's own line is empty", func(m *mail, _ Expect) []string {
			return matching(m.lines, emptyField)
		}},
		{"H12", "not marked as an automatic reply", func(m *mail, _ Expect) []string {
			if v := m.first("Auto-Submitted"); v != "" && v != "auto-generated" {
				return []string{"Auto-Submitted: " + v}
			}
			return nil
		}},
		{"H13", "no advertisement of a program", absent("User-Agent", "X-Mailer")},
		{"H14", "no field that is not ours to set", absent("Sender", "Return-Path", "Disposition-Notification-To", "X-Priority")},
		{"H17", "header in ASCII, lines within 998", func(m *mail, _ Expect) []string {
			var ps []string
			for _, line := range m.lines {
				if len(line) > hardLimit || strings.ContainsFunc(line, func(r rune) bool { return r >= 0x7f || r < ' ' && r != '\t' }) {
					ps = append(ps, fmt.Sprintf("%.80q", line))
				}
			}
			return ps
		}},
	}
}

var (
	messageID  = regexp.MustCompile(`^<[A-Za-z0-9.]+@[A-Za-z0-9.-]+>$`)
	emptyField = regexp.MustCompile(`^[A-Za-z0-9-]+:\s*$`)
	listID     = regexp.MustCompile(`^[ -~]* <[a-z0-9.-]+>$`)
	zoneForm   = regexp.MustCompile(`^[A-Z][a-z]{2}, \d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d [+-]\d{4}$`)
)

// matching returns the lines that form matches.
func matching(lines []string, form *regexp.Regexp) []string {
	var ps []string
	for _, line := range lines {
		if form.MatchString(line) {
			ps = append(ps, fmt.Sprintf("%q", line))
		}
	}
	return ps
}

func absent(names ...string) func(*mail, Expect) []string {
	return func(m *mail, _ Expect) []string {
		var ps []string
		for _, name := range names {
			if len(m.all(name)) > 0 {
				ps = append(ps, name+" is there")
			}
		}
		return ps
	}
}

func singles(m *mail, _ Expect) []string {
	var ps []string
	for _, name := range []string{"Date", "From", "To", "Message-ID", "Subject", "MIME-Version", "Content-Type"} {
		if n := len(m.all(name)); n != 1 {
			ps = append(ps, fmt.Sprintf("%d fields %s, want one", n, name))
		}
	}
	for _, name := range []string{"Sender", "Reply-To", "Cc", "Bcc", "List-Id", "List-Unsubscribe", "List-Unsubscribe-Post", "List-Archive", "Feedback-ID"} {
		if n := len(m.all(name)); n > 1 {
			ps = append(ps, fmt.Sprintf("%d fields %s, want at most one", n, name))
		}
	}
	return ps
}

func fromOne(m *mail, want Expect) []string {
	from, err := m.addresses("From")
	if err != nil || len(from) != 1 {
		return []string{fmt.Sprintf("From %q: %d addresses, %v", m.first("From"), len(from), err)}
	}
	var ps []string
	if want.FromName != "" {
		ps = differ("display name", from[0].Name, want.FromName)
	}
	if strings.ContainsFunc(from[0].Name, func(r rune) bool { return unicode.Is(unicode.So, r) }) {
		ps = append(ps, fmt.Sprintf("a symbol in the display name %q", from[0].Name))
	}
	return ps
}

func toOne(m *mail, want Expect) []string {
	to, err := m.addresses("To")
	if err != nil || len(to) != 1 {
		return []string{fmt.Sprintf("To %q: %d addresses, %v", m.first("To"), len(to), err)}
	}
	ps := absent("Cc", "Bcc")(m, want)
	if want.To != "" {
		ps = append(ps, differ("To", to[0].Address, want.To)...)
	}
	return ps
}

func subjectFit(m *mail, want Expect) []string {
	s := m.subject()
	var ps []string
	if n := utf8.RuneCountInString(s); n < 20 || n > 78 {
		ps = append(ps, fmt.Sprintf("%d characters, want 20 to 78: %q", n, s))
	}
	lower := strings.ToLower(s)
	if strings.HasPrefix(lower, "re:") || strings.HasPrefix(lower, "fwd:") || s == strings.ToUpper(s) || s != strings.TrimSpace(s) {
		ps = append(ps, fmt.Sprintf("shouts, or pretends to be a reply: %q", s))
	}
	if !strings.Contains(s, want.Edition) {
		ps = append(ps, fmt.Sprintf("%q does not name the edition, %q", s, want.Edition))
	}
	if want.Subject != "" {
		ps = append(ps, differ("Subject", s, want.Subject)...)
	}
	return ps
}

func encodedWords(m *mail, _ Expect) []string {
	// https://www.rfc-editor.org/rfc/rfc2047#section-2
	const wordLimit, lineLimit = 75, 76
	var ps []string
	for _, line := range m.lines {
		found := encodedWord.FindAllString(line, -1)
		if len(found) > 0 && len(line) > lineLimit {
			ps = append(ps, fmt.Sprintf("line of %d bytes with an encoded-word: %q", len(line), line))
		}
		for _, word := range found {
			if len(word) > wordLimit {
				ps = append(ps, fmt.Sprintf("encoded-word of %d bytes: %q", len(word), word))
			}
		}
	}
	return ps
}

var encodedWord = regexp.MustCompile(`=\?[^?\s]+\?[bBqQ]\?[^?\s]*\?=`)

func dateFit(m *mail, want Expect) []string {
	v := m.first("Date")
	at, err := netmail.ParseDate(v)
	if err != nil || !zoneForm.MatchString(v) {
		return []string{fmt.Sprintf("Date %q: %v", v, err)}
	}
	if !want.Now.IsZero() && at.Unix() > want.Now.Unix()+60 {
		return []string{fmt.Sprintf("Date %s is after %s", at, want.Now)}
	}
	return nil
}

func listHeaders() []assertion {
	return []assertion{
		{"H9", "List-Id: plain words and an id of ours", func(m *mail, want Expect) []string {
			id := m.first("List-Id")
			if !listID.MatchString(id) || want.Domain != "" && !strings.HasSuffix(id, "."+want.Domain+">") {
				return []string{fmt.Sprintf("List-Id %q", id)}
			}
			return nil
		}},
		{"H10", "Feedback-ID of four fields, the last our name", func(m *mail, _ Expect) []string {
			fields := strings.Split(m.first("Feedback-ID"), ":")
			if last := fields[len(fields)-1]; len(fields) != 4 || len(last) < 5 || len(last) > 15 {
				return []string{fmt.Sprintf("Feedback-ID %q", fields)}
			}
			return nil
		}},
		{"H11", "bulk, and no automatic answers but bounces", func(m *mail, _ Expect) []string {
			ps := differ("Precedence", m.first("Precedence"), "bulk")
			quiet := strings.FieldsFunc(m.first("X-Auto-Response-Suppress"), func(r rune) bool { return r == ',' || r == ' ' })
			if slices.Sort(quiet); !slices.Equal(quiet, []string{"AutoReply", "OOF"}) {
				ps = append(ps, fmt.Sprintf("X-Auto-Response-Suppress: got %q, want OOF and AutoReply", quiet))
			}
			return ps
		}},
	}
}
