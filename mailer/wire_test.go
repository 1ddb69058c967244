package mailer

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/zotpaper/zotpaper/internal/emltest"
)

// unstuffed returns what a server makes of w: it takes one dot from the
// beginning of each line that has one.
//
// https://www.rfc-editor.org/rfc/rfc5321#section-4.5.2
func unstuffed(w Wire) []byte {
	var raw []byte
	for line := range bytes.SplitAfterSeq(w.stuffed, []byte("\r\n")) {
		raw = append(raw, bytes.TrimPrefix(line, []byte("."))...)
	}
	return raw
}

// readers draws two readers, whatever they are called.
func readers(t *rapid.T) (first, second Own) {
	token := rapid.StringMatching(`[A-Za-z0-9_-]{40}`)
	name := rapid.OneOf(
		rapid.SampledFrom([]string{"", "Ada King", "Zoë", `a "quote" \`, "東京の読者", "=?utf-8?q?x?=", ".dot"}),
		rapid.StringOfN(rapid.RuneFrom([]rune(`ab .="\é東`)), 0, 120, -1),
	)
	own := func() Own {
		unsubscribe := token.Draw(t, "unsubscribe")
		return Own{
			To:          Address{Name: name.Draw(t, "name"), Address: rapid.StringMatching(`[a-z!#$%&'*+/=?^_{|}~-]{1,64}@[a-z]{1,63}(\.[a-z]{1,40}){0,2}`).Draw(t, "address")},
			ID:          rapid.StringMatching(`[A-Za-z0-9.+_-]{1,64}@news\.zotpaper\.example`).Draw(t, "id"),
			Unsubscribe: "https://n.example/u/" + unsubscribe,
			Tokens:      []string{unsubscribe, token.Draw(t, "token")},
		}
	}
	return own(), own()
}

// words draws a text of any script and length, which puts what follows it into
// any column, blanks and empty lines among it.
func words(t *rapid.T) string {
	return rapid.StringOfN(rapid.RuneFrom([]rune("ab .=é東\n-\t")), 0, 200, -1).Draw(t, "words")
}

func TestWireIsComposeWithDotsDoubled(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := words(t)
		first, second := readers(t)
		stencil, err := NewStencil(issueFor(text, first), first.Tokens...)
		if err != nil {
			t.Fatal(err)
		}
		buffer := []byte("kept")
		for _, own := range []Own{first, second} {
			want, err := issueFor(text, own).Compose()
			if err != nil {
				t.Fatal(err)
			}
			w, got, err := stencil.Wire(buffer, own, nil)
			if err != nil {
				t.Fatal(err)
			}
			if raw := unstuffed(w); !bytes.Equal(raw, want) {
				t.Fatalf("Stencil.Wire differs from Message.Compose:\n%s\nwant\n%s", raw, want)
			}
			if !bytes.Equal(w.stuffed, stuff(want)) || w.Len() != len(want) || !bytes.Equal(got, append([]byte("kept"), w.stuffed...)) {
				t.Fatalf("Len %d, want %d; wire:\n%s\nbytes:\n%s", w.Len(), len(want), w.stuffed, got)
			}
		}
	})
}

func TestWireRefuses(t *testing.T) {
	own := ada()
	stencil, err := NewStencil(issueFor("words", own), own.Tokens...)
	if err != nil {
		t.Fatal(err)
	}
	own.To.Name = "Ada\r\n.\r\nMAIL FROM:<x@example.org>"
	if w, got, err := stencil.Wire([]byte("kept"), own, nil); err == nil || string(got) != "kept" || len(w.stuffed) > 0 {
		t.Errorf("Wire: %q, error %v; want a refusal that adds nothing", got, err)
	}
	own = ada()
	m := issueFor("words", own)
	m.Boundary = "part-" + own.Tokens[0]
	m.Text, m.HTML = strings.Replace(m.Text, own.Tokens[0], "x", 1), strings.Replace(m.HTML, own.Tokens[0], "x", 1)
	if _, err := NewStencil(m, own.Tokens...); err == nil || !strings.Contains(err.Error(), "boundary") {
		t.Errorf("NewStencil with a token in the boundary: %v", err)
	}
}

