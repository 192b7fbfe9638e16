// Code generated from ops/names.tsv by "go test ./ops -run TestNames -update". DO NOT EDIT.

package ops

import "github.com/portcullis-authz/portcullis/internal/enum"

// Kafka's API keys. Keys 4 to 7 were removed in Kafka 4.0.
//
// Source: Kafka 4.4.0, org.apache.kafka.common.protocol.ApiKeys.
const (
	ProduceKey                               APIKey = 0
	FetchKey                                 APIKey = 1
	ListOffsetsKey                           APIKey = 2
	MetadataKey                              APIKey = 3
	LeaderAndISRKey                          APIKey = 4
	StopReplicaKey                           APIKey = 5
	UpdateMetadataKey                        APIKey = 6
	ControlledShutdownKey                    APIKey = 7
	OffsetCommitKey                          APIKey = 8
	OffsetFetchKey                           APIKey = 9
	FindCoordinatorKey                       APIKey = 10
	JoinGroupKey                             APIKey = 11
	HeartbeatKey                             APIKey = 12
	LeaveGroupKey                            APIKey = 13
	SyncGroupKey                             APIKey = 14
	DescribeGroupsKey                        APIKey = 15
	ListGroupsKey                            APIKey = 16
	SASLHandshakeKey                         APIKey = 17
	APIVersionsKey                           APIKey = 18
	CreateTopicsKey                          APIKey = 19
	DeleteTopicsKey                          APIKey = 20
	DeleteRecordsKey                         APIKey = 21
	InitProducerIDKey                        APIKey = 22
	OffsetForLeaderEpochKey                  APIKey = 23
	AddPartitionsToTxnKey                    APIKey = 24
	AddOffsetsToTxnKey                       APIKey = 25
	EndTxnKey                                APIKey = 26
	WriteTxnMarkersKey                       APIKey = 27
	TxnOffsetCommitKey                       APIKey = 28
	DescribeACLsKey                          APIKey = 29
	CreateACLsKey                            APIKey = 30
	DeleteACLsKey                            APIKey = 31
	DescribeConfigsKey                       APIKey = 32
	AlterConfigsKey                          APIKey = 33
	AlterReplicaLogDirsKey                   APIKey = 34
	DescribeLogDirsKey                       APIKey = 35
	SASLAuthenticateKey                      APIKey = 36
	CreatePartitionsKey                      APIKey = 37
	CreateDelegationTokenKey                 APIKey = 38
	RenewDelegationTokenKey                  APIKey = 39
	ExpireDelegationTokenKey                 APIKey = 40
	DescribeDelegationTokenKey               APIKey = 41
	DeleteGroupsKey                          APIKey = 42
	ElectLeadersKey                          APIKey = 43
	IncrementalAlterConfigsKey               APIKey = 44
	AlterPartitionReassignmentsKey           APIKey = 45
	ListPartitionReassignmentsKey            APIKey = 46
	OffsetDeleteKey                          APIKey = 47
	DescribeClientQuotasKey                  APIKey = 48
	AlterClientQuotasKey                     APIKey = 49
	DescribeUserSCRAMCredentialsKey          APIKey = 50
	AlterUserSCRAMCredentialsKey             APIKey = 51
	VoteKey                                  APIKey = 52
	BeginQuorumEpochKey                      APIKey = 53
	EndQuorumEpochKey                        APIKey = 54
	DescribeQuorumKey                        APIKey = 55
	AlterPartitionKey                        APIKey = 56
	UpdateFeaturesKey                        APIKey = 57
	EnvelopeKey                              APIKey = 58
	FetchSnapshotKey                         APIKey = 59
	DescribeClusterKey                       APIKey = 60
	DescribeProducersKey                     APIKey = 61
	BrokerRegistrationKey                    APIKey = 62
	BrokerHeartbeatKey                       APIKey = 63
	UnregisterBrokerKey                      APIKey = 64
	DescribeTransactionsKey                  APIKey = 65
	ListTransactionsKey                      APIKey = 66
	AllocateProducerIDsKey                   APIKey = 67
	ConsumerGroupHeartbeatKey                APIKey = 68
	ConsumerGroupDescribeKey                 APIKey = 69
	ControllerRegistrationKey                APIKey = 70
	GetTelemetrySubscriptionsKey             APIKey = 71
	PushTelemetryKey                         APIKey = 72
	AssignReplicasToDirsKey                  APIKey = 73
	ListConfigResourcesKey                   APIKey = 74
	DescribeTopicPartitionsKey               APIKey = 75
	ShareGroupHeartbeatKey                   APIKey = 76
	ShareGroupDescribeKey                    APIKey = 77
	ShareFetchKey                            APIKey = 78
	ShareAcknowledgeKey                      APIKey = 79
	AddRaftVoterKey                          APIKey = 80
	RemoveRaftVoterKey                       APIKey = 81
	UpdateRaftVoterKey                       APIKey = 82
	InitializeShareGroupStateKey             APIKey = 83
	ReadShareGroupStateKey                   APIKey = 84
	WriteShareGroupStateKey                  APIKey = 85
	DeleteShareGroupStateKey                 APIKey = 86
	ReadShareGroupStateSummaryKey            APIKey = 87
	StreamsGroupHeartbeatKey                 APIKey = 88
	StreamsGroupDescribeKey                  APIKey = 89
	DescribeShareGroupOffsetsKey             APIKey = 90
	AlterShareGroupOffsetsKey                APIKey = 91
	DeleteShareGroupOffsetsKey               APIKey = 92
	StreamsGroupTopologyDescriptionUpdateKey APIKey = 93
	UnregisterControllerKey                  APIKey = 94
)

