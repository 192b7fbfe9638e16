package gateway_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// shareMember is a member of a share group at a gateway.
type shareMember struct {
	*testing.T
	gateway *gateway.Gateway
	conn    *gateway.Conn
	store   *snapshot.Store
	epoch   int32
}

// newShareMember returns a member that may read the topics mine and lost.
func newShareMember(t *testing.T) *shareMember {
	store := allowing(t, "Read Group:g", "Read Topic:mine", "Read Topic:lost")
	g := newGateway(t, gateway.Config{Store: store, Cluster: cluster{"mine", "lost"}})
	return &shareMember{T: t, gateway: g, conn: g.Conn(client("alice")), store: store}
}

// may puts other ACLs in force.
func (s *shareMember) may(list ...string) {
	require.NoError(s, s.store.Update(func(tx *snapshot.Tx) error {
		tx.Replace(func(yield func(acl.Binding) bool) {
			for _, line := range list {
				if !yield(allow(s, line)) {
					return
				}
			}
		})
		return nil
	}))
}

// fetch returns a fetch in the session, which names topics and acknowledges offsets of
// their partition 7: "lost", "lost 10-12".
func (s *shareMember) fetch(names ...string) *kmsg.ShareFetchRequest {
	m := kmsg.NewPtrShareFetchRequest()
	m.SetVersion(2)
	m.GroupID, m.MemberID, m.ShareSessionEpoch, m.MaxWaitMillis = new("g"), new("m"), s.epoch, 500
	s.epoch++
	for _, name := range names {
		p := kmsg.NewShareFetchRequestTopicPartition()
		p.Partition = 7
		name, acknowledged, ok := strings.Cut(name, " ")
		if ok {
			b := kmsg.NewShareFetchRequestTopicPartitionAcknowledgementBatch()
			b.AcknowledgeTypes = []int8{1}
			_, err := fmt.Sscanf(acknowledged, "%d-%d", &b.FirstOffset, &b.LastOffset)
			require.NoError(s, err)
			p.AcknowledgementBatches = append(p.AcknowledgementBatches, b)
		}
		m.Topics = append(m.Topics, kmsg.ShareFetchRequestTopic{TopicID: idOf(name), Partitions: []kmsg.ShareFetchRequestTopicPartition{p}})
	}
	return m
}

// reply is what the cluster answers: records of topics, with the offsets that the member
// acquires.
func reply(m *kmsg.ShareFetchRequest, acquired ...string) *kmsg.ShareFetchResponse {
	r := m.ResponseKind().(*kmsg.ShareFetchResponse)
	for _, a := range acquired {
		p := kmsg.NewShareFetchResponseTopicPartition()
		name, offsets, _ := strings.Cut(a, " ")
		p.Partition, p.Records = 7, []byte("records of "+name)
		var o kmsg.ShareFetchResponseTopicPartitionAcquiredRecord
		fmt.Sscanf(offsets, "%d-%d", &o.FirstOffset, &o.LastOffset)
		p.AcquiredRecords = append(p.AcquiredRecords, o)
		r.Topics = append(r.Topics, kmsg.ShareFetchResponseTopic{TopicID: idOf(name), Partitions: []kmsg.ShareFetchResponseTopicPartition{p}})
	}
	return r
}

// upstream summarizes what reaches the cluster: named partitions with acknowledgements
// as "type:first-last", forgotten partitions, and the maximum wait.
func (s *shareMember) upstream(plan *gateway.Plan) string {
	requests := sent[*kmsg.ShareFetchRequest](s.T, plan)
	require.Len(s, requests, 1, "a session whose requests the cluster counts")
	var said []string
	for _, topic := range requests[0].Topics {
		for _, p := range topic.Partitions {
			text := "+" + nameOf(topic.TopicID)
			for _, b := range p.AcknowledgementBatches {
				text += fmt.Sprintf(" %d:%d-%d", b.AcknowledgeTypes[0], b.FirstOffset, b.LastOffset)
			}
			said = append(said, text)
		}
	}
	for _, topic := range requests[0].ForgottenTopicsData {
		said = append(said, "-"+nameOf(topic.TopicID))
	}
	return strings.Join(append(said, fmt.Sprintf("%d ms", requests[0].MaxWaitMillis)), ", ")
}

