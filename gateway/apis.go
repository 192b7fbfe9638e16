package gateway

import (
	"github.com/portcullis-authz/portcullis/ops"
)

// api is what the gateway does with the requests of one API, apart from the
// authorization by the protocol table. The zero api forwards an allowed request,
// refuses with the fields that most responses have, and returns the cluster's response
// unchanged.
type api struct {
	// serveACLs and serveCredentials answer the request from the store, or at least
	// without the cluster, unless the configuration says that it is forwarded.
	serveACLs, serveCredentials server

	// beforeLogin: an unauthenticated peer may send this request. For any other request
	// a broker closes the connection (Kafka's SaslServerAuthenticator).
	beforeLogin bool

	// rewrite changes the request before it is forwarded.
	rewrite rewriter
	// sentOnEmpty: the request is forwarded even if all of its topics are refused.
	// Metadata also returns the brokers, the cluster counts the requests of a share
	// session, and the error of a group comes before the errors of its topics.
	sentOnEmpty bool
	// showsMissing: the cluster reports that a topic is missing before it refuses the
	// topic for another operation.
	showsMissing bool

	// filter removes from the response what the client may not see.
	filter filter
	// addresses are the fields of the response with addresses of brokers.
	addresses *addresses
	// hiddenTopics is Kafka's text for a group that has a topic which the client may
	// not describe (KafkaApis.handleConsumerGroupDescribe, handleShareGroupDescribe and
	// handleStreamsGroupDescribe).
	hiddenTopics string
	// reportsChange: the response only reports the result of the change. It is not
	// decided again.
	reportsChange bool

	// items is the list of the response that has one entry for each separately decided
	// entry of the request; empty means "Topics".
	items string
	// repeated says how entries with the same name are joined.
	repeated repetition
	// errorStands: an error of the whole response also counts for all of its topics.
	errorStands bool
	// refused is the list whose entries all get the error when the whole request is
	// refused.
	refused refusedList
	// blanks are values of fields in error entries that differ from the table blanks.
	blanks map[string]int64
	// wording has the texts that accompany error codes.
	wording wording

	// extraCost is the additional memory for one entry of an outermost list, in bytes:
	// the entry is evaluated twice, or compared with the others.
	extraCost int
	// repeatsNames: a refusal repeats the topic's name with each partition.
	repeatsNames bool
	// asksAboutAll: the names at every depth of the request are authorized.
	asksAboutAll bool
}

// refusedList names a list of the request, and the list of the response that gets one
// error entry for each entry of it.
type refusedList struct {
	request, response string
	from, to          int16 // versions; 0 means any
}

// apiOf returns the row of key. A key without a row gets the zero api.
func apiOf(key ops.APIKey) *api {
	if row := int(key); row >= 0 && row < len(apis) {
		return &apis[row]
	}
	return &api{}
}

// itemField returns the name of the list of the response whose entries are decided
// separately.
func (a *api) itemField() string {
	if a.items == "" {
		return "Topics"
	}
	return a.items
}

// apis is the table, by API key. Its functions look up rows, which Go rejects as an
// initialization cycle in a variable's initial value. So init fills it.
var apis [len(requests)]api

