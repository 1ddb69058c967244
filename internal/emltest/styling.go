package emltest

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

func styling() []assertion {
	return []assertion{
		{"X7", "space is padding of cells, margins are of text", spacing},
		{"X8", "colours in six digits, also as bgcolor", colours},
		{"X9", "no fonts or sheets from elsewhere", func(m *mail, _ Expect) []string {
			ps := found(m.html, foreignStyle)
			for _, n := range m.elements("link") {
				ps = append(ps, show(n))
			}
			return ps
		}},
		{"X17", "sheets and elements name the same classes", func(m *mail, _ Expect) []string {
			inDOM := map[string]bool{}
			for _, n := range m.elements() {
				for class := range strings.FieldsSeq(value(n, "class")) {
					inDOM[class] = true
				}
			}
			missing := map[string]bool{}
			for _, r := range m.rules {
				for _, class := range classes(r.selector) {
					if !inDOM[class] {
						missing[class] = true
					}
				}
			}
			return slices.Sorted(maps.Keys(missing))
		}},
		{"X19", "no !important in an element's own style", func(m *mail, _ Expect) []string {
			return inStyles(m, func(d declaration) bool { return strings.Contains(strings.ToLower(d.value), "!important") })
		}},
		{"A4", "links are underlined", func(m *mail, _ Expect) []string {
			var ps []string
			for _, s := range m.styled() {
				if s.Data == "a" && strings.HasPrefix(s.get("text-decoration"), "none") && fold(textOf(s.Node)) != "" {
					ps = append(ps, show(s.Node))
				}
			}
			return ps
		}},
		{"A7", "text is not justified", func(m *mail, _ Expect) []string {
			return inStyles(m, func(d declaration) bool { return d.property == "text-align" && d.value == "justify" })
		}},
	}
}

var foreignStyle = regexp.MustCompile(`(?i)@font-face|@import`)

// inStyles returns the elements of whose own declarations one is wrong.
func inStyles(m *mail, wrong func(declaration) bool) []string {
	var ps []string
	for _, s := range m.styled() {
		if slices.ContainsFunc(s.style, wrong) {
			ps = append(ps, show(s.Node))
		}
	}
	return ps
}

func spacing(m *mail, _ Expect) []string {
	textual := []string{"p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "blockquote", "pre"}
	padded := append([]string{"td", "th", "a"}, textual...)
	var ps []string
	for _, s := range m.styled() {
		for _, d := range s.style {
			margin, padding := strings.HasPrefix(d.property, "margin"), strings.HasPrefix(d.property, "padding")
			if !margin && !padding {
				continue
			}
			for part := range strings.FieldsSeq(d.value) {
				zero := strings.TrimRight(part, "px") == "0"
				switch {
				case strings.HasPrefix(part, "-"), part == "auto",
					margin && !zero && !slices.Contains(textual, s.Data), padding && !zero && !slices.Contains(padded, s.Data):
					ps = append(ps, fmt.Sprintf("%s of %s", d.raw, show(s.Node)))
				}
			}
		}
	}
	return ps
}

var (
	otherColour = regexp.MustCompile(`(?i)rgba?\(|hsla?\(|var\(`)
	hexColour   = regexp.MustCompile(`#[0-9A-Fa-f]+`)
)

func colours(m *mail, _ Expect) []string {
	const sixDigits = len("#123456")
	ps := inStyles(m, func(d declaration) bool {
		return otherColour.MatchString(d.value) ||
			slices.ContainsFunc(hexColour.FindAllString(d.value, -1), func(c string) bool { return len(c) != sixDigits })
	})
	for _, s := range m.styled() {
		if c := s.get("background-color"); s.Data == "td" && c != "" && !strings.EqualFold(value(s.Node, "bgcolor"), c) {
			ps = append(ps, "background-color without the same bgcolor: "+show(s.Node))
		}
	}
	return ps
}