func nameOf(id [16]byte) string { return strings.TrimRight(string(id[:]), "\x00") }

// told summarizes the member's answer: codes of partitions and of acknowledgements, and
// the number of record bytes.
func (s *shareMember) told(plan *gateway.Plan, m *kmsg.ShareFetchRequest, r *kmsg.ShareFetchResponse) string {
	got := answer[*kmsg.ShareFetchResponse](s.T, plan, m, r)
	if got.ErrorCode != 0 {
		return fmt.Sprint("error ", got.ErrorCode)
	}
	var said []string
	for _, topic := range got.Topics {
		for _, p := range topic.Partitions {
			assert.NotNil(s, p.Records, "records of %s", nameOf(topic.TopicID))
			said = append(said, fmt.Sprintf("%s %d/%d %dB", nameOf(topic.TopicID), p.ErrorCode, p.AcknowledgeErrorCode, len(p.Records)))
		}
	}
	return strings.Join(said, ", ")
}

// TestShareSessionsFollowTheACLs: a member whose right is taken away is told so with every
// fetch; the cluster forgets the partition, and releases what the member has acquired of
// it and not acknowledged. With the right the partition comes back.
func TestShareSessionsFollowTheACLs(t *testing.T) {
	s := newShareMember(t)
	m := s.fetch("mine", "lost")
	plan := decide(t, s.conn, m)
	assert.Equal(t, "+mine, +lost, 500 ms", s.upstream(plan))
	assert.Equal(t, "mine 0/0 15B, lost 0/0 15B", s.told(plan, m, reply(m, "mine 1-3", "lost 10-14")))

	m = s.fetch("lost 10-11")
	plan = decide(t, s.conn, m)
	assert.Equal(t, "+lost 1:10-11, 500 ms", s.upstream(plan))
	assert.Equal(t, "", s.told(plan, m, reply(m)))

	s.may("Read Group:g", "Read Topic:mine")
	m = s.fetch("lost 12-12", "mine 1-3")
	plan = decide(t, s.conn, m)
	assert.Equal(t, "+mine 1:1-3, +lost 2:12-14, -lost, 0 ms", s.upstream(plan), "once the right is taken away")
	assert.Equal(t, "lost 29/29 0B, mine 0/0 15B", s.told(plan, m, reply(m, "mine 4-4")))
	require.NotEmpty(t, plan.Denied)
	assert.Equal(t, "lost", plan.Denied[0].Name)

	m = s.fetch()
	plan = decide(t, s.conn, m)
	assert.Equal(t, "500 ms", s.upstream(plan), "from then on")
	assert.Equal(t, "mine 0/0 15B, lost 29/0 0B", s.told(plan, m, reply(m, "mine 5-5")))
	require.NotEmpty(t, plan.Denied, "each refusal is an event")

	s.may("Read Group:g", "Read Topic:mine", "Read Topic:lost")
	m = s.fetch()
	plan = decide(t, s.conn, m)
	assert.Equal(t, "+lost, 500 ms", s.upstream(plan), "once the right is back")
	assert.Equal(t, "lost 0/0 15B", s.told(plan, m, reply(m, "lost 12-14")))
	m = s.fetch()
	assert.Equal(t, "500 ms", s.upstream(decide(t, s.conn, m)))
}

