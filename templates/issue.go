package templates

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/zotpaper/zotpaper/edition"
)

// A Slot is an address in an Issue that stands for one of the reader's own. It
// lies under the reserved domain .invalid, so one that was forgotten leads
// nowhere instead of to a stranger.
//
// https://www.rfc-editor.org/rfc/rfc6761#section-6.4
type Slot string

// The slots of an issue.
const (
	SlotUnsubscribe Slot = "https://slot.invalid/unsubscribe"
	SlotPreferences Slot = "https://slot.invalid/preferences"
)

// An Issue is an edition rendered. HTML and Text carry slots; Subject,
// Preheader and Web are the same for everyone.
type Issue struct {
	Key       edition.Key
	Subject   string // 20 to 78 characters, one line
	Preheader string // what an inbox shows after the subject; 40 to 110 characters
	HTML      string // at most Budget bytes once the slots are filled
	Text      string // lines of at most 72 columns, but for those that hold one URL
	Web       string // the whole edition as a web page, nothing cut, no slots
	Cuts      []Cut  // in the order printed; empty if everything fitted
}

// A Cut says that an article did not fit and continues on the web.
type Cut struct {
	Slug     string `json:"slug"`
	Headline string `json:"headline"`
	Words    int    `json:"words"`   // as filed
	Printed  int    `json:"printed"` // left in the mail
	Continue string `json:"continue"`
}

// SHA256 returns the hash, in hex, of everything a reader can see of i. Two
// issues with one hash are the same issue.
func (i Issue) SHA256() string {
	h := sha256.New()
	for _, s := range []string{i.Key.String(), i.Subject, i.Preheader, i.HTML, i.Text, i.Web} {
		h.Write([]byte(s))
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Links are what the slots stand for in one reader's copy: absolute URLs made
// of characters that need no escaping in HTML.
type Links struct {
	Unsubscribe string
	Preferences string
}

// For returns the HTML and the text of i with a reader's own links.
func (i Issue) For(l Links) (html, text string) {
	fill := strings.NewReplacer(string(SlotUnsubscribe), l.Unsubscribe, string(SlotPreferences), l.Preferences)
	return fill.Replace(i.HTML), fill.Replace(i.Text)
}
