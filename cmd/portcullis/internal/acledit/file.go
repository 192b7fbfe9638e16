package acledit

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/aclfile"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// aclFile is a file of ACLs to change.
type aclFile struct {
	path   string
	format acl.Format // to save it in
	store  *snapshot.Store
	before *snapshot.Snapshot // as it was loaded
}

// loadFile loads the file at path. If mayBeNew is set, a missing or an empty file has no ACLs;
// but if the checksum of a missing file still exists, the file is lost and loading fails, and
// an empty file that has a checksum must match it.
func loadFile(path string, mayBeNew bool) (*aclFile, error) {
	if path == cli.StandardInput {
		return nil, cli.BadFlag("file", path, "the name of a file")
	}
	file := &aclFile{path: path, format: newFormat(path), store: snapshot.NewStore(snapshot.Config{})}
	bindings, err := aclfile.Load(path, aclfile.ChecksumOptional)
	switch {
	case err == nil:
		err = file.detectFormat()
	case mayBeNew && errors.Is(err, fs.ErrNotExist):
		if _, errSum := os.Lstat(path + ".sum"); errSum != nil {
			err = nil
		}
	case mayBeNew:
		if wrong, ok := errors.AsType[*aclfile.ChecksumError](err); ok && wrong.Missing && isEmpty(path) {
			err = nil
		}
	}
	if err != nil {
		return nil, err
	}
	err = file.store.Replace(slices.Values(bindings))
	file.before = file.store.Load()
	return file, err
}

// isEmpty reports whether a file has no byte.
func isEmpty(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Size() == 0
}

// newFormat returns the format of a new or empty file.
func newFormat(path string) acl.Format {
	if strings.HasSuffix(path, ".json") || strings.HasSuffix(path, ".jsonl") {
		return acl.FormatJSON
	}
	return acl.FormatText
}

// detectFormat returns the format of a file that was read without an error.
func (f *aclFile) detectFormat() error {
	line, err := cli.ReadFile(f.path, nil, func(r io.Reader) (string, error) {
		l := lines.NewReader(r, lines.MaxBytes)
		l.Next()
		return l.Text, l.Err()
	})
	switch {
	case line == "":
	case strings.HasPrefix(line, "{"):
		f.format = acl.FormatJSON
	case strings.HasPrefix(line, "/"):
		f.format = acl.FormatZooKeeper
	case strings.HasSuffix(line, " "): // of a heading
		f.format = acl.FormatText3
	default:
		f.format = acl.FormatText
	}
	return err
}

func (f *aclFile) save() error { return aclfile.Save(f.path, f.format, f.store.Load().All()) }
