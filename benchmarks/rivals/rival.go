package rivals

import (
	"fmt"

	"github.com/portcullis-authz/portcullis/benchmarks/workload"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// Rival answers the questions of one shape's subject. Check reports whether the
// subject may do op on the resource (t, name). It is not safe for concurrent use.
type Rival struct {
	Name  string
	Check func(op ops.Operation, t resource.Type, name string) (bool, error)
}

// Verify compares the answers of r on at most sample questions of c with those of
// right. The first difference, or error of r, is the result.
func (r Rival) Verify(c workload.Case, sample int, right func(op ops.Operation, t resource.Type, name string) bool) error {
	step := max(1, len(c.Names)/sample)
	for i := 0; i < len(c.Names); i += step {
		name := c.Names[i]
		got, err := r.Check(c.Operation, c.Type, name)
		if err != nil {
			return fmt.Errorf("%s: %v of %q: %w", r.Name, c.Operation, name, err)
		}
		if want := right(c.Operation, c.Type, name); got != want {
			return fmt.Errorf("%s: %v of %q: allowed %t, want %t", r.Name, c.Operation, name, got, want)
		}
	}
	return nil
}
