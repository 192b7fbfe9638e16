package proxy_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/gateway/relay"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// largeCluster is an upstream of one broker with many topics. All its answers to who asks
// for all topics are the same bytes, so that they take no memory of this process.
type largeCluster struct {
	net.Listener
	all      []byte // what follows the header of the answer
	topics   map[string]kmsg.MetadataResponseTopic
	topology []byte       // of what it says of a streams group
	asked    atomic.Int32 // for all topics
	told     atomic.Int32 // heartbeats of consumer groups
}

// newLargeCluster starts one, with topics of a number of partitions.
func newLargeCluster(t *testing.T, topics, partitions int) *largeCluster {
	c := &largeCluster{Listener: openPort(t), topics: map[string]kmsg.MetadataResponseTopic{}}
	r := c.metadata()
	for i := range topics {
		topic := kmsg.NewMetadataResponseTopic()
		topic.Topic, topic.TopicID = new(fmt.Sprintf("topic-%06d", i)), [16]byte{1, byte(i >> 16), byte(i >> 8), byte(i)}
		for n := range partitions {
			p := kmsg.NewMetadataResponseTopicPartition()
			p.Partition, p.Replicas, p.ISR = int32(n), []int32{1, 2, 3}, []int32{1, 2, 3}
			topic.Partitions = append(topic.Partitions, p)
		}
		r.Topics = append(r.Topics, topic)
		c.topics[*topic.Topic] = topic
	}
	c.all = r.AppendTo([]byte{0})
	go acceptAll(c, func(client net.Conn) { answerEach(client, c.answer) })
	return c
}

func (c *largeCluster) metadata() *kmsg.MetadataResponse {
	r := kmsg.NewPtrMetadataResponse()
	r.Version = 12
	b := kmsg.NewMetadataResponseBroker()
	address := c.Addr().(*net.TCPAddr)
	b.NodeID, b.Host, b.Port = 1, "127.0.0.1", int32(address.Port)
	r.Brokers = append(r.Brokers, b)
	return r
}

// answer answers ApiVersions, Metadata of version 12, and what is asked about groups, and never
// a Fetch.
func (c *largeCluster) answer(request kmsg.Request) []byte {
	m, ok := request.(*kmsg.MetadataRequest)
	switch {
	case ok && (m.Topics == nil || !m.AllowAutoTopicCreation && len(m.Topics) >= len(c.topics) || len(m.Topics) > 0 && m.Topics[0].Topic == nil):
		c.asked.Add(1)
		return c.all
	case ok && len(m.Topics) > 0 && !m.AllowAutoTopicCreation:
		c.asked.Add(1)
		r := c.metadata()
		for _, asked := range m.Topics {
			topic, found := c.topics[*asked.Topic]
			if !found {
				topic = kmsg.NewMetadataResponseTopic()
				topic.Topic, topic.ErrorCode = asked.Topic, kerr.UnknownTopicOrPartition.Code
			}
			r.Topics = append(r.Topics, topic)
		}
		return r.AppendTo([]byte{0})
	case ok:
		return c.metadata().AppendTo([]byte{0})
	}
	switch request.(type) {
	case *kmsg.FetchRequest:
		return nil
	case *kmsg.ConsumerGroupHeartbeatRequest:
		c.told.Add(1)
		return request.ResponseKind().AppendTo([]byte{0})
	case *kmsg.ListTransactionsRequest:
		return request.ResponseKind().AppendTo([]byte{0})
	case *kmsg.StreamsGroupDescribeRequest:
		return c.topology
	}
	r := request.ResponseKind().(*kmsg.ApiVersionsResponse)
	for _, k := range []struct{ key, max int16 }{{3, 12}, {18, 3}, {66, 2}, {68, 1}, {88, 0}, {89, 0}} {
		key := kmsg.NewApiVersionsResponseApiKey()
		key.ApiKey, key.MaxVersion = k.key, k.max
		if k.key == 3 {
			key.MinVersion = k.max
		}
		r.ApiKeys = append(r.ApiKeys, key)
	}
	return r.AppendTo(nil)
}

