package mailer

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-msgauth/dkim"

	"github.com/zotpaper/zotpaper/internal/emltest"
)

// keys returns a private key of each kind that can sign, in PEM, and the TXT
// record of its public half.
func keys(t *testing.T) map[string]struct{ pem, record string } {
	t.Helper()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaPublic, err := x509.MarshalPKIXPublicKey(rsaKey.Public())
	if err != nil {
		t.Fatal(err)
	}
	rsaRecord := "v=DKIM1; k=rsa; p=" + base64.StdEncoding.EncodeToString(rsaPublic)
	edRecord := "v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(edKey.Public().(ed25519.PublicKey))
	return map[string]struct{ pem, record string }{
		"RSA, PKCS #1": {block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey)), rsaRecord},
		"RSA, PKCS #8": {pkcs8(t, rsaKey), rsaRecord},
		"Ed25519":      {pkcs8(t, edKey), edRecord},
	}
}

func block(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func pkcs8(t *testing.T, key any) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return block("PRIVATE KEY", der)
}

const signingDomain = "news.zotpaper.example"

// verified returns what go-msgauth says of the only signature of raw.
func verified(t *testing.T, raw []byte, record string) error {
	t.Helper()
	vs, err := dkim.VerifyWithOptions(bytes.NewReader(raw), &dkim.VerifyOptions{LookupTXT: func(name string) ([]string, error) {
		if name != "s1._domainkey."+signingDomain {
			t.Errorf("the key is looked up under %s", name)
		}
		return []string{record}, nil
	}})
	if err != nil || len(vs) != 1 {
		t.Fatalf("%d signatures, %v; want one", len(vs), err)
	}
	return vs[0].Err
}

// odd is a message of what signatures stumble over: dots, long lines, blanks
// at the ends of lines, encoded and folded fields.
func odd() Message {
	m := specimen()
	m.Subject = strings.Repeat("Minister einig über den Haushalt ", 4)
	m.To.Name = "山田 太郎"
	m.Text = ".\n..\nblanks \t \n\n\nFrom me\n" + strings.Repeat("ä", 2000) + "\n\n\n"
	return m
}

func TestSignaturesVerify(t *testing.T) {
	personal := specimen()
	personal.ReplyTo, personal.ListID, personal.ListName, personal.ListArchive, personal.Unsubscribe, personal.FeedbackID, personal.Bulk = "", "", "", "", "", "", false
	for kind, key := range keys(t) {
		signer, err := NewSigner(signingDomain, "s1", []byte(key.pem))
		if err != nil {
			t.Fatal(err)
		}
		for name, m := range map[string]Message{"an edition": specimen(), "odd contents": odd(), "a mail to one person": personal} {
			t.Run(kind+", "+name, func(t *testing.T) {
				raw := compose(t, m)
				signed, err := signer.Sign(raw)
				if err != nil {
					t.Fatal(err)
				}
				if err := Check(signed); err != nil {
					t.Errorf("Check: %v", err)
				}
				if !bytes.HasSuffix(signed, raw) {
					t.Error("signing changed the message")
				}
				if err := verified(t, signed, key.record); err != nil {
					t.Errorf("go-msgauth: %v", err)
				}
				t.Run("by dkimpy", func(t *testing.T) { emltest.VerifyWithDkimpy(t, signed, key.record) })

				// What is promised to be covered is: a change breaks the signature.
				fields := []string{"From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type"}
				if m.ListID != "" {
					fields = append(fields, "Reply-To", "List-Id", "List-Unsubscribe", "List-Unsubscribe-Post", "Feedback-ID")
				}
				for _, field := range fields {
					if verified(t, renamed(t, signed, field), key.record) == nil {
						t.Errorf("%s can be changed", field)
					}
				}
				for _, changed := range [][]byte{
					append(slices.Clone(signed), "one more line\r\n"...), bytes.Replace(signed, []byte("<!DOCTYPE"), []byte("<!doctype"), 1),
				} {
					if bytes.Equal(changed, signed) || verified(t, changed, key.record) == nil {
						t.Error("the body can be changed")
					}
				}
				for _, added := range []string{"From: <x@example.net>\r\n", "Subject: other\r\n"} {
					if verified(t, append([]byte(added), signed...), key.record) == nil {
						t.Errorf("%q can be added", added)
					}
				}
			})
		}
	}
}

