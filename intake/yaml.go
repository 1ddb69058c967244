package intake

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// A node is a value of front matter with the line it stands on: a text, a list
// or keys with values. Numbers and the like are texts as typed, so that a
// headline of 0x10 stays one.
type node struct {
	line   int
	form   form
	text   string
	items  []node // of a list
	keys   []key  // of a mapping, as filed
	absent bool   // an empty value, "headline:"
}

type form string

// The forms of a node, in the words of an editor.
const (
	isText form = "a text"
	isList form = `a list ("- ...")`
	isKeys form = `keys with values ("key: ...")`
)

// A key is a name in front matter with its value.
type key struct {
	name  string
	line  int
	value node
}

// of returns the value of key, or an absent one.
func (n node) of(name string) node {
	for _, k := range n.keys {
		if k.name == name {
			return k.value
		}
	}
	return node{line: n.line, form: isText, absent: true}
}

// nestLimit is how deep front matter may nest: a list of sources with a title.
const nestLimit = 3

// readYAML reads front matter, which begins on line frontLine of its file.
//
// The library's decoder is not used: it takes what we do not, such as 3.5 for
// a whole number or keys that are numbers, and its words are for programmers.
func readYAML(front string) (node, *fault) {
	tokens := lexer.Tokenize(front)
	if wrong := checkTokens(tokens); wrong != nil {
		return node{}, wrong
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return node{}, syntaxFault(front, err)
	}
	root := node{line: frontLine, form: isKeys}
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		n, wrong := toNode(doc.Body)
		if wrong != nil {
			return node{}, wrong
		}
		if n.form != isKeys {
			return node{}, faultAt(n.line, `the front matter is %s; want lines such as "headline: ..."`, n.form)
		}
		root.keys = append(root.keys, n.keys...)
	}
	return root, nil
}

// checkTokens finds what front matter has no use for, before anything is made
// of it: a handful of references unfolds into gigabytes, and brackets in
// brackets take the parser seconds.
func checkTokens(tokens token.Tokens) *fault {
	depth, dashes := 0, 0
	for _, t := range tokens {
		line := frontLine + t.Position.Line - 1
		switch t.Type {
		case token.AnchorType, token.AliasType:
			return faultAt(line, "anchors and aliases (& and *) are not taken; put the text in quotes")
		case token.TagType:
			return faultAt(line, "tags (!) are not taken; put the text in quotes")
		case token.DocumentHeaderType, token.DocumentEndType, token.DirectiveType:
			return faultAt(line, "%.40q does not belong into front matter; take the line out, or put the text in quotes", t.Value)
		case token.MappingStartType, token.SequenceStartType:
			depth++
		case token.MappingEndType, token.SequenceEndType:
			depth--
		}
		if t.Type == token.SequenceEntryType {
			dashes++
		} else {
			dashes = 0
		}
		if depth > nestLimit || dashes > nestLimit {
			return faultAt(line, "lists are nested too deep; if it is a text, put it in quotes")
		}
	}
	return nil
}

// syntaxFault says what is wrong with front matter that is no YAML. What an
// editor did is seen better in the line than in the library's message.
func syntaxFault(front string, err error) *fault {
	var message string
	at := 1
	var bad yaml.Error
	if errors.As(err, &bad) {
		message = firstLine(bad.GetMessage())
		if t := bad.GetToken(); t != nil && t.Position != nil {
			at = t.Position.Line
		}
	} else {
		message = firstLine(err.Error())
	}
	all := strings.Split(front, "\n")
	at = min(max(at, 1), len(all))
	_, value, _ := strings.Cut(all[at-1], ":")
	value = strings.TrimSpace(value)
	line := frontLine + at - 1
	switch {
	case strings.HasPrefix(strings.TrimLeft(all[at-1], " "), "\t"):
		return faultAt(line, "it is indented by a tab; use blanks")
	case strings.Contains(message, "escape"):
		return faultAt(line, `an escape (\) in the text stands for no character; take it out, or double it`)
	case strings.Contains(message, "quoted text"):
		return faultAt(line, "the quote that begins here is not closed; end the text with the same quote")
	case strings.HasPrefix(value, `"`), strings.HasPrefix(value, "'"):
		return faultAt(line, `text goes on after the closing quote; put all of it in quotes, and double each ' within '...'`)
	case strings.HasPrefix(value, "["), strings.HasPrefix(value, "{"):
		return faultAt(line, "the bracket that begins here is not closed, or holds what it cannot; if it is a text, put it in quotes")
	case strings.Contains(value, ": "), strings.HasSuffix(value, ":"):
		return faultAt(line, "a text with a colon in it must stand in quotes")
	case value != "" && strings.ContainsAny(value[:1], "@`%-?|>,]}"):
		return faultAt(line, "a text that begins with %q must stand in quotes", value[:1])
	case at < len(all) && strings.HasPrefix(all[at], " "):
		return faultAt(line+1, "it is indented although nothing above it asks for that; take the blanks away, or put the text in quotes")
	}
	return faultAt(line, "it is not understood (%.80s); put the text in quotes", message)
}

