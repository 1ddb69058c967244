package intake

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/token"

	"github.com/zotpaper/zotpaper/edition"
)

// frontMatter is what may stand at the head of an article.
type frontMatter struct {
	Headline   string        `yaml:"headline"`
	Standfirst string        `yaml:"standfirst"`
	Section    string        `yaml:"section"`
	Byline     string        `yaml:"byline"`
	Published  string        `yaml:"published"`
	Updated    string        `yaml:"updated"`
	Embargo    string        `yaml:"embargo"`
	Urgency    int           `yaml:"urgency"`
	Lead       bool          `yaml:"lead"`
	Draft      bool          `yaml:"draft"`
	Reprint    bool          `yaml:"reprint"`
	URL        string        `yaml:"url"`
	Image      *frontImage   `yaml:"image"`
	Correction string        `yaml:"correction"`
	Sources    []frontSource `yaml:"sources"`
}

type frontImage struct {
	Src     string `yaml:"src"`
	Alt     string `yaml:"alt"`
	Caption string `yaml:"caption"`
	Credit  string `yaml:"credit"`
}

type frontSource struct {
	Title string `yaml:"title"`
	URL   string `yaml:"url"`
}

// frontKeys are the keys at the head of an article, for whoever mistypes one.
func frontKeys() []string {
	return []string{
		"headline", "standfirst", "section", "byline", "published", "updated", "embargo", "urgency", "lead", "draft",
		"reprint", "url", "image", "correction", "sources",
	}
}

// The bounds of what is printed on one line or as one sentence, in characters.
const (
	headlineLimit   = 300
	standfirstLimit = 600
	bylineLimit     = 200
	sectionLimit    = 80
	correctionLimit = 1000
	captionLimit    = 600
	sourceLimit     = 300
	sourcesLimit    = 50
)

// frontLine is the line of an article on which its front matter begins.
const frontLine = 2

// A fault is what is wrong with an article, and in which line.
type fault struct {
	line   int
	reason string
}

func (f *fault) Error() string { return f.reason }

func faultAt(line int, format string, args ...any) *fault {
	return &fault{line, fmt.Sprintf(format, args...)}
}

// parseFront reads front matter strictly: an unknown or doubled key, or one of
// the wrong kind, is a fault, since it would be printed wrongly in silence.
func parseFront(front string) (frontMatter, *fault) {
	var m frontMatter
	for _, t := range lexer.Tokenize(front) {
		// References have no use here, and a handful of them unfolds into
		// gigabytes.
		switch t.Type {
		case token.AnchorType, token.AliasType:
			return m, faultAt(frontLine+t.Position.Line-1, "anchors and aliases (& and *) are not taken; put the text in quotes")
		case token.TagType:
			return m, faultAt(frontLine+t.Position.Line-1, "tags (!) are not taken; put the text in quotes")
		}
	}
	err := yaml.UnmarshalWithOptions([]byte(front), &m, yaml.Strict())
	if err == nil {
		return m, nil
	}
	var bad yaml.Error
	if !errors.As(err, &bad) {
		return m, faultAt(frontLine, "front matter: %s", firstLine(err.Error()))
	}
	line := frontLine
	if t := bad.GetToken(); t != nil && t.Position != nil {
		line += t.Position.Line - 1
	}
	reason := bad.GetMessage()
	if m := unknownKey.FindStringSubmatch(reason); m != nil {
		reason = fmt.Sprintf("there is no key %q", m[1])
		if near := nearestKey(m[1]); near != "" {
			reason += fmt.Sprintf("; did you mean %q?", near)
		}
	}
	return m, faultAt(line, "%s", firstLine(reason))
}

var unknownKey = regexp.MustCompile(`unknown field "([^"]*)"`)

func firstLine(s string) string {
	first, _, _ := strings.Cut(s, "\n")
	return first
}

