package gateway_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway"
)

// as returns a fetch as that of another member.
func as(group, member string, m *kmsg.ShareFetchRequest) *kmsg.ShareFetchRequest {
	m.GroupID, m.MemberID = &group, &member
	return m
}

// TestShareSessionsOfMembers: whatever another member of a connection does, and whatever the
// cluster answers to that, the session of a member stays as it is.
func TestShareSessionsOfMembers(t *testing.T) {
	type request func(s *shareMember, epoch int32, names ...string)
	fetch := func(answer func(*kmsg.ShareFetchResponse)) request {
		return func(s *shareMember, epoch int32, names ...string) {
			s.epoch = epoch
			m := as("g", "other", s.fetch(names...))
			plan := decide(s.T, s.conn, m)
			r := reply(m, "lost 20-29")
			if answer(r); len(plan.Forward()) > 0 {
				s.told(plan, m, r)
			}
		}
	}
	fine, failed := fetch(func(*kmsg.ShareFetchResponse) {}), fetch(func(r *kmsg.ShareFetchResponse) { r.ErrorCode = 122 })
	acknowledge := func(s *shareMember, epoch int32, names ...string) {
		s.epoch = epoch
		m := kmsg.NewPtrShareAcknowledgeRequest()
		m.SetVersion(2)
		m.GroupID, m.MemberID, m.ShareSessionEpoch = new("g"), new("other"), epoch
		for _, of := range s.fetch(names...).Topics {
			b := kmsg.ShareAcknowledgeRequestTopicPartitionAcknowledgementBatch(of.Partitions[0].AcknowledgementBatches[0])
			m.Topics = append(m.Topics, kmsg.ShareAcknowledgeRequestTopic{TopicID: of.TopicID, Partitions: []kmsg.ShareAcknowledgeRequestTopicPartition{
				{Partition: 7, AcknowledgementBatches: []kmsg.ShareAcknowledgeRequestTopicPartitionAcknowledgementBatch{b}},
			}})
		}
		answer[*kmsg.ShareAcknowledgeResponse](s.T, decide(s.T, s.conn, m), m, m.ResponseKind())
	}
	for _, tt := range []struct {
		name string
		does func(*shareMember)
	}{
		{"ends a session that it does not have", func(s *shareMember) { fine(s, -1) }},
		{"ends it, and the cluster says that there is none", func(s *shareMember) { failed(s, -1) }},
		{"ends it, and acknowledges", func(s *shareMember) { fine(s, -1, "lost 10-14") }},
		{"ends it, and names a partition", func(s *shareMember) { fine(s, -1, "third") }},
		{"ends it, and forgets a partition", func(s *shareMember) {
			s.epoch = -1
			m := as("g", "other", s.fetch())
			m.ForgottenTopicsData = []kmsg.ShareFetchRequestForgottenTopicsData{{TopicID: idOf("lost"), Partitions: []int32{7}}}
			s.told(decide(s.T, s.conn, m), m, reply(m))
		}},
		{"begins a session", func(s *shareMember) { fine(s, 0, "lost", "third") }},
		{"begins one that the cluster refuses", func(s *shareMember) { failed(s, 0, "lost", "third") }},
		{"begins one with too many partitions", func(s *shareMember) {
			s.epoch = 0
			for range 9 {
				m := as("g", "other", s.fetchMany("third"))
				s.told(decide(s.T, s.conn, m), m, reply(m))
			}
			m := as("g", "other", s.fetchMany("third"))
			assert.EqualValues(s, 133, answer[*kmsg.ShareFetchResponse](s.T, decide(s.T, s.conn, m), m).ErrorCode)
		}},
		{"goes on with a session that it does not have", func(s *shareMember) { fine(s, 4, "lost 10-14", "third") }},
		{"begins, goes on and ends", func(s *shareMember) {
			fine(s, 0, "lost", "third")
			fine(s, 1, "lost 10-14")
			fine(s, -1)
		}},
		{"acknowledges", func(s *shareMember) { acknowledge(s, 1, "lost 10-14") }},
		{"acknowledges and ends", func(s *shareMember) { acknowledge(s, -1, "lost 10-14") }},
		{"of the same name in another group ends its session", func(s *shareMember) {
			s.epoch = -1
			m := as("h", "m", s.fetch("lost 10-14"))
			s.told(decide(s.T, s.conn, m), m, reply(m))
		}},
		{"may not read its group", func(s *shareMember) {
			s.epoch = -1
			m := as("secret", "m", s.fetch("lost 10-14"))
			require.Empty(s, decide(s.T, s.conn, m).Forward())
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			store := allowing(t, "Read Group:g", "Read Group:h", "Read Topic:mine", "Read Topic:lost", "Read Topic:third")
			g := newGateway(t, gateway.Config{Store: store, Cluster: cluster{"mine", "lost", "third"}})
			s := &shareMember{T: t, gateway: g, conn: g.Conn(client("alice")), store: store}
			m := s.fetch("mine", "lost")
			s.told(decide(t, s.conn, m), m, reply(m, "lost 10-14"))
			tt.does(s)

			s.may("Read Group:g", "Read Topic:mine")
			s.epoch = 1
			m = s.fetch()
			plan := decide(t, s.conn, m)
			assert.Equal(t, "+lost 2:10-14, -lost, 0 ms", s.upstream(plan))
			assert.Equal(t, "lost 29/0 0B", s.told(plan, m, reply(m)))
		})
	}
}

