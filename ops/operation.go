package ops

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/resource"
)

// Operation is an operation that an ACL allows or denies, or that a request performs.
// Its value is Kafka's wire code (AclOperation). The zero Operation is Unknown.
type Operation int8

// IsKnown reports whether Kafka defines o and o is not Unknown.
func (o Operation) IsKnown() bool { return o > Unknown && operationNames.Known(int(o)) }

// Set is a set of operations: bit n is the operation with code n, as in the KIP-430
// fields. The zero Set is empty.
type Set uint16

// SetOf returns the set of the given operations. Values that Kafka does not define are
// skipped.
func SetOf(operations ...Operation) Set {
	var s Set
	for _, o := range operations {
		if operationNames.Known(int(o)) {
			s |= 1 << o
		}
	}
	return s
}

// Has reports whether o is in s. A value that Kafka does not define is in no set.
func (s Set) Has(o Operation) bool { return o >= 0 && s>>uint8(o)&1 != 0 }

// All yields the operations in s in order of their codes.
func (s Set) All() iter.Seq[Operation] {
	return func(yield func(Operation) bool) {
		for o := Unknown; int(o) < len(operationNames); o++ {
			if s.Has(o) && !yield(o) {
				return
			}
		}
	}
}

// String returns the names of the operations in s in order of their codes, separated by commas,
// or "none".
func (s Set) String() string {
	if s == 0 {
		return "none"
	}
	var names []string
	for o := range s.All() {
		names = append(names, o.String())
	}
	return strings.Join(names, ",")
}

// everyOperation is the meaning of All: every code, including those that no valid
// request asks for. Kafka's authorizer does not compare an ACL of All with the
// operation.
const everyOperation Set = 1<<16 - 1

// impliedBy lists the operations that an ALLOW of another operation also grants. A DENY
// implies nothing.
//
// Source: Kafka's documentation ("Operations in Kafka"); KIP-11 for Describe, KIP-133
// for DescribeConfigs.
var impliedBy = [...]struct{ Implied, By Operation }{
	{Describe, Read},
	{Describe, Write},
	{Describe, Delete},
	{Describe, Alter},
	{DescribeConfigs, AlterConfigs},
}

// AllowedBy returns the operations that an ALLOW of o grants: o itself, every operation
// if o is All, and the operations that o implies (Read, Write, Delete and Alter imply
// Describe; AlterConfigs implies DescribeConfigs).
func AllowedBy(o Operation) Set {
	s := DeniedBy(o)
	for _, rule := range impliedBy {
		if rule.By == o {
			s |= SetOf(rule.Implied)
		}
	}
	return s
}

// DeniedBy returns the operations that a DENY of o denies: o itself, or every operation
// if o is All. A DENY implies nothing.
func DeniedBy(o Operation) Set {
	if o == All {
		return everyOperation
	}
	return SetOf(o)
}

// supported lists the operations that requests ask for on each resource type, in wire
// order.
//
// Source: Kafka's AclEntry.supportedOperations, 4.2.
var supported = map[resource.Type]Set{
	resource.Topic:           SetOf(Read, Write, Create, Delete, Alter, Describe, DescribeConfigs, AlterConfigs),
	resource.Group:           SetOf(Read, Delete, Describe, DescribeConfigs, AlterConfigs),
	resource.Cluster:         SetOf(Create, Alter, Describe, ClusterAction, DescribeConfigs, AlterConfigs, IdempotentWrite),
	resource.TransactionalID: SetOf(Write, Describe, TwoPhaseCommit),
	resource.DelegationToken: SetOf(Describe),
	resource.User:            SetOf(CreateTokens, DescribeTokens),
}

// Supported returns the operations that a resource type supports, without All. It is
// empty for a type that no resource has. Kafka also accepts ACLs of other operations,
// but no request asks for those.
func Supported(t resource.Type) Set { return supported[t] }

// ValidateByType reports whether a by-type check (Kafka's authorizeByResourceType)
// accepts an operation and a resource type. Both must be specific, except that the
// operation may be All. Package snapshot denies what this function refuses.
func ValidateByType(o Operation, t resource.Type) error {
	switch {
	case t == resource.Any:
		return fmt.Errorf("resource type ANY is only for filters: a by-type check needs one of %v", resource.Types())
	case !t.IsConcrete():
		return fmt.Errorf("resource type %v is not known: a by-type check needs one of %v", t, resource.Types())
	case o == Any:
		return fmt.Errorf("operation ANY is only for filters: a by-type check needs one of %v", slices.Collect(Supported(t).All()))
	case !o.IsKnown():
		return fmt.Errorf("operation %v is not known: a by-type check needs one of %v", o, slices.Collect(Supported(t).All()))
	}
	return nil
}
