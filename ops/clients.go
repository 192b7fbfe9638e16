package ops

import (
	"cmp"
	"slices"
)

// Client is a kind of Kafka client with the requests that it sends. The permissions
// that it needs are derived from the requests.
type Client struct {
	Name        string
	Description string
	requests    []Request
}

// The resources that the clients use.
const (
	aTopic           = "TOPIC"
	inputTopic       = "INPUT-TOPIC"
	outputTopic      = "OUTPUT-TOPIC"
	internalTopics   = "INTERNAL-TOPICS"
	aGroup           = "GROUP"
	anOwner          = "User:OWNER"
	aToken           = "TOKEN"
	aTransactionalID = "TRANSACTIONAL-ID"
	transactionalIDs = "TRANSACTIONAL-IDS"
	offsetsTopic     = "OFFSETS-TOPIC"
)

// clients are the kinds of clients with the requests that each normally sends. Their
// topics exist, except internal topics that the client creates.
var clients = []Client{
	{
		"producer", "writes to a topic, idempotently as is the default",
		slices.Concat(topicRequests(aTopic, MetadataKey, ProduceKey), requests(Request{Key: InitProducerIDKey})),
	},
	{
		"transactional-producer", "writes to a topic in transactions",
		transactionRequests(aTransactionalID, aTopic),
	},
	{
		"consumer", "reads a topic as a member of a group and commits offsets",
		consumerRequests(aTopic),
	},
	{
		"share-consumer", "reads a topic as a member of a share group and acknowledges records",
		shareRequests(aTopic),
	},
	{
		"streams", "reads and writes topics at least once, with internal topics of its own",
		slices.Concat(streamsRequests(), requests(Request{Key: InitProducerIDKey})),
	},
	{
		"streams-exactly-once", "reads and writes topics exactly once (exactly_once_v2), with internal topics of its own",
		slices.Concat(
			streamsRequests(),
			transactionRequests(transactionalIDs, outputTopic), transactionRequests(transactionalIDs, internalTopics),
			transactionalOffsets(inputTopic), transactionalOffsets(internalTopics),
		),
	},
	{
		"connect-worker", "keeps its state in internal topics that it creates, as a member of a group of workers",
		connectRequests(),
	},
	{
		"connect-worker-exactly-once", "is a connect-worker with exactly.once.source.support, whose transactional id is connect-cluster- and the group",
		slices.Concat(connectRequests(), transactionRequests(aTransactionalID, internalTopics)),
	},
	{
		"sink-connector", "reads a topic for its tasks, as a member of the group connect- and its name",
		consumerRequests(aTopic),
	},
	{
		"source-connector", "writes the records of its tasks to a topic that exists; the worker keeps its offsets",
		topicRequests(aTopic, ProduceKey, MetadataKey),
	},
	{
		"source-connector-exactly-once", "writes to a topic in transactions, with the offsets of its tasks in a topic, by the transactional ids GROUP-NAME-N of its tasks",
		slices.Concat(transactionRequests(transactionalIDs, aTopic), transactionRequests(transactionalIDs, offsetsTopic),
			topicRequests(offsetsTopic, FetchKey, ListOffsetsKey, MetadataKey)),
	},
	{
		"dead-letter-topic", "writes the records that a sink connector cannot process to a topic, which it creates if it is missing",
		slices.Concat(topicRequests(aTopic, ProduceKey, MetadataKey), creation(aTopic)),
	},
	{
		"admin-describe", "shows everything that Kafka's administration client can, and changes nothing",
		slices.Concat(topicRequests(aTopic, ListOffsetsKey, MetadataKey, DescribeProducersKey, DescribeTopicPartitionsKey), groupRequests(OffsetFetchKey, DescribeGroupsKey, ListGroupsKey, ConsumerGroupDescribeKey, ShareGroupDescribeKey, StreamsGroupDescribeKey, DescribeShareGroupOffsetsKey), describeRequests()),
	},
	{
		"admin", "does everything that Kafka's administration client can",
		slices.Concat(
			topicRequests(aTopic, ListOffsetsKey, MetadataKey, DeleteTopicsKey, DeleteRecordsKey, CreatePartitionsKey, DescribeProducersKey, DescribeTopicPartitionsKey), creation("NEW-TOPIC"),
			groupRequests(DescribeGroupsKey, ListGroupsKey, DeleteGroupsKey, ConsumerGroupDescribeKey, ShareGroupDescribeKey, StreamsGroupDescribeKey, DescribeShareGroupOffsetsKey), memberRequests(aTopic), adminRequests(),
		),
	},
}

