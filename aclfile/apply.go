package aclfile

import (
	"fmt"
	"slices"

	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// ApplyError says why a file did not become the set in force.
type ApplyError struct {
	Path       string // as given to Apply
	Generation uint64 // of the snapshot that stays in force; 0 if nothing was ever published
	Err        error
}

// Error says which set stays in force, and why.
func (e *ApplyError) Error() string {
	return fmt.Sprintf("aclfile: %s is not applied, generation %d stays in force: %v", enum.Quote(e.Path), e.Generation, e.Err)
}

// Unwrap returns Err.
func (e *ApplyError) Unwrap() error { return e.Err }

// Apply makes the bindings of the file at path the whole set of store, in one
// transaction: readers see the old set or the new one. If the set is the same,
// nothing is published, save that the first transaction makes a store ready.
//
// The file is loaded as [Load] does. If that fails, the set in force stays in
// force, and the error is an [*ApplyError] that wraps what Load returned.
//
// The cost beside that of loading is a step for each binding in force and in the
// file, and a transaction of what differs. Apply is safe for concurrent use, but of
// two calls the one that read the file first may publish last: let one goroutine
// apply a file.
func Apply(store *snapshot.Store, path string, checksums Checksums) error {
	bindings, err := Load(path, checksums)
	if err == nil {
		err = store.Replace(slices.Values(bindings))
	}
	if err != nil {
		return &ApplyError{Path: path, Generation: store.Load().Generation(), Err: err}
	}
	return nil
}
