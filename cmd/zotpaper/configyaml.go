package main

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Bounds of a configuration file: far beyond what a paper needs, and small
// enough that no mistake (a log piped into the wrong file) costs more than an
// error message.
const (
	maxConfigBytes = 256 << 10
	maxListItems   = 200
)

// A yamlReader reads a configuration file strictly: every key must be one of
// ours, stand once, and have a value of exactly its type. It goes on after a
// problem, so that an operator sees all of them at once.
//
// The YAML decoders at hand were not strict enough to be left alone with the
// file: they stop at the first problem, take 0123 for 83 where a password is
// meant, and merge keys by capitals.
type yamlReader struct {
	problems *problems
	lines    map[string]int // the line of each key read, by its dotted path
}

// read returns the values in text by section and key: string, int, bool,
// time.Duration, []string, and for slots and feeds []map[string]any. What is
// unreadable is left out and noted as a problem.
func (r *yamlReader) read(text []byte) map[string]any {
	text = []byte(strings.TrimPrefix(string(text), "\ufeff"))
	if line := firstInvalidLine(text); line > 0 {
		r.bad(line, "", "this line is not UTF-8: save the file as UTF-8")
		return nil
	}
	// Doubled keys are looked for below, where both places can be named.
	file, err := parser.ParseBytes(text, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		r.syntax(err)
		return nil
	}
	var body ast.Node
	for _, doc := range file.Docs {
		switch {
		case doc.Body == nil:
		case body != nil:
			r.bad(lineOf(doc.Body), "", "a second document begins here; keep one, without lines of ---")
			return nil
		default:
			body = doc.Body
		}
	}
	if body == nil {
		return nil
	}
	return r.section(body, reflect.TypeFor[Config](), "")
}

// firstInvalidLine returns the number of the first line of text that is not
// UTF-8, or 0.
func firstInvalidLine(text []byte) int {
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		if !utf8.ValidString(line) || strings.ContainsRune(line, 0) {
			return n
		}
	}
	return 0
}

// syntax notes an error of the YAML parser, with a hint for the usual causes.
func (r *yamlReader) syntax(err error) {
	var at yaml.Error
	if !errors.As(err, &at) {
		r.bad(0, "", "%s", err)
		return
	}
	message, line := at.GetMessage(), 0
	if at.GetToken() != nil {
		line = at.GetToken().Position.Line
	}
	for _, hint := range []struct{ has, say string }{
		{"found character '\t'", "indent with blanks, not with a tab"},
		{"mapping value is not allowed", "a text that holds \": \" needs quotes around it"},
		{"value is not allowed in this context", "the indentation does not fit the lines above"},
		{"reserved character", "a text that begins like this needs quotes around it"},
		{"could not find end character", "a closing quote is missing"},
		{"must be specified", "a closing bracket is missing"},
		{"non-map value is specified", "this is neither a key with its colon nor a value"},
	} {
		if strings.Contains(message, hint.has) {
			message = hint.say
		}
	}
	r.bad(line, "", "not YAML: %s", message)
}

// section reads a mapping whose keys the struct t describes. prefix is the
// dotted path of the section with a dot at its end, empty for the whole file.
func (r *yamlReader) section(n ast.Node, t reflect.Type, prefix string) map[string]any {
	values := map[string]any{}
	mapping, ok := n.(*ast.MappingNode)
	if !ok {
		if _, null := n.(*ast.NullNode); !null { // a section whose keys are all commented out
			r.bad(lineOf(n), strings.TrimSuffix(prefix, "."), "want keys with values, such as %q, got %s",
				keysOf(t)[0].name+": ...", describe(n))
		}
		return values
	}
	keys := keysOf(t)
	for _, entry := range mapping.Values {
		name, line := entry.Key.GetToken().Value, lineOf(entry.Key)
		path := prefix + name
		k, known := findKey(keys, name)
		switch {
		case entry.Key.IsMergeKey():
			r.bad(line, "", "merge keys (<<) are not read here; write the keys out")
		case !known:
			r.unknown(line, name, prefix, keys)
		case r.lines[path] > 0:
			r.bad(line, path, "given twice, first in line %d; keep one", r.lines[path])
		default:
			r.lines[path] = line
			if v, ok := r.value(entry.Value, k, path); ok {
				values[name] = v
			}
		}
	}
	return values
}

func (r *yamlReader) unknown(line int, name, prefix string, siblings []configKey) {
	hint := `"zotpaper init" writes a file with every key`
	if near := meant(name, prefix, siblings); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	r.bad(line, prefix+name, "unknown key; %s", hint)
}

// value reads the value n of key k at path.
func (r *yamlReader) value(n ast.Node, k configKey, path string) (any, bool) {
	switch k.shape {
	case aSection:
		return r.section(n, k.typ, path+"."), true
	case slotList:
		return r.slots(n, path)
	case feedList:
		return r.feeds(n, path)
	case aList:
		return r.list(n, path)
	}
	v, want := scalar(n, k.shape)
	if want == "" {
		return v, true
	}
	got := describe(n)
	if k.kind == kindSecret {
		got = "something else" // it may be the secret, only without its quotes
	}
	r.bad(r.lines[path], path, "want %s, got %s", want, got)
	return nil, false
}

