package notices

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"strings"
	ttemplate "text/template"

	"github.com/zotpaper/zotpaper/mailer"
	"github.com/zotpaper/zotpaper/subscribers"
	"github.com/zotpaper/zotpaper/words"
)

//go:embed notice.html
var sourceHTML string

//go:embed notice.txt
var sourceText string

// A page is what the templates are executed with.
type page struct {
	Lang, Paper, Masthead, Tagline string
	Subject, Greeting              string
	Lead, Ask, Button, Link, Paste string // without a Link there is neither Button nor Paste
	EditionsHead                   string
	Editions                       []string // titles
	Ignore, Why                    string
	Postal, Home                   string
}

// compose returns n as a message, the same at every attempt.
func (d *Desk) compose(n subscribers.Notice) (mailer.Envelope, []byte, error) {
	p, err := d.page(n)
	if err != nil {
		return mailer.Envelope{}, nil, fmt.Errorf("notice %d: %w", n.ID, err)
	}
	html, text, err := render(p)
	if err != nil {
		return mailer.Envelope{}, nil, fmt.Errorf("notice %d: %w", n.ID, err)
	}
	// No name beside the address: a stranger may have chosen it.
	m := mailer.Message{
		From: d.From, ReplyTo: d.ReplyTo, To: mailer.Address{Address: n.Address},
		Subject: p.Subject, Date: n.AskedAt.In(d.Publication.Zone), ID: messageID(n, d.From.Address),
		Automatic: true, Text: text, HTML: html,
	}
	raw, err := m.Compose()
	if err == nil {
		err = mailer.Check(raw)
	}
	if err == nil && d.Signer != nil {
		raw, err = d.Signer.Sign(raw)
	}
	if err != nil {
		return mailer.Envelope{}, nil, fmt.Errorf("notice %d: %w", n.ID, err)
	}
	sender, err := mailer.VERP(d.Bounces, d.Keys.Bounce(n.Ref, "notice"))
	return mailer.Envelope{Sender: sender, Recipient: n.Address}, raw, err
}

// messageID returns the Message-ID of n. The ref stands in a link that only its
// reader has, so it is hashed.
func messageID(n subscribers.Notice, from string) string {
	sum := sha256.Sum256([]byte("notice\x00" + n.Ref))
	_, domain, _ := strings.Cut(from, "@")
	return "notice." + hex.EncodeToString(sum[:10]) + "@" + domain
}

// page returns what n says.
func (d *Desk) page(n subscribers.Notice) (page, error) {
	p := page{
		Lang: d.Words.Language, Paper: d.Publication.Name, Masthead: strings.ToUpper(d.Publication.Name),
		Tagline: d.Publication.Tagline, Postal: d.Publication.Address, Home: d.Publication.URL,
	}
	switch n.Kind {
	case subscribers.KindConfirm, subscribers.KindMove:
		p.Link = d.Publication.Web + "/confirm/" + d.Keys.Notice(n.Ref)
	case subscribers.KindKnown:
		p.Link = d.Publication.Web + "/preferences/" + d.Keys.Preferences(n.Subscriber)
	}
	for _, list := range n.Lists {
		p.Editions = append(p.Editions, list.Title)
	}
	say := speaker{book: d.Words, paper: d.Publication.Name}
	kind := "mail_" + string(n.Kind) + "."
	p.Subject, p.Lead, p.Ask = say.text(kind+"subject"), say.text(kind+"lead"), say.text(kind+"ask")
	if p.Link != "" {
		p.Button, p.Ignore = say.text(kind+"button"), say.text(kind+"ignore")
	}
	p.Greeting, p.EditionsHead = say.text("mail.greeting"), say.text("mail.editions")
	p.Paste, p.Why = say.text("mail.paste"), say.text(kind+"why")
	return p, say.err
}

// A speaker looks up texts until one is missing.
type speaker struct {
	book  *words.Book
	paper string
	err   error
}

func (s *speaker) text(key string) string {
	text, err := s.book.Say(key, "paper", s.paper)
	if err != nil && s.err == nil {
		s.err = err
	}
	return text
}

// render returns p in both forms.
func render(p page) (html, text string, err error) {
	asHTML, err := template.New("notice.html").Funcs(template.FuncMap{
		// Package html/template drops comments, also those that Outlook reads.
		"mso":    func() template.HTML { return "<!--[if mso]>" },
		"endmso": func() template.HTML { return "<![endif]-->" },
	}).Parse(sourceHTML)
	if err != nil {
		return "", "", err
	}
	asText, err := ttemplate.New("notice.txt").Funcs(ttemplate.FuncMap{"wrap": wrap}).Parse(sourceText)
	if err != nil {
		return "", "", err
	}
	var h, t bytes.Buffer
	if err := asHTML.Execute(&h, p); err != nil {
		return "", "", err
	}
	if err := asText.Execute(&t, p); err != nil {
		return "", "", err
	}
	return h.String(), t.String(), nil
}

// columns is how wide the plain text is.
const columns = 72

// wrap breaks a text into lines.
func wrap(s string) string {
	var b strings.Builder
	width := 0
	for i, word := range strings.Fields(s) {
		n := len([]rune(word))
		switch {
		case i == 0:
		case width+1+n > columns:
			b.WriteByte('\n')
			width = 0
		default:
			b.WriteByte(' ')
			width++
		}
		b.WriteString(word)
		width += n
	}
	return b.String()
}
