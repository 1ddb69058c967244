package templates

import (
	"bytes"
	"html/template"
	"strings"
	"testing"

	"github.com/zotpaper/zotpaper/internal/browsertest"
)

func TestAccessibility(t *testing.T) {
	issue := render(t, sampleEdition())
	mail, web := browsertest.Serve(t, issue.HTML), browsertest.Serve(t, issue.Web)
	b := browsertest.Start(t)
	b.Accessible(t, "A5 mail", mail, 600, 375)
	b.Accessible(t, "A5 web", web, 600, 375)
}

// TestAccessibilityIsJudged shows that the judge of the test above is awake.
func TestAccessibilityIsJudged(t *testing.T) {
	b := browsertest.Start(t)
	b.Open(t, browsertest.Serve(t, `<!DOCTYPE html><html><title>x</title><p style="color:#aaaaaa;background:#ffffff">pale</p><img src="x.png">`), 600, browsertest.Light)
	found := strings.Join(b.Violations(t), "\n")
	for _, rule := range []string{"color-contrast", "html-has-lang", "image-alt"} {
		if !strings.Contains(found, rule) {
			t.Errorf("axe-core does not complain of %s: %q", rule, found)
		}
	}
}

func TestDarkModeChangesEveryColour(t *testing.T) {
	b := browsertest.Start(t)
	b.Open(t, browsertest.Serve(t, render(t, sampleEdition()).HTML), 600, browsertest.Dark)
	left := browsertest.Eval[[]string](t, b, `[...document.querySelectorAll("[role=article] *")].filter(e => {
		const s = getComputedStyle(e);
		return s.color == "rgb(26, 26, 26)" || s.backgroundColor == "rgb(255, 255, 255)";
	}).map(e => e.outerHTML.slice(0, 120))`)
	for _, e := range left {
		t.Errorf("keeps its light colours in the dark: %s", e)
	}
}

// TestInliningLooksLikeTheSheet compares, element by element, what Chromium
// makes of the sheet itself and of the style attributes the inliner wrote. It
// differs as soon as a rule leaves the subset that the inliner ranks as
// browsers do.
func TestInliningLooksLikeTheSheet(t *testing.T) {
	r := renderer(t)
	pg := newPage(r.publication, sampleEdition(), "https://news.zotpaper.example/x", nil)
	pg.Inline = template.CSS(r.inlineCSS)
	var sheet bytes.Buffer
	if err := r.html.Execute(&sheet, pg); err != nil {
		t.Fatal(err)
	}
	inlined, err := inline(sheet.String())
	if err != nil {
		t.Fatal(err)
	}
	b := browsertest.Start(t)
	const styles = `[...document.body.querySelectorAll("*")].map(e => {
		const s = getComputedStyle(e);
		return e.tagName + ": " + [...s].map(p => p + ":" + s.getPropertyValue(p)).join(";");
	})`
	var got [2][]string
	for i, page := range []string{sheet.String(), inlined} {
		b.Open(t, browsertest.Serve(t, page), 600, browsertest.Light)
		got[i] = browsertest.Eval[[]string](t, b, styles)
	}
	if len(got[0]) != len(got[1]) || len(got[0]) < 100 {
		t.Fatalf("%d elements with the sheet, %d inlined; want the same number, at least 100", len(got[0]), len(got[1]))
	}
	for i := range got[0] {
		if got[0][i] != got[1][i] {
			t.Errorf("element %d differs:\nsheet   %.300s\ninlined %.300s", i, got[0][i], got[1][i])
		}
	}
}
