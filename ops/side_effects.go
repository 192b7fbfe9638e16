package ops

import (
	"slices"

	"github.com/portcullis-authz/portcullis/resource"
)

// SideEffect is something that an operation on a resource makes possible on another one, for
// which Kafka asks no right of its own.
type SideEffect struct {
	Operation Operation
	Type      resource.Type
	Since     string // the first release of Kafka that has it, such as "4.4"
	// Summary says what is possible. It continues a sentence about who has the right, such
	// as "may send ...".
	Summary    string
	Conditions []string // all must hold
}

// sideEffects is what Kafka's brokers do as themselves for a client.
var sideEffects = []SideEffect{
	{
		// Source: KIP-1191; Kafka 4.4's GroupConfig, TopicConfig, DefaultShareGroupDLQManager.
		Operation: AlterConfigs, Type: resource.Group, Since: "4.4",
		Summary: "may send copies of the records that a share group rejects to another topic, to which the broker writes as itself, so that nobody needs Write on it,",
		Conditions: []string{
			"the group has errors.deadletterqueue.topic.name, and errors.deadletterqueue.copy.record.enable=true (without it only headers are written)",
			"the name of the topic begins with the broker's errors.deadletterqueue.topic.name.prefix (default dlq.)",
			"the topic has errors.deadletterqueue.group.enable=true (AlterConfigs on the topic), or is missing while the broker has errors.deadletterqueue.auto.create.topics.enable=true (default false)",
			"the feature share.version is 2 (default of a new cluster)",
		},
	},
}

// SideEffects returns what an ALLOW of an operation on a resource type makes possible
// elsewhere. That of ALL includes every operation.
func SideEffects(op Operation, t resource.Type) []SideEffect {
	var found []SideEffect
	for _, e := range sideEffects {
		if e.Type == t && AllowedBy(op).Has(e.Operation) {
			e.Conditions = slices.Clone(e.Conditions)
			found = append(found, e)
		}
	}
	return found
}