// TestShareFetchesAreDecidedTwice: a fetch that is decided, dropped and decided again adds,
// acknowledges and removes what it would have the first time.
func TestShareFetchesAreDecidedTwice(t *testing.T) {
	s := newShareMember(t)
	fetch := func(names, want string, acquired ...string) {
		t.Helper()
		m := s.fetch(strings.FieldsFunc(names, func(r rune) bool { return r == ',' })...)
		decide(t, s.conn, m)
		plan := decide(t, s.conn, m)
		assert.Equal(t, want, s.upstream(plan))
		s.told(plan, m, reply(m, acquired...))
	}
	fetch("mine,lost", "+mine, +lost, 500 ms", "mine 1-3", "lost 10-14")
	fetch("lost 10-11", "+lost 1:10-11, 500 ms")
	s.may("Read Group:g", "Read Topic:mine")
	fetch("", "+lost 2:12-14, -lost, 0 ms")
	s.may("Read Group:g", "Read Topic:mine", "Read Topic:lost")
	fetch("", "+lost, 500 ms")
}

// TestSharePartitionsNamedTwice: a fetch that names a partition several times adds it once.
func TestSharePartitionsNamedTwice(t *testing.T) {
	s := newShareMember(t)
	m := s.fetch("mine", "lost", "lost", "lost")
	plan := decide(t, s.conn, m)
	assert.Equal(t, "+mine, +lost, +lost, +lost, 500 ms", s.upstream(plan), "as it came")
	s.told(plan, m, reply(m))
	assert.Equal(t, "500 ms", s.upstream(decide(t, s.conn, s.fetch())))
}

// TestShareRecordsAreWithheldDuringThePoll: records that come for a member whose right was
// taken away while it waited are not given to it, and released with its next fetch.
func TestShareRecordsAreWithheldDuringThePoll(t *testing.T) {
	for _, tt := range []struct{ name, then, upstream, told string }{
		{"refused still", "Read Topic:mine", "+lost 2:10-14, -lost, 0 ms", "lost 29/0 0B"},
		{"allowed again", "Read Topic:lost", "+lost 2:10-14, 500 ms", ""},
	} {
		test := func(t *testing.T) {
			s := newShareMember(t)
			m := s.fetch("mine", "lost")
			plan := decide(t, s.conn, m)
			plan.Forward()
			s.may("Read Group:g", "Read Topic:mine")
			assert.Equal(t, "mine 0/0 15B, lost 29/0 0B", s.told(plan, m, reply(m, "mine 1-3", "lost 10-14")))
			s.may("Read Group:g", "Read Topic:mine", tt.then)
			m = s.fetch()
			plan = decide(t, s.conn, m)
			assert.Equal(t, tt.upstream, s.upstream(plan))
			r := reply(m, "lost")
			r.Topics[0].Partitions[0].Records, r.Topics[0].Partitions[0].AcquiredRecords = []byte{}, nil
			r.Topics[0].Partitions[0].AcknowledgeErrorCode = 121 // which is not about what the member did
			assert.Equal(t, tt.told, s.told(plan, m, r))
			m = s.fetch()
			plan = decide(t, s.conn, m)
			assert.Equal(t, "500 ms", s.upstream(plan), "released once")
			s.told(plan, m, reply(m))
			time.Sleep(time.Second)
			m = s.fetch()
			plan = decide(t, s.conn, m)
			assert.Equal(t, strings.Replace(tt.upstream, " 0 ms", " 500 ms", 1), s.upstream(plan), "and again after a pause, as the cluster has not")
			s.told(plan, m, reply(m))
			time.Sleep(time.Second)
			assert.Equal(t, "500 ms", s.upstream(decide(t, s.conn, s.fetch())), "now it has")
		}
		t.Run(tt.name, func(t *testing.T) { synctest.Test(t, test) }) // the pause
	}
	t.Run("the group", func(t *testing.T) {
		s := newShareMember(t)
		m := s.fetch("lost")
		plan := decide(t, s.conn, m)
		plan.Forward()
		s.may("Read Topic:lost")
		assert.Equal(t, "error 30", s.told(plan, m, reply(m, "lost 10-14")))
		s.may("Read Group:g", "Read Topic:lost")
		assert.Equal(t, "+lost 2:10-14, 500 ms", s.upstream(decide(t, s.conn, s.fetch())))
	})
}