// TestShareSessionsOfAConnection: a connection has a bounded number of sessions, which have no
// more partitions and offsets together than one may have.
func TestShareSessionsOfAConnection(t *testing.T) {
	s := newShareMember(t)
	fetch := func(member string, epoch, named int32, ranges int64) int16 {
		s.epoch = epoch
		m := as("g", member, s.fetch("lost"))
		m.Topics[0].Partitions = nil
		for i := range named {
			p := kmsg.NewShareFetchRequestTopicPartition()
			p.Partition = 7 + 1_000*epoch + i
			m.Topics[0].Partitions = append(m.Topics[0].Partitions, p)
		}
		plan := decide(t, s.conn, m)
		if len(plan.Forward()) == 0 {
			return answer[*kmsg.ShareFetchResponse](t, plan, m).ErrorCode
		}
		r := reply(m, "lost 0-0")
		r.Topics[0].Partitions[0].AcquiredRecords = nil
		for i := range ranges {
			r.Topics[0].Partitions[0].AcquiredRecords = append(r.Topics[0].Partitions[0].AcquiredRecords,
				kmsg.ShareFetchResponseTopicPartitionAcquiredRecord{FirstOffset: 2 * i, LastOffset: 2 * i})
		}
		return answer[*kmsg.ShareFetchResponse](t, plan, m, r).ErrorCode
	}
	for i := range 16 {
		require.Zero(t, fetch(fmt.Sprint("m", i), 0, 1, 0))
	}
	assert.EqualValues(t, 133, fetch("m16", 0, 1, 0), "SHARE_SESSION_LIMIT_REACHED")
	assert.EqualValues(t, 122, fetch("m16", 1, 0, 0), "no session")
	require.Zero(t, fetch("m15", -1, 0, 0))
	require.Zero(t, fetch("m16", 0, 1, 0), "in the place of the one that has ended")
	assert.Zero(t, fetch("m3", 0, 1, 0), "one that there is may begin again")

	for epoch := range int32(9) {
		require.Zero(t, fetch("m3", 1+epoch, 1_000, 0))
	}
	assert.Zero(t, fetch("m3", 10, 984, 0), "10,000 partitions of all")
	assert.EqualValues(t, 133, fetch("m4", 1, 1, 0), "a partition too many")
	assert.EqualValues(t, 122, fetch("m4", 2, 0, 0), "whose member must begin a new session")
	assert.Zero(t, fetch("m3", 11, 0, 6_000), "and nobody else")
	assert.Zero(t, fetch("m5", 1, 0, 6_000))
	s.may("Read Group:g")
	released := func(member string, epoch int32) (n int) {
		s.epoch = epoch
		for _, of := range sent[*kmsg.ShareFetchRequest](t, decide(t, s.conn, as("g", member, s.fetch())))[0].Topics {
			n += len(of.Partitions[0].AcknowledgementBatches)
		}
		return n
	}
	assert.Equal(t, 6_000, released("m3", 12))
	assert.Equal(t, 4_000, released("m5", 2), "10,000 ranges of all")
}