// TestAnswersHaveRoom: what the upstream answers takes no more memory than there is room
// for, however many connections somebody asks over who may see one topic that is not there.
func TestAnswersHaveRoom(t *testing.T) {
	const clients, patience = 100, 5 * time.Minute // on a busy machine the answers take a minute
	two := kmsg.NewPtrMetadataRequest()
	two.AllowAutoTopicCreation = true
	for _, name := range []string{"mine", "topic-000000"} {
		two.Topics = append(two.Topics, kmsg.MetadataRequestTopic{Topic: &name})
	}
	for _, tt := range []struct {
		name               string
		request            *kmsg.MetadataRequest
		topics, partitions int // of the cluster
	}{
		{"all topics", kmsg.NewPtrMetadataRequest(), 10_000, 3},
		{"one topic to create and one to describe", two, 1, 20_000},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newLargeCluster(t, tt.topics, tt.partitions)
			p := start(t, nil, proxy.Config{
				Store:    store(t, "bob ALLOW DESCRIBE TOPIC mine", "bob ALLOW CREATE TOPIC mine", "bob ALLOW DESCRIBE TOPIC topic-000000"),
				Upstream: relay.Upstream{Brokers: []string{c.Addr().String()}},
				Limits:   relay.Limits{FrameBytes: mebibyte, FramesBytes: 32 * mebibyte, Frame: patience},
			})
			var all []*wire
			for range clients {
				w := dial(t, p.Addresses()[0])
				_ = w.SetDeadline(time.Now().Add(patience))
				w.login("bob", passwords["bob"])
				all = append(all, w)
			}
			most := mostMemory(func() {
				var asking sync.WaitGroup
				for _, w := range all {
					w.send(tt.request, 12)
					asking.Go(func() {
						var size [4]byte
						_, err := io.ReadFull(w, size[:])
						assert.NoError(t, err)
						_, err = io.CopyN(io.Discard, w, int64(binary.BigEndian.Uint32(size[:])))
						assert.NoError(t, err)
					})
				}
				asking.Wait()
			})
			assert.EqualValues(t, clients, c.asked.Load())
			t.Logf("an answer of %d bytes: %d MiB", len(c.all), most)
			assert.Less(t, most, int64(40))
		})
	}
}

// TestAnswersOfOneHoldUpNobody: somebody who asks for much and does not read it leaves room
// for the answers to others.
func TestAnswersOfOneHoldUpNobody(t *testing.T) {
	c := newLargeCluster(t, 60_000, 3) // an answer of 10 MB, more than the buffers of a connection hold
	p := start(t, nil, proxy.Config{
		Store: store(t, "bob ALLOW DESCRIBE TOPIC topic…", "alice ALLOW DESCRIBE TOPIC mine"), Upstream: relay.Upstream{Brokers: []string{c.Addr().String()}},
		Limits: relay.Limits{FrameBytes: mebibyte, FramesBytes: 128 * mebibyte},
	})
	request := kmsg.NewPtrMetadataRequest()
	for range 12 {
		w := dial(t, p.Addresses()[0])
		_ = w.Conn.(*net.TCPConn).SetReadBuffer(4 << 10)
		w.login("bob", passwords["bob"])
		w.send(request, 12)
	}
	eventually(t, "answers are held", func() bool { return c.asked.Load() == 12 && p.FramesHeld() > 25*mebibyte })
	w := dial(t, p.Addresses()[0])
	w.login("alice", passwords["alice"])
	_ = w.SetDeadline(time.Now().Add(20 * time.Second))
	assert.Empty(t, w.ask(request, 12).(*kmsg.MetadataResponse).Topics)
}

// TestListsHaveTurns: lists of all topics are decided about one at a time for a principal, so
// that it occupies one core at the most. Its other answers, and the lists of others, do not
// wait for that.
func TestListsHaveTurns(t *testing.T) {
	c := newLargeCluster(t, 1_000, 3)
	p := start(t, nil, proxy.Config{
		Store: store(t, "bob ALLOW DESCRIBE TOPIC topic-000000", "alice ALLOW DESCRIBE TOPIC topic-000000"), Upstream: relay.Upstream{Brokers: []string{c.Addr().String()}},
	})
	all, some := kmsg.NewPtrMetadataRequest(), kmsg.NewPtrMetadataRequest()
	some.Topics = []kmsg.MetadataRequestTopic{{Topic: new("topic-000000")}}
	login := func(name string) *wire {
		w := dial(t, p.Addresses()[0])
		w.login(name, passwords[name])
		_ = w.SetDeadline(time.Now().Add(20 * time.Second))
		return w
	}
	waits, other, alice := login("bob"), login("bob"), login("alice")
	done := p.TakeTurnOfLists(principal.User("bob"))
	answered := make(chan int, 1)
	go func() { answered <- len(waits.ask(all, 12).(*kmsg.MetadataResponse).Topics) }()
	eventually(t, "the cluster has answered", func() bool { return c.asked.Load() > 0 })
	assert.Len(t, alice.ask(all, 12).(*kmsg.MetadataResponse).Topics, 1)
	assert.NotEmpty(t, other.ask(some, 12).(*kmsg.MetadataResponse).Topics, "no list")
	select {
	case <-answered:
		require.Fail(t, "a list is decided about out of turn")
	case <-time.After(100 * time.Millisecond):
	}
	done()
	assert.Equal(t, 1, <-answered)
}