// TestShareAcknowledgements: records that a member acknowledges in any way are not
// released for it, and acknowledgements that it may not make are refused.
func TestShareAcknowledgements(t *testing.T) {
	acknowledge := func(s *shareMember, first, last int64, types ...int8) *kmsg.ShareAcknowledgeRequest {
		m := kmsg.NewPtrShareAcknowledgeRequest()
		m.SetVersion(2)
		m.GroupID, m.MemberID, m.ShareSessionEpoch = new("g"), new("m"), s.epoch
		s.epoch++
		b := kmsg.NewShareAcknowledgeRequestTopicPartitionAcknowledgementBatch()
		b.FirstOffset, b.LastOffset, b.AcknowledgeTypes = first, last, types
		p := kmsg.NewShareAcknowledgeRequestTopicPartition()
		p.Partition, p.AcknowledgementBatches = 7, append(p.AcknowledgementBatches, b)
		m.Topics = []kmsg.ShareAcknowledgeRequestTopic{{TopicID: idOf("lost"), Partitions: []kmsg.ShareAcknowledgeRequestTopicPartition{p}}}
		return m
	}
	for _, tt := range []struct {
		name        string
		first, last int64
		types       []int8
		released    string
	}{
		{"all", 10, 14, []int8{1}, ""},
		{"the first", 10, 10, []int8{3}, " 2:11-14"},
		{"one in the middle", 12, 12, []int8{2}, " 2:10-11 2:13-14"},
		{"one by one, one of them renewed", 10, 12, []int8{1, 4, 0}, " 2:11-11 2:13-14"},
		{"renewed", 10, 14, []int8{4}, " 2:10-14"},
		{"what it has not", 20, 30, []int8{1}, " 2:10-14"},
		{"backwards", 14, 10, []int8{1}, " 2:10-14"},
		{"in no way", 10, 14, nil, " 2:10-14"},
		{"everything there is", 0, 1<<63 - 1, []int8{1}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newShareMember(t)
			m := s.fetch("lost")
			s.told(decide(t, s.conn, m), m, reply(m, "lost 10-14"))
			a := acknowledge(s, tt.first, tt.last, tt.types...)
			plan := decide(t, s.conn, a)
			require.Len(t, plan.Forward(), 1)
			answer[*kmsg.ShareAcknowledgeResponse](t, plan, a, a.ResponseKind())
			s.may("Read Group:g")
			want := "+lost" + tt.released + ", -lost, 0 ms"
			if tt.released == "" {
				want = "-lost, 0 ms"
			}
			assert.Equal(t, want, s.upstream(decide(t, s.conn, s.fetch())))
		})
	}
	t.Run("refused", func(t *testing.T) {
		s := newShareMember(t)
		m := s.fetch("lost")
		s.told(decide(t, s.conn, m), m, reply(m, "lost 10-14"))
		s.may("Read Group:g")
		a := acknowledge(s, 10, 14, 1)
		plan := decide(t, s.conn, a)
		require.Empty(t, sent[*kmsg.ShareAcknowledgeRequest](t, plan)[0].Topics)
		r := answer[*kmsg.ShareAcknowledgeResponse](t, plan, a, a.ResponseKind())
		assert.EqualValues(t, 29, r.Topics[0].Partitions[0].ErrorCode)
		assert.Equal(t, "+lost 2:10-14, -lost, 0 ms", s.upstream(decide(t, s.conn, s.fetch())))
	})
	batch := func(first, last int64, types ...int8) (b kmsg.ShareAcknowledgeRequestTopicPartitionAcknowledgementBatch) {
		b.FirstOffset, b.LastOffset, b.AcknowledgeTypes = first, last, types
		return b
	}
	type batches = []kmsg.ShareAcknowledgeRequestTopicPartitionAcknowledgementBatch
	// Kafka looks at the batches before it asks for rights.
	for _, tt := range []struct {
		name    string
		topic   string
		version int16
		renews  bool
		batches []batches // of the same partition, which is named as often
		want    int16
	}{
		{"refused", "lost", 2, false, []batches{{batch(10, 14, 1)}}, 29},
		{"refused, without batches", "lost", 2, false, []batches{nil}, 29},
		{"refused, each in its own way", "lost", 2, false, []batches{{batch(10, 12, 0, 1, 3), batch(13, 13, 2)}}, 29},
		{"backwards", "lost", 2, false, []batches{{batch(14, 10, 1)}}, 42},
		{"out of order", "lost", 2, false, []batches{{batch(10, 14, 1), batch(9, 9, 1)}}, 42},
		{"in no way", "lost", 2, false, []batches{{batch(10, 14)}}, 42},
		{"in too few ways", "lost", 2, false, []batches{{batch(10, 14, 1, 2)}}, 42},
		{"in a way that there is not", "lost", 2, false, []batches{{batch(10, 14, 5)}}, 42},
		{"in a way below all", "lost", 2, false, []batches{{batch(10, 14, -1)}}, 42},
		{"renewed, which the request does not", "lost", 2, false, []batches{{batch(10, 14, 4)}}, 42},
		{"renewed", "lost", 2, true, []batches{{batch(10, 14, 4)}}, 29},
		{"renewed in a version that cannot", "lost", 1, true, []batches{{batch(10, 14, 4)}}, 42},
		{"the last counts: it is good", "lost", 2, false, []batches{{batch(14, 10, 1)}, {batch(10, 14, 1)}}, 29},
		{"the last counts: it is bad", "lost", 2, false, []batches{{batch(10, 14, 1)}, {batch(14, 10, 1)}}, 42},
		{"an id that is not known", "nobody's", 2, false, []batches{{batch(14, 10, 1)}}, 100},
	} {
		t.Run("what is no acknowledgement: "+tt.name, func(t *testing.T) {
			s := newShareMember(t)
			m := s.fetch("lost")
			s.told(decide(t, s.conn, m), m, reply(m, "lost 10-14"))
			s.may("Read Group:g")
			a := acknowledge(s, 10, 14, 1)
			a.SetVersion(tt.version)
			a.IsRenewAck = tt.renews
			a.Topics[0].TopicID = idOf(tt.topic)
			a.Topics[0].Partitions = nil
			for _, b := range tt.batches {
				a.Topics[0].Partitions = append(a.Topics[0].Partitions, kmsg.ShareAcknowledgeRequestTopicPartition{Partition: 7, AcknowledgementBatches: b})
			}
			r := answer[*kmsg.ShareAcknowledgeResponse](t, decide(t, s.conn, a), a, a.ResponseKind())
			require.Len(t, r.Topics, 1)
			require.Len(t, r.Topics[0].Partitions, 1)
			assert.Equal(t, tt.want, r.Topics[0].Partitions[0].ErrorCode)
		})
	}
	for _, tt := range []struct {
		name        string
		first, last int64
		want        int16
	}{{"refused", 10, 14, 29}, {"backwards", 14, 10, 42}} {
		t.Run("with a fetch: "+tt.name, func(t *testing.T) {
			s := newShareMember(t)
			m := s.fetch("lost")
			s.told(decide(t, s.conn, m), m, reply(m, "lost 10-14"))
			s.may("Read Group:g")
			m = s.fetch("lost")
			b := kmsg.NewShareFetchRequestTopicPartitionAcknowledgementBatch()
			b.FirstOffset, b.LastOffset, b.AcknowledgeTypes = tt.first, tt.last, []int8{1}
			m.Topics[0].Partitions[0].AcknowledgementBatches = append(m.Topics[0].Partitions[0].AcknowledgementBatches, b)
			r := answer[*kmsg.ShareFetchResponse](t, decide(t, s.conn, m), m, m.ResponseKind())
			require.Len(t, r.Topics, 1)
			assert.EqualValues(t, 29, r.Topics[0].Partitions[0].ErrorCode)
			assert.Equal(t, tt.want, r.Topics[0].Partitions[0].AcknowledgeErrorCode)
		})
	}
	t.Run("with the last fetch", func(t *testing.T) {
		s := newShareMember(t)
		m := s.fetch("lost", "mine")
		s.told(decide(t, s.conn, m), m, reply(m, "lost 10-14"))
		s.may("Read Group:g", "Read Topic:mine")
		s.epoch = -1
		m = s.fetch("lost 10-14", "mine 1-1")
		plan := decide(t, s.conn, m)
		assert.Equal(t, "+mine 1:1-1, 500 ms", s.upstream(plan), "the close releases all that is left")
		assert.Equal(t, "lost 0/29 0B", s.told(plan, m, reply(m)))
	})
}

