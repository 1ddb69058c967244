package emltest

import (
	"fmt"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html"
)

func preheader() []assertion {
	return []assertion{{"P1", "the body begins with a summary", func(m *mail, want Expect) []string {
		const shortest, longest = 40, 110
		const fillers = "\u2007\ufeff\u034f\u200c\u00ad\u00a0 \n"
		first := ""
		for _, body := range m.elements("body") {
			for n := range body.Descendants() {
				if n.Type == html.TextNode && strings.TrimSpace(n.Data) != "" {
					first = n.Data
					break
				}
			}
		}
		summary := strings.Trim(first, fillers)
		var ps []string
		if n := utf8.RuneCountInString(summary); n < shortest || n > longest {
			ps = append(ps, fmt.Sprintf("%d characters, want %d to %d: %q", n, shortest, longest, summary))
		}
		if !strings.HasPrefix(strings.TrimLeft(first, " \n"), summary) {
			ps = append(ps, "filler before the summary")
		}
		if filler.MatchString(summary) {
			ps = append(ps, fmt.Sprintf("filler within %q", summary))
		}
		if want.Summary != "" {
			ps = append(ps, differ("summary", summary, want.Summary)...)
		}
		if fold(summary) == fold(m.subject()) {
			ps = append(ps, "the summary repeats the subject")
		}
		return ps
	}}}
}

func skeleton() []assertion {
	return []assertion{
		{"X1", "begins with the doctype", func(m *mail, _ Expect) []string {
			if !strings.HasPrefix(m.html, "<!DOCTYPE html>") {
				return []string{fmt.Sprintf("begins with %.30q", m.html)}
			}
			return nil
		}},
		{"X2", "language and direction, also where html is stripped", languages},
		{"X3", "tables for layout say so, tables of data do not", tables},
		{"X4", "600 pixels wide at most, for Outlook too", fluidWidth},
		{"X5", "conditional comments balance", conditionals},
		{"X6", "Office markup only where Office reads it", func(m *mail, _ Expect) []string {
			var ps []string
			for _, n := range m.elements() {
				if strings.Contains(n.Data, ":") {
					ps = append(ps, show(n))
				}
			}
			return ps
		}},
		{"X12", "no active content", activeContent},
		{"X18", "no template left unfilled", func(m *mail, _ Expect) []string {
			head, _, _ := strings.Cut(string(m.raw), "\r\n\r\n")
			return slices.Concat(found(head, unfilled), found(m.text, unfilled), found(m.html, unfilled))
		}},
	}
}

var unfilled = regexp.MustCompile(`ZgotmplZ|\{\{|<no value>|&lt;no value&gt;|%![a-zA-Z]\(`)

// wrapper returns the element that stands for the mail when html and body are
// stripped, and the body it stands in.
func (m *mail) wrapper() (wrapper, body *html.Node) {
	for _, b := range m.elements("body") {
		body = b
	}
	for _, n := range m.elements("div") {
		if value(n, "role") == "article" {
			return n, body
		}
	}
	return nil, body
}

func languages(m *mail, _ Expect) []string {
	wrapper, body := m.wrapper()
	if wrapper == nil || body == nil {
		return []string{`no <div role="article">`}
	}
	var ps []string
	for _, n := range append(m.elements("html"), wrapper) {
		if value(n, "lang") == "" || value(n, "dir") == "" {
			ps = append(ps, "no lang or no dir: "+show(n))
		}
	}
	if value(body, "xml:lang") == "" {
		ps = append(ps, "no xml:lang: "+show(body))
	}
	return ps
}

func tables(m *mail, _ Expect) []string {
	all := m.elements("table")
	for _, c := range m.comments() {
		// Only tags: what a parser would make of the halves does not matter.
		for _, match := range tableTag.FindAllString(c, -1) {
			doc, err := html.Parse(strings.NewReader(match))
			if err != nil {
				return []string{err.Error()}
			}
			for n := range doc.Descendants() {
				if n.Type == html.ElementNode && n.Data == "table" {
					all = append(all, n)
				}
			}
		}
	}
	var ps []string
	for _, n := range all {
		// A table of figures, which has headings, must be read as one.
		// https://www.w3.org/WAI/WCAG22/Techniques/failures/F92
		role := "presentation"
		if hasHeadings(n) {
			role = ""
		}
		if value(n, "role") != role || value(n, "cellpadding") != "0" || value(n, "cellspacing") != "0" || value(n, "border") != "0" {
			ps = append(ps, show(n))
		}
	}
	return ps
}

// hasHeadings reports whether a cell of table itself, not of one within it, is
// a heading.
func hasHeadings(table *html.Node) bool {
	for n := range table.Descendants() {
		if n.Type != html.ElementNode || n.Data != "th" {
			continue
		}
		within := n.Parent
		for within.Data != "table" {
			within = within.Parent
		}
		if within == table {
			return true
		}
	}
	return false
}

