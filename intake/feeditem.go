package intake

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/mmcdole/gofeed"

	"github.com/zotpaper/zotpaper/edition"
)

// The bounds of what is taken of an item.
const (
	shortTextLimit  = 16 << 10 // bytes of a title and the like
	nameLimit       = 60       // letters of a slug before its hash
	categoriesLimit = 100
	teaserLimit     = 300 // characters of a standfirst made of the text
)

// lateLimit is how long before we last looked an item may be dated that we have
// not seen then, and still be news.
const lateLimit = 48 * time.Hour

// A harvest turns the items of one feed into articles.
type harvest struct {
	feed     Feed
	sections []string
	copy     *feedCopy
	title    string // of the feed
	authors  []*gofeed.Person
	now      time.Time
	slugs    map[string]bool   // of this feed's items
	known    map[string]string // hash of a GUID: the slug under which it was seen
	doubled  map[string]bool   // GUIDs that several items have
}

// convert returns the articles of a feed, and notes in c which items it has.
func (f *Feeds) convert(feed Feed, c *feedCopy, p *parsedFeed, now time.Time, n *notes) feedResult {
	items := slices.DeleteFunc(p.Items, func(i *gofeed.Item) bool { return i == nil })
	slices.SortStableFunc(items, func(a, b *gofeed.Item) int { return dated(b).Compare(dated(a)) })
	items = items[:min(len(items), itemsLimit)]
	h := &harvest{feed: feed, sections: f.Sections, copy: c, title: htmlLine(shortText(p.Title)), now: now}
	if p.FeedType == "atom" {
		h.authors = p.Authors // of whatever names none itself
	}
	for _, item := range items {
		// https://www.rssboard.org/rss-specification#ltguidgtSubelementOfLtitemgt
		if guid := strings.TrimSpace(item.GUID); item.Link == "" && canonical(guid) != "" {
			item.Link = guid
		}
	}
	h.look(items, p.base)
	var r feedResult
	refused := &notes{file: n.file}
	for _, item := range items {
		a, reason := h.article(item, p.base)
		if reason != "" {
			refused.warn(0, "%s", reason)
			continue
		}
		r.Articles = append(r.Articles, a)
	}
	r.Refused = refused.all()
	h.forget()
	return r
}

// dated returns when an item was published, or else updated; one without a
// date counts as new.
func dated(item *gofeed.Item) time.Time {
	for _, t := range []*time.Time{item.PublishedParsed, item.UpdatedParsed} {
		if t != nil && t.Year() >= earliest && t.Before(noDate()) {
			return *t
		}
	}
	return noDate()
}

func isDated(item *gofeed.Item) bool { return dated(item).Before(noDate()) }

// noDate stands for the date of an item that has none.
func noDate() time.Time { return time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC) }

// look learns which items are there and under which slugs they were known.
func (h *harvest) look(items []*gofeed.Item, base string) {
	if h.copy.Items == nil {
		h.copy.Items = map[string]sighting{}
	}
	h.slugs, h.known, h.doubled = map[string]bool{}, map[string]string{}, map[string]bool{}
	seen := map[string]bool{}
	for _, item := range items {
		h.slugs[slugOf(item, base)] = true
		guid := guidOf(item)
		h.doubled[guid] = h.doubled[guid] || seen[guid]
		seen[guid] = true
	}
	for _, slug := range sorted(h.copy.Items) {
		if guid := h.copy.Items[slug].GUID; guid != "" {
			h.known[guid] = slug
		}
	}
}

// article returns the article that an item is, or why it is none.
func (h *harvest) article(item *gofeed.Item, base string) (a edition.Article, reason string) {
	defer func() {
		if r := recover(); r != nil {
			reason = fmt.Sprintf("an item of it cannot be read (%.100v)", r)
		}
	}()
	a.Headline = clip(htmlLine(shortText(item.Title)), headlineLimit)
	if a.Headline == "" {
		return a, fmt.Sprintf("the item %q has no title", clip(oneLine(printable(cmp.Or(item.Link, item.GUID, "without address"))), 80))
	}
	a.URL, _ = checkURL(resolveLink(base, item.Link, ""), "https")
	a.Section = h.section(item)
	a.Byline = h.byline(item)
	a.Urgency = edition.UrgencyDefault
	a.Slug = h.slug(item, base)
	h.date(&a, item)
	h.text(&a, item, cmp.Or(a.URL, base))
	return a, ""
}

func shortText(s string) string { return s[:min(len(s), shortTextLimit)] }

// guidOf returns a hash of an item's GUID, or "" if it has none.
func guidOf(item *gofeed.Item) string {
	guid := strings.TrimSpace(item.GUID)
	if guid == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(guid))
	return hex.EncodeToString(sum[:8])
}

// slugOf returns the slug of an item: words of its address, and a hash of what
// it is known by, the address of its page, else its GUID, else its title.
// Neither its place in the feed nor a new title changes it.
func slugOf(item *gofeed.Item, base string) string {
	address := resolveLink(base, item.Link, "")
	identity := cmp.Or(canonical(address), strings.TrimSpace(item.GUID), htmlLine(shortText(item.Title)))
	name := ""
	if u, err := url.Parse(address); err == nil {
		last := path.Base(u.Path)
		name = slugWords(strings.TrimSuffix(last, path.Ext(last)))
	}
	if name == "" {
		if u, err := url.Parse(base); err == nil {
			name = slugWords(u.Hostname())
		}
	}
	sum := sha256.Sum256([]byte(identity))
	return cmp.Or(name, "item") + "-" + hex.EncodeToString(sum[:5])
}

// notInSlug matches what no slug holds.
var notInSlug = regexp.MustCompile(`[^a-z0-9]+`)