// apiNames are Kafka's names, indexed by code.
var apiNames = enum.Names{
	ProduceKey:                               "PRODUCE",
	FetchKey:                                 "FETCH",
	ListOffsetsKey:                           "LIST_OFFSETS",
	MetadataKey:                              "METADATA",
	LeaderAndISRKey:                          "LEADER_AND_ISR",
	StopReplicaKey:                           "STOP_REPLICA",
	UpdateMetadataKey:                        "UPDATE_METADATA",
	ControlledShutdownKey:                    "CONTROLLED_SHUTDOWN",
	OffsetCommitKey:                          "OFFSET_COMMIT",
	OffsetFetchKey:                           "OFFSET_FETCH",
	FindCoordinatorKey:                       "FIND_COORDINATOR",
	JoinGroupKey:                             "JOIN_GROUP",
	HeartbeatKey:                             "HEARTBEAT",
	LeaveGroupKey:                            "LEAVE_GROUP",
	SyncGroupKey:                             "SYNC_GROUP",
	DescribeGroupsKey:                        "DESCRIBE_GROUPS",
	ListGroupsKey:                            "LIST_GROUPS",
	SASLHandshakeKey:                         "SASL_HANDSHAKE",
	APIVersionsKey:                           "API_VERSIONS",
	CreateTopicsKey:                          "CREATE_TOPICS",
	DeleteTopicsKey:                          "DELETE_TOPICS",
	DeleteRecordsKey:                         "DELETE_RECORDS",
	InitProducerIDKey:                        "INIT_PRODUCER_ID",
	OffsetForLeaderEpochKey:                  "OFFSET_FOR_LEADER_EPOCH",
	AddPartitionsToTxnKey:                    "ADD_PARTITIONS_TO_TXN",
	AddOffsetsToTxnKey:                       "ADD_OFFSETS_TO_TXN",
	EndTxnKey:                                "END_TXN",
	WriteTxnMarkersKey:                       "WRITE_TXN_MARKERS",
	TxnOffsetCommitKey:                       "TXN_OFFSET_COMMIT",
	DescribeACLsKey:                          "DESCRIBE_ACLS",
	CreateACLsKey:                            "CREATE_ACLS",
	DeleteACLsKey:                            "DELETE_ACLS",
	DescribeConfigsKey:                       "DESCRIBE_CONFIGS",
	AlterConfigsKey:                          "ALTER_CONFIGS",
	AlterReplicaLogDirsKey:                   "ALTER_REPLICA_LOG_DIRS",
	DescribeLogDirsKey:                       "DESCRIBE_LOG_DIRS",
	SASLAuthenticateKey:                      "SASL_AUTHENTICATE",
	CreatePartitionsKey:                      "CREATE_PARTITIONS",
	CreateDelegationTokenKey:                 "CREATE_DELEGATION_TOKEN",
	RenewDelegationTokenKey:                  "RENEW_DELEGATION_TOKEN",
	ExpireDelegationTokenKey:                 "EXPIRE_DELEGATION_TOKEN",
	DescribeDelegationTokenKey:               "DESCRIBE_DELEGATION_TOKEN",
	DeleteGroupsKey:                          "DELETE_GROUPS",
	ElectLeadersKey:                          "ELECT_LEADERS",
	IncrementalAlterConfigsKey:               "INCREMENTAL_ALTER_CONFIGS",
	AlterPartitionReassignmentsKey:           "ALTER_PARTITION_REASSIGNMENTS",
	ListPartitionReassignmentsKey:            "LIST_PARTITION_REASSIGNMENTS",
	OffsetDeleteKey:                          "OFFSET_DELETE",
	DescribeClientQuotasKey:                  "DESCRIBE_CLIENT_QUOTAS",
	AlterClientQuotasKey:                     "ALTER_CLIENT_QUOTAS",
	DescribeUserSCRAMCredentialsKey:          "DESCRIBE_USER_SCRAM_CREDENTIALS",
	AlterUserSCRAMCredentialsKey:             "ALTER_USER_SCRAM_CREDENTIALS",
	VoteKey:                                  "VOTE",
	BeginQuorumEpochKey:                      "BEGIN_QUORUM_EPOCH",
	EndQuorumEpochKey:                        "END_QUORUM_EPOCH",
	DescribeQuorumKey:                        "DESCRIBE_QUORUM",
	AlterPartitionKey:                        "ALTER_PARTITION",
	UpdateFeaturesKey:                        "UPDATE_FEATURES",
	EnvelopeKey:                              "ENVELOPE",
	FetchSnapshotKey:                         "FETCH_SNAPSHOT",
	DescribeClusterKey:                       "DESCRIBE_CLUSTER",
	DescribeProducersKey:                     "DESCRIBE_PRODUCERS",
	BrokerRegistrationKey:                    "BROKER_REGISTRATION",
	BrokerHeartbeatKey:                       "BROKER_HEARTBEAT",
	UnregisterBrokerKey:                      "UNREGISTER_BROKER",
	DescribeTransactionsKey:                  "DESCRIBE_TRANSACTIONS",
	ListTransactionsKey:                      "LIST_TRANSACTIONS",
	AllocateProducerIDsKey:                   "ALLOCATE_PRODUCER_IDS",
	ConsumerGroupHeartbeatKey:                "CONSUMER_GROUP_HEARTBEAT",
	ConsumerGroupDescribeKey:                 "CONSUMER_GROUP_DESCRIBE",
	ControllerRegistrationKey:                "CONTROLLER_REGISTRATION",
	GetTelemetrySubscriptionsKey:             "GET_TELEMETRY_SUBSCRIPTIONS",
	PushTelemetryKey:                         "PUSH_TELEMETRY",
	AssignReplicasToDirsKey:                  "ASSIGN_REPLICAS_TO_DIRS",
	ListConfigResourcesKey:                   "LIST_CONFIG_RESOURCES",
	DescribeTopicPartitionsKey:               "DESCRIBE_TOPIC_PARTITIONS",
	ShareGroupHeartbeatKey:                   "SHARE_GROUP_HEARTBEAT",
	ShareGroupDescribeKey:                    "SHARE_GROUP_DESCRIBE",
	ShareFetchKey:                            "SHARE_FETCH",
	ShareAcknowledgeKey:                      "SHARE_ACKNOWLEDGE",
	AddRaftVoterKey:                          "ADD_RAFT_VOTER",
	RemoveRaftVoterKey:                       "REMOVE_RAFT_VOTER",
	UpdateRaftVoterKey:                       "UPDATE_RAFT_VOTER",
	InitializeShareGroupStateKey:             "INITIALIZE_SHARE_GROUP_STATE",
	ReadShareGroupStateKey:                   "READ_SHARE_GROUP_STATE",
	WriteShareGroupStateKey:                  "WRITE_SHARE_GROUP_STATE",
	DeleteShareGroupStateKey:                 "DELETE_SHARE_GROUP_STATE",
	ReadShareGroupStateSummaryKey:            "READ_SHARE_GROUP_STATE_SUMMARY",
	StreamsGroupHeartbeatKey:                 "STREAMS_GROUP_HEARTBEAT",
	StreamsGroupDescribeKey:                  "STREAMS_GROUP_DESCRIBE",
	DescribeShareGroupOffsetsKey:             "DESCRIBE_SHARE_GROUP_OFFSETS",
	AlterShareGroupOffsetsKey:                "ALTER_SHARE_GROUP_OFFSETS",
	DeleteShareGroupOffsetsKey:               "DELETE_SHARE_GROUP_OFFSETS",
	StreamsGroupTopologyDescriptionUpdateKey: "STREAMS_GROUP_TOPOLOGY_DESCRIPTION_UPDATE",
	UnregisterControllerKey:                  "UNREGISTER_CONTROLLER",
}

