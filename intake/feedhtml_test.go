package intake

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zotpaper/zotpaper/edition"
)

func TestFeedHTML(t *testing.T) {
	tests := []struct{ name, markup, want string }{
		{"paragraphs", "<p>One <b>two</b></p>\n<p>Three</p>", "One two\nThree"},
		{"words without markup", "One\ntwo", "One two"},
		{"what only divides", "<div><section>One<div>Two</div>Three</section></div>", "One\nTwo\nThree"},
		{"line breaks", "One<br><br/>Two<br>", "One//Two"},
		{"a paragraph without end", "<p>One<p>Two<ul><li>a<li>b</ul>Three", "One\nTwo\n- a- b\nThree"},
		{"a quote", "<blockquote><p>One</p>Two</blockquote>", "One\nTwo"},
		{"a heading", "<h2>One</h2>Two", "One\nTwo"},
		{"a heading with another end", "<h2>One</h3>Two", "One\nTwo"},
		{"a heading without end", "<h2>One<p>Two", "One\nTwo"},
		{"a heading that is arranged", "<h2><div>One</div></h2>Two", "One\nTwo"},
		{"a rule", "One<hr/>Two", "One\n\nTwo"},
		{"text in a list", "<ul>One<li>two</ul>", "- One- two"},
		{"a list in a list", "<ul><li>a<ul><li>b</li></ul></li><li>c</li></ul>", "- a\n- b- c"},
		{"a list in a list, badly", "<ul><li>a</li><ul><li>b</li></ul></ul>", "- a- - b"},
		{"an item without list", "<li>a</li><li>b</li>", "a\nb"},
		{"a table", "<table><thead><tr><th>a</th><th>b</th></tr></thead><tbody><tr><td>1<td>2<tr><td>3</table>", "|a|b|1|2|3|"},
		{"paragraphs in a cell are lines", "<table><tr><td><p>a</p><p>b</p></td><td>c</td></tr></table>", "|a/b|c"},
		{"a table in a table is none", "<table><tr><td>a<table><tr><td>b</td><td>c</td></tr></table></td><td>d</td></tr></table>", "|a/b/c|d"},
		{"a table of one column is none", "<table><tr><td>a</td></tr><tr><td>b</td></tr></table>", "a\nb"},
		{"cells without table", "<tr><td>a</td><td>b</td></tr>", "a\nb"},
		{"program text", "<pre>\na  b\n<code>c</code><br>d\x01</pre>", "a  b\nc\nd"},
		{"room made with blanks is none", "<p>&nbsp;</p><p>One</p><p>&nbsp;<b>&nbsp;</b></p>", "One"},
		{"a blank that does not break stays", "<p>10&nbsp;000</p>", "10\u00a0000"},

		{"a link", `<a href="https://x.example/a">x</a>`, "[x](https://x.example/a)"},
		{"a relative link", `<a href="../b?c#d">x</a>`, "[x](https://paper.example/b?c#d)"},
		{"mail", `<a href="mailto:a@x.example">x</a>`, "[x](mailto:a@x.example)"},
		{"http of the paper itself", `<a href="http://paper.example/b">x</a>`, "[x](https://paper.example/b)"},
		{"http of others is words", `<a href="http://x.example/b">x</a>`, "x"},
		{"a script is words", `<a href="javascript:alert(1)">x</a>`, "x"},
		{"a script in disguise is words", `<a href=" jAva&#10;script&colon;alert(1)">x</a>`, "x"},
		{"data is words", `<a href="data:text/html,x">x</a>`, "x"},
		{"a link around paragraphs is words", `<a href="https://x.example/"><p>x</p></a>y`, "x\ny"},
		{"a link without end ends with its paragraph", `<p><a href="https://x.example/">x</p><p>y</p>`, "[x](https://x.example/)\ny"},

		{"scripts and styles", "a<script>alert('<p>1')</script><style>p{}</style>b", "ab"},
		{"a script without end", "a<script>b", "a"},
		{"handlers", `<p onclick="alert(1)" style="position:fixed">a<img src=x onerror=alert(1)>b</p>`, "ab"},
		{"frames", `a<iframe src="https://x.example/">x</iframe>b<iframe src="x"/>c`, "abc"},
		{"drawings", "a<svg><title>t</title><script>x</script><svg>u</svg>v</svg>b", "ab"},
		{"pictures and their captions", `a<figure><img src="x.jpg" alt="alt"><figcaption>Photo: X</figcaption></figure>b`, "a\nb"},
		{"fields", "a<select><option>x</select><textarea>y</textarea><button>z</button>b", "azb"},
		{"comments", "a<!-- <p>x</p> -->b<![CDATA[c]]>", "ab"},
		{"markup that became words", "&lt;script&gt;alert(1)&lt;/script&gt;", "<script>alert(1)</script>"},
		{"control characters", "a&#x1b;[2Jb\u202ec\u2066d\u2069\ufeffe\u2028f", "a[2Jbcde f"},
		{"letters are composed", "u\u0308", "\u00fc"},
		{"styles that nothing closes", "<b><i><u>a<p>b", "a\nb"},
		{"ends that nothing began", "</div></p></li></td></ul>a</b></a></h2>b", "ab"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			blocks, wrong := htmlBlocks(tt.markup, "https://paper.example/news/a")
			if wrong != nil {
				t.Fatal(wrong.reason)
			}
			if diff := cmp.Diff(tt.want, show(blocks)); diff != "" {
				t.Errorf("printed (-want +got):\n%s", diff)
			}
			checkBlocks(t, blocks)
		})
	}
}

