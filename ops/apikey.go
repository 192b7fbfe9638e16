package ops

import (
	"fmt"
	"strings"

	"github.com/portcullis-authz/portcullis/internal/enum"
)

// APIKey identifies a kind of Kafka request. The zero APIKey is Produce, as on
// the wire.
type APIKey int16

// apiNames are the names of Kafka 4.2's ApiKeys, indexed by key. Keys 4 to 7 were
// removed in Kafka 4.0.
var apiNames = enum.Names{
	"PRODUCE", "FETCH", "LIST_OFFSETS", "METADATA", "LEADER_AND_ISR", "STOP_REPLICA",
	"UPDATE_METADATA", "CONTROLLED_SHUTDOWN", "OFFSET_COMMIT", "OFFSET_FETCH", "FIND_COORDINATOR",
	"JOIN_GROUP", "HEARTBEAT", "LEAVE_GROUP", "SYNC_GROUP", "DESCRIBE_GROUPS", "LIST_GROUPS",
	"SASL_HANDSHAKE", "API_VERSIONS", "CREATE_TOPICS", "DELETE_TOPICS", "DELETE_RECORDS",
	"INIT_PRODUCER_ID", "OFFSET_FOR_LEADER_EPOCH", "ADD_PARTITIONS_TO_TXN", "ADD_OFFSETS_TO_TXN",
	"END_TXN", "WRITE_TXN_MARKERS", "TXN_OFFSET_COMMIT", "DESCRIBE_ACLS", "CREATE_ACLS",
	"DELETE_ACLS", "DESCRIBE_CONFIGS", "ALTER_CONFIGS", "ALTER_REPLICA_LOG_DIRS", "DESCRIBE_LOG_DIRS",
	"SASL_AUTHENTICATE", "CREATE_PARTITIONS", "CREATE_DELEGATION_TOKEN", "RENEW_DELEGATION_TOKEN",
	"EXPIRE_DELEGATION_TOKEN", "DESCRIBE_DELEGATION_TOKEN", "DELETE_GROUPS", "ELECT_LEADERS",
	"INCREMENTAL_ALTER_CONFIGS", "ALTER_PARTITION_REASSIGNMENTS", "LIST_PARTITION_REASSIGNMENTS",
	"OFFSET_DELETE", "DESCRIBE_CLIENT_QUOTAS", "ALTER_CLIENT_QUOTAS",
	"DESCRIBE_USER_SCRAM_CREDENTIALS", "ALTER_USER_SCRAM_CREDENTIALS", "VOTE", "BEGIN_QUORUM_EPOCH",
	"END_QUORUM_EPOCH", "DESCRIBE_QUORUM", "ALTER_PARTITION", "UPDATE_FEATURES", "ENVELOPE",
	"FETCH_SNAPSHOT", "DESCRIBE_CLUSTER", "DESCRIBE_PRODUCERS", "BROKER_REGISTRATION",
	"BROKER_HEARTBEAT", "UNREGISTER_BROKER", "DESCRIBE_TRANSACTIONS", "LIST_TRANSACTIONS",
	"ALLOCATE_PRODUCER_IDS", "CONSUMER_GROUP_HEARTBEAT", "CONSUMER_GROUP_DESCRIBE",
	"CONTROLLER_REGISTRATION", "GET_TELEMETRY_SUBSCRIPTIONS", "PUSH_TELEMETRY",
	"ASSIGN_REPLICAS_TO_DIRS", "LIST_CONFIG_RESOURCES", "DESCRIBE_TOPIC_PARTITIONS",
	"SHARE_GROUP_HEARTBEAT", "SHARE_GROUP_DESCRIBE", "SHARE_FETCH", "SHARE_ACKNOWLEDGE",
	"ADD_RAFT_VOTER", "REMOVE_RAFT_VOTER", "UPDATE_RAFT_VOTER", "INITIALIZE_SHARE_GROUP_STATE",
	"READ_SHARE_GROUP_STATE", "WRITE_SHARE_GROUP_STATE", "DELETE_SHARE_GROUP_STATE",
	"READ_SHARE_GROUP_STATE_SUMMARY", "STREAMS_GROUP_HEARTBEAT", "STREAMS_GROUP_DESCRIBE",
	"DESCRIBE_SHARE_GROUP_OFFSETS", "ALTER_SHARE_GROUP_OFFSETS", "DELETE_SHARE_GROUP_OFFSETS",
}

// formerAPINames are the names that earlier releases gave to a key.
var formerAPINames = map[string]APIKey{
	"ListClientMetricsResources": 74, // LIST_CONFIG_RESOURCES since Kafka 4.1 (KIP-1142)
}

// String returns the Pascal-case name of k, such as "CreateTopics", as Kafka's
// audit log prints it, or "APIKey(999)" for a key that Kafka 4.2 does not have.
func (k APIKey) String() string { return apiNames.DisplayName("APIKey", int(k)) }

// IsKnown reports whether k is a key of Kafka 4.2 or of a release before it.
func (k APIKey) IsKnown() bool { return apiNames.Known(int(k)) }

// ParseAPIKey returns the key that s names, without regard to case and with or
// without underscores. The name of an earlier release is accepted too.
func ParseAPIKey(s string) (APIKey, error) {
	for name, key := range formerAPINames {
		if strings.EqualFold(s, name) {
			return key, nil
		}
	}
	code, err := apiNames.ParseFold("API", s)
	if err != nil {
		return 0, fmt.Errorf("unknown API %s", enum.Quote(s))
	}
	return APIKey(code), nil
}
