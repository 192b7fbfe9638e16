package gateway_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// busyCluster calls busy whenever it is asked something.
type busyCluster struct {
	cluster
	busy func()
}

func (c busyCluster) FindTopics([][16]byte) { c.busy() }

func (c busyCluster) MissingTopics(names []string) (missing []string, certain bool) {
	c.busy()
	return c.cluster.MissingTopics(names)
}

func (c busyCluster) Topics() ([]string, uint64, bool) { c.busy(); return c.cluster, 1, true }

func (c busyCluster) StreamsTopology(string) (sources, internal []string, code ops.ErrorCode) {
	c.busy()
	return nil, nil, ops.None
}

// askingRequests are requests for which the gateway asks the cluster.
func askingRequests() map[string]kmsg.Request {
	topics := func(name string) (list []kmsg.ProduceRequestTopic) {
		for _, name := range []string{name, "unknown"} {
			list = append(list, kmsg.ProduceRequestTopic{TopicID: idOf(name), Partitions: make([]kmsg.ProduceRequestTopicPartition, 1)})
		}
		return list
	}
	produce := kmsg.NewPtrProduceRequest()
	produce.SetVersion(13)
	produce.Acks, produce.Topics = -1, topics("t1")
	remove := kmsg.NewPtrDeleteTopicsRequest()
	remove.SetVersion(4)
	remove.TopicNames = []string{"t1", "described"}
	heartbeat := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	heartbeat.SetVersion(1)
	heartbeat.Group, heartbeat.MemberID, heartbeat.SubscribedTopicRegex = "g", "m", new("t.*")
	streams := streamsHeartbeat(0, "t1", "g-there")
	streams.SetVersion(0)
	return map[string]kmsg.Request{"Produce": produce, "DeleteTopics": remove, "ConsumerGroupHeartbeat": heartbeat, "StreamsGroupHeartbeat": streams}
}

// TestDecidedOnceTheClusterHasAnswered: questions to the cluster take time. The request
// that is then forwarded was decided by the ACLs after the answer.
func TestDecidedOnceTheClusterHasAnswered(t *testing.T) {
	rights := []string{"All Topic:t1", "Describe Topic:described", "Describe Topic:g-there", "All Group:g"}
	for name, m := range askingRequests() {
		for _, revoked := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				store := allowing(t, rights...)
				asked := 0
				busy := busyCluster{cluster{"t1", "described", "g-there"}, func() {
					if asked++; revoked && asked == 1 {
						remove(t, store, rights...)
					}
				}}
				conn := newGateway(t, gateway.Config{Store: store, Cluster: busy}).Conn(client("alice"))
				plan := decide(t, conn, m)
				require.NotZero(t, asked, "questions to the cluster")
				assert.Equal(t, revoked, len(plan.Forward()) == 0, "revoked, and refused")
				assert.Equal(t, revoked || name == "DeleteTopics", len(plan.Denied) > 0, "denials")
			})
		}
	}
}

// remove takes ACLs out of a store.
func remove(t *testing.T, store *snapshot.Store, lines ...string) {
	t.Helper()
	require.NoError(t, store.Update(func(tx *snapshot.Tx) error {
		for _, line := range lines {
			tx.Remove(allow(t, line))
		}
		return nil
	}))
}

// TestShownOnceTheClusterHasAnswered: questions about the topics in an answer take time
// too. The answer is decided by the ACLs after them.
func TestShownOnceTheClusterHasAnswered(t *testing.T) {
	rights := []string{"Describe Topic:t1", "Describe Group:g"}
	store := allowing(t, rights...)
	busy := busyCluster{cluster{"t1"}, func() { remove(t, store, rights...) }}
	conn := newGateway(t, gateway.Config{Store: store, Cluster: busy}).Conn(client("alice"))
	m := kmsg.NewPtrOffsetFetchRequest()
	m.SetVersion(10)
	m.Groups = []kmsg.OffsetFetchRequestGroup{{Group: "g"}}
	plan := decide(t, conn, m)
	require.Len(t, plan.Forward(), 1)
	reply := m.ResponseKind().(*kmsg.OffsetFetchResponse)
	reply.Groups = []kmsg.OffsetFetchResponseGroup{{Group: "g", Topics: []kmsg.OffsetFetchResponseGroupTopic{{TopicID: idOf("t1")}, {TopicID: idOf("unknown")}}}}
	got := answer[*kmsg.OffsetFetchResponse](t, plan, m, reply)
	require.Len(t, got.Groups, 1)
	assert.Equal(t, int16(ops.GroupAuthorizationFailed), got.Groups[0].ErrorCode)
	assert.Empty(t, got.Groups[0].Topics)
}

// TestRestlessACLs: if the ACLs change with every question to the cluster, the
// connection ends, instead of using the gateway's time.
func TestRestlessACLs(t *testing.T) {
	store := allowing(t, "All Group:g", "Describe Topic:t1")
	asked := 0
	busy := busyCluster{cluster{"t1"}, func() {
		require.Less(t, asked, 100)
		if asked++; asked%2 == 0 {
			remove(t, store, "Read Topic:x")
			return
		}
		require.NoError(t, store.Update(func(tx *snapshot.Tx) error { tx.Add(allow(t, "Read Topic:x")); return nil }))
	}}
	conn := newGateway(t, gateway.Config{Store: store, Cluster: busy}).Conn(client("alice"))
	_, err := conn.Request(frameOf(askingRequests()["ConsumerGroupHeartbeat"]))
	require.ErrorContains(t, err, "the ACLs change faster than the cluster answers")
	assert.Equal(t, 10, asked)
}