// TestShareSessionsOfOthers: a session of another connection may contain partitions
// that were not decided here, so it is treated as missing.
func TestShareSessionsOfOthers(t *testing.T) {
	s := newShareMember(t)
	for _, epoch := range []int32{1, 5, -2} {
		s.epoch = epoch
		m := s.fetch("mine")
		plan := decide(t, s.conn, m)
		require.Empty(t, plan.Forward())
		assert.EqualValues(t, 122, answer[*kmsg.ShareFetchResponse](t, plan, m).ErrorCode)
	}
	s.epoch = 0
	m := s.fetch("mine")
	s.told(decide(t, s.conn, m), m, reply(m))
	m = s.fetch()
	m.MemberID = new("other")
	require.Empty(t, decide(t, s.conn, m).Forward())
	s.epoch = 1
	assert.Equal(t, "500 ms", s.upstream(decide(t, s.conn, s.fetch())), "which ends nothing of this one's")
}

// TestShareSessionsAreBounded: what a client names takes no more memory than a session may
// have, whether it may read it or not.
func TestShareSessionsAreBounded(t *testing.T) {
	s := newShareMember(t)
	m := s.fetch()
	s.told(decide(t, s.conn, m), m, reply(m))
	add := func(topic string, from, to int32) *gateway.Plan {
		m := s.fetch(topic)
		m.Topics[0].Partitions = nil
		for i := from; i < to; i++ {
			p := kmsg.NewShareFetchRequestTopicPartition()
			p.Partition = i
			m.Topics[0].Partitions = append(m.Topics[0].Partitions, p)
		}
		return decide(t, s.conn, m)
	}
	for from := int32(0); from < 9_999; from += 1_000 {
		require.Len(t, add("mine", from, min(from+1_000, 9_999)).Forward(), 1)
	}
	require.Len(t, add("lost", 0, 1).Forward(), 1)
	require.Empty(t, add("lost", 1, 2).Forward(), "a partition too many")

	s = newShareMember(t)
	m = s.fetch("lost")
	r := reply(m, "lost")
	r.Topics[0].Partitions[0].AcquiredRecords = nil
	for i := range int64(20_000) {
		r.Topics[0].Partitions[0].AcquiredRecords = append(r.Topics[0].Partitions[0].AcquiredRecords,
			kmsg.ShareFetchResponseTopicPartitionAcquiredRecord{FirstOffset: 2 * i, LastOffset: 2 * i})
	}
	s.told(decide(t, s.conn, m), m, r)
	s.may("Read Group:g")
	released := sent[*kmsg.ShareFetchRequest](t, decide(t, s.conn, s.fetch()))[0].Topics[0].Partitions[0].AcknowledgementBatches
	assert.Len(t, released, 10_000, "ranges of acquired offsets")
	assert.True(t, slices.IsSortedFunc(released, func(a, b kmsg.ShareFetchRequestTopicPartitionAcknowledgementBatch) int {
		return int(a.FirstOffset - b.FirstOffset)
	}))
}

