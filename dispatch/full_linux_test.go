package dispatch

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/zotpaper/zotpaper/dispatch/journal"
	"github.com/zotpaper/zotpaper/internal/smtptest"
)

// diskVariable, in the environment, makes a test do its work in the folder that
// it names instead of starting a process that has a small disk there.
const diskVariable = "ZOTPAPER_TEST_DISPATCH_DISK"

// notAllowed is the exit status of a process that may not mount.
const notAllowed = 77

// onSmallDisk runs f in a process of its own with a disk of so many kilobytes,
// which is in the sight of that process alone and goes with it.
func onSmallDisk(t *testing.T, kilobytes int, f func(disk string)) {
	t.Helper()
	if disk := os.Getenv(diskVariable); disk != "" {
		if err := syscall.Mount("disk", disk, "tmpfs", 0, fmt.Sprintf("size=%dk", kilobytes)); err != nil {
			fmt.Println(err)
			os.Exit(notAllowed)
		}
		f(disk)
		return
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+strings.ReplaceAll(t.Name(), "/", "$/^")+"$")
	cmd.Env = append(os.Environ(), diskVariable+"="+t.TempDir())
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
		// Not for ZOTPAPER_NO_SKIP to forbid: many containers do not allow this.
		t.Skip("this machine lets nobody mount a disk of their own:", err, string(out))
	}
}

// A filler fills a disk, once, and makes room again.
type filler struct {
	t    *testing.T
	file string
	once sync.Once
}

func (f *filler) fill() {
	f.once.Do(func() {
		if err := os.WriteFile(f.file, make([]byte, 8<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
			f.t.Errorf("fill the disk: %v", err)
		}
	})
}

func (f *filler) makeRoom() {
	if err := os.Remove(f.file); err != nil {
		f.t.Error(err)
	}
}

// TestD1FullDiskOfTheJournal fills the disk of the journal: nobody is mailed
// then, and the dispatch goes on by itself when there is room.
func TestD1FullDiskOfTheJournal(t *testing.T) {
	tests := []struct {
		name string
		at   int // messages after which it is full; 0: before the first
		says string
	}{
		{"before a batch is taken", 0, "cannot work on a batch"},
		{"among the messages", 20, "the disk of the journal is full"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			onSmallDisk(t, 256, func(disk string) {
				const readers = 120
				f := &filler{t: t, file: filepath.Join(disk, "filler")}
				var tr *trial
				tr = newTrial(t, openURL(t, "sqlite:"+filepath.Join(t.TempDir(), "zotpaper.db")), readers, func(e smtptest.Event) smtptest.Answer {
					if e.Phase == smtptest.Message && tt.at > 0 && len(tr.received()) == tt.at {
						f.fill()
					}
					return smtptest.Answer{}
				})
				heard := newEar()
				tr.Journal, tr.Log, tr.Connections = disk, slog.New(heard), 1
				if tt.at == 0 {
					f.fill()
				}
				go func() {
					heard.await(t, tt.says)
					// One message may have begun before, and the page that its
					// record goes to may have room.
					if n := len(tr.received()); tt.at == 0 && n > 0 {
						t.Errorf("%d messages without a journal", n)
					}
					f.makeRoom()
				}()
				tally, err := tr.run(t.Context())
				if extra, doubts := tr.audit(); err != nil || tally.Sent != readers || extra+doubts != 0 {
					t.Errorf("Run: %+v, error %v, %d copies too many, %d in doubt\n%s", tally, err, extra, doubts, heard)
				}
			})
		})
	}
}

// TestD2FullBetweenReplyAndOutcome fills the disk of the journal when a message
// is taken: what became of it is in memory, and gets into the ledger.
func TestD2FullBetweenReplyAndOutcome(t *testing.T) {
	onSmallDisk(t, 256, func(disk string) {
		const readers = 120
		f := &filler{t: t, file: filepath.Join(disk, "filler")}
		tr := newTrial(t, openURL(t, "sqlite:"+filepath.Join(t.TempDir(), "zotpaper.db")), readers, nil)
		heard := newEar()
		tr.Journal, tr.Log, tr.Connections = disk, slog.New(heard), 1
		var hits atomic.Int64
		tr.failpoint = func(p point) {
			if p == afterDeliver && hits.Add(1) == 10 {
				f.fill()
				limit(t, disk, true)
			}
			if p == afterEnd && hits.Load() == 10 {
				limit(t, disk, false)
				f.makeRoom()
			}
		}
		tally, err := tr.run(t.Context())
		if extra, doubts := tr.audit(); err != nil || tally.Sent != readers || extra+doubts != 0 {
			t.Errorf("Run: %+v, error %v, %d copies too many, %d in doubt", tally, err, extra, doubts)
		}
		if heard.count("cannot write the journal") == 0 {
			t.Error("the journal did not notice that its disk was full")
		}
	})
}

