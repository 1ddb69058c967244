package intake

import (
	"slices"
	"strings"

	"golang.org/x/net/html"

	"github.com/zotpaper/zotpaper/edition"
)

// A grower makes a tree of what we print out of a feed's HTML.
//
// It reads token by token and does not mend what is broken as a browser would:
// mending opens a style anew in every paragraph, by which one megabyte becomes
// ten gigabytes. Only elements that we know stand in the tree, of their
// attributes only links that may be followed, and it is never deep.
type grower struct {
	base   string // relative links count from it
	open   []*html.Node
	text   strings.Builder
	within int // tables in a table, which are none
}

// The bounds of a feed's HTML.
const (
	openLimit    = 64 // elements in one another
	columnsLimit = 20 // of a table
)

// htmlBlocks returns what is printed of a feed's HTML.
func htmlBlocks(markup, base string) ([]edition.Block, *fault) {
	c := &converter{reader: &reader{warn: func(int, string, ...any) {}}}
	blocks := c.blocks(grow(markup, base))
	return blocks, c.wrong
}

func grow(markup, base string) *html.Node {
	root := &html.Node{Type: html.ElementNode, Data: "div"}
	g := &grower{base: base, open: []*html.Node{root}}
	z := html.NewTokenizer(strings.NewReader(markup))
	skipped, depth := "", 0
	for kind := z.Next(); kind != html.ErrorToken; kind = z.Next() {
		t := z.Token()
		if kind == html.SelfClosingTagToken {
			z.NextIsNotRawText() // <iframe/> of XHTML has no text
		}
		switch {
		case skipped != "" && kind == html.StartTagToken && t.Data == skipped:
			depth++
		case skipped != "" && kind == html.EndTagToken && t.Data == skipped:
			if depth--; depth == 0 {
				skipped = ""
			}
		case skipped != "":
		case kind == html.TextToken:
			g.text.WriteString(t.Data)
		case kind == html.StartTagToken && isSkipped(t.Data):
			skipped, depth = t.Data, 1
		case kind == html.StartTagToken || kind == html.SelfClosingTagToken:
			g.begin(known(t.Data), t.Attr)
		case kind == html.EndTagToken:
			g.end(known(t.Data))
		}
	}
	g.closeTo(1)
	setTables(root)
	return root
}

// isSkipped reports whether nothing is printed of an element. Captions belong
// to pictures, and pictures are left out.
func isSkipped(name string) bool {
	switch name {
	case "script", "style", "title", "iframe", "noscript", "noembed", "noframes", "template", "object", "applet", "svg", "math",
		"select", "textarea", "video", "audio", "canvas", "figcaption", "caption":
		return true
	}
	return false
}

// known returns what an element is to us: one that [converter] knows, a div for
// what only divides, or "" if only its words count.
func known(name string) string {
	switch name {
	case "a", "em", "strong", "del", "code", "br", "p", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "ul", "ol", "li", "pre", "hr",
		"table", "tr", "td":
		return name
	case "th":
		return "td"
	case "b":
		return "strong"
	case "i", "cite", "dfn", "var":
		return "em"
	case "s", "strike":
		return "del"
	case "kbd", "samp", "tt":
		return "code"
	case "address", "article", "aside", "body", "center", "dd", "details", "div", "dl", "dt", "fieldset", "figure", "footer",
		"form", "header", "html", "main", "nav", "section", "summary":
		return "div"
	}
	return ""
}

