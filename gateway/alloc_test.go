//go:build !race

package gateway_test

import "testing"

// TestAllocations holds what the exchanges cost; a request more to decode, to copy or to
// encode shows here. The race detector allocates by itself, so the test is not built with
// it.
func TestAllocations(t *testing.T) {
	for _, e := range exchanges() {
		do := e.run(t)
		do() // finds the layouts
		if n := testing.AllocsPerRun(100, do); n > float64(e.allocations) {
			t.Errorf("%s: %v allocations, expected %d at most", e.name, n, e.allocations)
		}
	}
}
