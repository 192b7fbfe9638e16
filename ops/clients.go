package ops

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/internal/enum"
)

// Client is a kind of Kafka client and what it sends, from which the permissions
// that it needs are derived.
type Client struct {
	Name        string
	Description string
	requests    []Request
}

// The resources that the clients work with.
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

// clients are the kinds of clients, with the requests that each sends in its
// ordinary course. Their topics exist, but for internal ones that are created.
var clients = []Client{
	{
		"producer", "writes to a topic, idempotently as is the default",
		slices.Concat(topicRequests(aTopic, 3, 0), requests(Request{Key: 22})),
	},
	{
		"transactional-producer", "writes to a topic in transactions",
		transactionRequests(aTransactionalID, aTopic),
	},
	{
		"consumer", "reads a topic as a member of a group and commits offsets",
		slices.Concat(memberRequests(aTopic), topicRequests(aTopic, 1, 2, 3, 23)),
	},
	{
		"share-consumer", "reads a topic as a member of a share group and acknowledges records",
		shareRequests(aTopic),
	},
	{
		"streams", "reads and writes topics at least once, with internal topics of its own",
		slices.Concat(streamsRequests(), requests(Request{Key: 22})),
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
		slices.Concat(workerRequests(), topicRequests(internalTopics, 0, 1, 2, 3), creation(internalTopics)),
	},
	{
		"connect-worker-exactly-once", "is a connect-worker with exactly.once.source.support, whose transactional id is connect-cluster- and the group",
		slices.Concat(workerRequests(), topicRequests(internalTopics, 0, 1, 2, 3), creation(internalTopics),
			transactionRequests(aTransactionalID, internalTopics)),
	},
	{
		"sink-connector", "reads a topic for its tasks, as a member of the group connect- and its name",
		slices.Concat(memberRequests(aTopic), topicRequests(aTopic, 1, 2, 3, 23)),
	},
	{
		"source-connector", "writes what its tasks bring to a topic that exists; the worker keeps its offsets",
		topicRequests(aTopic, 0, 3),
	},
	{
		"source-connector-exactly-once", "writes to a topic in transactions, with the offsets of its tasks in a topic, by the transactional ids GROUP-NAME-N of its tasks",
		slices.Concat(transactionRequests(transactionalIDs, aTopic), transactionRequests(transactionalIDs, offsetsTopic),
			topicRequests(offsetsTopic, 1, 2, 3)),
	},
	{
		"dead-letter-topic", "writes the records that a sink connector cannot to a topic, which it creates if it is missing",
		slices.Concat(topicRequests(aTopic, 0, 3), creation(aTopic)),
	},
	{
		"admin-describe", "shows everything that Kafka's administration client can, and changes nothing",
		slices.Concat(topicRequests(aTopic, 2, 3, 61, 75), groupRequests(9, 15, 16, 69, 77, 89, 90), describeRequests()),
	},
	{
		"admin", "does everything that Kafka's administration client can",
		slices.Concat(
			topicRequests(aTopic, 2, 3, 20, 21, 37, 61, 75), creation("NEW-TOPIC"),
			groupRequests(15, 16, 42, 69, 77, 89, 90), memberRequests(aTopic), adminRequests(),
		),
	},
}

// requests completes requests with the newest version, if they have none, and
// sends them to a broker.
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

// topicRequests are requests that name a topic and nothing else.
func topicRequests(topic string, keys ...APIKey) []Request {
	var list []Request
	for _, key := range keys {
		list = append(list, Request{Key: key, Topics: existing(topic)})
	}
	return requests(list...)
}

// creation is the request that creates a topic.
func creation(topic string) []Request {
	return requests(Request{Key: 19, Topics: []Topic{{Name: topic}}})
}

// groupRequests are requests about groups and nothing else.
func groupRequests(keys ...APIKey) []Request {
	var list []Request
	for _, key := range keys {
		list = append(list, Request{Key: key, Groups: []Holder{{Name: aGroup, Topics: existing(aTopic)}}})
	}
	return requests(list...)
}

// workerRequests are those of a member of a group that commits nothing.
func workerRequests() []Request {
	return requests(
		Request{Key: 10, Keys: []string{aGroup}},
		Request{Key: 11, Group: aGroup},
		Request{Key: 12, Group: aGroup},
		Request{Key: 13, Group: aGroup},
		Request{Key: 14, Group: aGroup},
	)
}

// transactionRequests are those of a producer that writes to a topic in transactions.
func transactionRequests(id, topic string) []Request {
	return slices.Concat(topicRequests(topic, 3), requests(
		Request{Key: 10, KeyType: TransactionKey, Keys: []string{id}},
		Request{Key: 22, TransactionalID: new(id)},
		Request{Key: 24, Version: 3, TransactionalID: new(id), Topics: existing(topic)},
		Request{Key: 0, TransactionalID: new(id), TransactionalRecords: true, Topics: existing(topic)},
		Request{Key: 26, TransactionalID: new(id)},
	))
}

