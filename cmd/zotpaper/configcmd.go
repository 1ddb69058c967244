package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

func newConfig(a *app) *cobra.Command {
	cmd := group("config", "Check the configuration, or print what is in force",
		`The configuration is config.yaml in the folder you are in, or the file that
--config names. What it leaves out has the default; variables such as
ZOTPAPER_SMTP_PASSWORD override it.`,
		`  zotpaper config check
  zotpaper config show --config /etc/zotpaper/config.yaml`)
	cmd.AddCommand(newConfigCheck(a), newConfigShow(a))
	return cmd
}

func newConfigCheck(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "Say what is wrong with the configuration",
		Long: `Check reads the configuration as every command does and says what is wrong
with it: the line, the key, and what to do. It also names what is allowed and
probably not meant, such as an address that is still the example's.`,
		Example: `  zotpaper config check
  zotpaper config check --json`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: noFileCompletion,
		RunE:              func(*cobra.Command, []string) error { return a.checkConfig() },
	}
}

// checkConfig prints what is wrong with the configuration. With --json the
// problems are facts, and are not repeated as errors.
func (a *app) checkConfig() error {
	c, err := a.config()
	var broken *ConfigError
	switch {
	case errors.As(err, &broken):
		if !a.json {
			return err
		}
		err = a.print(configReport{File: broken.File, Problems: broken.Problems, Warnings: []string{}})
		return errors.Join(err, &exitError{code: exitFailed})
	case err != nil:
		return err
	}
	return a.print(configReport{File: c.File, Problems: []ConfigProblem{}, Warnings: warnings(c)})
}

// A configReport is what is to be said about a configuration.
type configReport struct {
	File     string          `json:"file"`
	Problems []ConfigProblem `json:"problems"`
	Warnings []string        `json:"warnings"`
}

// WriteText prints the warnings, a line each, or else that all is well.
// Problems are printed as errors.
func (r configReport) WriteText(w io.Writer) error {
	for _, warning := range r.Warnings {
		if _, err := fmt.Fprintf(w, "%s: warning: %s\n", r.File, warning); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "%s: no mistakes found\n", r.File)
	return err
}

func newConfigShow(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "show",
		Short: "Print the configuration in force, without secrets",
		Long: `Show prints every key with the value in force: from the file, the environment,
or the defaults. Passwords are not shown. Paths are shown as the program sees
them.`,
		Example: `  zotpaper config show
  zotpaper config show --json`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: noFileCompletion,
		RunE: func(*cobra.Command, []string) error {
			c, err := a.config()
			if err != nil {
				return err
			}
			return a.print(configFact{c})
		},
	}
}
