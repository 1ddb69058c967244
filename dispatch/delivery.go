package dispatch

import (
	"crypto/sha256"
	"encoding/base32"
	"strings"
	"time"

	"github.com/zotpaper/zotpaper/edition"
	"github.com/zotpaper/zotpaper/mailer"
)

// A State is where a delivery stands. See the package's doc for the way
// through them.
type State string

// The states of a delivery.
const (
	Pending      State = "pending"
	Sending      State = "sending"
	Deferred     State = "deferred"
	Sent         State = "sent"
	Rejected     State = "rejected"
	Suppressed   State = "suppressed"
	Expired      State = "expired"
	Unrenderable State = "unrenderable"
	Held         State = "held"
)

// A Delivery is one issue to one recipient, as taken from the ledger to be
// sent.
type Delivery struct {
	Edition   edition.Key
	Position  int64  // of the row, 1 to the number of recipients
	Ref       string // stands for the subscriber in links
	Address   string // as it was at the freeze
	Name      string // may be empty
	Attempts  int    // this one included
	MessageID string // left part of the Message-ID; the same at every attempt
	Started   time.Time
}

// A Letter composes what one recipient gets. It is called by several
// goroutines at once and gives the same bytes for the same delivery at every
// attempt, except for a signature.
type Letter interface {
	Compose(Delivery) (mailer.Envelope, []byte, error)
}

// messageID returns the left part of the Message-ID of key's issue to the
// subscriber behind ref. It is a function of the two, so that an attempt after
// a crash bears the name of the one before and a mail program can fold both
// into one.
func messageID(key edition.Key, ref string) string {
	sum := sha256.Sum256([]byte("message-id\x00" + key.String() + "\x00" + ref))
	text := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:10])
	return key.Date.Compact() + "." + strings.ToLower(text)
}

// A Tally counts the recipients of one edition by the state of their delivery.
type Tally struct {
	Recipients   int `json:"recipients"`
	Sent         int `json:"sent"`
	Rejected     int `json:"rejected"`
	Suppressed   int `json:"suppressed"`
	Expired      int `json:"expired"`
	Unrenderable int `json:"unrenderable"`
	Held         int `json:"held"`
	Pending      int `json:"pending"`
	Sending      int `json:"sending"`
	Deferred     int `json:"deferred"`
	InDoubt      int `json:"in_doubt"` // recipients whose outcome was in doubt at least once
}

// Complete reports whether every recipient has an end.
func (t Tally) Complete() bool { return t.Recipients == t.Ended() }

// Ended returns how many recipients have an end.
func (t Tally) Ended() int {
	return t.Sent + t.Rejected + t.Suppressed + t.Expired + t.Unrenderable + t.Held
}

// count returns the field of t that counts deliveries in s.
func (t *Tally) count(s State) *int {
	switch s {
	case Sending:
		return &t.Sending
	case Deferred:
		return &t.Deferred
	case Sent:
		return &t.Sent
	case Rejected:
		return &t.Rejected
	case Suppressed:
		return &t.Suppressed
	case Expired:
		return &t.Expired
	case Unrenderable:
		return &t.Unrenderable
	case Held:
		return &t.Held
	}
	return &t.Pending
}
