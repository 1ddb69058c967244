package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"
)

func newEdition(a *app) *cobra.Command {
	cmd := group("edition", "Build, look at, test, send and stop editions",
		`An edition is one slot on one day, such as 2026-02-08/afternoon. Where a
command takes one and none is given, it is today's.

While an edition is going out, from whatever process, an editor may pause,
resume, cancel or replace it from any machine that has the database.`,
		`  zotpaper edition build                     make today's and look at it
  zotpaper edition check                     what an editor should know of it
  zotpaper edition test --to me@paper.example
  zotpaper edition send                      freeze it and send it
  zotpaper edition pause --why "wrong name"  nothing further is sent
  zotpaper edition replace                   a corrected issue for the rest`)
	cmd.AddCommand(
		newEditionBuild(a),
		newEditionList(a),
		newEditionShow(a),
		newEditionCheck(a),
		newEditionTest(a),
		newEditionSend(a),
		newEditionPause(a),
		newEditionResume(a),
		newEditionCancel(a),
		newEditionReplace(a),
		newEditionHold(a),
		newEditionRelease(a),
	)
	return cmd
}

// inNewsroom runs work with the newsroom open, and closes it whatever happens.
func inNewsroom(a *app, work func(context.Context, *newsroom, []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) (err error) {
		n, err := a.newsroom(cmd.Context())
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, n.close()) }()
		return work(cmd.Context(), n, args)
	}
}
