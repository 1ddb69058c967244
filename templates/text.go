package templates

import (
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/text/width"

	"github.com/zotpaper/zotpaper/edition"
)

// columns is the width of the plain-text part. Hard-wrapped lines of 72 leave
// room for a reply's quote marks in a terminal of 80.
const columns = 72

// displayWidth returns how many columns of a terminal s takes: two for East
// Asian wide characters, none for combining marks.
func displayWidth(s string) int {
	n := 0
	for _, r := range s {
		n += runeWidth(r)
	}
	return n
}

func runeWidth(r rune) int {
	if unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// wrapText fills s into lines of at most limit columns, the first prefixed
// with first, the others with rest. Newlines in s stay. A word too long for a
// line is broken, but for a URL, which stays whole: readers click on it.
func wrapText(s, first, rest string, limit int) string {
	var out []string
	for _, paragraph := range strings.Split(s, "\n") {
		line, empty := first, true
		for _, word := range wrapUnits(paragraph, limit-displayWidth(rest)) {
			gap := ""
			if !empty && word.spaced {
				gap = " "
			}
			if !empty && displayWidth(line)+len(gap)+displayWidth(word.text) > limit {
				out = append(out, guardFrom(line))
				line, gap = rest, ""
			}
			line += gap + word.text
			empty = false
		}
		out = append(out, guardFrom(line))
		first = rest
	}
	return strings.Join(out, "\n")
}

// A unit is what a line may not break: a word, or one character of a script
// that is written without spaces.
type unit struct {
	text   string
	spaced bool // a space stood before it
}

// wrapUnits splits s into units of at most limit columns. White space that
// does not break a line, such as U+00A0, is part of its word.
func wrapUnits(s string, limit int) []unit {
	var units []unit
	words := strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == '\t' || r == '\r' })
	for _, word := range words {
		if isURL(word) {
			units = append(units, unit{word, true})
			continue
		}
		var b strings.Builder
		cols, spaced := 0, true
		flush := func() {
			if b.Len() > 0 {
				units = append(units, unit{b.String(), spaced})
				b.Reset()
				cols, spaced = 0, false
			}
		}
		for _, r := range word {
			w := runeWidth(r)
			if cols+w > limit || (w == 2 && !clings(r)) {
				flush()
			}
			b.WriteRune(r)
			cols += w
		}
		flush()
	}
	return units
}

// clings reports whether r must not begin a line: closing marks of East Asian
// scripts.
func clings(r rune) bool {
	return strings.ContainsRune("。、，．・：；？！）］｝」』】〕〉》〟’”ー々", r)
}

// guardFrom keeps a line from beginning with "From ", which mail servers of
// the mbox kind turn into ">From " and so break the signature.
func guardFrom(line string) string {
	if strings.HasPrefix(line, "From ") {
		return "From\u00a0" + line[len("From "):]
	}
	return strings.TrimRight(line, " ")
}

func isURL(s string) bool {
	return strings.HasPrefix(s, "https://") || strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "mailto:")
}

// textColumns sets left and right at the two edges of a line, or on two lines
// if one is too narrow.
func textColumns(left, right string) string {
	gap := columns - displayWidth(left) - displayWidth(right)
	if gap < 2 {
		return wrapText(left, "", "", columns) + "\n" + wrapText(right, "", "", columns)
	}
	return left + strings.Repeat(" ", gap) + right
}

func textCenter(s string) string {
	lines := strings.Split(wrapText(s, "", "", columns), "\n")
	for i, l := range lines {
		lines[i] = strings.Repeat(" ", (columns-displayWidth(l))/2) + l
	}
	return strings.Join(lines, "\n")
}

// textUnderline returns a line of "-" as wide as s, once wrapped. Quoted-
// printable lets "-" and "_" stand; "=" would be written as three characters.
func textUnderline(s string) string {
	longest := 0
	for _, l := range strings.Split(wrapText(s, "", "", columns), "\n") {
		longest = max(longest, displayWidth(l))
	}
	return strings.Repeat("-", longest)
}

// textSources lists sources: the name, and its URL on a line of its own, so
// that no punctuation sticks to it.
func textSources(sources []edition.Source) string {
	var lines []string
	for _, s := range sources {
		lines = append(lines, wrapText(s.Title, "- ", "  ", columns))
		if s.URL != "" {
			lines = append(lines, "  "+s.URL)
		}
	}
	return strings.Join(lines, "\n")
}

func textPicture(i *edition.Image) string {
	var lines []string
	if i.Alt != "" {
		lines = append(lines, wrapText("[Picture: "+i.Alt+"]", "", "", columns))
	}
	if caption := strings.TrimSpace(i.Caption + " " + i.Credit); caption != "" {
		lines = append(lines, wrapText(caption, "", "", columns))
	}
	return strings.Join(lines, "\n")
}

// textBlocks writes blocks, each followed by an empty line, every line
// beginning with indent.
func textBlocks(blocks []edition.Block, indent string) string {
	var b strings.Builder
	for _, block := range blocks {
		if s := textBlock(block, indent); s != "" {
			b.WriteString(s)
			b.WriteString("\n" + strings.TrimRight(indent, " ") + "\n")
		}
	}
	return b.String()
}

