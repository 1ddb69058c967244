package intake

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zotpaper/zotpaper/edition"
)

const fullRSS = `<?xml version="1.0" encoding="utf-8"?>
<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/">
<channel><title>The Wire</title><image><title>No title</title></image>
<item>
  <title>Harbour  Ferries &lt;i&gt;Return&lt;/i&gt; &amp;amp; More</title>
  <link>https://wire.example/2026/harbour-ferries.html?utm_source=rss</link>
  <guid isPermaLink="false">tag:wire,1</guid>
  <pubDate>Sun, 08 Feb 2026 11:30:00 -0800</pubDate>
  <dc:creator>Zoë Ångström</dc:creator>
  <category>Boats</category><category>WORLD</category>
  <description>Two boats &lt;b&gt;take over&lt;/b&gt; the crossing [&amp;#8230;]</description>
  <content:encoded><![CDATA[<p>The first <b>boat</b> left at six. <a href="/timetable">Timetable</a></p><img src="x.jpg">
    <h2>Sources</h2><ul><li><a href="https://port.example/notice">Notice</a></li></ul>
    <p>The post <a href="https://wire.example/x">Ferries</a> appeared first on <a href="https://wire.example">The Wire</a>.</p>]]></content:encoded>
</item></channel></rss>`

const fullAtom = `<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom" xml:base="https://wire.example/atom/"><title>The Wire</title>
<author><name>The Desk</name></author>
<entry>
  <title type="text">Use of &lt;b&gt; &amp; others</title><id>urn:1</id>
  <link rel="alternate" href="use-of-b"/><link rel="self" href="self"/>
  <published>2026-02-08T11:30:00Z</published><updated>2026-02-08T12:10:00Z</updated>
  <category term="business" label="Business"/>
  <summary>A short one.</summary>
  <content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>One &lt;two&gt; <br/> <em>three</em> <a href="../x">x</a></p></div></content>
</entry>
<entry><title type="html">No &amp;amp; name</title><id>https://wire.example/no-name</id><updated>2026-02-08T12:10:00Z</updated>
  <author><name>A</name></author><author><name>B</name><email>b@wire.example</email></author>
  <content type="html">&lt;p&gt;Text&lt;/p&gt;</content></entry>
</feed>`

const fullJSON = `{"version": "https://jsonfeed.org/version/1.1", "title": "The Wire", "items": [
 {"id": 17, "url": "https://wire.example/a", "title": "A <b> & C", "summary": "Short & <plain>", "date_published": "2026-02-08T11:30:00Z",
  "content_text": "One <two>\nthree\n\nFour", "tags": ["Science"], "authors": [{"name": "Zoë"}]},
 {"id": "18", "url": "https://wire.example/b", "title": "B", "date_published": "2026-02-08T10:30:00Z", "content_html": "<p>One</p>"}]}`

