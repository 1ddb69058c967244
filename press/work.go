package press

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/zotpaper/zotpaper/dispatch"
	"github.com/zotpaper/zotpaper/edition"
)

const (
	// lookEvery is how often a worker looks for editions to dispatch.
	lookEvery = time.Second
	// retryAfter is how long an edition whose dispatch stopped is left alone
	// before it is tried again.
	retryAfter = time.Minute
	// atOnce bounds how many editions one process dispatches side by side.
	atOnce = 16
	// underWay bounds how many it looks at: those that are paused must not hide
	// the others.
	underWay = 500
)

// Work dispatches every edition that is frozen and not complete, side by side,
// together with other processes that do the same, until ctx ends. Conversations
// that have begun then come to their end.
//
// A dispatch that stopped since we were refused is tried again every minute. What
// an editor paused is left alone.
func (p *Press) Work(ctx context.Context, who string) {
	w := &worker{press: p, who: who, busy: map[edition.Key]bool{}, again: map[edition.Key]time.Time{}}
	defer w.running.Wait()
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		if err := w.look(ctx); err != nil && ctx.Err() == nil {
			p.Log.Error("cannot look for editions to dispatch", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// A worker dispatches editions side by side.
type worker struct {
	press   *Press
	who     string
	running sync.WaitGroup

	mu    sync.Mutex
	busy  map[edition.Key]bool
	again map[edition.Key]time.Time // not before
}

const selectUnderWay = `
	SELECT ` + recordColumns + ` FROM editions
	WHERE  state IN ('frozen', 'dispatching')
	ORDER  BY frozen_at
	LIMIT  $1`

// look begins the dispatch of each edition that waits for it.
func (w *worker) look(ctx context.Context) error {
	rows, err := w.press.DB.QueryContext(ctx, selectUnderWay, underWay)
	if err != nil {
		return fmt.Errorf("list editions under way: %w", err)
	}
	defer rows.Close()
	var list []Record
	for rows.Next() {
		r, err := scanRecord(rows)
		if err != nil {
			return fmt.Errorf("list editions under way: %w", err)
		}
		list = append(list, r)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for _, r := range list {
		if w.begin(r.Key) {
			w.running.Go(func() {
				defer w.end(r.Key)
				w.dispatch(ctx, r)
			})
		}
	}
	return nil
}

// begin reports whether the edition called key is to be dispatched now.
func (w *worker) begin(key edition.Key) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.busy[key] || len(w.busy) >= atOnce || w.press.Now().Before(w.again[key]) {
		return false
	}
	w.busy[key] = true
	return true
}

func (w *worker) end(key edition.Key) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.busy, key)
}

// later leaves an edition alone for a while.
func (w *worker) later(key edition.Key) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.again[key] = w.press.Now().Add(retryAfter)
}

// dispatch dispatches r for as long as it goes.
func (w *worker) dispatch(ctx context.Context, r Record) {
	p := w.press
	control, err := p.Control(ctx, r)
	if err == nil && control.State == dispatch.Stopped && p.Now().Sub(control.Changed) >= retryAfter {
		err = p.resumeStopped(ctx, r, w.who)
		control.State = dispatch.Running
	}
	if err == nil && control.State != dispatch.Running {
		return
	}
	if err == nil {
		_, err = p.Dispatch(ctx, r, w.who, nil)
	}
	var halted *dispatch.HaltError
	switch {
	case err == nil, ctx.Err() != nil, errors.As(err, &halted):
		return
	}
	w.later(r.Key)
	p.Log.Error("an edition is not complete; trying again", "edition", r.Key.String(), "in", retryAfter.String(), "error", err)
}
