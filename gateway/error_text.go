package gateway

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// messages are Kafka's default texts for error codes.
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

// coordinatorText is empty if Kafka answers for each key, and the default text if it
// answers for the whole request.
func coordinatorText(f *refusal) *string {
	if kind := f.query.KeyType; f.is(ops.ClusterAuthorizationFailed) || kind < ops.GroupKey || kind > ops.ShareKey {
		return messages[ops.ErrorCode(f.code)]
	}
	return emptyText
}

// Kafka's texts for topics to create or delete. bothText is for a topic to delete with
// both a name and an id, neitherText for one with neither.
var (
	repeatedText    = new("Duplicate topic name.")
	repeatedIDText  = new("Duplicate topic id.")
	noCreationText  = new("Authorization failed.")
	metadataLogText = new("Creation of internal topic " + metadataLog + " is prohibited.")
	bothText        = new("You may not specify both topic name and topic id.")
	neitherText     = new("Neither topic name nor id were specified.")
)

func creationText(f *refusal, topic string) *string {
	switch {
	case f.is(ops.TopicAuthorizationFailed):
		return noCreationText
	case f.is(ops.InvalidRequest) && topic == metadataLog && f.query.metadataLogs() == 1:
		return metadataLogText
	case f.is(ops.InvalidRequest):
		return repeatedText
	}
	return messages[ops.ErrorCode(f.code)]
}

// metadataLog is the topic with the cluster's metadata.
const metadataLog = "__cluster_metadata"

// metadataLogs counts how often a request to create topics names the metadata log.
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

// deletionText returns the texts of DeleteTopics.
func deletionText(f *refusal, topic *kmsg.DeleteTopicsRequestTopic) *string {
	switch named, byID := topic.Topic != nil, topic.TopicID != [16]byte{}; {
	case !f.is(ops.InvalidRequest):
		return messages[ops.ErrorCode(f.code)]
	case named && byID:
		return bothText
	case named:
		return repeatedText
	case !byID:
		return neitherText
	}
	return repeatedIDText
}

// partitionsText returns the texts of CreatePartitions.
func partitionsText(f *refusal) *string {
	if f.is(ops.InvalidRequest) {
		return repeatedText
	}
	return nil
}

// producersText returns the texts of DescribeProducers.
func producersText(f *refusal, topic string) *string {
	if !f.is(ops.InvalidTopicException) || f.room() == 0 {
		return messages[ops.ErrorCode(f.code)]
	}
	return new("Topic name is invalid: " + whyInvalid(topic))
}

// whyInvalid says why a topic name is invalid.
//
// Source: Kafka's org.apache.kafka.common.internals.Topic.
func whyInvalid(name string) string {
	switch {
	case name == "":
		return "the empty string is not allowed"
	case name == "." || name == "..":
		return "'" + name + "' is not allowed"
	case javaLength(name) > resource.MaxTopicName:
		return fmt.Sprintf("the length of '%s' is longer than the max allowed length %d", name, resource.MaxTopicName)
	}
	return "'" + name + "' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"
}

// javaLength returns the length of s in UTF-16 units, as Java counts it.
func javaLength(s string) (n int) {
	for _, r := range s {
		if n++; r > 0xFFFF {
			n++
		}
	}
	return n
}

// Kafka's texts for resources whose configuration would be altered.
var (
	repeatedResourceText = new("Each resource must appear at most once.")
	repeatedConfigText   = new("Error due to duplicate config keys")
	noValueText          = new("Null value not supported")
)

// alterationText returns the texts of AlterConfigs and IncrementalAlterConfigs. What a
// broker refuses itself, which is its own configuration and its loggers, has no text.
func alterationText[T any](f *refusal, kind kmsg.ConfigResourceType, name string, configs []T, of configOf[T]) *string {
	atBroker := f.query.Endpoint == ops.Broker && (kind == kmsg.ConfigResourceTypeBroker || kind == kmsg.ConfigResourceTypeBrokerLogger)
	switch {
	case f.is(ops.ClusterAuthorizationFailed) && atBroker:
		return nil
	case !f.is(ops.InvalidRequest) || f.room() == 0:
		return messages[ops.ErrorCode(f.code)]
	case isRepeated(f.query, kind, name):
		return repeatedResourceText
	}
	if text := wrongText(configs, of, f.room()); text != nil {
		return text
	}
	return new(fmt.Sprintf("Unknown resource type %d", kind))
}

// isRepeated reports whether a request contains a resource more than once.
func isRepeated(q *query, kind kmsg.ConfigResourceType, name string) bool {
	compare := func(i int32, c ops.ConfigResource) int {
		r := &q.Resources[i]
		return cmp.Or(cmp.Compare(r.Type, c.Type), strings.Compare(r.Name, c.Name))
	}
	if q.resources == nil {
		q.resources = inOrder(len(q.Resources), func(i, j int32) int { return compare(i, q.Resources[j]) })
	}
	at, _ := slices.BinarySearchFunc(q.resources, ops.ConfigResource{Type: configType(kind), Name: name}, compare)
	return at+1 < len(q.resources) && compare(q.resources[at], q.Resources[q.resources[at+1]]) == 0
}

// inOrder returns the positions of list entries in the order of compare, equal entries
// in their original order. It needs four bytes for each entry.
func inOrder(n int, compare func(i, j int32) int) []int32 {
	order := make([]int32, n)
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(i, j int32) int { return cmp.Or(compare(i, j), cmp.Compare(i, j)) })
	return order
}

// configOf returns the name of a configuration, and whether its value is missing.
type configOf[T any] func(*T) (name string, without bool)

// areWrong reports whether configurations are invalid regardless of their resource: one
// is repeated, or has no value.
func areWrong[T any](list []T, of configOf[T]) bool {
	lacks := func(c T) bool { _, without := of(&c); return without }
	return slices.ContainsFunc(list, lacks) || haveRepeated(list, of)
}

func haveRepeated[T any](list []T, of configOf[T]) bool {
	if len(list) < 2 {
		return false
	}
	compare := func(i, j int32) int {
		a, _ := of(&list[i])
		b, _ := of(&list[j])
		return strings.Compare(a, b)
	}
	distinct := slices.CompactFunc(inOrder(len(list), compare), func(i, j int32) bool { return compare(i, j) == 0 })
	return len(distinct) < len(list)
}

// wrongText describes the problem of configurations, or returns nil. If the text would
// be longer than room, it contains no names.
func wrongText[T any](list []T, of configOf[T], room int) *string {
	if haveRepeated(list, of) {
		return repeatedConfigText
	}
	const says, between = "Null value not supported for : ", ", "
	var names []byte
	for i := range list {
		name, without := of(&list[i])
		if !without {
			continue
		}
		if names = append(append(names, between...), name...); len(says)+len(names) > room {
			return noValueText
		}
	}
	if names == nil {
		return nil
	}
	return new(says + string(names[len(between):]))
}

// legacyConfig returns the name of a configuration to set, and whether its value is
// missing.
func legacyConfig(c *kmsg.AlterConfigsRequestResourceConfig) (string, bool) {
	return c.Name, c.Value == nil
}

// incrementalConfig returns the name of a configuration to alter, and whether its value
// is missing; a deletion needs none.
func incrementalConfig(c *kmsg.IncrementalAlterConfigsRequestResourceConfig) (string, bool) {
	return c.Name, c.Value == nil && c.Op != kmsg.IncrementalAlterConfigOpDelete
}