// TestShareSessionGoesOnAfterAuthentication: an answer that is still on its way when the
// member authenticates again is noted in the session that its next requests are decided by,
// and the bound on what a session keeps stays one bound.
func TestShareSessionGoesOnAfterAuthentication(t *testing.T) {
	const half = 6_000 // ranges of acquired offsets; twice as many are beyond the bound
	s := newShareMember(t)
	acquired := func(m *kmsg.ShareFetchRequest, from int64) *kmsg.ShareFetchResponse {
		r := reply(m, "lost 0-0")
		p := &r.Topics[0].Partitions[0]
		p.AcquiredRecords = nil
		for i := range int64(half) {
			p.AcquiredRecords = append(p.AcquiredRecords, kmsg.ShareFetchResponseTopicPartitionAcquiredRecord{FirstOffset: from + 2*i, LastOffset: from + 2*i})
		}
		return r
	}
	first := s.fetch("lost")
	pending := decide(t, s.conn, first)
	again := client("alice")
	again.Before = s.conn
	s.conn = s.gateway.Conn(again)
	s.told(pending, first, acquired(first, 0))

	second := s.fetch("lost 0-0")
	plan := decide(t, s.conn, second)
	s.told(plan, second, acquired(second, 100_000))
	s.may("Read Group:g")
	released := sent[*kmsg.ShareFetchRequest](t, decide(t, s.conn, s.fetch()))[0].Topics[0].Partitions[0].AcknowledgementBatches
	require.Len(t, released, 10_000)
	assert.EqualValues(t, 2, released[0].FirstOffset, "offset 0 is acknowledged")
	assert.Greater(t, released[half].FirstOffset, int64(99_000), "those of both answers")
}

