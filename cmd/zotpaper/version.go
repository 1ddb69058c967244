package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func newVersion(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print which version this is",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return a.print(buildVersion())
		},
	}
}

// A version says what was built, from what, and for which machine.
type version struct {
	Version  string `json:"version"`            // "v1.2.3", or "(devel)" for a build from a checkout
	Revision string `json:"revision,omitempty"` // the commit, "+changes" added if files differed from it
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// buildVersion reads the version from what the Go tool wrote into the program.
func buildVersion() version {
	v := version{Version: "(devel)", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if info.Main.Version != "" {
		v.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Revision = s.Value + v.Revision
		case "vcs.modified":
			if s.Value == "true" {
				v.Revision += "+changes"
			}
		}
	}
	return v
}

// WriteText prints v on one line.
func (v version) WriteText(w io.Writer) error {
	revision := ""
	if v.Revision != "" {
		revision = " (" + v.Revision + ")"
	}
	_, err := fmt.Fprintf(w, "zotpaper %s%s, %s, %s\n", v.Version, revision, v.Go, v.Platform)
	return err
}
