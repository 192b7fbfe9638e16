package gateway_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// turns counts the turns of a client, and calls before in each.
type turns struct {
	taken  int
	before func()
	none   bool // there is no turn for the client
}

func (c *turns) turn(decide func()) bool {
	if c.none {
		return false
	}
	c.taken++
	if c.before != nil {
		c.before()
	}
	decide()
	return true
}

// largeGroup is a streams group with so many internal topics.
func largeGroup(topics int) *streamsCluster {
	c := &streamsCluster{cluster: cluster{"in"}, sources: []string{"in"}}
	for i := range topics {
		c.internal = append(c.internal, fmt.Sprintf("%s-%06d", strings.Repeat("n", 100), i))
	}
	return c
}

// TestCostlyRequestsWaitForTheirTurn: a request of a few bytes that costs as much as the cluster
// has is decided in the turn of its client, and no other request is.
func TestCostlyRequestsWaitForTheirTurn(t *testing.T) {
	rights := []string{"Read Group:g", "Describe Topic:*"}
	heartbeat := func(pattern *string) kmsg.Request {
		m := kmsg.NewPtrConsumerGroupHeartbeatRequest()
		m.SetVersion(1)
		m.Group, m.MemberID, m.SubscribedTopicRegex = "g", "m", pattern
		return m
	}
	for _, tt := range []struct {
		name    string
		rights  []string
		cluster gateway.Cluster
		request kmsg.Request
		turns   int
	}{
		{"a pattern", rights, &topicList{cluster: cluster{"t"}}, heartbeat(new("t")), 1},
		{"no pattern", rights, &topicList{cluster: cluster{"t"}}, heartbeat(nil), 0},
		{"a pattern of a client that may describe nothing", rights[:1], &topicList{cluster: cluster{"t"}}, heartbeat(new("t")), 1},
		{"a pattern of a client without the group", rights[1:], &topicList{cluster: cluster{"t"}}, heartbeat(new("t")), 0},
		{"a pattern, and no topics", rights, &topicList{}, heartbeat(new("t")), 1},
		{"a large topology", rights, largeGroup(1_000), streamsHeartbeat(1, ""), 1},
		{"a topology", rights, largeGroup(999), streamsHeartbeat(1, ""), 0},
		{"a large topology of a client that may create it", append(rights, "Create Cluster:kafka-cluster"), largeGroup(1_000), streamsHeartbeat(1, ""), 0},
		{"a large topology of a client without the group", rights[1:], largeGroup(1_000), streamsHeartbeat(1, ""), 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := newGateway(t, gateway.Config{Store: allowing(t, tt.rights...), Cluster: tt.cluster})
			c, alice := &turns{}, client("alice")
			alice.Turn = c.turn
			want, got := decide(t, g.Conn(client("alice")), tt.request), decide(t, g.Conn(alice), tt.request)
			assert.Equal(t, tt.turns, c.taken)
			assert.Equal(t, want.Denied, got.Denied)
			assert.Equal(t, want.Forward(), got.Forward(), "the same as without turns")

			c.none = true
			plan, err := g.Conn(alice).Request(frameOf(tt.request))
			if tt.turns == 0 {
				require.NoError(t, err)
				return
			}
			require.ErrorAs(t, err, new(*gateway.FrameError))
			assert.Nil(t, plan)
		})
	}
}

// TestDecidedInTheTurn: a request is decided by the ACLs and the topics of its turn, not by those
// of when it began to wait.
func TestDecidedInTheTurn(t *testing.T) {
	store := allowing(t, "Read Group:g", "Describe Topic:*")
	c, topics, alice := &turns{}, &topicList{cluster: cluster{"t1"}}, client("alice")
	alice.Turn = c.turn
	conn := newGateway(t, gateway.Config{Store: store, Cluster: topics}).Conn(alice)
	member := consumer{t, conn, "m"}
	c.before = func() { topics.set("t1", "t2") }
	assert.Equal(t, "t1 t2", member.sends(nil, new("t.*"), 0, 0))
	topics.set("t1", "t2", "t3")
	c.before = nil
	assert.Equal(t, "t1 t2 t3", member.sends(nil, nil, 1, 0), "again, once the topics have changed")
	c.before = func() {
		require.NoError(t, store.Update(func(tx *snapshot.Tx) error { tx.Add(allow(t, "-Read Group:g")); return nil }))
	}
	topics.set("t1")
	assert.Equal(t, fmt.Sprint("refused ", int16(ops.GroupAuthorizationFailed)), member.sends(nil, nil, 2, 0))
	assert.Equal(t, 3, c.taken)
}

// freshLists is a cluster with other topics whenever it is asked.
type freshLists struct {
	cluster
	asked uint64
}

func (l *freshLists) Topics() (names []string, version uint64, ok bool) {
	l.asked++
	for i := range 1_000 {
		names = append(names, fmt.Sprintf("%s-%06d-%d", strings.Repeat("n", 100), i, l.asked))
	}
	return names, l.asked, true
}

// TestRequestsThatWaitKeepNoTopics: heartbeats that wait for their turn do not each keep the topics
// that there were when they began.
func TestRequestsThatWaitKeepNoTopics(t *testing.T) {
	const waiting = 100
	g := newGateway(t, gateway.Config{Store: allowing(t, "Read Group:g", "Describe Topic:t"), Cluster: &freshLists{}})
	m := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	m.SetVersion(1)
	m.Group, m.MemberID, m.SubscribedTopicRegex = "g", "m", new("t")
	before, kept := heap(), 0
	var send func(left int)
	send = func(left int) {
		alice := client("alice")
		alice.Turn = func(decide func()) bool {
			if left > 0 {
				send(left - 1) // while this one waits
			} else {
				kept = heap() - before
			}
			decide()
			return true
		}
		decide(t, g.Conn(alice), m)
	}
	send(waiting)
	t.Logf("%d bytes are kept by %d requests", kept, waiting)
	require.Positive(t, kept)
	assert.Less(t, kept, waiting*16<<10, "a list has more than 100 KiB")
}

// TestTopologiesCount: what a heartbeat keeps of the topology of its group, and what its answer
// takes, is in Plan.Memory.
func TestTopologiesCount(t *testing.T) {
	const topics = 20_000
	c := &allOrNone{streamsCluster: *largeGroup(topics)}
	c.sources = nil // so that what is missing are internal topics
	g := newGateway(t, gateway.Config{Store: allowing(t, "Read Group:g", "Describe Topic:*"), Cluster: c})
	conn, frame := g.Conn(client("alice")), frameOf(streamsHeartbeat(1, ""))
	before := heap()
	plan, err := conn.Request(frame)
	require.NoError(t, err)
	kept := heap() - before
	runtime.KeepAlive(c)
	var start, end runtime.MemStats
	runtime.ReadMemStats(&start)
	answer, err := plan.Response()
	require.NoError(t, err)
	runtime.ReadMemStats(&end)
	took := int(end.TotalAlloc - start.TotalAlloc)
	t.Logf("%d bytes: %d kept, %d for an answer of %d, %d counted", len(frame), kept, took, len(answer), plan.Memory())
	assert.Greater(t, len(answer), topics*100)
	assert.LessOrEqual(t, kept+took, int(plan.Memory()))
	assert.LessOrEqual(t, int(plan.Memory()), 2*(kept+took)+1<<20, "and not far more")
}
