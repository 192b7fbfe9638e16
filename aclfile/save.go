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

// newFileMode is the mode of a file that replaces none. Who else may read a list
// of principals is for its owner to decide.
const newFileMode fs.FileMode = 0o600

// SaveError says why a set was not saved.
type SaveError struct {
	Path string // as given to Save
	// Replaced says that the file holds the new set, and loads, but that the system
	// did not promise to keep it through a power failure, which would bring the old
	// set back, whole. Otherwise the file holds what it held.
	Replaced bool
	Err      error
}

// Error says whether the file holds the old set or the new one, and what went
// wrong.
func (e *SaveError) Error() string {
	state := "not saved, the file is as it was"
	if e.Replaced {
		state = "the file holds the new set, but a power failure may bring the old one back"
	}
	return fmt.Sprintf("aclfile: save %s: %s: %v", enum.Quote(e.Path), state, e.Err)
}

// Unwrap returns Err.
func (e *SaveError) Unwrap() error { return e.Err }

// Save makes bindings the content of the file at path, in the order given, with a
// checksum file beside it: see the package documentation for what it guarantees.
// The format is any that [acl.Write] writes; [acl.FormatZooKeeper] sorts.
//
// The error is a [*SaveError]. A set that would not be read back as it is, because
// a binding is not valid or the format cannot hold it, is refused before anything
// is touched, and every such binding is named. Whatever stands at path is replaced,
// whether or not it loads.
//
// The set is held in memory as text. Save waits for the disk some ten times.
func Save(path string, format acl.Format, bindings iter.Seq[acl.Binding]) error {
	s := saver{filesystem: disk{}}
	return s.save(path, format, bindings)
}

// saver is one save.
type saver struct {
	filesystem
	path     string // with symbolic links resolved
	mode     fs.FileMode
	replaced bool
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
	if text.Len() > MaxFileBytes {
		return fmt.Errorf("the set makes %d bytes of text, expected no more than %d", text.Len(), MaxFileBytes)
	}
	if err := s.resolve(path); err != nil {
		return err
	}
	digests, err := s.current()
	if err != nil {
		return err
	}
	s.removeLeftovers()
	return s.replace(text.Bytes(), digests)
}

// resolve finds the file that path leads to, which need not exist, and its mode.
func (s *saver) resolve(path string) error {
	info, err := os.Stat(path)
	switch {
	case err == nil && !info.Mode().IsRegular():
		return fmt.Errorf("%q is no regular file", path)
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

// current returns the checksum of what the file holds, so that it loads until it
// is replaced. It returns none if the file does not exist or would not load: it
// must not begin to.
func (s *saver) current() ([]digest, error) {
	c, err := readContent(s.path, readFile)
	var wrong *ChecksumError
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.As(err, &wrong):
		return nil, nil
	case err != nil:
		return nil, err
	}
	if !c.verified {
		if _, err := c.bindings(s.path); err != nil {
			return nil, nil
		}
	}
	return []digest{c.digest}, nil
}

// replace replaces the file and its checksum file, such that the latter names what
// the former holds at every moment.
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
	// The new name must last before the old checksum goes.
	if err := s.syncFolder(filepath.Dir(s.path)); err != nil {
		return err
	}
	if len(digests) == 1 {
		return nil
	}
	return s.replaceSum([]digest{next})
}

// replaceSum replaces the checksum file by one that names digests.
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

// writeTemp writes text to a new file in the folder of path, from which it can be
// renamed to path, and returns its name once the disk has it.
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

// tempPrefix returns how the names of the temporary files for path begin.
func tempPrefix(path string) string { return "." + filepath.Base(path) + ".tmp-" }

// removeLeftovers removes the temporary files of saves that were killed. One that
// cannot be removed does no harm, and the next save tries again.
func (s *saver) removeLeftovers() {
	folder := filepath.Dir(s.path)
	entries, err := os.ReadDir(folder)
	if err != nil {
		return // a folder may be writable and not readable
	}
	for _, entry := range entries {
		for _, path := range []string{s.path, s.path + sumSuffix} {
			if strings.HasPrefix(entry.Name(), tempPrefix(path)) {
				_ = s.remove(filepath.Join(folder, entry.Name()))
			}
		}
	}
}
