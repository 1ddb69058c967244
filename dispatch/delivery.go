package dispatch

import (
	"crypto/sha256"
	"strconv"
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
	Canceled     State = "canceled"
)

// A Delivery is one issue to one recipient, as taken from the ledger to be
// sent.
type Delivery struct {
	Edition   edition.Key
	Issue     int    // number of the issue it carries, from 1
	Position  int64  // of the row: the ID of the subscriber
	Ref       string // stands for the subscriber in links
	Address   string // as it was at the freeze
	Name      string // may be empty
	Text      bool   // the plain text alone, as the reader wanted it at the freeze
	Attempts  int    // this one included
	MessageID string // left part of the Message-ID; the same at every attempt
	Started   time.Time

	deferred bool   // it was tried before
	doubts   int    // how often it was in doubt before
	returned int    // how often a conversation broke before it was begun
	share    *share // the batch it is in, as this process holds it
}

// A Letter composes what one recipient gets. It is called by several
// goroutines at once and gives the same bytes for the same delivery at every
// attempt, except for a signature.
//
// The message is built in buffer, as far as it has room, and refers to the
// buffer that is returned until that is used for another.
type Letter interface {
	Compose(buffer []byte, d *Delivery) (mailer.Envelope, mailer.Wire, []byte, error)
}

// A naming gives the messages of one edition their names.
//
// A name is a function of edition, issue and subscriber alone, so that an
// attempt after a crash bears the name of the one before and a mail program can
// fold both into one. An issue that replaces another has names of its own, or
// the program would fold the correction away.
type naming struct {
	prefix string // of every name
	seed   string
}

func newNaming(key edition.Key) naming {
	return naming{prefix: key.Date.Compact() + ".", seed: "message-id\x00" + key.String() + "\x00"}
}

// nameEncoding writes 10 bytes as 16 letters and digits.
const nameEncoding = "abcdefghijklmnopqrstuvwxyz234567"

// messageID returns the left part of the Message-ID of an issue to the
// subscriber behind ref.
func (n naming) messageID(issue int, ref string) string {
	var b [128]byte
	text := append(append(b[:0], n.seed...), ref...)
	if issue > 1 {
		text = strconv.AppendInt(append(text, 0), int64(issue), 10)
	}
	sum := sha256.Sum256(text)
	name := append(b[:0], n.prefix...)
	for bits := 0; bits < 80; bits += 5 {
		five := uint16(sum[bits/8])<<8 | uint16(sum[bits/8+1])
		name = append(name, nameEncoding[five>>(11-bits%8)&31])
	}
	return string(name)
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
	Canceled     int `json:"canceled"` // 0 unless the edition is
	Pending      int `json:"pending"`
	Sending      int `json:"sending"`
	Deferred     int `json:"deferred"`
	InDoubt      int `json:"in_doubt"` // recipients whose outcome was in doubt at least once
}

// Complete reports whether every recipient has an end.
func (t Tally) Complete() bool { return t.Recipients == t.Ended() }

// Ended returns how many recipients have an end.
func (t Tally) Ended() int {
	return t.Sent + t.Rejected + t.Suppressed + t.Expired + t.Unrenderable + t.Held + t.Canceled
}

// A Progress says how far a dispatch has come, over all processes that work on
// it. It is what a person wants to see; the count that decides is [Tally].
type Progress struct {
	Recipients int
	Sent       int
	Rejected   int
	Deferred   int
	Ended      int // sent and rejected among them
}
