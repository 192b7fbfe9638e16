package ops

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/internal/enum"
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
		slices.Concat(memberRequests(aTopic), topicRequests(aTopic, FetchKey, ListOffsetsKey, MetadataKey, OffsetForLeaderEpochKey)),
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
		slices.Concat(workerRequests(), topicRequests(internalTopics, ProduceKey, FetchKey, ListOffsetsKey, MetadataKey), creation(internalTopics)),
	},
	{
		"connect-worker-exactly-once", "is a connect-worker with exactly.once.source.support, whose transactional id is connect-cluster- and the group",
		slices.Concat(workerRequests(), topicRequests(internalTopics, ProduceKey, FetchKey, ListOffsetsKey, MetadataKey), creation(internalTopics),
			transactionRequests(aTransactionalID, internalTopics)),
	},
	{
		"sink-connector", "reads a topic for its tasks, as a member of the group connect- and its name",
		slices.Concat(memberRequests(aTopic), topicRequests(aTopic, FetchKey, ListOffsetsKey, MetadataKey, OffsetForLeaderEpochKey)),
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

func existing(topic string) []Topic { return []Topic{{Name: topic, Exists: true}} }

// topicRequests are requests with a topic and no other resource.
func topicRequests(topic string, keys ...APIKey) []Request {
	var list []Request
	for _, key := range keys {
		list = append(list, Request{Key: key, Topics: existing(topic)})
	}
	return requests(list...)
}

// creation is the request that creates a topic.
func creation(topic string) []Request {
	return requests(Request{Key: CreateTopicsKey, Topics: []Topic{{Name: topic}}})
}

// groupRequests are requests with groups and no other resource.
func groupRequests(keys ...APIKey) []Request {
	var list []Request
	for _, key := range keys {
		list = append(list, Request{Key: key, Groups: []Holder{{Name: aGroup, Topics: existing(aTopic)}}})
	}
	return requests(list...)
}

// workerRequests are those of a group member that commits no offsets.
func workerRequests() []Request {
	return requests(
		Request{Key: FindCoordinatorKey, Keys: []string{aGroup}},
		Request{Key: JoinGroupKey, Group: aGroup},
		Request{Key: HeartbeatKey, Group: aGroup},
		Request{Key: LeaveGroupKey, Group: aGroup},
		Request{Key: SyncGroupKey, Group: aGroup},
	)
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
		Request{Key: ShareFetchKey, Group: aGroup, Topics: existing(topic)},
		Request{Key: ShareAcknowledgeKey, Group: aGroup, Topics: existing(topic)},
	))
}

// streamsRequests are those of a Streams application with either group protocol,
// without those of its producers that have no topic.
func streamsRequests() []Request {
	return slices.Concat(
		memberRequests(inputTopic), topicRequests(inputTopic, FetchKey, ListOffsetsKey, MetadataKey, OffsetForLeaderEpochKey),
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
		Request{Key: OffsetFetchKey, Groups: []Holder{{Name: aGroup, Topics: existing(topic)}}},
		Request{Key: ConsumerGroupHeartbeatKey, Group: aGroup, Subscribed: []string{topic}, Matched: []string{topic}},
	))
}

// adminRequests are those of an administrator, except requests with only topics or
// groups.
func adminRequests() []Request {
	caller := Caller{Principal: "User:ADMIN", Protocol: SASLSSL}
	configs := []ConfigResource{
		{Type: TopicConfig, Name: aTopic, Exists: true}, {Type: GroupConfig, Name: aGroup},
		{Type: BrokerConfig}, {Type: ClientMetricsConfig},
	}
	list := requests(
		Request{Key: InitProducerIDKey, TransactionalID: new(aTransactionalID)},
		Request{Key: DescribeConfigsKey, Resources: configs},
		Request{Key: AlterConfigsKey, Resources: configs},
		Request{Key: IncrementalAlterConfigsKey, Resources: configs},
		Request{Key: IncrementalAlterConfigsKey, Resources: []ConfigResource{{Type: BrokerLoggerConfig}}},
		Request{Key: CreateDelegationTokenKey, Caller: caller, Owner: anOwner},
		Request{Key: DescribeDelegationTokenKey, Caller: caller, Tokens: []Token{{ID: aToken, Owner: anOwner}}},
		Request{Key: OffsetDeleteKey, Group: aGroup, Topics: existing(aTopic)},
		Request{Key: AlterShareGroupOffsetsKey, Group: aGroup, Topics: existing(aTopic)},
		Request{Key: DeleteShareGroupOffsetsKey, Group: aGroup, Topics: existing(aTopic)},
		Request{Key: DescribeClusterKey, IncludeClusterOperations: true},
		Request{Key: DescribeTransactionsKey, Transactions: []Holder{{Name: aTransactionalID, Topics: existing(aTopic)}}},
		Request{Key: ListTransactionsKey, Transactions: []Holder{{Name: aTransactionalID}}},
	)
	for _, key := range []APIKey{WriteTxnMarkersKey, DescribeACLsKey, CreateACLsKey, DeleteACLsKey, AlterReplicaLogDirsKey, DescribeLogDirsKey, ElectLeadersKey, AlterPartitionReassignmentsKey, ListPartitionReassignmentsKey, DescribeClientQuotasKey, AlterClientQuotasKey, DescribeUserSCRAMCredentialsKey, AlterUserSCRAMCredentialsKey, DescribeQuorumKey, UpdateFeaturesKey, UnregisterBrokerKey, ListConfigResourcesKey, AddRaftVoterKey, RemoveRaftVoterKey} {
		list = append(list, requests(Request{Key: key})...)
	}
	return list
}

// describeRequests are those of a read-only administrator, except requests with only
// topics or groups.
func describeRequests() []Request {
	list := requests(
		Request{Key: FindCoordinatorKey, Keys: []string{aGroup}},
		Request{Key: DescribeConfigsKey, Resources: []ConfigResource{
			{Type: TopicConfig, Name: aTopic, Exists: true}, {Type: GroupConfig, Name: aGroup}, {Type: BrokerConfig}, {Type: ClientMetricsConfig},
		}},
		Request{Key: DescribeDelegationTokenKey, Caller: Caller{Principal: "User:ADMIN", Protocol: SASLSSL}, Tokens: []Token{{ID: aToken, Owner: anOwner}}},
		Request{Key: DescribeClusterKey},
		Request{Key: DescribeTransactionsKey, Transactions: []Holder{{Name: aTransactionalID, Topics: existing(aTopic)}}},
		Request{Key: ListTransactionsKey, Transactions: []Holder{{Name: aTransactionalID}}},
	)
	for _, key := range []APIKey{DescribeACLsKey, DescribeLogDirsKey, ListPartitionReassignmentsKey, DescribeClientQuotasKey, DescribeUserSCRAMCredentialsKey, DescribeQuorumKey, ListConfigResourcesKey} {
		list = append(list, requests(Request{Key: key})...)
	}
	return list
}

// Clients returns the kinds of clients, ordered by what they need. The caller owns the
// slice.
func Clients() []Client { return slices.Clone(clients) }

// ParseClient returns the kind of client with the given [Client.Name], which must match
// exactly. On error the result is the zero Client, which needs nothing.
func ParseClient(s string) (Client, error) {
	var names []string
	for _, c := range clients {
		if c.Name == s {
			return c, nil
		}
		names = append(names, c.Name)
	}
	return Client{}, fmt.Errorf("unknown client %s: expected one of %s", enum.Quote(s), strings.Join(names, ", "))
}

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
		if !candidates.without(i).suffice(c.requests) {
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