// TestShareSessionOfARefusedFetch: what a fetch says that the cluster refuses is not what the
// cluster's session has. The member begins anew, so that no partition is in the session of
// which the gateway does not know.
func TestShareSessionOfARefusedFetch(t *testing.T) {
	for _, tt := range []struct {
		name   string
		refuse func(*kmsg.ShareFetchRequest)
	}{
		{"forgets", func(m *kmsg.ShareFetchRequest) {
			m.ShareSessionEpoch = 77
			m.ForgottenTopicsData = []kmsg.ShareFetchRequestForgottenTopicsData{{TopicID: idOf("lost"), Partitions: []int32{7}}}
		}},
		{"begins", func(m *kmsg.ShareFetchRequest) {
			m.ShareSessionEpoch, m.IsRenewAck, m.MaxBytes = 0, true, 1
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newShareMember(t)
			m := s.fetch("mine", "lost")
			s.told(decide(t, s.conn, m), m, reply(m))

			m = s.fetch()
			tt.refuse(m)
			plan := decide(t, s.conn, m)
			r := reply(m)
			r.ErrorCode = 42
			assert.Equal(t, "error 42", s.told(plan, m, r))

			s.may("Read Group:g", "Read Topic:mine")
			s.epoch = 1
			m = s.fetch()
			plan = decide(t, s.conn, m)
			if len(plan.Forward()) > 0 {
				assert.Equal(t, "-lost, 0 ms", s.upstream(plan), "the cluster's session goes on with a partition that the member may not read")
			} else {
				assert.EqualValues(t, 122, answer[*kmsg.ShareFetchResponse](t, plan, m).ErrorCode)
			}
		})
	}
}

// TestShareMembersAtTheCluster: the cluster knows a member by another id for each
// connection, so that no connection can continue the session of another one.
func TestShareMembersAtTheCluster(t *testing.T) {
	s := newShareMember(t)
	member := func(conn *gateway.Conn, id string) string {
		m := s.fetch("mine")
		m.MemberID, m.ShareSessionEpoch = &id, 0
		fetched := *sent[*kmsg.ShareFetchRequest](t, decide(t, conn, m))[0].MemberID
		a := kmsg.NewPtrShareAcknowledgeRequest()
		a.SetVersion(1)
		a.GroupID, a.MemberID, a.ShareSessionEpoch = m.GroupID, &id, 1
		a.Topics = []kmsg.ShareAcknowledgeRequestTopic{{TopicID: idOf("mine"), Partitions: make([]kmsg.ShareAcknowledgeRequestTopicPartition, 1)}}
		assert.Equal(t, fetched, *sent[*kmsg.ShareAcknowledgeRequest](t, decide(t, conn, a))[0].MemberID)
		return fetched
	}
	own := member(s.conn, "m")
	assert.Len(t, own, 22, "brokers of Kafka 4.1 read a UUID")
	assert.Equal(t, own, member(s.conn, "m"))
	assert.NotEqual(t, own, member(s.conn, own))
	assert.NotEqual(t, own, member(s.gateway.Conn(client("alice")), "m"), "another connection")
	again := client("alice")
	again.Before = s.conn
	assert.Equal(t, own, member(s.gateway.Conn(again), "m"), "after it has authenticated again")
	for _, wrong := range []string{"", strings.Repeat("x", 37)} {
		assert.Equal(t, wrong, member(s.conn, wrong), "the cluster refuses it")
	}
}

