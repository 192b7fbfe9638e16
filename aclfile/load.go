package aclfile

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/portcullis-authz/portcullis/acl"
)

// MaxFileBytes is the maximum size of a file that [Load] reads and [Save] writes. It is
// enough for some five million bindings. The limit stops a larger file, which cannot be
// an ACL file, from filling memory.
const MaxFileBytes = 1 << 30

// readAttempts is how often Load tries to read a file and its checksum, which cannot be
// read atomically. An attempt fails if a save happens between the two reads.
const readAttempts = 8

// Load returns all bindings of the file at path, in order, including duplicates. The
// first line determines the format, which may be any that [acl.Read] knows.
//
// If anything is wrong, no binding is returned. Every error in the content is reported,
// as [acl.ParseErrors]. A wrong checksum, or a missing one if checksums requires it, is
// a [*ChecksumError]; the content is then not parsed. A missing file is an error that
// wraps [fs.ErrNotExist]. A file may be loaded while it is saved: the result is the old
// set or the new one.
//
// The file is read into memory. Load is safe for concurrent use.
func Load(path string, checksums Checksums) ([]acl.Binding, error) {
	c, err := load(path, checksums)
	if err != nil {
		return nil, err
	}
	return c.bindings(path)
}

// LoadText returns the text of a file that [SaveText] has written, as [Load] does the
// bindings of one. It is not parsed.
func LoadText(path string, checksums Checksums) ([]byte, error) {
	c, err := load(path, checksums)
	if err != nil {
		return nil, err
	}
	return c.text, nil
}

func load(path string, checksums Checksums) (*content, error) {
	c, err := readContent(path, readFile)
	if err != nil {
		return nil, err
	}
	if checksums != ChecksumOptional && !c.verified {
		return nil, &ChecksumError{Path: c.path, Missing: true, Found: "no file " + c.path + sumSuffix,
			Expected: "one, as sha256sum writes it: create it if the content of the file is correct"}
	}
	return c, nil
}

// content is the content of a file, and whether its checksum was verified.
type content struct {
	path     string // with symbolic links resolved
	text     []byte
	digest   digest
	verified bool
}

// bindings parses the bindings of c. name is the file in errors.
func (c *content) bindings(name string) ([]acl.Binding, error) {
	bindings, err := acl.Read(bytes.NewReader(c.text), name, acl.FormatAuto)
	if err != nil {
		return nil, err
	}
	if !c.verified && len(bindings) == 0 {
		return nil, &ChecksumError{Path: c.path, Missing: true, Found: "no binding, and no checksum file",
			Expected: "at least one binding, or a checksum file if the set is empty on purpose"}
	}
	return bindings, nil
}

// readFunc reads a file of up to maxBytes. It is readFile, except in tests.
type readFunc func(path string, maxBytes int64) ([]byte, error)

// readContent reads the file at path, and verifies its checksum if it has one.
func readContent(path string, read readFunc) (c *content, err error) {
	for range readAttempts {
		c, err = tryReadContent(path, read)
		var torn *ChecksumError
		if !errors.As(err, &torn) && !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	return c, err
}

func tryReadContent(path string, read readFunc) (*content, error) {
	// A folder may be replaced by swapping a link: the file and its checksum must come
	// from the same folder.
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, fmt.Errorf("aclfile: %w", err)
	}
	sum, sumErr := read(path+sumSuffix, maxSumBytes)
	text, err := read(path, MaxFileBytes)
	if err != nil {
		return nil, err
	}
	c := &content{path: path, text: text, digest: sha256.Sum256(text)}
	if c.verified, err = checkSum(path, c.digest, sum, sumErr); err != nil {
		return nil, err
	}
	return c, nil
}

// readFile reads a regular file of up to maxBytes.
func readFile(path string, maxBytes int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("aclfile: %w", err)
	}
	if !info.Mode().IsRegular() { // opening a pipe would wait for its writer
		return nil, fmt.Errorf("aclfile: %q is not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("aclfile: %w", err)
	}
	defer f.Close()
	var buf bytes.Buffer
	tooLarge := info.Size() > maxBytes
	if !tooLarge {
		buf.Grow(int(info.Size()) + bytes.MinRead) // so that reading to the end does not grow it again
		if _, err := buf.ReadFrom(io.LimitReader(f, maxBytes+1)); err != nil {
			return nil, fmt.Errorf("aclfile: %w", err)
		}
		tooLarge = int64(buf.Len()) > maxBytes // it grew while being read
	}
	if tooLarge {
		return nil, fmt.Errorf("aclfile: %q is larger than %d bytes", path, maxBytes)
	}
	return buf.Bytes(), nil
}
