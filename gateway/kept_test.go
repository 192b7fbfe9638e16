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
)

// allowance grants bytes up to a limit.
type allowance struct{ granted, limit int }

func (a *allowance) keep(bytes int) bool {
	if bytes > max(a.limit, a.granted) {
		return false
	}
	a.granted = bytes
	return true
}

// keepingMember returns a member that may keep as much as the allowance says.
func keepingMember(t *testing.T, limit int) (*shareMember, *allowance) {
	s, a := newShareMember(t), &allowance{limit: limit}
	alice := client("alice")
	alice.Keep = a.keep
	s.conn = s.gateway.Conn(alice)
	return s, a
}

// fetchMany returns a fetch that names a thousand partitions of a topic.
func (s *shareMember) fetchMany(topic string) *kmsg.ShareFetchRequest {
	m := s.fetch(topic)
	m.Topics[0].Partitions = nil
	for i := range int32(1000) {
		p := kmsg.NewShareFetchRequestTopicPartition()
		p.Partition = 1000*m.ShareSessionEpoch + i
		m.Topics[0].Partitions = append(m.Topics[0].Partitions, p)
	}
	return m
}

// acquires is a reply with so many ranges of acquired offsets of partition 7.
func acquires(m *kmsg.ShareFetchRequest, ranges int64) *kmsg.ShareFetchResponse {
	r := reply(m, "mine")
	p := &r.Topics[0].Partitions[0]
	p.AcquiredRecords = nil
	for i := range ranges {
		p.AcquiredRecords = append(p.AcquiredRecords, kmsg.ShareFetchResponseTopicPartitionAcquiredRecord{FirstOffset: 2 * i, LastOffset: 2 * i})
	}
	return r
}

func TestKeptShareSession(t *testing.T) {
	s, a := keepingMember(t, 130_000)
	m := s.fetchMany("mine")
	assert.Equal(t, "mine 0/0 15B", s.told(decide(t, s.conn, m), m, acquires(m, 1)))
	session := a.granted
	assert.Positive(t, session)

	m = s.fetch()
	assert.Equal(t, "mine 0/0 15B", s.told(decide(t, s.conn, m), m, acquires(m, 5000)))
	assert.Less(t, a.granted, session, "too many ranges are not kept at all; the cluster releases them")

	m = s.fetch()
	m.ForgottenTopicsData = []kmsg.ShareFetchRequestForgottenTopicsData{{TopicID: idOf("mine")}}
	for i := range int32(1000) {
		m.ForgottenTopicsData[0].Partitions = append(m.ForgottenTopicsData[0].Partitions, i)
	}
	s.told(decide(t, s.conn, m), m, reply(m))
	assert.Greater(t, a.granted, session/2, "as much as it had, until the next fetch")

	m = s.fetchMany("mine")
	assert.Empty(t, s.told(decide(t, s.conn, m), m, reply(m)), "in the place of those forgotten")
	refused := answer[*kmsg.ShareFetchResponse](t, decide(t, s.conn, s.fetchMany("mine")), m)
	assert.EqualValues(t, 133, refused.ErrorCode, "SHARE_SESSION_LIMIT_REACHED")
	assert.Less(t, a.granted, 1000, "the session is forgotten")

	s.epoch = 0
	m = s.fetchMany("mine")
	s.told(decide(t, s.conn, m), m, reply(m))
	assert.Greater(t, a.granted, session/2, "a new session")
	s.epoch = -1
	decide(t, s.conn, s.fetch()).Forward()
	assert.Zero(t, a.granted, "the session is closed")
}

func TestKeptSubscriptions(t *testing.T) {
	a := &allowance{limit: 10_000}
	alice := client("alice")
	alice.Keep = a.keep
	conn := newGateway(t, gateway.Config{Store: allowing(t, "Read Group:g", "Describe Topic:*"), Cluster: &topicList{cluster: cluster{"a1"}}}).Conn(alice)
	m1, m2 := consumer{t, conn, "m1"}, consumer{t, conn, "m2"}
	assert.Contains(t, m1.sends(nil, new("a.*"), 0, 0), "a1")
	short := a.granted
	assert.Positive(t, short)
	long := "a.*|" + strings.Repeat("b", 10_000)
	for _, c := range []consumer{m1, m2} {
		assert.Equal(t, "refused 14", c.sends(nil, &long, 1, 0), "COORDINATOR_LOAD_IN_PROGRESS")
		assert.Equal(t, short, a.granted, "what was kept before")
	}
	a.limit = 20_000
	assert.Contains(t, m1.sends(nil, &long, 1, 0), "a1")
	assert.Greater(t, a.granted, 10_000)
	m1.sends(nil, nil, -1, 0)
	assert.Zero(t, a.granted, "the member has left")
}

// TestKeptBytes: a connection takes no more memory than it asks for.
func TestKeptBytes(t *testing.T) {
	const conns = 5
	store := allowing(t, "Read Group:g", "Read Topic:mine")
	g := newGateway(t, gateway.Config{Store: store, Cluster: &topicList{cluster: cluster{"mine"}}})
	for _, tt := range []struct {
		name string
		fill func(*shareMember)
	}{
		{"partitions", func(s *shareMember) {
			for range 9 {
				m := s.fetchMany("mine")
				s.told(decide(s.T, s.conn, m), m, reply(m))
			}
		}},
		{"client ids", func(s *shareMember) {
			for _, id := range []string{strings.Repeat("x", 1<<15-1), strings.Repeat("y", 1<<15-1)} {
				frame := kmsg.NewRequestFormatter(kmsg.FormatterClientID(id)).AppendRequest(nil, kmsg.NewPtrMetadataRequest(), 1)
				plan, err := s.conn.Request(frame[4:])
				require.NoError(s, err)
				require.Equal(s, id, plan.Header.ClientID)
			}
		}},
		{"acquired", func(s *shareMember) {
			m := s.fetchMany("mine")
			s.told(decide(s.T, s.conn, m), m, acquires(m, 9_999))
		}},
		{"refused and forgotten", func(s *shareMember) {
			for range 5 {
				m := s.fetchMany("lost")
				s.told(decide(s.T, s.conn, m), m, reply(m))
			}
		}},
		{"subscriptions", func(s *shareMember) {
			for i := range 16 {
				c := consumer{s.T, s.conn, fmt.Sprint(i)}
				c.sends(nil, new("mine|"+strings.Repeat("y", 8000)), 0, 0)
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var members []*shareMember
			member := func() (s *shareMember, granted int) {
				a := &allowance{limit: 1 << 30}
				alice := client("alice")
				alice.Keep = a.keep
				s = &shareMember{T: t, gateway: g, conn: g.Conn(alice), store: store}
				tt.fill(s)
				return s, a.granted
			}
			member() // so that what all of them share does not count
			asked := 0
			before := heap()
			for range conns {
				s, granted := member()
				members, asked = append(members, s), asked+granted
			}
			took := heap() - before
			t.Logf("%d bytes taken, %d asked for", took/conns, asked/conns)
			assert.LessOrEqual(t, took, asked+conns*4096, "a connection itself takes less than 4 KiB")
			runtime.KeepAlive(members)
		})
	}
}

// heap returns the bytes of all reachable objects.
func heap() int {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}
