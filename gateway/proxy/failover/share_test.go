package failover_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/kafkatest"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// sharing is a connection of a member of a share group.
type sharing struct {
	t      *testing.T
	client *kgo.Client
	member string
}

// fetch fetches up to a number of records in the session of the member, and returns how many
// it has acquired.
func (s *sharing) fetch(epoch, most int32, topics ...[16]byte) (acquired int64, code int16) {
	return s.send(s.request(epoch, most, topics...))
}

// request returns a fetch.
func (s *sharing) request(epoch, most int32, topics ...[16]byte) *kmsg.ShareFetchRequest {
	m := kmsg.NewPtrShareFetchRequest()
	m.GroupID, m.MemberID, m.ShareSessionEpoch = new("g"), &s.member, epoch
	m.MaxWaitMillis, m.MinBytes, m.MaxBytes, m.MaxRecords, m.BatchSize = 500, 1, 1<<20, most, 1
	m.ShareAcquireMode = 1 // no more records than MaxRecords
	for _, id := range topics {
		topic := kmsg.NewShareFetchRequestTopic()
		topic.TopicID = id
		topic.Partitions = append(topic.Partitions, kmsg.NewShareFetchRequestTopicPartition())
		m.Topics = append(m.Topics, topic)
	}
	return m
}

// send sends a fetch, and returns how many records the member has acquired.
func (s *sharing) send(m *kmsg.ShareFetchRequest) (acquired int64, code int16) {
	response, err := s.client.Broker(1).Request(soon(s.t), m)
	require.NoError(s.t, err)
	r := response.(*kmsg.ShareFetchResponse)
	for _, topic := range r.Topics {
		for _, p := range topic.Partitions {
			for _, a := range p.AcquiredRecords {
				acquired += a.LastOffset - a.FirstOffset + 1
			}
			if p.ErrorCode != 0 {
				code = p.ErrorCode
			}
		}
	}
	if r.ErrorCode != 0 {
		code = r.ErrorCode
	}
	return acquired, code
}

// shareWorld is a cluster with the topics mine, which is empty, and lost, which has records
// that nobody has acquired, and a gate in front of it.
type shareWorld struct {
	t          *testing.T
	gate       *gate
	direct     string // the address of the cluster
	mine, lost [16]byte
	other      *sharing // a member that may read both, at the cluster
}

const sharedRecords = 30

func newShareWorld(t *testing.T) *shareWorld {
	w := &shareWorld{t: t}
	cluster := startCluster(t, *versionFlag, 1)
	cluster.CreateTopics(t, kafkatest.Topic{Name: "mine", Partitions: 1}, kafkatest.Topic{Name: "lost", Partitions: 1})
	admin := adminClient(t, cluster, kgo.DefaultProduceTopic("lost"))
	t.Cleanup(admin.Close)
	config := kmsg.NewPtrIncrementalAlterConfigsRequest()
	group := kmsg.NewIncrementalAlterConfigsRequestResource()
	group.ResourceType, group.ResourceName = kmsg.ConfigResourceTypeGroupConfig, "g"
	group.Configs = []kmsg.IncrementalAlterConfigsRequestResourceConfig{{Name: "share.auto.offset.reset", Value: new("earliest")}}
	config.Resources = append(config.Resources, group)
	_, err := config.RequestWith(soon(t), admin)
	require.NoError(t, err)
	topics, err := kadm.NewClient(admin).ListTopics(soon(t))
	require.NoError(t, err)
	w.mine, w.lost = topics["mine"].ID, topics["lost"].ID

	w.gate, w.direct = newGate(t, cluster, nil), cluster.Bootstrap(kafkatest.Internal)
	w.other = w.open(w.direct, kafkatest.Admin, kafkatest.AdminPassword, "BBBBBBBBBBBBBBBBBBBBBB")
	join := kmsg.NewPtrShareGroupHeartbeatRequest()
	join.GroupID, join.MemberID, join.SubscribedTopicNames = "g", w.other.member, []string{"lost", "mine"}
	eventually(t, func() string {
		r, err := join.RequestWith(soon(t), admin)
		switch {
		case err != nil:
			return err.Error()
		case r.ErrorCode != 0 || r.Assignment == nil:
			return fmt.Sprint("no assignment: error ", r.ErrorCode)
		}
		return ""
	})
	for range sharedRecords {
		require.NoError(t, admin.ProduceSync(soon(t), &kgo.Record{Value: []byte("x")}).FirstErr())
	}
	// The broker reads the state of a partition when it is first fetched. The end of the session
	// releases the record.
	eventually(t, func() string {
		if acquired, code := w.other.fetch(0, 1, w.mine, w.lost); acquired != 1 || code != 0 {
			return fmt.Sprint("acquired ", acquired, ", error ", code)
		}
		return ""
	})
	_, code := w.other.fetch(-1, 0)
	require.Zero(t, code)
	return w
}

