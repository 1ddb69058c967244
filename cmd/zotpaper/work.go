package main

import (
	"github.com/spf13/cobra"
)

func newWork(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "work",
		Short: "Help dispatch editions, from this or a further machine",
		Long: `Work dispatches whatever edition is frozen and not complete, batch by batch,
together with every other process that does the same: serve, edition send, and
work on other machines. They share one PostgreSQL, and each has the articles'
configuration and the secret file of the first.

On SIGTERM it lets conversations with the mail server come to their end and
gives its batches back; if it dies, others take them over within two minutes.`,
		Example: `  zotpaper work
  zotpaper --config /srv/paper/config.yaml work`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.config()
			if err != nil {
				return err
			}
			n, err := openNewsroom(cmd.Context(), c, a.logger(c.Log), a.now)
			if err != nil {
				return err
			}
			a.note("waiting for editions to dispatch")
			n.press.Work(cmd.Context(), a.who())
			return n.close()
		},
	}
}
