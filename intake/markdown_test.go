package intake

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zotpaper/zotpaper/edition"
)

// show returns blocks as a text in which what a test asks for can be seen:
// links in brackets, a blank line between blocks.
func show(blocks []edition.Block) string {
	var list []string
	for _, b := range blocks {
		var s strings.Builder
		for _, span := range b.Spans {
			switch {
			case span.Break:
				s.WriteString("/")
			case span.Link != "":
				fmt.Fprintf(&s, "[%s](%s)", span.Text, span.Link)
			default:
				s.WriteString(span.Text)
			}
		}
		if b.Image != nil {
			fmt.Fprintf(&s, "{%s|%s}", b.Image.Alt, b.Image.Caption)
		}
		s.WriteString(show(b.Blocks))
		for _, item := range b.Items {
			s.WriteString("- " + show(item))
		}
		for _, row := range b.Rows {
			for _, cell := range row {
				s.WriteString("|" + show([]edition.Block{{Spans: cell.Spans}}))
			}
		}
		list = append(list, s.String())
	}
	return strings.Join(list, "\n")
}

func TestLinks(t *testing.T) {
	const lost = "; its words are printed without it"
	tests := []struct {
		name, body, want string
		warning          string // empty: none
	}{
		{"https stays", "[x](https://x.example/a?b=c&d=%20#e)", "[x](https://x.example/a?b=c&d=%20#e)", ""},
		{"an address in text", "See https://x.example/a.", "See [https://x.example/a](https://x.example/a).", ""},
		{"an address between angles", "<https://x.example/>", "[https://x.example/](https://x.example/)", ""},
		{"an address of the web without https", "See www.x.example now", "See [www.x.example](https://www.x.example) now", ""},
		{"mail stays", "[x](mailto:a@x.example)", "[x](mailto:a@x.example)", ""},
		{"a mail address in text", "Write to a@x.example.", "Write to [a@x.example](mailto:a@x.example).", ""},
		{"letters beyond ASCII", "[x](https://x.example/é)", "[x](https://x.example/%C3%A9)", ""},
		{"a scheme in capitals", "[x](HTTPS://x.example)", "[x](https://x.example)", ""},
		{"by reference", "[x][1] and [2]\n\n[1]: https://x.example/\n[2]: https://y.example/", "[x](https://x.example/) and [2](https://y.example/)", ""},
		{"http in text is no link", "See http://x.example/ now", "See http://x.example/ now", ""},

		{"http", "One.\nSee [x](http://x.example/)", "One. See x", `a.md:6: link: "http://x.example/" does not begin with "https:"` + lost},
		{"http between angles", "<http://x.example/?a&b>", "http://x.example/?a&b", `a.md:5: link: "http://x.example/?a&b" does not begin with "https:"` + lost},
		{"http by reference", "One.\n\n[x][1]\n\n[1]: http://x.example/", "One.\nx", `a.md:7: link: "http://x.example/" does not begin with "https:"` + lost},
		{"a script", "\n\n*[x](javascript:alert(1))*", "x", `a.md:7: link: "javascript:alert(1)" does not begin with "https:"` + lost},
		{"a script in disguise", "[x](JaVa&#x53;cript&colon;alert(1))", "x", `a.md:5: link: "JaVaScript:alert(1)" does not begin with "https:"` + lost},
		{"a script between angles", "<javascript:alert(1)>", "javascript:alert(1)", `a.md:5: link: "javascript:alert(1)" does not begin with "https:"` + lost},
		{"data", "[x](data:text/html;base64,PHNjcmlwdD4=)", "x", `a.md:5: link: "data:text/html;base64,PHNjcmlwdD4=" does not begin with "https:"` + lost},
		{"a picture as data", "[x](data:image/png;base64,AAAA)", "x", `a.md:5: link: "data:image/png;base64,AAAA" does not begin with "https:"` + lost},
		{"a path", "\nsee [x](/about)", "see x", `a.md:6: link: "/about" is no whole address; write it with "https://"` + lost},
		{"a place on the page", "[x](#top)", "x", `a.md:5: link: "#top" is no whole address; write it with "https://"` + lost},
		{"a server without scheme", "[x](//x.example/)", "x", `a.md:5: link: "//x.example/" is no whole address; write it with "https://"` + lost},
		{"nowhere", "[x]()", "x", `a.md:5: link: it has no address` + lost},
		{"mail to nobody", "[x](mailto:x)", "x", `a.md:5: link: "mailto:x" names no mailbox` + lost},
		{"a user's name", "[x](https://bank.example@x.example/)", "x", `a.md:5: link: "https://bank.example@x.example/" holds a user's name, which hides where it leads` + lost},
		{"in a list in a quote", "> One\n>\n> - two\n> - [x](ftp://x.example)", "One\n- two- x", `a.md:8: link: "ftp://x.example" does not begin with "https:"` + lost},
		{"in a table", "| a |\n| - |\n| [x](ftp://x.example) |", "|a|x", `a.md:7: link: "ftp://x.example" does not begin with "https:"` + lost},
		{"in a heading", "One\n\n## [x](ftp://x.example)", "One\nx", `a.md:7: link: "ftp://x.example" does not begin with "https:"` + lost},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { checkBody(t, tt.body, tt.want, tt.warning) })
	}
}

