package rivals

import (
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/benchmarks/workload"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// NewMap returns a Go map from the names of c to the answers, and the rival that
// asks it. It is the least that any engine could do, not an engine: it knows one
// principal on one host, one operation and one resource type, no pattern, and no
// way to change an ACL. Its keys are copies, so that no lookup is cut short by
// comparing a name with itself, and they are made in the order of the names: if the
// copies lay in memory in the order in which they are asked for, the processor would
// have fetched each before it is needed, as it can for no map that somebody uses.
func NewMap(c workload.Case, right func(op ops.Operation, t resource.Type, name string) bool) (map[string]bool, Rival) {
	answers := make(map[string]bool, len(c.Names))
	for _, name := range slices.Sorted(slices.Values(c.Names)) {
		answers[strings.Clone(name)] = right(c.Operation, c.Type, name)
	}
	return answers, Rival{Name: "map", Check: func(_ ops.Operation, _ resource.Type, name string) (bool, error) {
		return answers[name], nil
	}}
}