func TestArticlesFromFeeds(t *testing.T) {
	at := func(hour, minute int) time.Time { return time.Date(2026, 2, 8, hour, minute, 0, 0, time.UTC) }
	tests := []struct {
		name, feed string
		want       []edition.Article // without slugs
	}{
		{"RSS", fullRSS, []edition.Article{{
			Headline: "Harbour Ferries Return & More", Standfirst: "Two boats take over the crossing…", Section: "World", Byline: "Zoë Ångström",
			Published: at(19, 30), Urgency: 5, URL: "https://wire.example/2026/harbour-ferries.html?utm_source=rss",
			Body: []edition.Block{para(words("The first "), edition.Span{Text: "boat", Strong: true}, words(" left at six. "),
				edition.Span{Text: "Timetable", Link: "https://wire.example/timetable"})},
			Sources: []edition.Source{{Title: "Notice", URL: "https://port.example/notice"}},
		}}},
		{"Atom", fullAtom, []edition.Article{
			{
				Headline: "No & name", Section: "The Wire", Byline: "A, B", Published: at(12, 10), Urgency: 5, URL: "https://wire.example/no-name",
				Body: []edition.Block{para(words("Text"))},
			},
			{
				Headline: "Use of <b> & others", Standfirst: "A short one.", Section: "Business", Byline: "The Desk", Published: at(11, 30), Updated: at(12, 10),
				Urgency: 5, URL: "https://wire.example/atom/use-of-b",
				Body: []edition.Block{para(words("One <two>"), edition.Span{Break: true}, edition.Span{Text: "three", Em: true}, words(" "),
					edition.Span{Text: "x", Link: "https://wire.example/x"})},
			},
		}},
		{"JSON", fullJSON, []edition.Article{
			{
				Headline: "A <b> & C", Standfirst: "Short & <plain>", Section: "Science", Byline: "Zoë", Published: at(11, 30), Urgency: 5, URL: "https://wire.example/a",
				Body: []edition.Block{para(words("One <two>"), edition.Span{Break: true}, words("three")), para(words("Four"))},
			},
			{Headline: "B", Section: "The Wire", Published: at(10, 30), Urgency: 5, URL: "https://wire.example/b", Body: []edition.Block{para(words("One"))}},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := readFeeds(t, newFeeds(t, newWire(t, tt.feed).URL))
			if len(r.Refused)+len(r.Warnings) > 0 {
				t.Errorf("refused %q, warnings %q", lines(r.Refused), lines(r.Warnings))
			}
			for i := range r.Articles {
				r.Articles[i].Slug = ""
			}
			if diff := cmp.Diff(tt.want, r.Articles); diff != "" {
				t.Errorf("articles (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatBecomesOfAnItem(t *testing.T) {
	long := strings.Repeat("Many words make a text. ", 40)
	tests := []struct {
		name, item string
		part       func(a edition.Article) string
		want       string
	}{
		{"a description alone is a brief", item("a", "<description>Short.</description>"), body, "Short.|"},
		{"a long description is the text", item("a", "<description>&lt;p&gt;"+long+"&lt;/p&gt;</description>"), body, "|" + strings.TrimSpace(long)},
		{"a standfirst that the text repeats goes", item("a", "<description>One two [...]</description><content:encoded>One two three</content:encoded>"), body, "|One two three"},
		{"a description for other sites loses its tail", item("a", "<description>Short. The post The a appeared first on The Wire.</description>"), body, "Short.|"},
		{"neither", item("a"), body, "|"},
		{"an own section stands before a first category", item("a", "<category>Boats</category>"), section, "Own"},
		{"a section of the paper before the own", item("a", "<category>Boats</category><category> business</category>"), section, "Business"},
		{"an address as author is no byline", item("a", "<author>desk@wire.example</author>"), byline, ""},
		{"a name beside the address is", item("a", "<author>desk@wire.example (The Desk)</author>"), byline, "The Desk"},
		{"without link the GUID is the page, if it is one", "<item><title>A</title><guid>https://wire.example/g</guid></item>", address, "https://wire.example/g"},
		{"a link over http is none", "<item><title>A</title><link>http://wire.example/g</link></item>", address, ""},
		{"a script is no link", "<item><title>A</title><link>javascript:alert(1)</link></item>", address, ""},
		{"a relative link counts from the feed", "<item><title>A</title><link>g?a=1</link></item>", slug, "g-"},
		{"markup in a title", "<item><title>&lt;script&gt;x&lt;/script&gt;A\u202e &amp;lt; &#xfeff;B&lt;br&gt;C</title></item>", headline, "A < B C"},
		{"a title without end", "<item><title>" + strings.Repeat("word ", 1000) + "</title></item>", headline, strings.TrimSpace(strings.Repeat("word ", 59)) + "…"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFeeds(t, newWire(t, rss(tt.item)).URL)
			f.List[0].Section = "Own"
			r := readFeeds(t, f)
			if len(r.Articles) != 1 {
				t.Fatalf("%d articles; refused %q", len(r.Articles), lines(r.Refused))
			}
			got := tt.part(r.Articles[0])
			if got != tt.want && (tt.want != "g-" || !strings.HasPrefix(got, tt.want)) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func body(a edition.Article) string     { return a.Standfirst + "|" + show(a.Body) }
func section(a edition.Article) string  { return a.Section }
func byline(a edition.Article) string   { return a.Byline }
func address(a edition.Article) string  { return a.URL }
func slug(a edition.Article) string     { return a.Slug }
func headline(a edition.Article) string { return a.Headline }

func TestHeadlineStandfirstAndLinkAlone(t *testing.T) {
	f := newFeeds(t, newWire(t, rss(
		item("a", "<description>Short.</description><content:encoded>One two three</content:encoded>"),
		item("b", "<content:encoded>"+strings.Repeat("word ", 200)+"</content:encoded>"))).URL)
	f.List[0].FullText = false
	r := readFeeds(t, f)
	if len(r.Articles) != 2 || !r.Articles[0].IsBrief() || r.Articles[0].Standfirst != "Short." || r.Articles[0].URL == "" {
		t.Fatalf("articles %+v, want a brief with its link", r.Articles)
	}
	if s := r.Articles[1].Standfirst; len([]rune(s)) > teaserLimit || !strings.HasSuffix(s, "word…") {
		t.Errorf("standfirst %q, want how the text begins", s)
	}
}

func TestItemsThatAreNoArticles(t *testing.T) {
	w := newWire(t, rss(
		"<item><link>https://wire.example/a</link><description>x</description></item>",
		item("b"), item("b", "<description>again</description>"),
		"<item><title>One</title><guid>same</guid></item>", "<item><title>Two</title><guid>same</guid></item>",
		"<item><title>Three</title><guid></guid><link>https://wire.example/3</link></item>",
		"<item><title>Four</title><guid> </guid><link>https://wire.example/4</link></item>",
		"<item><title>Five</title><guid>0</guid><link>https://wire.example/5</link></item>",
		"<item><title>Six</title><guid>0</guid><link>https://wire.example/6</link></item>",
	))
	r := readFeeds(t, newFeeds(t, w.URL))
	var got []string
	for _, a := range r.Articles {
		got = append(got, a.Headline)
	}
	slices.Sort(got)
	if want := []string{"Five", "Four", "One", "Six", "The b", "Three"}; !slices.Equal(got, want) {
		t.Errorf("articles %q, want %q", got, want)
	}
	want := []string{
		w.URL + `: the item "https://wire.example/a" has no title`,
		w.URL + `: "Two" is in ` + w.URL + ` already`,
		w.URL + `: "The b" is in ` + w.URL + ` already`,
	}
	if diff := cmp.Diff(want, lines(r.Refused)); diff != "" {
		t.Errorf("refused (-want +got):\n%s", diff)
	}
}

func TestOneArticleInTwoFeeds(t *testing.T) {
	one, two := newWire(t, rss(item("a"))), newWire(t, rss(strings.Replace(item("a"), "/a<", "/a/?utm_source=two<", 1), item("b")))
	r := readFeeds(t, newFeeds(t, one.URL, two.URL))
	if len(r.Articles) != 2 || r.Origins[r.Articles[0].Slug] != one.URL || r.Origins[r.Articles[1].Slug] != two.URL {
		t.Errorf("articles from %v, want one from each", r.Origins)
	}
	if want := []string{two.URL + `: "The a" is in ` + one.URL + ` already`}; !slices.Equal(lines(r.Refused), want) {
		t.Errorf("refused %q, want %q", lines(r.Refused), want)
	}
}

func TestSlugsOfItemsStay(t *testing.T) {
	w := newWire(t, rss(item("a"), item("b")))
	f := newFeeds(t, w.URL)
	first := slugs(readFeeds(t, f))
	for _, tt := range []struct {
		name, feed string
		want       []string
	}{
		{"in another order", rss(item("b"), item("a")), first},
		{"with another title", rss(strings.Replace(item("a"), "The a", "Other words", 1), item("b")), first},
		{"with another GUID", rss(strings.Replace(item("a"), "id-a", "id-z", 1), item("b")), first},
		{"published again", rss(itemAt("a", now), item("b")), first},
		{"by another name of its page", rss(strings.Replace(item("a"), "https://wire.example/a", "http://WIRE.example:80/a/?utm_source=x#y", 1), item("b")), first},
		{"on another page, known by its GUID", rss(strings.Replace(item("b"), "wire.example/b", "wire.example/moved", 1), item("a")), first},
		{"with a newcomer", rss(item("c"), item("a"), item("b")), nil},
		{"a newcomer with the GUID of one that is there", rss(strings.Replace(item("d"), "id-d", "id-a", 1), item("a"), item("b")), nil},
	} {
		w.serve(tt.feed)
		got := slugs(readFeeds(t, f))
		if tt.want != nil && !slices.Equal(got, tt.want) {
			t.Errorf("%s: slugs %q, want %q", tt.name, got, tt.want)
		}
		if tt.want == nil && (len(got) != 3 || !slices.Contains(got, first[0]) || !slices.Contains(got, first[1])) {
			t.Errorf("%s: slugs %q, want %q and another", tt.name, got, first)
		}
	}
	// Nor do they depend on what is remembered.
	w.serve(rss(item("a"), item("b")))
	if got := slugs(readFeeds(t, newFeeds(t, w.URL))); !slices.Equal(got, first) {
		t.Errorf("slugs without a cache %q, want %q", got, first)
	}
}

// TestItemsThatComeLate wants no item to fall behind a cut-off that passed
// before it could be seen.
func TestItemsThatComeLate(t *testing.T) {
	day := 24 * time.Hour
	due := func(r Result, name string) time.Time {
		for _, a := range r.Articles {
			if strings.HasPrefix(a.Slug, name+"-") {
				return a.Due()
			}
		}
		t.Fatalf("no article %s in %q", name, slugs(r))
		return time.Time{}
	}
	undated := "<item><title>U</title><link>https://wire.example/u</link></item>"
	w := newWire(t, rss(itemAt("old", now.Add(-30*day)), undated))
	f := newFeeds(t, w.URL)
	r := readFeeds(t, f)
	if got := due(r, "old"); !got.Equal(now.Add(-30 * day)) {
		t.Errorf("what the feed has when it is first read is due at %v, want its own date", got)
	}
	if got := due(r, "u"); !got.Equal(now) {
		t.Errorf("an item without date is due at %v, want when it was first seen", got)
	}
	w.serve(rss(itemAt("late", now.Add(-5*time.Minute)), itemAt("timely", now.Add(time.Hour)), itemAt("ancient", now.Add(-3*day)),
		strings.ReplaceAll(undated, "u<", "v<"), undated, itemAt("old", now.Add(-30*day))))
	for range 2 { // what was said once stays
		f.at(f.Now().Add(day))
		r = readFeeds(t, f)
		for name, want := range map[string]time.Time{
			"late": now.Add(time.Millisecond), "timely": now.Add(time.Hour), "ancient": now.Add(-3 * day),
			"v": now.Add(time.Millisecond), "u": now, "old": now.Add(-30 * day),
		} {
			if got := due(r, name); !got.Equal(want) {
				t.Errorf("%s: due at %v, want %v", name, got, want)
			}
		}
	}
	// A day in which the feed is down counts as one in which we looked.
	w.fail(http.StatusBadGateway)
	third := f.Now().Add(day)
	readFeeds(t, f.at(third))
	w.serve(rss(itemAt("missed", third.Add(-time.Hour))))
	if got := due(readFeeds(t, f.at(third.Add(day))), "missed"); !got.Equal(third.Add(time.Millisecond)) {
		t.Errorf("an item of a day on which the feed was down is due at %v, want %v", got, third)
	}
}
