package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
)

// An ID names a batch as held by one owner: each time it changes hands the
// fence goes up. Two processes on two machines may want the same fence, of whom
// one gets it; so the owner is part of the name, and what the other left is not
// taken for the one's.
type ID struct {
	Edition, Batch, Fence int64
	Owner                 string // letters and digits, at most 32; may be empty
}

// suffix ends the name of a journal.
const suffix = ".journal"

// name returns the name of the file, within the folder of the journals.
func (id ID) name() string {
	return fmt.Sprintf("e%d-b%d-f%d-%s%s", id.Edition, id.Batch, id.Fence, id.Owner, suffix)
}

// A Journal is what the owner of a batch writes. All methods may be called at
// once.
type Journal struct {
	name string
	sum  uint32 // headerSum

	mu     sync.Mutex
	file   file
	size   int64 // of the header and of all records that were written in full
	buffer []byte
	err    error // why nothing more can be recorded
	closed bool

	// syncing is taken before mu: records are written while the disk syncs.
	syncing sync.Mutex
	synced  int64 // up to where it is durable
}

// A file is an open file as the journal uses it. The tests have one that fails.
type file interface {
	io.WriterAt
	io.Closer
	Truncate(size int64) error
	Sync() error
}

// Create makes the journal of id in dir, which is made if it is missing, and
// locks it. It fails with an error that matches [fs.ErrExist] if there is one:
// a fence has one owner. It may fail with [ErrAlive] if somebody looks for the
// journal at that very moment.
func Create(dir string, id ID) (*Journal, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create journal: %w", err)
	}
	name := filepath.Join(dir, id.name())
	f, err := openLocked(name, os.O_RDWR|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return nil, fmt.Errorf("create journal: %w", err)
	}
	header := id.header()
	if _, err := f.Write(header); err != nil {
		return nil, fmt.Errorf("create journal: %w", errors.Join(err, discard(f, name)))
	}
	return &Journal{
		name: name, sum: headerSum(header), file: &named{File: f, dir: dir}, size: int64(len(header)),
		buffer: make([]byte, 0, headSize+maxOutcome+sumSize),
	}, nil
}

// openLocked opens the file of that name and takes its lock. It fails with
// ErrAlive if another open file has it.
func openLocked(name string, flag int) (*os.File, error) {
	f, err := os.OpenFile(name, flag, 0o600)
	if err != nil {
		return nil, err
	}
	err = lock(f)
	if err == nil {
		err = checkName(f, name)
	}
	if err != nil {
		_ = f.Close() // nothing was written
		return nil, fmt.Errorf("lock %s: %w", name, err)
	}
	return f, nil
}

// checkName fails with fs.ErrNotExist if f is no longer the file of that name.
// Whoever had the lock may have removed it after we had opened it; the lock of
// a file without a name is worth nothing.
func checkName(f *os.File, name string) error {
	opened, err := f.Stat()
	if err != nil {
		return err
	}
	found, err := os.Stat(name)
	if err != nil {
		return err
	}
	if !os.SameFile(opened, found) {
		return fs.ErrNotExist
	}
	return nil
}

// Begin records that the final dot of the message to position is about to be
// written. After an error the dot must not be written; if [IsFull], a later
// Begin succeeds once there is room again. It allocates nothing.
func (j *Journal) Begin(position int64) error {
	if err := j.write(record{kind: begun, position: position}); err != nil {
		return fmt.Errorf("journal: begin delivery %d: %w", position, err)
	}
	return nil
}

// End records what became of the message to position, in the caller's own
// words of at most 2,000 bytes. After an error the outcome is not recorded: if
// the process died now, the delivery would be in doubt.
func (j *Journal) End(position int64, outcome []byte) error {
	if len(outcome) > maxOutcome {
		return fmt.Errorf("journal: end delivery %d: an outcome of %d bytes, more than %d", position, len(outcome), maxOutcome)
	}
	if err := j.write(record{ended, position, outcome}); err != nil {
		return fmt.Errorf("journal: end delivery %d: %w", position, err)
	}
	return nil
}

