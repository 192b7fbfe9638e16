//go:build !invariants

package snapshot

// verifyRun does nothing in this build: see verify_test.go.
func verifyRun(*run) error { return nil }
