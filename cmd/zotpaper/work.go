package main

import (
	"errors"

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
			n, err := openNewsroom(cmd.Context(), c, a.logger(c.Log), a.now)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, n.close()) }()
			if err := errors.Join(n.readyToDispatch(), n.clocksAgree(cmd.Context())); err != nil {
				return err
			}
			a.note("waiting for editions to dispatch")
			n.press.Work(cmd.Context(), a.who())
			return nil
		},
	}
}