// TestShareSessionsKeepFewRefusals: a member is told of each partition that it may not read
// with every fetch. A session keeps no more of them than a fetch of a few bytes may cost.
func TestShareSessionsKeepFewRefusals(t *testing.T) {
	store := allowing(t, "Read Group:g")
	names := make(cluster, 3_000)
	for i := range names {
		names[i] = fmt.Sprint("t", i)
	}
	s := &shareMember{T: t, conn: newGateway(t, gateway.Config{Store: store, Cluster: names}).Conn(client("alice")), store: store}
	fetch := func(from, to int) *kmsg.ShareFetchResponse {
		m := s.fetch()
		for _, name := range names[from:to] {
			m.Topics = append(m.Topics, kmsg.ShareFetchRequestTopic{TopicID: idOf(name), Partitions: make([]kmsg.ShareFetchRequestTopicPartition, 1)})
		}
		plan := decide(t, s.conn, m)
		if len(plan.Forward()) == 0 {
			return answer[*kmsg.ShareFetchResponse](t, plan, m)
		}
		return answer[*kmsg.ShareFetchResponse](t, plan, m, m.ResponseKind())
	}
	for from := 0; from < 1_000; from += 500 {
		require.Len(t, fetch(from, from+500).Topics, from+500)
	}
	require.Len(t, fetch(0, 0).Topics, 1_000, "what the session keeps")
	require.Len(t, fetch(1_000, 1_500).Topics, 1_500, "each is refused by its error")
	assert.EqualValues(t, 122, fetch(0, 0).ErrorCode, "and then the session is none")
	s.epoch = 0
	require.Len(t, fetch(0, 1).Topics, 1, "of the new session")
	require.Len(t, fetch(0, 0).Topics, 1)
}

// TestRecordsOfForgottenPartitionsAreReleased: a member acquires records and forgets their partition.
// They stay acquired, and are released when the member loses READ.
func TestRecordsOfForgottenPartitionsAreReleased(t *testing.T) {
	s := newShareMember(t)
	m := s.fetch("mine", "lost")
	plan := decide(t, s.conn, m)
	assert.Equal(t, "+mine, +lost, 500 ms", s.upstream(plan))
	assert.Equal(t, "lost 0/0 15B", s.told(plan, m, reply(m, "lost 10-12")))
	m = s.fetch()
	m.ForgottenTopicsData = []kmsg.ShareFetchRequestForgottenTopicsData{{TopicID: idOf("lost"), Partitions: []int32{7}}}
	plan = decide(t, s.conn, m)
	assert.Equal(t, "-lost, 500 ms", s.upstream(plan))
	assert.Empty(t, s.told(plan, m, reply(m)))
	s.may("Read Group:g", "Read Topic:mine")
	m = s.fetch()
	plan = decide(t, s.conn, m)
	assert.Equal(t, "+lost 2:10-12, -lost, 500 ms", s.upstream(plan))
	assert.Empty(t, s.told(plan, m, reply(m)), "the member does not ask about it")
	m = s.fetch()
	assert.Equal(t, "500 ms", s.upstream(decide(t, s.conn, m)), "nothing is left to be released")
}
