package snapshot

import (
	"fmt"
	"maps"
	"slices"
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
	// KafkaExact is what Kafka's authorizer answers in the releases 2.8 to 4.3, for
	// migrations that must change nothing.
	KafkaExact
	// KafkaExact44 is what Kafka's authorizer answers from release 4.4 on: as
	// KafkaExact, but hosts that are networks match (KIP-1276).
	KafkaExact44
)

var semanticsNames = enum.Names{"DOCUMENTED", "KAFKA_EXACT", "KAFKA_EXACT=4.4"}

// kafkaExact42 is another name of KafkaExact, which names the release.
const kafkaExact42 = "kafka-exact=4.2"

// ParseSemantics reads "documented", "kafka-exact", its other name "kafka-exact=4.2", or
// "kafka-exact=4.4". Case does not matter. On error the result is Documented.
func ParseSemantics(s string) (Semantics, error) {
	if strings.EqualFold(s, kafkaExact42) {
		return KafkaExact, nil
	}
	code, err := semanticsNames.ParseFold("semantics", strings.ReplaceAll(s, "-", "_"))
	if err != nil {
		return Documented, fmt.Errorf("unknown semantics %s: expected documented, kafka-exact=4.2 or kafka-exact=4.4", enum.Quote(s))
	}
	return Semantics(code), nil
}

// String returns "documented", "kafka-exact" or "kafka-exact=4.4", or "Semantics(99)"
// for an unknown value.
func (s Semantics) String() string {
	if !semanticsNames.Known(int(s)) {
		return semanticsNames.String("Semantics", int(s))
	}
	return strings.ReplaceAll(strings.ToLower(semanticsNames[s]), "_", "-")
}

// isKafkaExact reports whether s gives the answers of the authorizer of some release of Kafka.
func (s Semantics) isKafkaExact() bool { return s == KafkaExact || s == KafkaExact44 }

// Config is the configuration of a [Store]. The zero Config is usable: Documented semantics, no
// super users, deny by default. principal.ParseSettings reads a broker's super.users and
// allow.everyone.if.no.acl.found.
type Config struct {
	Semantics Semantics

	// SuperUsers are allowed everything, whatever the ACLs say. As in Kafka, type and name
	// are compared as text; User:* is not a wildcard here.
	SuperUsers []principal.Principal

	// AllowIfNoACL allows everything on resources that no ACL's pattern covers. An ACL of any
	// principal, host, operation and permission counts: one ACL for somebody else is enough
	// to deny.
	AllowIfNoACL bool

	// AwaitInitialLoad makes the store ready only when [Store.CompleteInitialLoad] is called.
	// It is for programs that load their ACLs in several transactions. Without it the first
	// transaction makes the store ready.
	AwaitInitialLoad bool

	// KeepIDs gives every binding an [ID], as Kafka's metadata log does. It is for programs
	// that write or apply such a log. It doubles the memory that the bindings need.
	KeepIDs bool
}

// Config returns the configuration of n. A store with this configuration and the same ACLs gives
// the same answers. The super users are sorted by their text, without repeats, as
// principal.Parse reads them. AwaitInitialLoad is false: [Snapshot.Ready] reports whether the
// first load is complete.
func (n *Snapshot) Config() Config {
	config := Config{Semantics: n.semantics, AllowIfNoACL: n.defaultTo == DefaultAllow, KeepIDs: n.keepsIDs}
	for _, text := range slices.Sorted(maps.Keys(n.superUsers)) {
		if p, err := principal.Parse(text); err == nil { // the text of a principal has a colon
			config.SuperUsers = append(config.SuperUsers, p)
		}
	}
	return config
}
