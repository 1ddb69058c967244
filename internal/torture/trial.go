//go:build unix

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"syscall"
	"time"

	"github.com/zotpaper/zotpaper/internal/sink"
)

// A trial is one edition sent under certain conditions.
type trial struct {
	name        string
	recipients  int
	connections int
	tls         bool
	key         string        // file of the DKIM key; empty: the relay signs
	rtt         time.Duration // how far away the mail server is
	postgres    bool
	workers     int // processes that send, on PostgreSQL; 0 is one

	against string // what the ratio is to, such as "smtp-source"; empty: no ratio
	limit   float64
}

// A measured is what a run came to.
type measured struct {
	PerSecond float64 `json:"per_second"` // from the first message to the last
	CPU       float64 `json:"cpu"`        // of the sender, milliseconds a message
	SinkCPU   float64 `json:"sink_cpu"`   // of the mail server
	Peak      float64 `json:"peak"`       // memory of the sender at most, MB
	Size      int64   `json:"size"`       // bytes of a message
	Freeze    float64 `json:"freeze"`     // seconds; 0: not told
	Import    float64 `json:"import"`     // seconds, of the readers

	used time.Duration // of the sender, whole
}

// few is a list so short that to send to it is hardly more than to start.
const few = 30

// base is what zotpaper needs for a list of hardly anybody.
func (s *shop) base(ctx context.Context, t trial, server *postgres) (measured, error) {
	t.recipients, t.workers, t.rtt = few, 0, 0
	return s.once(ctx, t, server)
}

// measure sends once, and takes off what a list of hardly anybody needs.
func (s *shop) measure(ctx context.Context, t trial, server *postgres, base measured) (measured, error) {
	m, err := s.once(ctx, t, server)
	m.CPU = 1000 * (m.used - base.used).Seconds() / float64(t.recipients)
	m.Peak = max(m.Peak-base.Peak, 0)
	return m, err
}

// once makes a paper, sends one edition of it and throws it away.
func (s *shop) once(ctx context.Context, t trial, server *postgres) (m measured, err error) {
	url := ""
	if t.postgres {
		if url, err = server.create(ctx); err != nil {
			return m, err
		}
	}
	began := time.Now()
	p, err := s.newPaper(ctx, url, t.recipients)
	if err != nil {
		return m, err
	}
	imported := time.Since(began).Seconds()
	defer func() { err = errors.Join(err, p.remove()) }()
	certificate := filepath.Join(p.folder, "sink.pem")
	far, err := sink.Spawn(ctx, sink.Options{STARTTLS: t.tls, Certificate: certificate, RTT: t.rtt}, sinkCommand)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, far.Close()) }()
	c := conditions{relay: far.Addr, tls: "none", connections: t.connections, pipelining: true, policy: "resend", key: t.key, slots: 1}
	if t.tls {
		c.tls, p.env = "mandatory", []string{"SSL_CERT_FILE=" + certificate}
	}
	if err := p.configure(c); err != nil {
		return m, err
	}
	m, err = p.sendAll(ctx, t, far)
	m.Import = imported
	return m, err
}

// sendAll sends the first edition of a paper with all the processes of t.
func (p *paper) sendAll(ctx context.Context, t trial, far *sink.Process) (m measured, err error) {
	var workers []*child
	for n := 1; n < t.workers; n++ {
		w, err := p.start(ctx, "--config", p.config(n), "work")
		if err != nil {
			return m, err
		}
		workers = append(workers, w)
	}
	c, err := p.run(ctx, p.sendArgs(0)...)
	for _, w := range workers {
		_ = syscall.Kill(-w.cmd.Process.Pid, syscall.SIGTERM) // it may have ended by itself
		if status := w.wait(); status != 0 {
			err = errors.Join(err, w.failure("", status))
		}
	}
	if err != nil {
		return m, err
	}
	used := c.cpu
	for _, w := range workers {
		used += w.cpu
	}
	var s shown
	if err := json.Unmarshal(c.out.Bytes(), &s); err != nil {
		return m, fmt.Errorf("what edition send prints: %w", err)
	}
	if s.State != "complete" || s.Tally.Sent != t.recipients {
		return m, fmt.Errorf("the edition is %s, sent to %d of %d", s.State, s.Tally.Sent, t.recipients)
	}
	m, err = taken(far, t.recipients, used)
	m.used, m.Peak, m.Freeze = used, float64(c.peak)/1e6, s.FreezeSeconds
	return m, err
}