// limit bounds the size of files to what the journals in disk have, since the
// last page of one may have room where the disk has none.
func limit(t *testing.T, disk string, on bool) {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &l); err != nil {
		t.Error(err)
	}
	l.Cur = l.Max
	files, err := filepath.Glob(filepath.Join(disk, "*", "*.journal"))
	for _, file := range files {
		if info, statErr := os.Stat(file); on && statErr == nil {
			l.Cur = min(l.Cur, uint64(info.Size()))
		}
	}
	if err := errors.Join(err, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &l)); err != nil {
		t.Error(err)
	}
}

// TestD1FullDiskOfTheDatabase fills the disk of the ledger.
func TestD1FullDiskOfTheDatabase(t *testing.T) {
	onSmallDisk(t, 4<<10, func(disk string) {
		const readers = 120
		f := &filler{t: t, file: filepath.Join(disk, "filler")}
		var tr *trial
		tr = newTrial(t, openURL(t, "sqlite:"+filepath.Join(disk, "zotpaper.db")), readers, func(e smtptest.Event) smtptest.Answer {
			if e.Phase == smtptest.Message && len(tr.received()) == 20 {
				f.fill()
			}
			return smtptest.Answer{}
		})
		heard := newEar()
		tr.Log = slog.New(heard)
		go func() {
			heard.await(t, "nobody is mailed until it works again")
			mailed := tr.readers()
			for address, row := range tr.states() {
				if mailed[address] > 0 && row.state == Pending {
					t.Errorf("%s was mailed and not taken before", address)
				}
			}
			f.makeRoom()
		}()
		tally, err := tr.run(t.Context())
		if extra, doubts := tr.audit(); err != nil || tally.Sent != readers || extra+doubts != 0 {
			t.Errorf("Run: %+v, error %v, %d copies too many, %d in doubt\n%s", tally, err, extra, doubts, heard)
		}
	})
}

// TestD5JournalThatCannotBeSynced puts a device in the place of a journal's file
// that takes all that is written and cannot be synced.
func TestD5JournalThatCannotBeSynced(t *testing.T) {
	const readers = 300
	var tr *trial
	var once atomic.Bool
	tr = newTrial(t, openURL(t, "sqlite:"+filepath.Join(t.TempDir(), "zotpaper.db")), readers, func(e smtptest.Event) smtptest.Answer {
		if e.Phase == smtptest.Message && len(tr.received()) >= 30 && once.CompareAndSwap(false, true) {
			breakJournals(t, tr.Journal)
			slow := make(chan struct{})
			time.AfterFunc(time.Second, func() { close(slow) }) // several times what passes between two syncs
			return smtptest.Answer{Wait: slow}
		}
		return smtptest.Answer{}
	})
	_, err := tr.Run(t.Context(), tr.assignment())
	if !journal.IsBroken(err) {
		t.Errorf("Run: %v, want it to stop over the journal", err)
	}
	tally := tr.takesOver()
	if extra, doubts := tr.audit(); tally.Sent != readers || extra+doubts != 0 {
		t.Errorf("the next Run: %+v, %d copies too many, %d in doubt", tally, extra, doubts)
	}
}

// breakJournals has every file that this process has open below folder be
// /dev/null instead.
func breakJournals(t *testing.T, folder string) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Error(err)
		return
	}
	defer null.Close()
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Error(err)
	}
	for _, entry := range open {
		name, err := os.Readlink("/proc/self/fd/" + entry.Name())
		if err != nil || !strings.HasPrefix(name, folder) || !strings.HasSuffix(name, ".journal") {
			continue
		}
		fd, err := strconv.Atoi(entry.Name())
		if err == nil {
			err = syscall.Dup3(int(null.Fd()), fd, syscall.O_CLOEXEC)
		}
		if err != nil {
			t.Error(err)
		}
	}
}