// TestShareSessionHasWhatTheClusterHas: what the session at the cluster has by an unusual
// request is removed from it when the right is taken away.
func TestShareSessionHasWhatTheClusterHas(t *testing.T) {
	for _, epoch := range []int32{1, -1} {
		t.Run(fmt.Sprint("acknowledged by a refused request of epoch ", epoch), func(t *testing.T) {
			s := newShareMember(t)
			m := s.fetch("mine", "lost")
			s.told(decide(t, s.conn, m), m, reply(m, "lost 10-14"))
			a := kmsg.NewPtrShareAcknowledgeRequest()
			a.SetVersion(2)
			a.GroupID, a.MemberID, a.ShareSessionEpoch = new("g"), new("m"), epoch
			b := kmsg.ShareAcknowledgeRequestTopicPartitionAcknowledgementBatch{FirstOffset: 10, LastOffset: 14, AcknowledgeTypes: []int8{1}}
			a.Topics = []kmsg.ShareAcknowledgeRequestTopic{{TopicID: idOf("lost"), Partitions: []kmsg.ShareAcknowledgeRequestTopicPartition{
				{Partition: 7, AcknowledgementBatches: []kmsg.ShareAcknowledgeRequestTopicPartitionAcknowledgementBatch{b}},
			}}}
			r := a.ResponseKind().(*kmsg.ShareAcknowledgeResponse)
			r.ErrorCode = 123
			answer[*kmsg.ShareAcknowledgeResponse](t, decide(t, s.conn, a), a, r)
			s.may("Read Group:g", "Read Topic:mine")
			s.epoch = 1
			assert.Equal(t, "+lost 2:10-14, -lost, 0 ms", s.upstream(decide(t, s.conn, s.fetch())))
		})
	}
	t.Run("acknowledged by a refused fetch that ends the session", func(t *testing.T) {
		s := newShareMember(t)
		m := s.fetch("mine", "lost")
		s.told(decide(t, s.conn, m), m, reply(m, "lost 10-14"))
		s.epoch = -1
		m = s.fetch("lost 10-14")
		r := reply(m)
		r.ErrorCode = 42
		assert.Equal(t, "error 42", s.told(decide(t, s.conn, m), m, r))
		s.epoch = 1
		m = s.fetch()
		assert.EqualValues(t, 122, answer[*kmsg.ShareFetchResponse](t, decide(t, s.conn, m), m).ErrorCode, "a new session must begin")
		s.epoch = 0
		m = s.fetch("mine")
		s.told(decide(t, s.conn, m), m, reply(m))
		s.may("Read Group:g", "Read Topic:mine")
		assert.Equal(t, "+lost 2:10-14, -lost, 500 ms", s.upstream(decide(t, s.conn, s.fetch())))
	})
	t.Run("named by a fetch that only renews", func(t *testing.T) {
		s := newShareMember(t)
		m := s.fetch("mine")
		s.told(decide(t, s.conn, m), m, reply(m))
		m = s.fetch("lost")
		m.IsRenewAck, m.MaxWaitMillis = true, 0
		plan := decide(t, s.conn, m)
		assert.Equal(t, "+lost, 0 ms", s.upstream(plan))
		s.told(plan, m, reply(m))
		s.may("Read Group:g", "Read Topic:mine")
		assert.Equal(t, "-lost, 0 ms", s.upstream(decide(t, s.conn, s.fetch())))
	})
	t.Run("named and forgotten by the first fetch", func(t *testing.T) {
		s := newShareMember(t)
		m := s.fetch("mine", "lost")
		m.ForgottenTopicsData = []kmsg.ShareFetchRequestForgottenTopicsData{{TopicID: idOf("lost"), Partitions: []int32{7}}}
		s.told(decide(t, s.conn, m), m, reply(m))
		s.may("Read Group:g", "Read Topic:mine")
		assert.Equal(t, "-lost, 0 ms", s.upstream(decide(t, s.conn, s.fetch())))
	})
}

