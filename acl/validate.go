package acl

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
)

// InvalidError says which field of a binding or a filter Kafka would refuse, and what
// is expected.
type InvalidError struct {
	Field string // as Kafka names it: "resourceType", "name", "patternType", "principal", "host", "operation", "permissionType", "patternFilter", "entryFilter"
	Msg   string // what is wrong and what is expected; input is quoted and truncated

	code  ops.ErrorCode // if it is not ops.InvalidRequest
	kafka string        // the message of Kafka's answer, if it has one
}

// Error returns "invalid <field>: <message>".
func (e *InvalidError) Error() string { return "invalid " + e.Field + ": " + e.Msg }

// Code returns the error code of Kafka's answer: ops.UnsupportedVersion for a network
// before 4.4-IV1 (KIP-1276), and ops.InvalidRequest for everything else.
func (e *InvalidError) Code() ops.ErrorCode {
	if e.code != ops.None {
		return e.code
	}
	return ops.InvalidRequest
}

// KafkaMessage returns the error message of Kafka's answer to a request, such as "Host
// pattern cannot be null or empty". Where Kafka refuses nothing, or fails as a whole
// (values that are only for filters), it is that of Error. It can contain the text that is
// refused, in full.
func (e *InvalidError) KafkaMessage() string {
	if e.kafka != "" {
		return e.kafka
	}
	return e.Error()
}

func invalid(field, format string, args ...any) *InvalidError {
	return &InvalidError{Field: field, Msg: fmt.Sprintf(format, args...)}
}

// as returns e with the message of Kafka's answer.
func (e *InvalidError) as(format string, args ...any) *InvalidError {
	e.kafka = fmt.Sprintf(format, args...)
	return e
}

// Validate returns, as an [*InvalidError], the first reason why Kafka 4.4 would not
// create b, or nil: its types, operation and permission must be specific, its name must not be
// empty, its principal must have a colon, and its host must not be empty. A host with a slash
// must be a network (KIP-1276) in the grammar of [ParseHost]. A network whose zone is the name
// of an interface is refused, because only brokers with that interface accept it.
//
// Earlier releases created, and every release keeps, ACLs that it refuses: [Read] accepts them.
// Like Kafka, Validate accepts an operation that the resource type does not support, a
// cluster that is not named resource.ClusterName, and a host name that equals no
// address.
//
// Source: Kafka's constructors of ResourcePattern and AccessControlEntry,
// AclControlManager.validateNewAcl.
func (b Binding) Validate() error {
	if err := b.validateTexts(); err != nil {
		return err
	}
	return validateHost(b.Entry.Host, 0)
}

// validateTexts makes the checks of Kafka 4.2, in its order: types, operation and permission
// are specific, the name is not empty, and the principal has a colon.
func (b Binding) validateTexts() error {
	if err := b.ValidateTypes(); err != nil {
		return err
	}
	if b.Pattern.Name == "" {
		return invalid("name", "it is empty: expected a resource name, or %q for all", resource.Wildcard).as("Invalid empty resource name")
	}
	if _, err := principal.Parse(b.Entry.Principal); err != nil {
		return invalid("principal", "%v", err).
			as("Could not parse principal from `%s` (no colon is present separating the principal type from the principal name)", b.Entry.Principal)
	}
	return nil
}

// ValidateTypes returns an [*InvalidError] unless the types, the operation and the
// permission of b are those of an ACL and its texts are valid UTF-8, as Kafka's strings
// are. Every authorizer needs at least this part of [Binding.Validate]. It is what a stored ACL
// has to be: the metadata log of an earlier release may hold names, principals and hosts that
// Validate refuses.
func (b Binding) ValidateTypes() error {
	// As in Kafka's constructors, values for filters only are refused first.
	p, e := b.Pattern, b.Entry
	const filterOnly = "%v is only for filters: expected %s"
	const notUTF8 = "%s is not valid UTF-8: expected the text that a Kafka client would send"
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

// validateHost makes the checks of a controller whose metadata version is at.
//
// Source: Kafka 4.4's AclControlManager.validateHostPattern.
func validateHost(host string, at MetadataVersion) error {
	if host == "" {
		return invalid("host", "it is empty: expected an address, or %q for all", WildcardHost).as("Host pattern cannot be null or empty")
	}
	if strings.Contains(host, "/") && !at.hasNetworks() {
		e := invalid("host", "%s needs metadata version %v, and the cluster has %v: expected an address, or %q for all",
			enum.Quote(host), networksVersion, at, WildcardHost).
			as("CIDR-based ACL host patterns require metadata version %v or higher.", networksVersion)
		e.code = ops.UnsupportedVersion
		return e
	}
	if h := ParseHost(host); h.FailsClosed() {
		return invalid("host", "%s is not a network in CIDR notation: expected an address, a slash and a mask length, such as 10.0.0.0/8",
			enum.Quote(host)).as("Invalid CIDR notation '%s': %s", host, h.problem.reason(host))
	}
	return nil
}

// Validate returns an [*InvalidError] if Kafka would not answer f because a field has
// an unknown value.
func (f Filter) Validate() error {
	switch {
	case resource.TypeFromCode(int8(f.Pattern.Type)) == resource.Unknown || resource.PatternTypeFromCode(int8(f.Pattern.PatternType)) == resource.PatternUnknown:
		return invalid("patternFilter", "resource type %v and pattern type %v must both be known", f.Pattern.Type, f.Pattern.PatternType)
	case !f.Entry.Operation.IsKnown() || PermissionTypeFromCode(int8(f.Entry.Permission)) == PermissionUnknown:
		return invalid("entryFilter", "operation %v and permission type %v must both be known", f.Entry.Operation, f.Entry.Permission)
	}
	return nil
}
