//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/zotpaper/zotpaper/internal/sink"
)

// A siege sends edition after edition of one paper and kills while it does.
type siege struct {
	plan
	paper  *paper
	result *result
	random *rand.Rand
	sink   *sink.Process
	ledger string

	// What the first edition took, which nothing disturbs: until the first
	// message, and from there to the last.
	ahead, sending time.Duration
}

const (
	// killsPerEdition is about how often an edition is killed while it is sent.
	killsPerEdition = 6
	// patience is how long a process may work without a kill.
	patience = 5 * time.Minute
	// glance is how often the mail server is asked what it has.
	glance = 2 * time.Millisecond
)

func (g *siege) run(ctx context.Context) (err error) {
	g.ledger = filepath.Join(g.paper.folder, "sink.ledger")
	g.sink, err = sink.Spawn(ctx, sink.Options{Ledger: g.ledger, RTT: g.rtt}, sinkCommand)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.sink.Close()) }()
	err = g.paper.configure(conditions{
		relay: g.sink.Addr, tls: "none", connections: g.connections, pipelining: g.pipelining, policy: g.policy, slots: min(g.kills+2, maxSlots),
	})
	if err != nil {
		return err
	}
	for n := 0; n == 0 || g.result.Kills < g.kills && n < maxSlots; n++ {
		if err := g.edition(ctx, n); err != nil {
			return fmt.Errorf("%s: %w", slot(n), err)
		}
		if n == 0 {
			if err := g.calibrate(); err != nil {
				return err
			}
		}
	}
	return nil
}

// calibrate learns from the first edition how long things take.
func (g *siege) calibrate() error {
	if g.sending = max(g.sending, 100*time.Millisecond); g.ahead <= 0 {
		return errors.New("the first edition reached nobody")
	}
	g.tell("undisturbed: %v to the first message, %v from there to the last", g.ahead.Round(time.Millisecond), g.sending.Round(time.Millisecond))
	return nil
}

func (g *siege) tell(format string, args ...any) {
	if g.verbose {
		fmt.Fprintf(os.Stderr, format+"\n", args...)
	}
}

// edition sends the nth edition, through kills unless it is the first, and
// judges it.
func (g *siege) edition(ctx context.Context, n int) error {
	if err := errors.Join(os.Truncate(g.ledger, 0), g.sink.Reset()); err != nil {
		return err
	}
	e := &assault{siege: g, n: n}
	if err := errors.Join(e.run(ctx), e.stop()); err != nil {
		return err
	}
	if err := g.quiet(ctx); err != nil {
		return err
	}
	got, err := readLedger(g.ledger)
	if err != nil {
		return err
	}
	v, err := g.paper.judge(ctx, n, got)
	if err != nil {
		return err
	}
	s, err := g.paper.show(ctx, n)
	if err != nil {
		return err
	}
	if err := e.place(ctx); err != nil {
		return err
	}
	g.result.Editions++
	g.result.sum(v)
	g.check(e, v, s)
	return nil
}

// check writes down the promises that an edition broke.
func (g *siege) check(e *assault, v verdict, s shown) {
	broken := func(bad bool, format string, args ...any) {
		if bad {
			g.result.Broken = append(g.result.Broken, fmt.Sprintf("edition %d: ", e.n)+fmt.Sprintf(format, args...))
		}
	}
	kills, bound := len(e.kills), g.connections*len(e.kills)
	broken(v.Lost > 0, "%d lost, %d of them sent as the ledger has it", v.Lost, v.Unfounded)
	broken(v.Strangers > 0, "%d readers have it whom the ledger does not know", v.Strangers)
	broken(v.Outside > 0, "%d copies too many of readers who were not in doubt", v.Outside)
	broken(v.Differing > 0, "%d copies that differ from the first", v.Differing)
	broken(v.InDoubt > bound, "%d in doubt after %d kills of %d connections", v.InDoubt, kills, g.connections)
	broken(g.policy == "hold" && v.Inside > 0, "%d copies of readers who should have been held", v.Inside)
	broken(s.State != "complete", "it is %s", s.State)
	broken(!s.balanced() || s.Tally.Recipients != g.recipients, "the equation does not hold: %+v", s.Tally)
	g.tell("edition %d: %d kills, %+v", e.n, kills, v)
}

// quiet waits until the mail server has read what was sent before the last
// process ended.
func (g *siege) quiet(ctx context.Context) error {
	for {
		s, err := g.sink.Stats()
		if err != nil {
			return err
		}
		if s.Unrecorded > 0 {
			return fmt.Errorf("the mail server could not record %d messages", s.Unrecorded)
		}
		if s.Open == 0 {
			return nil
		}
		if err := pause(ctx, 5*time.Millisecond); err != nil {
			return err
		}
	}
}

// pause waits for d, or fails with ctx.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// maxSlots is how many editions a paper may have in a day, and so how many a
// siege may send. A few kills go to each.
const maxSlots = 24
