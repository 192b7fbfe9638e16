package aclfile

import (
	"fmt"
	"path/filepath"
	"slices"

	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// ApplyError says why a file was not applied.
type ApplyError struct {
	Path       string // the path given to Apply
	Generation uint64 // generation of the snapshot that stays in force; 0 if none was ever published
	Err        error
}

// Error returns the generation that stays in force, and the reason.
func (e *ApplyError) Error() string {
	return fmt.Sprintf("aclfile: %s is not applied, generation %d stays in force: %v", enum.Quote(e.Path), e.Generation, e.Err)
}

// Unwrap returns Err.
func (e *ApplyError) Unwrap() error { return e.Err }

// Apply makes the file at path what the store follows, and applies it: see [Follow].
func Apply(store *snapshot.Store, path string, checksums Checksums) error {
	apply, err := Follow(store, path)
	if err != nil {
		return err
	}
	return apply(checksums)
}

// Follow makes the file at path what the store follows ([snapshot.Store.Follow]), and returns the
// function that applies the file. From now on nothing else changes the store: an ACL that
// was created in it would be lost with the next change of the file. CreateAcls and DeleteAcls
// requests are refused.
//
// The error is an [*ApplyError]: the store has ACLs already, or follows another source. The same
// file may be followed again, under the same path.
//
// apply replaces the whole set of the store by the bindings of the file, in one
// transaction: readers see either the old set or the new one. If the sets are equal,
// nothing is published, except that the first transaction makes a store ready. The file is loaded
// with [Load]. If that fails, the old set stays in force, and the error is an [*ApplyError] that
// wraps the error of Load.
//
// In addition to loading, the cost of apply is one step for each binding in force and in the
// file, and a transaction for the difference. It is safe for concurrent use. But of
// two concurrent calls, the one that read the file first may publish last, so let only
// one goroutine apply a file.
func Follow(store *snapshot.Store, path string) (apply func(Checksums) error, err error) {
	failed := func(err error) error {
		return &ApplyError{Path: path, Generation: store.Load().Generation(), Err: err}
	}
	update, err := store.Follow(sourceOf(path))
	if err != nil {
		return nil, failed(err)
	}
	return func(checksums Checksums) error {
		bindings, err := Load(path, checksums)
		if err == nil {
			err = update(func(tx *snapshot.Tx) error {
				tx.Replace(slices.Values(bindings))
				return nil
			})
		}
		if err != nil {
			return failed(err)
		}
		return nil
	}, nil
}

// sourceOf returns the name of a file as the source of a store: the same for every way to write
// its path, as long as no links are followed.
func sourceOf(path string) string {
	if whole, err := filepath.Abs(path); err == nil {
		path = whole
	}
	return "the file " + enum.Quote(path)
}
