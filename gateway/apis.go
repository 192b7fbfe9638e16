package gateway

import (
	"github.com/portcullis-authz/portcullis/ops"
)

// api is what the gateway does with the requests of one API, apart from asking the
// questions of the protocol table. The zero api sends the request on if it passes,
// refuses it by the fields that most answers have, and hands the answer on as it is.
type api struct {
	// serveACLs and serveCredentials answer the request from the store, or without the
	// cluster, unless the configuration forwards it.
	serveACLs, serveCredentials server

	// beforeLogin: a peer that is not authenticated yet may send it. On any other request
	// a broker closes the connection (Kafka's SaslServerAuthenticator).
	beforeLogin bool

	// rewrite changes the request before it is sent on.
	rewrite rewriter
	// sentOnEmpty: it is sent on even if nothing is left of its topics. Metadata also says
	// where the brokers are, the cluster counts the requests of a share session, and the
	// error of a group comes before those of its topics.
	sentOnEmpty bool
	// showsMissing: the cluster reports a missing topic before it refuses the same topic
	// for another operation.
	showsMissing bool

	// filter takes out of the response what the client may not see.
	filter filter
	// addresses are the fields of the response that hold addresses of brokers.
	addresses *addresses
	// hiddenTopics is Kafka's text for a group with a topic that the client may not
	// describe (KafkaApis.handleConsumerGroupDescribe, handleShareGroupDescribe and
	// handleStreamsGroupDescribe).
	hiddenTopics string
	// reportsChange: the response only reports the result of a change that the request
	// asked for. It is not decided again.
	reportsChange bool

	// items is the list of the response with an entry for each entry of the request that is
	// decided by itself; empty is "Topics".
	items string
	// repeated is how entries are joined whose name the request has more than once.
	repeated repetition
	// errorStands: an error of the whole response stands for all of its topics.
	errorStands bool
	// refused is the list whose entries all carry the error when the whole request is
	// refused.
	refused refusedList
	// blanks are the values of fields beside an error that differ from the table blanks.
	blanks map[string]int64
	// wording has the texts beside error codes.
	wording wording

	// extraCost is what one entry of an outermost list costs more than usual, in bytes: it
	// is evaluated twice, or compared with the others.
	extraCost int
	// repeatsNames: a refusal repeats the name of a topic with each partition.
	repeatsNames bool
	// asksAboutAll: names are asked about however deep they stand in the request.
	asksAboutAll bool
}

// refusedList names a list of the request, and the list of the response that gets an entry
// with the error for each of its entries.
type refusedList struct {
	request, response string
	from, to          int16 // versions; 0 is any
}

// apiOf returns the row of key. A key without a row has the zero api.
func apiOf(key ops.APIKey) *api {
	if row := int(key); row >= 0 && row < len(apis) {
		return &apis[row]
	}
	return &api{}
}

// itemField returns the name of the list of the response whose entries are decided one by
// one.
func (a *api) itemField() string {
	if a.items == "" {
		return "Topics"
	}
	return a.items
}

// apis is the table, by API key. Functions in it look rows up, which Go refuses as a cycle
// in a variable's initial value. So init fills it.
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
