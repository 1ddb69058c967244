//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A child is a running zotpaper, in a process group of its own.
type child struct {
	cmd     *exec.Cmd
	began   time.Time
	out     bytes.Buffer
	errs    bytes.Buffer
	ended   chan struct{} // closed when it is no more
	sampled chan struct{} // closed soon after
	took    time.Duration // known then, like what follows
	cpu     time.Duration
	peak    int64 // most memory it held, in bytes; 0: not known here
}

// start starts zotpaper. It dies with ctx.
func (p *paper) start(ctx context.Context, args ...string) (*child, error) {
	c := &child{cmd: exec.CommandContext(ctx, p.binary, args...), ended: make(chan struct{}), sampled: make(chan struct{})}
	c.cmd.Stdout, c.cmd.Stderr = &c.out, &c.errs
	c.cmd.Env = append(os.Environ(), p.env...)
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.cmd.Cancel = c.kill
	c.began = time.Now()
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	go c.sample()
	go func() {
		// How it ended stands in cmd.ProcessState.
		_ = c.cmd.Wait()
		c.took = time.Since(c.began)
		c.cpu = c.cmd.ProcessState.UserTime() + c.cmd.ProcessState.SystemTime()
		close(c.ended)
	}()
	return c, nil
}

// kill kills the process and all that it has started.
func (c *child) kill() error {
	if err := syscall.Kill(-c.cmd.Process.Pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return nil
}

// wait waits for the end and returns the exit status; -1 if it was killed.
func (c *child) wait() int {
	<-c.ended
	<-c.sampled
	return c.cmd.ProcessState.ExitCode()
}

// sample keeps an eye on the memory of the process.
func (c *child) sample() {
	defer close(c.sampled)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if peak := highWater(c.cmd.Process.Pid); peak > c.peak {
			c.peak = peak
		}
		select {
		case <-c.ended:
			return
		case <-tick.C:
		}
	}
}

// highWater returns the most memory that a process has held so far, in bytes;
// 0 if that cannot be known. What the system says when a process has ended
// would include ours, at the moment it was started.
func highWater(pid int) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "\nVmHWM:")
	kB, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	n, err := strconv.ParseInt(kB, 10, 64)
	if err != nil {
		return 0
	}
	return n << 10
}

// run runs zotpaper to its end, which must be a good one.
func (p *paper) run(ctx context.Context, args ...string) (*child, error) {
	c, err := p.start(ctx, args...)
	if err != nil {
		return nil, err
	}
	if status := c.wait(); status != 0 {
		return c, c.failure("", status)
	}
	return c, ctx.Err()
}

func (c *child) failure(what string, status int) error {
	return fmt.Errorf("%szotpaper %s: exit status %d: %s", what, strings.Join(c.cmd.Args[1:], " "), status, bytes.TrimSpace(c.errs.Bytes()))
}

// A shown is what zotpaper says of an edition with --json. What else it says is
// not looked at.
type shown struct {
	State         string  `json:"state"`
	FreezeSeconds float64 `json:"freeze_seconds"`
	Tally         struct {
		Recipients   int `json:"recipients"`
		Sent         int `json:"sent"`
		Rejected     int `json:"rejected"`
		Suppressed   int `json:"suppressed"`
		Expired      int `json:"expired"`
		Unrenderable int `json:"unrenderable"`
		Held         int `json:"held"`
		InDoubt      int `json:"in_doubt"`
	} `json:"tally"`
}

// balanced says whether the equation holds: every recipient has an end.
func (s shown) balanced() bool {
	t := s.Tally
	return t.Recipients == t.Sent+t.Rejected+t.Suppressed+t.Expired+t.Unrenderable+t.Held
}

// show asks zotpaper how an edition stands.
func (p *paper) show(ctx context.Context, n int) (shown, error) {
	var s shown
	c, err := p.run(ctx, "--config", p.config(0), "--json", "edition", "show", p.date+"/"+slot(n))
	if err == nil {
		err = json.Unmarshal(c.out.Bytes(), &s)
	}
	return s, err
}

// sendArgs are the arguments that send an edition.
func (p *paper) sendArgs(n int) []string {
	return []string{"--config", p.config(0), "--json", "edition", "send", "--slot", slot(n), "--date", p.date}
}

// knowsWork says whether zotpaper has the command work.
func (p *paper) knowsWork(ctx context.Context) bool {
	// Help on a command that is not there is help on all commands.
	c, err := p.run(ctx, "work", "--help")
	return err == nil && bytes.Contains(c.out.Bytes(), []byte("zotpaper work"))
}