// renamed returns raw with one field by another name.
func renamed(t *testing.T, raw []byte, field string) []byte {
	t.Helper()
	form := regexp.MustCompile(`(?m)^` + field + `:`)
	if !form.Match(raw) {
		t.Fatalf("no field %s", field)
	}
	return form.ReplaceAll(raw, []byte("X-Was-"+field+":"))
}

func TestASignerServesManyAtOnce(t *testing.T) {
	key := keys(t)["RSA, PKCS #8"]
	signer, err := NewSigner(signingDomain, "s1", []byte(key.pem))
	if err != nil {
		t.Fatal(err)
	}
	raw := compose(t, specimen())
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			signed, err := signer.Sign(raw)
			if err != nil {
				t.Error(err)
				return
			}
			if err := verified(t, signed, key.record); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestNewSignerRefuses(t *testing.T) {
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	good := keys(t)["Ed25519"].pem
	for name, tt := range map[string]struct{ domain, selector, key, want string }{
		"a key of 1024 bits":        {signingDomain, "s1", pkcs8(t, short), "2048"},
		"a key of another kind":     {signingDomain, "s1", pkcs8(t, curve), "RSA or Ed25519"},
		"a public key":              {signingDomain, "s1", block("PUBLIC KEY", []byte("x")), "PRIVATE KEY"},
		"an encrypted key":          {signingDomain, "s1", block("ENCRYPTED PRIVATE KEY", []byte("x")), "PRIVATE KEY"},
		"a broken key":              {signingDomain, "s1", block("PRIVATE KEY", []byte("x")), "dkim"},
		"no key":                    {signingDomain, "s1", "", "PEM"},
		"a selector with a blank":   {signingDomain, "s 1", good, "selector"},
		"a selector that adds tags": {signingDomain, "s1; l=0", good, "selector"},
		"no selector":               {signingDomain, "", good, "selector"},
		"a domain with CRLF":        {"news\r\n.example", "s1", good, "domain"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := NewSigner(tt.domain, tt.selector, []byte(tt.key)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("NewSigner: got %v, want an error about %s", err, tt.want)
			}
		})
	}
}

func TestSignRefusesWhatIsNoMessage(t *testing.T) {
	signer, err := NewSigner(signingDomain, "s1", []byte(keys(t)["Ed25519"].pem))
	if err != nil {
		t.Fatal(err)
	}
	if signed, err := signer.Sign([]byte("no header here")); err == nil {
		t.Errorf("Sign gave %q", signed)
	}
}

// TestTheEditionKeepsTheRules holds what Compose and Sign make to the rules
// for headers and MIME; those for HTML are the renderer's business.
func TestTheEditionKeepsTheRules(t *testing.T) {
	key := keys(t)["RSA, PKCS #8"]
	signer, err := NewSigner(signingDomain, "s1", []byte(key.pem))
	if err != nil {
		t.Fatal(err)
	}
	long := odd()
	long.Subject = "Afternoon Edition, Di 24 Nov: Minister einig über den Haushalt"
	long.Text = strings.Replace(long.Text, "\nFrom me", "", 1)
	for name, m := range map[string]Message{"an edition": specimen(), "odd contents": long} {
		m.Text = strings.Replace(m.Text, "From here", "from here", 1)
		signed, err := signer.Sign(compose(t, m))
		if err != nil {
			t.Fatal(err)
		}
		stencil, err := NewStencil(m)
		if err != nil {
			t.Fatal(err)
		}
		w, _, err := stencil.Wire(nil, Own{To: m.To, ID: m.ID, Unsubscribe: m.Unsubscribe}, signer)
		if err != nil {
			t.Fatal(err)
		}
		for how, signed := range map[string][]byte{"Sign": signed, "Wire": unstuffed(w)} {
			findings, err := emltest.Check(signed, emltest.Expect{
				FromName: "Zotpaper", To: "ann@example.org", Subject: m.Subject, Edition: "Afternoon Edition", Domain: signingDomain,
				Text: m.Text, HTML: m.HTML, Now: m.Date, Signed: true, SigningDomain: signingDomain, PublicKey: key.record,
			})
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range findings {
				if strings.Contains("MHE", f.ID[:1]) && f.ID != "E7" || f.ID == "U1" || f.ID == "U2" || f.ID == "U3" || f.ID == "U4" {
					t.Errorf("%s, by %s: %s %s: %s", name, how, f.ID, f.Rule, f.Problem)
				}
			}
		}
	}
}