// Kafka's error codes.
//
// Source: Kafka 4.4.0, org.apache.kafka.common.protocol.Errors.
const (
	UnknownServerError                     ErrorCode = -1
	None                                   ErrorCode = 0
	OffsetOutOfRange                       ErrorCode = 1
	CorruptMessage                         ErrorCode = 2
	UnknownTopicOrPartition                ErrorCode = 3
	InvalidFetchSize                       ErrorCode = 4
	LeaderNotAvailable                     ErrorCode = 5
	NotLeaderOrFollower                    ErrorCode = 6
	RequestTimedOut                        ErrorCode = 7
	BrokerNotAvailable                     ErrorCode = 8
	ReplicaNotAvailable                    ErrorCode = 9
	MessageTooLarge                        ErrorCode = 10
	StaleControllerEpoch                   ErrorCode = 11
	OffsetMetadataTooLarge                 ErrorCode = 12
	NetworkException                       ErrorCode = 13
	CoordinatorLoadInProgress              ErrorCode = 14
	CoordinatorNotAvailable                ErrorCode = 15
	NotCoordinator                         ErrorCode = 16
	InvalidTopicException                  ErrorCode = 17
	RecordListTooLarge                     ErrorCode = 18
	NotEnoughReplicas                      ErrorCode = 19
	NotEnoughReplicasAfterAppend           ErrorCode = 20
	InvalidRequiredAcks                    ErrorCode = 21
	IllegalGeneration                      ErrorCode = 22
	InconsistentGroupProtocol              ErrorCode = 23
	InvalidGroupID                         ErrorCode = 24
	UnknownMemberID                        ErrorCode = 25
	InvalidSessionTimeout                  ErrorCode = 26
	RebalanceInProgress                    ErrorCode = 27
	InvalidCommitOffsetSize                ErrorCode = 28
	TopicAuthorizationFailed               ErrorCode = 29
	GroupAuthorizationFailed               ErrorCode = 30
	ClusterAuthorizationFailed             ErrorCode = 31
	InvalidTimestamp                       ErrorCode = 32
	UnsupportedSASLMechanism               ErrorCode = 33
	IllegalSASLState                       ErrorCode = 34
	UnsupportedVersion                     ErrorCode = 35
	TopicAlreadyExists                     ErrorCode = 36
	InvalidPartitions                      ErrorCode = 37
	InvalidReplicationFactor               ErrorCode = 38
	InvalidReplicaAssignment               ErrorCode = 39
	InvalidConfig                          ErrorCode = 40
	NotController                          ErrorCode = 41
	InvalidRequest                         ErrorCode = 42
	UnsupportedForMessageFormat            ErrorCode = 43
	PolicyViolation                        ErrorCode = 44
	OutOfOrderSequenceNumber               ErrorCode = 45
	DuplicateSequenceNumber                ErrorCode = 46
	InvalidProducerEpoch                   ErrorCode = 47
	InvalidTxnState                        ErrorCode = 48
	InvalidProducerIDMapping               ErrorCode = 49
	InvalidTransactionTimeout              ErrorCode = 50
	ConcurrentTransactions                 ErrorCode = 51
	TransactionCoordinatorFenced           ErrorCode = 52
	TransactionalIDAuthorizationFailed     ErrorCode = 53
	SecurityDisabled                       ErrorCode = 54
	OperationNotAttempted                  ErrorCode = 55
	KafkaStorageError                      ErrorCode = 56
	LogDirNotFound                         ErrorCode = 57
	SASLAuthenticationFailed               ErrorCode = 58
	UnknownProducerID                      ErrorCode = 59
	ReassignmentInProgress                 ErrorCode = 60
	DelegationTokenAuthDisabled            ErrorCode = 61
	DelegationTokenNotFound                ErrorCode = 62
	DelegationTokenOwnerMismatch           ErrorCode = 63
	DelegationTokenRequestNotAllowed       ErrorCode = 64
	DelegationTokenAuthorizationFailed     ErrorCode = 65
	DelegationTokenExpired                 ErrorCode = 66
	InvalidPrincipalType                   ErrorCode = 67
	NonEmptyGroup                          ErrorCode = 68
	GroupIDNotFound                        ErrorCode = 69
	FetchSessionIDNotFound                 ErrorCode = 70
	InvalidFetchSessionEpoch               ErrorCode = 71
	ListenerNotFound                       ErrorCode = 72
	TopicDeletionDisabled                  ErrorCode = 73
	FencedLeaderEpoch                      ErrorCode = 74
	UnknownLeaderEpoch                     ErrorCode = 75
	UnsupportedCompressionType             ErrorCode = 76
	StaleBrokerEpoch                       ErrorCode = 77
	OffsetNotAvailable                     ErrorCode = 78
	MemberIDRequired                       ErrorCode = 79
	PreferredLeaderNotAvailable            ErrorCode = 80
	GroupMaxSizeReached                    ErrorCode = 81
	FencedInstanceID                       ErrorCode = 82
	EligibleLeadersNotAvailable            ErrorCode = 83
	ElectionNotNeeded                      ErrorCode = 84
	NoReassignmentInProgress               ErrorCode = 85
	GroupSubscribedToTopic                 ErrorCode = 86
	InvalidRecord                          ErrorCode = 87
	UnstableOffsetCommit                   ErrorCode = 88
	ThrottlingQuotaExceeded                ErrorCode = 89
	ProducerFenced                         ErrorCode = 90
	ResourceNotFound                       ErrorCode = 91
	DuplicateResource                      ErrorCode = 92
	UnacceptableCredential                 ErrorCode = 93
	InconsistentVoterSet                   ErrorCode = 94
	InvalidUpdateVersion                   ErrorCode = 95
	FeatureUpdateFailed                    ErrorCode = 96
	PrincipalDeserializationFailure        ErrorCode = 97
	SnapshotNotFound                       ErrorCode = 98
	PositionOutOfRange                     ErrorCode = 99
	UnknownTopicID                         ErrorCode = 100
	DuplicateBrokerRegistration            ErrorCode = 101
	BrokerIDNotRegistered                  ErrorCode = 102
	InconsistentTopicID                    ErrorCode = 103
	InconsistentClusterID                  ErrorCode = 104
	TransactionalIDNotFound                ErrorCode = 105
	FetchSessionTopicIDError               ErrorCode = 106
	IneligibleReplica                      ErrorCode = 107
	NewLeaderElected                       ErrorCode = 108
	OffsetMovedToTieredStorage             ErrorCode = 109
	FencedMemberEpoch                      ErrorCode = 110
	UnreleasedInstanceID                   ErrorCode = 111
	UnsupportedAssignor                    ErrorCode = 112
	StaleMemberEpoch                       ErrorCode = 113
	MismatchedEndpointType                 ErrorCode = 114
	UnsupportedEndpointType                ErrorCode = 115
	UnknownControllerID                    ErrorCode = 116
	UnknownSubscriptionID                  ErrorCode = 117
	TelemetryTooLarge                      ErrorCode = 118
	InvalidRegistration                    ErrorCode = 119
	TransactionAbortable                   ErrorCode = 120
	InvalidRecordState                     ErrorCode = 121
	ShareSessionNotFound                   ErrorCode = 122
	InvalidShareSessionEpoch               ErrorCode = 123
	FencedStateEpoch                       ErrorCode = 124
	InvalidVoterKey                        ErrorCode = 125
	DuplicateVoter                         ErrorCode = 126
	VoterNotFound                          ErrorCode = 127
	InvalidRegularExpression               ErrorCode = 128
	RebootstrapRequired                    ErrorCode = 129
	StreamsInvalidTopology                 ErrorCode = 130
	StreamsInvalidTopologyEpoch            ErrorCode = 131
	StreamsTopologyFenced                  ErrorCode = 132
	ShareSessionLimitReached               ErrorCode = 133
	GroupDeletionFailed                    ErrorCode = 134
	StreamsTopologyDescriptionUpdateFailed ErrorCode = 135
	ControllerIDNotRegistered              ErrorCode = 136
)

