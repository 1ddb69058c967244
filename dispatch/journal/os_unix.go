//go:build unix

package journal

import (
	"errors"
	"io"
	"os"
	"syscall"
)

// lock takes the lock of the open file f, or fails at once with ErrAlive if
// another open file has it, of this process too. It is released with the last
// descriptor of f; no program that we start inherits one.
func lock(f *os.File) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return ErrAlive
	}
	return err
}

// discard deletes the file while the lock is still held, and then closes it.
func discard(f io.Closer, name string) error {
	return errors.Join(os.Remove(name), f.Close())
}

// syncDir makes the names in dir durable. Where a file system has no such thing
// for a folder, it is taken to need none.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return nil
}

func isFull(errno syscall.Errno) bool {
	return errno == syscall.ENOSPC || errno == syscall.EDQUOT || errno == syscall.EFBIG
}
