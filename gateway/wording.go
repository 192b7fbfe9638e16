package gateway

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// messages are what Kafka says of an error code where a request has no words of its own.
//
// Source: Kafka 4.2, org.apache.kafka.common.protocol.Errors.
var messages = map[ops.ErrorCode]*string{
	ops.TopicAuthorizationFailed:           new("Topic authorization failed."),
	ops.GroupAuthorizationFailed:           new("Group authorization failed."),
	ops.ClusterAuthorizationFailed:         new("Cluster authorization failed."),
	ops.TransactionalIDAuthorizationFailed: new("Transactional Id authorization failed."),
	ops.DelegationTokenAuthorizationFailed: new("Delegation Token authorization failed."),
	ops.UnknownTopicOrPartition:            new("This server does not host this topic-partition."),
	ops.UnknownTopicID:                     new("This server does not host this topic ID."),
	ops.InvalidRequest: new("This most likely occurs because of a request being malformed by the client library or " +
		"the message was sent to an incompatible broker. See the broker logs for more details."),
}

// messageFor returns what Kafka says of a code, or nil.
func messageFor(code ops.ErrorCode) *string { return messages[code] }

// wording is what the answers to the requests of an API say beside the codes of their
// errors: of the whole request, and of an entry, which is given as the request has it.
// What is nil says what Kafka says of the code.
type wording struct {
	whole func(*query, ops.ErrorCode) *string
	entry func(*query, reflect.Value, ops.ErrorCode) *string
}

// wordings are the APIs with words of their own, or with none.
//
// Source: the handlers of Kafka 4.2 and 4.4, and what brokers of both answer.
var wordings = map[ops.APIKey]wording{
	0:  {entry: noEntryText},
	10: {entry: coordinatorText},
	15: {entry: noEntryText},
	19: {entry: creationText},
	20: {entry: deletionText},
	33: {entry: alterationText},
	37: {entry: partitionsText},
	44: {entry: alterationText},
	48: {whole: noText},
	50: {whole: noText, entry: noEntryText},
	61: {entry: producersText},
	68: {whole: noText},
	69: {entry: noEntryText},
	76: {whole: noText},
	77: {entry: noEntryText},
	78: {whole: noText, entry: noEntryText},
	79: {whole: noText, entry: noEntryText},
	88: {whole: noText},
	89: {entry: noEntryText},
	90: {entry: noEntryText},
}

// wholeText returns what to say of the error of a whole request.
func wholeText(q *query, code ops.ErrorCode) *string {
	if says := wordings[q.Key].whole; says != nil {
		return says(q, code)
	}
	return messageFor(code)
}

// entryText returns what to say of the error of an entry of the request.
func entryText(q *query, entry reflect.Value, code ops.ErrorCode) *string {
	if says := wordings[q.Key].entry; says != nil {
		return says(q, entry, code)
	}
	return messageFor(code)
}

func noText(*query, ops.ErrorCode) *string { return nil }

func noEntryText(*query, reflect.Value, ops.ErrorCode) *string { return nil }

// coordinatorText is empty where Kafka answers for a key, and the words for the code
// where it answers for the request.
func coordinatorText(q *query, _ reflect.Value, code ops.ErrorCode) *string {
	if code == ops.ClusterAuthorizationFailed || q.KeyType < ops.GroupKey || q.KeyType > ops.ShareKey {
		return messageFor(code)
	}
	return emptyText
}

const repeatedTopic = "Duplicate topic name."

func creationText(q *query, entry reflect.Value, code ops.ErrorCode) *string {
	topic := entry.Addr().Interface().(*kmsg.CreateTopicsRequestTopic)
	switch {
	case code == ops.TopicAuthorizationFailed:
		return new("Authorization failed.")
	case code == ops.InvalidRequest && topic.Topic == metadataLog && q.metadataLogs() == 1:
		return new("Creation of internal topic " + metadataLog + " is prohibited.")
	case code == ops.InvalidRequest:
		return new(repeatedTopic)
	}
	return messageFor(code)
}

// metadataLog is the topic that holds the cluster's metadata.
const metadataLog = "__cluster_metadata"

// metadataLogs returns how often a request to create topics names the metadata log.
func (q *query) metadataLogs() int {
	if q.logs == 0 {
		for i := range q.Topics {
			if q.Topics[i].Name == metadataLog {
				q.logs++
			}
		}
	}
	return q.logs
}

func deletionText(_ *query, entry reflect.Value, code ops.ErrorCode) *string {
	topic, ok := entry.Addr().Interface().(*kmsg.DeleteTopicsRequestTopic)
	switch named := ok && topic.Topic != nil; {
	case code != ops.InvalidRequest:
		return messageFor(code)
	case !ok:
		return new(repeatedTopic)
	case named && topic.TopicID != [16]byte{}:
		return new("You may not specify both topic name and topic id.")
	case named:
		return new(repeatedTopic)
	case topic.TopicID == [16]byte{}:
		return new("Neither topic name nor id were specified.")
	}
	return new("Duplicate topic id.")
}

