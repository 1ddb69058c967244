package main

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/zotpaper/zotpaper/demo"
	"github.com/zotpaper/zotpaper/dispatch"
	"github.com/zotpaper/zotpaper/subscribers"
)

// pages returns the demo's inbox under /inbox/, and the paper's own pages
// under everything else, so that the links in the mails lead somewhere.
func (s *sample) pages(ctx context.Context, base string) (http.Handler, error) {
	pages, err := s.readersPages().Handler()
	if err != nil {
		return nil, err
	}
	report, err := s.report(ctx)
	if err != nil {
		return nil, err
	}
	public := s.press.Publication.Web
	inbox, err := demo.Page{
		Prefix:   "/inbox",
		Messages: s.received,
		Readers:  func() ([]demo.Reader, error) { return s.readers(ctx) },
		Report:   func() demo.Report { return report },
		Rewrite:  func(page string) string { return strings.ReplaceAll(page, public+"/", base+"/") },
	}.Handler()
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/inbox/", inbox)
	mux.Handle("/", pages)
	return mux, nil
}

// received returns the inbox as the page wants it.
func (s *sample) received() []demo.Received {
	var list []demo.Received
	for _, m := range s.inbox.Messages() {
		list = append(list, demo.Received{From: m.From, To: m.To, At: m.At, Raw: m.Raw})
	}
	return list
}

// readers returns the sample's readers as they stand now.
func (s *sample) readers(ctx context.Context) ([]demo.Reader, error) {
	var list []demo.Reader
	for _, m := range s.inbox.Messages() {
		r := demo.Reader{Address: m.To, State: string(dispatch.Sent)}
		record, err := s.people.Show(ctx, m.To)
		if err != nil && !errors.Is(err, subscribers.ErrUnknown) {
			return nil, err
		}
		if record.Subscriber != nil { // else they were erased
			r.Name = record.Subscriber.Name
		}
		for _, c := range record.Consents {
			r.On = r.On || c.State == "given"
		}
		list = append(list, r)
	}
	return list, nil
}

// report says what was sent.
func (s *sample) report(ctx context.Context) (demo.Report, error) {
	key := s.sent.Record.Key
	_, facts, err := s.press.Issue(ctx, key)
	r := demo.Report{
		Edition: facts.Title + ", " + key.Date.Long(), Subject: facts.Subject, Articles: len(facts.Articles),
		Recipients: s.sent.Tally.Recipients, Sent: s.sent.Tally.Sent, Took: s.took,
	}
	for _, o := range facts.Omitted {
		r.Omitted = append(r.Omitted, o.Headline+" ("+o.Reason+")")
	}
	return r, err
}