// write writes r in full, or leaves the file as it was, or breaks the journal.
func (j *Journal) write(r record) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err != nil {
		return j.err
	}
	j.buffer = appendRecord(j.buffer[:0], j.sum, j.size, r)
	if j.size+int64(len(j.buffer)) > maxSize {
		return fmt.Errorf("%s: would be larger than %d MB", j.name, maxSize>>20)
	}
	// At its place rather than by O_APPEND: there is one writer, and a file
	// that is open for appending alone cannot be cut on Windows.
	_, err := j.file.WriteAt(j.buffer, j.size)
	if err == nil {
		j.size += int64(len(j.buffer))
		return nil
	}
	// A piece of the record may be there. The next record must not stand behind
	// it, nor leave its end behind itself.
	if cut := j.file.Truncate(j.size); cut != nil {
		j.err = &brokenError{errors.Join(err, cut)}
		return j.err
	}
	return err
}

// Sync makes durable, against loss of power, what was recorded before it was
// called. Begin and End go on meanwhile. If nothing was recorded since the last
// Sync it does nothing.
//
// After an error the journal is broken for good, see [IsBroken]: the system may
// have dropped what it could not write, and a second attempt would succeed
// without it. https://lwn.net/Articles/752063/
func (j *Journal) Sync() error {
	j.syncing.Lock()
	defer j.syncing.Unlock()
	j.mu.Lock()
	size, err := j.size, j.err
	j.mu.Unlock()
	if err == nil && size != j.synced {
		err = j.file.Sync()
		if err != nil {
			err = &brokenError{err}
			j.mu.Lock()
			j.err = err
			j.mu.Unlock()
		}
	}
	if err != nil {
		return fmt.Errorf("journal: sync: %w", err)
	}
	j.synced = size
	return nil
}

// Remove deletes the file, then releases the lock. To be called when all that
// was recorded is in the ledger, durably, or nothing was; a broken journal too
// can be removed then. No other method may be called after it but Close, which
// does nothing.
func (j *Journal) Remove() error {
	return j.close(func() error { return discard(j.file, j.name) })
}

// Close releases the lock and leaves the file for a successor. After the first
// call, or after Remove, it does nothing.
func (j *Journal) Close() error {
	if err := j.close(j.file.Close); !errors.Is(err, fs.ErrClosed) {
		return err
	}
	return nil
}

// close ends the use of the file by calling end once.
func (j *Journal) close(end func() error) error {
	j.syncing.Lock()
	defer j.syncing.Unlock()
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return fmt.Errorf("journal %s: %w", j.name, fs.ErrClosed)
	}
	j.closed = true
	if j.err == nil {
		j.err = fmt.Errorf("%s: %w", j.name, fs.ErrClosed)
	}
	if err := end(); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}

// A brokenError is the error of a journal in which nothing more can be
// recorded.
type brokenError struct{ err error }

func (e *brokenError) Error() string {
	return "nothing more can be recorded: " + e.err.Error()
}

func (e *brokenError) Unwrap() error { return e.err }

// IsBroken reports whether err says that a journal is broken for good: Begin,
// End and Sync fail from now on. Only what is in memory can still tell what
// became of the batch.
func IsBroken(err error) bool {
	var broken *brokenError
	return errors.As(err, &broken)
}

// IsFull reports whether err says that there is no room: a full disk, a spent
// quota, or a limit on the size of a file. It passes when somebody makes room.
func IsFull(err error) bool {
	var errno syscall.Errno
	return errors.As(err, &errno) && isFull(errno)
}

// A named is a file whose first Sync also makes its name durable.
type named struct {
	*os.File
	dir  string
	done bool
}

// Sync does not use fdatasync: a file that has grown has metadata to write in
// either case.
func (n *named) Sync() error {
	if err := n.File.Sync(); err != nil {
		return err
	}
	if n.done {
		return nil
	}
	n.done = true
	return syncDir(n.dir)
}