// read lets alice read the group and topics, and nothing else.
func (w *shareWorld) read(topics ...string) {
	acls := []acl.Binding{allow("alice", ops.Read, resource.Group, "g")}
	for _, name := range topics {
		acls = append(acls, allow("alice", ops.Read, resource.Topic, name))
	}
	w.gate.setACLs(acls...)
}

// open returns a member with a connection of its own.
func (w *shareWorld) open(address, user, password, member string) *sharing {
	s := &sharing{t: w.t, client: newClient(w.t, address, user, password), member: member}
	w.t.Cleanup(s.client.Close)
	return s
}

// TestShareSessionsOfConnections: Kafka lets a member go on with its share session over any
// connection. A member whose READ is taken away must not acquire records over connections
// that have a session of their own at the proxy.
func TestShareSessionsOfConnections(t *testing.T) {
	const connections = 5
	w := newShareWorld(t)
	w.read("mine", "lost")
	var all []*sharing
	for range connections {
		s := w.open(w.gate.address(), "alice", passwords["alice"], "AAAAAAAAAAAAAAAAAAAAAA")
		eventually(t, func() string {
			if _, code := s.fetch(0, 1, w.mine); code != 0 {
				return fmt.Sprint("error ", code)
			}
			return ""
		})
		all = append(all, s)
	}
	last := w.open(w.gate.address(), "alice", passwords["alice"], "AAAAAAAAAAAAAAAAAAAAAA")
	eventually(t, func() string {
		if acquired, code := last.fetch(0, 1, w.lost); acquired != 1 {
			return fmt.Sprint("acquired ", acquired, ", error ", code)
		}
		return ""
	})
	w.read("mine")
	for i, s := range all {
		acquired, code := s.fetch(int32(1+i), 1)
		t.Logf("connection %d: %d records, error %d", i, acquired, code)
	}
	left, code := w.other.fetch(0, sharedRecords, w.lost)
	require.Zero(t, code)
	assert.EqualValues(t, sharedRecords-1, left, "records for another member: one was acquired before READ was taken away")
}

// TestShareSessionsOfMembers: a connection may have share sessions of several members, and a
// request of one changes no other.
func TestShareSessionsOfMembers(t *testing.T) {
	w := newShareWorld(t)
	w.read("mine", "lost")
	for _, way := range []struct{ name, address, user, password string }{
		{"at the cluster", w.direct, kafkatest.Admin, kafkatest.AdminPassword},
		{"through the proxy", w.gate.address(), "alice", passwords["alice"]},
	} {
		t.Run(way.name, func(t *testing.T) {
			a := w.open(way.address, way.user, way.password, "AAAAAAAAAAAAAAAAAAAAAA")
			b := &sharing{t: t, client: a.client, member: "CCCCCCCCCCCCCCCCCCCCCA"}
			says := func(want int16, of *sharing, epoch int32, topics ...[16]byte) {
				t.Helper()
				_, code := of.fetch(epoch, 1, topics...)
				assert.Equal(t, want, code)
			}
			eventually(t, func() string {
				if _, code := a.fetch(0, 1, w.mine); code != 0 {
					return fmt.Sprint("error ", code)
				}
				return ""
			})
			says(122, b, -1) // SHARE_SESSION_NOT_FOUND
			says(0, a, 1)
			says(0, b, 0, w.mine)
			says(0, a, 2)
			says(0, b, 1)
			says(0, b, -1)
			says(0, a, 3)
			says(122, b, 2)
			says(0, a, -1)
		})
	}
}

