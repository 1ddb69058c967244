package journal

import (
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var errIO = errors.New("input/output error")

// A faulty is a real file that fails as it is told.
type faulty struct {
	file
	writes    int   // bytes of the next record that get written before it fails; -1: all
	writeErr  error // of that record
	truncates error
	syncs     error
	synced    atomic.Int64  // how often
	entered   chan struct{} // if not nil, Sync tells that it is under way,
	leave     chan struct{} // and waits
}

func (f *faulty) WriteAt(b []byte, offset int64) (int, error) {
	if f.writes < 0 || f.writes >= len(b) {
		return f.file.WriteAt(b, offset)
	}
	n, err := f.file.WriteAt(b[:f.writes], offset)
	return n, errors.Join(err, f.writeErr)
}

func (f *faulty) Truncate(size int64) error {
	if f.truncates != nil {
		return f.truncates
	}
	return f.file.Truncate(size)
}

func (f *faulty) Sync() error {
	f.synced.Add(1)
	if f.entered != nil {
		f.entered <- struct{}{}
		<-f.leave
	}
	if f.syncs != nil {
		return f.syncs
	}
	return f.file.Sync()
}

// withFaults makes a journal whose file will fail.
func withFaults(t testing.TB, dir string) (*Journal, *faulty) {
	t.Helper()
	j := create(t, dir)
	f := &faulty{file: j.file, writes: -1, writeErr: syscall.ENOSPC}
	j.file = f
	return j, f
}

func TestFailedSyncBreaksForGood(t *testing.T) {
	dir := t.TempDir()
	j, f := withFaults(t, dir)
	must(t, j.Begin(1))
	f.syncs = errIO
	if err := j.Sync(); !IsBroken(err) || !errors.Is(err, errIO) {
		t.Errorf("Sync that fails: %v", err)
	}
	f.syncs = nil // the second fsync would lie
	for call, err := range map[string]error{"Begin": j.Begin(2), "End": j.End(1, nil), "Sync": j.Sync()} {
		if !IsBroken(err) || !errors.Is(err, errIO) || IsFull(err) {
			t.Errorf("%s after that: %v", call, err)
		}
	}
	if n := f.synced.Load(); n != 1 {
		t.Errorf("the file was synced %d times", n)
	}
	must(t, j.Close())
	l := find(t, dir)
	if got := entriesOf(t, l); len(got) != 1 || got[0].Ended {
		t.Errorf("the successor finds %+v", got)
	}
	must(t, l.Close())
	if IsBroken(nil) || IsBroken(errIO) {
		t.Error("IsBroken takes any error")
	}
}

func TestBrokenCanBeRemoved(t *testing.T) {
	dir := t.TempDir()
	j, f := withFaults(t, dir)
	f.syncs = errIO
	if err := j.Sync(); !IsBroken(err) {
		t.Errorf("Sync that fails: %v", err)
	}
	must(t, j.Remove())
	if _, err := Find(dir, id); !errors.Is(err, ErrNone) {
		t.Errorf("Find after Remove: %v", err)
	}
}

func TestSyncOnlyWhatIsNew(t *testing.T) {
	j, f := withFaults(t, t.TempDir())
	steps := []struct {
		name string
		do   func() error
		want int64
	}{
		{"the header is new", j.Sync, 1},
		{"nothing is", j.Sync, 1},
		{"a record is written", func() error { return j.Begin(1) }, 1},
		{"it is synced", j.Sync, 2},
		{"nothing is new", j.Sync, 2},
	}
	for _, step := range steps {
		if err := step.do(); err != nil || f.synced.Load() != step.want {
			t.Errorf("%s: error %v, synced %d times, want %d", step.name, err, f.synced.Load(), step.want)
		}
	}
}

func TestRecordsAreWrittenDuringSync(t *testing.T) {
	j, f := withFaults(t, t.TempDir())
	f.entered, f.leave = make(chan struct{}), make(chan struct{})
	must(t, j.Begin(1))
	done := make(chan error)
	go func() { done <- j.Sync() }()
	<-f.entered
	must(t, j.Begin(2))
	f.leave <- struct{}{}
	must(t, <-done)
	// What came while the disk synced is not durable yet.
	go func() { done <- j.Sync() }()
	<-f.entered
	f.leave <- struct{}{}
	must(t, <-done)
}

func TestFailedWriteLeavesNothing(t *testing.T) {
	tests := []struct {
		name      string
		truncates error
		broken    bool
	}{
		{"the piece is cut off, and there is room again", nil, false},
		{"nor can it be cut off", errIO, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			j, f := withFaults(t, dir)
			must(t, j.Begin(1))
			f.writes, f.truncates = 7, tt.truncates
			err := j.End(1, []byte("a long outcome"))
			if !IsFull(err) || IsBroken(err) != tt.broken {
				t.Errorf("End that fails: %v; full %v, broken %v", err, IsFull(err), IsBroken(err))
			}
			f.writes, f.truncates = -1, nil
			if err := j.Begin(2); IsBroken(err) != tt.broken || err != nil && !tt.broken {
				t.Errorf("Begin after that: %v", err)
			}
			must(t, j.Close())
			l := find(t, dir)
			want := []Entry{{Position: 1}}
			if !tt.broken {
				want = append(want, Entry{Position: 2})
			}
			if diff := cmp.Diff(want, entriesOf(t, l)); diff != "" || l.Torn() != tt.broken {
				t.Errorf("torn %v, entries (-want +got):\n%s", l.Torn(), diff)
			}
		})
	}
}

