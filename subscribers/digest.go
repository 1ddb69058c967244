package subscribers

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
)

// A digest stands for an address that may not be kept: who has the address can
// find it, who has the digest cannot find the address without the salt.
type digest [sha256.Size]byte

// String returns d as the table confirmations has it.
func (d digest) String() string { return base64.StdEncoding.EncodeToString(d[:]) }

// key returns d as the table suppressions has it in the place of an address: no
// address begins with # and has no @.
func (d digest) key() string { return "#" + hex.EncodeToString(d[:]) }

// A salt makes digests.
type salt string

func (s salt) digest(a Address) digest {
	h := hmac.New(sha256.New, []byte(s))
	h.Write([]byte(a.Canonical()))
	return digest(h.Sum(nil))
}

const (
	insertSalt = `
		INSERT INTO salts (one, salt) VALUES (1, $1)
		ON CONFLICT (one) DO NOTHING`

	selectSalt = `SELECT salt FROM salts`
)

// salt returns the salt of this database, made when it is first asked for.
func (s *Store) salt(ctx context.Context, q querier) (salt, error) {
	var found string
	err := q.QueryRowContext(ctx, selectSalt).Scan(&found)
	if err == nil {
		return salt(found), nil
	}
	fresh := strings.ToLower(rand.Text() + rand.Text()) // 52 letters and digits, 260 bits
	if _, err := q.ExecContext(ctx, insertSalt, fresh); err != nil {
		return "", fmt.Errorf("make the salt: %w", err)
	}
	if err := q.QueryRowContext(ctx, selectSalt).Scan(&found); err != nil {
		return "", fmt.Errorf("salt: %w", err)
	}
	return salt(found), nil
}
