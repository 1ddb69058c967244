package journal

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// What Find fails with when it has nothing to open.
var (
	// ErrNone says that there is no such journal here: it was removed, never
	// made, or is on another machine.
	ErrNone = errors.New("no such journal here")
	// ErrAlive says that the lock is held: the owner lives, or another
	// successor is at work.
	ErrAlive = errors.New("its lock is held by a living process")
)

// A DamagedError says that a journal cannot be believed. Every delivery of its
// batch may have begun.
type DamagedError struct {
	File   string
	Offset int64 // where in the file, in bytes
	Why    string
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("journal %s is damaged at byte %d: %s", e.File, e.Offset, e.Why)
}

// An Entry is the last that was recorded of one delivery.
type Entry struct {
	Position int64
	Ended    bool   // false: it has begun, and is in doubt
	Outcome  []byte // if it has ended; must not be changed
}

// A Left is the journal that an earlier owner left behind. It holds the lock;
// one goroutine at a time may use it.
type Left struct {
	name    string
	file    *os.File
	entries map[int64]Entry
	torn    bool
	damaged error
	closed  bool
}

// Find opens the journal of id in dir, which its owner left behind. It fails
// with [ErrNone] or [ErrAlive] if there is none to open. One that is damaged is
// opened all the same, so that it can be removed: [Left.Each] tells.
func Find(dir string, id ID) (*Left, error) {
	name := filepath.Join(dir, id.name())
	f, err := openLocked(name, os.O_RDWR)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("find journal %s: %w", name, ErrNone)
	}
	if err != nil {
		return nil, fmt.Errorf("find journal: %w", err)
	}
	l := &Left{name: name, file: f}
	if err := l.read(id); err != nil {
		_ = f.Close() // nothing was written
		return nil, fmt.Errorf("find journal: %w", err)
	}
	return l, nil
}

// read fails if the file cannot be read; what is wrong with its content is for
// Each to tell.
func (l *Left) read(id ID) error {
	info, err := l.file.Stat()
	if err != nil {
		return err
	}
	if info.Size() > maxSize {
		l.damaged = &DamagedError{l.name, maxSize, fmt.Sprintf("larger than %d MB", maxSize>>20)}
		return nil
	}
	data := make([]byte, info.Size())
	if _, err := io.ReadFull(l.file, data); err != nil {
		return err
	}
	entries, torn, offset, why := parse(id, data)
	if why != "" {
		l.damaged = &DamagedError{l.name, offset, why}
		return nil
	}
	l.entries, l.torn = entries, torn
	return nil
}

// Each calls f with the last state of every position that has a record, in
// order of position, until f fails. A delivery that began again after it had
// ended, on a further attempt, has begun and not ended.
//
// It fails with a [*DamagedError], before f is called at all, if the journal
// cannot be believed.
func (l *Left) Each(f func(Entry) error) error {
	if l.damaged != nil {
		return l.damaged
	}
	for _, position := range slices.Sorted(maps.Keys(l.entries)) {
		if err := f(l.entries[position]); err != nil {
			return err
		}
	}
	return nil
}

// Torn reports whether the last record was cut off. It counts for nothing: its
// Begin did not return, so its dot was not written.
func (l *Left) Torn() bool { return l.torn }

// Remove deletes the file, then releases the lock. To be called when its
// content is in the ledger, durably.
func (l *Left) Remove() error {
	if l.closed {
		return fmt.Errorf("journal %s: %w", l.name, fs.ErrClosed)
	}
	l.closed = true
	if err := discard(l.file, l.name); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}

// Close releases the lock and leaves the file for another successor. After the
// first call, or after Remove, it does nothing.
func (l *Left) Close() error {
	if l.closed {
		return nil
	}
	l.closed = true
	if err := l.file.Close(); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}

// maxNames is how many files List looks at.
const maxNames = 10_000

// List names the journals in dir, whether their owners live or not, in order of
// edition, batch and fence. It looks at no more than 10,000 files; when those
// it names are removed, another call finds the rest. A dir that does not exist
// has none.
func List(dir string) ([]ID, error) {
	d, err := os.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list journals: %w", err)
	}
	defer d.Close()
	files, err := d.ReadDir(maxNames)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("list journals: %w", err)
	}
	var list []ID
	for _, f := range files {
		var id ID
		base, isJournal := strings.CutSuffix(f.Name(), suffix)
		parts := strings.SplitN(base, "-", 4)
		if !isJournal || len(parts) != 4 {
			continue
		}
		id.Owner = parts[3]
		_, err := fmt.Sscanf(strings.Join(parts[:3], "-"), "e%d-b%d-f%d", &id.Edition, &id.Batch, &id.Fence)
		// Sscanf also takes "e+1" and what follows the pattern.
		if err == nil && id.name() == f.Name() && f.Type().IsRegular() {
			list = append(list, id)
		}
	}
	slices.SortFunc(list, func(a, b ID) int {
		return cmp.Or(cmp.Compare(a.Edition, b.Edition), cmp.Compare(a.Batch, b.Batch), cmp.Compare(a.Fence, b.Fence))
	})
	return list, nil
}
