//go:build !race

package gateway_test

import (
	"testing"

	"github.com/portcullis-authz/portcullis/audit"
)

// TestAllocations checks the allocations of the exchanges, so that an additional
// decoding, copy or encoding fails. The race detector allocates memory itself, so the
// test is not built with it. An auditor that receives denials costs nothing if there are none.
func TestAllocations(t *testing.T) {
	for name, auditor := range map[string]*audit.Auditor{"no auditor": nil, "an auditor": {Handler: new(recorder)}} {
		for _, e := range exchanges() {
			do := e.run(t, auditor)
			do() // finds the layouts
			if n := testing.AllocsPerRun(100, do); n > float64(e.allocations) {
				t.Errorf("%s, %s: %v allocations, expected %d at most", e.name, name, n, e.allocations)
			}
		}
	}
}
