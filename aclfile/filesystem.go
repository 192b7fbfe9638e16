package aclfile

import (
	"io"
	"io/fs"
	"os"
)

// filesystem is what Save changes files with. Tests make each of its calls fail.
type filesystem interface {
	// createTemp creates a file of mode 0600 whose name no other file has: pattern
	// ends in an asterisk that stands for a random text.
	createTemp(folder, pattern string) (tempFile, error)
	rename(from, to string) error
	remove(path string) error
	// syncFolder makes the names in folder last.
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
		return nil, err // not f, which would be a nil pointer in an interface that is not nil
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
