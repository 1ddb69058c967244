package intake

import (
	"bytes"
	"errors"
	"fmt"
	"html"
	"io"
	"regexp"
	"strings"

	"github.com/mmcdole/gofeed"
	"github.com/mmcdole/gofeed/json"
	"golang.org/x/net/html/charset"
)

// A parsedFeed is what stands in a feed. Every text in it is HTML.
type parsedFeed struct {
	base string // from which relative links count
	*gofeed.Feed
}

// The bounds of what is taken apart.
const (
	objectsLimit = 100_000       // braces of a JSON feed
	cleanLimit   = 2 * feedLimit // bytes of an XML feed written anew
)

// parse takes a feed apart. A feed that makes a parser panic is broken like any
// other.
func (f *Feeds) parse(c *feedCopy) (p *parsedFeed, err error) {
	f.parsing.Lock()
	defer f.parsing.Unlock()
	defer func() {
		if r := recover(); r != nil {
			p, err = nil, fmt.Errorf("it cannot be taken apart: %v", clip(oneLine(printable(fmt.Sprint(r))), 100))
		}
	}()
	return parseFeed(c.body, c.Charset, c.Base)
}

// parseFeed takes a feed apart that its server says is written in label, which
// may be empty. base is its address.
func parseFeed(body []byte, label, base string) (*parsedFeed, error) {
	text, err := feedText(body, label)
	if err != nil {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(text, []byte("<")):
		clean, xmlBase, err := cleanXML(text)
		if err != nil {
			return nil, err
		}
		text, base = clean, resolveLink(base, xmlBase, base)
	case bytes.HasPrefix(text, []byte("{")):
		// Two bytes of an empty item become a thousand.
		if bytes.Count(text, []byte("{")) > objectsLimit {
			return nil, fmt.Errorf("it has more than %d objects", objectsLimit)
		}
	default:
		return nil, errNoFeed
	}
	parser := gofeed.NewParser()
	parser.RSSTranslator = &gofeed.DefaultRSSTranslator{DisableContentImageScan: true}
	parser.JSONTranslator = plainJSON{}
	feed, err := parser.Parse(bytes.NewReader(text))
	switch {
	case errors.Is(err, gofeed.ErrFeedTypeNotDetected):
		return nil, errNoFeed
	case err != nil:
		return nil, errors.New(clip(oneLine(printable(err.Error())), 200))
	}
	return &parsedFeed{base, feed}, nil
}

var (
	errNoFeed  = errors.New("it is no RSS, Atom or JSON feed")
	errWebPage = errors.New("it is a web page and no feed; is that the feed's address?")
)

// plainJSON makes HTML of what a JSON feed has as plain text.
//
// https://www.jsonfeed.org/version/1.1/#items-a-name-items-a
type plainJSON struct{ gofeed.DefaultJSONTranslator }

// Translate is a gofeed.Translator.
func (t plainJSON) Translate(feed any) (*gofeed.Feed, error) {
	if f, ok := feed.(*json.Feed); ok {
		f.Title = html.EscapeString(f.Title)
		for _, item := range f.Items {
			if item == nil {
				return nil, errors.New("an item of it is null")
			}
			item.Title, item.Summary = html.EscapeString(item.Title), html.EscapeString(item.Summary)
			if item.ContentHTML == "" {
				item.ContentHTML = paragraphs(item.ContentText)
			}
		}
	}
	return t.DefaultJSONTranslator.Translate(feed)
}

// paragraphs returns plain text as HTML; an empty line ends a paragraph.
func paragraphs(text string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(strings.ReplaceAll(text, "\r\n", "\n"), "\n\n") {
		if part = strings.TrimSpace(part); part != "" {
			b.WriteString("<p>" + strings.ReplaceAll(html.EscapeString(part), "\n", "<br>") + "</p>")
		}
	}
	return b.String()
}

// declaration matches an XML declaration, and in it what names the encoding.
var declaration = regexp.MustCompile(`^<\?xml\s[^>]{0,200}\?>`)

// feedText returns a feed's text without what stands before it. A byte-order
// mark says more than the feed itself, and the feed more than its server.
//
// https://www.rfc-editor.org/rfc/rfc7303#section-3
func feedText(body []byte, label string) ([]byte, error) {
	mark := ""
	switch {
	case bytes.HasPrefix(body, []byte("\xef\xbb\xbf")):
		body, mark = body[3:], "utf-8"
	case bytes.HasPrefix(body, []byte("\xff\xfe")):
		body, mark = body[2:], "utf-16le"
	case bytes.HasPrefix(body, []byte("\xfe\xff")):
		body, mark = body[2:], "utf-16be"
	default:
		body = bytes.TrimLeft(body, " \t\r\n")
		if bytes.Contains(declaration.Find(body), []byte("encoding")) {
			label = "" // the XML decoder sees to it
		}
	}
	if mark != "" {
		label = mark
	}
	if label != "" && !strings.EqualFold(label, "utf-8") {
		decoded, err := charset.NewReaderLabel(label, bytes.NewReader(body))
		if err != nil {
			return nil, fmt.Errorf("its server says that it is written in %q, which is not known here", label)
		}
		if body, err = io.ReadAll(io.LimitReader(decoded, cleanLimit)); err != nil {
			return nil, fmt.Errorf("it is not written in %q as it says", label)
		}
	}
	if mark != "" {
		body = bytes.TrimLeft(body, " \t\r\n")
		body = bytes.TrimLeft(body[len(declaration.Find(body)):], " \t\r\n")
	}
	// Control characters, which XML forbids and some programs write.
	clean := make([]byte, 0, len(body))
	for _, b := range body {
		if b >= ' ' || b == '\t' || b == '\n' || b == '\r' {
			clean = append(clean, b)
		}
	}
	return clean, nil
}
