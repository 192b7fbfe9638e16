package proxy_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/gateway/relay"
	"github.com/portcullis-authz/portcullis/principal"
)

// consumerHeartbeat is a heartbeat of a member that subscribes to a pattern, if it is not "".
func consumerHeartbeat(member, pattern string) *kmsg.ConsumerGroupHeartbeatRequest {
	m := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	m.Group, m.MemberID = "g", member
	if pattern != "" {
		m.SubscribedTopicRegex = &pattern
	}
	return m
}

// TestPatternsHaveTurns: patterns are matched with all topics one at a time for a principal, in
// the turns of its lists, so that the principal does not occupy all cores over many connections.
func TestPatternsHaveTurns(t *testing.T) {
	c := newLargeCluster(t, 1_000, 1)
	rights := func(name string) []string {
		return []string{name + " ALLOW READ GROUP g", name + " ALLOW DESCRIBE TOPIC topic-000000"}
	}
	p := start(t, nil, proxy.Config{
		Store: store(t, append(rights("bob"), rights("alice")...)...), Upstream: relay.Upstream{Brokers: []string{c.Addr().String()}},
	})
	login := func(name string) *wire {
		w := dial(t, p.Addresses()[0])
		w.login(name, passwords[name])
		_ = w.SetDeadline(time.Now().Add(20 * time.Second))
		return w
	}
	waits, other, alice := login("bob"), login("bob"), login("alice")
	assert.Zero(t, waits.ask(consumerHeartbeat("m0", ""), 1).(*kmsg.ConsumerGroupHeartbeatResponse).ErrorCode, "so that it is connected to the broker")
	done := p.TakeTurnOfLists(principal.User("bob"))
	answered := make(chan int16, 1)
	go func() {
		answered <- waits.ask(consumerHeartbeat("m1", "topic-.*"), 1).(*kmsg.ConsumerGroupHeartbeatResponse).ErrorCode
	}()
	eventually(t, "the topics are asked for", func() bool { return c.asked.Load() > 0 })
	assert.Zero(t, alice.ask(consumerHeartbeat("m2", "topic-.*"), 1).(*kmsg.ConsumerGroupHeartbeatResponse).ErrorCode)
	assert.Zero(t, other.ask(consumerHeartbeat("m3", ""), 1).(*kmsg.ConsumerGroupHeartbeatResponse).ErrorCode, "no pattern")
	select {
	case <-answered:
		require.Fail(t, "a pattern is resolved out of turn")
	case <-time.After(2100 * time.Millisecond): // and the list of topics is old
	}
	assert.EqualValues(t, 3, c.told.Load())
	done()
	assert.Zero(t, <-answered)
	assert.EqualValues(t, 4, c.told.Load())
	assert.EqualValues(t, 1, c.asked.Load(), "in its turn it asks for nothing: others wait")
}

// TestPatternsOfTransactionsHaveTurns: an answer is matched with a pattern of the client in the
// turn of its principal, also if it is small.
func TestPatternsOfTransactionsHaveTurns(t *testing.T) {
	c := newLargeCluster(t, 1, 1)
	p := start(t, nil, proxy.Config{
		Store: store(t, "bob ALLOW DESCRIBE TRANSACTIONAL_ID mine"), Upstream: relay.Upstream{Brokers: []string{c.Addr().String()}},
	})
	waits, other := dial(t, p.Addresses()[0]), dial(t, p.Addresses()[0])
	for _, w := range []*wire{waits, other} {
		w.login("bob", passwords["bob"])
		_ = w.SetDeadline(time.Now().Add(20 * time.Second))
	}
	done := p.TakeTurnOfLists(principal.User("bob"))
	list := kmsg.NewPtrListTransactionsRequest()
	require.Zero(t, other.ask(list, 2).(*kmsg.ListTransactionsResponse).ErrorCode, "no pattern")
	list.TransactionalIDPattern = new("m.*")
	answered := make(chan int16, 1)
	go func() { answered <- waits.ask(list, 2).(*kmsg.ListTransactionsResponse).ErrorCode }()
	select {
	case <-answered:
		require.Fail(t, "a pattern is matched out of turn")
	case <-time.After(300 * time.Millisecond):
	}
	done()
	assert.Zero(t, <-answered)
	assert.Zero(t, waits.ask(list, 2).(*kmsg.ListTransactionsResponse).ErrorCode, "the next answer is read as well")
}

