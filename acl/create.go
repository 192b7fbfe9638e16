package acl

import (
	"strings"

	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
)

// MaxTextLength is how many bytes a resource name, a principal or a host may have.
// A string in Kafka's protocol, and in a record of its metadata log, has a length
// of 16 bits with sign: a longer one can be neither sent nor kept.
const MaxTextLength = 1<<15 - 1

// ValidateNew reports, as an [*InvalidError], the first reason why a Kafka broker
// would answer a request to create b with ops.InvalidRequest, or nil. To what
// [Binding.Validate] checks, which are the controller's checks, it adds those made
// on the way there: a cluster has the name resource.ClusterName, and no text is
// longer than [MaxTextLength].
//
// Source: Kafka's AclApis.handleCreateAcls.
func (b Binding) ValidateNew() error {
	if err := b.Validate(); err != nil {
		return err
	}
	if b.Pattern.Type == resource.Cluster && b.Pattern.Name != resource.ClusterName {
		return invalid("name", "%s is no cluster: expected %q, the only one", enum.Quote(b.Pattern.Name), resource.ClusterName)
	}
	for _, text := range []struct{ field, text string }{
		{"name", b.Pattern.Name}, {"principal", b.Entry.Principal}, {"host", b.Entry.Host},
	} {
		if len(text.text) > MaxTextLength {
			return invalid(text.field, "%s has %d bytes: Kafka's protocol has room for %d",
				enum.Quote(text.text), len(text.text), MaxTextLength)
		}
	}
	return nil
}

// ValidateStrict reports, as an [*InvalidError], the first reason not to create b,
// or nil. To what Kafka refuses ([Binding.ValidateNew]) it adds what Kafka takes
// though it cannot do what it seems to say:
//
//   - an operation that no request asks about for the resource type
//     ([ops.Supported]);
//   - a host that is neither "*" nor an address nor a network, which no client has;
//   - PREFIXED "*", which covers names that begin with an asterisk, not all names;
//   - a principal with "*" for its type or name, or a quoted "*", that is not
//     principal.Wildcard: it is nobody, not everybody.
func (b Binding) ValidateStrict() error {
	if err := b.ValidateNew(); err != nil {
		return err
	}
	if supported := ops.Supported(b.Pattern.Type); b.Entry.Operation != ops.All && !supported.Has(b.Entry.Operation) {
		return invalid("operation", "no request asks about %v on %v: expected ALL or %s", b.Entry.Operation, b.Pattern.Type,
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

// looksLikeWildcard reports whether text seems to be principal.Wildcard, but is
// not.
func looksLikeWildcard(text string) bool {
	const quotesAndSpace = " \t\r\n\"'`" // what shells and configuration files leave around a star
	star := func(s string) bool { return strings.Trim(s, quotesAndSpace) == "*" }
	typ, name, _ := strings.Cut(text, ":")
	return text != principal.Wildcard && (star(typ) || star(name))
}

// validateReachable refuses a valid host that no client has.
func validateReachable(host string) error {
	if ParseHost(host).Kind() == HostName {
		return invalid("host", "%s is no address, and names are not looked up: expected an address, %q for all, or a network such as 10.0.0.0/8",
			enum.Quote(host), WildcardHost)
	}
	return nil
}
