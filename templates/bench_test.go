package templates

import "testing"

// BenchmarkRender renders an edition of ten articles of 450 words: the mail,
// its text and the web page.
func BenchmarkRender(b *testing.B) {
	r, err := New(paper(), nil)
	if err != nil {
		b.Fatal(err)
	}
	e := longEdition(10, 450)
	for b.Loop() {
		if _, err := r.Render(e); err != nil {
			b.Fatal(err)
		}
	}
}