// Sources: the request handlers of Kafka 4.2 and 4.4, and what brokers of both answer.
func init() {
	apis = [len(requests)]api{
		ops.ProduceKey: {
			extraCost:     20,
			addresses:     &addresses{fields: []string{"Brokers"}, from: 10, tagged: true},
			repeated:      joinPartition,
			wording:       wording{entry: noEntryText},
			refused:       refusedList{request: "Topics", response: "Topics"},
			reportsChange: true,
		},
		ops.FetchKey: {
			rewrite:   rewriteFetch,
			addresses: &addresses{fields: []string{"Brokers"}, from: 16, tagged: true},
			extraCost: idCost,
			repeated:  joinBeside,
			refused:   refusedList{request: "Topics", response: "Topics", to: 12},
		},
		ops.ListOffsetsKey: {refused: refusedList{request: "Topics", response: "Topics"}},
		ops.MetadataKey: {
			rewrite:     rewriteMetadata,
			filter:      filterMetadata,
			addresses:   &addresses{fields: []string{"Brokers"}},
			extraCost:   creationCost,
			repeated:    firstOne,
			sentOnEmpty: true,
		},
		ops.LeaderAndISRKey: {repeatsNames: true},
		ops.StopReplicaKey:  {repeatsNames: true},
		ops.OffsetCommitKey: {
			repeated:      joinTopics,
			refused:       refusedList{request: "Topics", response: "Topics"},
			reportsChange: true,
		},
		ops.OffsetFetchKey: {
			filter:    filterOffsets,
			extraCost: withinCost,
			items:     "Groups",
			refused:   refusedList{request: "Topics", response: "Topics", to: 1},
		},
		ops.FindCoordinatorKey: {
			addresses: &addresses{fields: []string{"", "Coordinators"}},
			items:     "Coordinators",
			wording:   wording{entry: coordinatorText},
			refused:   refusedList{request: "CoordinatorKeys", response: "Coordinators", from: 4},
		},
		ops.HeartbeatKey:  {reportsChange: true},
		ops.LeaveGroupKey: {reportsChange: true},
		ops.DescribeGroupsKey: {
			filter:  always((*Plan).filterGroupOperations),
			items:   "Groups",
			wording: wording{entry: noEntryText},
		},
		ops.ListGroupsKey: {
			filter: always((*Plan).filterGroupList),
			items:  "Groups",
		},
		ops.SASLHandshakeKey: {beforeLogin: true},
		ops.APIVersionsKey: {
			filter:      always((*Plan).trimVersions),
			beforeLogin: true,
		},
		ops.CreateTopicsKey: {
			filter:        filterCreated,
			repeated:      firstOne,
			wording:       wording{entry: creationText},
			reportsChange: true,
		},
		ops.DeleteTopicsKey: {
			extraCost:     comparedCost + missingCost,
			repeated:      firstOne,
			wording:       wording{entry: deletionText},
			showsMissing:  true,
			reportsChange: true,
		},
		ops.DeleteRecordsKey: {
			repeated:      joinPartition,
			reportsChange: true,
		},
		ops.InitProducerIDKey: {reportsChange: true},
		ops.AddPartitionsToTxnKey: {
			extraCost:     withinCost + missingCost,
			repeated:      joinPartition,
			refused:       refusedList{request: "Topics", response: "Topics", to: 3},
			reportsChange: true,
		},
		ops.AddOffsetsToTxnKey: {reportsChange: true},
		ops.EndTxnKey:          {reportsChange: true},
		ops.WriteTxnMarkersKey: {
			refused:       refusedList{request: "Markers", response: "Markers"},
			reportsChange: true,
		},
		ops.TxnOffsetCommitKey: {
			repeated:      joinTopics,
			refused:       refusedList{request: "Topics", response: "Topics"},
			reportsChange: true,
		},
		ops.DescribeACLsKey: {serveACLs: describeACLs},
		ops.CreateACLsKey: {
			refused:       refusedList{request: "Creations", response: "Results"},
			reportsChange: true,
			serveACLs:     createACLs,
		},
		ops.DeleteACLsKey: {
			refused:       refusedList{request: "Filters", response: "Results"},
			reportsChange: true,
			serveACLs:     deleteACLs,
		},
		ops.DescribeConfigsKey: {
			items:   "Resources",
			refused: refusedList{request: "Resources", response: "Resources"},
		},
		ops.AlterConfigsKey: {
			items:         "Resources",
			wording:       wording{entry: alterationText},
			refused:       refusedList{request: "Resources", response: "Resources"},
			reportsChange: true,
		},
		ops.AlterReplicaLogDirsKey: {reportsChange: true},
		ops.SASLAuthenticateKey:    {beforeLogin: true},
		ops.CreatePartitionsKey: {
			repeated:      firstOne,
			wording:       wording{entry: partitionsText},
			reportsChange: true,
		},
		ops.CreateDelegationTokenKey: {reportsChange: true},
		ops.RenewDelegationTokenKey:  {reportsChange: true},
		ops.ExpireDelegationTokenKey: {reportsChange: true},
		ops.DeleteGroupsKey: {
			items:         "Groups",
			repeated:      firstOne,
			reportsChange: true,
		},
		ops.ElectLeadersKey: {
			refused:       refusedList{request: "Topics", response: "Topics"},
			reportsChange: true,
		},
		ops.IncrementalAlterConfigsKey: {
			items:         "Resources",
			wording:       wording{entry: alterationText},
			refused:       refusedList{request: "Resources", response: "Resources"},
			reportsChange: true,
		},
		ops.AlterPartitionReassignmentsKey: {
			refused:       refusedList{request: "Topics", response: "Topics"},
			reportsChange: true,
		},
		ops.ListPartitionReassignmentsKey: {refused: refusedList{request: "Topics", response: "Topics"}},
		ops.OffsetDeleteKey: {
			repeated:      joinTopics,
			errorStands:   true,
			sentOnEmpty:   true,
			reportsChange: true,
		},
		ops.DescribeClientQuotasKey: {wording: wording{whole: noText}},
		ops.AlterClientQuotasKey: {
			refused:       refusedList{request: "Entries", response: "Entries"},
			reportsChange: true,
		},
		ops.DescribeUserSCRAMCredentialsKey: {
			wording:          wording{whole: noText, entry: noEntryText},
			refused:          refusedList{request: "Users", response: "Results"},
			serveCredentials: describeCredentials,
		},
		ops.AlterUserSCRAMCredentialsKey: {
			reportsChange:    true,
			serveCredentials: alterCredentials,
		},
		ops.VoteKey:             {addresses: &addresses{fields: []string{"NodeEndpoints"}, from: 1, controllers: true, tagged: true}},
		ops.BeginQuorumEpochKey: {addresses: &addresses{fields: []string{"NodeEndpoints"}, from: 1, controllers: true, tagged: true}},
		ops.EndQuorumEpochKey:   {addresses: &addresses{fields: []string{"NodeEndpoints"}, from: 1, controllers: true, tagged: true}},
		ops.DescribeQuorumKey:   {addresses: &addresses{fields: []string{"Nodes"}, from: 2, controllers: true}},
		ops.UpdateFeaturesKey:   {reportsChange: true},
		ops.EnvelopeKey:         {rewrite: rewriteEnvelope},
		ops.FetchSnapshotKey:    {addresses: &addresses{fields: []string{"NodeEndpoints"}, from: 1, controllers: true, tagged: true}},
		ops.DescribeClusterKey: {
			filter:    filterCluster,
			addresses: &addresses{fields: []string{"Brokers"}},
		},
		ops.DescribeProducersKey: {wording: wording{entry: producersText}},
		ops.UnregisterBrokerKey:  {reportsChange: true},
		ops.DescribeTransactionsKey: {
			filter: always((*Plan).filterTransactionTopics),
			items:  "TransactionStates",
			blanks: map[string]int64{"ProducerEpoch": 0},
		},
		ops.ListTransactionsKey: {
			filter: always((*Plan).filterTransactions),
			items:  "TransactionStates",
		},
		ops.ConsumerGroupHeartbeatKey: {
			rewrite: rewriteHeartbeat,
			wording: wording{whole: noText},
		},
		ops.ConsumerGroupDescribeKey: {
			filter:       always((*Plan).filterConsumerGroups),
			hiddenTopics: "The group has described topic(s) that the client is not authorized to describe.",
			items:        "Groups",
			wording:      wording{entry: noEntryText},
		},
		ops.PushTelemetryKey: {reportsChange: true},
		ops.DescribeTopicPartitionsKey: {
			rewrite:  rewritePage,
			filter:   always((*Plan).filterTopicPartitions),
			repeated: firstOne,
			refused:  refusedList{request: "Topics", response: "Topics"},
		},
		ops.ShareGroupHeartbeatKey: {wording: wording{whole: noText}},
		ops.ShareGroupDescribeKey: {
			filter:       always((*Plan).filterShareGroups),
			hiddenTopics: "The group has described topic(s) that the client is not authorized to describe.",
			items:        "Groups",
			wording:      wording{entry: noEntryText},
		},
		ops.ShareFetchKey: {
			addresses:   &addresses{fields: []string{"NodeEndpoints"}},
			extraCost:   idCost,
			repeated:    joinPartition,
			wording:     wording{whole: noText, entry: noEntryText},
			errorStands: true,
			sentOnEmpty: true,
		},
		ops.ShareAcknowledgeKey: {
			addresses:     &addresses{fields: []string{"NodeEndpoints"}},
			repeated:      joinPartition,
			wording:       wording{whole: noText, entry: noEntryText},
			errorStands:   true,
			sentOnEmpty:   true,
			reportsChange: true,
		},
		ops.AddRaftVoterKey:              {reportsChange: true},
		ops.RemoveRaftVoterKey:           {reportsChange: true},
		ops.UpdateRaftVoterKey:           {addresses: &addresses{fields: []string{"CurrentLeader"}, controllers: true}},
		ops.InitializeShareGroupStateKey: {refused: refusedList{request: "Topics", response: "Topics"}},
		ops.ReadShareGroupStateKey:       {refused: refusedList{request: "Topics", response: "Topics"}},
		ops.WriteShareGroupStateKey:      {refused: refusedList{request: "Topics", response: "Topics"}},
		ops.DeleteShareGroupStateKey:     {refused: refusedList{request: "Topics", response: "Topics"}},
		ops.ReadShareGroupStateSummaryKey: {
			blanks:  map[string]int64{"LeaderEpoch": 0},
			refused: refusedList{request: "Topics", response: "Topics"},
		},
		ops.StreamsGroupHeartbeatKey: {
			rewrite:      rewriteStreams,
			wording:      wording{whole: noText},
			asksAboutAll: true,
		},
		ops.StreamsGroupDescribeKey: {
			filter:       always((*Plan).filterStreamsGroups),
			extraCost:    withinCost + 30,
			hiddenTopics: "The described group uses topics that the client is not authorized to describe.",
			items:        "Groups",
			wording:      wording{entry: noEntryText},
		},
		ops.DescribeShareGroupOffsetsKey: {
			filter:    always((*Plan).filterShareOffsets),
			extraCost: withinCost,
			items:     "Groups",
			wording:   wording{entry: noEntryText},
			blanks:    map[string]int64{"StartOffset": -1, "LeaderEpoch": 0},
		},
		ops.AlterShareGroupOffsetsKey: {
			repeated:      joinSome,
			errorStands:   true,
			sentOnEmpty:   true,
			reportsChange: true,
		},
		ops.DeleteShareGroupOffsetsKey: {
			errorStands:   true,
			sentOnEmpty:   true,
			reportsChange: true,
		},
	}
}
