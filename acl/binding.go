package acl

import (
	"cmp"
	"strings"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// WildcardHost is the host of an entry that applies to every address.
const WildcardHost = "*"

// PermissionType is ALLOW or DENY. Its value is Kafka's wire code (AclPermissionType).
// The zero PermissionType is PermissionUnknown.
type PermissionType int8

// Entry allows or denies one principal, from one host, one operation. The zero Entry
// grants nothing.
//
// Source: Kafka's AccessControlEntry.
type Entry struct {
	// Principal is "Type:name", compared byte by byte, or principal.Wildcard. It is
	// plain text, as in Kafka, so that the ACLs of a cluster can be shown unchanged
	// even if the text is not a valid principal.
	Principal string
	// Host is WildcardHost, an address, or, in the Documented semantics, a network such
	// as "10.0.0.0/8" (KIP-1276). Any other text matches no client.
	Host       string
	Operation  ops.Operation
	Permission PermissionType
}

// String returns e as Kafka prints it. Nothing is escaped.
func (e Entry) String() string {
	return "(principal=" + e.Principal + ", host=" + e.Host + ", operation=" + e.Operation.String() +
		", permissionType=" + e.Permission.String() + ")"
}

// Binding is one ACL: an entry attached to a resource pattern. Bindings are comparable
// with ==. The zero Binding grants nothing and is not valid.
//
// Source: Kafka's AclBinding.
type Binding struct {
	Pattern resource.Pattern
	Entry   Entry
}

// String returns b as Kafka prints it. Nothing is escaped.
func (b Binding) String() string {
	return "(pattern=" + b.Pattern.String() + ", entry=" + b.Entry.String() + ")"
}

// Compare orders bindings by resource type, resource name, pattern type (LITERAL
// first), principal, host, operation and permission (DENY first). Text is
// compared byte by byte, codes as numbers. It returns a negative number, 0 or a
// positive number, and 0 only for equal bindings.
func (b Binding) Compare(c Binding) int {
	return cmp.Or(
		comparePatterns(b.Pattern, c.Pattern),
		strings.Compare(b.Entry.Principal, c.Entry.Principal),
		strings.Compare(b.Entry.Host, c.Entry.Host),
		cmp.Compare(b.Entry.Operation, c.Entry.Operation),
		cmp.Compare(b.Entry.Permission, c.Entry.Permission),
	)
}

// comparePatterns orders resource patterns as [Binding.Compare] does.
func comparePatterns(p, q resource.Pattern) int {
	return cmp.Or(
		cmp.Compare(p.Type, q.Type),
		strings.Compare(p.Name, q.Name),
		cmp.Compare(p.PatternType, q.PatternType),
	)
}
