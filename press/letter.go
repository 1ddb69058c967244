package press

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/zotpaper/zotpaper/dispatch"
	"github.com/zotpaper/zotpaper/edition"
	"github.com/zotpaper/zotpaper/mailer"
	"github.com/zotpaper/zotpaper/templates"
)

// A letter is one issue on its way to its list, ready to be made out to each
// recipient.
type letter struct {
	press *Press
	issue templates.Issue
	title string // of the slot
	list  string
	mark  string // put before the subject, such as "[Test] "
}

var _ dispatch.Letter = letter{}

// Compose makes the issue out to the recipient of d: their address, their own
// links, their Message-ID. Everything else is the same for all.
func (l letter) Compose(d dispatch.Delivery) (mailer.Envelope, []byte, error) {
	m, err := l.message(d)
	if err != nil {
		return mailer.Envelope{}, nil, err
	}
	raw, err := m.Compose()
	if err != nil {
		return mailer.Envelope{}, nil, err
	}
	p := l.press
	if p.Sender.Signer != nil {
		if raw, err = p.Sender.Signer.Sign(raw); err != nil {
			return mailer.Envelope{}, nil, err
		}
	}
	sender, err := mailer.VERP(p.Sender.Bounces, p.Keys.Bounce(d.Ref, d.Edition.String()))
	return mailer.Envelope{Sender: sender, Recipient: m.To.Address}, raw, err
}

func (l letter) message(d dispatch.Delivery) (mailer.Message, error) {
	p := l.press
	to, err := mailer.ParseAddress(d.Name, d.Address)
	if err != nil {
		return mailer.Message{}, err
	}
	links := p.links(d.Ref, l.list)
	html, text := l.issue.For(links)
	domain := senderDomain(p.Sender.From.Address)
	return mailer.Message{
		From: p.Sender.From, ReplyTo: p.Sender.ReplyTo, To: to,
		Subject: l.mark + l.issue.Subject, Date: d.Started.In(p.Publication.Zone),
		ID:          d.MessageID + "@" + domain,
		ListID:      l.list + "." + domain,
		ListName:    asciiPhrase(p.Publication.Name + " " + l.title),
		ListArchive: p.Publication.Web + "/editions",
		Unsubscribe: links.Unsubscribe,
		FeedbackID:  feedbackID(l.issue.Key, l.list, p.Publication.Name),
		Bulk:        true,
		Text:        text, HTML: html,
	}, nil
}

// links returns the links of the subscriber behind ref.
func (p *Press) links(ref, list string) templates.Links {
	return templates.Links{
		Unsubscribe: p.Publication.Web + "/u/" + p.Keys.Unsubscribe(ref, list),
		Preferences: p.Publication.Web + "/preferences/" + p.Keys.Preferences(ref),
	}
}

func senderDomain(address string) string {
	return address[strings.LastIndexByte(address, '@')+1:]
}

// feedbackID returns what Gmail's feedback loop counts complaints by: the
// edition, the list, the kind of mail and the sender, nothing of the reader.
func feedbackID(key edition.Key, list, name string) string {
	const shortest, longest = 5, 15 // of the last field
	var sender strings.Builder
	for _, r := range strings.ToLower(name) {
		if sender.Len() < longest && (r >= 'a' && r <= 'z' || r >= '0' && r <= '9') {
			sender.WriteRune(r)
		}
	}
	for sender.Len() < shortest {
		sender.WriteString("paper"[:shortest-sender.Len()])
	}
	return fmt.Sprintf("%s.%s:%s:edition:%s", key.Date.Compact(), key.Slot, list, sender.String())
}

// asciiPhrase keeps of s what may stand unquoted before the <id> of a List-Id.
// A phrase with other letters would have to be encoded, and mail programs that
// look for the id have been seen not to find it then.
//
// https://www.rfc-editor.org/rfc/rfc2919#section-3
func asciiPhrase(s string) string {
	kept := strings.Map(func(r rune) rune {
		switch {
		case r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r) || r == ' ' || r == '-'):
			return r
		case unicode.IsSpace(r):
			return ' '
		}
		return -1
	}, s)
	return strings.Join(strings.Fields(kept), " ")
}
