//go:build unix

// Command torture measures the program zotpaper from outside: how fast it
// sends, and what a kill -9 costs. It builds the program, makes a paper with
// as many readers as wanted in a folder of its own, and sends editions to a
// mail server of package sink that runs as a process of its own. It knows
// zotpaper by its command line, its configuration and the ledger in its
// database, and by nothing else.
//
//	go run ./internal/torture bench    prints the figures of BENCHMARKS.md
//	go run ./internal/torture kill     kills it at random moments and counts
//
// With -write both put their tables into BENCHMARKS.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/zotpaper/zotpaper/internal/sink"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "torture:", err)
		os.Exit(1)
	}
}

// sinkCommand makes this program a sink, for [sink.Spawn].
const sinkCommand = "sink"

func run(ctx context.Context, args []string) error {
	command := ""
	if len(args) > 0 {
		command, args = args[0], args[1:]
	}
	switch {
	case command == "bench":
		return bench(ctx, args)
	case command == "kill":
		return kill(ctx, args)
	case command == sinkCommand && len(args) == 1:
		return sink.Main(args[0], os.Stdin, os.Stdout)
	}
	return errors.New("want a command: bench or kill; -h after it lists its flags")
}

// A shop is what all runs share: the program, and a folder that goes with the
// shop.
type shop struct {
	root   string // of the repository
	folder string
	binary string
	papers int // made so far
}

// openShop builds zotpaper, unless binary names one.
func openShop(ctx context.Context, binary string) (s *shop, err error) {
	root, err := repository()
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "zotpaper-torture-")
	if err != nil {
		return nil, err
	}
	s = &shop{root: root, folder: folder, binary: binary}
	if binary != "" {
		s.binary, err = filepath.Abs(binary)
		return s, err
	}
	s.binary = filepath.Join(folder, "zotpaper")
	build := exec.CommandContext(ctx, "go", "build", "-o", s.binary, "./cmd/zotpaper")
	build.Dir, build.Stderr, build.Env = root, os.Stderr, append(os.Environ(), "CGO_ENABLED=0")
	if err := build.Run(); err != nil {
		return nil, errors.Join(fmt.Errorf("build zotpaper: %w", err), s.close())
	}
	return s, nil
}

func (s *shop) close() error { return os.RemoveAll(s.folder) }

// repository returns the folder of this module: the one we are in, or above.
func repository() (string, error) {
	dir, err := os.Getwd()
	for err == nil {
		if _, statErr := os.Stat(filepath.Join(dir, "go.mod")); statErr == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("this must run within the repository of zotpaper")
		}
		dir = filepath.Dir(dir)
	}
	return "", err
}
