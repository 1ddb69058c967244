package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/zotpaper/zotpaper/alerts"
)

func newServe(a *app) *cobra.Command {
	var listen string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the paper: schedule, dispatch and the readers' pages",
		Long: `Serve sends every slot's edition at its time, in the publication's time zone,
and answers readers: sign-up, unsubscribe, preferences, editions in a browser,
pictures.

It goes on with what an earlier process left unfinished. On SIGTERM it lets
conversations with the mail server come to their end, and stops; what is not
sent yet is sent when it runs again.`,
		Example: `  zotpaper serve
  zotpaper serve --listen 127.0.0.1:9000`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			ctx := cmd.Context()
			c, err := a.config()
			if err != nil {
				return err
			}
			n, err := openNewsroom(ctx, c, a.logger(c.Log), a.now)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, n.close()) }()
			if err := errors.Join(n.readyToDispatch(), n.clocksAgree(ctx)); err != nil {
				return err
			}
			if listen == "" {
				listen = c.Web.Listen
			}
			var lc net.ListenConfig
			l, err := lc.Listen(ctx, "tcp", listen)
			if err != nil {
				return fmt.Errorf("web.listen: %w", err)
			}
			a.note("readers' pages on http://%s", l.Addr())
			return n.serve(ctx, l)
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "", "the `ADDRESS` to listen on (default web.listen)")
	return cmd
}

// serve runs the schedule and the pages until ctx ends or one of them fails.
func (n *newsroom) serve(ctx context.Context, l net.Listener) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	pages := n.readersPages()
	var running sync.WaitGroup
	running.Go(func() {
		if err := pages.Serve(ctx, l); err != nil {
			stop(err)
		}
	})
	running.Go(func() { n.desk().Work(ctx) })
	running.Go(func() { n.alerts().Work(ctx) })
	running.Go(func() { n.tidy(ctx) })
	running.Go(func() { n.press.Keep(ctx, bySchedule) })
	// What is frozen is dispatched from here, whoever froze it and when.
	running.Go(func() { n.press.Work(ctx, bySchedule) })
	running.Wait()
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// bySchedule is who stands on record for what serve does by itself.
const bySchedule = "schedule"

// tidyEvery is how often serve drops what strangers left behind.
const tidyEvery = 6 * time.Hour

// tidy drops what strangers left behind until ctx ends: first when serve
// starts, since it may be started every day.
func (n *newsroom) tidy(ctx context.Context) {
	for ctx.Err() == nil {
		if err := n.people.Tidy(ctx); err != nil && ctx.Err() == nil {
			n.log.Error("requests that nobody confirmed are not dropped; trying again later", "error", err)
		}
		if err := alerts.Tidy(ctx, n.db, n.press.Now()); err != nil && ctx.Err() == nil {
			n.log.Error("old alerts are not dropped; trying again later", "error", err)
		}
		n.sleepUntil(ctx, n.press.Now().Add(tidyEvery))
	}
}

// sleepUntil waits until t by the newsroom's clock, looking at it again every
// half a minute: a laptop sleeps, and clocks are set. It reports false if ctx
// ended.
func (n *newsroom) sleepUntil(ctx context.Context, t time.Time) bool {
	for {
		left := t.Sub(n.press.Now())
		if left <= 0 {
			return true
		}
		timer := time.NewTimer(min(left, 30*time.Second))
		select {
		case <-ctx.Done():
			timer.Stop()
			return false
		case <-timer.C:
		}
	}
}
