package press

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/zotpaper/zotpaper/edition"
	"github.com/zotpaper/zotpaper/mailer"
	"github.com/zotpaper/zotpaper/templates"
)

// A Specimen is a copy of an issue made out to nobody, to look at: its links
// lead to a page that says so.
type Specimen struct {
	Mail []byte // the whole message
	HTML string
	Text string
}

// Specimen returns a copy of issue as a reader would get it, checked.
func (p *Press) Specimen(issue templates.Issue, title, list string) (Specimen, error) {
	d := p.specimen(issue.Key, specimenAddress)
	l, err := p.newLetter(issue, title, list, "", d.Started)
	if err != nil {
		return Specimen{}, err
	}
	_, raw, err := l.raw(d)
	if err != nil {
		return Specimen{}, fmt.Errorf("specimen of %s: %w", issue.Key, err)
	}
	t := p.tokens(specimenRef, list)
	html, text := issue.For(templates.Links{Unsubscribe: p.unsubscribeURL(t), Preferences: p.preferencesURL(t)})
	return Specimen{raw, html, text}, nil
}

// Proof returns the issue of key to look at: the frozen one if there is one,
// else the draft as of now. frozen says which.
func (p *Press) Proof(ctx context.Context, key edition.Key) (d Draft, frozen bool, err error) {
	slot, err := p.Slot(key.Slot)
	if err != nil {
		return Draft{}, false, err
	}
	issue, facts, err := p.Issue(ctx, key)
	if err == nil {
		d := Draft{Slot: slot, Issue: issue}
		d.Edition = edition.Edition{Key: key, Title: facts.Title, List: facts.List,
			Window: edition.Window{Since: facts.Since, Until: facts.Until}}
		return d, true, nil
	}
	if !errors.Is(err, ErrNotFound) {
		return Draft{}, false, err
	}
	d, err = p.Draft(ctx, slot, key.Date, p.Now())
	return d, false, err
}

// A TestResult is what became of one test copy.
type TestResult struct {
	To    string `json:"to"`
	Reply string `json:"reply,omitempty"` // the server's, if it took the copy
	Error string `json:"error,omitempty"`
}

// TestSend sends the issue of d to the addresses of to, one message each: the
// bytes a reader would get, with [Test] before the subject and links that
// belong to nobody. Nothing of it is recorded. The error joins those of the
// copies that were not taken.
func (p *Press) TestSend(ctx context.Context, d Draft, to []string) ([]TestResult, error) {
	if d.Issue.HTML == "" {
		return nil, fmt.Errorf("test %s: %w", d.Edition.Key, templates.ErrEmpty)
	}
	l, err := p.newLetter(d.Issue, d.Edition.Title, d.Edition.List, "[Test] ", p.Now().Truncate(time.Second))
	if err != nil {
		return nil, err
	}
	type letterTo struct {
		envelope mailer.Envelope
		raw      []byte
	}
	var letters []letterTo
	for i, address := range to {
		delivery := p.specimen(d.Edition.Key, address)
		delivery.MessageID += fmt.Sprintf(".%d", i)
		envelope, raw, err := l.raw(delivery)
		if err != nil {
			return nil, fmt.Errorf("test copy to %s: %w", address, err)
		}
		letters = append(letters, letterTo{envelope, raw})
	}
	conn, err := p.dial(ctx)
	if err != nil {
		return nil, fmt.Errorf("test %s: %w", d.Edition.Key, err)
	}
	defer conn.Close()
	var results []TestResult
	var failed []error
	for i, c := range letters {
		result := TestResult{To: to[i]}
		reply, err := conn.Send(ctx, c.envelope, c.raw)
		if err != nil {
			result.Error = err.Error()
			failed = append(failed, fmt.Errorf("test copy to %s: %w", to[i], err))
		} else {
			result.Reply = reply.String()
		}
		results = append(results, result)
	}
	return results, errors.Join(failed...)
}

// dial connects to the first mail server that is to be had.
func (p *Press) dial(ctx context.Context) (*mailer.Conn, error) {
	var relays []mailer.Relay
	for _, relay := range p.Dispatcher.Relays {
		relays = append(relays, relay.Relay)
	}
	return mailer.DialAny(ctx, relays)
}
