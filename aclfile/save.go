package aclfile

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/enum"
)

// newFileMode is the mode of a file that replaces none. The owner can decide to let
// others read a list of principals.
const newFileMode fs.FileMode = 0o600

// SaveError says why a set was not saved.
type SaveError struct {
	Path string // the path given to Save
	// Replaced says that the file contains the new set, and loads, but that the new set
	// may not be durable: a power failure could restore the complete old set. If
	// Replaced is false, the file is unchanged.
	Replaced bool
	Err      error
}

// Error says whether the file contains the old set or the new one, and what went wrong.
func (e *SaveError) Error() string {
	state := "not saved, the file is unchanged"
	if e.Replaced {
		state = "the file holds the new set, but a power failure may restore the old one"
	}
	return fmt.Sprintf("aclfile: save %s: %s: %v", enum.Quote(e.Path), state, e.Err)
}

// Unwrap returns Err.
func (e *SaveError) Unwrap() error { return e.Err }

// Save replaces the content of the file at path by bindings, in the order given, and
// writes a checksum file next to it; see the package documentation for the guarantees.
// The format is any that [acl.Write] writes; [acl.FormatZooKeeper] sorts.
//
// The error is a [*SaveError]. A set that would not be read back unchanged, because a
// binding is not valid or the format cannot represent it, is refused before any file is
// changed. The error names every such binding. An existing file at path is replaced
// even if it does not load.
//
// The set is held in memory as text. Save waits for the disk about ten times.
func Save(path string, format acl.Format, bindings iter.Seq[acl.Binding]) error {
	s := saver{filesystem: disk{}}
	return s.save(path, format, bindings)
}

// SaveText replaces the content of the file at path by a text that is not a set of ACLs, such
// as one of roles, with the same guarantees as [Save]. isValid says whether a text that has no
// checksum could be the content: one that could not be must not become valid. It is called for
// what stands in the file.
func SaveText(path string, text []byte, isValid func(text []byte) bool) error {
	s := saver{filesystem: disk{}, isValid: func(c *content) bool { return isValid(c.text) }}
	if err := s.write(path, text); err != nil {
		return &SaveError{Path: path, Replaced: s.replaced, Err: err}
	}
	return nil
}

// saver is the state of one save.
type saver struct {
	filesystem
	path     string // with symbolic links resolved
	mode     fs.FileMode
	replaced bool
	isValid  func(*content) bool // of a content without a checksum; nil: it is a set of ACLs
}

func (s *saver) save(path string, format acl.Format, bindings iter.Seq[acl.Binding]) error {
	if err := s.run(path, format, bindings); err != nil {
		return &SaveError{Path: path, Replaced: s.replaced, Err: err}
	}
	return nil
}

func (s *saver) run(path string, format acl.Format, bindings iter.Seq[acl.Binding]) error {
	var text bytes.Buffer
	if err := acl.Write(&text, format, bindings); err != nil {
		return err
	}
	return s.write(path, text.Bytes())
}

func (s *saver) write(path string, text []byte) error {
	if len(text) > MaxFileBytes {
		return fmt.Errorf("found %d bytes of text, expected at most %d", len(text), MaxFileBytes)
	}
	if err := s.resolve(path); err != nil {
		return err
	}
	digests, err := s.current()
	if err != nil {
		return err
	}
	s.removeLeftovers()
	return s.replace(text, digests)
}

// resolve finds the file that path leads to, which need not exist, and its mode.
func (s *saver) resolve(path string) error {
	info, err := os.Stat(path)
	switch {
	case err == nil && !info.Mode().IsRegular():
		return fmt.Errorf("%q is not a regular file", path)
	case err == nil:
		s.mode = info.Mode().Perm()
		s.path, err = filepath.EvalSymlinks(path)
		return err
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("%q is a symbolic link to a file that does not exist", path)
	}
	s.mode = newFileMode
	folder, err := filepath.EvalSymlinks(filepath.Dir(path))
	s.path = filepath.Join(folder, filepath.Base(path))
	return err
}

// current returns the checksum of the file's current content, so that the file loads
// until it is replaced. It returns none if the file does not exist or does not load,
// because such a file must not become valid.
func (s *saver) current() ([]digest, error) {
	c, err := readContent(s.path, readFile)
	var wrong *ChecksumError
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.As(err, &wrong):
		return nil, nil
	case err != nil:
		return nil, err
	}
	isValid := s.isValid
	if isValid == nil {
		isValid = func(c *content) bool { _, err := c.bindings(s.path); return err == nil }
	}
	if !c.verified && !isValid(c) {
		return nil, nil
	}
	return []digest{c.digest}, nil
}

// replace replaces the file and its checksum file. At every moment the latter contains
// the checksum of the former.
func (s *saver) replace(text []byte, digests []digest) error {
	temp, err := s.writeTemp(s.path, text)
	if err != nil {
		return err
	}
	next := digest(sha256.Sum256(text))
	if !slices.Contains(digests, next) {
		digests = append(digests, next)
	}
	if err := s.replaceSum(digests); err != nil {
		return errors.Join(err, s.remove(temp))
	}
	if err := s.rename(temp, s.path); err != nil {
		return errors.Join(err, s.remove(temp))
	}
	s.replaced = true
	// The new name must be durable before the old checksum is removed.
	if err := s.syncFolder(filepath.Dir(s.path)); err != nil {
		return err
	}
	if len(digests) == 1 {
		return nil
	}
	return s.replaceSum([]digest{next})
}

// replaceSum replaces the checksum file by one with the given digests.
func (s *saver) replaceSum(digests []digest) error {
	path := s.path + sumSuffix
	temp, err := s.writeTemp(path, formatSum(s.path, digests))
	if err != nil {
		return err
	}
	if err := s.rename(temp, path); err != nil {
		return errors.Join(err, s.remove(temp))
	}
	return s.syncFolder(filepath.Dir(path))
}

// writeTemp writes text to a new file in the folder of path, so that it can be renamed
// to path. It returns the name once the text is synced to disk.
func (s *saver) writeTemp(path string, text []byte) (string, error) {
	f, err := s.createTemp(filepath.Dir(path), tempPrefix(path)+"*")
	if err != nil {
		return "", err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Chmod(s.mode)
	}
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return "", errors.Join(err, s.remove(f.Name()))
	}
	return f.Name(), nil
}

// tempPrefix returns the beginning of the names of temporary files for path.
func tempPrefix(path string) string { return "." + filepath.Base(path) + ".tmp-" }

// removeLeftovers removes the temporary files of saves that were killed. A file that
// cannot be removed does no harm, and the next save tries again.
func (s *saver) removeLeftovers() {
	folder := filepath.Dir(s.path)
	entries, err := os.ReadDir(folder)
	if err != nil {
		return // a folder may be writable but not readable
	}
	for _, entry := range entries {
		for _, path := range []string{s.path, s.path + sumSuffix} {
			if strings.HasPrefix(entry.Name(), tempPrefix(path)) {
				_ = s.remove(filepath.Join(folder, entry.Name()))
			}
		}
	}
}
