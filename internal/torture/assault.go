//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"
)

// An assault is one edition on its way, and the processes that send it: the
// first is edition send, the others are zotpaper work.
type assault struct {
	*siege
	n         int
	processes []*child // nil: not running
	kills     []killed

	started   time.Time // the process started last
	restarted bool      // and it took the place of a dead one
	mailed    time.Time // its first message; zero: none yet
	begun     bool      // somebody has the edition
	doubts    int       // in the ledger, when they were last counted
	counted   chan error
}

// A killed is one kill.
type killed struct {
	at      time.Time
	sending bool // the process started last had sent something
}

// run returns when edition send says that the edition is complete.
func (e *assault) run(ctx context.Context) error {
	e.processes = make([]*child, 1+e.workers)
	for {
		if err := e.start(ctx); err != nil {
			return err
		}
		undisturbed := e.n == 0 || e.result.Kills >= e.plan.kills
		done, err := e.watch(ctx, e.moment(undisturbed))
		if err == nil {
			err = e.count(ctx)
		}
		if err != nil || done {
			return err
		}
		victim := e.random.IntN(len(e.processes))
		if done, err := e.kill(victim); err != nil || done {
			return err
		}
		if e.workers > 0 { // the others go on meanwhile
			if err := pause(ctx, time.Duration(e.random.Int64N(int64(2*time.Second)))); err != nil {
				return err
			}
		}
	}
}

// start starts the processes that do not run.
func (e *assault) start(ctx context.Context) error {
	if err := e.sink.Mark(); err != nil {
		return err
	}
	e.restarted = len(e.kills) > 0
	e.started, e.mailed = time.Now(), time.Time{}
	for i, p := range e.processes {
		if p != nil {
			continue
		}
		args := e.paper.sendArgs(e.n)
		if i > 0 {
			args = []string{"--config", e.paper.config(i), "work"}
		}
		var err error
		if e.processes[i], err = e.paper.start(ctx, args...); err != nil {
			return err
		}
	}
	return nil
}

// A moment is when to kill.
type moment struct {
	never  bool
	mailed bool // after counts from the first message, not from the start
	after  time.Duration
}

// moment draws when to kill next: at any time before the first message would
// be sent, or else somewhere in the first part of the sending. The former is
// the more likely until somebody has the edition, since afterwards it is frozen
// for good.
func (e *assault) moment(never bool) moment {
	if never {
		return moment{never: true}
	}
	early := e.random.IntN(3) == 0
	if !e.begun {
		early = !early
	}
	if early {
		return moment{after: e.draw(e.ahead * 5 / 4)}
	}
	return moment{mailed: true, after: e.draw(e.sending * 2 / killsPerEdition)}
}

func (e *assault) draw(limit time.Duration) time.Duration {
	return time.Duration(e.random.Int64N(int64(limit)))
}

// watch waits until m, and says instead that the edition is done if edition
// send ends before.
func (e *assault) watch(ctx context.Context, m moment) (done bool, err error) {
	send := e.processes[0]
	deadline := time.Now().Add(patience)
	for {
		select {
		case <-send.ended:
			return true, errors.Join(e.look(ctx), e.concluded(send))
		case <-ctx.Done():
			return false, ctx.Err()
		case <-time.After(glance):
		}
		if err := errors.Join(e.look(ctx), e.attended()); err != nil {
			return false, err
		}
		begin := e.started
		if m.mailed {
			begin = e.mailed
		}
		switch now := time.Now(); {
		case now.After(deadline):
			return false, fmt.Errorf("no end after %v: %s", patience, send.errs.Bytes())
		case !m.never && !begin.IsZero() && now.Sub(begin) >= m.after:
			return false, nil
		}
	}
}

// attended fails if one of the workers has ended by itself.
func (e *assault) attended() error {
	for _, p := range e.processes[1:] {
		select {
		case <-p.ended:
			return p.failure("it ended by itself: ", p.wait())
		default:
		}
	}
	return nil
}

// concluded says whether edition send ended as it should. That an edition was
// complete before is no failure: the process that completed it was killed
// before it could say so.
func (e *assault) concluded(send *child) error {
	const nothingToDo = 3
	if status := send.wait(); status != 0 && status != nothingToDo {
		return send.failure("", status)
	}
	return nil
}

// look notes the first message since the last start.
func (e *assault) look(ctx context.Context) error {
	if !e.mailed.IsZero() {
		return nil
	}
	s, err := e.sink.Stats()
	if err != nil || s.Resumed == 0 {
		return err
	}
	e.mailed, e.begun = time.Unix(0, s.Resumed), true
	if e.n == 0 {
		e.ahead = e.mailed.Sub(e.started)
	}
	if e.restarted {
		e.result.Recovery = append(e.result.Recovery, e.mailed.Sub(e.started).Seconds())
		// The ledger names by now whom the kills left in doubt. It is read
		// while zotpaper has it open: what a kill left behind in its files is
		// for zotpaper to put in order, not for us.
		e.counted = make(chan error, 1)
		go func() { e.counted <- e.countDoubts(ctx) }()
	}
	return nil
}

func (e *assault) countDoubts(ctx context.Context) error {
	sum, err := e.paper.doubts(ctx, e.n)
	if err != nil {
		return err
	}
	e.result.MostInDoubt = max(e.result.MostInDoubt, sum-e.doubts)
	e.doubts = sum
	return nil
}

// count waits until the doubts are counted.
func (e *assault) count(ctx context.Context) error {
	if e.counted == nil {
		return nil
	}
	select {
	case err := <-e.counted:
		e.counted = nil
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// kill kills one process, and waits until it is no more. It says that the
// edition is done if edition send was quicker.
func (e *assault) kill(victim int) (done bool, err error) {
	p := e.processes[victim]
	if err := p.kill(); err != nil {
		return false, err
	}
	at := time.Now()
	if status := p.wait(); status >= 0 && victim == 0 {
		return true, e.concluded(p)
	}
	e.processes[victim] = nil
	e.kills = append(e.kills, killed{at, !e.mailed.IsZero()})
	e.result.Kills++
	e.tell("kill %d: process %d, %v after the start, sending %v", e.result.Kills, victim, at.Sub(e.started).Round(time.Millisecond), !e.mailed.IsZero())
	return false, nil
}

// stop ends the processes that still run, in good order if they can.
func (e *assault) stop() error {
	if s, err := e.sink.Stats(); err == nil && e.n == 0 {
		e.sending = time.Duration(s.Last - s.First)
	}
	var errs []error
	for _, p := range e.processes {
		if p == nil {
			continue
		}
		// It may have ended by itself.
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGTERM)
		select {
		case <-p.ended:
		case <-time.After(30 * time.Second):
			errs = append(errs, p.kill(), fmt.Errorf("zotpaper does not end: %s", p.errs.Bytes()))
		}
		p.wait()
	}
	return errors.Join(errs...)
}

// place counts the kills by where they fell.
func (e *assault) place(ctx context.Context) error {
	frozen, err := e.paper.frozen(ctx, e.n)
	if err != nil {
		return err
	}
	for _, k := range e.kills {
		switch {
		case k.at.Before(frozen):
			e.result.Early++
		case !k.sending:
			e.result.Before++
		}
	}
	return nil
}
