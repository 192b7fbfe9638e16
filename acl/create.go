package acl

import (
	"strings"

	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
)

// MaxTextLength is the maximum length in bytes of a resource name, a principal or a
// host. Kafka's protocol and the records of its metadata log store the length of a
// string as a signed 16-bit number.
const MaxTextLength = 1<<15 - 1

// ValidateNew returns, as an [*InvalidError], the first reason why a Kafka broker would
// answer a request to create b with ops.InvalidRequest, or nil. It makes the checks of
// the controller ([Binding.Validate]) and those that the broker makes before: a cluster
// must be called resource.ClusterName, and no text may be longer than [MaxTextLength].
//
// Source: Kafka's AclApis.handleCreateAcls.
func (b Binding) ValidateNew() error {
	if err := b.Validate(); err != nil {
		return err
	}
	if b.Pattern.Type == resource.Cluster && b.Pattern.Name != resource.ClusterName {
		return invalid("name", "%s is not a cluster: the only one is %q", enum.Quote(b.Pattern.Name), resource.ClusterName)
	}
	for _, text := range []struct{ field, text string }{
		{"name", b.Pattern.Name}, {"principal", b.Entry.Principal}, {"host", b.Entry.Host},
	} {
		if len(text.text) > MaxTextLength {
			return invalid(text.field, "%s has %d bytes: Kafka's protocol allows at most %d",
				enum.Quote(text.text), len(text.text), MaxTextLength)
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
func (b Binding) ValidateStrict() error {
	if err := b.ValidateNew(); err != nil {
		return err
	}
	if supported := ops.Supported(b.Pattern.Type); b.Entry.Operation != ops.All && !supported.Has(b.Entry.Operation) {
		return invalid("operation", "no request asks for %v on %v: expected ALL or %s", b.Entry.Operation, b.Pattern.Type,
			listOf(supported))
	}
	if b.Pattern.PatternType == resource.Prefixed && b.Pattern.Name == resource.Wildcard {
		return invalid("patternType", "PREFIXED %q covers the names that begin with an asterisk: for all names use LITERAL", resource.Wildcard)
	}
	if looksLikeWildcard(b.Entry.Principal) {
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

// looksLikeWildcard reports whether text looks like principal.Wildcard but is not.
func looksLikeWildcard(text string) bool {
	const quotesAndSpace = " \t\r\n\"'`" // shells and configuration files can leave these around an asterisk
	star := func(s string) bool { return strings.Trim(s, quotesAndSpace) == "*" }
	typ, name, _ := strings.Cut(text, ":")
	return text != principal.Wildcard && (star(typ) || star(name))
}

// validateReachable refuses a valid host that no client can have.
func validateReachable(host string) error {
	if ParseHost(host).Kind() == HostName {
		return invalid("host", "%s is not an address, and names are not resolved: expected an address, %q for all, or a network such as 10.0.0.0/8",
			enum.Quote(host), WildcardHost)
	}
	return nil
}
