package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/spf13/cobra"

	"github.com/zotpaper/zotpaper/alerts"
	"github.com/zotpaper/zotpaper/web"
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
sent yet is sent when it runs again.

On SIGHUP it reads the configuration again. If that has a mistake, it says so and
goes on with the old one. A dispatch under way goes on with the new one: no
conversation is cut. web.listen and database take effect at the next start.`,
		Example: `  zotpaper serve
  zotpaper serve --listen 127.0.0.1:9000`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			hangups := make(chan os.Signal, 1)
			signal.Notify(hangups, syscall.SIGHUP)
			defer signal.Stop(hangups)
			return a.serve(cmd.Context(), listen, hangups)
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "", "the `ADDRESS` to listen on (default web.listen)")
	return cmd
}

// serve runs the paper until ctx ends. It reads the configuration again whenever
// something comes from reload.
func (a *app) serve(ctx context.Context, listen string, reload <-chan os.Signal) error {
	c, err := a.config()
	if err != nil {
		return err
	}
	n, err := a.staffed(ctx, c)
	if err != nil {
		return err
	}
	if listen == "" {
		listen = c.Web.Listen
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", listen)
	if err != nil {
		return errors.Join(fmt.Errorf("web.listen: %w", err), n.close())
	}
	a.note("readers' pages on http://%s", l.Addr())
	return a.shifts(ctx, n, l, reload)
}

// staffed opens a newsroom that can dispatch.
func (a *app) staffed(ctx context.Context, c *Config) (*newsroom, error) {
	n, err := openNewsroom(ctx, c, a.logger(c.Log), a.now)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(n.readyToDispatch(), n.clocksAgree(ctx)); err != nil {
		return nil, errors.Join(err, n.close())
	}
	return n, nil
}

// A shift is a newsroom at work, under one configuration.
type shift struct {
	*newsroom
	stop context.CancelFunc
	done chan struct{}
}

// begin has n at work until the shift is ended.
func begin(ctx context.Context, n *newsroom) *shift {
	ctx, stop := context.WithCancel(ctx)
	s := &shift{n, stop, make(chan struct{})}
	go func() {
		defer close(s.done)
		n.work(ctx)
	}()
	return s
}

// end waits until what s has begun is finished, and closes its newsroom.
func (s *shift) end() error {
	s.stop()
	<-s.done
	return s.close()
}

// shifts answers readers on l and has n at work until ctx ends or the pages fail.
// When something comes from reload, a newsroom with the configuration as it is then
// takes over: it begins before the other one ends, so that readers are answered and
// an edition goes on.
func (a *app) shifts(ctx context.Context, n *newsroom, l net.Listener, reload <-chan os.Signal) error {
	var pages relief
	if err := pages.hand(n); err != nil {
		return errors.Join(err, l.Close(), n.close())
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	served := make(chan error, 1)
	go func() { served <- web.Serve(ctx, l, &pages, n.log) }()
	now := begin(ctx, n)
	n.tell(daemon.SdNotifyReady)
	for {
		select {
		case err := <-served: // ctx has ended, or the listener broke
			now.tell(daemon.SdNotifyStopping)
			stop()
			return errors.Join(err, now.end())
		case <-reload:
			next, err := a.relieved(ctx, now, &pages)
			if err != nil {
				now.log.Error("the configuration was not read again; the old one stays in force", "error", err)
				continue
			}
			if err := now.end(); err != nil {
				next.log.Error("close what the old configuration had opened", "error", err)
			}
			now = next
			now.log.Info("the configuration was read again")
		}
	}
}

// relieved returns the shift after now, at work, under the configuration as it is.
func (a *app) relieved(ctx context.Context, now *shift, pages *relief) (*shift, error) {
	c, err := a.config()
	if err != nil {
		return nil, err
	}
	if c.Database != now.config.Database {
		return nil, errors.New("database: it cannot change while the paper runs; stop it and start it again")
	}
	next, err := a.staffed(ctx, c)
	if err != nil {
		return nil, err
	}
	if err := pages.hand(next); err != nil {
		return nil, errors.Join(err, next.close())
	}
	return begin(ctx, next), nil
}

// A relief answers readers with the pages of the newsroom that is at work.
type relief struct{ handler atomic.Pointer[http.Handler] }

// hand has the pages of n answer from now on.
func (r *relief) hand(n *newsroom) error {
	handler, err := n.readersPages().Handler()
	if err != nil {
		return err
	}
	r.handler.Store(&handler)
	return nil
}

func (r *relief) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	(*r.handler.Load()).ServeHTTP(w, request)
}

// work keeps the schedule, dispatches, and writes to readers and editors, until
// ctx ends and what has begun is finished.
func (n *newsroom) work(ctx context.Context) {
	var running sync.WaitGroup
	running.Go(func() { n.desk().Work(ctx) })
	running.Go(func() { n.alerts().Work(ctx) })
	running.Go(func() { n.tidy(ctx) })
	running.Go(func() { n.keepAlive(ctx) })
	running.Go(func() { n.press.Keep(ctx, bySchedule) })
	// What is frozen is dispatched from here, whoever froze it and when.
	running.Go(func() { n.press.Work(ctx, bySchedule) })
	running.Wait()
}

// tell tells systemd, if it started us, how it stands with us.
func (n *newsroom) tell(state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		n.log.Warn("systemd is not told", "state", state, "error", err)
	}
}

// keepAlive tells systemd's watchdog that we live, if it wants to know. A database
// that is away is no reason to be killed: we go on when it is back.
//
// https://www.freedesktop.org/software/systemd/man/latest/sd_watchdog_enabled.html
func (n *newsroom) keepAlive(ctx context.Context) {
	every, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		n.log.Warn("systemd's watchdog is not served", "error", err)
	}
	if err != nil || every == 0 {
		return
	}
	ticker := time.NewTicker(every / 2)
	defer ticker.Stop()
	for {
		n.tell(daemon.SdNotifyWatchdog)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
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