func slugWords(s string) string {
	words := strings.Trim(notInSlug.ReplaceAllString(strings.ToLower(s[:min(len(s), urlLimit)]), "-"), "-")
	return strings.TrimRight(words[:min(len(words), nameLimit)], "-")
}

// slug returns the slug of an item. An item whose page has moved keeps the one
// under which it was seen, if its GUID says that it is the same: it may have
// been printed.
func (h *harvest) slug(item *gofeed.Item, base string) string {
	slug, guid := slugOf(item, base), guidOf(item)
	if _, seen := h.copy.Items[slug]; seen || guid == "" || h.doubled[guid] {
		return slug
	}
	if before, ok := h.known[guid]; ok && !h.slugs[before] {
		return before
	}
	return slug
}

// date sets when an article was published and from when it may be printed.
//
// An item can appear later than it is dated, since a feed is down for a day,
// is cached on its way, or has no dates at all. It would then fall behind a
// cut-off that passed before we could see it, and no edition would carry it. So
// an item that was not there when we last looked, but should have been, is due
// from then on.
func (h *harvest) date(a *edition.Article, item *gofeed.Item) {
	seen, ok := h.copy.Items[a.Slug]
	before := h.copy.Read
	published := dated(item)
	if !ok {
		late := !published.After(before) && published.After(before.Add(-lateLimit))
		switch {
		case before.IsZero() && !isDated(item):
			seen.Due = h.now
		case !before.IsZero() && (late || !isDated(item)):
			seen.Due = before.Add(time.Millisecond)
		}
	}
	seen.GUID, seen.Last = guidOf(item), h.now
	if h.doubled[seen.GUID] {
		seen.GUID = ""
	}
	h.copy.Items[a.Slug] = seen
	if isDated(item) {
		// In UTC, lest an offset becomes the zone of the machine that has it.
		a.Published, a.Embargo = published.UTC(), seen.Due
	} else {
		a.Published = cmp.Or(seen.Due, h.now)
	}
	if u := item.UpdatedParsed; u != nil && u.After(a.Published) && u.Before(noDate()) {
		a.Updated = u.UTC()
	}
}

// forget drops the items that left the feed long ago.
func (h *harvest) forget() {
	for slug, s := range h.copy.Items {
		if h.now.Sub(s.Last) > sightingsKept {
			delete(h.copy.Items, slug)
		}
	}
	if len(h.copy.Items) <= sightingsLimit {
		return
	}
	slugs := sorted(h.copy.Items)
	slices.SortStableFunc(slugs, func(a, b string) int { return h.copy.Items[b].Last.Compare(h.copy.Items[a].Last) })
	for _, slug := range slugs[sightingsLimit:] {
		delete(h.copy.Items, slug)
	}
}

// section returns the first category that is a section of the paper, else the
// section that the feed is given, else the first category, else the feed's own
// title.
func (h *harvest) section(item *gofeed.Item) string {
	var first string
	for _, category := range item.Categories[:min(len(item.Categories), categoriesLimit)] {
		name := htmlLine(shortText(category))
		for _, section := range h.sections {
			if strings.EqualFold(section, name) {
				return section
			}
		}
		first = cmp.Or(first, name)
	}
	return clip(cmp.Or(h.feed.Section, first, h.title), sectionLimit)
}

func (h *harvest) byline(item *gofeed.Item) string {
	authors := item.Authors
	if len(authors) == 0 {
		authors = h.authors
	}
	var names []string
	for _, author := range authors[:min(len(authors), 10)] {
		if author == nil {
			continue
		}
		if name := htmlLine(shortText(author.Name)); name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return clip(strings.Join(names, ", "), bylineLimit)
}

var (
	// feedTail matches what WordPress puts after every text for other sites.
	feedTail = regexp.MustCompile(`The post .{1,300} appeared first on .{1,200}\.$`)
	// ellipsis matches how programs say that a text goes on.
	ellipsis = regexp.MustCompile(`\s*(\[(…|\.\.\.|&hellip;)\]|…|\.\.\.)$`)
)

// text sets the body and the standfirst of an article. Full text is what the
// feed says is its content, or a description too long for a standfirst. A
// standfirst that only repeats how the text begins is not printed twice.
func (h *harvest) text(a *edition.Article, item *gofeed.Item, base string) {
	body := h.blocks(item.Content, base)
	summary := h.blocks(item.Description, base)
	teaser := oneLine(feedTail.ReplaceAllString(blockWords(summary), ""))
	words := blockWords(body)
	if words == "" && len([]rune(teaser)) > standfirstLimit {
		body, words, teaser = summary, teaser, ""
	}
	begins := ellipsis.ReplaceAllString(teaser, "")
	switch {
	case !h.feed.FullText || words == "":
		a.Standfirst = clip(ellipsis.ReplaceAllString(cmp.Or(teaser, clip(words, teaserLimit)), "…"), standfirstLimit)
		return
	case begins != "" && !strings.HasPrefix(words, begins):
		a.Standfirst = clip(ellipsis.ReplaceAllString(teaser, "…"), standfirstLimit)
	}
	divide(a, body, func(int, string, ...any) {})
}

// blocks returns what is printed of a text; nothing if it is longer than an
// article may be.
func (h *harvest) blocks(markup, base string) []edition.Block {
	if len(markup) > fileLimit {
		return nil
	}
	blocks, wrong := htmlBlocks(markup, base)
	if wrong != nil {
		return nil
	}
	if n := len(blocks); n > 1 && feedTail.MatchString(edition.Plain(blocks[n-1].Spans)) {
		blocks = blocks[:n-1]
	}
	return blocks
}
