package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var id = ID{Edition: 12, Batch: 7, Fence: 3}

func create(t testing.TB, dir string) *Journal {
	t.Helper()
	j, err := Create(dir, id)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() }) // the folder goes with the test
	return j
}

func find(t testing.TB, dir string) *Left {
	t.Helper()
	l, err := Find(dir, id)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() }) // the folder goes with the test
	return l
}

func entriesOf(t testing.TB, l *Left) []Entry {
	t.Helper()
	var list []Entry
	err := l.Each(func(e Entry) error {
		list = append(list, e)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// must fails t if a step of a story does not succeed.
func must(t testing.TB, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func TestLastStateOfEachPosition(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "journal")
	j := create(t, dir)
	longest := []byte(strings.Repeat("x", maxOutcome))
	must(t,
		j.Begin(9), j.End(9, []byte("sent")),
		j.Begin(4),
		j.End(5, nil), // refused before its dot
		j.Begin(6), j.End(6, []byte("deferred")), j.Begin(6),
		j.Begin(1), j.End(1, []byte("deferred")), j.Begin(1), j.End(1, longest),
		j.Close())
	l := find(t, dir)
	want := []Entry{
		{1, true, longest},
		{4, false, nil},
		{5, true, []byte{}},
		{6, false, nil},
		{9, true, []byte("sent")},
	}
	if diff := cmp.Diff(want, entriesOf(t, l)); diff != "" {
		t.Errorf("Each (-want +got):\n%s", diff)
	}
	if l.Torn() {
		t.Error("a journal that was closed is torn")
	}
	stop := errors.New("stop")
	calls := 0
	if err := l.Each(func(Entry) error { calls++; return stop }); !errors.Is(err, stop) || calls != 1 {
		t.Errorf("Each with a function that fails: %v after %d calls", err, calls)
	}
}

func TestOutcomeThatIsTooLong(t *testing.T) {
	dir := t.TempDir()
	j := create(t, dir)
	if err := j.End(1, make([]byte, maxOutcome+1)); err == nil || IsFull(err) || IsBroken(err) {
		t.Errorf("End with %d bytes: %v", maxOutcome+1, err)
	}
	must(t, j.Begin(2), j.Close())
	if got := entriesOf(t, find(t, dir)); len(got) != 1 || got[0].Position != 2 {
		t.Errorf("the file holds %v", got)
	}
}

func TestWhoMayOpen(t *testing.T) {
	dir := t.TempDir()
	if _, err := Find(dir, id); !errors.Is(err, ErrNone) {
		t.Errorf("Find before there is one: %v", err)
	}
	if _, err := Find(filepath.Join(dir, "missing"), id); !errors.Is(err, ErrNone) {
		t.Errorf("Find without a folder: %v", err)
	}
	j := create(t, dir)
	if _, err := Create(dir, id); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Create of one that exists: %v", err)
	}
	if _, err := Find(dir, id); !errors.Is(err, ErrAlive) {
		t.Errorf("Find while the owner lives: %v", err)
	}
	must(t, j.Close(), j.Close())
	l := find(t, dir)
	if _, err := Find(dir, id); !errors.Is(err, ErrAlive) {
		t.Errorf("Find while a successor reads: %v", err)
	}
	must(t, l.Close(), l.Close())
	if err := l.Remove(); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("Remove without the lock: %v", err)
	}
	l = find(t, dir)
	must(t, l.Remove(), l.Close())
	if _, err := Find(dir, id); !errors.Is(err, ErrNone) {
		t.Errorf("Find after Remove: %v", err)
	}
}

func TestNothingAfterTheEnd(t *testing.T) {
	for _, end := range []string{"Close", "Remove"} {
		t.Run(end, func(t *testing.T) {
			dir := t.TempDir()
			j := create(t, dir)
			must(t, j.Begin(1))
			if end == "Close" {
				must(t, j.Close())
			} else {
				must(t, j.Remove(), j.Close())
			}
			// Somebody may have made another file of that name.
			if end == "Remove" {
				create(t, dir)
			}
			for call, err := range map[string]error{"Begin": j.Begin(2), "End": j.End(2, nil), "Sync": j.Sync(), "Remove": j.Remove()} {
				if !errors.Is(err, fs.ErrClosed) || IsBroken(err) {
					t.Errorf("%s: %v", call, err)
				}
			}
			if _, err := os.Stat(filepath.Join(dir, id.name())); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestOneSuccessorOfMany(t *testing.T) {
	dir := t.TempDir()
	for round := range 50 {
		j := create(t, dir)
		must(t, j.Begin(int64(round)), j.Close())
		var mu sync.Mutex
		read := 0
		var group sync.WaitGroup
		for range 4 {
			group.Go(func() {
				l, err := Find(dir, id)
				if errors.Is(err, ErrAlive) || errors.Is(err, ErrNone) {
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				read += len(l.entries)
				if err := l.Remove(); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		if read != 1 {
			t.Fatalf("round %d: %d successors read the journal, want 1", round, read)
		}
	}
}

func TestManyConnections(t *testing.T) {
	const connections, each = 16, 200
	dir := t.TempDir()
	j := create(t, dir)
	outcome := func(position int64) []byte {
		return []byte(strings.Repeat(fmt.Sprint(position), int(position)%50))
	}
	var group, syncs sync.WaitGroup
	done := make(chan struct{})
	syncs.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				if err := j.Sync(); err != nil {
					t.Error(err)
				}
			}
		}
	})
	for c := range connections {
		group.Go(func() {
			for i := range each {
				position := int64(c*each + i)
				if err := errors.Join(j.Begin(position), j.End(position, outcome(position))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	close(done)
	syncs.Wait()
	must(t, j.Close())
	got := entriesOf(t, find(t, dir))
	if len(got) != connections*each {
		t.Errorf("%d entries, want %d", len(got), connections*each)
	}
	for i, e := range got {
		if e.Position != int64(i) || !e.Ended || string(e.Outcome) != string(outcome(e.Position)) {
			t.Fatalf("entry %d is %+v", i, e)
		}
	}
}

func TestAllocatesNothing(t *testing.T) {
	j := create(t, t.TempDir())
	outcome := make([]byte, maxOutcome)
	n := testing.AllocsPerRun(100, func() {
		if err := errors.Join(j.Begin(1), j.End(1, outcome)); err != nil {
			t.Error(err)
		}
	})
	if n != 0 {
		t.Errorf("Begin and End allocate %v times", n)
	}
}

func TestOnlyOursMayRead(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // has no such permissions
	}
	dir := filepath.Join(t.TempDir(), "a", "b")
	create(t, dir)
	for name, want := range map[string]fs.FileMode{dir: fs.ModeDir | 0o700, filepath.Join(dir, "e12-b7-f3-.journal"): 0o600} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != want {
			t.Errorf("%s has mode %v, want %v", name, info.Mode(), want)
		}
	}
}

func TestList(t *testing.T) {
	dir := t.TempDir()
	if got, err := List(filepath.Join(dir, "missing")); got != nil || err != nil {
		t.Errorf("List of no folder: %v, %v", got, err)
	}
	want := []ID{{2, 1, 1, "a"}, {10, 1, 9, ""}, {10, 2, 1, "0f"}, {10, 2, 11, "0f"}}
	for _, id := range slices.Backward(want) {
		j, err := Create(dir, id)
		must(t, err, j.Close())
	}
	for _, foreign := range []string{"e1-b1-f1-a.journal.bak", "e+1-b1-f1-a.journal", "e01-b1-f1-a.journal", "notes.txt", "e1-b1-a.journal", "e1-b1-f1.journal"} {
		must(t, os.WriteFile(filepath.Join(dir, foreign), nil, 0o600))
	}
	must(t, os.Mkdir(filepath.Join(dir, "e1-b1-f1-b.journal"), 0o700))
	got, err := List(dir)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("List: error %v (-want +got):\n%s", err, diff)
	}
}