func TestMarkupIsNotPrinted(t *testing.T) {
	const html = "HTML is not printed; the article is printed without the tags"
	tests := []struct {
		name, body, want string
		warning          string // empty: none
	}{
		{"a script among words", "One.\na <script>alert(1)</script> b", "One. a alert(1) b", "a.md:6: " + html},
		{"a script", "One.\n\n<script>\nalert(1)\n\n\nalert(2)</script>\n\nTwo.", "One.\nTwo.", "a.md:7: " + html},
		{"a style", "<style>p {display: none}</style>\n\nTwo.", "Two.", "a.md:5: " + html},
		{"a frame", "One.\n\n<iframe src=https://x.example/>no</iframe>\n", "One.", "a.md:7: " + html},
		{"a picture with a script", "One <img src=x onerror=alert(1)> two", "One two", "a.md:5: " + html},
		{"a picture with a script of its own", "<img src=x onerror=alert(1)>\n", "", "a.md:5: " + html},
		{"words in a block", "One.\n\n<div onclick=x>\ntwo &amp; <b>th</b>ree\n<p>four\n</div>\n\nFive.", "One.\ntwo & th ree four\nFive.", "a.md:7: " + html},
		{"words that look like HTML when it is gone", "<div>&lt;script&gt;x&lt;/script&gt; &amp;lt; **y**</div>", "<script>x</script> &lt; **y**", "a.md:5: " + html},
		{"a line break", "<br>a<br>b<BR />c<br>", "a/b/c", ""},
		{"a comment among words", "a <!-- note --> b", "a b", ""},
		{"a comment", "One.\n\n<!-- note\n\nto self -->\n\nTwo.", "One.\nTwo.", ""},
		{"a comment that we would write ourselves", "a <!-- raw HTML omitted --> b", "a b", ""},
		{"entities are letters", "a &amp; b &lt;b&gt; &eacute;", "a & b <b> é", ""},
		{"entities are no control characters", "a&#x1b;[2J&#133;&#0;b&#13;&#10;c", "a[2J\ufffdb c", ""},
		{"nor are they in code", "`a\u200bb` \n\n    x&#x1b;y", "a\u200bb\nx&#x1b;y", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { checkBody(t, tt.body, tt.want, tt.warning) })
	}
}

// checkBody reads an article with a body, which begins on line 5.
func checkBody(t *testing.T, body, want, warning string) {
	t.Helper()
	r := read(t, newFolder(t, map[string]string{"a.md": head + body}))
	if len(r.Articles) != 1 {
		t.Fatalf("refused %q", lines(r.Refused))
	}
	if diff := cmp.Diff(want, show(r.Articles[0].Body)); diff != "" {
		t.Errorf("printed (-want +got):\n%s", diff)
	}
	var warnings []string
	if warning != "" {
		warnings = []string{warning}
	}
	if diff := cmp.Diff(warnings, lines(r.Warnings)); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}