// TestTopologiesHaveRoom: heartbeats of a few bytes make the proxy hold no more than there is
// room for, however many connections send them, although the group has many topics.
func TestTopologiesHaveRoom(t *testing.T) {
	const clients, topics = 40, 20_000
	c := newLargeCluster(t, 1, 1)
	group := kmsg.NewStreamsGroupDescribeResponseGroup()
	group.Group, group.Topology = "g", new(kmsg.NewStreamsGroupDescribeResponseGroupTopology())
	sub := kmsg.NewStreamsGroupDescribeResponseGroupTopologySubtopology()
	for i := range topics {
		sub.StateChangelogTopics = append(sub.StateChangelogTopics, kmsg.TopicInfo{Topic: fmt.Sprintf("%s-%06d", strings.Repeat("n", 100), i)})
	}
	group.Topology.Subtopologies = append(group.Topology.Subtopologies, sub)
	description := kmsg.NewPtrStreamsGroupDescribeResponse()
	description.Groups = append(description.Groups, group)
	c.topology = description.AppendTo([]byte{0})
	p := start(t, nil, proxy.Config{
		Store: store(t, "bob ALLOW READ GROUP g", "bob ALLOW DESCRIBE TOPIC *"), Upstream: relay.Upstream{Brokers: []string{c.Addr().String()}},
		Limits: relay.Limits{FrameBytes: mebibyte, FramesBytes: 16 * mebibyte},
	})
	heartbeat := kmsg.NewPtrStreamsGroupHeartbeatRequest()
	heartbeat.Group, heartbeat.MemberID, heartbeat.MemberEpoch = "g", "m", 1
	most := mostMemory(func() {
		for range clients {
			w := dial(t, p.Addresses()[0])
			w.login("bob", passwords["bob"])
			w.send(heartbeat, 0)
		}
		time.Sleep(10 * time.Second)
	})
	t.Logf("%d MiB at most", most)
	assert.Less(t, most, int64(64))
}

// TestTurnOfOneWhoLeft: what waits for its turn ends soon after its client has left, and for a
// client that stays when that takes too long.
func TestTurnOfOneWhoLeft(t *testing.T) {
	all := kmsg.NewPtrMetadataRequest()
	all.Topics = nil
	for _, tt := range []struct {
		name    string
		request kmsg.Request
		version int16
	}{{"a pattern", consumerHeartbeat("m1", "topic-.*"), 1}, {"all topics", all, 12}} {
		t.Run(tt.name, func(t *testing.T) {
			c := newLargeCluster(t, 10_000, 1)
			begin := func(limits relay.Limits) (p *running, waits []*wire, done func()) {
				started := start(t, nil, proxy.Config{
					Store:    store(t, "bob ALLOW READ GROUP g", "bob ALLOW DESCRIBE TOPIC topic-000000"),
					Upstream: relay.Upstream{Brokers: []string{c.Addr().String()}}, Limits: limits,
				})
				done = started.TakeTurnOfLists(principal.User("bob"))
				for range 5 {
					w := dial(t, started.Addresses()[0])
					w.login("bob", passwords["bob"])
					w.send(tt.request, tt.version)
					waits = append(waits, w)
				}
				time.Sleep(200 * time.Millisecond)
				return started, waits, done
			}
			t.Run("who left", func(t *testing.T) {
				p, waits, done := begin(relay.Limits{Drain: 500 * time.Millisecond})
				defer done()
				for _, w := range waits {
					require.NoError(t, w.Close())
				}
				eventually(t, "no connection is left", func() bool { left, _ := p.Strangers(); return left == 0 })
			})
			t.Run("who stays", func(t *testing.T) {
				_, waits, done := begin(relay.Limits{Frame: 2 * time.Second})
				defer done()
				for _, w := range waits {
					w.closed("the time for a turn")
				}
			})
		})
	}
}