func textBlock(b edition.Block, indent string) string {
	switch b.Kind {
	case edition.Paragraph, edition.Heading:
		return textSpans(b.Spans, indent, indent)
	case edition.Quote:
		quoted := strings.TrimRight(textBlocks(b.Blocks, indent+"> "), "\n")
		return strings.TrimSuffix(quoted, "\n"+strings.TrimRight(indent+"> ", " "))
	case edition.List:
		return textList(b, indent)
	case edition.Code:
		lines := strings.Split(strings.TrimRight(edition.Plain(b.Spans), "\n"), "\n")
		for i, l := range lines {
			lines[i] = wrapText(strings.ReplaceAll(strings.ReplaceAll(l, "\t", "    "), " ", "\u00a0"), indent+"    ", indent+"    ", columns)
		}
		return strings.Join(lines, "\n")
	case edition.Table:
		return textTable(b.Rows, indent)
	case edition.Figure:
		if b.Image == nil {
			return ""
		}
		return textPicture(b.Image)
	case edition.Rule:
		return textCenter("* * *")
	}
	return ""
}

// textSpans wraps spans as one paragraph, followed by the URL of each link on
// a line of its own under the words that carry it.
func textSpans(spans []edition.Span, first, rest string) string {
	var text strings.Builder
	var links []edition.Span
	for _, s := range spans {
		switch {
		case s.Break:
			text.WriteByte('\n')
		case s.Link != "":
			text.WriteString(linkText(s.Text))
			links = appendLink(links, s)
		default:
			text.WriteString(s.Text)
		}
	}
	lines := []string{wrapText(text.String(), first, rest, columns)}
	for _, l := range links {
		if name := linkText(l.Text); name != linkText(l.Link) {
			lines = append(lines, wrapText(name+":", rest+"  ", rest+"  ", columns))
		}
		lines = append(lines, rest+"  "+l.Link)
	}
	return strings.Join(lines, "\n")
}

// appendLink adds s to links; the spans of one link that differ only in look
// become one.
func appendLink(links []edition.Span, s edition.Span) []edition.Span {
	if n := len(links); n > 0 && links[n-1].Link == s.Link {
		links[n-1].Text += s.Text
		return links
	}
	return append(links, s)
}

// linkText shortens a link whose words are its URL, which would otherwise
// stand in the middle of a sentence with the punctuation sticking to it.
func linkText(s string) string {
	trimmed := strings.TrimSpace(s)
	if !isURL(trimmed) {
		return s
	}
	_, rest, _ := strings.Cut(trimmed, ":")
	return strings.TrimSuffix(strings.TrimPrefix(rest, "//"), "/")
}

func textList(b edition.Block, indent string) string {
	number := max(b.Start, 1)
	var lines []string
	for _, item := range b.Items {
		mark := "- "
		if b.Ordered {
			mark = fmt.Sprintf("%d. ", number)
			number++
		}
		hang := indent + strings.Repeat(" ", len(mark))
		for i, block := range item {
			s := textBlock(block, hang)
			if i == 0 {
				s = indent + mark + strings.TrimPrefix(s, hang)
			}
			lines = append(lines, s)
		}
	}
	return strings.Join(lines, "\n")
}

// textTable sets rows in columns if they fit, else each row as a list of its
// cells under the name of the column.
func textTable(rows [][]edition.Cell, indent string) string {
	if len(rows) == 0 {
		return ""
	}
	widths := make([]int, len(rows[0]))
	total := displayWidth(indent)
	for c := range widths {
		for _, row := range rows {
			if c < len(row) {
				widths[c] = max(widths[c], displayWidth(edition.Plain(row[c].Spans)))
			}
		}
		total += widths[c] + 2
	}
	if total-2 > columns || tableHasLinks(rows) {
		return textRecords(rows, indent)
	}
	var lines []string
	for r, row := range rows {
		line := indent
		for c, cell := range row {
			if c >= len(widths) {
				break
			}
			text := edition.Plain(cell.Spans)
			pad := strings.Repeat(" ", widths[c]-displayWidth(text))
			if cell.Align == "right" {
				text, pad = pad+text, ""
			}
			line += text + pad + "  "
		}
		lines = append(lines, strings.TrimRight(line, " "))
		if r == 0 {
			lines = append(lines, indent+strings.Repeat("-", total-2-displayWidth(indent)))
		}
	}
	return strings.Join(lines, "\n")
}

func tableHasLinks(rows [][]edition.Cell) bool {
	for _, row := range rows {
		for _, cell := range row {
			for _, s := range cell.Spans {
				if s.Link != "" {
					return true
				}
			}
		}
	}
	return false
}

func textRecords(rows [][]edition.Cell, indent string) string {
	var lines []string
	for _, row := range rows[1:] {
		for c, cell := range row {
			spans := cell.Spans
			if c < len(rows[0]) {
				if head := edition.Plain(rows[0][c].Spans); head != "" {
					spans = append([]edition.Span{{Text: head + ": "}}, spans...)
				}
			}
			mark := "  "
			if c == 0 {
				mark = "- "
			}
			lines = append(lines, textSpans(spans, indent+mark, indent+"  "))
		}
	}
	return strings.Join(lines, "\n")
}