// errorNames are Kafka's names of the error codes, indexed by the code plus 1: the first code is -1.
var errorNames = enum.Names{
	UnknownServerError + 1:                     "UNKNOWN_SERVER_ERROR",
	None + 1:                                   "NONE",
	OffsetOutOfRange + 1:                       "OFFSET_OUT_OF_RANGE",
	CorruptMessage + 1:                         "CORRUPT_MESSAGE",
	UnknownTopicOrPartition + 1:                "UNKNOWN_TOPIC_OR_PARTITION",
	InvalidFetchSize + 1:                       "INVALID_FETCH_SIZE",
	LeaderNotAvailable + 1:                     "LEADER_NOT_AVAILABLE",
	NotLeaderOrFollower + 1:                    "NOT_LEADER_OR_FOLLOWER",
	RequestTimedOut + 1:                        "REQUEST_TIMED_OUT",
	BrokerNotAvailable + 1:                     "BROKER_NOT_AVAILABLE",
	ReplicaNotAvailable + 1:                    "REPLICA_NOT_AVAILABLE",
	MessageTooLarge + 1:                        "MESSAGE_TOO_LARGE",
	StaleControllerEpoch + 1:                   "STALE_CONTROLLER_EPOCH",
	OffsetMetadataTooLarge + 1:                 "OFFSET_METADATA_TOO_LARGE",
	NetworkException + 1:                       "NETWORK_EXCEPTION",
	CoordinatorLoadInProgress + 1:              "COORDINATOR_LOAD_IN_PROGRESS",
	CoordinatorNotAvailable + 1:                "COORDINATOR_NOT_AVAILABLE",
	NotCoordinator + 1:                         "NOT_COORDINATOR",
	InvalidTopicException + 1:                  "INVALID_TOPIC_EXCEPTION",
	RecordListTooLarge + 1:                     "RECORD_LIST_TOO_LARGE",
	NotEnoughReplicas + 1:                      "NOT_ENOUGH_REPLICAS",
	NotEnoughReplicasAfterAppend + 1:           "NOT_ENOUGH_REPLICAS_AFTER_APPEND",
	InvalidRequiredAcks + 1:                    "INVALID_REQUIRED_ACKS",
	IllegalGeneration + 1:                      "ILLEGAL_GENERATION",
	InconsistentGroupProtocol + 1:              "INCONSISTENT_GROUP_PROTOCOL",
	InvalidGroupID + 1:                         "INVALID_GROUP_ID",
	UnknownMemberID + 1:                        "UNKNOWN_MEMBER_ID",
	InvalidSessionTimeout + 1:                  "INVALID_SESSION_TIMEOUT",
	RebalanceInProgress + 1:                    "REBALANCE_IN_PROGRESS",
	InvalidCommitOffsetSize + 1:                "INVALID_COMMIT_OFFSET_SIZE",
	TopicAuthorizationFailed + 1:               "TOPIC_AUTHORIZATION_FAILED",
	GroupAuthorizationFailed + 1:               "GROUP_AUTHORIZATION_FAILED",
	ClusterAuthorizationFailed + 1:             "CLUSTER_AUTHORIZATION_FAILED",
	InvalidTimestamp + 1:                       "INVALID_TIMESTAMP",
	UnsupportedSASLMechanism + 1:               "UNSUPPORTED_SASL_MECHANISM",
	IllegalSASLState + 1:                       "ILLEGAL_SASL_STATE",
	UnsupportedVersion + 1:                     "UNSUPPORTED_VERSION",
	TopicAlreadyExists + 1:                     "TOPIC_ALREADY_EXISTS",
	InvalidPartitions + 1:                      "INVALID_PARTITIONS",
	InvalidReplicationFactor + 1:               "INVALID_REPLICATION_FACTOR",
	InvalidReplicaAssignment + 1:               "INVALID_REPLICA_ASSIGNMENT",
	InvalidConfig + 1:                          "INVALID_CONFIG",
	NotController + 1:                          "NOT_CONTROLLER",
	InvalidRequest + 1:                         "INVALID_REQUEST",
	UnsupportedForMessageFormat + 1:            "UNSUPPORTED_FOR_MESSAGE_FORMAT",
	PolicyViolation + 1:                        "POLICY_VIOLATION",
	OutOfOrderSequenceNumber + 1:               "OUT_OF_ORDER_SEQUENCE_NUMBER",
	DuplicateSequenceNumber + 1:                "DUPLICATE_SEQUENCE_NUMBER",
	InvalidProducerEpoch + 1:                   "INVALID_PRODUCER_EPOCH",
	InvalidTxnState + 1:                        "INVALID_TXN_STATE",
	InvalidProducerIDMapping + 1:               "INVALID_PRODUCER_ID_MAPPING",
	InvalidTransactionTimeout + 1:              "INVALID_TRANSACTION_TIMEOUT",
	ConcurrentTransactions + 1:                 "CONCURRENT_TRANSACTIONS",
	TransactionCoordinatorFenced + 1:           "TRANSACTION_COORDINATOR_FENCED",
	TransactionalIDAuthorizationFailed + 1:     "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
	SecurityDisabled + 1:                       "SECURITY_DISABLED",
	OperationNotAttempted + 1:                  "OPERATION_NOT_ATTEMPTED",
	KafkaStorageError + 1:                      "KAFKA_STORAGE_ERROR",
	LogDirNotFound + 1:                         "LOG_DIR_NOT_FOUND",
	SASLAuthenticationFailed + 1:               "SASL_AUTHENTICATION_FAILED",
	UnknownProducerID + 1:                      "UNKNOWN_PRODUCER_ID",
	ReassignmentInProgress + 1:                 "REASSIGNMENT_IN_PROGRESS",
	DelegationTokenAuthDisabled + 1:            "DELEGATION_TOKEN_AUTH_DISABLED",
	DelegationTokenNotFound + 1:                "DELEGATION_TOKEN_NOT_FOUND",
	DelegationTokenOwnerMismatch + 1:           "DELEGATION_TOKEN_OWNER_MISMATCH",
	DelegationTokenRequestNotAllowed + 1:       "DELEGATION_TOKEN_REQUEST_NOT_ALLOWED",
	DelegationTokenAuthorizationFailed + 1:     "DELEGATION_TOKEN_AUTHORIZATION_FAILED",
	DelegationTokenExpired + 1:                 "DELEGATION_TOKEN_EXPIRED",
	InvalidPrincipalType + 1:                   "INVALID_PRINCIPAL_TYPE",
	NonEmptyGroup + 1:                          "NON_EMPTY_GROUP",
	GroupIDNotFound + 1:                        "GROUP_ID_NOT_FOUND",
	FetchSessionIDNotFound + 1:                 "FETCH_SESSION_ID_NOT_FOUND",
	InvalidFetchSessionEpoch + 1:               "INVALID_FETCH_SESSION_EPOCH",
	ListenerNotFound + 1:                       "LISTENER_NOT_FOUND",
	TopicDeletionDisabled + 1:                  "TOPIC_DELETION_DISABLED",
	FencedLeaderEpoch + 1:                      "FENCED_LEADER_EPOCH",
	UnknownLeaderEpoch + 1:                     "UNKNOWN_LEADER_EPOCH",
	UnsupportedCompressionType + 1:             "UNSUPPORTED_COMPRESSION_TYPE",
	StaleBrokerEpoch + 1:                       "STALE_BROKER_EPOCH",
	OffsetNotAvailable + 1:                     "OFFSET_NOT_AVAILABLE",
	MemberIDRequired + 1:                       "MEMBER_ID_REQUIRED",
	PreferredLeaderNotAvailable + 1:            "PREFERRED_LEADER_NOT_AVAILABLE",
	GroupMaxSizeReached + 1:                    "GROUP_MAX_SIZE_REACHED",
	FencedInstanceID + 1:                       "FENCED_INSTANCE_ID",
	EligibleLeadersNotAvailable + 1:            "ELIGIBLE_LEADERS_NOT_AVAILABLE",
	ElectionNotNeeded + 1:                      "ELECTION_NOT_NEEDED",
	NoReassignmentInProgress + 1:               "NO_REASSIGNMENT_IN_PROGRESS",
	GroupSubscribedToTopic + 1:                 "GROUP_SUBSCRIBED_TO_TOPIC",
	InvalidRecord + 1:                          "INVALID_RECORD",
	UnstableOffsetCommit + 1:                   "UNSTABLE_OFFSET_COMMIT",
	ThrottlingQuotaExceeded + 1:                "THROTTLING_QUOTA_EXCEEDED",
	ProducerFenced + 1:                         "PRODUCER_FENCED",
	ResourceNotFound + 1:                       "RESOURCE_NOT_FOUND",
	DuplicateResource + 1:                      "DUPLICATE_RESOURCE",
	UnacceptableCredential + 1:                 "UNACCEPTABLE_CREDENTIAL",
	InconsistentVoterSet + 1:                   "INCONSISTENT_VOTER_SET",
	InvalidUpdateVersion + 1:                   "INVALID_UPDATE_VERSION",
	FeatureUpdateFailed + 1:                    "FEATURE_UPDATE_FAILED",
	PrincipalDeserializationFailure + 1:        "PRINCIPAL_DESERIALIZATION_FAILURE",
	SnapshotNotFound + 1:                       "SNAPSHOT_NOT_FOUND",
	PositionOutOfRange + 1:                     "POSITION_OUT_OF_RANGE",
	UnknownTopicID + 1:                         "UNKNOWN_TOPIC_ID",
	DuplicateBrokerRegistration + 1:            "DUPLICATE_BROKER_REGISTRATION",
	BrokerIDNotRegistered + 1:                  "BROKER_ID_NOT_REGISTERED",
	InconsistentTopicID + 1:                    "INCONSISTENT_TOPIC_ID",
	InconsistentClusterID + 1:                  "INCONSISTENT_CLUSTER_ID",
	TransactionalIDNotFound + 1:                "TRANSACTIONAL_ID_NOT_FOUND",
	FetchSessionTopicIDError + 1:               "FETCH_SESSION_TOPIC_ID_ERROR",
	IneligibleReplica + 1:                      "INELIGIBLE_REPLICA",
	NewLeaderElected + 1:                       "NEW_LEADER_ELECTED",
	OffsetMovedToTieredStorage + 1:             "OFFSET_MOVED_TO_TIERED_STORAGE",
	FencedMemberEpoch + 1:                      "FENCED_MEMBER_EPOCH",
	UnreleasedInstanceID + 1:                   "UNRELEASED_INSTANCE_ID",
	UnsupportedAssignor + 1:                    "UNSUPPORTED_ASSIGNOR",
	StaleMemberEpoch + 1:                       "STALE_MEMBER_EPOCH",
	MismatchedEndpointType + 1:                 "MISMATCHED_ENDPOINT_TYPE",
	UnsupportedEndpointType + 1:                "UNSUPPORTED_ENDPOINT_TYPE",
	UnknownControllerID + 1:                    "UNKNOWN_CONTROLLER_ID",
	UnknownSubscriptionID + 1:                  "UNKNOWN_SUBSCRIPTION_ID",
	TelemetryTooLarge + 1:                      "TELEMETRY_TOO_LARGE",
	InvalidRegistration + 1:                    "INVALID_REGISTRATION",
	TransactionAbortable + 1:                   "TRANSACTION_ABORTABLE",
	InvalidRecordState + 1:                     "INVALID_RECORD_STATE",
	ShareSessionNotFound + 1:                   "SHARE_SESSION_NOT_FOUND",
	InvalidShareSessionEpoch + 1:               "INVALID_SHARE_SESSION_EPOCH",
	FencedStateEpoch + 1:                       "FENCED_STATE_EPOCH",
	InvalidVoterKey + 1:                        "INVALID_VOTER_KEY",
	DuplicateVoter + 1:                         "DUPLICATE_VOTER",
	VoterNotFound + 1:                          "VOTER_NOT_FOUND",
	InvalidRegularExpression + 1:               "INVALID_REGULAR_EXPRESSION",
	RebootstrapRequired + 1:                    "REBOOTSTRAP_REQUIRED",
	StreamsInvalidTopology + 1:                 "STREAMS_INVALID_TOPOLOGY",
	StreamsInvalidTopologyEpoch + 1:            "STREAMS_INVALID_TOPOLOGY_EPOCH",
	StreamsTopologyFenced + 1:                  "STREAMS_TOPOLOGY_FENCED",
	ShareSessionLimitReached + 1:               "SHARE_SESSION_LIMIT_REACHED",
	GroupDeletionFailed + 1:                    "GROUP_DELETION_FAILED",
	StreamsTopologyDescriptionUpdateFailed + 1: "STREAMS_TOPOLOGY_DESCRIPTION_UPDATE_FAILED",
	ControllerIDNotRegistered + 1:              "CONTROLLER_ID_NOT_REGISTERED",
}

