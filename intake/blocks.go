package intake

import (
	"strconv"
	"strings"

	"golang.org/x/net/html"

	"github.com/zotpaper/zotpaper/edition"
)

// A converter reads sanitised HTML into blocks. Only text, looks and checked
// links come out, whatever goes in.
type converter struct {
	*reader
	count int
	wrong *fault
}

// blocks returns what stands in n.
func (c *converter) blocks(n *html.Node) []edition.Block {
	var list []edition.Block
	var loose []*html.Node // text between blocks, as in the items of a tight list
	flush := func() {
		list = append(list, c.text(loose, edition.Block{Kind: edition.Paragraph})...)
		loose = nil
	}
	for child := range n.ChildNodes() {
		if c.wrong != nil {
			return nil
		}
		if isInline(child) {
			loose = append(loose, child)
			continue
		}
		flush()
		if c.count++; c.count > blockLimit {
			c.wrong = faultAt(c.first, "it has more than %d paragraphs; split it", blockLimit)
			return nil
		}
		list = append(list, c.block(child)...)
	}
	flush()
	return list
}

func isInline(n *html.Node) bool {
	if n.Type != html.ElementNode {
		return n.Type == html.TextNode
	}
	switch n.Data {
	case "a", "em", "strong", "del", "s", "code", "br", "img":
		return true
	}
	return false
}

// block returns the blocks that the element n stands for.
func (c *converter) block(n *html.Node) []edition.Block {
	if n.Type != html.ElementNode {
		return nil
	}
	switch n.Data {
	case "p":
		return c.text(children(n), edition.Block{Kind: edition.Paragraph})
	case "h1", "h2", "h3", "h4", "h5", "h6":
		return c.text(children(n), edition.Block{Kind: edition.Heading, Level: int(n.Data[1] - '0')})
	case "blockquote":
		if inner := c.blocks(n); len(inner) > 0 {
			return []edition.Block{{Kind: edition.Quote, Blocks: inner}}
		}
	case "ul", "ol":
		return c.list(n)
	case "pre":
		if text := strings.TrimRight(textOf(n), "\n"); text != "" {
			return []edition.Block{{Kind: edition.Code, Spans: []edition.Span{{Text: text}}}}
		}
	case "hr":
		return []edition.Block{{Kind: edition.Rule}}
	case "table":
		return c.table(n)
	case "div":
		return c.blocks(n) // of feeds; it only divides
	}
	return nil
}

func children(n *html.Node) []*html.Node {
	var list []*html.Node
	for child := range n.ChildNodes() {
		list = append(list, child)
	}
	return list
}

// text returns as with the words of nodes, if there are any, and after it the
// pictures that stood among them.
func (c *converter) text(nodes []*html.Node, as edition.Block) []edition.Block {
	var list []edition.Block
	if as.Spans = c.spans(nodes); len(as.Spans) > 0 {
		list = append(list, as)
	}
	for _, n := range nodes {
		list = append(list, c.pictured(n)...)
	}
	return list
}

// pictured returns the pictures in n.
func (c *converter) pictured(n *html.Node) []edition.Block {
	var list []edition.Block
	if n.Type == html.ElementNode && n.Data == "img" {
		list = append(list, c.figure(n)...)
	}
	for child := range n.ChildNodes() {
		list = append(list, c.pictured(child)...)
	}
	return list
}

// figure returns the picture that n stands for.
func (c *converter) figure(n *html.Node) []edition.Block {
	number, err := strconv.Atoi(attr(n, "src"))
	if err != nil || number < 0 || number >= len(c.figures) {
		return nil // left out, and said so
	}
	f := c.figures[number]
	image, wrong := c.pictures.image(frontImage{Src: f.src, Alt: printable(attr(n, "alt")), Caption: printable(attr(n, "title"))})
	if wrong != nil {
		c.warn(f.line, "image: %s; the article is printed without it", wrong.reason)
		return nil
	}
	if image.Alt == "" {
		c.warn(f.line, noAlt)
	}
	return []edition.Block{{Kind: edition.Figure, Image: image}}
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func (c *converter) list(n *html.Node) []edition.Block {
	b := edition.Block{Kind: edition.List, Ordered: n.Data == "ol"}
	if b.Ordered {
		b.Start = 1
		if start, err := strconv.Atoi(attr(n, "start")); err == nil && start >= 0 && start < 1_000_000 {
			b.Start = start
		}
	}
	for li := range n.ChildNodes() {
		if li.Type != html.ElementNode || li.Data != "li" {
			continue
		}
		if item := c.blocks(li); len(item) > 0 {
			b.Items = append(b.Items, item)
		}
	}
	if len(b.Items) == 0 {
		return nil
	}
	return []edition.Block{b}
}

func (c *converter) table(n *html.Node) []edition.Block {
	var rows [][]edition.Cell
	for tr := range n.Descendants() {
		if tr.Type != html.ElementNode || tr.Data != "tr" {
			continue
		}
		var row []edition.Cell
		for cell := range tr.ChildNodes() {
			if cell.Type == html.ElementNode && (cell.Data == "td" || cell.Data == "th") {
				row = append(row, edition.Cell{Spans: c.spans(children(cell)), Align: attr(cell, "align")})
			}
		}
		rows = append(rows, row)
	}
	if len(rows) == 0 {
		return nil
	}
	return []edition.Block{{Kind: edition.Table, Rows: rows}}
}

func textOf(n *html.Node) string {
	if n.Type == html.TextNode {
		return n.Data
	}
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return b.String()
}
