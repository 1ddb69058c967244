package templates

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/vanng822/go-premailer/premailer"
	"golang.org/x/net/html"
)

// inline writes the rules of the page's own sheet into style attributes and
// returns the page without that sheet, without white space that only indents.
func inline(page string) (string, error) {
	options := premailer.NewOptions(
		premailer.WithCssToAttributes(false), // it would put width on any element, even where HTML has none
		premailer.WithRemoveClasses(false),   // the small screen and the dark mode need them
	)
	p, err := premailer.NewPremailerFromString(page, options)
	if err != nil {
		return "", fmt.Errorf("inline the style sheet: %w", err)
	}
	out, err := p.Transform()
	if err != nil {
		return "", fmt.Errorf("inline the style sheet: %w", err)
	}
	out = strings.ReplaceAll(out, ` data-premailer="ignore"`, "")
	return squeeze.ReplaceAllString(out, "\n"), nil
}

// squeeze finds line breaks with the indentation around them. Indentation is
// bytes, and bytes are what a mail has too few of.
var squeeze = regexp.MustCompile(`[ \t]*\n\s*`)

// singleClass is the only kind of selector that go-premailer and browsers rank
// alike; see the package's tests, which compare the two.
var singleClass = regexp.MustCompile(`^\.[a-z][a-z0-9-]*$`)

// lintInline refuses rules that the inliner would drop or corrupt without a
// word: at-rules, comments, compound selectors, variables, !important.
func lintInline(name, css string) error {
	for i, line := range strings.Split(css, "\n") {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		selector, rest, ok := strings.Cut(line, "{")
		switch {
		case !ok || !strings.HasSuffix(rest, "}") || strings.Count(line, "{") != 1 || strings.Count(line, "}") != 1:
			return fmt.Errorf("template %s:%d: want one rule a line, such as .text{font-size:17px}", name, i+1)
		case !singleClass.MatchString(selector):
			return fmt.Errorf("template %s:%d: selector %q: want a single class such as .text; others belong into %s", name, i+1, selector, fileHead)
		}
		for _, bad := range []string{"!", "var(", "/*", "--", "@", "url("} {
			if strings.Contains(rest, bad) {
				return fmt.Errorf("template %s:%d: %q does not survive inlining", name, i+1, bad)
			}
		}
	}
	return nil
}

var classAttr = regexp.MustCompile(` class="([^"]*)"`)

// dropClasses takes off the elements of page the classes that no sheet left in
// it names: once their rules are inlined they are nothing but bytes. Text
// cannot look like an attribute, its quotes are escaped.
func (r *Renderer) dropClasses(page string) string {
	return classAttr.ReplaceAllStringFunc(page, func(attr string) string {
		var kept []string
		for _, class := range strings.Fields(classAttr.FindStringSubmatch(attr)[1]) {
			if r.headClasses[class] {
				kept = append(kept, class)
			}
		}
		if len(kept) == 0 {
			return ""
		}
		return ` class="` + strings.Join(kept, " ") + `"`
	})
}

// namedClasses returns the classes that the selectors of sheets name.
func namedClasses(sheets ...string) map[string]bool {
	named := map[string]bool{}
	for _, m := range anyClass.FindAllStringSubmatch(strings.Join(sheets, "\n"), -1) {
		named[m[1]] = true
	}
	return named
}

var anyClass = regexp.MustCompile(`\.([a-z][a-z0-9-]*)`)

// prune leaves out of css the lines that begin with a class page does not use.
// A sheet that names no class in vain is shorter, and a mail program that
// drops the whole sheet over one odd rule has fewer reasons to.
func prune(css string, used map[string]bool) string {
	var kept []string
	for _, line := range strings.Split(css, "\n") {
		if m := leadingClass.FindStringSubmatch(line); m != nil && !used[m[1]] {
			continue
		}
		if line = strings.TrimSpace(line); line != "" {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n")
}

var leadingClass = regexp.MustCompile(`^\s*\.([a-z][a-z0-9-]*)\{`)

// outlookSheet repeats the colours of the dark mode for Outlook, which swaps
// colours itself and marks what it swapped with attributes: data-ogsc for
// text and border, data-ogsb for backgrounds.
func outlookSheet(dark string) string {
	var b strings.Builder
	for _, line := range strings.Split(dark, "\n") {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		mark := "[data-ogsc] "
		if strings.Contains(line, "{background-color:") {
			mark = "[data-ogsb] "
		}
		b.WriteString(mark + line + "\n")
	}
	return b.String()
}

// classes returns the classes that page's elements carry.
func classes(page string) (map[string]bool, error) {
	doc, err := html.Parse(strings.NewReader(page))
	if err != nil {
		return nil, fmt.Errorf("parse the page: %w", err)
	}
	used := map[string]bool{}
	for n := range doc.Descendants() {
		for _, a := range n.Attr {
			if a.Key == "class" {
				for _, c := range strings.Fields(a.Val) {
					used[c] = true
				}
			}
		}
	}
	return used, nil
}