func TestPicturesInTheText(t *testing.T) {
	f := newFolder(t, map[string]string{"x.png": string(picture(t, 20, 10)), "Fähre.png": string(picture(t, 10, 10)), "a b.png": string(picture(t, 5, 5)), "a.md": head + strings.Join([]string{
		`One ![first](x.png "Caption&#x9b; &amp; *more*") two.`, // 5
		``,
		`# ![second](Fähre.png) Heading`, // 7
		``,
		`- ![third](<a b.png>)`,
		`- [![fourth](./x.png)](https://x.example/)`, // 10
		``,
		`![*fifth&#x1b;* "quoted"][p]`,
		``,
		`![](x.png)`, // 14
		``,
		`| a |`,
		`| - |`,
		`| ![sixth](x.png) |`, // 18
		``,
		`![seventh](data:image/png;base64,AAAA)`, // 20
		`![eighth](javascript:alert(1))`,
		`![ninth](0)`,
		`![tenth]()`,
		``,
		`[p]: x.png`,
	}, "\n")})
	r := read(t, f)
	if len(r.Articles) != 1 {
		t.Fatalf("refused %q", lines(r.Refused))
	}
	want := "One two.\n{first|Caption & *more*}\nHeading\n{second|}\n- {third|}- {fourth|}\n" + `{fifth "quoted"|}` + "\n{|}\n|a|"
	if diff := cmp.Diff(want, show(r.Articles[0].Body)); diff != "" {
		t.Errorf("printed (-want +got):\n%s", diff)
	}
	const without = "; the article is printed without it"
	warnings := []string{
		"a.md:14: image: there is no alt; readers who do not see it learn nothing of it",
		"a.md:18: image: none is printed in a table; put it between two paragraphs",
		`a.md:20: image: "data:image/png;base64,AAAA" is not fetched; put the picture beside the article` + without,
		`a.md:21: image: there is no file "javascript:alert(1)"` + without,
		`a.md:22: image: there is no file "0"` + without,
		`a.md:23: image: no file is named; write the name of one beside the article` + without,
	}
	if diff := cmp.Diff(warnings, lines(r.Warnings)); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}

func TestSourcesInTheText(t *testing.T) {
	long := strings.Repeat("x", sourceLimit+1)
	r := read(t, newFolder(t, map[string]string{
		"a.md": head + "One.\n\n## Sources\n\nA paragraph.\n\n> quoted\n\n1. [first](https://x.example/) of [two](https://y.example/)\n2. [plain](http://x.example/)\n   - inner\n3. " + long + "\n\n---\n\n## The end\n\nTwo.",
		"b.md": head + "## Sources\n" + strings.Repeat("- x\n", 2) + numbered(sourcesLimit+3),
		"d.md": "---\nheadline: H\npublished: 2026-02-08T11:30:00Z\nsources: [{title: timetable}]\n---\n## Sources\n- [Timetable](https://x.example/)\n",
		"c.md": head + "## sources\n\n| a |\n| - |\n| b |\n\n## Analysis\n## Sources\n",
	}))
	if len(r.Articles) != 4 {
		t.Fatalf("refused %q", lines(r.Refused))
	}
	if diff := cmp.Diff([]edition.Source{{Title: "timetable", URL: "https://x.example/"}}, r.Articles[3].Sources); diff != "" {
		t.Errorf("a source named twice, once with its address (-want +got):\n%s", diff)
	}
	want := []edition.Source{
		{Title: "A paragraph."}, {Title: "quoted"}, {Title: "first of two", URL: "https://x.example/"}, {Title: "plain"}, {Title: "inner"},
	}
	if diff := cmp.Diff(want, r.Articles[0].Sources); diff != "" {
		t.Errorf("sources (-want +got):\n%s", diff)
	}
	if got := show(r.Articles[0].Body); got != "One.\nThe end\nTwo." {
		t.Errorf("body %q, want what stands around the sources", got)
	}
	if got := len(r.Articles[1].Sources); got != sourcesLimit {
		t.Errorf("%d sources, want %d", got, sourcesLimit)
	}
	if len(r.Articles[2].Sources) > 0 || len(r.Articles[2].Analysis) > 0 {
		t.Errorf("article %+v, want neither sources nor analysis", r.Articles[2])
	}
	warnings := []string{
		`a.md: sources: 1 cannot be printed; want a list of at most 50, each of at most 300 characters`,
		`a.md:14: link: "http://x.example/" does not begin with "https:"; its words are printed without it`,
		`b.md: sources: 4 cannot be printed; want a list of at most 50, each of at most 300 characters`,
		`c.md: sources: 1 cannot be printed; want a list of at most 50, each of at most 300 characters`,
	}
	if diff := cmp.Diff(warnings, lines(r.Warnings)); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}

// numbered returns a list of n items, all different.
func numbered(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "- Source %d\n", i)
	}
	return b.String()
}