// Kafka's operations.
//
// Source: Kafka 4.2, AclOperation.
const (
	Unknown         Operation = 0 // a code this version does not know
	Any             Operation = 1 // in a filter only: every operation
	All             Operation = 2 // in an ACL: every operation
	Read            Operation = 3
	Write           Operation = 4
	Create          Operation = 5
	Delete          Operation = 6
	Alter           Operation = 7
	Describe        Operation = 8
	ClusterAction   Operation = 9
	DescribeConfigs Operation = 10
	AlterConfigs    Operation = 11
	IdempotentWrite Operation = 12
	CreateTokens    Operation = 13
	DescribeTokens  Operation = 14
	TwoPhaseCommit  Operation = 15 // since Kafka 4.1 (KIP-939)
)

// operationNames are Kafka's names, indexed by code.
var operationNames = enum.Names{
	Unknown:         "UNKNOWN",
	Any:             "ANY",
	All:             "ALL",
	Read:            "READ",
	Write:           "WRITE",
	Create:          "CREATE",
	Delete:          "DELETE",
	Alter:           "ALTER",
	Describe:        "DESCRIBE",
	ClusterAction:   "CLUSTER_ACTION",
	DescribeConfigs: "DESCRIBE_CONFIGS",
	AlterConfigs:    "ALTER_CONFIGS",
	IdempotentWrite: "IDEMPOTENT_WRITE",
	CreateTokens:    "CREATE_TOKENS",
	DescribeTokens:  "DESCRIBE_TOKENS",
	TwoPhaseCommit:  "TWO_PHASE_COMMIT",
}

