package main

import (
	"errors"
	"sync"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/spf13/cobra"
)

func newWork(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "work",
		Short: "Help dispatch editions, from this or a further machine",
		Long: `Work dispatches whatever edition is frozen and not complete, batch by batch,
together with every other process that does the same: serve, edition send, and
work on other machines. Those share one PostgreSQL, and have the configuration
and the secret file of the first; on one machine SQLite will do.

On SIGTERM it lets conversations with the mail server come to their end, gives
its batches back, and ends with status 0. If it dies, another process on the
same machine takes them over at once, one on another machine after 15 seconds.`,
		Example: `  zotpaper work
  zotpaper --config /srv/paper/config.yaml work`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			c, err := a.config()
			if err != nil {
				return err
			}
			n, err := a.staffed(cmd.Context(), c)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, n.close()) }()
			a.note("waiting for editions to dispatch")
			n.tell(daemon.SdNotifyReady)
			var alive sync.WaitGroup
			alive.Go(func() { n.keepAlive(cmd.Context()) })
			n.press.Work(cmd.Context(), a.who())
			n.tell(daemon.SdNotifyStopping)
			alive.Wait()
			return nil
		},
	}
}
