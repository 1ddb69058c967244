package press

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/zotpaper/zotpaper/dispatch"
	"github.com/zotpaper/zotpaper/edition"
	"github.com/zotpaper/zotpaper/mailer"
	"github.com/zotpaper/zotpaper/templates"
)

// A letter is one issue on its way to its list, composed once and made out to
// each recipient.
type letter struct {
	press  *Press
	issue  templates.Issue
	title  string // of the slot
	list   string
	mark   string // put before the subject, such as "[Test] "
	domain string // of the sender

	// For those who want HTML, and for those who want the text alone.
	rich, plain *mailer.Stencil
}

var _ dispatch.Letter = letter{}

// newLetter composes issue for list, as dated by the dispatch that began at
// started, and checks it.
func (p *Press) newLetter(issue templates.Issue, title, list, mark string, started time.Time) (letter, error) {
	l := letter{press: p, issue: issue, title: title, list: list, mark: mark}
	l.domain = senderDomain(p.Sender.From.Address)
	tokens := p.tokens(specimenRef, list)
	to := dispatch.Delivery{
		Edition: issue.Key, Ref: specimenRef, Address: specimenAddress, MessageID: "specimen", Started: started,
	}
	for _, text := range []bool{false, true} {
		to.Text = text
		specimen, err := l.message(to)
		var stencil *mailer.Stencil
		if err == nil {
			stencil, err = mailer.NewStencil(specimen, tokens.unsubscribe, tokens.preferences)
		}
		if text {
			l.plain = stencil
		} else {
			l.rich = stencil
		}
		if err == nil {
			// What is wrong with the key or the bounce address is wrong with
			// every copy.
			_, _, _, err = l.Compose(nil, &to)
		}
		if err != nil {
			return l, fmt.Errorf("compose %s: %w", issue.Key, err)
		}
	}
	return l, nil
}

// Compose makes the letter out to the recipient of d: their address, their own
// links, their Message-ID. Everything else is the same for all.
func (l letter) Compose(buffer []byte, d *dispatch.Delivery) (mailer.Envelope, mailer.Wire, []byte, error) {
	p := l.press
	to, err := mailer.ParseAddress(d.Name, d.Address)
	if err != nil {
		return mailer.Envelope{}, mailer.Wire{}, buffer, err
	}
	tokens := p.tokens(d.Ref, l.list)
	stencil := l.rich
	if d.Text {
		stencil = l.plain
	}
	wire, buffer, err := stencil.Wire(buffer[:0], mailer.Own{
		To: to, ID: d.MessageID + "@" + l.domain, Unsubscribe: p.unsubscribeURL(tokens),
		Tokens: []string{tokens.unsubscribe, tokens.preferences},
	}, p.Sender.Signer)
	if err != nil {
		return mailer.Envelope{}, mailer.Wire{}, buffer, err
	}
	sender, err := mailer.VERP(p.Sender.Bounces, p.Keys.Bounce(d.Ref, d.Edition.String()))
	return mailer.Envelope{Sender: sender, Recipient: to.Address}, wire, buffer, err
}

// raw returns the message that Compose makes, as it is before dots are doubled.
func (l letter) raw(d dispatch.Delivery) (mailer.Envelope, []byte, error) {
	envelope, wire, _, err := l.Compose(nil, &d)
	if err != nil {
		return envelope, nil, err
	}
	return envelope, wire.Raw(), nil
}

// message returns what d's recipient gets, as it is composed the long way.
func (l letter) message(d dispatch.Delivery) (mailer.Message, error) {
	p := l.press
	to, err := mailer.ParseAddress(d.Name, d.Address)
	if err != nil {
		return mailer.Message{}, err
	}
	tokens := p.tokens(d.Ref, l.list)
	html, text := l.issue.For(templates.Links{Unsubscribe: p.unsubscribeURL(tokens), Preferences: p.preferencesURL(tokens)})
	if d.Text {
		html = ""
	}
	return mailer.Message{
		From: p.Sender.From, ReplyTo: p.Sender.ReplyTo, To: to,
		Subject: l.mark + l.issue.Subject, Date: d.Started.In(p.Publication.Zone),
		ID:          d.MessageID + "@" + l.domain,
		ListID:      l.list + "." + senderDomain(p.Sender.From.Address),
		ListName:    asciiPhrase(p.Publication.Name + " " + l.title),
		ListArchive: p.archiveURL(),
		Unsubscribe: p.unsubscribeURL(tokens),
		FeedbackID:  feedbackID(l.issue.Key, l.list, p.Publication.Name),
		Bulk:        true,
		Text:        text, HTML: html,
		Boundary: "part-" + l.issue.SHA256()[:32],
	}, nil
}

// tokens are what is one reader's own in the links of a mail.
type tokens struct{ unsubscribe, preferences string }

func (p *Press) tokens(ref, list string) tokens {
	return tokens{p.Keys.Unsubscribe(ref, list), p.Keys.Preferences(ref)}
}

// archiveURL returns where the archive is, if everybody may see it.
func (p *Press) archiveURL() string {
	if p.Renderer != nil && p.Renderer.Pass != nil {
		return ""
	}
	return p.Publication.Web + "/editions"
}

func (p *Press) unsubscribeURL(t tokens) string { return p.Publication.Web + "/u/" + t.unsubscribe }

func (p *Press) preferencesURL(t tokens) string {
	return p.Publication.Web + "/preferences/" + t.preferences
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
