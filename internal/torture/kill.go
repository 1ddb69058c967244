//go:build unix

package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"time"
)

// A plan says what is killed, how often, and under which conditions.
type plan struct {
	kills       int
	seed        uint64
	recipients  int
	connections int
	pipelining  bool
	policy      string
	workers     int // processes of zotpaper work beside edition send
	rtt         time.Duration
	verbose     bool
}

// kill is the command that kills.
func kill(ctx context.Context, args []string) (err error) {
	var p plan
	flags := flag.NewFlagSet("kill", flag.ContinueOnError)
	databases := flags.String("db", "sqlite", "`databases`, with commas: sqlite, postgres")
	policies := flags.String("policy", "resend", "dispatch.on_in_doubt, `values` with commas: resend, hold")
	flags.IntVar(&p.kills, "kills", 100, "how often to kill, on each database with each policy")
	flags.Uint64Var(&p.seed, "seed", 1, "of the moments; the same seed gives the same ones, as far as clocks go")
	flags.IntVar(&p.recipients, "recipients", 20_000, "readers of each edition")
	flags.IntVar(&p.connections, "connections", 16, "smtp.connections")
	flags.BoolVar(&p.pipelining, "pipelining", true, "smtp.pipelining")
	flags.IntVar(&p.workers, "workers", 0, "processes of zotpaper work beside edition send; one of all is killed at a time; PostgreSQL only")
	flags.DurationVar(&p.rtt, "rtt", 0, "how far away the mail server is")
	flags.BoolVar(&p.verbose, "v", false, "tell each kill")
	binary := flags.String("binary", "", "the program to kill; empty: it is built")
	write := flags.Bool("write", false, "put the table into BENCHMARKS.md")
	asJSON := flags.Bool("json", false, "print JSON instead of a table")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if p.workers >= processes {
		return fmt.Errorf("-workers %d: want at most %d", p.workers, processes-1)
	}
	s, err := openShop(ctx, *binary)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	var results []result
	for database := range strings.SplitSeq(*databases, ",") {
		for policy := range strings.SplitSeq(*policies, ",") {
			p.policy = policy
			r, err := s.siegeOn(ctx, database, p)
			if err != nil {
				return fmt.Errorf("%s, %s: %w", database, policy, err)
			}
			results = append(results, r)
		}
	}
	return errors.Join(report(s, results, *asJSON, *write), failures(results))
}

// A result is what a siege came to.
type result struct {
	Database    string `json:"database"`
	Policy      string `json:"policy"`
	Connections int    `json:"connections"`
	Workers     int    `json:"workers"` // beside edition send
	Seed        uint64 `json:"seed"`
	Editions    int    `json:"editions"`
	Kills       int    `json:"kills"`
	Early       int    `json:"kills_before_the_freeze"`
	Before      int    `json:"kills_before_sending"` // of a process that had sent nothing yet
	verdict
	MostInDoubt int       `json:"most_in_doubt"` // more than at the kill before
	Recovery    []float64 `json:"recovery_seconds"`
	Broken      []string  `json:"broken,omitempty"` // promises
}

func (s *shop) siegeOn(ctx context.Context, database string, p plan) (r result, err error) {
	r = result{
		Database: database, Policy: p.policy, Connections: p.connections, Workers: p.workers, Seed: p.seed,
	}
	url := ""
	switch database {
	case "sqlite":
		if p.workers > 0 {
			return r, errors.New("zotpaper work needs PostgreSQL")
		}
	case "postgres":
		server, err := startPostgres(ctx)
		if err != nil {
			return r, err
		}
		defer func() { err = errors.Join(err, server.close()) }()
		if url, err = server.create(ctx); err != nil {
			return r, err
		}
	default:
		return r, errors.New("no such database")
	}
	paper, err := s.newPaper(ctx, url, p.recipients)
	if err != nil {
		return r, err
	}
	if p.workers > 0 && !paper.knowsWork(ctx) {
		return r, errors.New("this zotpaper has no command work")
	}
	g := &siege{plan: p, paper: paper, result: &r, random: rand.New(rand.NewPCG(p.seed, p.seed))}
	return r, errors.Join(g.run(ctx), paper.remove())
}

// failures is the error for results that break a promise.
func failures(results []result) error {
	var errs []error
	for _, r := range results {
		for _, b := range r.Broken {
			errs = append(errs, fmt.Errorf("%s, %s: %s", r.Database, r.Policy, b))
		}
	}
	return errors.Join(errs...)
}

func report(s *shop, results []result, asJSON, write bool) error {
	t := killTable(results)
	var err error
	if asJSON {
		enc := json.NewEncoder(os.Stdout)
		enc.SetIndent("", "  ")
		err = enc.Encode(results)
	} else {
		_, err = fmt.Print(t)
	}
	if write {
		err = errors.Join(err, s.replace("kill", t))
	}
	return err
}

func killTable(results []result) string {
	t := table{{"database", "in doubt", "kills: in all, before the freeze, before sending", "editions", "lost",
		"copies too many: in doubt, others", "in doubt: in all, most after one kill", "back after, median to most"}}
	for _, r := range results {
		database := r.Database
		if r.Workers > 0 {
			database = fmt.Sprintf("%s, %d workers", database, r.Workers+1)
		}
		policy := r.Policy
		if r.Held > 0 {
			policy = fmt.Sprintf("%s (%d held, %d of them have it)", policy, r.Held, r.HeldGot)
		}
		back := "-"
		if len(r.Recovery) > 0 {
			slices.Sort(r.Recovery)
			back = fmt.Sprintf("%.1f s to %.1f s", median(r.Recovery), slices.Max(r.Recovery))
		}
		t = append(t, []string{
			database, policy, fmt.Sprintf("%d, %d, %d", r.Kills, r.Early, r.Before),
			fmt.Sprintf("%d of %s", r.Editions, thousands(float64(r.Recipients)/float64(max(r.Editions, 1)))),
			fmt.Sprint(r.Lost), fmt.Sprintf("%d, %d", r.Inside, r.Outside),
			fmt.Sprintf("%d, %d of %d", r.InDoubt, r.MostInDoubt, r.Connections), back,
		})
	}
	return t.String()
}
