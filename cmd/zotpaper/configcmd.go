package main

import "github.com/spf13/cobra"

func newConfig(a *app) *cobra.Command {
	cmd := group("config", "Check the configuration, or print what is in force",
		`The configuration is config.yaml in the folder you are in, or the file that
--config names.`,
		`  zotpaper config check
  zotpaper config show`)
	cmd.AddCommand(newConfigCheck(a))
	return cmd
}

func newConfigCheck(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "Say what is wrong with the configuration",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := a.config()
			return err
		},
	}
}
