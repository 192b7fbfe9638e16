package gateway

import (
	"bytes"
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/ops"
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

// messageFor returns Kafka's default text for a code, or nil.
func messageFor(code ops.ErrorCode) *string { return messages[code] }

// wording has the error texts of an API: for the whole request, and for one entry,
// which gets the request's entry. Where it is nil, Kafka's default text is used.
type wording struct {
	whole func(*query, ops.ErrorCode) *string
	entry func(*query, reflect.Value, ops.ErrorCode) *string
}

// wholeText returns the text for an error of the whole request.
func wholeText(q *query, code ops.ErrorCode) *string {
	if says := apiOf(q.Key).wording.whole; says != nil {
		return says(q, code)
	}
	return messageFor(code)
}

// entryText returns the text for an error of one entry of the request.
func entryText(q *query, entry reflect.Value, code ops.ErrorCode) *string {
	if says := apiOf(q.Key).wording.entry; says != nil {
		return says(q, entry, code)
	}
	return messageFor(code)
}

func noText(*query, ops.ErrorCode) *string { return nil }

func noEntryText(*query, reflect.Value, ops.ErrorCode) *string { return nil }

// coordinatorText is empty if Kafka answers for each key, and the default text if it
// answers for the whole request.
func coordinatorText(q *query, _ reflect.Value, code ops.ErrorCode) *string {
	if code == ops.ClusterAuthorizationFailed || q.KeyType < ops.GroupKey || q.KeyType > ops.ShareKey {
		return messageFor(code)
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

func creationText(q *query, entry reflect.Value, code ops.ErrorCode) *string {
	topic := entry.Addr().Interface().(*kmsg.CreateTopicsRequestTopic)
	switch {
	case code == ops.TopicAuthorizationFailed:
		return noCreationText
	case code == ops.InvalidRequest && topic.Topic == metadataLog && q.metadataLogs() == 1:
		return metadataLogText
	case code == ops.InvalidRequest:
		return repeatedText
	}
	return messageFor(code)
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

func deletionText(_ *query, entry reflect.Value, code ops.ErrorCode) *string {
	topic, ok := entry.Addr().Interface().(*kmsg.DeleteTopicsRequestTopic)
	switch named := ok && topic.Topic != nil; {
	case code != ops.InvalidRequest:
		return messageFor(code)
	case !ok:
		return repeatedText
	case named && topic.TopicID != [16]byte{}:
		return bothText
	case named:
		return repeatedText
	case topic.TopicID == [16]byte{}:
		return neitherText
	}
	return repeatedIDText
}

// partitionsText returns the texts of CreatePartitions.
func partitionsText(_ *query, _ reflect.Value, code ops.ErrorCode) *string {
	if code == ops.InvalidRequest {
		return repeatedText
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

// whyInvalid says why a topic name is invalid.
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

// alterationText returns the texts of AlterConfigs and IncrementalAlterConfigs.
func alterationText(q *query, entry reflect.Value, code ops.ErrorCode) *string {
	var kind kmsg.ConfigResourceType
	var name string
	var wrong func(room int) *string // describes the problem of the configurations, or is nil
	incremental := false
	switch r := entry.Addr().Interface().(type) {
	case *kmsg.AlterConfigsRequestResource:
		kind, name = r.ResourceType, r.ResourceName
		wrong = func(room int) *string { return wrongText(r.Configs, legacyConfig, room) }
	case *kmsg.IncrementalAlterConfigsRequestResource:
		kind, name, incremental = r.ResourceType, r.ResourceName, true
		wrong = func(room int) *string { return wrongText(r.Configs, incrementalConfig, room) }
	}
	switch {
	case code == ops.ClusterAuthorizationFailed && incremental && kind == kmsg.ConfigResourceTypeBrokerLogger:
		return nil
	case code != ops.InvalidRequest:
		return messageFor(code)
	case isRepeated(q, kind, name):
		return repeatedResourceText
	}
	if text := wrong(maxTexts - q.said); text != nil {
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
	order := inOrder(len(list), compare)
	for n := range order[1:] {
		if compare(order[n], order[n+1]) == 0 {
			return true
		}
	}
	return false
}

// wrongText describes the problem of configurations, or returns nil. If the text would
// be longer than room, it contains no names.
func wrongText[T any](list []T, of configOf[T], room int) *string {
	if haveRepeated(list, of) {
		return repeatedConfigText
	}
	const says, between = "Null value not supported for : ", ", "
	size, count := len(says), 0
	for i := range list {
		if name, without := of(&list[i]); without {
			size, count = size+len(name)+len(between), count+1
		}
	}
	switch {
	case count == 0:
		return nil
	case size > room:
		return noValueText
	}
	text := append(make([]byte, 0, size), says...)
	for i := range list {
		if name, without := of(&list[i]); without {
			text = append(append(text, name...), between...)
		}
	}
	return new(string(bytes.TrimSuffix(text, []byte(between))))
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