// nearestKey returns the key that a mistyped one most resembles: the one whose
// letters differ least, if that is little enough.
func nearestKey(typed string) string {
	best, least := "", 3
	for _, key := range frontKeys() {
		if d := editDistance(strings.ToLower(typed), key); d < least {
			best, least = key, d
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

// lineOf returns the line of the article on which key stands in its front
// matter.
func lineOf(front, key string) int {
	for i, line := range strings.Split(front, "\n") {
		if strings.HasPrefix(line, key+":") {
			return frontLine + i
		}
	}
	return frontLine
}

// fill puts what front says into a; zone is that of times without an offset.
func (m frontMatter) fill(a *edition.Article, front string, zone *time.Location) *fault {
	for _, f := range []struct {
		key   string
		value string
		into  *string
		limit int
	}{
		{"headline", m.Headline, &a.Headline, headlineLimit},
		{"standfirst", m.Standfirst, &a.Standfirst, standfirstLimit},
		{"section", m.Section, &a.Section, sectionLimit},
		{"byline", m.Byline, &a.Byline, bylineLimit},
		{"correction", m.Correction, &a.Correction, correctionLimit},
	} {
		*f.into = oneLine(f.value)
		if n := utf8.RuneCountInString(*f.into); n > f.limit {
			return faultAt(lineOf(front, f.key), "%s: %d characters, at most %d", f.key, n, f.limit)
		}
	}
	if a.Headline == "" {
		return faultAt(lineOf(front, "headline"), `there is no headline; add "headline: ..."`)
	}
	if m.Published == "" {
		return faultAt(lineOf(front, "published"), `there is no date; add "published: 2026-02-08T11:30:00Z"`)
	}
	for _, f := range []struct {
		key, value string
		into       *time.Time
	}{{"published", m.Published, &a.Published}, {"updated", m.Updated, &a.Updated}, {"embargo", m.Embargo, &a.Embargo}} {
		if f.value == "" {
			continue
		}
		t, err := parseTime(f.value, zone)
		if err != nil {
			return faultAt(lineOf(front, f.key), "%s: %v", f.key, err)
		}
		*f.into = t
	}
	a.Urgency = m.Urgency
	if strings.Contains("\n"+front, "\nurgency:") && (m.Urgency < edition.UrgencyHighest || m.Urgency > edition.UrgencyLowest) {
		return faultAt(lineOf(front, "urgency"), "urgency: %d; want 1, the highest, to 9", m.Urgency)
	}
	if a.Urgency == 0 {
		a.Urgency = edition.UrgencyDefault
	}
	a.Lead, a.Draft, a.Reprint = m.Lead, m.Draft, m.Reprint
	if m.URL != "" {
		if err := checkURL(m.URL, "https"); err != nil {
			return faultAt(lineOf(front, "url"), "url: %v", err)
		}
		a.URL = m.URL
	}
	return m.fillSources(a, front)
}

func (m frontMatter) fillSources(a *edition.Article, front string) *fault {
	if len(m.Sources) > sourcesLimit {
		return faultAt(lineOf(front, "sources"), "%d sources, at most %d", len(m.Sources), sourcesLimit)
	}
	for _, s := range m.Sources {
		title := oneLine(s.Title)
		if title == "" {
			title = strings.TrimPrefix(s.URL, "https://")
		}
		if utf8.RuneCountInString(title) > sourceLimit {
			return faultAt(lineOf(front, "sources"), "source %.40q: at most %d characters", title, sourceLimit)
		}
		if s.URL != "" {
			if err := checkURL(s.URL, "https"); err != nil {
				return faultAt(lineOf(front, "sources"), "source %q: %v", title, err)
			}
		}
		if title != "" {
			a.Sources = append(a.Sources, edition.Source{Title: title, URL: s.URL})
		}
	}
	return nil
}

// oneLine returns s with every run of white space as one blank.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// parseTime reads a time as editors write it. A date alone would be midnight,
// which nobody means.
func parseTime(s string, zone *time.Location) (time.Time, error) {
	s = strings.TrimSpace(s)
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05Z07:00", "2006-01-02T15:04Z07:00"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04"} {
		if t, err := time.ParseInLocation(layout, s, zone); err == nil {
			return t, nil
		}
	}
	if _, err := time.Parse(time.DateOnly, s); err == nil {
		return time.Time{}, fmt.Errorf("%q has no time of day; write 2026-02-08T11:30:00Z, or 2026-02-08 11:30 in the paper's own time", s)
	}
	return time.Time{}, fmt.Errorf("%q is no time; write 2026-02-08T11:30:00Z, or 2026-02-08 11:30 in the paper's own time", s)
}

// checkURL says what keeps s from being printed as a link. Mail programs warn
// of links that are not encrypted, and of those that hide where they lead.
func checkURL(s string, schemes ...string) error {
	u, err := url.Parse(s)
	switch {
	case err != nil || len(s) > 2000 || strings.ContainsAny(s, " \t\n<>\"`{}|\\^"):
		return fmt.Errorf("%.80q is no address", s)
	case !slices.Contains(schemes, u.Scheme):
		return fmt.Errorf("%.80q does not begin with %q", s, schemes[0]+":")
	case u.Scheme == "https" && (u.Host == "" || u.User != nil):
		return fmt.Errorf("%.80q names no server", s)
	}
	return nil
}
