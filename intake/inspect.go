package intake

import (
	"bytes"
	"html"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/yuin/goldmark/ast"
	extension "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/util"
)

// inspect takes out of an article what is not printed, links and markup, while
// it is still known where it stands, and says so.
func (r *reader) inspect(tree ast.Node) *fault {
	type change struct{ from, to ast.Node }
	var changes []change // the tree must hold still while it is walked
	var wrong *fault
	depth := 0
	err := ast.Walk(tree, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if k := n.Kind(); k == ast.KindList || k == ast.KindBlockquote {
			if !entering {
				depth--
			} else if depth++; depth > depthLimit {
				wrong = faultAt(r.lineOf(n), "lists or quotes are nested more than %d deep; simplify them", depthLimit)
			}
		}
		if entering && wrong == nil {
			var to ast.Node
			if to, wrong = r.inspectNode(n); to != nil {
				changes = append(changes, change{n, to})
			}
		}
		if wrong != nil {
			return ast.WalkStop, nil
		}
		return ast.WalkContinue, nil
	})
	if err != nil && wrong == nil {
		wrong = faultAt(r.first, "it cannot be read: %v", err)
	}
	for _, c := range changes {
		parent := c.from.Parent()
		parent.ReplaceChild(parent, c.from, c.to)
	}
	return wrong
}

// inspectNode returns what is printed instead of n; nil: n itself.
func (r *reader) inspectNode(n ast.Node) (ast.Node, *fault) {
	switch n := n.(type) {
	case *ast.Link:
		n.Destination = []byte(r.checkLink(n, util.URLEscape(n.Destination, true)))
	case *ast.AutoLink:
		if n.AutoLinkType == ast.AutoLinkEmail {
			return nil, nil
		}
		if string(n.Protocol) == "http" { // of an address that begins with www.
			n.Protocol = []byte("https")
		}
		if r.checkLink(n, util.URLEscape(n.URL(r.source), false)) == "" {
			return plain(string(n.Label(r.source))), nil
		}
	case *ast.Image:
		r.inspectImage(n)
	case *ast.RawHTML:
		return r.inspectTag(n), nil
	case *ast.HTMLBlock:
		return r.inspectMarkup(n)
	}
	return nil, nil
}

// checkLink returns address if it may be printed as a link; else the words of
// n stay and the link goes.
func (r *reader) checkLink(n ast.Node, address []byte) string {
	if len(address) == 0 {
		r.warn(r.lineOf(n), "link: it has no address; its words are printed without it")
		return ""
	}
	checked, err := checkURL(string(address), "https", "mailto")
	if err != nil {
		r.warn(r.lineOf(n), "link: %v; its words are printed without it", err)
		return ""
	}
	return checked
}

// inspectImage notes where a picture stands, and puts its number in the place
// of its address: nothing that was filed comes near the address of a picture.
func (r *reader) inspectImage(n *ast.Image) {
	src := string(util.URLEscape(n.Destination, true))
	if name, err := url.PathUnescape(src); err == nil {
		src = name
	}
	n.Destination = nil
	line := r.lineOf(n)
	for up := n.Parent(); up != nil; up = up.Parent() {
		if up.Kind() == extension.KindTableCell {
			r.warn(line, "image: none is printed in a table; put it between two paragraphs")
			return
		}
	}
	if len(r.figures) == figuresLimit {
		r.warn(line, "image: it has more than %d; the article is printed without the others", figuresLimit)
		return
	}
	n.Destination = []byte(strconv.Itoa(len(r.figures)))
	r.figures = append(r.figures, figure{src, line})
}

var lineBreak = regexp.MustCompile(`(?i)^<br\s*/?>$`)

const noMarkup = "HTML is not printed; the article is printed without the tags"

// inspectTag returns what is printed for a tag among words: nothing, and of
// one that Markdown has no word for inside a table, a line break.
func (r *reader) inspectTag(n *ast.RawHTML) ast.Node {
	tag := n.Segments.Value(r.source)
	switch {
	case lineBreak.Match(tag):
		s := ast.NewString([]byte("<br>"))
		s.SetCode(true) // as it is
		return s
	case !bytes.HasPrefix(tag, []byte("<!--")): // a comment is meant to be left out
		r.warn(r.lineOf(n), noMarkup)
	}
	return nil
}

// ends returns what ends HTML that may hold empty lines, by its kind.
func ends(kind ast.HTMLBlockType) *regexp.Regexp {
	switch kind {
	case ast.HTMLBlockType1:
		return regexp.MustCompile(`(?i)</(script|pre|style|textarea)>`)
	case ast.HTMLBlockType2:
		return regexp.MustCompile(`-->`)
	case ast.HTMLBlockType3:
		return regexp.MustCompile(`\?>`)
	case ast.HTMLBlockType4:
		return regexp.MustCompile(`>`)
	case ast.HTMLBlockType5:
		return regexp.MustCompile(`\]\]>`)
	}
	return regexp.MustCompile(``)
}

// inspectMarkup returns the words of HTML that stands between paragraphs.
func (r *reader) inspectMarkup(n *ast.HTMLBlock) (ast.Node, *fault) {
	line := r.lineOf(n)
	markup := n.Lines().Value(r.source)
	if n.HasClosure() {
		markup = append(markup, n.ClosureLine.Value(r.source)...)
	}
	if !ends(n.HTMLBlockType).Match(markup) {
		// All that follows is inside it, and half an article is worse than none.
		return nil, faultAt(line, "the HTML that begins here does not end, and the rest of the article would be lost in it; take it out")
	}
	if n.HTMLBlockType != ast.HTMLBlockType2 || !bytes.HasPrefix(bytes.TrimSpace(markup), []byte("<!--")) {
		r.warn(line, noMarkup)
	}
	words := r.strict.SanitizeBytes(markup)
	p := ast.NewParagraph()
	p.AppendChild(p, plain(html.UnescapeString(string(words))))
	return p, nil
}

// plain returns text that is printed as it stands.
func plain(text string) ast.Node {
	s := ast.NewString([]byte(strings.TrimSpace(text)))
	s.SetRaw(true)
	return s
}

// lineOf returns the line of the article on which n begins.
func (r *reader) lineOf(n ast.Node) int {
	for ; n != nil; n = n.Parent() {
		if b, ok := n.(*ast.HTMLBlock); ok && b.Lines().Len() > 0 {
			return r.lineAt(b.Lines().At(0).Start)
		}
		if at := n.Pos(); at >= 0 {
			return r.lineAt(at)
		}
	}
	return r.first
}
