//go:build !race

package gateway_test

import "testing"

// TestAllocations checks the allocations of the exchanges, so that an additional
// decoding, copy or encoding fails. The race detector allocates memory itself, so the
// test is not built with it.
func TestAllocations(t *testing.T) {
	for _, e := range exchanges() {
		do := e.run(t)
		do() // finds the layouts
		if n := testing.AllocsPerRun(100, do); n > float64(e.allocations) {
			t.Errorf("%s: %v allocations, expected %d at most", e.name, n, e.allocations)
		}
	}
}
