package intake

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/zotpaper/zotpaper/edition"
)

// frontKeys are the keys at the head of an article.
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

// A frontImage is a picture as an article names it.
type frontImage struct {
	Src, Alt, Caption, Credit string
	line                      int
}

// readFront reads front matter into a; zone is that of times without an
// offset. It is strict: an unknown or doubled key, or a value of the wrong
// kind, is a fault, since it would be printed wrongly in silence. It returns
// the picture that the front matter names, or nil.
func readFront(a *edition.Article, front string, zone *time.Location) (*frontImage, *fault) {
	m, wrong := readYAML(front)
	if wrong != nil {
		return nil, wrong
	}
	if wrong := m.checkKeys("", frontKeys()); wrong != nil {
		return nil, wrong
	}
	for _, read := range []func() *fault{
		func() *fault { return readTexts(a, m) },
		func() *fault { return readTimes(a, m, zone) },
		func() *fault { return readRank(a, m) },
		func() *fault { return readSources(a, m.of("sources")) },
	} {
		if wrong := read(); wrong != nil {
			return nil, wrong
		}
	}
	return readImage(m.of("image"))
}

// oneText returns the text of n as one line; n is the value of key.
func (n node) oneText(key string, limit int) (string, *fault) {
	if n.form != isText {
		return "", faultAt(n.line, "%s: it is %s; want one text", key, n.form)
	}
	s := oneLine(n.text)
	if length := utf8.RuneCountInString(s); length > limit {
		return "", faultAt(n.line, "%s: it has %d characters, at most %d are taken; shorten it", key, length, limit)
	}
	return s, nil
}

func readTexts(a *edition.Article, m node) *fault {
	for _, f := range []struct {
		key   string
		into  *string
		limit int
	}{
		{"headline", &a.Headline, headlineLimit},
		{"standfirst", &a.Standfirst, standfirstLimit},
		{"section", &a.Section, sectionLimit},
		{"byline", &a.Byline, bylineLimit},
		{"correction", &a.Correction, correctionLimit},
		{"url", &a.URL, urlLimit},
	} {
		var wrong *fault
		if *f.into, wrong = m.of(f.key).oneText(f.key, f.limit); wrong != nil {
			return wrong
		}
	}
	if a.Headline == "" {
		return faultAt(m.of("headline").line, `there is no headline; add "headline: ..."`)
	}
	if a.URL != "" {
		address, err := checkURL(a.URL, "https")
		if err != nil {
			return faultAt(m.of("url").line, "url: %v", err)
		}
		a.URL = address
	}
	return nil
}

func readTimes(a *edition.Article, m node, zone *time.Location) *fault {
	for _, f := range []struct {
		key  string
		into *time.Time
	}{{"published", &a.Published}, {"updated", &a.Updated}, {"embargo", &a.Embargo}} {
		n := m.of(f.key)
		text, wrong := n.oneText(f.key, 80)
		switch {
		case wrong != nil:
			return wrong
		case text == "" && f.key == "published":
			return faultAt(n.line, `there is no date; add "published: 2026-02-08T11:30:00Z"`)
		case text == "":
			continue
		}
		t, err := parseTime(text, zone)
		if err != nil {
			return faultAt(n.line, "%s: %v", f.key, err)
		}
		*f.into = t
	}
	return nil
}

// readRank reads what decides whether and where an article is printed.
func readRank(a *edition.Article, m node) *fault {
	for _, f := range []struct {
		key  string
		into *bool
	}{{"lead", &a.Lead}, {"draft", &a.Draft}, {"reprint", &a.Reprint}} {
		n := m.of(f.key)
		switch {
		case n.absent || n.form == isText && n.text == "false":
		case n.form == isText && n.text == "true":
			*f.into = true
		default:
			return faultAt(n.line, "%s: it is %s; write true or false", f.key, n.shown())
		}
	}
	a.Urgency = edition.UrgencyDefault
	if n := m.of("urgency"); !n.absent {
		level, err := strconv.Atoi(n.text)
		if err != nil || level < edition.UrgencyHighest || level > edition.UrgencyLowest {
			return faultAt(n.line, "urgency: it is %s; write a whole number from 1, the highest, to 9", n.shown())
		}
		a.Urgency = level
	}
	return nil
}

// shown returns n as it is named in a reason.
func (n node) shown() string {
	if n.form == isText {
		return fmt.Sprintf("%.40q", n.text)
	}
	return string(n.form)
}

