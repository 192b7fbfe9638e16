package aclfile

import (
	"fmt"
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

// Apply replaces the whole set of store by the bindings of the file at path, in one
// transaction: readers see either the old set or the new one. If the sets are equal,
// nothing is published, except that the first transaction makes a store ready.
//
// The file is loaded with [Load]. If that fails, the old set stays in force, and the
// error is an [*ApplyError] that wraps the error of Load.
//
// In addition to loading, the cost is one step for each binding in force and in the
// file, and a transaction for the difference. Apply is safe for concurrent use. But of
// two concurrent calls, the one that read the file first may publish last, so let only
// one goroutine apply a file.
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