// TestSharePartitionsOfRenewals: a session has through the proxy what it has at the cluster
// after a fetch that only renews, and names a partition.
func TestSharePartitionsOfRenewals(t *testing.T) {
	w := newShareWorld(t)
	w.read("mine", "lost")
	acquired := func(address, user, password string) (n int64) {
		s := w.open(address, user, password, "AAAAAAAAAAAAAAAAAAAAAA")
		eventually(t, func() string {
			if _, code := s.fetch(0, 1, w.mine); code != 0 {
				return fmt.Sprint("error ", code)
			}
			return ""
		})
		m := s.request(1, 0, w.lost)
		m.MaxWaitMillis, m.MinBytes, m.MaxBytes, m.IsRenewAck = 0, 0, 0, true
		_, code := s.send(m)
		require.Zero(t, code)
		for i := range int32(5) {
			more, code := s.fetch(2+i, 1)
			require.Zero(t, code)
			n += more
		}
		return n
	}
	want := acquired(w.direct, kafkatest.Admin, kafkatest.AdminPassword)
	assert.Equal(t, want, acquired(w.gate.address(), "alice", passwords["alice"]), "records")
	t.Logf("%d records", want)
}

// TestSharePartitionsOfUnusualRequests: a member whose READ is taken away acquires nothing more
// of a partition, in whatever way its session got it.
func TestSharePartitionsOfUnusualRequests(t *testing.T) {
	for _, tt := range []struct {
		name string
		add  func(*shareWorld, *sharing) *kmsg.ShareFetchRequest
	}{
		{"named by a request that only renews", func(w *shareWorld, s *sharing) *kmsg.ShareFetchRequest {
			m := s.request(1, 0, w.lost)
			m.MaxWaitMillis, m.MinBytes, m.MaxBytes, m.IsRenewAck = 0, 0, 0, true
			return m
		}},
		{"named and forgotten", func(w *shareWorld, s *sharing) *kmsg.ShareFetchRequest {
			m := s.request(1, 1, w.lost)
			m.ForgottenTopicsData = []kmsg.ShareFetchRequestForgottenTopicsData{{TopicID: w.lost, Partitions: []int32{0}}}
			return m
		}},
		{"named and forgotten when the session begins", func(w *shareWorld, s *sharing) *kmsg.ShareFetchRequest {
			m := s.request(0, 1, w.lost)
			m.ForgottenTopicsData = []kmsg.ShareFetchRequestForgottenTopicsData{{TopicID: w.lost, Partitions: []int32{0}}}
			return m
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newShareWorld(t)
			w.read("mine", "lost")
			s := w.open(w.gate.address(), "alice", passwords["alice"], "AAAAAAAAAAAAAAAAAAAAAA")
			eventually(t, func() string {
				if _, code := s.fetch(0, 1, w.mine); code != 0 {
					return fmt.Sprint("error ", code)
				}
				return ""
			})
			m := tt.add(w, s)
			acquired, code := s.send(m)
			t.Logf("%d records, error %d", acquired, code)
			require.Zero(t, code)
			w.read("mine")
			for i := range int32(3) {
				more, code := s.fetch(m.ShareSessionEpoch+1+i, 1)
				t.Logf("after: %d records, error %d", more, code)
				require.Zero(t, more)
			}
			left, code := w.other.fetch(0, sharedRecords, w.lost)
			require.Zero(t, code)
			assert.EqualValues(t, sharedRecords, left, "records for another member: the gateway has released what was acquired")
		})
	}
}

// joined returns a member behind the gate with a session that has topics.
func (w *shareWorld) joined(topics ...[16]byte) *sharing {
	s := w.open(w.gate.address(), "alice", passwords["alice"], "AAAAAAAAAAAAAAAAAAAAAA")
	eventually(w.t, func() string {
		if _, code := s.fetch(0, 5, topics...); code != 0 {
			return fmt.Sprint("error ", code)
		}
		return ""
	})
	return s
}

// left acquires in a new session of the other member what there is for it.
func (w *shareWorld) left() (n int64) {
	topics := [][16]byte{w.lost}
	for epoch, none := int32(0), 0; none < 3; epoch++ {
		more, code := w.other.fetch(epoch, sharedRecords, topics...)
		require.Zero(w.t, code)
		topics = nil
		if n += more; more == 0 {
			none++
		}
	}
	return n
}

// acknowledge acknowledges records of lost, and returns the error of the partition.
func (w *shareWorld) acknowledge(s *sharing, epoch int32, first, last int64, types ...int8) int16 {
	m := kmsg.NewPtrShareAcknowledgeRequest()
	m.GroupID, m.MemberID, m.ShareSessionEpoch = new("g"), &s.member, epoch
	b := kmsg.ShareAcknowledgeRequestTopicPartitionAcknowledgementBatch{FirstOffset: first, LastOffset: last, AcknowledgeTypes: types}
	m.Topics = []kmsg.ShareAcknowledgeRequestTopic{{TopicID: w.lost, Partitions: []kmsg.ShareAcknowledgeRequestTopicPartition{
		{AcknowledgementBatches: []kmsg.ShareAcknowledgeRequestTopicPartitionAcknowledgementBatch{b}},
	}}}
	response, err := s.client.Broker(1).Request(soon(w.t), m)
	require.NoError(w.t, err)
	r := response.(*kmsg.ShareAcknowledgeResponse)
	require.Zero(w.t, r.ErrorCode)
	return r.Topics[0].Partitions[0].ErrorCode
}

