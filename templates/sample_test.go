package templates

import (
	"strings"
	"testing"
	"time"

	"github.com/zotpaper/zotpaper/edition"
)

// paper is the publication of this package's tests.
func paper() edition.Publication {
	return edition.Publication{
		Name: "Zotpaper", Tagline: "News without the noise",
		URL: "https://zotpaper.example", Web: "https://news.zotpaper.example",
		Language: "en", Address: "1 Example Street, Exampletown", Zone: time.UTC,
	}
}

func at(hour, minute int) time.Time { return time.Date(2026, 2, 8, hour, minute, 0, 0, time.UTC) }

func para(text string) edition.Block {
	return edition.Block{Kind: edition.Paragraph, Spans: []edition.Span{{Text: text}}}
}

func paras(texts ...string) []edition.Block {
	var blocks []edition.Block
	for _, t := range texts {
		blocks = append(blocks, para(t))
	}
	return blocks
}

// ferries shows everything an article can have but a quote, a table and code.
func ferries() edition.Article {
	return edition.Article{
		Slug: "ferries", Headline: "Harbour Ferries Return After Eleven Months",
		Standfirst: "Two electric boats take over the crossing that closed last winter",
		Section:    "World", Byline: "Zotpaper Staff",
		Published: at(11, 30), Updated: at(12, 10), Urgency: 3,
		Image: &edition.Image{File: "0123456789abcdef.jpg", Alt: "A white ferry at the quay", Width: 1200, Height: 675,
			Caption: "The Marta at her berth on Saturday.", Credit: "Photograph: Zotpaper"},
		Body: []edition.Block{
			{Kind: edition.Paragraph, Spans: []edition.Span{
				{Text: "The first boat left at "}, {Text: "six", Strong: true},
				{Text: " on Sunday morning with forty people aboard, according to a "},
				{Text: "notice of the port authority", Link: "https://port.example/notice"},
				{Text: ". Nobody had to wait."}}},
			para("Most of them had come only for the ride. “We have missed it,” said Zoë Łukasiewicz of Kraków, who runs the kiosk at the landing stage and who has counted the days since the old boat was taken out of service."),
			{Kind: edition.Heading, Level: 3, Spans: []edition.Span{{Text: "What it costs"}}},
			{Kind: edition.List, Items: [][]edition.Block{paras("A single crossing costs 2 crowns."), paras("A month costs 40 crowns, from the first day of the month to the last, on either boat and on the tram that meets them.")}},
			{Kind: edition.List, Ordered: true, Start: 3, Items: [][]edition.Block{paras("Third"), paras("Fourth")}},
		},
		Analysis: []edition.Part{
			{Heading: "What to Watch", Blocks: paras("Whether the second boat arrives in March.")},
			{Heading: "Why This Matters", Blocks: paras("The crossing saves 4,000 people an hour a day.")},
			{Heading: "By the Numbers", Blocks: paras("Eleven months, two boats, one crossing.")},
			{Heading: "Background", Blocks: paras("The old boat failed its inspection in March of last year.")},
			{Heading: "Key Perspectives", Blocks: paras("The union asks for a third crew. The port says two will do.")},
		},
		Sources: []edition.Source{
			{Title: "Port authority notice", URL: "https://port.example/notice?id=7&lang=en"},
			{Title: "Timetable, valid from February"},
		},
		Correction: "An earlier version gave the wrong month for the inspection.",
	}
}

// sampleEdition has a lead and articles in several sections, a brief, quotes,
// a table, code and names in several scripts.
func sampleEdition() edition.Edition {
	budget := edition.Article{
		Slug: "budget", Headline: "Ministers Agree on the Budget", Section: "US Politics",
		Standfirst: "After nine days of talks the deficit stays under three percent",
		Byline:     "Zotpaper Staff", Published: at(9, 0), Lead: true,
		Body: append(paras(
			"Ministers agreed on Sunday on a budget that raises spending on schools and leaves taxes as they are. From January the grant for each pupil goes up by 120.",
			"From the opposition came cautious praise & a question: who pays?"),
			edition.Block{Kind: edition.Quote, Blocks: paras("We did not get everything. Nobody did. That is what an agreement looks like.")},
			edition.Block{Kind: edition.Table, Rows: [][]edition.Cell{
				{{Spans: []edition.Span{{Text: "Year"}}}, {Spans: []edition.Span{{Text: "Deficit"}}, Align: "right"}},
				{{Spans: []edition.Span{{Text: "2025"}}}, {Spans: []edition.Span{{Text: "3.4"}}, Align: "right"}},
				{{Spans: []edition.Span{{Text: "2026"}}}, {Spans: []edition.Span{{Text: "2.9"}}, Align: "right"}},
			}},
			edition.Block{Kind: edition.Rule},
			para("東京、Αθήνα、Москва: the papers there noted it in a line.")),
	}
	code := edition.Article{
		Slug: "clock", Headline: "A Clock That Loses One Second in an Age of the World", Section: "Science",
		Byline: "Ana de São Tomé", Published: at(8, 0),
		Body: append(paras("The clock is read by a program of two lines:"),
			edition.Block{Kind: edition.Code, Spans: []edition.Span{{Text: "for tick := range clock {\n    fmt.Println(tick)\n}\n"}}},
			edition.Block{Kind: edition.Paragraph, Spans: []edition.Span{
				{Text: "It is called "}, {Text: "tick", Code: true}, {Text: ", and "}, {Text: "never", Em: true},
				{Text: " stops. See "}, {Text: "https://clock.example/paper", Link: "https://clock.example/paper"}, {Text: "."}}}),
	}
	harvest := edition.Article{
		Slug: "harvest", Headline: "Grain Harvest Above the Average", Section: "World", Published: at(7, 0),
		Body: paras("The harvest was four percent above the average of ten years."),
	}
	brief := edition.Article{
		Slug: "bridge", Headline: "Bridge Closed on Tuesday", Section: "World", Published: at(10, 0),
		Standfirst: "The old bridge is closed to lorries for one day.", URL: "https://zotpaper.example/bridge",
	}
	return edition.Edition{
		Key:   edition.Key{Date: edition.Date{Year: 2026, Month: 2, Day: 8}, Slot: "afternoon"},
		Title: "Afternoon Edition", List: "afternoon",
		Lineup: edition.Lineup{
			Lead: &budget,
			Sections: []edition.Section{
				{Name: "World", Articles: []edition.Article{ferries(), harvest}},
				{Name: "Science", Articles: []edition.Article{code}},
			},
			Briefs: []edition.Article{brief},
		},
	}
}

// longEdition has n articles of about words words each.
func longEdition(n, words int) edition.Edition {
	e := sampleEdition()
	section := edition.Section{Name: "World"}
	for i := range n {
		a := ferries()
		a.Slug = "long-" + string(rune('a'+i%26)) + strings.Repeat("x", i/26)
		a.Headline = "Long Report Number " + a.Slug
		a.Body = nil
		for range words / 50 {
			a.Body = append(a.Body, para(strings.TrimSpace(strings.Repeat("one two three four five ", 10))))
		}
		section.Articles = append(section.Articles, a)
	}
	e.Lineup.Sections = []edition.Section{section}
	return e
}

func renderer(t *testing.T) *Renderer {
	t.Helper()
	r, err := New(paper(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func render(t *testing.T, e edition.Edition) Issue {
	t.Helper()
	issue, err := renderer(t).Render(e)
	if err != nil {
		t.Fatal(err)
	}
	return issue
}
