// Package unknownacl says what ACLs mean that have a resource type, pattern type, operation or
// permission that this version does not know: those of a later release of Kafka, or of a
// program that speaks its protocol.
package unknownacl

import (
	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// NoHost is the host of what an ALLOW counts as. No client's address is equal to it.
const NoHost = "unknown operation"

// CountsAs returns an ACL that decides as b has to, in which the unknown parts are zero. It
// fails closed. A DENY, and whatever is not certainly an ALLOW, denies everything that it may
// be about: all operations, and all names of the type. An ALLOW allows nothing; it only counts
// as an ACL of its resource, which allow.everyone.if.no.acl.found depends on. ok is false if
// b cannot matter, because no request asks about its resource type.
func CountsAs(b acl.Binding) (counts acl.Binding, ok bool) {
	if !b.Pattern.Type.IsConcrete() {
		return acl.Binding{}, false
	}
	counts = b
	if !b.Pattern.PatternType.IsSpecific() {
		counts.Pattern = resource.LiteralPattern(b.Pattern.Type, resource.Wildcard)
	}
	if !b.Entry.Operation.IsKnown() {
		counts.Entry.Operation = ops.All
	}
	if b.Entry.Permission == acl.Allow {
		counts.Entry.Host = NoHost
	} else {
		counts.Entry.Permission = acl.Deny
	}
	return counts, true
}
