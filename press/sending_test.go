package press

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zotpaper/zotpaper/dispatch"
	"github.com/zotpaper/zotpaper/edition"
	"github.com/zotpaper/zotpaper/internal/database"
	"github.com/zotpaper/zotpaper/internal/smtptest"
)

var sundayKey = edition.Key{Date: sunday, Slot: "afternoon"}

// A gate is a mail server that answers nothing after so many messages, until
// it is opened.
type gate struct {
	after  int
	opened chan struct{}

	mu   sync.Mutex
	seen int
}

func newGate(after int) *gate { return &gate{after: after, opened: make(chan struct{})} }

func (g *gate) answer(e smtptest.Event) smtptest.Answer {
	if e.Phase != smtptest.Message {
		return smtptest.Answer{}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.seen++; g.seen > g.after {
		return smtptest.Answer{Wait: g.opened}
	}
	return smtptest.Answer{}
}

func readers(n int) []string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf("reader%d@example.org", i+1))
	}
	return list
}

// A sending is a dispatch that has come to a gate.
type sending struct {
	*paper
	gate *gate
	done chan error // gets the error of Send
}

// newSending returns the dispatch of an edition to 30 readers, of whom three
// have it and the fourth is under way.
func newSending(t *testing.T, db *database.DB) *sending {
	t.Helper()
	g := newGate(3)
	s := &sending{paper: newScriptedPaper(t, db, g.answer, readers(30)...), gate: g, done: make(chan error, 1)}
	s.Dispatcher.Connections = 1
	s.desk.file(s.now.Add(-time.Hour), "one", "two")
	go func() {
		_, err := s.Send(t.Context(), s.Slots[0], sunday, "test", nil)
		s.done <- err
	}()
	if err := s.server.Wait(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	return s
}

// halted opens the gate and wants the dispatch to have been halted, in state.
func (s *sending) halted(state dispatch.ControlState) {
	s.t.Helper()
	close(s.gate.opened)
	var halt *dispatch.HaltError
	if err := <-s.done; !errors.As(err, &halt) || halt.State != state {
		s.t.Fatalf("Send: error %v, want a HaltError that says %s", err, state)
	}
}

// control returns the state of Sunday's dispatch, with who and why.
func (p *paper) control() string {
	p.t.Helper()
	r, err := p.Record(p.t.Context(), sundayKey)
	if err != nil {
		p.t.Fatal(err)
	}
	c, err := p.Control(p.t.Context(), r)
	if err != nil {
		p.t.Fatal(err)
	}
	if c.State != dispatch.Running && !c.Changed.Equal(p.clock()) {
		p.t.Errorf("the dispatch was %s at %v, want now, %v", c.State, c.Changed, p.clock())
	}
	return strings.TrimRight(fmt.Sprintf("%s by %s: %s", c.State, c.Who, c.Why), ": ")
}

// life returns the steps of Sunday's edition, each with why.
func (p *paper) life() string {
	p.t.Helper()
	r, err := p.Record(p.t.Context(), sundayKey)
	if err != nil {
		p.t.Fatal(err)
	}
	steps, err := p.Transitions(p.t.Context(), r)
	if err != nil {
		p.t.Fatal(err)
	}
	var words []string
	for _, s := range steps {
		word := fmt.Sprintf("%s by %s", s.New, s.Who)
		if s.Why != "" {
			word += " (" + s.Why + ")"
		}
		words = append(words, word)
	}
	return strings.Join(words, ", ")
}

// copies returns how many messages each reader got.
func (p *paper) copies() map[string]int {
	copies := map[string]int{}
	for _, m := range p.server.Messages() {
		copies[m.To]++
	}
	return copies
}