// begin opens an element where it may stand.
func (g *grower) begin(name string, attributes []html.Attribute) {
	if name == "" {
		return
	}
	if g.within > 0 || name == "table" && g.inside("table", "") {
		switch name {
		case "table":
			g.within++
			name = "div"
		case "tr", "td":
			name = "div"
		}
	}
	n := &html.Node{Type: html.ElementNode, Data: name}
	if isInline(n) {
		g.beginInline(n, attributes)
		return
	}
	g.endInline()
	switch top := g.top().Data; {
	case g.inside("pre", ""):
		g.text.WriteByte('\n')
		return
	case isHeading(top) && (name == "p" || name == "div") && g.top().FirstChild == nil:
		return // only arranges the heading
	case top == "p", isHeading(top):
		g.closeTo(len(g.open) - 1)
	}
	if g.inside("td", "table") && name != "td" && name != "tr" {
		// A cell holds words. Paragraphs in it become lines.
		g.flush()
		if cell := g.top(); cell.LastChild != nil && cell.LastChild.Data != "br" {
			cell.AppendChild(&html.Node{Type: html.ElementNode, Data: "br"})
		}
		return
	}
	g.beginBlock(n, attributes)
}

func (g *grower) beginInline(n *html.Node, attributes []html.Attribute) {
	switch n.Data {
	case "br":
		if g.inside("pre", "") {
			g.text.WriteByte('\n')
			return
		}
		g.place()
		g.top().AppendChild(n)
		return
	case "a":
		g.end("a")
		link, err := checkURL(resolveLink(g.base, value(attributes, "href"), ""), "https", "mailto")
		if err != nil {
			return // its words are printed without it
		}
		n.Attr = []html.Attribute{{Key: "href", Val: link}}
	}
	g.place()
	g.push(n)
}

func (g *grower) beginBlock(n *html.Node, attributes []html.Attribute) {
	switch n.Data {
	case "li":
		if i := g.find("li", "ul", "ol"); i > 0 {
			g.closeTo(i)
		}
		if top := g.top().Data; top != "ul" && top != "ol" {
			n.Data = "div"
		}
	case "td":
		if i := g.find("td", "table"); i > 0 {
			g.closeTo(i)
		}
		if g.top().Data == "table" {
			g.push(&html.Node{Type: html.ElementNode, Data: "tr"})
		}
		if g.top().Data != "tr" {
			n.Data = "div"
		}
	case "tr":
		if i := g.find("tr", "table"); i > 0 {
			g.closeTo(i)
		}
		if g.top().Data != "table" {
			n.Data = "div"
		}
	case "ul", "ol", "blockquote":
		if g.deep() >= depthLimit {
			n.Data = "div"
		}
		if start := value(attributes, "start"); start != "" {
			n.Attr = []html.Attribute{{Key: "start", Val: start}}
		}
	}
	if n.Data != "li" && n.Data != "td" && n.Data != "tr" {
		g.place()
	}
	if n.Data == "hr" {
		g.top().AppendChild(n)
		return
	}
	g.push(n)
}

// place makes sure that what comes next may stand where it does: in a list
// stand items, in a row cells.
func (g *grower) place() {
	g.flush()
	switch g.top().Data {
	case "ul", "ol":
		g.push(&html.Node{Type: html.ElementNode, Data: "li"})
	case "table":
		g.push(&html.Node{Type: html.ElementNode, Data: "tr"})
		g.push(&html.Node{Type: html.ElementNode, Data: "td"})
	case "tr":
		g.push(&html.Node{Type: html.ElementNode, Data: "td"})
	}
}

// end closes the nearest element called name, and what was left open in it.
func (g *grower) end(name string) {
	if g.within > 0 && (name == "table" || name == "tr" || name == "td") {
		if name == "table" {
			g.within--
		}
		name = "div"
	}
	var i int
	switch name {
	case "":
		return
	case "a", "em", "strong", "del", "code":
		i = len(g.open) - 1
		for i > 0 && isInline(g.open[i]) && g.open[i].Data != name {
			i--
		}
		if g.open[i].Data != name {
			return
		}
	case "table":
		i = g.find("table")
	case "li":
		i = g.find("li", "ul", "ol", "td")
	case "td", "tr":
		i = g.find(name, "table")
	case "h1", "h2", "h3", "h4", "h5", "h6":
		if i = len(g.open) - 1; !isHeading(g.open[i].Data) {
			g.endInline()
		}
		if i = len(g.open) - 1; !isHeading(g.open[i].Data) {
			return
		}
	default:
		i = g.find(name, "td")
		if i < 0 && g.inside("td", "table") {
			g.text.WriteByte(' ') // of a paragraph in a cell
		}
	}
	if i > 0 {
		g.closeTo(i)
	}
}

