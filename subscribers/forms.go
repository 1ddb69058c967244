package subscribers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

const (
	insertForm = `
		INSERT INTO forms (language, text, sha256, shown_since) VALUES ($1, $2, $3, $4)
		ON CONFLICT (sha256) DO NOTHING`

	selectForm = `SELECT id FROM forms WHERE sha256 = $1`
)

// Form returns the version of a wording: the same number whenever it is asked
// for the same text, another one for another. text is what stands beside the
// button with which readers ask for a list; their consents refer to it.
func (s *Store) Form(ctx context.Context, language, text string) (version int64, err error) {
	sum := sha256.Sum256([]byte(language + "\x00" + text))
	hash := hex.EncodeToString(sum[:])
	if _, err := s.DB.ExecContext(ctx, insertForm, language, text, hash, s.now()); err != nil {
		return 0, fmt.Errorf("record the form: %w", err)
	}
	if err := s.DB.QueryRowContext(ctx, selectForm, hash).Scan(&version); err != nil {
		return 0, fmt.Errorf("version of the form: %w", err)
	}
	return version, nil
}