func TestLooksOfFeedHTML(t *testing.T) {
	blocks, _ := htmlBlocks(`<p><b>a</b><i>b<strong>c</strong></i><s>d</s><tt>e</tt></p><ol start="3"><li>f</ol>`, "")
	want := []edition.Block{
		para(edition.Span{Text: "a", Strong: true}, edition.Span{Text: "b", Em: true}, edition.Span{Text: "c", Em: true, Strong: true},
			edition.Span{Text: "d", Strike: true}, edition.Span{Text: "e", Code: true}),
		{Kind: edition.List, Ordered: true, Start: 3, Items: [][]edition.Block{{para(words("f"))}}},
	}
	if diff := cmp.Diff(want, blocks); diff != "" {
		t.Errorf("blocks (-want +got):\n%s", diff)
	}
}

// TestHostileFeedHTML wants no text of a megabyte to cost more than a few of
// its own size, or to nest deeper than a template can follow.
func TestHostileFeedHTML(t *testing.T) {
	fill := func(start, again string) string {
		return start + strings.Repeat(again, (fileLimit-len(start))/len(again))
	}
	styles := "<p>"
	for range 500 {
		styles += `<b a="` + strings.Repeat("1", len(styles)%7) + `">`
	}
	tests := []struct{ name, markup string }{
		{"elements in one another", fill("", "<div>")},
		{"quotes in one another", fill("", "<blockquote>a")},
		{"lists in one another", fill("", "<ul><li>")},
		{"tables in one another", fill("", "<table><tr><td>")},
		{"styles in one another", fill("", "<b>a<i>")},
		{"styles that a browser would open anew in each paragraph", fill(styles+"</p>", "<p>x</p>")},
		{"links in one another", fill("", `<a href="https://x.example">a`)},
		{"styles of no words", fill("", "<b></b>x")},
		{"markup that is not known", fill("", "<x>a")},
		{"ends without beginning", fill("", "</b></p></td>")},
		{"paragraphs", fill("", "<p>a")},
		{"a table of many columns", fill("<table><tr>", "<td>a")},
		{"a table of many rows", fill("<table><tr><td>a<td>b", "<tr><td>a")},
		{"signs that could begin something", fill("", "<")},
		{"entities", fill("", "&amp")},
		{"one tag", fill("<a ", "b=c ")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			began := time.Now()
			blocks, wrong := htmlBlocks(tt.markup, "https://paper.example/")
			took := time.Since(began)
			runtime.ReadMemStats(&after)
			t.Logf("%v, %d MB", took.Round(time.Millisecond), (after.TotalAlloc-before.TotalAlloc)>>20)
			if got := (after.TotalAlloc - before.TotalAlloc) >> 20; got > 500 {
				t.Errorf("%d MB were taken in all", got)
			}
			if wrong == nil {
				checkBlocks(t, blocks)
				if depth := depthOf(blocks); depth > openLimit {
					t.Errorf("blocks are nested %d deep", depth)
				}
			}
		})
	}
}

func depthOf(blocks []edition.Block) int {
	depth := 0
	for _, b := range blocks {
		depth = max(depth, 1+depthOf(b.Blocks))
		for _, item := range b.Items {
			depth = max(depth, 1+depthOf(item))
		}
	}
	return depth
}