// Answers that the proxy makes itself take no more memory than there is room for,
// however many connections ask.
func TestDescribedACLsHaveRoom(t *testing.T) {
	const clients, acls = 40, 100_000
	s := store(t)
	require.NoError(t, s.Update(func(tx *snapshot.Tx) error {
		tx.Add(acl.Binding{
			Pattern: resource.Pattern{Type: resource.Cluster, Name: resource.ClusterName, PatternType: resource.Literal},
			Entry:   acl.Entry{Principal: "User:bob", Host: "*", Operation: ops.Describe, Permission: acl.Allow},
		})
		for i := range acls {
			tx.Add(acl.Binding{
				Pattern: resource.Pattern{Type: resource.Topic, Name: fmt.Sprintf("some-department.topic-%06d", i), PatternType: resource.Literal},
				Entry:   acl.Entry{Principal: "User:somebody", Host: "*", Operation: ops.Read, Permission: acl.Allow},
			})
		}
		return nil
	}))
	p := start(t, upstream(t), proxy.Config{
		Store: s, ACLs: gateway.ShowACLs, Limits: relay.Limits{FrameBytes: mebibyte, FramesBytes: 8 * mebibyte},
	})
	request := kmsg.NewPtrDescribeACLsRequest()
	request.ResourceType, request.ResourcePatternType = kmsg.ACLResourceTypeAny, kmsg.ACLResourcePatternTypeAny
	request.Operation, request.PermissionType = kmsg.ACLOperationAny, kmsg.ACLPermissionTypeAny
	most := mostMemory(func() {
		for range clients {
			p.reluctant(t, time.Minute).send(request, 3)
		}
		time.Sleep(10 * time.Second)
	})
	t.Logf("%d MiB at most are kept for clients that do not read", most)
	assert.Less(t, most, int64(48))
}

// Answers that refuse the requests of a user without rights count as long as the user
// does not read them, over all connections.
func TestRefusalsThatAreNotReadHaveRoom(t *testing.T) {
	const clients, keys = 40, 95_000
	p := start(t, upstream(t), proxy.Config{
		Store: store(t), Limits: relay.Limits{FrameBytes: 4 * mebibyte, FramesBytes: 16 * mebibyte},
	})
	request := kmsg.NewPtrFindCoordinatorRequest()
	request.Version = 4
	for i := range keys {
		request.CoordinatorKeys = append(request.CoordinatorKeys, fmt.Sprintf("%040x", i))
	}
	frame := kmsg.NewRequestFormatter(kmsg.FormatterClientID("wire")).AppendRequest(nil, request, 7)
	request = nil
	defer debug.SetGCPercent(debug.SetGCPercent(10))
	runtime.GC()
	before := heap()
	for range clients {
		w := dial(t, p.Addresses()[0])
		_ = w.Conn.(*net.TCPConn).SetReadBuffer(4 << 10)
		w.login("bob", passwords["bob"])
		go func() { _, _ = w.Conn.Write(frame) }() // which waits for room
	}
	kept := int64(0)
	for until := time.Now().Add(10 * time.Second); time.Now().Before(until); time.Sleep(500 * time.Millisecond) {
		runtime.GC()
		kept = max(kept, int64(heap()-before)/mebibyte)
	}
	t.Logf("%d requests of %d bytes: %d MiB are kept for clients that do not read", clients, len(frame), kept)
	assert.Less(t, kept, int64(48))
}
