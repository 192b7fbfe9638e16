package snapshot

import (
	"fmt"
	"strings"

	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/principal"
)

// Semantics chooses between the documented rules and those of Kafka's own
// authorizer. The package documentation lists the differences.
type Semantics uint8

const (
	// Documented is what Kafka's documentation and KIPs promise. It is the default.
	Documented Semantics = iota
	// KafkaExact is what Kafka's StandardAuthorizer (2.8 to 4.2) answers, for
	// migrations that must change nothing.
	KafkaExact
)

var semanticsNames = enum.Names{"DOCUMENTED", "KAFKA_EXACT"}

// ParseSemantics reads "documented" or "kafka-exact", without regard to case. On
// error the result is Documented.
func ParseSemantics(s string) (Semantics, error) {
	code, err := semanticsNames.ParseFold("semantics", strings.ReplaceAll(s, "-", "_"))
	if err != nil {
		return Documented, fmt.Errorf("unknown semantics %s: expected documented or kafka-exact", enum.Quote(s))
	}
	return Semantics(code), nil
}

// String returns "documented" or "kafka-exact", or "Semantics(99)" for a value
// that is neither.
func (s Semantics) String() string {
	if !semanticsNames.Known(int(s)) {
		return semanticsNames.String("Semantics", int(s))
	}
	return strings.ReplaceAll(strings.ToLower(semanticsNames[s]), "_", "-")
}

// Config is what a [Store] decides by beside its ACLs. The zero Config is usable:
// Documented semantics, no super users, deny by default.
type Config struct {
	Semantics Semantics

	// SuperUsers are allowed everything, whatever the ACLs say. They are compared
	// as text, type and name, as in Kafka; User:* is no wildcard here.
	SuperUsers []principal.Principal

	// AllowIfNoACL allows what no ACL speaks about: a resource that no pattern
	// covers, whatever principal, host, operation or permission it is for. One ACL
	// for somebody else is enough to deny.
	AllowIfNoACL bool

	// AwaitInitialLoad keeps the store not ready until
	// [Store.CompleteInitialLoad]. It is for programs that load their ACLs in
	// several transactions. Without it the first transaction makes the store ready.
	AwaitInitialLoad bool
}

// ConfigFromProperties reads the keys of a Kafka server.properties that a Config
// is made of: super.users (semicolons separate; see principal.ParseList) and
// allow.everyone.if.no.acl.found ("true" without regard to case, trimmed of what
// Java's String.trim removes, every character up to U+0020; anything else is false). Other keys are ignored. On
// error the result is the zero Config.
func ConfigFromProperties(properties map[string]string) (Config, error) {
	const superUsers, allowEveryone = "super.users", "allow.everyone.if.no.acl.found"
	list, err := principal.ParseList(properties[superUsers])
	if err != nil {
		return Config{}, fmt.Errorf("%s: %w", superUsers, err)
	}
	// strings.TrimSpace would remove U+00A0 too, and allow everyone where Kafka does not.
	everyone := strings.TrimFunc(properties[allowEveryone], func(r rune) bool { return r <= ' ' })
	return Config{
		SuperUsers:   list,
		AllowIfNoACL: strings.EqualFold(everyone, "true"),
	}, nil
}
