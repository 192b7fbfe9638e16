package snapshot

import (
	"fmt"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// Reason says which rule decided. The zero Reason is DefaultDeny.
type Reason uint8

// The reasons, denials first.
const (
	DefaultDeny   Reason = iota // no ACL matched
	NotReady                    // the first load is not complete, and the subject is not a super user
	MatchingDeny                // a DENY matched
	NoHost                      // the subject has a principal and no valid address, so that no DENY can be compared with it
	MatchingAllow               // an ALLOW matched and no DENY did
	DefaultAllow                // no ACL covers the resource, and Config.AllowIfNoACL is set
	SuperUser                   // the subject is a super user
)

var reasonNames = enum.Names{
	"default deny", "not ready", "matching deny", "no host", "matching allow", "default allow", "super user",
}

// String returns the reason in words, such as "matching deny", or "Reason(99)" for an unknown
// value.
func (r Reason) String() string { return reasonNames.String("Reason", int(r)) }

// Decision is the answer to one check. The zero Decision is a denial. Only a check can make an
// allow: there is no other way to build one. A Decision keeps nothing in memory but the ACL that
// it names.
type Decision struct {
	// The compiler keeps at most four fields in registers: with five, copies between stack
	// frames take half as much time as the check itself.
	record     *record // the one with the ACL that decided; nil if no ACL did
	generation uint64
	reason     Reason
	asked      asked
}

// asked is the operation of the check. The bit lastDecides says that the last of the record's
// ACLs that match decides, not the first.
type asked uint8

const lastDecides asked = 1 << 7

func askedFor(op ops.Operation, last bool) asked {
	if last {
		return asked(op) | lastDecides
	}
	return asked(op)
}

func (a asked) operation() ops.Operation { return ops.Operation(a &^ lastDecides) }

// Allowed reports whether the subject may do it.
func (d Decision) Allowed() bool { return d.reason >= MatchingAllow }

// Reason returns the rule that decided.
func (d Decision) Reason() Reason { return d.reason }

// Generation returns the generation of the [Snapshot] that decided. It is 0 for the zero Decision
// and for a store that has published nothing.
func (d Decision) Generation() uint64 { return d.generation }

// Binding returns the ACL that decided a check, and whether there is one. There is one if the
// reason is MatchingDeny or MatchingAllow, except in by-type checks, which many ACLs decide
// together. If several ACLs match, it is always the same one:
//
//   - Documented: the one with the most specific pattern (LITERAL of this name,
//     then the longest prefix, then LITERAL "*"), and of those the first by
//     operation, principal and host.
//   - KafkaExact: the one that Kafka's audit log names. For a denial it is the same as in
//     Documented, except that an ACL with an empty name, which Kafka refuses to create, may be
//     named where Kafka names LITERAL "*". For an allow it is the last one that Kafka's scan
//     meets, which is the least specific one.
func (d Decision) Binding() (b acl.Binding, ok bool) {
	if d.record == nil {
		return b, false
	}
	permission := acl.Allow
	if d.reason == MatchingDeny {
		permission = acl.Deny
	}
	c := d.record.pick(bitOf(d.asked.operation()), permission, d.asked&lastDecides != 0)
	return c.record.binding(c.operation, permission), true
}

// String returns the verdict, the reason and the ACL that decided, if one did.
// Nothing is escaped.
func (d Decision) String() string {
	verdict := "denied"
	if d.Allowed() {
		verdict = "allowed"
	}
	if b, ok := d.Binding(); ok {
		return fmt.Sprintf("%s (%s): %s", verdict, d.reason, b)
	}
	return fmt.Sprintf("%s (%s)", verdict, d.reason)
}

// Request is one check: may the subject do Operation on the resource? The zero Request is denied
// to all but super users.
type Request struct {
	Operation ops.Operation
	Type      resource.Type
	Name      string
}