func TestWhatWouldTakeTooLongIsRefused(t *testing.T) {
	const deep = "lists or quotes are nested more than 12 deep; simplify them"
	const deepest = "lists or quotes are nested more than 100 deep; simplify them"
	const links = "it has more than 1000 links; take some out"
	const signs = "it has more than 10000 signs of emphasis (* _ ~); take some out"
	const unended = "the HTML that begins here does not end, and the rest of the article would be lost in it; take it out"
	const size = 64 << 10
	tests := []struct{ name, body, want string }{
		{"quotes in quotes", "One.\n\n" + strings.Repeat(">", size), "a.md:7: " + deepest},
		{"13 quotes in each other", "One.\n\n" + strings.Repeat("> ", 13) + "x", "a.md:7: " + deep},
		{"lists in lists", "One.\n\n" + strings.Repeat("1. ", size/3), "a.md:7: " + deepest},
		{"lists in lists by indentation", staircase(40), "a.md:17: " + deep},
		{"emphasis in emphasis", strings.Repeat("*a _b ", 300) + strings.Repeat("x_ x* ", 300), "a.md:5: emphasis is nested too deep: html: open stack of elements exceeds 512 nodes"},
		{"links without end", "\n" + strings.Repeat("[a](", size/4), "a.md:6: " + links},
		{"links without words", strings.Repeat("[](", size/3), "a.md:5: " + links},
		{"definitions", strings.Repeat("[a]: b\n", size/7), "a.md:1005: " + links},
		{"signs of emphasis", strings.Repeat("*a**b***c_d__e___", size/17), "a.md:5: " + signs},
		{"a wide and long table", "|" + strings.Repeat("a|", 300) + "\n|" + strings.Repeat("-|", 300) + strings.Repeat("\n|", 700), "a.md:6: the table has more columns than so long an article can have; split it"},
		{"paragraphs", strings.Repeat("a\n\n", blockLimit+1), "a.md:5: it has more than 5000 paragraphs; split it"},
		{"a script that never ends", "One.\n\n<script>x\n\nTwo.", "a.md:7: " + unended},
		{"a comment that never ends", "One.\n\n<!-- note -- >\n\nTwo.", "a.md:7: " + unended},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := read(t, newFolder(t, map[string]string{"a.md": head + tt.body}))
			if diff := cmp.Diff([]string{tt.want}, lines(r.Refused)); diff != "" {
				t.Errorf("refused (-want +got):\n%s", diff)
			}
		})
	}
}

// staircase returns a list of depth lists in each other.
func staircase(depth int) string {
	var b strings.Builder
	for i := range depth {
		b.WriteString(strings.Repeat("  ", i) + "- x\n")
	}
	return b.String()
}

func TestWhatIsLongButNotTooLongIsTaken(t *testing.T) {
	for name, body := range map[string]string{
		"12 quotes in each other": strings.Repeat("> ", 12) + "x",
		"a rule of dashes":        "a\n\n" + strings.Repeat("-", 200) + "\n\n" + strings.Repeat("- ", 40),
		"quotes in code":          "```\n" + strings.Repeat(">", 50) + "\n```",
		"a table":                 "| a | b | c | d | e | f |\n|---|---|---|---|---|---|\n" + strings.Repeat("| 1 | 2 | 3 | 4 | 5 | 6 |\n", 500),
		"1000 links":              strings.Repeat("[x](https://x.example/) ", 1000),
		"a long article":          strings.Repeat(strings.Repeat("word ", 80)+"\n\n", 2000),
	} {
		if r := read(t, newFolder(t, map[string]string{"a.md": head + body})); len(r.Articles) != 1 || len(r.Warnings) > 0 {
			t.Errorf("%s: refused %q, warnings %q", name, lines(r.Refused), lines(r.Warnings))
		}
	}
}

func TestWarningsAreBounded(t *testing.T) {
	r := read(t, newFolder(t, map[string]string{"a.md": head + strings.Repeat("[x](/y)\n", 500)}))
	got := lines(r.Warnings)
	if len(got) != warningsLimit+1 || !strings.HasPrefix(got[0], "a.md:5: link: ") || got[warningsLimit] != "a.md: 480 more of the kind" {
		t.Errorf("%d warnings, from %q to %q; want %d and how many more", len(got), got[0], got[len(got)-1], warningsLimit)
	}
	f := newFolder(t, map[string]string{"a.md": head + strings.Repeat("![x](x.png)\n", 60), "x.png": string(picture(t, 5, 5))})
	r = read(t, f)
	if n := len(r.Articles[0].Body); n != figuresLimit || len(r.Warnings) != 10 {
		t.Errorf("%d pictures, warnings %q; want %d and the others named", n, lines(r.Warnings), figuresLimit)
	}
}
