package acl

import (
	"strings"

	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/internal/wildcard"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
)

// maxTextLength is the maximum length in bytes of a resource name, a principal or a
// host. Kafka's protocol and the records of its metadata log store the length of a
// string as a signed 16-bit number.
const maxTextLength = 1<<15 - 1

// ValidateNew returns, as an [*InvalidError], the first reason why a Kafka 4.4 broker would
// refuse a request to create b, or nil. It makes the checks of the controller
// ([Binding.Validate]) and those that the broker makes before: a cluster must be called
// resource.ClusterName, and no text may be longer than 32,767 bytes. With a metadata version
// before 4.4-IV1 it refuses every host with a slash, with ops.UnsupportedVersion.
//
// Source: Kafka's AclApis.handleCreateAcls, AclControlManager.validateNewAcl.
func (b Binding) ValidateNew(at MetadataVersion) error {
	if err := b.ValidateTypes(); err != nil {
		return err
	}
	if b.Pattern.Type == resource.Cluster && b.Pattern.Name != resource.ClusterName {
		return invalid("name", "%s is not a cluster: the only one is %q", enum.Quote(b.Pattern.Name), resource.ClusterName).
			as("The only valid name for the CLUSTER resource is %s", resource.ClusterName)
	}
	if err := b.validateTexts(); err != nil {
		return err
	}
	if err := validateHost(b.Entry.Host, at); err != nil {
		return err
	}
	for _, text := range []struct{ field, text string }{
		{"name", b.Pattern.Name}, {"principal", b.Entry.Principal}, {"host", b.Entry.Host},
	} {
		if len(text.text) > maxTextLength {
			return invalid(text.field, "%s has %d bytes: Kafka's protocol allows at most %d",
				enum.Quote(text.text), len(text.text), maxTextLength)
		}
	}
	return nil
}

// ValidateStrict returns, as an [*InvalidError], the first reason not to create b, or
// nil. In addition to what Kafka refuses ([Binding.ValidateNew]), it refuses ACLs that
// Kafka accepts but that do not do what they seem to say:
//
//   - an operation that no request asks for on the resource type ([ops.Supported]);
//   - a host that no client can have, because it is not "*", an address or a network;
//   - PREFIXED "*", which covers names that begin with an asterisk, not all names;
//   - a principal with "*" as its type or name, or a quoted "*", that is not
//     principal.Wildcard: it matches no one, not everyone.
func (b Binding) ValidateStrict(at MetadataVersion) error {
	if err := b.ValidateNew(at); err != nil {
		return err
	}
	if supported := ops.Supported(b.Pattern.Type); b.Entry.Operation != ops.All && !supported.Has(b.Entry.Operation) {
		return invalid("operation", "no request asks for %v on %v: expected ALL or %s", b.Entry.Operation, b.Pattern.Type,
			listOf(supported))
	}
	if b.Pattern.PatternType == resource.Prefixed && b.Pattern.Name == resource.Wildcard {
		return invalid("patternType", "PREFIXED %q covers the names that begin with an asterisk: for all names use LITERAL", resource.Wildcard)
	}
	if wildcard.LooksLike(b.Entry.Principal) {
		return invalid("principal", "%s is one principal, not everyone: expected %q, or a name",
			enum.Quote(b.Entry.Principal), principal.Wildcard)
	}
	return validateReachable(b.Entry.Host)
}

func listOf(set ops.Set) string {
	var names []string
	for o := range set.All() {
		names = append(names, o.String())
	}
	return strings.Join(names, ", ")
}

// validateReachable refuses a valid host that no client can have.
func validateReachable(host string) error {
	if ParseHost(host).kind == hostName {
		return invalid("host", "%s is not an address, and names are not resolved: expected an address, %q for all, or a network such as 10.0.0.0/8",
			enum.Quote(host), WildcardHost)
	}
	return nil
}
