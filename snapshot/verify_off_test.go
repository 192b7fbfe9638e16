//go:build !invariants

package snapshot

// verifyTable looks at nothing in this build: see verify_test.go.
func verifyTable[K comparable, V any](*kind[K, V], table[K, V]) error { return nil }