// requests completes requests: they are sent to a broker, in the newest version unless
// they have one.
func requests(list ...Request) []Request {
	for i := range list {
		r := &list[i]
		if r.Version == 0 {
			r.Version = row(r.Key).MaxVersion
		}
		r.Endpoint = Broker
	}
	return list
}

// alike returns requests that differ only in their keys.
func alike(r Request, keys ...APIKey) []Request {
	list := make([]Request, len(keys))
	for i, key := range keys {
		list[i] = r
		list[i].Key = key
	}
	return requests(list...)
}

func existing(topic string) []Topic { return []Topic{{Name: topic, Exists: true}} }

// topicRequests are requests with a topic and no other resource.
func topicRequests(topic string, keys ...APIKey) []Request {
	return alike(Request{Topics: existing(topic)}, keys...)
}

// creation is the request that creates a topic.
func creation(topic string) []Request {
	return alike(Request{Topics: []Topic{{Name: topic}}}, CreateTopicsKey)
}

// groupRequests are requests with a group and no other resource.
func groupRequests(keys ...APIKey) []Request {
	return alike(Request{Groups: []TopicSet{{Name: aGroup, Topics: existing(aTopic)}}}, keys...)
}

// consumerRequests are those of a group member that reads a topic.
func consumerRequests(topic string) []Request {
	return slices.Concat(memberRequests(topic), topicRequests(topic, FetchKey, ListOffsetsKey, MetadataKey, OffsetForLeaderEpochKey))
}

// workerRequests are those of a group member that commits no offsets.
func workerRequests() []Request {
	return slices.Concat(
		requests(Request{Key: FindCoordinatorKey, Keys: []string{aGroup}}),
		alike(Request{Group: aGroup}, JoinGroupKey, HeartbeatKey, LeaveGroupKey, SyncGroupKey),
	)
}

// connectRequests are those of a Connect worker.
func connectRequests() []Request {
	return slices.Concat(workerRequests(), topicRequests(internalTopics, ProduceKey, FetchKey, ListOffsetsKey, MetadataKey), creation(internalTopics))
}

// transactionRequests are those of a producer that writes to a topic in transactions.
func transactionRequests(id, topic string) []Request {
	return slices.Concat(topicRequests(topic, MetadataKey), requests(
		Request{Key: FindCoordinatorKey, KeyType: TransactionKey, Keys: []string{id}},
		Request{Key: InitProducerIDKey, TransactionalID: new(id)},
		Request{Key: AddPartitionsToTxnKey, Version: 3, TransactionalID: new(id), Topics: existing(topic)},
		Request{Key: ProduceKey, TransactionalID: new(id), TransactionalRecords: true, Topics: existing(topic)},
		Request{Key: EndTxnKey, TransactionalID: new(id)},
	))
}

// transactionalOffsets are the requests with which the transactions of an application
// commit the offsets of the records it has read.
func transactionalOffsets(topic string) []Request {
	return requests(
		Request{Key: AddOffsetsToTxnKey, TransactionalID: new(transactionalIDs), Group: aGroup},
		Request{Key: TxnOffsetCommitKey, TransactionalID: new(transactionalIDs), Group: aGroup, Topics: existing(topic)},
	)
}

// shareRequests are those of a member of a share group.
func shareRequests(topic string) []Request {
	return slices.Concat(topicRequests(topic, MetadataKey), requests(
		Request{Key: FindCoordinatorKey, Keys: []string{aGroup}},
		Request{Key: ShareGroupHeartbeatKey, Group: aGroup, Subscribed: []string{topic}},
	), alike(Request{Group: aGroup, Topics: existing(topic)}, ShareFetchKey, ShareAcknowledgeKey))
}

// streamsRequests are those of a Streams application with either group protocol,
// without those of its producers that have no topic.
func streamsRequests() []Request {
	return slices.Concat(
		consumerRequests(inputTopic),
		topicRequests(outputTopic, ProduceKey, MetadataKey),
		topicRequests(internalTopics, ProduceKey, FetchKey, ListOffsetsKey, MetadataKey, DeleteRecordsKey), creation(internalTopics),
		requests(
			Request{Key: OffsetCommitKey, Group: aGroup, Topics: existing(internalTopics)},
			Request{Key: StreamsGroupHeartbeatKey, Group: aGroup, Subscribed: []string{inputTopic, internalTopics}, NewTopics: []string{internalTopics}},
		),
	)
}

// memberRequests are those of a group member that consumes a topic, with either group
// protocol.
func memberRequests(topic string) []Request {
	return slices.Concat(workerRequests(), requests(
		Request{Key: OffsetCommitKey, Group: aGroup, Topics: existing(topic)},
		Request{Key: OffsetFetchKey, Groups: []TopicSet{{Name: aGroup, Topics: existing(topic)}}},
		Request{Key: ConsumerGroupHeartbeatKey, Group: aGroup, Subscribed: []string{topic}, Matched: []string{topic}},
	))
}

