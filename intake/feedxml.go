package intake

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"html"
	"io"
	"slices"
	"strings"

	"golang.org/x/net/html/charset"
)

// The bounds of an XML feed.
const (
	elementDepth  = 256     // elements in one another
	elementsLimit = 100_000 // elements that we take
	entriesLimit  = 5000    // items that we take
)

// A cleaner writes an XML feed anew with what we take of it, and nothing else:
// before the library sees a feed it is small, shallow and of one form.
//
// The library would follow elements into one another until the stack is full,
// copy the namespaces of each, and read the markup of some with a parser of
// whole pages; ten megabytes written for the purpose become hundreds of
// gigabytes in it. So the markup of a text comes to it as CDATA, which it leaves
// alone.
type cleaner struct {
	*xml.Decoder
	out     bytes.Buffer
	root    string   // the root's name: rss, rdf or feed
	native  string   // its namespace
	base    string   // its xml:base
	open    []string // the elements written and not ended, by name
	taken   int      // elements
	entries int
}

// cleanXML returns a feed as the library gets it, and the xml:base of its root.
// What is cut off, or is no XML, is an error.
func cleanXML(text []byte) (clean []byte, base string, err error) {
	c := &cleaner{Decoder: xml.NewDecoder(bytes.NewReader(text))}
	c.Strict = false
	c.CharsetReader = charset.NewReaderLabel
	for {
		token, err := c.Token()
		switch {
		case errors.Is(err, io.EOF) && c.root == "":
			return nil, "", errNoFeed
		case errors.Is(err, io.EOF):
			return c.out.Bytes(), c.base, nil
		}
		if err == nil {
			err = c.take(token)
		}
		if err != nil {
			return nil, "", c.reason(err)
		}
	}
}

func (c *cleaner) reason(err error) error {
	var syntax *xml.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Errorf("it is broken XML in line %d: %s", syntax.Line, clip(oneLine(printable(syntax.Msg)), 100))
	}
	return errors.New(clip(oneLine(printable(err.Error())), 200))
}

// take writes a token that stands between items or within one.
func (c *cleaner) take(token xml.Token) error {
	switch t := token.(type) {
	case xml.StartElement:
		return c.begin(t)
	case xml.EndElement:
		// Whatever else begins is read to its end at once.
		last := len(c.open) - 1
		fmt.Fprintf(&c.out, "</%s>", c.open[last])
		c.open = c.open[:last]
	}
	if c.out.Len() > cleanLimit {
		return errors.New("it is too large when it is unpacked")
	}
	return nil
}

// begin writes the start of an element that holds others, or a text as a whole;
// everything else is skipped.
func (c *cleaner) begin(t xml.StartElement) error {
	if len(c.open) == 0 {
		return c.beginRoot(t)
	}
	name := c.name(t.Name)
	switch {
	case c.holds(name):
		if local := strings.ToLower(name); local == "item" || local == "entry" {
			if c.entries++; c.entries > entriesLimit {
				return c.text(t, nil)
			}
		}
		if c.open = append(c.open, name); len(c.open) > elementDepth {
			return fmt.Errorf("its elements are nested more than %d deep", elementDepth)
		}
		fmt.Fprintf(&c.out, "<%s>", name)
	case isTaken(name):
		var b bytes.Buffer
		if err := c.text(t, &b); err != nil {
			return err
		}
		c.write(name, t.Attr, strings.TrimSpace(b.String()))
	default:
		return c.text(t, nil)
	}
	if c.taken++; c.taken > elementsLimit {
		return fmt.Errorf("it has more than %d elements", elementsLimit)
	}
	return nil
}

// The namespaces that we know.
const (
	atomSpace    = "http://www.w3.org/2005/Atom"
	atom03Space  = "http://purl.org/atom/ns#"
	rdfSpace     = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
	rss10Space   = "http://purl.org/rss/1.0/"
	dcSpace      = "http://purl.org/dc/elements/1.1/"
	contentSpace = "http://purl.org/rss/1.0/modules/content/"
	xmlSpace     = "http://www.w3.org/XML/1998/namespace"
)

