package acl

import (
	"fmt"
	"unicode/utf8"

	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
)

// InvalidError says which field of a binding or a filter Kafka would refuse, and
// what to write instead. Kafka answers it with ops.InvalidRequest.
type InvalidError struct {
	Field string // as Kafka names it: "resourceType", "name", "patternType", "principal", "host", "operation", "permissionType", "patternFilter", "entryFilter"
	Msg   string // what is wrong and what is expected; input in it is quoted and cut
}

// Error returns "invalid <field>: <message>".
func (e *InvalidError) Error() string { return "invalid " + e.Field + ": " + e.Msg }

func invalid(field, format string, args ...any) error {
	return &InvalidError{Field: field, Msg: fmt.Sprintf(format, args...)}
}

// Validate reports, as an [*InvalidError], the first reason why Kafka 4.4 would not
// create b, or nil. The checks are those of [Binding.ValidateStored] and one of the
// host: it is not empty, and it is a network if it holds a slash (KIP-1276), by the
// grammar of [ParseHost]. A network with the name of an interface for its zone is
// refused, because only the brokers that have that interface take it.
//
// As in Kafka, nothing is said of an operation that the resource type does not
// support, of a cluster that is not named resource.ClusterName, or of a host name
// that no address can equal.
//
// Source: Kafka's constructors of ResourcePattern and AccessControlEntry,
// AclControlManager.validateNewAcl.
func (b Binding) Validate() error {
	if err := b.ValidateStored(); err != nil {
		return err
	}
	return validateHost(b.Entry.Host)
}

// ValidateStored reports, as an [*InvalidError], the first reason why no release of
// Kafka can have stored b, or nil. It is what files are read by. The checks are those of
// Kafka 4.2, in its order: types, operation and permission are specific; the name is not
// empty; the principal has a colon. Hosts are not looked at: releases before 4.4 store any
// text, and 4.4 keeps what they stored.
func (b Binding) ValidateStored() error {
	if err := b.ValidateTypes(); err != nil {
		return err
	}
	if b.Pattern.Name == "" {
		return invalid("name", "it is empty: give a resource name, or %q for all", resource.Wildcard)
	}
	if _, err := principal.Parse(b.Entry.Principal); err != nil {
		return invalid("principal", "%v", err)
	}
	return nil
}

// ValidateTypes reports, as an [*InvalidError], whether the types, the operation
// and the permission of b are those of an ACL, and its texts are Unicode (valid
// UTF-8), as Kafka's strings are. It is the part of [Binding.Validate] that every
// authorizer needs: the metadata log of an earlier release may hold names,
// principals and hosts that Validate refuses.
func (b Binding) ValidateTypes() error {
	// What a filter may say and an ACL may not comes first, as in Kafka, whose
	// constructors refuse it.
	p, e := b.Pattern, b.Entry
	const filterOnly = "%v is for filters: expected %s"
	const notUTF8 = "%s is not valid UTF-8: give the text that a Kafka client would send"
	switch {
	case p.PatternType == resource.PatternAny, p.PatternType == resource.PatternMatch:
		return invalid("patternType", filterOnly, p.PatternType, "LITERAL or PREFIXED")
	case p.Type == resource.Any:
		return invalid("resourceType", filterOnly, p.Type, "a concrete type such as TOPIC")
	case e.Operation == ops.Any:
		return invalid("operation", filterOnly, e.Operation, "an operation such as READ, or ALL")
	case e.Permission == PermissionAny:
		return invalid("permissionType", filterOnly, e.Permission, "ALLOW or DENY")
	case !p.Type.IsConcrete():
		return invalid("resourceType", "%v is not known: expected one of %v", p.Type, resource.Types())
	case !p.PatternType.IsSpecific():
		return invalid("patternType", "%v is not known: expected LITERAL or PREFIXED", p.PatternType)
	case !e.Operation.IsKnown():
		return invalid("operation", "%v is not known: expected an operation such as READ, or ALL", e.Operation)
	case e.Permission != Allow && e.Permission != Deny:
		return invalid("permissionType", "%v is not known: expected ALLOW or DENY", e.Permission)
	case !utf8.ValidString(p.Name):
		return invalid("name", notUTF8, enum.Quote(p.Name))
	case !utf8.ValidString(e.Principal):
		return invalid("principal", notUTF8, enum.Quote(e.Principal))
	case !utf8.ValidString(e.Host):
		return invalid("host", notUTF8, enum.Quote(e.Host))
	}
	return nil
}

func validateHost(host string) error {
	if host == "" {
		return invalid("host", "it is empty: give an address, or %q for all", WildcardHost)
	}
	if ParseHost(host).FailsClosed() {
		return invalid("host", "%s is no network in CIDR notation: expected an address, a slash and a mask length, such as 10.0.0.0/8",
			enum.Quote(host))
	}
	return nil
}

// Validate reports, as an [*InvalidError], whether Kafka would answer f: every
// field must hold a value this version knows.
func (f Filter) Validate() error {
	switch {
	case f.Pattern.IsUnknown():
		return invalid("patternFilter", "resource type %v and pattern type %v must both be known", f.Pattern.Type, f.Pattern.PatternType)
	case f.Entry.IsUnknown():
		return invalid("entryFilter", "operation %v and permission type %v must both be known", f.Entry.Operation, f.Entry.Permission)
	}
	return nil
}
