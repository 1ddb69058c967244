package words

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

//go:embed en.yaml
var english []byte

// English is the language that is built in.
const English = "en"

// A Book holds the texts of one language, by their key: page.text, where page
// is what they belong to. It does not change and may be used by several
// goroutines at once.
type Book struct {
	Language string // of the texts, as a BCP 47 tag
	texts    map[string]string
}

// maxFile bounds a file of texts in bytes.
const maxFile = 256 << 10

// Load returns the texts for a language: those of the file
// words.LANGUAGE.yaml in overrides, or of the language without its region, and
// the English ones for what that file leaves out. With no such file, or nil for
// overrides, all of them are English.
//
// The error names the file and the line of a key that is unknown, or of a text
// that asks for something which is not given to it.
func Load(language string, overrides fs.FS) (*Book, error) {
	texts, err := parse("words.en.yaml", english, nil)
	if err != nil {
		return nil, err
	}
	if overrides == nil {
		return &Book{English, texts}, nil
	}
	base, _, _ := strings.Cut(language, "-")
	for _, tag := range []string{language, base} {
		name := "words." + tag + ".yaml"
		source, err := read(overrides, name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		own, err := parse(name, source, texts)
		if err != nil {
			return nil, err
		}
		for key, text := range texts {
			if own[key] == "" {
				own[key] = text
			}
		}
		return &Book{tag, own}, nil
	}
	return &Book{English, texts}, nil
}

// Source returns the English file, for a newsroom that wants to put its own
// words in the place of ours.
func Source() []byte { return slices.Clone(english) }

func read(fsys fs.FS, name string) ([]byte, error) {
	info, err := fs.Stat(fsys, name)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("%s: %d bytes, at most %d", name, info.Size(), maxFile)
	}
	return fs.ReadFile(fsys, name)
}

// parse reads a file of texts. known are those that it may replace; nil: any.
func parse(name string, source []byte, known map[string]string) (map[string]string, error) {
	file, err := parser.ParseBytes(source, 0)
	if err != nil {
		return nil, misspelt(name, err)
	}
	texts := map[string]string{}
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		pages, err := entries(doc.Body)
		if err != nil {
			return nil, fmt.Errorf("%s%w", name, err)
		}
		for _, page := range pages {
			members, err := entries(page.Value)
			if err != nil {
				return nil, fmt.Errorf("%s%w", name, err)
			}
			for _, member := range members {
				key := word(page.Key) + "." + word(member.Key)
				text, err := check(key, member, texts, known)
				if err != nil {
					return nil, fmt.Errorf("%s:%d: %s: %w", name, line(member.Key), key, err)
				}
				texts[key] = text
			}
		}
	}
	return texts, nil
}

// misspelt returns what the YAML parser has to say, on one line.
func misspelt(name string, err error) error {
	var at yaml.Error
	if !errors.As(err, &at) || at.GetToken() == nil {
		return fmt.Errorf("%s: not YAML: %w", name, err)
	}
	return fmt.Errorf("%s:%d: not YAML: %s", name, at.GetToken().Position.Line, at.GetMessage())
}

// entries returns the members of a mapping. Its errors begin with a colon and
// the line.
func entries(n ast.Node) ([]*ast.MappingValueNode, error) {
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values, nil
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}, nil
	}
	return nil, fmt.Errorf(":%d: want keys with texts", line(n))
}

// check returns the text of member, if it may stand there.
func check(key string, member *ast.MappingValueNode, texts, known map[string]string) (string, error) {
	if _, twice := texts[key]; twice {
		return "", errors.New("it is there twice")
	}
	var text string
	switch v := member.Value.(type) {
	case *ast.StringNode:
		text = v.Value
	case *ast.LiteralNode:
		text = v.Value.Value
	default:
		return "", errors.New("want a text; put quotes around it")
	}
	text = strings.TrimSpace(text)
	if text == "" {
		return "", errors.New("there is no text")
	}
	if key == "page.direction" && text != "ltr" && text != "rtl" {
		return "", errors.New("want ltr or rtl")
	}
	if known == nil {
		return text, nil
	}
	ours, ok := known[key]
	if !ok {
		return "", errors.New("there is no such text")
	}
	given := gaps(ours)
	for _, gap := range gaps(text) {
		if !slices.Contains(given, gap) {
			return "", fmt.Errorf("{%s} is not given to this text; it may have %s", gap, list(given))
		}
	}
	return text, nil
}

func list(gaps []string) string {
	if len(gaps) == 0 {
		return "none"
	}
	return "{" + strings.Join(gaps, "}, {") + "}"
}

func word(n ast.Node) string { return n.GetToken().Value }

func line(n ast.Node) int { return n.GetToken().Position.Line }

// gaps returns the names in braces in text.
func gaps(text string) []string {
	var names []string
	for {
		_, behind, ok := strings.Cut(text, "{")
		if !ok {
			return names
		}
		name, rest, ok := strings.Cut(behind, "}")
		if !ok {
			return names
		}
		names = append(names, name)
		text = rest
	}
}

// Say returns the text of that key with each {name} replaced: pairs are names
// and what stands for them, one after the other. It fails if there is no such
// text, or if one of its gaps is not given.
func (b *Book) Say(key string, pairs ...string) (string, error) {
	text, ok := b.texts[key]
	if !ok {
		return "", fmt.Errorf("words: there is no text %s", key)
	}
	if len(pairs)%2 != 0 {
		return "", fmt.Errorf("words: %s: a name without a value", key)
	}
	var old []string
	for i := 0; i < len(pairs); i += 2 {
		old = append(old, "{"+pairs[i]+"}", pairs[i+1])
	}
	for _, gap := range gaps(text) {
		if !slices.Contains(old, "{"+gap+"}") {
			return "", fmt.Errorf("words: %s: {%s} is not given", key, gap)
		}
	}
	return strings.NewReplacer(old...).Replace(text), nil
}

// Keys returns the keys of all texts, sorted.
func (b *Book) Keys() []string {
	keys := make([]string, 0, len(b.texts))
	for key := range b.texts {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
