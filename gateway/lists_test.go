package gateway_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway"
)

// listRequest is a request for everything of a type.
type listRequest struct {
	name     string
	request  kmsg.Request
	versions int16
	kind     string // of the resources
	empty    func(kmsg.Response) bool
}

func listRequests() []listRequest {
	pages := kmsg.NewPtrDescribeTopicPartitionsRequest()
	pages.ResponsePartitionLimit = 10
	return []listRequest{
		{"ListGroups", kmsg.NewPtrListGroupsRequest(), 6, "Group", func(r kmsg.Response) bool {
			return r.(*kmsg.ListGroupsResponse).ErrorCode == 0 && len(r.(*kmsg.ListGroupsResponse).Groups) == 0
		}},
		{"ListTransactions", kmsg.NewPtrListTransactionsRequest(), 3, "TransactionalId", func(r kmsg.Response) bool {
			return r.(*kmsg.ListTransactionsResponse).ErrorCode == 0 && len(r.(*kmsg.ListTransactionsResponse).TransactionStates) == 0
		}},
		{"DescribeTopicPartitions", pages, 1, "Topic", func(r kmsg.Response) bool {
			return r.(*kmsg.DescribeTopicPartitionsResponse).NextCursor == nil && len(r.(*kmsg.DescribeTopicPartitionsResponse).Topics) == 0
		}},
	}
}

// TestListsForNobody: a client that can see nothing of a type gets an empty list of them
// without the cluster, so that it costs the same however many there are. One ALLOW, also of
// an operation that implies Describe, and the cluster is asked.
func TestListsForNobody(t *testing.T) {
	for _, l := range listRequests() {
		for _, tt := range []struct {
			name string
			acls []string
			asks bool
		}{
			{"no ACL", nil, false},
			{"a DENY", []string{"-Describe " + l.kind + ":*"}, false},
			{"an operation that does not show it", []string{"Create " + l.kind + ":*"}, false},
			{"rights to other types", []string{"All Topic:x", "All Group:x", "All TransactionalId:x", "Alter Cluster:kafka-cluster"}, true},
			{"DESCRIBE of one", []string{"Describe " + l.kind + ":x"}, true},
			{"an operation that shows it", []string{"Delete " + l.kind + ":x"}, true},
			{"a DENY of all and an ALLOW of one", []string{"-Describe " + l.kind + ":*", "Describe " + l.kind + ":x"}, true},
			{"DESCRIBE of the cluster", []string{"Describe Cluster:kafka-cluster"}, l.kind == "Group"},
		} {
			t.Run(l.name+", "+tt.name, func(t *testing.T) {
				for version := range l.versions {
					conn := newGateway(t, gateway.Config{Store: allowing(t, tt.acls...)}).Conn(client("alice"))
					l.request.SetVersion(version)
					plan := decide(t, conn, l.request)
					if require.Equal(t, tt.asks, plan.Frames() == 1, "version %d: the cluster is asked", version); tt.asks {
						continue
					}
					assert.Empty(t, plan.Denied)
					assert.True(t, l.empty(answer[kmsg.Response](t, plan, l.request)), "version %d", version)
				}
			})
		}
	}
}

// TestStatesOfNoTransactions: the states that Kafka does not know are in the answer also of a
// client that can see no transaction.
func TestStatesOfNoTransactions(t *testing.T) {
	conn := newGateway(t, gateway.Config{Store: allowing(t)}).Conn(client("alice"))
	for version := range int16(3) {
		m := kmsg.NewPtrListTransactionsRequest()
		m.SetVersion(version)
		m.StateFilters = []string{"Ongoing", "x", "PrepareEpochFence", "ongoing", "x", "Dead"}
		r := answer[*kmsg.ListTransactionsResponse](t, decide(t, conn, m), m)
		assert.Equal(t, []string{"ongoing", "x"}, r.UnknownStateFilters)
	}
}

// TestPagesForNobody: a cursor that the gateway did not make is refused also for a client
// that can see no topic.
func TestPagesForNobody(t *testing.T) {
	store := allowing(t, "Describe Topic:a")
	g := newGateway(t, gateway.Config{Store: store})
	m := kmsg.NewPtrDescribeTopicPartitionsRequest()
	plan := decide(t, g.Conn(client("alice")), m)
	reply := m.ResponseKind().(*kmsg.DescribeTopicPartitionsResponse)
	reply.NextCursor = &kmsg.DescribeTopicPartitionsResponseNextCursor{Topic: "secret"}
	cursor := answer[*kmsg.DescribeTopicPartitionsResponse](t, plan, m, reply).NextCursor
	require.NotNil(t, cursor)
	remove(t, store, "Describe Topic:a")
	for _, tt := range []struct {
		topic string
		want  string
	}{{cursor.Topic, "[]"}, {"secret", "[42]"}} {
		m.Cursor = &kmsg.DescribeTopicPartitionsRequestCursor{Topic: tt.topic}
		plan := decide(t, g.Conn(client("alice")), m)
		require.Zero(t, plan.Frames())
		r := answer[*kmsg.DescribeTopicPartitionsResponse](t, plan, m)
		codes := []int16{}
		for _, topic := range r.Topics {
			codes = append(codes, topic.ErrorCode)
		}
		assert.Equal(t, tt.want, fmt.Sprint(codes))
		assert.Nil(t, r.NextCursor)
	}
}
