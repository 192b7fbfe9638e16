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
		slices.Concat(topicRequests(aTopic, 3), requests(
			Request{Key: 10, KeyType: TransactionKey, Keys: []string{aTransactionalID}},
			Request{Key: 22, TransactionalID: new(aTransactionalID)},
			Request{Key: 24, Version: 3, TransactionalID: new(aTransactionalID), Topics: existing(aTopic)},
			Request{Key: 0, TransactionalID: new(aTransactionalID), TransactionalRecords: true, Topics: existing(aTopic)},
			Request{Key: 26, TransactionalID: new(aTransactionalID)},
		)),
	},
	{
		"consumer", "reads a topic as a member of a group and commits offsets",
		slices.Concat(memberRequests(aTopic), topicRequests(aTopic, 1, 2, 3, 23)),
	},
	{
		"streams", "reads and writes topics at least once, with internal topics of its own",
		slices.Concat(
			memberRequests(inputTopic), topicRequests(inputTopic, 1, 2, 3, 23),
			topicRequests(outputTopic, 0, 3),
			topicRequests(internalTopics, 0, 1, 2, 3, 21), creation(internalTopics),
			requests(
				Request{Key: 8, Group: aGroup, Topics: existing(internalTopics)},
				Request{Key: 22},
				Request{Key: 88, Group: aGroup, Subscribed: []string{inputTopic, internalTopics}, NewTopics: []string{internalTopics}},
			),
		),
	},
	{
		"connect-worker", "keeps its state in internal topics that it creates, as a member of a group of workers",
		slices.Concat(workerRequests(), topicRequests(internalTopics, 0, 1, 2, 3), creation(internalTopics)),
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
