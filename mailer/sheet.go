package mailer

import "bytes"

// A sheet is a text with gaps.
type sheet struct {
	text []byte
	gaps []gap // in order
}

// A gap is a run of bytes of a text that is a piece of a token. A token that a
// line break divides has two.
type gap struct {
	at    int // in the text
	token int // which one
	from  int // in the token
	size  int
}

// fill appends the text with tokens in its gaps to dst.
func (s sheet) fill(dst []byte, tokens []string) []byte {
	start := len(dst)
	dst = append(dst, s.text...)
	for _, g := range s.gaps {
		copy(dst[start+g.at:], tokens[g.token][g.from:g.from+g.size])
	}
	return dst
}

// as returns s in another form. change returns a text in that form and where
// each of its bytes went; what a token is made of it must leave together.
func (s sheet) as(change func(text []byte) (changed []byte, at []int)) sheet {
	text, at := change(s.text)
	changed := sheet{text, make([]gap, len(s.gaps))}
	for i, g := range s.gaps {
		g.at = at[g.at]
		changed.gaps[i] = g
	}
	return changed
}

// stuffing doubles the dots at the beginnings of lines, as stuff does.
func stuffing(text []byte) (stuffed []byte, at []int) {
	at = make([]int, len(text))
	for i, c := range text {
		if c == '.' && (i == 0 || text[i-1] == '\n') {
			stuffed = append(stuffed, '.')
		}
		at[i] = len(stuffed)
		stuffed = append(stuffed, c)
	}
	return stuffed, at
}

// relaxing returns a body as DKIM hashes it: blanks become one, those at the
// ends of lines go, and so do empty lines at the end.
//
// https://www.rfc-editor.org/rfc/rfc6376#section-3.4.4
func relaxing(body []byte) (relaxed []byte, at []int) {
	at = make([]int, len(body))
	blank, breaks := false, 0
	for i, c := range body {
		at[i] = len(relaxed)
		switch c {
		case ' ', '\t':
			blank = true
		case '\r':
			blank = false // the line ends with it
		case '\n':
			breaks++
		default:
			for ; breaks > 0; breaks-- {
				relaxed = append(relaxed, "\r\n"...)
			}
			if blank {
				relaxed = append(relaxed, ' ')
				blank = false
			}
			at[i] = len(relaxed)
			relaxed = append(relaxed, c)
		}
	}
	if len(relaxed) > 0 {
		relaxed = append(relaxed, "\r\n"...)
	}
	return relaxed, at
}

// softBreak is how quoted-printable ends a line that goes on.
//
// https://www.rfc-editor.org/rfc/rfc2045#section-6.7
const softBreak = "=\r\n"

// cut returns the gaps that token leaves in body, however often it stands
// there and wherever lines break it.
func cut(body []byte, token string, number int) []gap {
	// The body without its soft breaks, and where each byte of it stood.
	text := make([]byte, 0, len(body))
	origin := make([]int, 0, len(body))
	for i := 0; i < len(body); {
		if bytes.HasPrefix(body[i:], []byte(softBreak)) {
			i += len(softBreak)
			continue
		}
		text = append(text, body[i])
		origin = append(origin, i)
		i++
	}
	var gaps []gap
	for start := 0; ; {
		n := bytes.Index(text[start:], []byte(token))
		if n < 0 {
			return gaps
		}
		start += n
		for i := 0; i < len(token); {
			size := 1
			for i+size < len(token) && origin[start+i+size] == origin[start+i]+size {
				size++
			}
			gaps = append(gaps, gap{origin[start+i], number, i, size})
			i += size
		}
		start += len(token)
	}
}
