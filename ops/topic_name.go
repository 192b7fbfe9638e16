package ops

// metadataLog is the topic that holds the cluster's metadata. No client may create it.
const metadataLog = "__cluster_metadata"

// maxTopicName is the maximum length of a topic name, in bytes.
//
// Source: Kafka's org.apache.kafka.common.internals.Topic.
const maxTopicName = 249

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
	if name == "" || name == "." || name == ".." || len(name) > maxTopicName {
		return false
	}
	for i := range len(name) {
		if !isTopicNameByte(name[i]) {
			return false
		}
	}
	return true
}

func isTopicNameByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == '.' || c == '_' || c == '-'
}