// OperationFromCode returns the operation with Kafka's wire code, or Unknown for a code that
// Kafka does not define.
func OperationFromCode(code int8) Operation {
	if !operationNames.Known(int(code)) {
		return Unknown
	}
	return Operation(code)
}

// ParseOperation parses the name of a operation. Case is ignored and underscores are optional:
// "DESCRIBE_CONFIGS", "DescribeConfigs". White space is not trimmed. [Operation.String] returns the
// canonical spelling. On error the result is Unknown.
func ParseOperation(s string) (Operation, error) {
	code, err := operationNames.ParseFold("operation", s)
	return Operation(code), err
}

// String returns Kafka's name, such as "DESCRIBE_CONFIGS", or "Operation(99)" for an unknown value.
func (v Operation) String() string { return operationNames.String("Operation", int(v)) }

// DisplayName returns the name in Pascal case, such as "DescribeConfigs", as in Kafka's audit log.
func (v Operation) DisplayName() string { return operationNames.DisplayName("Operation", int(v)) }

// MarshalText returns Kafka's name. An unknown value is an error.
func (v Operation) MarshalText() ([]byte, error) {
	return operationNames.MarshalText("Operation", int(v))
}

// UnmarshalText parses text as [ParseOperation] does. On error v is unchanged.
func (v *Operation) UnmarshalText(text []byte) error {
	parsed, err := ParseOperation(string(text))
	if err == nil {
		*v = parsed
	}
	return err
}

// Kafka's kinds of coordinator keys.
//
// Source: Kafka 4.2, FindCoordinatorRequest.CoordinatorType.
const (
	GroupKey       KeyType = 0
	TransactionKey KeyType = 1
	ShareKey       KeyType = 2
)

// Kafka's kinds of resources that have a configuration.
//
// Source: Kafka 4.2, ConfigResource.Type.
const (
	TopicConfig         ConfigType = 1 << 1
	BrokerConfig        ConfigType = 1 << 2
	BrokerLoggerConfig  ConfigType = 1 << 3
	ClientMetricsConfig ConfigType = 1 << 4
	GroupConfig         ConfigType = 1 << 5
)

// configTypeNames are Kafka's names, indexed by bit.
var configTypeNames = enum.Names{
	1: "TOPIC",
	2: "BROKER",
	3: "BROKER_LOGGER",
	4: "CLIENT_METRICS",
	5: "GROUP",
}