func ada() Own {
	return Own{
		To: Address{Name: "Ada King", Address: "ada@example.org"}, ID: "1@news.zotpaper.example",
		Unsubscribe: "https://n.example/u/aaaaaaaaaaaa", Tokens: []string{"aaaaaaaaaaaa", "bbbbbbbbbbbb"},
	}
}

// TestSignedWireVerifies: go-msgauth, which signs otherwise and hashes bodies
// byte by byte, agrees with what is precomputed here.
func TestSignedWireVerifies(t *testing.T) {
	for kind, key := range keys(t) {
		signer, err := NewSigner(signingDomain, "s1", []byte(key.pem))
		if err != nil {
			t.Fatal(err)
		}
		t.Run(kind, func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				text := words(rt)
				first, second := readers(rt)
				stencil, err := NewStencil(issueFor(text, first), first.Tokens...)
				if err != nil {
					rt.Fatal(err)
				}
				want, err := stencil.Compose(nil, second)
				if err != nil {
					rt.Fatal(err)
				}
				w, _, err := stencil.Wire(nil, second, signer)
				if err != nil {
					rt.Fatal(err)
				}
				signed := unstuffed(w)
				if !bytes.HasSuffix(signed, want) || w.Len() != len(signed) {
					rt.Fatalf("signing changed the message:\n%s\nwant\n%s", signed, want)
				}
				if err := verified(t, signed, key.record); err != nil {
					rt.Fatalf("go-msgauth: %v\n%s", err, signed)
				}
				if err := Check(signed); err != nil {
					rt.Fatalf("Check: %v", err)
				}
			})
		})
	}
}

// TestDkimpyVerifiesAnySignature: of a few bodies at random, since it takes a
// Python for each, by both ways of signing.
func TestDkimpyVerifiesAnySignature(t *testing.T) {
	type drawn struct {
		text string
		own  Own
	}
	draw := rapid.Custom(func(t *rapid.T) drawn {
		own, _ := readers(t)
		return drawn{words(t), own}
	})
	for kind, key := range keys(t) {
		if kind == "RSA, PKCS #1" {
			continue // it signs as PKCS #8 does
		}
		signer, err := NewSigner(signingDomain, "s1", []byte(key.pem))
		if err != nil {
			t.Fatal(err)
		}
		for seed := range 3 {
			t.Run(fmt.Sprintf("%s, %d", kind, seed), func(t *testing.T) {
				d := draw.Example(seed)
				m := issueFor(d.text, d.own)
				stencil, err := NewStencil(m, d.own.Tokens...)
				if err != nil {
					t.Fatal(err)
				}
				w, _, err := stencil.Wire(nil, d.own, signer)
				if err != nil {
					t.Fatal(err)
				}
				signed, err := signer.Sign(compose(t, m))
				if err != nil {
					t.Fatal(err)
				}
				for _, raw := range [][]byte{unstuffed(w), signed} {
					emltest.VerifyWithDkimpy(t, raw, key.record)
				}
			})
		}
	}
}

// TestSignedWireCoversWhatSignDoes: the same fields, each in place and held.
func TestSignedWireCoversWhatSignDoes(t *testing.T) {
	own := ada()
	for kind, key := range keys(t) {
		signer, err := NewSigner(signingDomain, "s1", []byte(key.pem))
		if err != nil {
			t.Fatal(err)
		}
		for name, m := range map[string]Message{"an edition": specimen(), "odd contents": odd()} {
			t.Run(kind+", "+name, func(t *testing.T) {
				m.Text += own.Tokens[0] + "\n" + own.Tokens[1] + " \t\n\n\n"
				m.HTML += own.Tokens[0]
				stencil, err := NewStencil(m, own.Tokens...)
				if err != nil {
					t.Fatal(err)
				}
				w, _, err := stencil.Wire(nil, own, signer)
				if err != nil {
					t.Fatal(err)
				}
				signed := unstuffed(w)
				if err := verified(t, signed, key.record); err != nil {
					t.Errorf("go-msgauth: %v", err)
				}
				t.Run("by dkimpy", func(t *testing.T) { emltest.VerifyWithDkimpy(t, signed, key.record) })
				for _, field := range []string{
					"From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type", "Reply-To",
					"List-Id", "List-Unsubscribe", "List-Unsubscribe-Post", "Feedback-ID",
				} {
					if verified(t, renamed(t, signed, field), key.record) == nil {
						t.Errorf("%s can be changed", field)
					}
				}
				for _, added := range []string{"From: <x@example.net>\r\n", "Subject: other\r\n"} {
					if verified(t, append([]byte(added), signed...), key.record) == nil {
						t.Errorf("%q can be added", added)
					}
				}
				if verified(t, append(slices.Clone(signed), "one more line\r\n"...), key.record) == nil {
					t.Error("the body can be changed")
				}
				field, _, _ := bytes.Cut(signed, []byte("\r\nFrom:"))
				checkHeaderLines(t, string(field))
				if want := "h=" + strings.Join(signedFields(), ":") + ";"; !strings.Contains(strings.Join(strings.Fields(string(field)), ""), want) {
					t.Errorf("the signature is not over %s:\n%s", want, field)
				}
			})
		}
	}
}

