//go:build unix && !solaris && !aix

package aclfile

import (
	"errors"
	"os"
	"syscall"
)

// tryLock locks an open folder, or returns errHeld if another holds its lock.
func tryLock(folder *os.File) error {
	for {
		err := syscall.Flock(int(folder.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EWOULDBLOCK):
			return errHeld
		default:
			return err
		}
	}
}
