package journal

import (
	"errors"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/windows"
)

// lock takes the lock of the open file f, or fails at once with ErrAlive if
// another open file has it, of this process too.
//
// Locked is one byte far behind the end of any journal: a lock of Windows keeps
// others from the bytes themselves, and a person must be able to read the file.
func lock(f *os.File) error {
	err := windows.LockFileEx(windows.Handle(f.Fd()),
		windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &windows.Overlapped{OffsetHigh: 1})
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) || errors.Is(err, windows.ERROR_IO_PENDING) {
		return ErrAlive
	}
	return err
}

// discard closes the file and then deletes it: Windows deletes none that is
// open. If a successor opens it in between it stays, with an error; all that is
// in it is in the ledger, so the successor changes nothing.
func discard(f io.Closer, name string) error {
	return errors.Join(f.Close(), os.Remove(name))
}

// syncDir does nothing: Windows has no such thing.
func syncDir(string) error { return nil }

func isFull(errno syscall.Errno) bool {
	return errno == windows.ERROR_DISK_FULL || errno == windows.ERROR_HANDLE_DISK_FULL ||
		errno == windows.ERROR_DISK_QUOTA_EXCEEDED || errno == windows.ERROR_FILE_TOO_LARGE
}
