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
// Documented semantics, no super users, deny by default. principal.ParseSettings
// reads a broker's super.users and allow.everyone.if.no.acl.found.
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

	// KeepIDs gives every binding an [ID], as Kafka's metadata log does. It is for
	// programs that write or apply such a log; it takes about as much memory again
	// as the bindings.
	KeepIDs bool
}
