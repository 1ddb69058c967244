package emltest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	netmail "net/mail"
	"net/textproto"
	"strings"

	"golang.org/x/net/html"
)

// mail is a mail taken apart.
type mail struct {
	raw    []byte
	lines  []string // of the header, without their ends
	fields []field
	kind   string // of the whole
	params map[string]string
	parts  []part

	// Of the first text/plain and text/html parts, decoded, with LF.
	text, html string

	dom    *html.Node
	styles []string // contents of the style elements, in order
	rules  []rule
}

// field is a header field.
type field struct {
	name  string // as written
	value string // unfolded
	lines int    // physical
}

// part is a part that holds no others.
type part struct {
	header textproto.MIMEHeader
	kind   string
	params map[string]string
	wire   []byte // as it goes over the wire
	body   []byte // decoded
}

func parse(raw []byte) (*mail, error) {
	m := &mail{raw: raw}
	head, body, ok := bytes.Cut(raw, []byte("\r\n\r\n"))
	if !ok {
		return nil, errors.New("emltest: no end of the header")
	}
	m.parseHeader(string(head))
	var err error
	if m.kind, m.params, err = mime.ParseMediaType(m.first("Content-Type")); err != nil {
		return nil, fmt.Errorf("emltest: Content-Type: %w", err)
	}
	if err := m.parseParts(body); err != nil {
		return nil, fmt.Errorf("emltest: %w", err)
	}
	for _, p := range m.parts {
		text := strings.ReplaceAll(string(p.body), "\r\n", "\n")
		switch {
		case p.kind == "text/plain" && m.text == "":
			m.text = text
		case p.kind == "text/html" && m.html == "":
			m.html = text
		}
	}
	if m.text == "" || m.html == "" {
		return nil, errors.New("emltest: there is no text/plain or no text/html part")
	}
	if m.dom, err = html.Parse(strings.NewReader(m.html)); err != nil {
		return nil, fmt.Errorf("emltest: %w", err)
	}
	for _, n := range m.elements("style") {
		css := textOf(n)
		m.styles = append(m.styles, css)
		m.rules = append(m.rules, parseCSS(css)...)
	}
	return m, nil
}

func (m *mail) parseHeader(head string) {
	m.lines = strings.Split(head, "\r\n")
	for _, line := range m.lines {
		if line != "" && (line[0] == ' ' || line[0] == '\t') && len(m.fields) > 0 {
			last := &m.fields[len(m.fields)-1]
			last.value += " " + strings.TrimLeft(line, " \t")
			last.lines++
			continue
		}
		name, value, _ := strings.Cut(line, ":")
		m.fields = append(m.fields, field{name, strings.TrimPrefix(value, " "), 1})
	}
}

func (m *mail) parseParts(body []byte) error {
	r := multipart.NewReader(bytes.NewReader(body), m.params["boundary"])
	for {
		raw, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("part %d: %w", len(m.parts)+1, err)
		}
		p := part{header: raw.Header}
		if p.kind, p.params, err = mime.ParseMediaType(raw.Header.Get("Content-Type")); err != nil {
			return fmt.Errorf("part %d: %w", len(m.parts)+1, err)
		}
		if p.wire, err = io.ReadAll(raw); err != nil {
			return fmt.Errorf("part %d: %w", len(m.parts)+1, err)
		}
		p.body = p.wire
		if strings.EqualFold(raw.Header.Get("Content-Transfer-Encoding"), "quoted-printable") {
			if p.body, err = io.ReadAll(quotedprintable.NewReader(bytes.NewReader(p.wire))); err != nil {
				return fmt.Errorf("part %d: %w", len(m.parts)+1, err)
			}
		}
		m.parts = append(m.parts, p)
	}
}

// all returns the fields of that name.
func (m *mail) all(name string) []field {
	var fs []field
	for _, f := range m.fields {
		if strings.EqualFold(f.name, name) {
			fs = append(fs, f)
		}
	}
	return fs
}

// first returns the value of the first field of that name, "" without one.
func (m *mail) first(name string) string {
	if fs := m.all(name); len(fs) > 0 {
		return fs[0].value
	}
	return ""
}

// subject returns the subject as a reader sees it.
func (m *mail) subject() string {
	var words mime.WordDecoder
	s, err := words.DecodeHeader(m.first("Subject"))
	if err != nil {
		return m.first("Subject")
	}
	return s
}

// addresses returns the addresses of a field.
func (m *mail) addresses(name string) ([]*netmail.Address, error) {
	return netmail.ParseAddressList(m.first(name))
}

// elements returns the elements of those names, in the order of the document;
// without a name, all.
func (m *mail) elements(names ...string) []*html.Node {
	var found []*html.Node
	for n := range m.dom.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		if len(names) == 0 {
			found = append(found, n)
		}
		for _, name := range names {
			if n.Data == name {
				found = append(found, n)
			}
		}
	}
	return found
}

// comments returns the HTML comments.
func (m *mail) comments() []string {
	var found []string
	for n := range m.dom.Descendants() {
		if n.Type == html.CommentNode {
			found = append(found, n.Data)
		}
	}
	return found
}

// attribute returns the value of an attribute and whether n has it.
func attribute(n *html.Node, name string) (string, bool) {
	for _, a := range n.Attr {
		if a.Key == name || a.Namespace+":"+a.Key == name {
			return a.Val, true
		}
	}
	return "", false
}

func value(n *html.Node, name string) string {
	v, _ := attribute(n, name)
	return v
}

// textOf returns the text within n, with the texts that stand for pictures.
func textOf(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		switch {
		case d.Type == html.TextNode:
			b.WriteString(d.Data)
		case d.Type == html.ElementNode && d.Data == "img":
			b.WriteString(value(d, "alt"))
		}
	}
	return b.String()
}

// fold turns every run of white space into one blank.
func fold(s string) string { return strings.Join(strings.Fields(s), " ") }

// show returns the element as it begins, for people.
func show(n *html.Node) string {
	var b strings.Builder
	b.WriteString("<" + n.Data)
	for _, a := range n.Attr {
		fmt.Fprintf(&b, " %s=%q", a.Key, a.Val)
	}
	return b.String() + ">"
}
