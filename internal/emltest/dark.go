package emltest

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

func dark() []assertion {
	return []assertion{
		{"D1", "light and dark are announced", func(m *mail, _ Expect) []string {
			announced := map[string]bool{}
			for _, n := range m.elements("meta") {
				if value(n, "content") == "light dark" {
					announced[value(n, "name")] = true
				}
			}
			for _, r := range m.rules {
				if r.selector == ":root" && slices.ContainsFunc(r.style, func(d declaration) bool { return d.property == "color-scheme" }) {
					announced[":root"] = true
				}
			}
			var ps []string
			for _, name := range []string{"color-scheme", "supported-color-schemes", ":root"} {
				if !announced[name] {
					ps = append(ps, name+" is missing")
				}
			}
			return ps
		}},
		{"D2", "every colour has one for the dark", func(m *mail, _ Expect) []string {
			return m.uncoloured(m.darkColours(isDarkMedia))
		}},
		{"D3", "the dark colours again for Outlook", func(m *mail, _ Expect) []string {
			first, again := m.darkColours(isDarkMedia), m.darkColours(isOutlook)
			if !maps.Equal(first, again) {
				return []string{fmt.Sprintf("for the dark %q, for Outlook %q", slices.Sorted(maps.Keys(first)), slices.Sorted(maps.Keys(again)))}
			}
			return nil
		}},
		{"D4", "dark colours are important", func(m *mail, _ Expect) []string {
			var ps []string
			for _, r := range m.rules {
				for _, d := range r.style {
					if (isDarkMedia(r, d) || isOutlook(r, d)) && !strings.HasSuffix(d.raw, " !important") {
						ps = append(ps, fmt.Sprintf("%s{%s}", r.selector, d.raw))
					}
				}
			}
			return ps
		}},
		{"D5", "three sheets, of which each may fail alone", threeSheets},
	}
}

// https://www.w3.org/TR/mediaqueries-5/#prefers-color-scheme
var darkMedia = regexp.MustCompile(`^@media\s*\(prefers-color-scheme:\s*dark\)$`)

func isDarkMedia(r rule, _ declaration) bool { return darkMedia.MatchString(r.at) }

// isOutlook reports whether d is one that Outlook's own dark mode looks for:
// text and lines under data-ogsc, backgrounds under data-ogsb.
func isOutlook(r rule, d declaration) bool {
	if strings.HasPrefix(d.property, "background") {
		return strings.HasPrefix(r.selector, "[data-ogsb] ")
	}
	return strings.HasPrefix(r.selector, "[data-ogsc] ")
}

// darkColours returns the values that the rules of a kind set, by ".class
// property".
func (m *mail) darkColours(kind func(rule, declaration) bool) map[string]string {
	colours := map[string]string{}
	for _, r := range m.rules {
		for _, d := range r.style {
			if kind(r, d) {
				for _, class := range classes(r.selector) {
					colours["."+class+" "+d.property] = d.value
				}
			}
		}
	}
	return colours
}

// uncoloured returns the elements with a colour of their own of which no class
// has another for the dark.
func (m *mail) uncoloured(dark map[string]string) []string {
	wrong := map[string]bool{}
	for _, s := range m.styled() {
		for _, d := range s.style {
			if !isColour(d) {
				continue
			}
			covered := slices.ContainsFunc(strings.Fields(value(s.Node, "class")), func(class string) bool {
				return dark["."+class+" "+d.property] != ""
			})
			if !covered {
				wrong[fmt.Sprintf("%s of <%s class=%q>", d.property, s.Data, value(s.Node, "class"))] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(wrong))
}

// isColour reports whether d gives a colour, be it among other things.
func isColour(d declaration) bool {
	return slices.Contains([]string{"color", "background-color", "border-color"}, d.property) || hexColour.MatchString(d.value)
}

func threeSheets(m *mail, _ Expect) []string {
	var ps []string
	kinds := map[string]int{}
	for i, css := range m.styles {
		mixed := map[string]bool{}
		for _, r := range parseCSS(css) {
			switch {
			case darkMedia.MatchString(r.at):
				mixed["dark"] = true
			case strings.Contains(r.selector, "[data-ogs"):
				mixed["Outlook"] = true
			default:
				mixed["responsive"] = true
			}
		}
		for kind := range mixed {
			kinds[kind]++
		}
		if len(mixed) > 1 {
			ps = append(ps, fmt.Sprintf("sheet %d is of %q", i+1, slices.Sorted(maps.Keys(mixed))))
		}
		if atWithinAt(css) {
			ps = append(ps, fmt.Sprintf("sheet %d has an @ rule in an @ rule", i+1))
		}
	}
	for _, kind := range []string{"responsive", "dark", "Outlook"} {
		if kinds[kind] != 1 {
			ps = append(ps, fmt.Sprintf("%d sheets of kind %s, want one", kinds[kind], kind))
		}
	}
	return ps
}

// atWithinAt reports whether an @ stands within braces. Gmail throws such a
// sheet away.
func atWithinAt(css string) bool {
	depth := 0
	for _, r := range css {
		switch r {
		case '{':
			depth++
		case '}':
			depth--
		case '@':
			if depth > 0 {
				return true
			}
		}
	}
	return false
}
