package emltest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/html"
)

// readability returns the rules for text that is to be read, and for mails of
// which a program takes the sheets away.
func readability() []assertion {
	return []assertion{
		{"X10", "letters of 14 pixels at least, lines of 1.4", letters},
		{"X15", "jumps that are no loss where they do not work", jumps},
		{"X16", "elements styled without the sheets", selfStyled},
	}
}

// letters looks at the elements with words of their own that a reader sees.
func letters(m *mail, _ Expect) []string {
	const smallest, tightest = 14, 1.4
	var ps []string
	for _, n := range m.elements("p", "li", "td", "th", "blockquote", "pre", "h1", "h2", "h3", "h4", "h5", "h6") {
		if !hasWords(n) {
			continue
		}
		size, ok := pixels(inherited(n, "font-size"))
		if !ok {
			ps = append(ps, "no font-size in pixels: "+show(n))
			continue
		}
		if size < smallest {
			ps = append(ps, fmt.Sprintf("letters of %g pixels: %s", size, show(n)))
		}
		if n.Data[0] == 'h' || inherited(n, "text-transform") == "uppercase" {
			continue // a heading or a label, a line or two
		}
		if height, ok := pixels(inherited(n, "line-height")); !ok || height/size < tightest {
			ps = append(ps, fmt.Sprintf("lines of %g pixels for letters of %g: %s", height, size, show(n)))
		}
	}
	return ps
}

// hasWords reports whether text stands in n itself, not in an element within.
func hasWords(n *html.Node) bool {
	for c := range n.ChildNodes() {
		if c.Type == html.TextNode && strings.Trim(c.Data, " \t\n\u00a0") != "" {
			return true
		}
	}
	return false
}

// inherited returns a property of n or of the nearest element around it that
// sets it, "" if none does.
func inherited(n *html.Node, property string) string {
	for ; n != nil; n = n.Parent {
		if v := (styled{n, parseStyle(value(n, "style"))}).get(property); v != "" {
			return v
		}
	}
	return ""
}

func pixels(length string) (float64, bool) {
	digits, ok := strings.CutSuffix(length, "px")
	n, err := strconv.ParseFloat(digits, 64)
	return n, ok && err == nil
}

// jumps finds links within the mail that lead nowhere, or whose words stand
// nowhere else: some programs do not follow them.
func jumps(m *mail, _ Expect) []string {
	targets := map[string]bool{}
	for _, n := range m.elements() {
		for _, key := range []string{"id", "name"} {
			targets[value(n, key)] = true
		}
	}
	words := fold(textOf(m.dom))
	var ps []string
	for _, n := range m.elements("a") {
		target, ok := strings.CutPrefix(value(n, "href"), "#")
		if !ok {
			continue
		}
		if target == "" || !targets[target] {
			ps = append(ps, "leads nowhere: "+show(n))
		}
		if text := fold(textOf(n)); strings.Count(words, text) < 2 {
			ps = append(ps, fmt.Sprintf("%q stands nowhere else", text))
		}
	}
	return ps
}

// selfStyled finds elements that only a sheet gives what it changes for small
// or dark screens: several programs throw sheets away.
func selfStyled(m *mail, _ Expect) []string {
	changed := map[string][]string{} // properties by class
	for _, r := range m.rules {
		for _, class := range classes(r.selector) {
			for _, d := range r.style {
				if !slices.Contains(changed[class], d.property) {
					changed[class] = append(changed[class], d.property)
				}
			}
		}
	}
	var ps []string
	for _, n := range m.elements() {
		s := styled{n, parseStyle(value(n, "style"))}
		for class := range strings.FieldsSeq(value(n, "class")) {
			for _, property := range changed[class] {
				if s.get(property) == "" {
					ps = append(ps, fmt.Sprintf("no %s of its own: %s", property, show(n)))
				}
			}
		}
	}
	return ps
}
