package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// childTest, in the environment, makes a test do its work instead of starting
// a process for it, one that it can deprive of its disk.
const childTest = "ZOTPAPER_TEST_JOURNAL_CHILD"

// again returns the command that runs the test t in a process of its own, with
// an empty folder.
func again(t *testing.T) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), childTest+"="+t.TempDir())
	return cmd
}

// TestFileSizeLimit shows on any machine, and to anybody, what a full disk
// does: a write that stops in the middle, and then an error.
func TestFileSizeLimit(t *testing.T) {
	dir := os.Getenv(childTest)
	if dir == "" {
		if out, err := again(t).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	var before syscall.Rlimit
	must(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before))
	limit := func(size uint64) {
		must(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: size, Max: before.Max}))
	}
	limit(20)
	if _, err := Create(dir, id); !IsFull(err) {
		t.Errorf("Create without room for the first line: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, id.name())); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what Create began is there: %v", err)
	}
	limit(200)
	fill(t, dir, func() { limit(before.Cur) })
}

// notAllowed is the exit status of a process that may not mount.
const notAllowed = 77

// TestFullDisk fills a small disk of its own.
func TestFullDisk(t *testing.T) {
	dir := os.Getenv(childTest)
	if dir == "" {
		cmd := again(t)
		// The disk is in the sight of that process alone and goes with it.
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
			UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
		}
		out, err := cmd.CombinedOutput()
		exit := (*exec.ExitError)(nil)
		if errors.As(err, &exit) && exit.ExitCode() != notAllowed {
			t.Fatalf("%v\n%s", err, out)
		}
		if err != nil {
			// Not for ZOTPAPER_NO_SKIP to forbid: TestFileSizeLimit has shown
			// the same by then, and many containers do not allow this.
			t.Skip("this machine lets nobody mount a disk of their own:", err, string(out))
		}
		return
	}
	if err := syscall.Mount("journal", dir, "tmpfs", 0, "size=64k"); err != nil {
		fmt.Println(err)
		os.Exit(notAllowed)
	}
	filler := filepath.Join(dir, "filler")
	folder := filepath.Join(dir, "journal")
	must(t, os.Mkdir(folder, 0o700))
	fill(t, folder, func() { must(t, os.Remove(filler)) }, func() {
		if err := os.WriteFile(filler, make([]byte, 64<<10), 0o600); !IsFull(err) {
			t.Fatalf("a disk of 64 kB takes 64 kB more: %v", err)
		}
	})
}

// fill records until there is no room, calls makeRoom, and expects that it goes
// on then and that nothing is lost. What else is given is called when the
// journal exists.
func fill(t *testing.T, dir string, makeRoom func(), created ...func()) {
	t.Helper()
	j := create(t, dir)
	for _, f := range created {
		f()
	}
	var want []Entry
	outcome := []byte("an outcome of a size that no page is a multiple of")
	var err error
	for position := int64(0); ; position++ {
		if err = j.End(position, outcome); err != nil {
			break
		}
		want = append(want, Entry{position, true, outcome})
	}
	if !IsFull(err) || IsBroken(err) || len(want) == 0 {
		t.Fatalf("End without room: %v, after %d", err, len(want))
	}
	// There may be room for a Begin where there is none for an outcome.
	for position := int64(len(want)); ; position++ {
		if err = j.Begin(position); err != nil {
			break
		}
		want = append(want, Entry{Position: position})
	}
	info, statErr := os.Stat(j.name)
	if !IsFull(err) || IsBroken(err) || statErr != nil || info.Size() != j.size {
		t.Fatalf("Begin without room: %v; the file: %+v, %v, want %d bytes", err, info, statErr, j.size)
	}
	makeRoom()
	must(t, j.Begin(1000), j.Sync(), j.Close())
	want = append(want, Entry{Position: 1000})
	l := find(t, dir)
	if diff := cmp.Diff(want, entriesOf(t, l)); diff != "" || l.Torn() {
		t.Errorf("torn %v, entries (-want +got):\n%s", l.Torn(), diff)
	}
}