func readSources(a *edition.Article, n node) *fault {
	switch {
	case n.absent:
		return nil
	case n.form != isList:
		return faultAt(n.line, `sources: it is %s; want a list: - {title: "...", url: "https://..."}`, n.form)
	case len(n.items) > sourcesLimit:
		return faultAt(n.line, "sources: there are %d, at most %d are taken", len(n.items), sourcesLimit)
	}
	for _, item := range n.items {
		if item.form != isKeys {
			return faultAt(item.line, `sources: it is %s; want - {title: "...", url: "https://..."}`, item.form)
		}
		if wrong := item.checkKeys("sources: ", []string{"title", "url"}); wrong != nil {
			return wrong
		}
		var s edition.Source
		var wrong *fault
		if s.Title, wrong = item.of("title").oneText("sources: title", sourceLimit); wrong != nil {
			return wrong
		}
		if s.URL, wrong = item.of("url").oneText("sources: url", urlLimit); wrong != nil {
			return wrong
		}
		if s.URL != "" {
			address, err := checkURL(s.URL, "https")
			if err != nil {
				return faultAt(item.of("url").line, "sources: url: %v", err)
			}
			s.URL = address
		}
		addSource(a, s)
	}
	return nil
}

// addSource adds s to the sources of a, unless it has neither title nor
// address or stands there already: a source named at the head and in the body
// is one source.
func addSource(a *edition.Article, s edition.Source) {
	if s.Title == "" || s.Title == s.URL {
		s.Title = strings.TrimSuffix(strings.TrimPrefix(s.URL, "https://"), "/")
	}
	if s.Title == "" {
		return
	}
	for i, have := range a.Sources {
		sameTitle := strings.EqualFold(have.Title, s.Title)
		switch {
		case s.URL != "" && s.URL == have.URL, s.URL == "" && sameTitle:
			return
		case have.URL == "" && sameTitle:
			a.Sources[i].URL = s.URL
			return
		}
	}
	a.Sources = append(a.Sources, s)
}

func readImage(n node) (*frontImage, *fault) {
	if n.absent {
		return nil, nil
	}
	if n.form != isKeys {
		return nil, faultAt(n.line, `image: it is %s; want image: {src: ferry.jpg, alt: "..."}`, n.form)
	}
	if wrong := n.checkKeys("image: ", []string{"src", "alt", "caption", "credit"}); wrong != nil {
		return nil, wrong
	}
	f := &frontImage{line: n.line}
	for _, part := range []struct {
		key  string
		into *string
	}{{"src", &f.Src}, {"alt", &f.Alt}, {"caption", &f.Caption}, {"credit", &f.Credit}} {
		var wrong *fault
		if *part.into, wrong = n.of(part.key).oneText("image: "+part.key, captionLimit); wrong != nil {
			return nil, wrong
		}
	}
	return f, nil
}

// oneLine returns s with every run of white space as one blank.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// earliest is the first year a time may lie in; a template's year 1 is no date.
const earliest = 1900

var (
	errNoTime = errors.New("is no time; write 2026-02-08T11:30:00Z, or 2026-02-08 11:30 in the paper's own time")
	errNoHour = errors.New("has no time of day; write 2026-02-08T11:30:00Z, or 2026-02-08 11:30 in the paper's own time")
)

// parseTime reads a time as editors write it, and keeps its offset. A date
// alone would be midnight, which nobody means.
func parseTime(s string, zone *time.Location) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05Z07:00", "2006-01-02T15:04Z07:00", "2006-01-02 15:04Z07:00"} {
		// In UTC, lest an offset becomes the zone of the machine that has it.
		if t, err := time.ParseInLocation(layout, s, time.UTC); err == nil && t.Year() >= earliest {
			return t, nil
		}
	}
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04"} {
		if t, err := time.ParseInLocation(layout, s, zone); err == nil && t.Year() >= earliest {
			return t, nil
		}
	}
	if _, err := time.Parse(time.DateOnly, s); err == nil {
		return time.Time{}, fmt.Errorf("%q %w", s, errNoHour)
	}
	return time.Time{}, fmt.Errorf("%q %w", s, errNoTime)
}

// urlLimit is how long an address may be, in bytes and characters.
const urlLimit = 2000

// checkURL returns s as it is printed as a link, its scheme in small letters,
// or what keeps it from being one. Mail programs warn of links that are not
// encrypted, and of those that hide where they lead.
func checkURL(s string, schemes ...string) (string, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil || len(s) > urlLimit || strings.ContainsAny(s, " \t\n<>\"`{}|\\^") || strings.ContainsFunc(s, isControl):
		return "", fmt.Errorf("%.80q is no address", s)
	case u.Scheme == "":
		return "", fmt.Errorf(`%.80q is no whole address; write it with "%s://"`, s, schemes[0])
	case !slices.Contains(schemes, u.Scheme):
		return "", fmt.Errorf("%.80q does not begin with %q", s, schemes[0]+":")
	case u.Scheme == "mailto" && !strings.Contains(u.Opaque, "@"):
		return "", fmt.Errorf("%.80q names no mailbox", s)
	case u.Scheme == "https" && u.User != nil:
		return "", fmt.Errorf("%.80q holds a user's name, which hides where it leads", s)
	case u.Scheme == "https" && u.Hostname() == "":
		return "", fmt.Errorf("%.80q names no server", s)
	}
	return u.Scheme + s[len(u.Scheme):], nil
}