// partitionsText is that of CreatePartitions.
func partitionsText(_ *query, _ reflect.Value, code ops.ErrorCode) *string {
	if code == ops.InvalidRequest {
		return new(repeatedTopic)
	}
	return nil
}

func producersText(_ *query, entry reflect.Value, code ops.ErrorCode) *string {
	if code != ops.InvalidTopicException {
		return messageFor(code)
	}
	name := entry.Addr().Interface().(*kmsg.DescribeProducersRequestTopic).Topic
	return new("Topic name is invalid: " + whyInvalid(name))
}

// whyInvalid says why a topic cannot have a name.
//
// Source: Kafka's org.apache.kafka.common.internals.Topic.
func whyInvalid(name string) string {
	switch {
	case name == "":
		return "the empty string is not allowed"
	case name == "." || name == "..":
		return "'" + name + "' is not allowed"
	case javaLength(name) > maxTopicName:
		return fmt.Sprintf("the length of '%s' is longer than the max allowed length %d", name, maxTopicName)
	}
	return "'" + name + "' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"
}

// javaLength returns the length of s as Java counts it, in UTF-16 units.
func javaLength(s string) (n int) {
	for _, r := range s {
		if n++; r > 0xFFFF {
			n++
		}
	}
	return n
}

// alterationText is that of AlterConfigs and IncrementalAlterConfigs.
func alterationText(q *query, entry reflect.Value, code ops.ErrorCode) *string {
	var kind kmsg.ConfigResourceType
	var name string
	incremental := false
	var wrong wrongConfigs
	switch r := entry.Addr().Interface().(type) {
	case *kmsg.AlterConfigsRequestResource:
		kind, name = r.ResourceType, r.ResourceName
		wrong = wrongOf(r.Configs, legacyConfig)
	case *kmsg.IncrementalAlterConfigsRequestResource:
		kind, name, incremental = r.ResourceType, r.ResourceName, true
		wrong = wrongOf(r.Configs, incrementalConfig)
	}
	switch {
	case code == ops.ClusterAuthorizationFailed && incremental && kind == kmsg.ConfigResourceTypeBrokerLogger:
		return nil
	case code != ops.InvalidRequest:
		return messageFor(code)
	case isRepeated(q, kind, name):
		return new("Each resource must appear at most once.")
	case wrong.repeated:
		return new("Error due to duplicate config keys")
	case len(wrong.without) > 0:
		return new("Null value not supported for : " + strings.Join(wrong.without, ", "))
	}
	return new(fmt.Sprintf("Unknown resource type %d", kind))
}

// isRepeated reports whether a request has a resource more than once.
func isRepeated(q *query, kind kmsg.ConfigResourceType, name string) bool {
	key := func(c *ops.ConfigResource) ops.ConfigResource { return ops.ConfigResource{Type: c.Type, Name: c.Name} }
	if q.repeated == nil {
		q.repeated = make(map[ops.ConfigResource]bool, len(q.Resources))
		for i := range q.Resources {
			_, is := q.repeated[key(&q.Resources[i])]
			q.repeated[key(&q.Resources[i])] = is
		}
	}
	return q.repeated[ops.ConfigResource{Type: configType(kind), Name: name}]
}

// wrongConfigs is what is wrong with a list of configurations whatever they are of.
type wrongConfigs struct {
	repeated bool     // one has two values
	without  []string // those without a value
}

func (w wrongConfigs) any() bool { return w.repeated || len(w.without) > 0 }

// wrongOf looks through a list of configurations; of returns the name of one, and
// whether it lacks its value.
func wrongOf[T any](list []T, of func(*T) (name string, without bool)) (wrong wrongConfigs) {
	seen := make(map[string]bool, len(list))
	for i := range list {
		name, without := of(&list[i])
		wrong.repeated = wrong.repeated || seen[name]
		if seen[name] = true; without {
			wrong.without = append(wrong.without, name)
		}
	}
	return wrong
}

// legacyConfig returns the name of a configuration to set, and whether it lacks its
// value.
func legacyConfig(c *kmsg.AlterConfigsRequestResourceConfig) (string, bool) {
	return c.Name, c.Value == nil
}

// incrementalConfig returns the name of a configuration to alter, and whether it lacks
// its value: only deleting it needs none.
func incrementalConfig(c *kmsg.IncrementalAlterConfigsRequestResourceConfig) (string, bool) {
	return c.Name, c.Value == nil && c.Op != kmsg.IncrementalAlterConfigOpDelete
}
