package emltest

import (
	"fmt"
	"strings"

	"golang.org/x/net/html"
)

func accessibility() []assertion {
	return []assertion{
		{"A1", "one h1, no level of heading skipped", func(m *mail, _ Expect) []string {
			var ps []string
			level, tops := 0, 0
			for _, n := range m.elements("h1", "h2", "h3", "h4", "h5", "h6") {
				next := int(n.Data[1] - '0')
				if next == 1 {
					tops++
				}
				if next > level+1 {
					ps = append(ps, fmt.Sprintf("h%d after h%d: %q", next, level, fold(textOf(n))))
				}
				level = next
			}
			if tops != 1 {
				ps = append(ps, fmt.Sprintf("%d h1, want one", tops))
			}
			return ps
		}},
		{"A2", "an article called by its subject, without landmarks", func(m *mail, _ Expect) []string {
			var ps []string
			wrapper, _ := m.wrapper()
			if wrapper == nil || value(wrapper, "aria-roledescription") != "email" || value(wrapper, "aria-label") == "" {
				ps = append(ps, `no <div role="article" aria-roledescription="email" aria-label>`)
			}
			for _, n := range m.elements("header", "footer", "main", "nav", "aside") {
				ps = append(ps, show(n))
			}
			return ps
		}},
		{"A3", "lists are lists, paragraphs are paragraphs", func(m *mail, _ Expect) []string {
			var ps []string
			for _, n := range m.elements("br") {
				next := n.NextSibling
				for next != nil && next.Type == html.TextNode && strings.TrimSpace(next.Data) == "" {
					next = next.NextSibling
				}
				if next != nil && next.Data == "br" {
					ps = append(ps, "two br in a row in "+show(n.Parent))
				}
			}
			for _, n := range m.elements("li") {
				if n.Parent.Data != "ul" && n.Parent.Data != "ol" {
					ps = append(ps, "li in "+show(n.Parent))
				}
			}
			return ps
		}},
		{"A8", "the title is the subject", func(m *mail, _ Expect) []string {
			title := ""
			for _, n := range m.elements("title") {
				title = fold(textOf(n))
			}
			// A test copy is marked in its subject alone: its bytes are a reader's.
			if want := fold(strings.TrimPrefix(m.subject(), "[Test] ")); title == "" || title != want {
				return []string{fmt.Sprintf("title %q, want %q", title, want)}
			}
			return nil
		}},
	}
}
