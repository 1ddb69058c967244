package intake

import (
	"strings"

	"golang.org/x/net/html"

	"github.com/zotpaper/zotpaper/edition"
)

// spans returns the text of nodes with its looks, white space as it is
// printed: runs of it are one blank, none stands at either end.
func (c *converter) spans(nodes []*html.Node) []edition.Span {
	var list []edition.Span
	for _, n := range nodes {
		list = c.appendSpans(list, n, edition.Span{})
	}
	return tidy(list)
}

// appendSpans adds what stands in n, looking like look.
func (c *converter) appendSpans(list []edition.Span, n *html.Node, look edition.Span) []edition.Span {
	if n.Type == html.TextNode {
		look.Text = printable(n.Data)
		return append(list, look)
	}
	if n.Type != html.ElementNode {
		return list
	}
	switch n.Data {
	case "br":
		return append(list, edition.Span{Break: true})
	case "img":
		return list // a figure of its own
	case "em":
		look.Em = true
	case "strong":
		look.Strong = true
	case "del", "s":
		look.Strike = true
	case "code":
		look.Code = true
	case "a":
		// Checked before, but what a reader may follow is worth a second look.
		look.Link, _ = checkURL(attr(n, "href"), "https", "mailto")
	}
	for child := range n.ChildNodes() {
		list = c.appendSpans(list, child, look)
	}
	return list
}

// tidy collapses white space, across spans, joins spans of one look, and takes
// blanks and line breaks off both ends.
func tidy(spans []edition.Span) []edition.Span {
	var list []edition.Span
	var text strings.Builder // of the last span in list
	blank := true            // the text so far ends with a blank, or there is none
	finish := func() {
		if text.Len() > 0 {
			list[len(list)-1].Text = text.String()
			text.Reset()
		}
	}
	for _, s := range spans {
		if s.Break {
			finish()
			if list = trimEnd(list); len(list) > 0 {
				list = append(list, s)
			}
			blank = true
			continue
		}
		words := collapse(s.Text, &blank)
		if words == "" {
			continue
		}
		if n := len(list); n == 0 || !sameLook(list[n-1], s) {
			finish()
			s.Text = ""
			list = append(list, s)
		}
		text.WriteString(words)
	}
	finish()
	list = trimEnd(list)
	for len(list) > 0 && list[len(list)-1].Break {
		list = trimEnd(list[:len(list)-1])
	}
	return list
}

// collapse returns s with every run of white space as one blank, none if blank
// says that the text before s ends with one; it leaves there whether s does.
func collapse(s string, blank *bool) string {
	var b strings.Builder
	for _, r := range s {
		if r == ' ' || r == '\n' || r == '\t' {
			if !*blank {
				b.WriteByte(' ')
			}
			*blank = true
			continue
		}
		b.WriteRune(r)
		*blank = false
	}
	return b.String()
}

// trimEnd takes the blank off the end of the text.
func trimEnd(list []edition.Span) []edition.Span {
	for n := len(list); n > 0; n = len(list) {
		last := &list[n-1]
		if last.Break {
			return list
		}
		if last.Text = strings.TrimRight(last.Text, " "); last.Text != "" {
			return list
		}
		list = list[:n-1]
	}
	return list
}

func sameLook(a, b edition.Span) bool {
	a.Text, b.Text = "", ""
	return a == b
}