// TestAnyFaults records in any order, with any faults, and reads what is there:
// all that was said to be recorded and nothing else.
func TestAnyFaults(t *testing.T) {
	parent := t.TempDir()
	rapid.Check(t, func(r *rapid.T) {
		dir, err := os.MkdirTemp(parent, "journal")
		if err != nil {
			r.Fatal(err)
		}
		j, err := Create(dir, id)
		if err != nil {
			r.Fatal(err)
		}
		defer func() { _ = j.Close() }() // the folder goes with the test
		f := &faulty{file: j.file, writeErr: syscall.ENOSPC}
		j.file = f
		want := map[int64]Entry{}
		broken := false
		for range rapid.IntRange(1, 30).Draw(r, "steps") {
			f.writes = rapid.SampledFrom([]int{-1, -1, -1, 0, 1, 5, 11, 14, 40}).Draw(r, "writes")
			f.truncates = rapid.SampledFrom([]error{nil, nil, nil, errIO}).Draw(r, "truncate")
			f.syncs = rapid.SampledFrom([]error{nil, nil, nil, nil, errIO}).Draw(r, "sync")
			position := rapid.Int64Range(0, 4).Draw(r, "position")
			var err error
			switch rapid.SampledFrom([]string{"Begin", "Begin", "End", "End", "Sync"}).Draw(r, "call") {
			case "Begin":
				if err = j.Begin(position); err == nil {
					want[position] = Entry{Position: position}
				}
			case "End":
				outcome := rapid.SliceOfN(rapid.Byte(), 0, 50).Draw(r, "outcome")
				if err = j.End(position, outcome); err == nil {
					want[position] = Entry{position, true, outcome}
				}
			case "Sync":
				err = j.Sync()
			}
			if broken && !IsBroken(err) {
				r.Fatalf("a broken journal came back: %v", err)
			}
			broken = IsBroken(err)
		}
		data, err := os.ReadFile(filepath.Join(dir, id.name()))
		if err != nil {
			r.Fatal(err)
		}
		got, torn, offset, why := parse(id, data)
		if diff := cmp.Diff(want, got); why != "" || diff != "" || torn && !broken {
			r.Fatalf("torn %v, broken %v, damaged at %d: %q (-want +got):\n%s", torn, broken, offset, why, diff)
		}
	})
}