var tableTag = regexp.MustCompile(`<table[^>]*>`)

func fluidWidth(m *mail, _ Expect) []string {
	const widest = 600
	var ps []string
	fluid := false
	for _, s := range m.styled() {
		fluid = fluid || s.Data == "table" && s.get("max-width") == "600px"
	}
	if !fluid {
		ps = append(ps, "no table has max-width:600px")
	}
	ghost := false
	for _, c := range m.comments() {
		ghost = ghost || strings.HasPrefix(c, "[if mso]") && strings.Contains(c, "<table") && strings.Contains(c, `width="600"`)
	}
	if !ghost {
		ps = append(ps, "no table of width 600 for Outlook")
	}
	for _, n := range m.elements() {
		if w, err := strconv.Atoi(value(n, "width")); err == nil && w > widest {
			ps = append(ps, "too wide: "+show(n))
		}
	}
	return ps
}

var conditional = regexp.MustCompile(`<!--\[if [^>]*>(<!-->)?|<!\[if`)

func conditionals(m *mail, want Expect) []string {
	opened := conditional.FindAllString(m.html, -1)
	closed := strings.Count(m.html, "<![endif]-->")
	var ps []string
	for _, c := range opened {
		if c != "<!--[if mso]>" && c != "<!--[if !mso]><!-->" {
			ps = append(ps, fmt.Sprintf("the form %q", c))
		}
	}
	if len(opened) != closed || len(opened) == 0 {
		ps = append(ps, fmt.Sprintf("%d opened, %d closed", len(opened), closed))
	}
	if want.Conditionals != 0 && len(opened) != want.Conditionals {
		ps = append(ps, fmt.Sprintf("%d conditional comments, want %d", len(opened), want.Conditionals))
	}
	if strings.Contains(m.html, "&lt;![if") || strings.Contains(m.html, "&lt;!--[if") {
		ps = append(ps, "a conditional comment shows as text")
	}
	return ps
}

func activeContent(m *mail, _ Expect) []string {
	var ps []string
	for _, n := range m.elements("script", "form", "iframe", "video", "audio", "object", "embed", "link", "base", "input", "button", "svg") {
		ps = append(ps, show(n))
	}
	for _, n := range m.elements() {
		for _, a := range n.Attr {
			if strings.HasPrefix(a.Key, "on") {
				ps = append(ps, show(n))
			}
		}
	}
	return ps
}

func content() []assertion {
	return []assertion{
		{"X11", "pictures that every program shows", pictures},
		{"X14", "links are https, lead where they say, and say where", links},
	}
}

func pictures(m *mail, _ Expect) []string {
	var ps []string
	for _, n := range m.elements("img") {
		_, hasAlt := attribute(n, "alt")
		_, widthErr := strconv.Atoi(value(n, "width"))
		_, heightErr := strconv.Atoi(value(n, "height"))
		u, err := url.Parse(value(n, "src"))
		s := styled{n, parseStyle(value(n, "style"))}
		switch {
		case !hasAlt, widthErr != nil, heightErr != nil:
			ps = append(ps, "no alt, width or height: "+show(n))
		case err != nil, u.Scheme != "https", u.Host == "":
			ps = append(ps, "not https: "+show(n))
		case !slices.Contains([]string{".jpg", ".jpeg", ".png", ".gif"}, path.Ext(u.Path)):
			ps = append(ps, "not JPEG, PNG or GIF: "+show(n))
		case s.get("display") != "block", s.get("max-width") != "100%", s.get("height") != "auto", !strings.HasPrefix(s.get("border"), "0"):
			ps = append(ps, "not styled display:block;max-width:100%;height:auto;border:0: "+show(n))
		}
	}
	return ps
}

var hostLike = regexp.MustCompile(`^(?:https?://)?((?:[a-z0-9-]+\.)+[a-z]{2,})(?:/\S*)?$`)

func links(m *mail, _ Expect) []string {
	var ps []string
	leads := map[string]string{} // by their text
	for _, n := range m.elements("a") {
		href, text := value(n, "href"), fold(textOf(n))
		if strings.HasPrefix(href, "#") || strings.HasPrefix(href, "mailto:") {
			continue
		}
		u, err := url.Parse(href)
		if err != nil || u.Scheme != "https" || u.Host == "" {
			ps = append(ps, "not https: "+show(n))
			continue
		}
		lower := strings.ToLower(text)
		if text == "" || lower == "here" || strings.Contains(lower, "click here") {
			ps = append(ps, fmt.Sprintf("%q does not say where %s leads", text, href))
		}
		if other, ok := leads[text]; ok && other != href {
			ps = append(ps, fmt.Sprintf("%q leads to %s and to %s", text, other, href))
		}
		leads[text] = href
		if match := hostLike.FindStringSubmatch(lower); match != nil && !strings.EqualFold(match[1], u.Hostname()) {
			ps = append(ps, fmt.Sprintf("%q leads to %s", text, href))
		}
	}
	return ps
}
