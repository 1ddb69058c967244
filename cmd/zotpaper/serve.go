package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/zotpaper/zotpaper/edition"
	"github.com/zotpaper/zotpaper/press"
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
	running.Go(func() { n.tidy(ctx) })
	// What is frozen is dispatched from here, whoever froze it and when.
	running.Go(func() { n.press.Work(ctx, "schedule") })
	for _, s := range n.press.Slots {
		running.Go(func() { n.keepTime(ctx, s) })
	}
	running.Wait()
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// tidyEvery is how often serve drops what strangers left behind.
const tidyEvery = 6 * time.Hour

// tidy drops what strangers left behind until ctx ends: first when serve
// starts, since it may be started every day.
func (n *newsroom) tidy(ctx context.Context) {
	for ctx.Err() == nil {
		if err := n.people.Tidy(ctx); err != nil && ctx.Err() == nil {
			n.log.Error("requests that nobody confirmed are not dropped; trying again later", "error", err)
		}
		n.sleepUntil(ctx, n.press.Now().Add(tidyEvery))
	}
}

// keepTime sends each edition of s at its time.
func (n *newsroom) keepTime(ctx context.Context, s press.Slot) {
	n.catchUp(ctx, s)
	for {
		next, date, ok := n.press.NextCutoff(s, n.press.Now())
		if !ok {
			return // the check of the configuration keeps this from happening
		}
		n.log.Info("waiting for the next edition", "slot", s.ID, "at", next.Format(time.RFC3339))
		if !n.sleepUntil(ctx, next) {
			return
		}
		n.freezeScheduled(ctx, s, date)
	}
}

// catchUp sends the edition of s that was due while nothing ran, if it is not
// later than the slot allows.
func (n *newsroom) catchUp(ctx context.Context, s press.Slot) {
	now, today := n.press.Now(), n.press.Today()
	for _, date := range []edition.Date{today, today.AddDays(-1)} { // midnight may lie between
		cutoff, ok := n.press.Cutoff(s, date)
		if !ok || cutoff.After(now) || now.Sub(cutoff) > s.CatchUp {
			continue
		}
		_, err := n.press.Record(ctx, edition.Key{Date: date, Slot: s.ID})
		if errors.Is(err, press.ErrNotFound) {
			n.log.Info("sending an edition late: nothing ran at its time", "slot", s.ID, "due", cutoff.Format(time.RFC3339))
			n.freezeScheduled(ctx, s, date)
		}
		return // only the newest one: nobody wants two papers at once
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

// retryEvery is how long serve waits before it tries again to freeze an
// edition.
const retryEvery = time.Minute

// freezeScheduled freezes the edition of s on date, which has it dispatched,
// and tries again while that fails for a reason that may pass.
func (n *newsroom) freezeScheduled(ctx context.Context, s press.Slot, date edition.Date) {
	key := edition.Key{Date: date, Slot: s.ID}
	for ctx.Err() == nil {
		_, err := n.press.Frozen(ctx, s, date, "schedule")
		var heldBack *press.HeldError
		var stopped *press.StateError
		switch {
		case err == nil, ctx.Err() != nil:
			return
		case errors.As(err, &heldBack), errors.As(err, &stopped):
			n.log.Warn("an edition does not go out", "edition", key.String(), "error", err)
			return
		}
		n.log.Error("an edition is not frozen; trying again", "edition", key.String(), "in", retryEvery.String(), "error", err)
		if !n.sleepUntil(ctx, n.press.Now().Add(retryEvery)) {
			return
		}
	}
}