func (r *yamlReader) list(n ast.Node, path string) (any, bool) {
	items, ok := r.items(n, path, "a list, such as [first, second]; [] is the empty list")
	if !ok {
		return nil, false
	}
	values := make([]string, 0, len(items))
	for i, item := range items {
		v, want := scalar(item, aText)
		if want != "" {
			r.bad(lineOf(item), fmt.Sprintf("%s[%d]", path, i), "want %s, got %s", want, describe(item))
			return nil, false
		}
		r.lines[fmt.Sprintf("%s[%d]", path, i)] = lineOf(item)
		values = append(values, v.(string))
	}
	return values, true
}

func (r *yamlReader) slots(n ast.Node, path string) (any, bool) {
	items, ok := r.items(n, path, "a list with an entry for each edition of the day")
	if !ok {
		return nil, false
	}
	slots := make([]map[string]any, 0, len(items))
	for i, item := range items {
		at := fmt.Sprintf("%s[%d]", path, i)
		r.lines[at] = lineOf(item)
		slots = append(slots, r.section(item, reflect.TypeFor[SlotConfig](), at+"."))
	}
	return slots, true
}

// items returns the items of a sequence.
func (r *yamlReader) items(n ast.Node, path, want string) ([]ast.Node, bool) {
	sequence, ok := n.(*ast.SequenceNode)
	if !ok {
		r.bad(r.lines[path], path, "want %s, got %s", want, describe(n))
		return nil, false
	}
	if len(sequence.Values) > maxListItems {
		r.bad(r.lines[path], path, "want at most %d items, got %d", maxListItems, len(sequence.Values))
		return nil, false
	}
	return sequence.Values, true
}

func (r *yamlReader) bad(line int, key, format string, args ...any) {
	r.problems.add(ConfigProblem{Line: line, Key: key, Text: fmt.Sprintf(format, args...)})
}

// scalar returns the value of n, which must be of shape s, or else what it
// wants to see.
func scalar(n ast.Node, s shape) (v any, want string) {
	text, quoted, ok := scalarText(n)
	if s != aText {
		if !ok || quoted && s != aDuration {
			text = ""
		}
		return parseScalar(text, s)
	}
	switch n.(type) {
	case *ast.StringNode, *ast.LiteralNode:
		return text, ""
	}
	if !ok {
		return nil, `a text ("" for an empty one)`
	}
	// YAML would make a number or a truth of it: 0123 becomes 83, 1.10 becomes
	// 1.1.
	return nil, "a text: put quotes around it"
}

// parseScalar reads text as a value of shape s, as the file or the environment
// has it, or else says what it wants to see.
func parseScalar(text string, s shape) (v any, want string) {
	switch s {
	case aDuration:
		// A bare number would need a unit to be guessed. ParseDuration takes
		// "0" without one; we want to see one all the same.
		d, err := time.ParseDuration(text)
		if err != nil || text == "0" {
			return nil, "a length of time with its unit, such as 30s, 5m or 24h"
		}
		return d, ""
	case aNumber:
		i, err := strconv.Atoi(text)
		if err != nil || strconv.Itoa(i) != text { // 0587 and +5 are slips
			return nil, "a whole number"
		}
		return i, ""
	case aTruth:
		if text != "true" && text != "false" {
			return nil, "true or false"
		}
		return text == "true", ""
	}
	return text, ""
}

// scalarText returns the text of a scalar as it was written, and whether it
// was quoted. ok is false for anything but a scalar, and for null.
func scalarText(n ast.Node) (text string, quoted, ok bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, n.Token.Type == token.SingleQuoteType || n.Token.Type == token.DoubleQuoteType, true
	case *ast.LiteralNode:
		return n.Value.Value, true, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, false, true
	}
	return "", false, false
}

// describe returns what n is, in words an operator can find in the file.
func describe(n ast.Node) string {
	switch n := n.(type) {
	case *ast.NullNode:
		return "nothing"
	case *ast.MappingNode:
		return "keys with values"
	case *ast.SequenceNode:
		return "a list"
	case *ast.AnchorNode, *ast.AliasNode:
		return "an anchor or alias (& or *), which is not read here; a text that begins like this needs quotes"
	case *ast.TagNode:
		return "a tag (!), which is not read here; a text that begins like this needs quotes"
	default:
		text, quoted, _ := scalarText(n)
		if len(text) > 40 {
			text = text[:40] + "..."
		}
		if quoted {
			return fmt.Sprintf("%q in quotes", text)
		}
		return oneLine(text)
	}
}

func lineOf(n ast.Node) int {
	if n.GetToken() == nil || n.GetToken().Position == nil {
		return 0
	}
	return n.GetToken().Position.Line
}
