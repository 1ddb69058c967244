package templates

import (
	"strings"
	"testing"
	"time"

	"github.com/zotpaper/zotpaper/edition"
)

// TestWebPageSaysWhatItIs is about what is shown where the page is shared.
func TestWebPageSaysWhatItIs(t *testing.T) {
	e := sampleEdition()
	lead := ferries()
	lead.Image.Alt = `A "white" ferry`
	e.Lineup.Lead, e.Lineup.Sections = &lead, nil
	issue := render(t, e)
	e.Window = edition.Window{Until: time.Date(2026, 2, 8, 16, 0, 0, 0, time.UTC)}
	if again := render(t, e); again.SHA256() != issue.SHA256() {
		t.Error("the same articles rendered at another time are another issue: no editor could release one")
	}
	for _, want := range []string{
		"<title>" + issue.Subject + " · Zotpaper</title>",
		`<meta name="description" content="` + issue.Preheader,
		`<link rel="canonical" href="https://news.zotpaper.example/editions/2026-02-08/afternoon"`,
		`<meta property="og:image" content="https://news.zotpaper.example/media/0123456789abcdef.jpg"`,
		`<meta property="og:image:alt" content="A &#34;white&#34; ferry"`,
		`<meta property="article:published_time" content="` + lead.Due().UTC().Format(time.RFC3339) + `"`,
	} {
		if !strings.Contains(issue.Web, want) {
			t.Errorf("the web page lacks %s", want)
		}
	}
	for _, tag := range []string{"og:", "canonical", "article:", `name="description"`} {
		if strings.Contains(issue.HTML, tag) {
			t.Errorf("the mail carries %s, which is the web page's", tag)
		}
	}
}

func TestPassOpensEveryLinkToTheArchive(t *testing.T) {
	r := renderer(t)
	r.Pass = func(k edition.Key) string { return "PASS-" + k.Slot }
	issue, err := r.Render(longEdition(20, 3000))
	if err != nil {
		t.Fatal(err)
	}
	if len(issue.Cuts) == 0 {
		t.Fatal("nothing was cut: there is no link to go on reading")
	}
	const view = "https://news.zotpaper.example/editions/2026-02-08/afternoon"
	for name, text := range map[string]string{"HTML": issue.HTML, "text": issue.Text, "web": issue.Web, "cut": issue.Cuts[0].Continue} {
		links := strings.Count(text, view)
		if links == 0 || links != strings.Count(text, view+"?key=PASS-afternoon") {
			t.Errorf("%s: %d links to the edition, %d of them open it", name, links, strings.Count(text, view+"?key=PASS-afternoon"))
		}
	}
	if !strings.Contains(issue.HTML, view+"?key=PASS-afternoon#long-a") {
		t.Error("a link to go on reading does not lead to its article")
	}
}
