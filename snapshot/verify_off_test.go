//go:build !invariants

package snapshot

// verifyRun and verifyTable look at nothing in this build: see verify_test.go.
func verifyRun(*run) error { return nil }

func verifyTable[K comparable, V any](*kind[K, V], table[K, V]) error { return nil }
