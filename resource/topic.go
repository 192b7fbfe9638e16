package resource

import "strings"

// MaxTopicName is the maximum length of a topic name, in bytes.
//
// Source: Kafka's org.apache.kafka.common.internals.Topic.
const MaxTopicName = 249

// InternalTopic reports whether name is that of a topic that Kafka itself writes.
//
// Source: Kafka 4.2, Topic.isInternal.
func InternalTopic(name string) bool {
	switch name {
	case "__consumer_offsets", "__transaction_state", "__share_group_state":
		return true
	}
	return false
}

// ValidTopicName reports whether name is a valid topic name.
//
// Source: Kafka's Topic.validate.
func ValidTopicName(name string) bool {
	return name != "" && name != "." && name != ".." && len(name) <= MaxTopicName && !strings.ContainsFunc(name, isForbidden)
}

func isForbidden(r rune) bool {
	return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '.' || r == '_' || r == '-')
}
