package emltest

import (
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

var (
	urlLine  = regexp.MustCompile(`^\s*([-*•>]\s+)*(https?://|mailto:)\S+$`)
	anyURL   = regexp.MustCompile(`(?:https?://|mailto:)[^\s<>"]+`)
	filler   = regexp.MustCompile("[\u200c\u034f\u00ad\u2007\ufeff]")
	entity   = regexp.MustCompile(`&[A-Za-z]+;|&#\d+;`)
	tag      = regexp.MustCompile(`<[a-z]`)
	asciiBox = regexp.MustCompile(`(?m)^\+-+`)
	tracking = regexp.MustCompile(`^(utm_.*|fbclid|gclid|dclid|msclkid|mc_cid|mc_eid|igshid|_hsenc|_hsmi)$`)
)

func plainText() []assertion {
	const columns = 72
	return []assertion{
		{"T1", "lines within 72 columns, but for URLs", func(m *mail, _ Expect) []string {
			return each(m.text, func(line string) bool {
				return columnsOf(line) > columns && !urlLine.MatchString(line)
			})
		}},
		{"T2", "the edition in order", inOrder},
		{"T3", "URLs on lines of their own", func(m *mail, _ Expect) []string {
			return each(m.text, func(line string) bool { return anyURL.MatchString(line) && !urlLine.MatchString(line) })
		}},
		{"T4", "the same links in both parts", sameLinks},
		{"T5", "no filler", func(m *mail, _ Expect) []string { return found(m.text, filler) }},
		{"T6", "no markup", func(m *mail, _ Expect) []string {
			return slices.Concat(found(m.text, entity), found(m.text, tag), found(m.text, asciiBox))
		}},
		{"T8", "no link tracks the reader", func(m *mail, _ Expect) []string {
			var ps []string
			for _, link := range slices.Concat(m.hrefs(), anyURL.FindAllString(m.text, -1)) {
				u, err := url.Parse(link)
				if err != nil {
					ps = append(ps, err.Error())
					continue
				}
				for key := range u.Query() {
					if tracking.MatchString(strings.ToLower(key)) {
						ps = append(ps, link)
					}
				}
			}
			return ps
		}},
	}
}

// columnsOf returns how wide line is on a terminal.
//
// https://www.unicode.org/reports/tr11/
func columnsOf(line string) int {
	n := 0
	for _, r := range line {
		switch kind := width.LookupRune(r).Kind(); {
		case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		case kind == width.EastAsianWide || kind == width.EastAsianFullwidth:
			n += 2
		default:
			n++
		}
	}
	return n
}

// found returns what of s form matches.
func found(s string, form *regexp.Regexp) []string {
	var ps []string
	for _, match := range form.FindAllString(s, -1) {
		ps = append(ps, fmt.Sprintf("%q", match))
	}
	return ps
}

func inOrder(m *mail, want Expect) []string {
	rest := fold(m.text)
	for _, s := range want.InOrder {
		_, after, ok := strings.Cut(rest, fold(s))
		if !ok {
			return []string{fmt.Sprintf("%q is missing, or stands too early", s)}
		}
		rest = after
	}
	return nil
}

// hrefs returns where the links of the HTML lead, those within it left out.
func (m *mail) hrefs() []string {
	var hrefs []string
	for _, n := range m.elements("a") {
		if href := value(n, "href"); href != "" && !strings.HasPrefix(href, "#") {
			hrefs = append(hrefs, href)
		}
	}
	return hrefs
}

func sameLinks(m *mail, _ Expect) []string {
	inHTML, inText := map[string]bool{}, map[string]bool{}
	for _, href := range m.hrefs() {
		if anyURL.MatchString(href) {
			inHTML[href] = true
		}
	}
	for _, link := range anyURL.FindAllString(m.text, -1) {
		inText[link] = true
	}
	var ps []string
	for _, link := range slices.Sorted(maps.Keys(inHTML)) {
		if !inText[link] {
			ps = append(ps, "in the HTML alone: "+link)
		}
	}
	for _, link := range slices.Sorted(maps.Keys(inText)) {
		if !inHTML[link] {
			ps = append(ps, "in the plain text alone: "+link)
		}
	}
	return ps
}

// The bounds of a mail, in bytes. Gmail shows about 102,400 of the HTML; what
// it counts is not known, so both countings must stay below.
const (
	htmlLimit   = 100_000
	mailLimit   = 250_000
	styleLimit  = 16_384
	stylesLimit = 8_192
	footerLimit = 95_000
)

func size() []assertion {
	return []assertion{
		{"S1", "HTML that Gmail shows whole", func(m *mail, _ Expect) []string {
			for _, p := range m.parts {
				if n := max(len(p.body), len(p.wire)); p.kind == "text/html" && n > htmlLimit {
					return []string{fmt.Sprintf("%d bytes decoded, %d on the wire, at most %d", len(p.body), len(p.wire), htmlLimit)}
				}
			}
			return nil
		}},
		{"S2", "small style sheets", func(m *mail, _ Expect) []string {
			var ps []string
			total := 0
			for _, css := range m.styles {
				total += len(css)
				if len(css) > styleLimit {
					ps = append(ps, fmt.Sprintf("a sheet of %d bytes, at most %d", len(css), styleLimit))
				}
			}
			if total > stylesLimit {
				ps = append(ps, fmt.Sprintf("sheets of %d bytes, at most %d", total, stylesLimit))
			}
			return ps
		}},
		{"S3", "the way out stands where nothing is clipped", func(m *mail, _ Expect) []string {
			if i := strings.Index(strings.ToLower(m.html), "unsubscribe"); i < 0 || i > footerLimit {
				return []string{fmt.Sprintf("unsubscribe stands at byte %d", i)}
			}
			return nil
		}},
		{"S4", "a mail of 250 kB at most", func(m *mail, _ Expect) []string {
			if len(m.raw) > mailLimit {
				return []string{fmt.Sprintf("%d bytes", len(m.raw))}
			}
			return nil
		}},
		{"S5", "no white space to spare between tags", func(m *mail, _ Expect) []string { return found(m.html, spareSpace) }},
	}
}

var spareSpace = regexp.MustCompile(`>\s{3,}<`)
