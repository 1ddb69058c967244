package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strings"

	"github.com/zotpaper/zotpaper/mailer"
	"github.com/zotpaper/zotpaper/subscribers"
)

// maxSecretBytes bounds the files that hold a secret.
const maxSecretBytes = 16 << 10

// password reads a file that holds one line and nothing else.
func (k *checker) password(path, file string) string {
	text, ok := k.readFile(path, file)
	if !ok {
		return ""
	}
	password := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	switch {
	case password == "":
		k.bad(path, "%s is empty", file)
	case strings.ContainsAny(password, "\r\n\x00"):
		k.bad(path, "%s holds more than one line; want the password alone", file)
	}
	return password
}

// makeSecret is how an operator makes a keyring by hand, see
// [subscribers.LoadKeyring]. We do not make one unasked: if the file was lost,
// a new secret would leave every link that is already out dead, silently.
const makeSecret = `(umask 077; echo "1 $(openssl rand -base64 32)" >%s)`

func (k *checker) secretFile() {
	const path = "web.secret_file"
	file := k.c.Web.SecretFile
	if file == "" {
		k.bad(path, "must not be empty: it signs the links in mails")
		return
	}
	keyring, err := subscribers.LoadKeyring(file, false)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		k.bad(path, "%s: no such file; restore it from a backup or, if nothing was sent yet, make one: %s",
			file, fmt.Sprintf(makeSecret, shellQuote(file)))
	case err != nil:
		k.bad(path, "%s", strings.TrimPrefix(err.Error(), "secret file "))
	}
	k.c.Web.Keyring = keyring
}

// label is one part of a domain name, as a DKIM selector has them.
//
// https://www.rfc-editor.org/rfc/rfc6376#section-3.1
var label = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(\.[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$`)

func (k *checker) dkim() {
	d := &k.c.DKIM
	if d.Selector == "" {
		if d.KeyFile != "" {
			k.bad("dkim.key_file", "there is no dkim.selector to go with it")
		}
		return
	}
	if !label.MatchString(d.Selector) {
		k.bad("dkim.selector", "%q is no part of a domain name", d.Selector)
	}
	if d.Domain == "" {
		_, d.Domain, _ = strings.Cut(k.c.From.Address, "@")
	}
	if !label.MatchString(d.Domain) {
		k.bad("dkim.domain", "%q is no domain name in ASCII", d.Domain)
	}
	if d.KeyFile == "" {
		k.bad("dkim.key_file", "must not be empty: dkim.selector is given")
		return
	}
	text, ok := k.readFile("dkim.key_file", d.KeyFile)
	if !ok {
		return
	}
	if _, err := mailer.NewSigner(d.Domain, d.Selector, text); err != nil && !k.found.has("dkim.selector") && !k.found.has("dkim.domain") {
		k.bad("dkim.key_file", "%s: %s", d.KeyFile, strings.TrimPrefix(err.Error(), "dkim: "))
	}
	d.Key = text
}

// readFile reads the file that the key at path names.
func (k *checker) readFile(path, file string) ([]byte, bool) {
	text, err := readBounded(file, maxSecretBytes)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		k.bad(path, "%s: no such file", file)
	case err != nil:
		k.bad(path, "%s", err)
	}
	return text, err == nil
}

// folder checks that file, if one is named, is a folder.
func (k *checker) folder(path, file string) {
	if file == "" {
		return
	}
	info, err := os.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		k.bad(path, "%s: no such folder", file)
	case err != nil:
		k.bad(path, "%s", err)
	case !info.IsDir():
		k.bad(path, "%s is no folder", file)
	}
}
