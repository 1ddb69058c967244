package subscribers

import (
	"bufio"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// A Keyring makes and checks the tokens that stand in links and envelopes. It
// is safe for concurrent use.
type Keyring struct {
	keys    []key // the newest first; at least one
	exposed bool
}

type key struct {
	id     byte
	secret []byte
}

// secretBytes is the length of a secret we make, minSecret of one we take.
//
// https://www.rfc-editor.org/rfc/rfc2104#section-3
const (
	secretBytes = 32
	minSecret   = 32
)

// maxKeyring bounds the file of a keyring in bytes.
const maxKeyring = 64 << 10

// keyringHead stands above the keys of a file we make.
const keyringHead = `# The secret behind the links in our mails. Keep it: without it the unsubscribe
# links of every mail sent so far are dead. To change it, add a line with a new
# number on top and leave the old ones in place. Each line is
#   NUMBER SECRET     (1 to 255; at least 32 bytes in base64)
`

// LoadKeyring reads the keys from the file at path: lines of a number from 1
// to 255 and a secret in base64. The first makes new tokens; all are accepted.
// Empty lines and lines that begin with # are skipped.
//
// If there is no file and create is true, it makes one that only its owner can
// read, with a new secret. Several processes may do so at once and all get the
// same.
func LoadKeyring(path string, create bool) (*Keyring, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) && create {
		if err := createKeyring(path); err != nil {
			return nil, fmt.Errorf("create secret file: %w", err)
		}
		f, err = os.Open(path)
	}
	if err != nil {
		return nil, fmt.Errorf("secret file: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("secret file: %w", err)
	}
	keys, err := readKeys(f)
	if err != nil {
		return nil, fmt.Errorf("secret file %s%w", path, err)
	}
	return &Keyring{keys: keys, exposed: info.Mode().Perm()&0o007 != 0}, nil
}

// Exposed reports whether any user of the machine could read or write the
// file. It is worth a warning and no more: in a container the secrets that are
// handed in often look like that.
func (k *Keyring) Exposed() bool { return k.exposed }

// readKeys reads the lines of a keyring. Its errors begin with the line's
// number and a colon, and never hold a secret.
func readKeys(r io.Reader) ([]key, error) {
	var keys []key
	seen := map[byte]bool{}
	lines := bufio.NewScanner(io.LimitReader(r, maxKeyring))
	n := 0
	for lines.Scan() {
		n++
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		number, encoded, _ := strings.Cut(line, " ")
		id, err := strconv.ParseUint(number, 10, 8)
		if err != nil || id == 0 {
			return nil, fmt.Errorf(":%d: want NUMBER SECRET with a number from 1 to 255", n)
		}
		secret, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
		if err != nil {
			return nil, fmt.Errorf(":%d: the secret is not base64", n)
		}
		if len(secret) < minSecret {
			return nil, fmt.Errorf(":%d: the secret has %d bytes: want at least %d", n, len(secret), minSecret)
		}
		if seen[byte(id)] {
			return nil, fmt.Errorf(":%d: the number %d is there already", n, id)
		}
		seen[byte(id)] = true
		keys = append(keys, key{byte(id), secret})
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf(":%d: %w", n+1, err)
	}
	if len(keys) == 0 {
		return nil, errors.New(": there is no key in it")
	}
	return keys, nil
}

// createKeyring makes a file with a new secret, unless somebody else did
// meanwhile. It is on disk when createKeyring returns: the first mail that
// goes out makes it precious.
func createKeyring(path string) (err error) {
	secret := make([]byte, secretBytes)
	rand.Read(secret) // never fails
	folder := filepath.Dir(path)
	f, err := os.CreateTemp(folder, ".secret-*") // readable by its owner alone
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(f.Name())) }()
	text := keyringHead + "1 " + base64.StdEncoding.EncodeToString(secret) + "\n"
	if _, err := f.WriteString(text); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Sync(); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Close(); err != nil {
		return err
	}
	// Unlike a rename, a link never replaces what another process made.
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncFolder(folder)
}

// syncFolder has the names in a folder written to disk.
func syncFolder(folder string) error {
	d, err := os.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