// TestFoldedSignature: no line is longer than 78 for domains and selectors of
// usual length, and none breaks within a name.
func TestFoldedSignature(t *testing.T) {
	key := keys(t)["RSA, PKCS #8"]
	for _, domain := range []string{"a.example", strings.Repeat("news.", 10) + "example", strings.Repeat("d", 60) + ".example"} {
		for _, selector := range []string{"s", strings.Repeat("s", 60)} {
			signer, err := NewSigner(domain, selector, []byte(key.pem))
			if err != nil {
				t.Fatal(err)
			}
			field := string(appendSignature(signer.appendField(nil, sha256.Sum256(nil)), make([]byte, 256)))
			checkHeaderLines(t, strings.TrimSuffix(field, "\r\n"))
			for line := range strings.SplitSeq(strings.TrimSuffix(field, "\r\n"), "\r\n") {
				if len(line) > lineLimit || strings.TrimSpace(line) == "" {
					t.Errorf("a line of %d bytes: %q", len(line), line)
				}
			}
			for _, name := range signedFields() {
				if !strings.Contains(field, name+":") && !strings.Contains(field, name+";") {
					t.Errorf("%s is broken:\n%s", name, field)
				}
			}
		}
	}
}

// large is a message of some 60 kB, and to whom it is.
func large(b *testing.B) (*Stencil, Own) {
	b.Helper()
	own := ada()
	stencil, err := NewStencil(issueFor(strings.Repeat("Words of a paragraph, quoted and all, and a “mark” ", 145), own), own.Tokens...)
	if err != nil {
		b.Fatal(err)
	}
	return stencil, own
}

func BenchmarkWire(b *testing.B) {
	stencil, own := large(b)
	for _, name := range []string{"Ada King", "", "Zoë", "東京の読者"} {
		b.Run(fmt.Sprintf("name=%q", name), func(b *testing.B) {
			own.To.Name = name
			var buffer []byte
			var err error
			b.ReportAllocs()
			for b.Loop() {
				if _, buffer, err = stencil.Wire(buffer[:0], own, nil); err != nil {
					b.Fatal(err)
				}
			}
			b.SetBytes(int64(len(buffer)))
		})
	}
}

// BenchmarkSign shows what a signature costs beside the arithmetic of RSA,
// which is "bare".
func BenchmarkSign(b *testing.B) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		b.Fatal(err)
	}
	signer, err := NewSigner(signingDomain, "s1", pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
	if err != nil {
		b.Fatal(err)
	}
	stencil, own := large(b)
	raw, err := stencil.Compose(nil, own)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("bare", func(b *testing.B) {
		digest := sha256.Sum256(raw)
		for b.Loop() {
			if _, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:]); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("message", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := signer.Sign(raw); err != nil {
				b.Fatal(err)
			}
		}
	})
	stencilWith := func(signer *Signer) func(*testing.B) {
		return func(b *testing.B) {
			var buffer []byte
			var err error
			b.ReportAllocs()
			for b.Loop() {
				if _, buffer, err = stencil.Wire(buffer[:0], own, signer); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	b.Run("stencil", stencilWith(signer))
	free := *signer
	free.key = unsigned{key}
	b.Run("stencil, but for the arithmetic", stencilWith(&free))
}

// unsigned is a key whose signatures cost nothing and are worth it.
type unsigned struct{ *rsa.PrivateKey }

func (unsigned) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return make([]byte, 256), nil
}