func (c *cleaner) beginRoot(t xml.StartElement) error {
	if c.root != "" {
		return errors.New("it has two roots")
	}
	c.root, c.native = strings.ToLower(t.Name.Local), t.Name.Space
	for _, a := range t.Attr {
		if a.Name.Local == "base" && (a.Name.Space == xmlSpace || a.Name.Space == "xml") {
			c.base = a.Value
		}
	}
	others := fmt.Sprintf(`xmlns:dc=%q xmlns:content=%q`, dcSpace, contentSpace)
	written := c.root
	switch c.root {
	case "rss":
		fmt.Fprintf(&c.out, `<rss version="2.0" %s xmlns:atom=%q>`, others, atomSpace)
	case "rdf":
		written = "rdf:RDF"
		fmt.Fprintf(&c.out, `<rdf:RDF xmlns:rdf=%q xmlns=%q %s xmlns:atom=%q>`, rdfSpace, rss10Space, others, atomSpace)
	case "feed":
		space := atomSpace
		if c.native == atom03Space {
			space = atom03Space
		}
		fmt.Fprintf(&c.out, `<feed xmlns=%q %s>`, space, others)
	case "html":
		return errWebPage
	default:
		return errNoFeed
	}
	c.open = append(c.open, written)
	return nil
}

// name returns the name of an element as it is written anew; of one in a
// namespace that we do not know, "".
func (c *cleaner) name(n xml.Name) string {
	prefix := ""
	switch n.Space {
	case dcSpace, "dc":
		prefix = "dc:"
	case contentSpace, "content":
		prefix = "content:"
	case c.native, "":
	case atomSpace, atom03Space, "atom":
		if c.root != "feed" {
			prefix = "atom:"
		}
	case rss10Space, "http://channel.netscape.com/rdf/simple/0.9/", "http://my.netscape.com/rdf/simple/0.9/":
		if c.root != "rdf" {
			return ""
		}
	default:
		return ""
	}
	return prefix + n.Local
}

// holds reports whether the element called name holds others.
func (c *cleaner) holds(name string) bool {
	switch strings.ToLower(name) {
	case "channel", "item", "entry", "atom:author":
		return true
	case "author":
		return c.root == "feed"
	}
	return false
}

// isTaken reports whether the element called name is a text that we take.
func isTaken(name string) bool {
	_, local, qualified := strings.Cut(strings.ToLower(name), ":")
	if !qualified {
		local = strings.ToLower(name)
	}
	return slices.Contains([]string{
		"title", "link", "description", "summary", "content", "encoded", "id", "guid", "pubdate", "published", "updated",
		"issued", "modified", "date", "category", "subject", "creator", "author", "name", "email",
	}, local)
}

// text reads the element that begins with start up to its end, and writes what
// stands in it into b as HTML, unless b is nil.
func (c *cleaner) text(start xml.StartElement, b *bytes.Buffer) error {
	kind := strings.ToLower(attribute(start.Attr, "type"))
	// In XHTML the decoder has already turned entities into letters; a text
	// that says it is plain is to be read as it stands.
	literal := kind == "text" || strings.Contains(kind, "xhtml")
	for depth := 1; depth > 0; {
		token, err := c.Token()
		if err != nil {
			return err
		}
		switch t := token.(type) {
		case xml.StartElement:
			if depth++; depth+len(c.open) > elementDepth {
				return fmt.Errorf("its elements are nested more than %d deep", elementDepth)
			}
			if b != nil {
				fmt.Fprintf(b, "<%s", t.Name.Local)
				if href := attribute(t.Attr, "href"); href != "" {
					fmt.Fprintf(b, ` href="%s"`, html.EscapeString(href))
				}
				b.WriteString(">")
			}
		case xml.EndElement:
			if depth--; depth > 0 && b != nil && !isVoid(t.Name.Local) {
				fmt.Fprintf(b, "</%s>", t.Name.Local)
			}
		case xml.CharData:
			switch {
			case b == nil:
			case literal:
				b.WriteString(html.EscapeString(string(t)))
			default:
				b.Write(t)
			}
		}
	}
	return nil
}

// isVoid reports whether an element of HTML has no end: its end tag would be
// read as a second one.
func isVoid(name string) bool { return name == "br" || name == "hr" || name == "img" }

func attribute(list []xml.Attr, name string) string {
	for _, a := range list {
		if a.Name.Space == "" && strings.EqualFold(a.Name.Local, name) {
			return a.Value
		}
	}
	return ""
}

// write writes an element with a text.
func (c *cleaner) write(name string, attributes []xml.Attr, text string) {
	c.out.WriteString("<" + name)
	for _, known := range []string{"href", "rel", "term", "label", "type"} {
		if value := attribute(attributes, known); value != "" && len(value) <= urlLimit {
			c.out.WriteString(" " + known + `="`)
			// The buffer takes everything.
			_ = xml.EscapeText(&c.out, []byte(value))
			c.out.WriteString(`"`)
		}
	}
	c.out.WriteString("><![CDATA[" + strings.ReplaceAll(text, "]]>", "]]]]><![CDATA[>") + "]]></" + name + ">")
}
