//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/zotpaper/zotpaper/internal/sink"
)

// A source is Postfix's own program for loads: smtp-source, one thread in C
// that sends one constant message again and again, without pipelining.
type source struct {
	program   string
	libraries string
}

// findSource returns smtp-source. Where it is not installed it is taken out of
// Debian's package, which is kept in the folder .tools. Postfix itself is
// neither installed nor started.
func (s *shop) findSource(ctx context.Context) (*source, error) {
	if program, err := exec.LookPath("smtp-source"); err == nil {
		return &source{program: program}, nil
	}
	folder := filepath.Join(s.root, ".tools", "postfix")
	found := &source{filepath.Join(folder, "usr/sbin/smtp-source"), filepath.Join(folder, "usr/lib/postfix")}
	if _, err := os.Stat(found.program); err == nil {
		return found, nil
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, err
	}
	download := exec.CommandContext(ctx, "apt-get", "download", "-qq", "postfix")
	download.Dir = folder
	if output, err := download.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("apt-get download postfix: %w: %s", err, output)
	}
	packages, err := filepath.Glob(filepath.Join(folder, "postfix_*.deb"))
	if err != nil || len(packages) == 0 {
		return nil, errors.Join(err, errors.New("apt-get download postfix left no package"))
	}
	if output, err := exec.CommandContext(ctx, "dpkg", "-x", packages[0], folder).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("dpkg -x: %w: %s", err, output)
	}
	_, err = os.Stat(found.program)
	return found, err
}

// send sends messages of size bytes over a number of connections, and returns
// how many a second the mail server took, from the first to the last.
func (s *source) send(ctx context.Context, connections, messages int, size int64) (m measured, err error) {
	server, err := sink.Spawn(ctx, sink.Options{}, sinkCommand)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	// -d: one connection for many messages; -N: each to another recipient.
	cmd := exec.CommandContext(ctx, s.program, "-d", "-N", "-s", strconv.Itoa(connections), "-m", strconv.Itoa(messages),
		"-l", strconv.FormatInt(size, 10), "-f", "edition@news.example", "-t", "reader@example.org", server.Addr)
	cmd.Env = append(os.Environ(), "LD_LIBRARY_PATH="+s.libraries)
	if output, err := cmd.CombinedOutput(); err != nil {
		return m, fmt.Errorf("smtp-source: %w: %s", err, output)
	}
	used := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return taken(server, messages, used)
}

// taken returns what a mail server has measured of a run of messages that took
// its sender a time on the processor.
func taken(server *sink.Process, messages int, used time.Duration) (m measured, err error) {
	s, err := server.Stats()
	if err != nil {
		return m, err
	}
	if s.Messages != int64(messages) || s.Recipients != s.Messages {
		return m, fmt.Errorf("the mail server took %d messages to %d recipients, want %d", s.Messages, s.Recipients, messages)
	}
	n := float64(messages)
	return measured{
		PerSecond: (n - 1) / time.Duration(s.Last-s.First).Seconds(), CPU: 1000 * used.Seconds() / n,
		SinkCPU: 1000 * s.CPU / n, Size: s.Bytes / s.Messages,
	}, nil
}

// softLimit raises how many files this process and its children may have open.
func softLimit() {
	var l syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l) == nil {
		l.Cur = l.Max
		_ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &l) // then few connections must do
	}
}