// adminRequests are those of an administrator, except requests with only topics or
// groups.
func adminRequests() []Request {
	return slices.Concat(
		describeRequests(),
		requests(
			Request{Key: InitProducerIDKey, TransactionalID: new(aTransactionalID)},
			Request{Key: IncrementalAlterConfigsKey, Resources: []ConfigResource{{Type: BrokerLoggerConfig}}},
			Request{Key: CreateDelegationTokenKey, Caller: tokenCaller, Owner: anOwner},
			Request{Key: DescribeClusterKey, IncludeClusterOperations: true},
		),
		alike(Request{Resources: configs}, AlterConfigsKey, IncrementalAlterConfigsKey),
		alike(Request{Group: aGroup, Topics: existing(aTopic)}, OffsetDeleteKey, AlterShareGroupOffsetsKey, DeleteShareGroupOffsetsKey),
		alike(Request{}, WriteTxnMarkersKey, CreateACLsKey, DeleteACLsKey, AlterReplicaLogDirsKey, ElectLeadersKey, AlterPartitionReassignmentsKey, AlterClientQuotasKey,
			AlterUserSCRAMCredentialsKey, UpdateFeaturesKey, UnregisterBrokerKey, AddRaftVoterKey, RemoveRaftVoterKey),
	)
}

// configs are resources with a configuration, of each kind that can be altered at a broker
// and at a controller.
var configs = []ConfigResource{
	{Type: TopicConfig, Name: aTopic, Exists: true}, {Type: GroupConfig, Name: aGroup}, {Type: BrokerConfig}, {Type: ClientMetricsConfig},
}

// tokenCaller is an administrator who may use delegation tokens.
var tokenCaller = Caller{Principal: "User:ADMIN", Protocol: SASLSSL}

// describeRequests are those of a read-only administrator, except requests with only
// topics or groups.
func describeRequests() []Request {
	return slices.Concat(
		requests(
			Request{Key: FindCoordinatorKey, Keys: []string{aGroup}},
			Request{Key: DescribeConfigsKey, Resources: configs},
			Request{Key: DescribeDelegationTokenKey, Caller: tokenCaller, Tokens: []Token{{ID: aToken, Owner: anOwner}}},
			Request{Key: DescribeClusterKey},
			Request{Key: DescribeTransactionsKey, Transactions: []TopicSet{{Name: aTransactionalID, Topics: existing(aTopic)}}},
			Request{Key: ListTransactionsKey, Transactions: []TopicSet{{Name: aTransactionalID}}},
		),
		alike(Request{}, DescribeACLsKey, DescribeLogDirsKey, ListPartitionReassignmentsKey, DescribeClientQuotasKey, DescribeUserSCRAMCredentialsKey, DescribeQuorumKey, ListConfigResourcesKey),
	)
}

// Clients returns the kinds of clients, ordered by what they need. The caller owns the
// slice.
func Clients() []Client { return slices.Clone(clients) }

// Needs returns the smallest set of grants with which every request of the client is
// answered in full, ordered by resource type, name and operation. It finds the set by
// evaluating the requests. Of several sets of the same size it returns the first in
// that order, which prefers topics to the cluster. The cost is some thousand
// evaluations.
func (c Client) Needs() []Grant {
	candidates := questions(c.requests)
	slices.SortFunc(candidates, compareGrants)
	var needed, open grants
	for i, g := range candidates {
		if !slices.Delete(slices.Clone(candidates), i, i+1).suffice(c.requests) {
			needed = append(needed, g)
		}
	}
	for _, g := range candidates {
		if !needed.Allowed(g.Operation, g.Type, g.Name) {
			open = append(open, g)
		}
	}
	for size := range len(open) + 1 {
		if found := needed.extend(open, size, c.requests); found != nil {
			slices.SortFunc(found, compareGrants)
			return found
		}
	}
	return nil
}

// extend returns g with the first size of the open grants that make it sufficient, or
// nil if there are none.
func (g grants) extend(open grants, size int, requests []Request) grants {
	if size == 0 {
		if g.suffice(requests) {
			return slices.Clone(g)
		}
		return nil
	}
	for i := range open {
		if found := append(slices.Clip(g), open[i]).extend(open[i+1:], size-1, requests); found != nil {
			return found
		}
	}
	return nil
}

// compareGrants orders grants by resource type, name and operation.
func compareGrants(a, b Grant) int {
	return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Operation, b.Operation))
}
