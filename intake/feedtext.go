package intake

import (
	"net/url"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/zotpaper/zotpaper/edition"
)

// htmlLine returns the words of a feed's HTML on one line.
func htmlLine(markup string) string {
	blocks, _ := htmlBlocks(markup, "")
	return blockWords(blocks)
}

// blockWords returns the words of blocks on one line.
func blockWords(blocks []edition.Block) string {
	var b strings.Builder
	var add func(blocks []edition.Block)
	add = func(blocks []edition.Block) {
		for _, block := range blocks {
			b.WriteString(edition.Plain(block.Spans) + " ")
			add(block.Blocks)
			for _, item := range block.Items {
				add(item)
			}
			for _, row := range block.Rows {
				for _, cell := range row {
					b.WriteString(edition.Plain(cell.Spans) + " ")
				}
			}
		}
	}
	add(blocks)
	return oneLine(b.String())
}

// cleanText returns the text of strangers as it may be printed: composed,
// without control characters, and without those that turn the direction of
// what follows them.
func cleanText(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case isControl(r), r == '\ufeff', r == unicode.ReplacementChar,
			r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069':
			return -1
		case r == '\u2028' || r == '\u2029':
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	return norm.NFC.String(s)
}

// resolveLink returns the address that link stands for in a text whose own
// address is base, or otherwise if it stands for none.
func resolveLink(base, link, otherwise string) string {
	link = strings.TrimSpace(link)
	if link == "" || len(link) > urlLimit {
		return otherwise
	}
	from, err := url.Parse(base)
	if err != nil {
		return otherwise
	}
	to, err := from.Parse(link)
	if err != nil {
		return otherwise
	}
	// What speaks https speaks it for all of its pages.
	if to.Scheme == "http" && from.Scheme == "https" && sameHost(to.Host, from.Host) {
		to.Scheme = "https"
	}
	return to.String()
}

// clip returns s cut after at most limit characters, at a blank if there is
// one near.
func clip(s string, limit int) string {
	runes := []rune(s)
	if len(runes) <= limit {
		return s
	}
	cut := strings.TrimRight(string(runes[:limit-1]), " ")
	if i := strings.LastIndexByte(cut, ' '); i > len(cut)*3/4 {
		cut = cut[:i]
	}
	return strings.TrimRight(cut, " ,;:.") + "…"
}
