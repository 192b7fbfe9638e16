package aclfile

import (
	"io"
	"io/fs"
	"os"
)

// filesystem has the calls with which Save changes files. Tests make each of them fail.
type filesystem interface {
	// createTemp creates a file of mode 0600 with a unique name. The asterisk at the
	// end of pattern is replaced by a random text.
	createTemp(folder, pattern string) (tempFile, error)
	rename(from, to string) error
	remove(path string) error
	// syncFolder makes the names in folder durable.
	syncFolder(folder string) error
}

// tempFile is the part of *os.File that Save uses.
type tempFile interface {
	io.WriteCloser
	Name() string
	Chmod(mode fs.FileMode) error
	Sync() error
}

// disk is the file system of the operating system.
type disk struct{}

func (disk) createTemp(folder, pattern string) (tempFile, error) {
	f, err := os.CreateTemp(folder, pattern)
	if err != nil {
		return nil, err // not f: a nil pointer in an interface is not nil
	}
	return f, nil
}

func (disk) rename(from, to string) error { return os.Rename(from, to) }

func (disk) remove(path string) error { return os.Remove(path) }

func (disk) syncFolder(folder string) error {
	f, err := os.Open(folder)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
