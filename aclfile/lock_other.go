//go:build !unix || solaris || aix

package aclfile

import (
	"errors"
	"os"
)

// tryLock returns an error: this system has no flock.
func tryLock(*os.File) error { return errors.ErrUnsupported }
