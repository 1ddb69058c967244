package intake

import (
	"bytes"
	"regexp"
	"slices"
	"strings"

	"github.com/microcosm-cc/bluemonday"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/text"
	"golang.org/x/net/html"

	"github.com/zotpaper/zotpaper/edition"
)

// A reader turns the Markdown of one article into blocks: goldmark reads it and
// makes HTML of it, bluemonday takes out what we do not know, and the rest is
// read node by node. Only text, looks and checked links come out.
type reader struct {
	pictures *pictures
	warn     func(line int, format string, args ...any)
	source   []byte
	first    int   // the line of the article on which source begins
	starts   []int // where in source its lines begin
	figures  []figure
	strict   *bluemonday.Policy // leaves words alone
}

// A figure is a picture in the text.
type figure struct {
	src  string // as filed
	line int
}

// The bounds of an article's text. The parser's time grows with the square of
// some of these: a megabyte of nothing but brackets would keep it for minutes.
const (
	depthLimit   = 12      // of lists in lists, quotes in quotes
	blockLimit   = 5000    // paragraphs and the like
	linksLimit   = 1000    // links and pictures, and where they are defined
	signsLimit   = 10_000  // runs of asterisks and the like
	figuresLimit = 50      // pictures
	markLimit    = 100     // signs of quotes and lists at the head of a line
	cellLimit    = 200_000 // of tables, were all lines of the article one
)

// read returns the blocks of source, whose first line is the article's line
// first.
func (r *reader) read(source string, first int) ([]edition.Block, *fault) {
	r.source, r.first, r.starts = []byte(source), first, []int{0}
	for i, b := range r.source {
		if b == '\n' {
			r.starts = append(r.starts, i+1)
		}
	}
	r.strict = bluemonday.StrictPolicy().AddSpaceWhenStrippingTag(true)
	if wrong := r.checkBounds(); wrong != nil {
		return nil, wrong
	}
	markdown := goldmark.New(goldmark.WithExtensions(
		extension.NewTable(extension.WithTableCellAlignMethod(extension.TableCellAlignAttribute)),
		extension.Strikethrough,
		extension.NewLinkify(extension.WithLinkifyAllowedProtocols([]string{"https:", "mailto:"})),
	))
	tree := markdown.Parser().Parse(text.NewReader(r.source))
	if wrong := r.inspect(tree); wrong != nil {
		return nil, wrong
	}
	var page bytes.Buffer
	if err := markdown.Renderer().Render(&page, r.source, tree); err != nil {
		return nil, faultAt(first, "it cannot be read: %v", err)
	}
	doc, err := html.Parse(bytes.NewReader(policy().SanitizeBytes(page.Bytes())))
	if err != nil {
		// The parser gives up on nothing but too many elements in each other.
		return nil, faultAt(first, "emphasis is nested too deep: %v", err)
	}
	c := &converter{reader: r}
	blocks := c.blocks(findBody(doc))
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
	p.AllowAttrs("src").Matching(bluemonday.Integer).OnElements("img") // the place of a figure
	p.AllowAttrs("alt", "title").OnElements("img")
	p.AllowURLSchemes("https", "mailto")
	p.AllowRelativeURLs(true)
	return p
}

// checkBounds refuses what would take the parser too long.
func (r *reader) checkBounds() *fault {
	links, signs, columns := 0, 0, 0
	for i, start := range r.starts {
		end := len(r.source)
		if i+1 < len(r.starts) {
			end = r.starts[i+1] - 1
		}
		line := r.source[start:end]
		if marksOf(line) > markLimit {
			return faultAt(r.first+i, "lists or quotes are nested more than %d deep; simplify them", markLimit)
		}
		if links += bytes.Count(line, []byte("](")) + bytes.Count(line, []byte("]:")); links > linksLimit {
			return faultAt(r.first+i, "it has more than %d links; take some out", linksLimit)
		}
		if signs += signsOf(line); signs > signsLimit {
			return faultAt(r.first+i, "it has more than %d signs of emphasis (* _ ~); take some out", signsLimit)
		}
		// The parser gives each line of a table as many cells as its head has.
		if columns = max(columns, columnsOf(line)); columns*len(r.starts) > cellLimit {
			return faultAt(r.first+i, "the table has more columns than so long an article can have; split it")
		}
	}
	return nil
}

// marksOf returns how many signs of quotes and lists stand at the head of
// line: "> - 1. words" has three.
func marksOf(line []byte) int {
	n := 0
	for rest := line; ; n++ {
		rest = bytes.TrimLeft(rest, " \t")
		after := bytes.TrimLeft(rest, "0123456789") // "1." or "1)"
		switch {
		case bytes.HasPrefix(rest, []byte(">")):
			rest = rest[1:]
		case len(after) > 1 && isBlank(after[1]) && bytes.IndexByte([]byte("-+*.)"), after[0]) >= 0:
			rest = after[2:]
		default:
			return n
		}
	}
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// signsOf returns how many runs of asterisks, low lines and tildes line has.
func signsOf(line []byte) int {
	n := 0
	last := byte(0)
	for _, c := range line {
		if c != last && (c == '*' || c == '_' || c == '~') {
			n++
		}
		last = c
	}
	return n
}

// columnsOf returns how many columns a table has if line is the one under its
// head, such as "| --- | --: |", whatever list or quote it stands in.
func columnsOf(line []byte) int {
	if len(bytes.TrimLeft(line, " \t|:->+*.)0123456789")) > 0 || bytes.IndexByte(line, '-') < 0 {
		return 0
	}
	return bytes.Count(line, []byte("|"))
}

// lineAt returns the line of the article that holds the byte at of the source.
func (r *reader) lineAt(at int) int {
	i, found := slices.BinarySearch(r.starts, at)
	if !found {
		i--
	}
	return r.first + max(i, 0)
}

func findBody(doc *html.Node) *html.Node {
	for n := range doc.Descendants() {
		if n.Type == html.ElementNode && n.Data == "body" {
			return n
		}
	}
	return doc
}

// printable returns s without control characters, which entities can stand for
// in a file that holds none.
func printable(s string) string {
	return strings.Map(func(c rune) rune {
		if isControl(c) {
			return -1
		}
		return c
	}, s)
}
