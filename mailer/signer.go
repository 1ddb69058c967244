package mailer

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/emersion/go-msgauth/dkim"
)

// A Signer puts a DKIM signature before a message. It may be used by several
// goroutines at once.
//
// It signs the finished bytes with go-msgauth. go-mail has a signer too, but
// breaks the h= tag inside a name once the list is long enough to cover
// List-Unsubscribe, and such a signature does not verify.
//
// https://www.rfc-editor.org/rfc/rfc6376
type Signer struct {
	domain   string
	selector string
	key      crypto.Signer
	options  crypto.SignerOpts
	begin    []byte // of the field that a stencil's signature stands in
}

// shortestKey is the size of an RSA key in bits below which providers do not
// trust it. https://www.rfc-editor.org/rfc/rfc8301#section-3.2
const shortestKey = 2048

// NewSigner returns a signer for domain with the private key in PEM, PKCS #1
// or PKCS #8: RSA of at least 2048 bits, or Ed25519. Readers' servers find the
// public key under selector._domainkey.domain.
func NewSigner(domain, selector string, pemKey []byte) (*Signer, error) {
	if !isDomain(domain) || !isDomain(selector) {
		return nil, fmt.Errorf("dkim: %q of %q is no selector of a domain", selector, domain)
	}
	block, _ := pem.Decode(pemKey)
	if block == nil {
		return nil, errors.New("dkim: the key is not in PEM")
	}
	key, err := parseKey(block)
	if err != nil {
		return nil, fmt.Errorf("dkim: %w", err)
	}
	s := &Signer{domain: domain, selector: selector, key: key, options: crypto.SHA256}
	if _, ok := key.(ed25519.PrivateKey); ok {
		// It signs the hash as it would any message.
		// https://www.rfc-editor.org/rfc/rfc8463#section-3
		s.options = crypto.Hash(0)
	}
	s.begin = s.beginning()
	return s, nil
}

func parseKey(block *pem.Block) (crypto.Signer, error) {
	var key any
	var err error
	switch block.Type {
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	default:
		return nil, fmt.Errorf("the key is a %q, want a PRIVATE KEY", block.Type)
	}
	if err != nil {
		return nil, err
	}
	switch key := key.(type) {
	case *rsa.PrivateKey:
		if bits := key.N.BitLen(); bits < shortestKey {
			return nil, fmt.Errorf("the RSA key has %d bits, want at least %d", bits, shortestKey)
		}
		return key, nil
	case ed25519.PrivateKey:
		return key, nil
	}
	return nil, fmt.Errorf("a key of kind %T, want RSA or Ed25519", key)
}

// signedFields are the fields a signature covers. From and Subject stand twice:
// the second, which is not there, keeps anybody from adding one on the way.
// One-click unsubscribe needs its two fields signed.
//
// https://www.rfc-editor.org/rfc/rfc6376#section-5.4
// https://www.rfc-editor.org/rfc/rfc8058#section-4
func signedFields() []string {
	return []string{
		"From", "From", "Subject", "Subject", "To", "Reply-To", "Date", "Message-ID", "MIME-Version", "Content-Type",
		"List-Id", "List-Unsubscribe", "List-Unsubscribe-Post", "Feedback-ID",
	}
}

// Sign returns raw with a signature before it.
func (s *Signer) Sign(raw []byte) ([]byte, error) {
	var b bytes.Buffer
	b.Grow(len(raw) + 1024)
	err := dkim.Sign(&b, bytes.NewReader(raw), &dkim.SignOptions{
		Domain: s.domain, Selector: s.selector, Signer: s.key, Hash: crypto.SHA256,
		HeaderCanonicalization: dkim.CanonicalizationRelaxed,
		BodyCanonicalization:   dkim.CanonicalizationRelaxed,
		HeaderKeys:             signedFields(),
	})
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	return b.Bytes(), nil
}
