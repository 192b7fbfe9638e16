package aclfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/portcullis-authz/portcullis/internal/enum"
)

const (
	// lockWait is how long Lock waits for others. A change of the largest file takes some seconds.
	lockWait = 30 * time.Second
	// lockPause is the time between two attempts to get a lock. The system's own way to wait for one
	// has no limit of time.
	lockPause = 5 * time.Millisecond
)

// errHeld says that another holds a lock.
var errHeld = errors.New("another program changes a file in this folder")

// Lock waits until no other caller of Lock changes the file at path, and lets none begin until
// release is called. Call it before a file is loaded to be changed, and release it once the file
// is saved: if two do so at once without it, the second save drops the change of the first, also
// if that is a DENY. The file need not exist.
//
// The lock is one of flock(2) on the folder of the file, with symbolic links resolved. It leaves
// no file behind, ends with the process, and is held for all files of the folder. It is advisory:
// neither [Load] nor [Save] looks at it. Who can read the folder can hold it. Lock is safe for
// concurrent use, and release may be called again.
//
// After 30 seconds it gives up. The error then says so, and otherwise why the folder cannot be
// opened or locked. Not every network file system has such locks.
func Lock(path string) (release func(), err error) {
	return lock(path, lockWait)
}

func lock(path string, wait time.Duration) (release func(), err error) {
	folder, err := lockedFolder(path)
	if err != nil {
		return nil, fmt.Errorf("aclfile: lock %s: %w", enum.Quote(path), err)
	}
	f, err := os.Open(folder)
	if err != nil {
		return nil, fmt.Errorf("aclfile: lock %s: %w", enum.Quote(path), err)
	}
	for end := time.Now().Add(wait); ; time.Sleep(lockPause) {
		err := tryLock(f)
		if err == nil {
			return func() { _ = f.Close() }, nil // which ends the lock
		}
		if !errors.Is(err, errHeld) || time.Now().After(end) {
			_ = f.Close()
			return nil, fmt.Errorf("aclfile: lock %s: folder %s: %w: the file is unchanged, try again", enum.Quote(path), enum.Quote(folder), err)
		}
	}
}

// lockedFolder returns the folder of the file that path leads to, which need not exist.
func lockedFolder(path string) (string, error) {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		return filepath.Dir(target), nil
	}
	return filepath.EvalSymlinks(filepath.Dir(path))
}