// transactionalOffsets are the requests by which the transactions of an application
// commit the offsets of what it has read.
func transactionalOffsets(topic string) []Request {
	return requests(
		Request{Key: 25, TransactionalID: new(transactionalIDs), Group: aGroup},
		Request{Key: 28, TransactionalID: new(transactionalIDs), Group: aGroup, Topics: existing(topic)},
	)
}

// shareRequests are those of a member of a share group.
func shareRequests(topic string) []Request {
	return slices.Concat(topicRequests(topic, 3), requests(
		Request{Key: 10, Keys: []string{aGroup}},
		Request{Key: 76, Group: aGroup, Subscribed: []string{topic}},
		Request{Key: 78, Group: aGroup, Topics: existing(topic)},
		Request{Key: 79, Group: aGroup, Topics: existing(topic)},
	))
}

// streamsRequests are those of a Streams application by both group protocols, without
// those of its producers that name no topic.
func streamsRequests() []Request {
	return slices.Concat(
		memberRequests(inputTopic), topicRequests(inputTopic, 1, 2, 3, 23),
		topicRequests(outputTopic, 0, 3),
		topicRequests(internalTopics, 0, 1, 2, 3, 21), creation(internalTopics),
		requests(
			Request{Key: 8, Group: aGroup, Topics: existing(internalTopics)},
			Request{Key: 88, Group: aGroup, Subscribed: []string{inputTopic, internalTopics}, NewTopics: []string{internalTopics}},
		),
	)
}

// memberRequests are those of a member of a group that consumes a topic, by both
// group protocols.
func memberRequests(topic string) []Request {
	return slices.Concat(workerRequests(), requests(
		Request{Key: 8, Group: aGroup, Topics: existing(topic)},
		Request{Key: 9, Groups: []Holder{{Name: aGroup, Topics: existing(topic)}}},
		Request{Key: 68, Group: aGroup, Subscribed: []string{topic}, Matched: []string{topic}},
	))
}

// adminRequests are those of an administrator that are not about topics and
// groups alone.
func adminRequests() []Request {
	caller := Caller{Principal: "User:ADMIN", Protocol: SASLSSL}
	configs := []ConfigResource{
		{Type: TopicConfig, Name: aTopic, Exists: true}, {Type: GroupConfig, Name: aGroup},
		{Type: BrokerConfig}, {Type: ClientMetricsConfig},
	}
	list := requests(
		Request{Key: 22, TransactionalID: new(aTransactionalID)},
		Request{Key: 32, Resources: configs},
		Request{Key: 33, Resources: configs},
		Request{Key: 44, Resources: configs},
		Request{Key: 44, Resources: []ConfigResource{{Type: BrokerLoggerConfig}}},
		Request{Key: 38, Caller: caller, Owner: anOwner},
		Request{Key: 41, Caller: caller, Tokens: []Token{{ID: aToken, Owner: anOwner}}},
		Request{Key: 47, Group: aGroup, Topics: existing(aTopic)},
		Request{Key: 91, Group: aGroup, Topics: existing(aTopic)},
		Request{Key: 92, Group: aGroup, Topics: existing(aTopic)},
		Request{Key: 60, IncludeClusterOperations: true},
		Request{Key: 65, Transactions: []Holder{{Name: aTransactionalID, Topics: existing(aTopic)}}},
		Request{Key: 66, Transactions: []Holder{{Name: aTransactionalID}}},
	)
	for _, key := range []APIKey{27, 29, 30, 31, 34, 35, 43, 45, 46, 48, 49, 50, 51, 55, 57, 64, 74, 80, 81} {
		list = append(list, requests(Request{Key: key})...)
	}
	return list
}

// describeRequests are those of an administrator who only looks, beside those about
// topics and groups alone.
func describeRequests() []Request {
	list := requests(
		Request{Key: 10, Keys: []string{aGroup}},
		Request{Key: 32, Resources: []ConfigResource{
			{Type: TopicConfig, Name: aTopic, Exists: true}, {Type: GroupConfig, Name: aGroup}, {Type: BrokerConfig}, {Type: ClientMetricsConfig},
		}},
		Request{Key: 41, Caller: Caller{Principal: "User:ADMIN", Protocol: SASLSSL}, Tokens: []Token{{ID: aToken, Owner: anOwner}}},
		Request{Key: 60},
		Request{Key: 65, Transactions: []Holder{{Name: aTransactionalID, Topics: existing(aTopic)}}},
		Request{Key: 66, Transactions: []Holder{{Name: aTransactionalID}}},
	)
	for _, key := range []APIKey{29, 35, 46, 48, 50, 55, 74} {
		list = append(list, requests(Request{Key: key})...)
	}
	return list
}

// Clients returns the kinds of clients, in order of what they need. The caller
// owns the slice.
func Clients() []Client { return slices.Clone(clients) }

// ParseClient returns the kind of client that s names, exactly as in
// [Client.Name]. On error the result is the zero Client, which needs nothing.
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

// Needs returns the smallest set of grants with which everything that the client
// sends is answered in full, ordered by resource type, name and operation. It is
// found by evaluating the requests; of several sets of one size it is the first in
// that order, which has a topic rather than the cluster. The cost is some thousand
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

// extend returns g with the first size of the open grants that make it suffice, or
// nil if none do.
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
