package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/zotpaper/zotpaper/internal/emltest"
	"github.com/zotpaper/zotpaper/mailer"
	"github.com/zotpaper/zotpaper/templates"
)

// sampleSent sends the sample edition to its thirty readers, signed by signer
// if that is not nil.
func sampleSent(t *testing.T, signer *mailer.Signer) *sample {
	t.Helper()
	a := &app{stdin: strings.NewReader(""), stdout: io.Discard, stderr: io.Discard, environ: func() []string { return nil }, now: time.Now}
	s, err := a.newSample(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.close(); err != nil {
			t.Error(err)
		}
		s.inbox.Close()
	})
	s.press.Sender.Signer = signer
	if s.sent, err = s.press.Send(t.Context(), s.slot, s.press.Today(), "test", nil); err != nil {
		t.Fatal(err)
	}
	return s
}

// expect is what the specification of the mail says of the sample's.
func expect(t *testing.T, s *sample) emltest.Expect {
	t.Helper()
	issue, facts, err := s.press.Issue(t.Context(), s.sent.Record.Key)
	if err != nil {
		t.Fatal(err)
	}
	if len(facts.Articles) != 11 || len(facts.Cuts) > 0 || len(facts.Omitted) != 2 || len(facts.Warnings)+len(facts.Refused) > 0 {
		t.Errorf("%d articles, cuts %v, omitted %v, warnings %q, refused %q; want 11, none, the embargoed and the draft, none, none",
			len(facts.Articles), facts.Cuts, facts.Omitted, facts.Warnings, facts.Refused)
	}
	want := emltest.Expect{
		FromName: "Zotpaper", Subject: issue.Subject, Edition: "Afternoon Edition", Domain: "news.zotpaper.example",
		Summary: issue.Preheader, Postal: "1 Example Street, Exampletown", Conditionals: 3, Now: time.Now(),
		InOrder: []string{"Afternoon Edition", "ZOTPAPER", "News without the noise", "In this edition"},
	}
	for _, a := range facts.Articles {
		want.InOrder = append(want.InOrder, a.Headline)
	}
	return want
}

// TestSampleMailsMeetTheSpecification holds the mails that readers of the demo
// get to every rule of a mail, as they came over the wire.
func TestSampleMailsMeetTheSpecification(t *testing.T) {
	s := sampleSent(t, nil)
	want := expect(t, s)
	issue, _, err := s.press.Issue(t.Context(), s.sent.Record.Key)
	if err != nil {
		t.Fatal(err)
	}
	messages := s.inbox.Messages()
	if len(messages) != 30 {
		t.Fatalf("%d mails, want 30", len(messages))
	}
	seen := map[string]bool{}
	for i, m := range messages {
		record, err := s.people.Show(t.Context(), m.To)
		if err != nil {
			t.Fatal(err)
		}
		ref := record.Subscriber.Ref
		want.To = m.To
		want.HTML, want.Text = issue.For(templates.Links{
			Unsubscribe: "https://zotpaper.example/u/" + s.keys.Unsubscribe(ref, "afternoon"),
			Preferences: "https://zotpaper.example/preferences/" + s.keys.Preferences(ref),
		})
		if seen[m.To] {
			t.Errorf("%s got two", m.To)
		}
		seen[m.To] = true
		if i == 0 {
			emltest.Assert(t, m.Raw, want)
			continue
		}
		findings, err := emltest.Check(m.Raw, want)
		if err != nil {
			t.Error(err)
		}
		for _, f := range findings {
			t.Errorf("%s: %s %s: %s", m.To, f.ID, f.Rule, f.Problem)
		}
	}
}

// TestSampleMailIsValidHTML is rule A6 of the specification of the mail.
func TestSampleMailIsValidHTML(t *testing.T) {
	emltest.Validate(t, sampleSent(t, nil).inbox.Messages()[0].Raw)
}

// TestSignedSampleMailVerifies has the signature read by the one verifier that
// shares its author with the signer and by one that does not.
func TestSignedSampleMailVerifies(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := mailer.NewSigner("news.zotpaper.example", "s1", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	s := sampleSent(t, signer)
	want := expect(t, s)
	want.Signed, want.SigningDomain = true, "news.zotpaper.example"
	want.PublicKey = "v=DKIM1; k=rsa; p=" + base64.StdEncoding.EncodeToString(public)
	m := s.inbox.Messages()[0]
	want.To = m.To
	emltest.Assert(t, m.Raw, want)
	emltest.VerifyWithDkimpy(t, m.Raw, want.PublicKey)
}
