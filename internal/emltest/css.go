package emltest

import (
	"regexp"
	"strings"

	"golang.org/x/net/html"
)

// rule is a rule of a style sheet.
type rule struct {
	at       string // "@media (…)" around it; "" for none
	selector string
	style    []declaration
}

type declaration struct {
	property, value string
	raw             string
}

var cssComment = regexp.MustCompile(`(?s)/\*.*?\*/`)

// parseCSS reads a sheet of rules, some of them within an at-rule. It is as
// simple as the sheets that mail programs stand.
func parseCSS(css string) []rule {
	css = cssComment.ReplaceAllString(css, "")
	var rules []rule
	at := ""
	for css != "" {
		i := strings.IndexAny(css, "{}")
		if i < 0 {
			break
		}
		before := strings.TrimSpace(css[:i])
		closing := css[i] == '}'
		css = css[i+1:]
		switch {
		case closing:
			at = ""
		case strings.HasPrefix(before, "@") && at == "":
			at = before
		default:
			body, rest, _ := strings.Cut(css, "}")
			css = rest
			for selector := range strings.SplitSeq(before, ",") {
				rules = append(rules, rule{at, strings.TrimSpace(selector), parseStyle(body)})
			}
		}
	}
	return rules
}

// parseStyle reads declarations.
func parseStyle(style string) []declaration {
	var ds []declaration
	for raw := range strings.SplitSeq(style, ";") {
		property, value, ok := strings.Cut(raw, ":")
		if !ok {
			continue
		}
		ds = append(ds, declaration{strings.ToLower(strings.TrimSpace(property)), strings.TrimSpace(value), strings.TrimSpace(raw)})
	}
	return ds
}

// styled is an element with a style attribute.
type styled struct {
	*html.Node
	style []declaration
}

func (m *mail) styled() []styled {
	var found []styled
	for _, n := range m.elements() {
		if style, ok := attribute(n, "style"); ok {
			found = append(found, styled{n, parseStyle(style)})
		}
	}
	return found
}

// get returns the value of a property, "" without it.
func (s styled) get(property string) string {
	for _, d := range s.style {
		if d.property == property {
			return d.value
		}
	}
	return ""
}

var className = regexp.MustCompile(`\.(-?[A-Za-z_][A-Za-z0-9_-]*)`)

// classes returns the classes that a selector names.
func classes(selector string) []string {
	var names []string
	for _, match := range className.FindAllStringSubmatch(selector, -1) {
		names = append(names, match[1])
	}
	return names
}
