package templates

import (
	"bytes"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"strings"
	ttemplate "text/template"

	"github.com/zotpaper/zotpaper/edition"
)

// columnWidth is how wide a picture is shown, in pixels: the frame of 600 less
// its padding.
const columnWidth = 552

// A Renderer turns editions of one publication into issues. It may be used by
// several goroutines at once.
type Renderer struct {
	// Pass returns what opens an edition of an archive that is for its readers
	// alone: characters that need no escaping in a URL. nil: the archive is
	// public. It is set before the first edition is rendered.
	Pass func(edition.Key) string

	publication edition.Publication
	html        *template.Template
	text        *ttemplate.Template
	inlineCSS   string
	headCSS     string
	darkCSS     string
	headClasses map[string]bool // named by headCSS or darkCSS
}

// New returns a renderer for p. Files in overrides replace the built-in ones
// of the same name (see Files); nil overrides nothing. The error names the
// file and the line of what does not parse.
func New(p edition.Publication, overrides fs.FS) (*Renderer, error) {
	r := &Renderer{publication: p}
	var sources [5]string
	for i, name := range []string{fileHTML, fileText, fileInline, fileHead, fileDark} {
		s, err := read(overrides, name)
		if err != nil {
			return nil, err
		}
		sources[i] = s
	}
	r.inlineCSS, r.headCSS, r.darkCSS = sources[2], sources[3], sources[4]
	if err := lintInline(fileInline, r.inlineCSS); err != nil {
		return nil, err
	}
	for name, css := range map[string]string{fileHead: r.headCSS, fileDark: r.darkCSS} {
		if strings.ContainsAny(css, "<") || strings.Contains(css, "@import") {
			return nil, fmt.Errorf("template %s: neither markup nor @import belongs into a mail's style sheet", name)
		}
	}
	r.headClasses = namedClasses(r.headCSS, r.darkCSS)
	var err error
	if r.html, err = template.New(fileHTML).Funcs(r.htmlFuncs()).Parse(sources[0]); err != nil {
		return nil, err
	}
	if r.text, err = ttemplate.New(fileText).Funcs(textFuncs()).Parse(sources[1]); err != nil {
		return nil, err
	}
	return r, nil
}

// htmlFuncs lists every function that edition.html may call. The list is all
// there is: a template cannot read a file, a variable of the environment or
// another reader's data.
func (r *Renderer) htmlFuncs() template.FuncMap {
	return template.FuncMap{
		// html/template drops comments, and with them what only Outlook reads;
		// between these two it escapes as anywhere else.
		"mso":    func() template.HTML { return "<!--[if mso]>" },
		"endmso": func() template.HTML { return "<![endif]-->" },
		// What follows a preheader in an inbox would be the date line; blanks
		// that mail programs do not fold keep it out.
		"filler":       func() template.HTML { return template.HTML(strings.Repeat("&#8199;&#65279;&#847; ", 40)) },
		"media":        r.mediaURL,
		"fitWidth":     fitWidth,
		"fitHeight":    fitHeight,
		"codeLines":    codeLines,
		"oneParagraph": oneParagraph,
		"align":        align,
	}
}

func textFuncs() ttemplate.FuncMap {
	return ttemplate.FuncMap{
		"wrap":      func(s string) string { return wrapText(s, "", "", columns) },
		"item":      func(mark, s string) string { return wrapText(s, mark, strings.Repeat(" ", len(mark)), columns) },
		"columns":   textColumns,
		"center":    textCenter,
		"underline": textUnderline,
		"line":      func(s string) string { return strings.Repeat(s, columns) },
		"blocks":    func(b []edition.Block) string { return textBlocks(b, "") },
		"picture":   textPicture,
		"sources":   textSources,
	}
}

func (r *Renderer) mediaURL(file string) string { return r.publication.Web + "/media/" + file }

func fitWidth(i *edition.Image) int { return min(i.Width, columnWidth) }

func fitHeight(i *edition.Image) int {
	return max(1, (i.Height*fitWidth(i)+i.Width/2)/max(1, i.Width))
}

// codeLines returns the lines of a code block, with blanks that HTML keeps.
func codeLines(b edition.Block) []string {
	lines := strings.Split(strings.TrimRight(edition.Plain(b.Spans), "\n"), "\n")
	for i, l := range lines {
		if lines[i] = strings.ReplaceAll(strings.ReplaceAll(l, "\t", "    "), " ", "\u00a0"); l == "" {
			lines[i] = "\u00a0"
		}
	}
	return lines
}

func oneParagraph(item []edition.Block) bool {
	return len(item) == 1 && item[0].Kind == edition.Paragraph
}

func align(c edition.Cell) string {
	if c.Align == "" {
		return "left"
	}
	return c.Align
}

// ErrEmpty says that an edition without an article cannot be rendered: an
// empty mail is worse than none.
var ErrEmpty = errors.New("the edition has no article")

// Render returns the issue of e. Equal editions give equal issues. It fails
// with ErrEmpty for an edition without articles, and if e cannot be made to
// fit Budget.
func (r *Renderer) Render(e edition.Edition) (Issue, error) {
	if len(e.Lineup.Articles()) == 0 {
		return Issue{}, fmt.Errorf("render edition %s: %w", e.Key, ErrEmpty)
	}
	issue, err := r.fit(e)
	if err != nil {
		return Issue{}, fmt.Errorf("render edition %s: %w", e.Key, err)
	}
	whole := newPage(r.publication, e, r.viewURL(e.Key), nil)
	whole.Web = true
	if issue.Web, err = r.renderHTML(whole); err != nil {
		return Issue{}, fmt.Errorf("render edition %s: %w", e.Key, err)
	}
	return issue, nil
}

// The names under which the sheets that are not inlined pass through the
// templates; they are put in at the end, when it is known which classes the
// page uses.
const (
	headSheet    = "head-sheet{}"
	darkSheet    = "dark-sheet{}"
	outlookMarks = "outlook-sheet{}"
)

func (r *Renderer) renderHTML(pg page) (string, error) {
	pg.Inline, pg.Head, pg.Dark, pg.Outlook = template.CSS(r.inlineCSS), headSheet, darkSheet, outlookMarks
	var b bytes.Buffer // a template that fails half-way has already written half a page
	if err := r.html.Execute(&b, pg); err != nil {
		return "", err
	}
	out, err := inline(b.String())
	if err != nil {
		return "", err
	}
	out = r.dropClasses(out)
	used, err := classes(out)
	if err != nil {
		return "", err
	}
	dark := prune(r.darkCSS, used)
	out = strings.NewReplacer(
		headSheet, prune(r.headCSS, used),
		darkSheet, "@media (prefers-color-scheme:dark){\n"+dark+"\n}",
		outlookMarks, strings.TrimSpace(outlookSheet(dark)),
	).Replace(out)
	if bad := unfilled(out); bad != "" {
		return "", fmt.Errorf("the page holds %q: a value in %s stands where its kind is not allowed", bad, fileHTML)
	}
	return out, nil
}

func (r *Renderer) renderText(pg page) (string, error) {
	var b bytes.Buffer
	if err := r.text.Execute(&b, pg); err != nil {
		return "", err
	}
	text := b.String()
	for strings.Contains(text, "\n\n\n") {
		text = strings.ReplaceAll(text, "\n\n\n", "\n\n")
	}
	return strings.TrimSpace(text) + "\n", nil
}

// unfilled returns a mark that html/template leaves where it refused a value.
func unfilled(page string) string {
	for _, mark := range []string{"ZgotmplZ", "<no value>", "%!s("} {
		if strings.Contains(page, mark) {
			return mark
		}
	}
	return ""
}
