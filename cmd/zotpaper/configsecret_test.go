package main

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSecretFileMistakes(t *testing.T) {
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name  string
		text  string
		files map[string]string
		want  []string
	}{
		{
			"no password file", "smtp:\n  username: u\n  password_file: pw\n", nil,
			[]string{`config.yaml:3: smtp.password_file: pw: no such file`},
		},
		{
			"both", "smtp:\n  username: u\n  password: a\n  password_file: pw\n", map[string]string{"pw": "b"},
			[]string{`config.yaml:4: smtp.password_file: smtp.password is given too; keep one of them`},
		},
		{
			"an empty password file", "smtp: {username: u, password_file: pw}\n", map[string]string{"pw": "\n"},
			[]string{`config.yaml:1: smtp.password_file: pw is empty`},
		},
		{
			"a password file of two lines", "smtp: {username: u, password_file: pw}\n", map[string]string{"pw": "a\nb\n"},
			[]string{`config.yaml:1: smtp.password_file: pw holds more than one line; want the password alone`},
		},
		{
			"no secret", "web:\n  secret_file: other secret\n", nil,
			[]string{`config.yaml:2: web.secret_file: other secret: no such file; restore it from a backup or, if nothing was sent yet, make one: (umask 077; echo "1 $(openssl rand -base64 32)" >'other secret')`},
		},
		{
			"a damaged secret", "web:\n  secret_file: s\n", map[string]string{"s": "1 x\n"},
			[]string{`config.yaml:2: web.secret_file: s:1: the secret is not base64`},
		},
		{
			"no DKIM key", "dkim:\n  selector: a\n  key_file: k\n", nil,
			[]string{`config.yaml:3: dkim.key_file: k: no such file`},
		},
		{
			"a DKIM key that is none", "dkim:\n  selector: a\n  key_file: k\n", map[string]string{"k": "secret"},
			[]string{`config.yaml:3: dkim.key_file: k: the key is not in PEM`},
		},
		{
			"a short DKIM key", "dkim:\n  selector: a\n  key_file: k\n", map[string]string{"k": shortKey(t)},
			[]string{`config.yaml:3: dkim.key_file: k: the RSA key has 1024 bits, want at least 2048`},
		},
		{
			"a DKIM key on a curve nobody verifies", "dkim:\n  selector: a\n  key_file: k\n", map[string]string{"k": pkcs8(t, curve)},
			[]string{`config.yaml:3: dkim.key_file: k: a key of kind *ecdsa.PrivateKey, want RSA or Ed25519`},
		},
		{
			"a selector that is no name", "dkim:\n  selector: a_b c\n  key_file: k\n", map[string]string{"k": ed25519Key(t)},
			[]string{`config.yaml:2: dkim.selector: "a_b c" is no part of a domain name`},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir, config := paperFolder(t, tt.text, tt.files)
			if diff := cmp.Diff(tt.want, complaints(t, dir, config, nil)); diff != "" {
				t.Errorf("loadConfig (-want +got):\n%s", diff)
			}
		})
	}
}

// shortKey returns an RSA key that is too short for mail.
func shortKey(t *testing.T) string {
	t.Helper()
	t.Setenv("GODEBUG", "rsa1024min=0") // or Go itself would refuse
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	return pkcs8(t, key)
}

func ed25519Key(t *testing.T) string {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return pkcs8(t, key)
}

func pkcs8(t *testing.T, key any) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}
