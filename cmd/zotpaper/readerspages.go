package main

import (
	"context"
	"fmt"

	"github.com/zotpaper/zotpaper/web"
)

// readersPages returns the server of the readers' pages.
func (n *newsroom) readersPages() *web.Server {
	c := n.config
	return &web.Server{
		Publication: n.press.Publication, Press: n.press, Subscribers: n.people, Keys: n.keys,
		Words: c.Words, Lists: lists(c), Signup: c.Web.Signup, Archive: c.Web.Archive == archivePublic,
		Proxies: c.Web.Trusted, Ready: n.ready, Media: c.Articles.Media, Log: n.log,
	}
}

// ready fails if the database does not answer, or the journal cannot be kept:
// then nothing can be dispatched, and who unsubscribes cannot be answered.
func (n *newsroom) ready(ctx context.Context) error {
	if err := n.db.PingContext(ctx); err != nil {
		return fmt.Errorf("database: %w", err)
	}
	if err := writableFolder(n.config.journal()); err != nil {
		return fmt.Errorf("dispatch.journal: %w", err)
	}
	return nil
}