// TestShareReleasesAddNoPartition: records that were withheld are released in a session that
// does not have their partition, and the cluster's session does not have it afterwards.
func TestShareReleasesAddNoPartition(t *testing.T) {
	for _, tt := range []struct{ name, may, upstream string }{
		{"allowed again", "Read Topic:lost", "+lost 2:10-14, -lost, 500 ms"},
		{"refused still", "Read Topic:mine", "+lost 2:10-14, -lost, 500 ms"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newShareMember(t)
			m := s.fetch("mine", "lost")
			plan := decide(t, s.conn, m)
			plan.Forward()
			s.may("Read Group:g", "Read Topic:mine") // while it waits at the cluster
			assert.Equal(t, "lost 29/0 0B", s.told(plan, m, reply(m, "lost 10-14")))

			s.epoch = 0 // a new session, without lost
			m = s.fetch("mine")
			s.told(decide(t, s.conn, m), m, reply(m))

			s.may("Read Group:g", "Read Topic:mine", tt.may)
			m = s.fetch()
			plan = decide(t, s.conn, m)
			assert.Equal(t, tt.upstream, s.upstream(plan))
			assert.Empty(t, s.told(plan, m, acknowledged(m, "lost", 0)), "the member has not named it")

			m = s.fetch()
			plan = decide(t, s.conn, m)
			assert.Equal(t, "500 ms", s.upstream(plan))
			s.told(plan, m, reply(m))
			m = s.fetch("lost")
			assert.Equal(t, tt.may == "Read Topic:lost", s.upstream(decide(t, s.conn, m)) == "+lost, 500 ms", "once the member names it")
		})
	}
}

// acknowledged is what the cluster answers about the acknowledgements of a topic.
func acknowledged(m *kmsg.ShareFetchRequest, topic string, code int16) *kmsg.ShareFetchResponse {
	r := reply(m)
	p := kmsg.NewShareFetchResponseTopicPartition()
	p.Partition, p.AcknowledgeErrorCode, p.Records = 7, code, []byte{}
	r.Topics = []kmsg.ShareFetchResponseTopic{{TopicID: idOf(topic), Partitions: []kmsg.ShareFetchResponseTopicPartition{p}}}
	return r
}

// TestShareAcknowledgementsThatTheClusterRefuses: the cluster refuses what a member
// acknowledges of one partition. The records are still acquired, and released when the right
// is taken away.
func TestShareAcknowledgementsThatTheClusterRefuses(t *testing.T) {
	for _, tt := range []struct {
		name  string
		types []int8
	}{{"with an invalid type", []int8{7}}, {"with too few types", []int8{1, 1}}, {"without a type", []int8{}}, {"of records that are not acquired", []int8{1}}} {
		by := map[string]func(*shareMember){
			"fetch": func(s *shareMember) {
				m := s.fetch("lost 10-20")
				m.Topics[0].Partitions[0].AcknowledgementBatches[0].AcknowledgeTypes = tt.types
				assert.Equal(s, "lost 0/42 0B", s.told(decide(s.T, s.conn, m), m, acknowledged(m, "lost", 42)))
			},
			"acknowledgement": func(s *shareMember) {
				a := kmsg.NewPtrShareAcknowledgeRequest()
				a.SetVersion(2)
				a.GroupID, a.MemberID, a.ShareSessionEpoch = new("g"), new("m"), s.epoch
				s.epoch++
				b := kmsg.ShareAcknowledgeRequestTopicPartitionAcknowledgementBatch{FirstOffset: 10, LastOffset: 20, AcknowledgeTypes: tt.types}
				a.Topics = []kmsg.ShareAcknowledgeRequestTopic{{TopicID: idOf("lost"), Partitions: []kmsg.ShareAcknowledgeRequestTopicPartition{
					{Partition: 7, AcknowledgementBatches: []kmsg.ShareAcknowledgeRequestTopicPartitionAcknowledgementBatch{b}},
				}}}
				r := a.ResponseKind().(*kmsg.ShareAcknowledgeResponse)
				p := kmsg.NewShareAcknowledgeResponseTopicPartition()
				p.Partition, p.ErrorCode = 7, 42
				r.Topics = []kmsg.ShareAcknowledgeResponseTopic{{TopicID: idOf("lost"), Partitions: []kmsg.ShareAcknowledgeResponseTopicPartition{p}}}
				answer[*kmsg.ShareAcknowledgeResponse](s.T, decide(s.T, s.conn, a), a, r)
			},
		}
		for kind, acknowledge := range by {
			t.Run(kind+" "+tt.name, func(t *testing.T) {
				s := newShareMember(t)
				m := s.fetch("mine", "lost")
				s.told(decide(t, s.conn, m), m, reply(m, "lost 10-14"))
				acknowledge(s)
				s.may("Read Group:g", "Read Topic:mine")
				assert.Equal(t, "+lost 2:10-14, -lost, 0 ms", s.upstream(decide(t, s.conn, s.fetch())))
			})
		}
	}
}

