package intake

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// A feedCopy is a feed as its server last gave it, with what we know of its
// items. On disk it is one file: a line of JSON, and the feed.
type feedCopy struct {
	URL          string    `json:"url"`
	Base         string    `json:"base"` // the address that answered; relative links count from it
	Charset      string    `json:"charset,omitempty"`
	ETag         string    `json:"etag,omitempty"`
	LastModified string    `json:"last_modified,omitempty"`
	Fetched      time.Time `json:"fetched"` // when the server gave it, or said that it still stands
	Next         time.Time `json:"next"`    // the server is not asked before
	Read         time.Time `json:"read"`    // when its items were last offered to an edition
	Sum          string    `json:"sha256"`  // of the feed, in hex

	Items map[string]sighting `json:"items"` // by slug

	body []byte
}

// A sighting is what is remembered of an item.
type sighting struct {
	GUID string    `json:"guid,omitempty"` // a hash of it
	Due  time.Time `json:"due,omitzero"`   // zero: the feed's own date counts
	Last time.Time `json:"last"`           // when it was last in the feed
}

// The bounds of a copy's first line.
const (
	copyHeadLimit  = 2 << 20
	sightingsLimit = 2000
	// sightingsKept is how long an item that has left the feed is remembered;
	// some come back when another is taken out.
	sightingsKept = 7 * 24 * time.Hour
)

// fresh reports whether the server need not be asked yet. A copy from the
// future, made before a clock was put right, is not fresh.
func (c *feedCopy) fresh(now time.Time) bool {
	return now.Before(c.Next) && !now.Before(c.Fetched)
}

// copyName returns the file of the copy of the feed at address.
func copyName(address string) string {
	sum := sha256.Sum256([]byte(address))
	return hex.EncodeToString(sum[:16]) + ".feed"
}

// loadCopy returns the copy of the feed at address, or nil if there is none.
// The error says why one that is there is of no use.
func (f *Feeds) loadCopy(address string) (*feedCopy, error) {
	file, err := os.Open(filepath.Join(f.Cache, copyName(address)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, withoutPath(err)
	}
	defer file.Close()
	const limit = copyHeadLimit + feedLimit
	content, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err != nil {
		return nil, withoutPath(err)
	}
	head, body, _ := bytes.Cut(content, []byte("\n"))
	c := &feedCopy{body: body}
	sum := sha256.Sum256(body)
	if len(content) > limit || json.Unmarshal(head, c) != nil || c.URL != address || c.Sum != hex.EncodeToString(sum[:]) {
		return nil, fmt.Errorf("the file %s is damaged", copyName(address))
	}
	return c, nil
}

// saveCopy puts c on disk whole or not at all, in the place of the copy before.
// The folder is for us alone: the address of a feed may hold a key.
func (f *Feeds) saveCopy(c *feedCopy) error {
	sum := sha256.Sum256(c.body)
	c.Sum = hex.EncodeToString(sum[:])
	head, err := json.Marshal(c)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(f.Cache, 0o700); err != nil {
		return withoutPath(err)
	}
	content := make([]byte, 0, len(head)+1+len(c.body))
	content = append(append(append(content, head...), '\n'), c.body...)
	return writeFile(f.Cache, copyName(c.URL), content)
}