func isHeading(name string) bool { return len(name) == 2 && name[0] == 'h' && name != "hr" }

func (g *grower) top() *html.Node { return g.open[len(g.open)-1] }

// find returns where the nearest open element called name is, or -1 if there is
// none, or one of barriers before it.
func (g *grower) find(name string, barriers ...string) int {
	for i := len(g.open) - 1; i > 0; i-- {
		switch {
		case g.open[i].Data == name:
			return i
		case slices.Contains(barriers, g.open[i].Data):
			return -1
		}
	}
	return -1
}

func (g *grower) inside(name, barrier string) bool { return g.find(name, barrier) > 0 }

// deep returns how many lists and quotes are open.
func (g *grower) deep() int {
	n := 0
	for _, o := range g.open {
		if o.Data == "ul" || o.Data == "ol" || o.Data == "blockquote" {
			n++
		}
	}
	return n
}

// push opens n, unless there is too much open already: then its words stand in
// what is open.
func (g *grower) push(n *html.Node) {
	g.flush()
	if len(g.open) < openLimit {
		g.top().AppendChild(n)
		g.open = append(g.open, n)
	}
}

// endInline closes links and styles: they do not reach over paragraphs.
func (g *grower) endInline() {
	i := len(g.open)
	for i > 1 && isInline(g.open[i-1]) {
		i--
	}
	g.closeTo(i)
}

// closeTo closes all open elements but the first n. Links and styles with
// nothing in them vanish.
func (g *grower) closeTo(n int) {
	g.flush()
	for len(g.open) > n {
		top := g.top()
		g.open = g.open[:len(g.open)-1]
		if top.FirstChild == nil && isInline(top) {
			top.Parent.RemoveChild(top)
		}
	}
}

// flush puts the text that came so far into the tree.
func (g *grower) flush() {
	if g.text.Len() == 0 {
		return
	}
	text := cleanText(g.text.String())
	g.text.Reset()
	switch {
	case g.top().Data == "pre" && g.top().FirstChild == nil:
		text = strings.TrimPrefix(text, "\n") // as a browser does
	case !g.inside("pre", "") && strings.TrimSpace(text) == "":
		text = " " // editors of feeds like to make room with blanks that do not break
	}
	if text != " " {
		g.place()
	}
	g.top().AppendChild(&html.Node{Type: html.TextNode, Data: text})
}

// setTables lets only those tables be tables that are: with at least two
// columns, and no more than fit. What only arranges a page becomes paragraphs.
func setTables(root *html.Node) {
	var tables []*html.Node
	for d := range root.Descendants() {
		if d.Data == "table" && d.Type == html.ElementNode {
			tables = append(tables, d)
		}
	}
	for _, table := range tables {
		columns := 0
		rows := slices.DeleteFunc(children(table), func(n *html.Node) bool { return n.Data != "tr" || n.Type != html.ElementNode })
		for _, row := range rows {
			columns = max(columns, len(cells(row)))
		}
		for _, row := range rows {
			if columns < 2 || columns > columnsLimit {
				table.Data, row.Data = "div", "div"
				for _, cell := range cells(row) {
					cell.Data = "div"
				}
				continue
			}
			for range columns - len(cells(row)) {
				row.AppendChild(&html.Node{Type: html.ElementNode, Data: "td"})
			}
		}
	}
}

func cells(row *html.Node) []*html.Node {
	return slices.DeleteFunc(children(row), func(n *html.Node) bool { return n.Type != html.ElementNode || n.Data != "td" })
}

func value(list []html.Attribute, key string) string {
	for _, a := range list {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}