// TestShareLocksEnd: records whose lock has ended are not released, because another member may
// have acquired them; the cluster would release nothing of the partition. A renewed lock ends
// later.
func TestShareLocksEnd(t *testing.T) {
	locked := func(m *kmsg.ShareFetchRequest, records string) *kmsg.ShareFetchResponse {
		r := reply(m, records)
		r.AcquisitionLockTimeoutMillis = 30_000
		return r
	}
	renew := func(s *shareMember, code int16, first, last int64, types ...int8) {
		a := kmsg.NewPtrShareAcknowledgeRequest()
		a.SetVersion(2)
		a.GroupID, a.MemberID, a.ShareSessionEpoch, a.IsRenewAck = new("g"), new("m"), s.epoch, true
		s.epoch++
		b := kmsg.ShareAcknowledgeRequestTopicPartitionAcknowledgementBatch{FirstOffset: first, LastOffset: last, AcknowledgeTypes: types}
		a.Topics = []kmsg.ShareAcknowledgeRequestTopic{{TopicID: idOf("lost"), Partitions: []kmsg.ShareAcknowledgeRequestTopicPartition{
			{Partition: 7, AcknowledgementBatches: []kmsg.ShareAcknowledgeRequestTopicPartitionAcknowledgementBatch{b}},
		}}}
		r := a.ResponseKind().(*kmsg.ShareAcknowledgeResponse)
		r.AcquisitionLockTimeoutMillis = 30_000
		p := kmsg.NewShareAcknowledgeResponseTopicPartition()
		p.Partition, p.ErrorCode = 7, code
		r.Topics = []kmsg.ShareAcknowledgeResponseTopic{{TopicID: idOf("lost"), Partitions: []kmsg.ShareAcknowledgeResponseTopicPartition{p}}}
		answer[*kmsg.ShareAcknowledgeResponse](s.T, decide(s.T, s.conn, a), a, r)
	}
	for _, tt := range []struct {
		name     string
		does     func(*shareMember) // 20 s after the member has acquired 10-14, when it acquires 20-24
		upstream string             // 11 s later, when the right is taken away
	}{
		{"nothing", func(*shareMember) {}, "+lost 2:20-24, -lost, 0 ms"},
		{"renews all", func(s *shareMember) { renew(s, 0, 10, 14, 4) }, "+lost 2:10-14 2:20-24, -lost, 0 ms"},
		{"renews some, and acknowledges one", func(s *shareMember) { renew(s, 0, 11, 14, 4, 4, 1, 0) }, "+lost 2:11-12 2:20-24, -lost, 0 ms"},
		{"renews, which the cluster refuses", func(s *shareMember) { renew(s, 121, 10, 14, 4) }, "+lost 2:20-24, -lost, 0 ms"},
		{"renews what it has not", func(s *shareMember) { renew(s, 0, 30, 34, 4) }, "+lost 2:20-24, -lost, 0 ms"},
		{"renews with a fetch", func(s *shareMember) {
			m := s.fetch("lost 10-14")
			m.IsRenewAck, m.MaxWaitMillis = true, 0
			m.Topics[0].Partitions[0].AcknowledgementBatches[0].AcknowledgeTypes = []int8{4}
			r := acknowledged(m, "lost", 0)
			r.AcquisitionLockTimeoutMillis = 30_000
			s.told(decide(s.T, s.conn, m), m, r)
		}, "+lost 2:10-14 2:20-24, -lost, 0 ms"},
		{"does not get records during the poll", func(s *shareMember) {
			m := s.fetch()
			plan := decide(s.T, s.conn, m)
			plan.Forward()
			s.may("Read Group:g")
			s.told(plan, m, locked(m, "lost 30-34"))
		}, "+lost 2:20-24 2:30-34, -lost, 0 ms"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newShareMember(t)
				m := s.fetch("mine", "lost")
				s.told(decide(t, s.conn, m), m, locked(m, "lost 10-14"))
				time.Sleep(20 * time.Second)
				m = s.fetch()
				s.told(decide(t, s.conn, m), m, locked(m, "lost 20-24"))
				tt.does(s)
				time.Sleep(11 * time.Second)
				s.may("Read Group:g", "Read Topic:mine")
				m = s.fetch()
				plan := decide(t, s.conn, m)
				assert.Equal(t, tt.upstream, s.upstream(plan))
				s.told(plan, m, acknowledged(m, "lost", 121))
				time.Sleep(30 * time.Second)
				assert.Equal(t, "500 ms", s.upstream(decide(t, s.conn, s.fetch())), "the cluster refuses the release, until the locks end")
			})
		})
	}
}