// TestShareReleasesAddNoPartition: the gateway releases records that were withheld in a session
// that does not have their partition. The cluster's session does not have it afterwards.
func TestShareReleasesAddNoPartition(t *testing.T) {
	w := newShareWorld(t)
	w.read("mine", "lost")
	require.EqualValues(t, sharedRecords, w.left())
	s := w.joined(w.mine, w.lost)

	m := s.request(1, 5)
	m.MaxWaitMillis = 8000
	polled := make(chan string)
	go func() {
		acquired, code := s.send(m)
		polled <- fmt.Sprintf("%d records, error %d", acquired, code)
	}()
	time.Sleep(time.Second) // the poll waits at the broker
	w.read("mine")
	_, code := w.other.fetch(-1, 0) // releases all
	require.Zero(t, code)
	require.Equal(t, "0 records, error 29", <-polled, "READ was taken away during the poll")
	require.Less(t, w.left(), int64(sharedRecords), "the poll has acquired records")
	_, code = w.other.fetch(-1, 0)
	require.Zero(t, code)

	_, code = s.fetch(0, 5, w.mine)
	require.Zero(t, code)
	w.read("mine", "lost")
	for epoch := range int32(4) {
		if epoch == 2 {
			w.read("mine")
		}
		got, code := s.fetch(1+epoch, 5)
		require.Zero(t, code)
		require.Zero(t, got, "the session does not have the partition")
	}
	assert.EqualValues(t, sharedRecords, w.left(), "records for another member")
}

// TestShareAcknowledgementsThatTheClusterRefuses: what the cluster refuses to acknowledge is
// still acquired, and released when READ is taken away.
func TestShareAcknowledgementsThatTheClusterRefuses(t *testing.T) {
	w := newShareWorld(t)
	w.read("mine", "lost")
	s := w.joined(w.mine)
	acquired, code := s.fetch(1, 5, w.lost)
	require.Zero(t, code)
	require.EqualValues(t, 5, acquired)
	require.NotZero(t, w.acknowledge(s, 2, 0, 4, 7), "there is no such type")
	w.read("mine")
	more, _ := s.fetch(3, 5)
	require.Zero(t, more)
	assert.EqualValues(t, sharedRecords, w.left(), "records for another member")
}

// TestShareReleasesWithoutEndedLocks: the lock of records that a member had acquired has ended,
// and another member has acquired them. Those that the member has acquired since are released
// when READ is taken away.
func TestShareReleasesWithoutEndedLocks(t *testing.T) {
	w := newShareWorld(t)
	config := kmsg.NewPtrIncrementalAlterConfigsRequest()
	group := kmsg.NewIncrementalAlterConfigsRequestResource()
	group.ResourceType, group.ResourceName = kmsg.ConfigResourceTypeGroupConfig, "g"
	group.Configs = []kmsg.IncrementalAlterConfigsRequestResourceConfig{{Name: "share.record.lock.duration.ms", Value: new("15000")}}
	config.Resources = append(config.Resources, group)
	_, err := config.RequestWith(soon(t), w.other.client)
	require.NoError(t, err)
	w.read("mine", "lost")
	s := w.joined(w.mine)
	acquired, code := s.fetch(1, 5, w.lost)
	require.Zero(t, code)
	require.EqualValues(t, 5, acquired)
	time.Sleep(17 * time.Second) // the lock ends
	others, code := w.other.fetch(0, 5, w.lost)
	require.Zero(t, code)
	require.EqualValues(t, 5, others)
	acquired, code = s.fetch(2, 5, w.lost)
	require.Zero(t, code)
	require.EqualValues(t, 5, acquired)
	w.read("mine")
	more, _ := s.fetch(3, 5)
	require.Zero(t, more)
	_, code = w.other.fetch(-1, 0) // releases all
	require.Zero(t, code)
	released := time.Now()
	assert.EqualValues(t, sharedRecords, w.left(), "records for another member")
	assert.Less(t, time.Since(released), 10*time.Second, "before the lock ends")
}
