package intake

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"

	"github.com/microcosm-cc/bluemonday"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"golang.org/x/net/html"

	"github.com/zotpaper/zotpaper/edition"
)

// A reader turns the Markdown of one article into blocks: goldmark makes HTML
// of it, bluemonday takes out what we do not know, and the rest is read node by
// node. Only text, looks and checked links come out.
type reader struct {
	pictures *pictures
	warn     func(line int, format string, args ...any)
	source   string
	first    int // the line of the article on which source begins
}

const (
	depthLimit = 12   // of lists in lists, quotes in quotes
	blockLimit = 5000 // paragraphs and the like of one article
)

// rawHTML is what goldmark leaves where it took markup out.
const rawHTML = "<!-- raw HTML omitted -->"

var tagStart = regexp.MustCompile(`<[A-Za-z/!]`)

// read returns the blocks of source, whose first line is the article's line
// first.
func (r *reader) read(source string, first int) ([]edition.Block, *fault) {
	r.source, r.first = source, first
	markdown := goldmark.New(goldmark.WithExtensions(
		extension.NewTable(extension.WithTableCellAlignMethod(extension.TableCellAlignAttribute)),
		extension.Strikethrough,
		extension.NewLinkify(extension.WithLinkifyAllowedProtocols([]string{"https:", "mailto:"})),
	))
	var page bytes.Buffer
	if err := markdown.Convert([]byte(source), &page); err != nil {
		return nil, faultAt(first, "%v", err)
	}
	if strings.Contains(page.String(), rawHTML) {
		r.warn(r.lineMatching(tagStart), "HTML is not printed; the article is printed without the tags")
	}
	doc, err := html.Parse(bytes.NewReader(policy().SanitizeBytes(page.Bytes())))
	if err != nil {
		// The parser gives up on nothing but too many elements in each other.
		return nil, faultAt(first, "lists or quotes are nested too deep: %v", err)
	}
	c := &converter{reader: r}
	blocks := c.blocks(findBody(doc), 0)
	if c.wrong != nil {
		return nil, c.wrong
	}
	return blocks, nil
}

// policy is what may come out of an article's Markdown.
func policy() *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	p.AllowElements("p", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "ul", "ol", "li", "pre", "code",
		"em", "strong", "del", "s", "br", "hr", "table", "thead", "tbody", "tr", "th", "td")
	p.AllowAttrs("start").Matching(bluemonday.Integer).OnElements("ol")
	p.AllowAttrs("align").Matching(regexp.MustCompile(`^(left|center|right)$`)).OnElements("th", "td")
	p.AllowAttrs("href").OnElements("a")
	p.AllowAttrs("src", "alt", "title").OnElements("img")
	p.AllowURLSchemes("http", "https", "mailto")
	p.AllowRelativeURLs(true) // of pictures; links are checked again below
	return p
}

func findBody(doc *html.Node) *html.Node {
	for n := range doc.Descendants() {
		if n.Type == html.ElementNode && n.Data == "body" {
			return n
		}
	}
	return doc
}

// lineMatching returns the first line of the article that form matches.
func (r *reader) lineMatching(form *regexp.Regexp) int {
	for i, line := range strings.Split(r.source, "\n") {
		if form.MatchString(line) {
			return r.first + i
		}
	}
	return r.first
}

// lineWith returns the first line of the article that holds text.
func (r *reader) lineWith(text string) int {
	return r.lineMatching(regexp.MustCompile(regexp.QuoteMeta(text)))
}

// A converter reads sanitised HTML into blocks.
type converter struct {
	*reader
	count int
	wrong *fault
}

// blocks returns what stands in n.
func (c *converter) blocks(n *html.Node, depth int) []edition.Block {
	if depth > depthLimit {
		c.wrong = faultAt(c.first, "lists or quotes are nested more than %d deep", depthLimit)
	}
	var list []edition.Block
	var loose []*html.Node // text between blocks, as in the items of a tight list
	flush := func() {
		list = append(list, c.paragraph(loose)...)
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
			c.wrong = faultAt(c.first, "it has more than %d paragraphs", blockLimit)
			return nil
		}
		list = append(list, c.block(child, depth)...)
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
func (c *converter) block(n *html.Node, depth int) []edition.Block {
	if n.Type != html.ElementNode {
		return nil
	}
	switch n.Data {
	case "p":
		return c.paragraph(children(n))
	case "h1", "h2", "h3", "h4", "h5", "h6":
		spans := c.spans(children(n))
		if len(spans) == 0 {
			return nil
		}
		return []edition.Block{{Kind: edition.Heading, Level: int(n.Data[1] - '0'), Spans: spans}}
	case "blockquote":
		if inner := c.blocks(n, depth+1); len(inner) > 0 {
			return []edition.Block{{Kind: edition.Quote, Blocks: inner}}
		}
	case "ul", "ol":
		return c.list(n, depth)
	case "pre":
		if text := strings.TrimRight(textOf(n), "\n"); text != "" {
			return []edition.Block{{Kind: edition.Code, Spans: []edition.Span{{Text: text}}}}
		}
	case "hr":
		return []edition.Block{{Kind: edition.Rule}}
	case "table":
		return c.table(n)
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

// paragraph returns a paragraph, and after it the pictures that stood in it.
func (c *converter) paragraph(nodes []*html.Node) []edition.Block {
	var list []edition.Block
	if spans := c.spans(nodes); len(spans) > 0 {
		list = append(list, edition.Block{Kind: edition.Paragraph, Spans: spans})
	}
	for _, n := range nodes {
		list = append(list, c.figures(n)...)
	}
	return list
}

// figures returns the pictures in n.
func (c *converter) figures(n *html.Node) []edition.Block {
	var list []edition.Block
	if n.Type == html.ElementNode && n.Data == "img" {
		f := frontImage{Src: attr(n, "src"), Alt: attr(n, "alt"), Caption: attr(n, "title")}
		image, wrong := c.pictures.image(f)
		switch {
		case wrong != nil:
			c.warn(c.lineWith(f.Src), "image: %s; the article is printed without it", wrong.reason)
		default:
			if image.Alt == "" {
				c.warn(c.lineWith(f.Src), "image: there is no alt; readers who do not see it learn nothing of it")
			}
			list = append(list, edition.Block{Kind: edition.Figure, Image: image})
		}
	}
	for child := range n.ChildNodes() {
		list = append(list, c.figures(child)...)
	}
	return list
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func (c *converter) list(n *html.Node, depth int) []edition.Block {
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
		if item := c.blocks(li, depth+1); len(item) > 0 {
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