// toNode turns what the library read into a node.
func toNode(from ast.Node) (node, *fault) {
	n := node{line: frontLine, form: isText}
	if t := from.GetToken(); t != nil && t.Position != nil {
		n.line += t.Position.Line - 1
	}
	switch v := from.(type) {
	case *ast.NullNode:
		n.absent = true
	case *ast.StringNode:
		n.text = v.Value
	case *ast.LiteralNode:
		n.text = v.Value.Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		n.text = v.GetToken().Value
	case *ast.SequenceNode:
		n.form = isList
		for _, value := range v.Values {
			item, wrong := toNode(value)
			if wrong != nil {
				return node{}, wrong
			}
			n.items = append(n.items, item)
		}
	case *ast.MappingNode:
		return n.withKeys(v.Values)
	case *ast.MappingValueNode:
		return n.withKeys([]*ast.MappingValueNode{v})
	default:
		return node{}, faultAt(n.line, "%s is not taken here; put the text in quotes", from.Type())
	}
	return n, checkScalar(n)
}

func (n node) withKeys(values []*ast.MappingValueNode) (node, *fault) {
	n.form = isKeys
	for _, v := range values {
		t := v.Key.GetToken()
		k := key{name: t.Value, line: frontLine + t.Position.Line - 1}
		if k.name == "" || t.Type == token.MappingKeyType {
			return node{}, faultAt(k.line, `a key must be a word, such as "headline:"`)
		}
		var wrong *fault
		if k.value, wrong = toNode(v.Value); wrong != nil {
			return node{}, wrong
		}
		if k.value.form == isText {
			k.value.line = k.line // a text may stand below its key
		}
		n.keys = append(n.keys, k)
	}
	if len(n.keys) > 0 {
		n.line = n.keys[0].line
	}
	return n, nil
}

// checkScalar refuses control characters, which YAML can write as "\e" and the
// like in a file that holds none.
func checkScalar(n node) *fault {
	if !utf8.ValidString(n.text) {
		return faultAt(n.line, `an escape (\) in the text stands for no character; take it out`)
	}
	for _, r := range n.text {
		if isControl(r) && r != '\r' {
			return faultAt(n.line, "an escape in the text stands for the control character U+%04X; take it out", r)
		}
	}
	return nil
}

// checkKeys refuses keys that n must not hold, and doubled ones: they would be
// left out in silence. where is named in the reason; it may be empty.
func (n node) checkKeys(where string, known []string) *fault {
	lines := map[string]int{}
	for _, k := range n.keys {
		if first, ok := lines[k.name]; ok {
			return faultAt(k.line, "%s%q stands on line %d already; keep one of them", where, k.name, first)
		}
		lines[k.name] = k.line
		if slices.Contains(known, k.name) {
			continue
		}
		if near := nearest(k.name, known); near != "" {
			return faultAt(k.line, "%sthere is no key %.60q; did you mean %q?", where, k.name, near)
		}
		return faultAt(k.line, "%sthere is no key %.60q; there are %s", where, k.name, strings.Join(known, ", "))
	}
	return nil
}

// nearest returns the key that a mistyped one most resembles: the one whose
// letters differ least, if that is little enough.
func nearest(typed string, known []string) string {
	if len(typed) > 30 {
		return ""
	}
	best, least := "", 3
	for _, name := range known {
		if d := editDistance(strings.ToLower(typed), name); d < least && d < len(name) {
			best, least = name, d
		}
	}
	return best
}

// editDistance returns how many letters must be put in, left out or replaced
// to get from a to b.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

func firstLine(s string) string {
	first, _, _ := strings.Cut(s, "\n")
	return first
}

// A fault is what is wrong with an article, and in which line.
type fault struct {
	line   int
	reason string
}

func faultAt(line int, format string, args ...any) *fault {
	return &fault{line, fmt.Sprintf(format, args...)}
}
