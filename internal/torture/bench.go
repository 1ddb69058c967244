//go:build unix

package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// A yardstick is a bench under way.
type yardstick struct {
	*shop
	recipients int
	repeats    int
	groups     []string
	server     *postgres // nil until it is needed
	source     *source   // nil: not to be had
	rows       []*row
	notes      []string
}

// A row is one line of the table.
type row struct {
	trial
	base measured
	Name string     `json:"name"`
	Runs []measured `json:"runs"`
}

// groups are what can be measured.
const groups = "plain,tls,dkim,far,postgres"

// bench is the command that measures speed.
func bench(ctx context.Context, args []string) (err error) {
	y := &yardstick{}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.IntVar(&y.recipients, "recipients", 20_000, "readers of each edition")
	flags.IntVar(&y.repeats, "repeats", 3, "runs of each; the table has the median and the extremes")
	only := flags.String("only", groups, "`what` to measure, with commas")
	million := flags.Int("million", 0, "also send to that many readers, once: 1000000")
	binary := flags.String("binary", "", "the program to measure; empty: it is built")
	write := flags.Bool("write", false, "put the table into BENCHMARKS.md")
	asJSON := flags.Bool("json", false, "print JSON instead of a table")
	if err := flags.Parse(args); err != nil {
		return err
	}
	y.groups = strings.Split(*only, ",")
	softLimit()
	if y.shop, err = openShop(ctx, *binary); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, y.close()) }()
	err = errors.Join(y.plan(ctx), y.postgresPlan(ctx))
	if err == nil {
		err = y.run(ctx)
	}
	if err == nil && *million > 0 {
		err = y.million(ctx, *million)
	}
	if y.server != nil {
		err = errors.Join(err, y.server.close())
	}
	if err != nil {
		return err
	}
	return y.report(*asJSON, *write)
}

func (y *yardstick) wants(group string) bool { return slices.Contains(y.groups, group) }

func (y *yardstick) add(t trial) {
	if t.recipients == 0 {
		t.recipients = y.recipients
	}
	y.rows = append(y.rows, &row{trial: t, Name: t.name})
}

func (y *yardstick) note(format string, args ...any) {
	y.notes = append(y.notes, fmt.Sprintf(format, args...))
}

const smtpSource = "smtp-source"

// plan adds what is measured on SQLite.
func (y *yardstick) plan(ctx context.Context) (err error) {
	if y.wants("plain") {
		if y.source, err = y.findSource(ctx); err != nil {
			y.note("Postfix's smtp-source is not to be had here, so there is no ratio to it: %v.", err)
		}
		for _, connections := range []int{1, 16, 64} {
			if y.source != nil {
				y.add(trial{name: smtpSource, connections: connections})
			}
			y.add(trial{name: "in clear", connections: connections, against: smtpSource})
		}
	}
	if y.wants("tls") {
		y.add(trial{name: "STARTTLS", connections: 16, tls: true})
		y.add(trial{name: "STARTTLS", connections: 64, tls: true})
	}
	if y.wants("dkim") {
		rsaFile, edFile, key, err := y.keys()
		if err != nil {
			return err
		}
		alone, err := signatures(key)
		if err != nil {
			return err
		}
		y.note("RSA signatures alone, on all processors of this machine: %s a second.", thousands(alone))
		y.add(trial{name: "DKIM here, RSA-2048", connections: 16, key: rsaFile, against: "signatures alone", limit: alone})
		y.add(trial{name: "DKIM here, Ed25519", connections: 16, key: edFile})
	}
	if y.wants("far") {
		y.add(far(trial{name: "in clear", connections: 64}))
	}
	return nil
}

// far puts the mail server of t 20 ms away.
func far(t trial) trial {
	t.rtt = 20 * time.Millisecond
	t.name += ", 20 ms away"
	t.against = "one round trip a message"
	t.limit = float64(t.connections*max(t.workers, 1)) / t.rtt.Seconds()
	return t
}

// postgresPlan adds what is measured on PostgreSQL.
func (y *yardstick) postgresPlan(ctx context.Context) (err error) {
	if !y.wants("postgres") {
		return nil
	}
	if y.server, err = startPostgres(ctx); err != nil {
		y.note("Nothing was measured on PostgreSQL: %v.", err)
		return nil
	}
	y.add(trial{name: "PostgreSQL, in clear", connections: 16, postgres: true})
	y.add(far(trial{name: "PostgreSQL, one worker", connections: 16, postgres: true}))
	p, err := y.newPaper(ctx, "", few)
	if err != nil {
		return err
	}
	if !p.knowsWork(ctx) {
		y.note("Two workers were not measured: this zotpaper has no command work.")
	} else {
		y.add(far(trial{name: "PostgreSQL, two workers", connections: 16, postgres: true, workers: 2}))
	}
	return p.remove()
}

// run measures every row once, then every row again: what else the machine
// does comes and goes, and should not hit one row alone.
func (y *yardstick) run(ctx context.Context) (err error) {
	var size int64 // of a message without a signature
	for _, r := range y.rows {
		if r.name == smtpSource {
			continue
		}
		if r.base, err = y.base(ctx, r.trial, y.server); err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
		if size == 0 {
			size = r.base.Size
			y.note("A message has %s bytes.", thousands(float64(size)))
		}
	}
	for n := range y.repeats {
		for _, r := range y.rows {
			var m measured
			if r.name == smtpSource {
				m, err = y.source.send(ctx, r.connections, r.recipients, size)
			} else {
				m, err = y.measure(ctx, r.trial, y.server, r.base)
			}
			if err != nil {
				return fmt.Errorf("%s, %d connections: %w", r.name, r.connections, err)
			}
			fmt.Fprintf(os.Stderr, "%d of %d: %s, %d connections: %s/s\n", n+1, y.repeats, r.name, r.connections, thousands(m.PerSecond))
			r.Runs = append(r.Runs, m)
		}
	}
	return nil
}

// million measures one long list, once.
func (y *yardstick) million(ctx context.Context, readers int) error {
	t := trial{name: thousands(float64(readers)) + " readers", recipients: readers, connections: 16}
	base, err := y.base(ctx, t, nil)
	if err != nil {
		return err
	}
	m, err := y.measure(ctx, t, nil, base)
	if err != nil {
		return err
	}
	y.rows = append(y.rows, &row{trial: t, Name: t.name, Runs: []measured{m}})
	y.note("%s readers were imported in %s s.", thousands(float64(readers)), thousands(m.Import))
	return nil
}

func (y *yardstick) report(asJSON, write bool) error {
	text := y.table().String()
	for _, note := range y.notes {
		text += "\n" + note + "\n"
	}
	var err error
	if asJSON {
		enc := json.NewEncoder(os.Stdout)
		enc.SetIndent("", "  ")
		err = enc.Encode(map[string]any{"rows": y.rows, "notes": y.notes})
	} else {
		_, err = fmt.Print(text)
	}
	if write {
		err = errors.Join(err, y.replace("bench", text))
	}
	return err
}
