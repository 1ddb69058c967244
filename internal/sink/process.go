package sink

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
)

// Main is the whole of a process that is a sink: it starts a server as options
// (JSON) say, writes its address as a line, and answers each line of in, which
// is stats, mark or reset, with the counts as a line of JSON. It ends when in
// does, so that it cannot outlive who holds the other end.
func Main(options string, in io.Reader, out io.Writer) (err error) {
	var o Options
	if err := json.Unmarshal([]byte(options), &o); err != nil {
		return fmt.Errorf("sink: options: %w", err)
	}
	s, err := Start(o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if _, err := fmt.Fprintln(out, s.Addr()); err != nil {
		return err
	}
	lines, answers := bufio.NewScanner(in), json.NewEncoder(out)
	for lines.Scan() {
		switch lines.Text() {
		case "mark":
			s.Mark()
		case "reset":
			s.Reset()
		}
		if err := answers.Encode(s.Stats()); err != nil {
			return err
		}
	}
	return lines.Err()
}

// A Process is a sink in a process of its own. Its methods must not be called
// by several goroutines at once.
type Process struct {
	Addr string // where it listens

	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
}

// Spawn starts a sink by running this very program with the arguments args and
// the options, which it must hand to [Main]. The caller closes it.
func Spawn(ctx context.Context, o Options, args ...string) (*Process, error) {
	options, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("sink: %w", err)
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("sink: %w", err)
	}
	p := &Process{cmd: exec.CommandContext(ctx, self, append(args, string(options))...)}
	p.cmd.Stderr = os.Stderr
	out, err1 := p.cmd.StdoutPipe()
	in, err2 := p.cmd.StdinPipe()
	if err := errors.Join(err1, err2, p.cmd.Start()); err != nil {
		return nil, fmt.Errorf("sink: %w", err)
	}
	p.in, p.out = in, bufio.NewScanner(out)
	if !p.out.Scan() {
		return nil, fmt.Errorf("sink: it does not start: %w", errors.Join(p.out.Err(), p.Close()))
	}
	p.Addr = p.out.Text()
	return p, nil
}

// Stats returns the counts so far.
func (p *Process) Stats() (Stats, error) { return p.say("stats") }

// Mark is [Server.Mark].
func (p *Process) Mark() error {
	_, err := p.say("mark")
	return err
}

// Reset is [Server.Reset].
func (p *Process) Reset() error {
	_, err := p.say("reset")
	return err
}

func (p *Process) say(word string) (Stats, error) {
	var s Stats
	if _, err := fmt.Fprintln(p.in, word); err != nil {
		return s, fmt.Errorf("sink: %w", err)
	}
	if !p.out.Scan() {
		return s, fmt.Errorf("sink: it ended: %w", errors.Join(p.out.Err(), io.ErrUnexpectedEOF))
	}
	if err := json.Unmarshal(p.out.Bytes(), &s); err != nil {
		return s, fmt.Errorf("sink: %w", err)
	}
	return s, nil
}

// Close ends the process and waits for it.
func (p *Process) Close() error {
	err := p.in.Close()
	return errors.Join(err, p.cmd.Wait())
}
