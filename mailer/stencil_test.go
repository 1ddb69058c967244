package mailer

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// issueFor returns the message that own gets, composed the long way. The two
// tokens stand in both bodies, among words.
func issueFor(words string, own Own) Message {
	return Message{
		From: Address{Name: "Zotpaper", Address: "edition@news.zotpaper.example"}, To: own.To,
		Subject: "Afternoon Edition", Date: time.Date(2026, 2, 8, 16, 0, 0, 0, time.UTC), ID: own.ID,
		ListID: "afternoon.news.zotpaper.example", ListName: "Zotpaper", Unsubscribe: own.Unsubscribe, Bulk: true,
		Text:     words + " https://n.example/u/" + own.Tokens[0] + "\n.dot\n" + words + own.Tokens[1] + words,
		HTML:     "<p>" + words + `<a href="https://n.example/u/` + own.Tokens[0] + `">x</a>` + words + `<a href="https://n.example/p/` + own.Tokens[1] + `">` + words,
		Boundary: "part-0123456789abcdef",
	}
}

func TestStencilGivesTheBytesOfCompose(t *testing.T) {
	token := rapid.StringMatching(`[A-Za-z0-9_-]{40}`)
	rapid.Check(t, func(t *rapid.T) {
		// Words of any script and length put the tokens into any column.
		words := rapid.StringOfN(rapid.RuneFrom([]rune("ab .=é東\n-")), 0, 200, -1).Draw(t, "words")
		own := func(name string) Own {
			unsubscribe := token.Draw(t, name)
			return Own{
				To:          Address{Name: rapid.SampledFrom([]string{"", "Ada King", "Zoë", `a "quote" \`, "東京の読者"}).Draw(t, name), Address: name + "@example.org"},
				ID:          name + "@news.zotpaper.example",
				Unsubscribe: "https://n.example/u/" + unsubscribe,
				Tokens:      []string{unsubscribe, token.Draw(t, name)},
			}
		}
		first, second := own("first"), own("second")
		stencil, err := NewStencil(issueFor(words, first), first.Tokens...)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range []Own{first, second} {
			want, err := issueFor(words, o).Compose()
			if err != nil {
				t.Fatal(err)
			}
			got, err := stencil.Compose(nil, o)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Fatalf("Stencil.Compose differs from Message.Compose:\n%s\nwant\n%s", got, want)
			}
		}
	})
}

func TestStencilRefuses(t *testing.T) {
	own := Own{
		To: Address{Address: "ada@example.org"}, ID: "1@news.zotpaper.example",
		Unsubscribe: "https://n.example/u/aaaaaaaaaaaa", Tokens: []string{"aaaaaaaaaaaa", "bbbbbbbbbbbb"},
	}
	stencil, err := NewStencil(issueFor("words", own), own.Tokens...)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		change func(*Own)
	}{
		{"a token of another length", func(o *Own) { o.Tokens = []string{"aaaaaaaaaaaaa", o.Tokens[1]} }},
		{"a token that would be encoded", func(o *Own) { o.Tokens = []string{"aaaaaaaaaaa=", o.Tokens[1]} }},
		{"a token too few", func(o *Own) { o.Tokens = o.Tokens[:1] }},
		{"a name with a line break", func(o *Own) { o.To.Name = "Ada\r\nBcc: x@example.org" }},
		{"an address with a second recipient", func(o *Own) { o.To.Address = "ada@example.org>, <bo@example.org" }},
		{"a Message-ID with a line break", func(o *Own) { o.ID = "1\r\nX: y@example.org" }},
		{"an unsubscribe link with a line break", func(o *Own) { o.Unsubscribe = "https://n.example/\r\nX: y" }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := own
			tt.change(&o)
			if got, err := stencil.Compose([]byte("kept"), o); err == nil || string(got) != "kept" {
				t.Errorf("Compose: %q, error %v; want a refusal that adds nothing", got, err)
			}
		})
	}
	if _, err := NewStencil(issueFor("words", own), "cccccccccccc"); err == nil || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("NewStencil with a token that is not there: error %v", err)
	}
}

func BenchmarkCompose(b *testing.B) {
	own := Own{
		To: Address{Name: "Ada King", Address: "ada@example.org"}, ID: "1@news.zotpaper.example",
		Unsubscribe: "https://n.example/u/aaaaaaaaaaaa", Tokens: []string{"aaaaaaaaaaaa", "bbbbbbbbbbbb"},
	}
	message := issueFor(strings.Repeat("Words of a paragraph, “quoted” and all. ", 500), own)
	b.Run("message", func(b *testing.B) {
		for b.Loop() {
			if _, err := message.Compose(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("stencil", func(b *testing.B) {
		stencil, err := NewStencil(message, own.Tokens...)
		if err != nil {
			b.Fatal(err)
		}
		var buffer []byte
		b.ReportAllocs()
		for b.Loop() {
			if buffer, err = stencil.Compose(buffer[:0], own); err != nil {
				b.Fatal(err)
			}
		}
	})
}
