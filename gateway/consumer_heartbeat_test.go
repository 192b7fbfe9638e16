package gateway_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// topicList is a cluster whose topics change.
type topicList struct {
	cluster
	version uint64
	unknown bool
	asked   int
}

func (l *topicList) Topics() ([]string, uint64, bool) {
	l.asked++
	return l.cluster, l.version, !l.unknown
}

func (l *topicList) set(names ...string) { l.cluster, l.version = names, l.version+1 }

// consumer is a member of a group.
type consumer struct {
	t    *testing.T
	conn *gateway.Conn
	id   string
}

// sends returns the topics that the cluster is sent for a heartbeat: "-" for null, and
// "refused" with the code.
func (c *consumer) sends(names []string, pattern *string, epoch int32, code int16) string {
	c.t.Helper()
	m := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	m.SetVersion(1)
	m.Group, m.MemberID, m.MemberEpoch = "g", c.id, epoch
	m.SubscribedTopicNames, m.SubscribedTopicRegex = names, pattern
	plan := decide(c.t, c.conn, m)
	if len(plan.Forward()) == 0 {
		r := answer[*kmsg.ConsumerGroupHeartbeatResponse](c.t, plan, m)
		return fmt.Sprint("refused ", r.ErrorCode)
	}
	requests := sent[*kmsg.ConsumerGroupHeartbeatRequest](c.t, plan)
	require.Len(c.t, requests, 1)
	reply := m.ResponseKind().(*kmsg.ConsumerGroupHeartbeatResponse)
	reply.ErrorCode = code
	got := requests[0]
	if got.SubscribedTopicRegex != nil && *got.SubscribedTopicRegex == "(" { // which no coordinator can resolve
		reply.ErrorCode = 128
	}
	if r := answer[*kmsg.ConsumerGroupHeartbeatResponse](c.t, plan, m, reply); r.ErrorCode == 128 {
		return "refused 128"
	}
	if got.SubscribedTopicRegex != nil && *got.SubscribedTopicRegex != "" {
		c.t.Errorf("the cluster is sent the pattern %.60q", *got.SubscribedTopicRegex)
	}
	if got.SubscribedTopicNames == nil {
		return "-"
	}
	return strings.Join(got.SubscribedTopicNames, " ")
}

// The topics that a pattern resolves to are sent by name, and a pattern that cannot be
// resolved is refused.
func TestHeartbeatPatterns(t *testing.T) {
	long := make([]string, 20) // of 100 characters each
	for i := range long {
		long[i] = fmt.Sprintf("%s-%02d", strings.Repeat("n", 97), i)
	}
	store := allowing(t, "Read Group:g", "Describe Topic:a*", "Describe Topic:n*")
	c := &topicList{cluster: append(cluster{"a1", "a2", "b1", "xa1", "aB"}, long...)}
	for i, tt := range []struct {
		name    string
		pattern string
		names   []string
		want    string
	}{
		{"only what may be described", ".1", nil, "a1"},
		{"with names", ".1", []string{"a2"}, "a1 a2"},
		{"a name that matches", "a1", []string{"a1"}, "a1"},
		{"alternatives", "b1|a1", nil, "a1"},
		{"nothing may be described", "b.*", nil, ""},
		{"the whole name", "a", nil, ""},
		{"anchors", "^a1$", nil, "a1"},
		{"words", `\ba1\b`, nil, "a1"},
		{"case", "(?i)AB", nil, "aB"},
		{"a repetition", "a[0-9]{1,1000}", nil, "a1 a2"},
		{"twenty long names", strings.Join(long, "|"), nil, strings.Join(long, " ")},
		{"a long name that no topic has", strings.Repeat("a", 1<<15-1), nil, ""},
		{"an open bracket", "(", nil, "refused 128"},
		{"the bracket of nobody", "a1)|(?:b1", nil, "refused 128"},
		{"look-ahead", "(?=a)", nil, "refused 128"},
		{"a name that may not be described", "a.*", []string{"b1"}, "refused 29"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := newGateway(t, gateway.Config{Store: store, Cluster: c})
			member := consumer{t, g.Conn(client("alice")), fmt.Sprint("m", i)}
			assert.Equal(t, tt.want, member.sends(tt.names, &tt.pattern, 0, 0))
		})
	}
}

// A pattern that cannot be resolved is replaced by an impossible one: the coordinator
// reports other errors of the heartbeat first, and the client gets the error of its own
// pattern.
func TestRefusedPatternSaysWhy(t *testing.T) {
	for _, tt := range []struct {
		code int16
		want string
	}{
		{128, "SubscribedTopicRegex `a(?=b)` is not a valid regular expression: invalid or unsupported Perl syntax."},
		{42, "MemberId can't be empty."},
		{69, "Group g is not a consumer group."},
		{112, "ServerAssignor nope is not supported."},
	} {
		t.Run(fmt.Sprint(tt.code), func(t *testing.T) {
			conn := newGateway(t, gateway.Config{Store: allowing(t, "Read Group:g"), Cluster: cluster{}}).Conn(client("alice"))
			m := &kmsg.ConsumerGroupHeartbeatRequest{Version: 1, Group: "g", SubscribedTopicRegex: new("a(?=b)")}
			plan := decide(t, conn, m)
			requests := sent[*kmsg.ConsumerGroupHeartbeatRequest](t, plan)
			require.Len(t, requests, 1)
			require.Equal(t, "(", *requests[0].SubscribedTopicRegex, "what the coordinator is asked to resolve")
			says := tt.want
			if tt.code == 128 {
				says = "SubscribedTopicRegex `(` is not a valid regular expression: missing closing )."
			}
			r := answer[*kmsg.ConsumerGroupHeartbeatResponse](t, plan, m, &kmsg.ConsumerGroupHeartbeatResponse{Version: 1, ErrorCode: tt.code, ErrorMessage: &says})
			assert.Equal(t, tt.code, r.ErrorCode)
			require.NotNil(t, r.ErrorMessage)
			assert.Contains(t, *r.ErrorMessage, tt.want)
		})
	}
}

// A client that may not read the group, or not describe a topic that it names, is
// refused before the topics are looked at.
func TestPatternsWaitForAuthorization(t *testing.T) {
	c := &topicList{cluster: cluster{"a1"}}
	g := newGateway(t, gateway.Config{Store: allowing(t, "Describe Topic:a*"), Cluster: c})
	for _, pattern := range []string{"a.*", "(", strings.Repeat("(?:.?){1000}", 100)} {
		member := consumer{t, g.Conn(client("alice")), "m"}
		assert.Equal(t, "refused 30", member.sends(nil, &pattern, 0, 0))
	}
	g = newGateway(t, gateway.Config{Store: allowing(t, "Read Group:g", "Describe Topic:a*"), Cluster: c})
	member := consumer{t, g.Conn(client("alice")), "m"}
	assert.Equal(t, "refused 29", member.sends([]string{"b"}, new("("), 0, 0))
	assert.Zero(t, c.asked, "times that the cluster was asked for its topics")
}

// A subscription is resolved again when the topics or the ACLs have changed, with a
// heartbeat that has no subscription.
func TestPatternsAreResolvedAgain(t *testing.T) {
	store := allowing(t, "Read Group:g", "Describe Topic:a*")
	c := &topicList{cluster: cluster{"a1", "b1"}}
	member := consumer{t, newGateway(t, gateway.Config{Store: store, Cluster: c}).Conn(client("alice")), "m"}
	next := func(want, step string) {
		t.Helper()
		require.Equal(t, want, member.sends(nil, nil, 1, 0), step)
	}
	require.Equal(t, "a0 a1", member.sends([]string{"a0"}, new(".*1"), 0, 0), "joining")
	next("-", "nothing has changed")
	c.set("a1", "b1", "a11")
	next("a0 a1 a11", "a new topic")
	next("-", "nothing has changed since")
	c.set("a1", "b1", "b11", "a11", "a2")
	next("-", "new topics that do not match or may not be described")
	require.NoError(t, store.Update(func(tx *snapshot.Tx) error { tx.Add(allow(t, "Describe Topic:b11")); return nil }))
	next("a0 a1 a11 b11", "a right is given")
	require.NoError(t, store.Update(func(tx *snapshot.Tx) error { tx.Remove(allow(t, "Describe Topic:b11")); return nil }))
	next("a0 a1 a11", "the right is taken away")
	c.set("a1")
	next("a0 a1", "a topic is deleted")
	c.unknown = true
	c.version++
	next("-", "the topics are not known")
	require.Equal(t, "refused 15", member.sends(nil, new("a.*"), 1, 0), "a new pattern while the topics are not known")
	c.unknown = false
	c.set("a1", "a11")
	next("a0 a1 a11", "they are known again, and the pattern is the first one")
	require.Equal(t, "refused 128", member.sends(nil, new("("), 1, 0), "an invalid pattern")
	c.set("a1")
	next("a0 a1", "the pattern is the first one")
	require.Equal(t, "a1 a5", member.sends([]string{"a5"}, nil, 1, 0), "other names and the same pattern")
	require.Equal(t, "a5", member.sends(nil, new(""), 1, 0), "no pattern, and the same names")
	c.set("a1", "a11")
	next("-", "there is no pattern any more")
}

// Topics that the cluster rejected are sent again.
func TestPatternsAreSentAgainAfterAnError(t *testing.T) {
	c := &topicList{cluster: cluster{"a1"}}
	g := newGateway(t, gateway.Config{Store: allowing(t, "Read Group:g", "Describe Topic:a*"), Cluster: c})
	member := consumer{t, g.Conn(client("alice")), "m"}
	require.Equal(t, "a1", member.sends(nil, new("a.*"), 0, 0))
	c.set("a1", "a2")
	require.Equal(t, "a1 a2", member.sends(nil, nil, 1, 14), "the coordinator is loading")
	require.Equal(t, "a1 a2", member.sends(nil, nil, 1, 0))
	require.Equal(t, "-", member.sends(nil, nil, 1, 0))
}

// A subscription is forgotten when its member leaves or the connection belongs to
// another principal, but not when the same principal authenticates again.
func TestPatternsEndWithTheMember(t *testing.T) {
	c := &topicList{cluster: cluster{"a1"}}
	g := newGateway(t, gateway.Config{Store: allowing(t, "Read Group:g", "Describe Topic:a*"), Cluster: c})
	alice := client("alice")
	member := consumer{t, g.Conn(alice), "m"}
	require.Equal(t, "a1", member.sends(nil, new("a.*"), 0, 0))

	alice.Before = member.conn
	again := consumer{t, g.Conn(alice), "m"}
	c.set("a1", "a2")
	require.Equal(t, "a1 a2", again.sends(nil, nil, 1, 0), "authenticated again")
	root := client("root")
	root.Before = again.conn
	other := consumer{t, g.Conn(root), "m"}
	c.set("a1", "a2", "a3")
	require.Equal(t, "-", other.sends(nil, nil, 1, 0), "another principal")

	require.Equal(t, "-", again.sends(nil, new("a.*"), -1, 0), "leaving, with a pattern for nothing")
	require.Equal(t, "-", again.sends(nil, nil, 1, 0), "it has left")
}

// The memory of a connection is limited, in members and in bytes; the oldest
// subscriptions are dropped first.
func TestRememberedPatternsAreBounded(t *testing.T) {
	for _, tt := range []struct {
		name    string
		members int
		names   int // in addition to the pattern, of 200 bytes each
		kept    int
	}{
		{"members", 100, 0, 16}, {"bytes", 16, 200, 3}, {"one that is too large", 1, 1000, 0},
	} {
		test := func(t *testing.T) {
			c := &topicList{cluster: cluster{"a1"}}
			conn := newGateway(t, gateway.Config{Store: allowing(t, "Read Group:g", "Describe Topic:*"), Cluster: c}).Conn(client("alice"))
			names := []string{}
			for i := range tt.names {
				names = append(names, fmt.Sprintf("%0200d", i))
			}
			for i := range tt.members {
				member := consumer{t, conn, fmt.Sprint(i)}
				member.sends(names, new("a.*"), 0, 0)
				time.Sleep(time.Second)
			}
			c.set("a1", "a2")
			kept := 0
			for i := range tt.members {
				member := consumer{t, conn, fmt.Sprint(tt.members - 1 - i)}
				time.Sleep(time.Second)
				if got := member.sends(nil, nil, 1, 0); got != "-" {
					require.Contains(t, got, "a1 a2")
					require.Equal(t, i, kept, "the youngest are kept")
					kept++
				}
			}
			assert.Equal(t, tt.kept, kept)
		}
		t.Run(tt.name, func(t *testing.T) { synctest.Test(t, test) })
	}
}

// TestPatternsOfNobody: for a client that may describe no topic nothing is asked of the cluster
// and no question is asked about its topics, but an invalid pattern is refused as usual.
func TestPatternsOfNobody(t *testing.T) {
	c := &topicList{cluster: cluster{"secret"}}
	store := allowing(t, "Read Group:g")
	conn := newGateway(t, gateway.Config{Store: store, Cluster: c}).Conn(client("alice"))
	member := consumer{t, conn, "m"}
	for i := range 3 * 16 {
		require.Equal(t, "", member.sends(nil, new(".*"), int32(i), 0))
	}
	assert.Equal(t, "-", member.sends(nil, nil, 1, 0))
	assert.Equal(t, "refused 128", member.sends(nil, new("("), 1, 0))
	assert.Zero(t, c.asked, "questions for the list of all topics")
	require.NoError(t, store.Update(func(tx *snapshot.Tx) error { tx.Add(allow(t, "Describe Topic:secret")); return nil }))
	assert.Equal(t, "secret", member.sends(nil, nil, 1, 0), "a right is given")
	require.NoError(t, store.Update(func(tx *snapshot.Tx) error { tx.Remove(allow(t, "Describe Topic:secret")); return nil }))
	assert.Equal(t, "", member.sends(nil, nil, 1, 0), "it is taken away")
	assert.Equal(t, 1, c.asked)
}

// TestPatternsAreResolvedSeldom: a connection resolves as many patterns at once as it has
// members, and then one a second. More are refused, so that the client tries again; topics
// that a member has remain until then.
func TestPatternsAreResolvedSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &topicList{cluster: cluster{"a1"}}
		conn := newGateway(t, gateway.Config{Store: allowing(t, "Read Group:g", "Describe Topic:a*"), Cluster: c}).Conn(client("alice"))
		member := consumer{t, conn, "m"}
		resolved := 0
		for range 100 {
			got := member.sends(nil, new("a.*"), 1, 0)
			require.Contains(t, []string{"a1", "refused 14"}, got)
			if got == "a1" {
				resolved++
			}
		}
		assert.Equal(t, 16, resolved)
		c.set("a1", "a2")
		require.Equal(t, "-", member.sends(nil, nil, 1, 0), "a new topic, too early")
		time.Sleep(time.Second)
		require.Equal(t, "a1 a2", member.sends(nil, nil, 1, 0), "a second later")
		require.Equal(t, "refused 14", member.sends(nil, new("("), 1, 0), "an invalid pattern costs as much")
		time.Sleep(time.Second)
		require.Equal(t, "refused 128", member.sends(nil, new("("), 1, 0))
		require.Equal(t, "refused 14", member.sends(nil, new("a.*"), 1, 0))
		time.Sleep(time.Hour)
		resolved = 0
		for range 100 {
			if member.sends(nil, new("a.*"), 1, 0) == "a1 a2" {
				resolved++
			}
		}
		assert.Equal(t, 16, resolved, "no more are saved up")
	})
}

// TestPatternsOfManyTopics: the memory of a heartbeat that is sent on with many names is within
// the budget of its frame and what Memory says, for which a proxy has room.
func TestPatternsOfManyTopics(t *testing.T) {
	var names cluster
	for i := range 50_000 {
		names = append(names, fmt.Sprintf("company.department.topic-%06d", i))
	}
	for _, tt := range []struct {
		name    string
		rights  []string
		pattern string
		topics  int
	}{
		{"no topic may be described", []string{"Read Group:g"}, ".*", 0},
		{"all may be described, and match", []string{"Read Group:g", "Describe Topic:*"}, ".*", 50_000},
		{"few match", []string{"Read Group:g", "Describe Topic:*"}, ".*-00001[0-9]", 10},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := newGateway(t, gateway.Config{Store: allowing(t, tt.rights...), Cluster: names})
			m := kmsg.NewPtrConsumerGroupHeartbeatRequest()
			m.SetVersion(1)
			m.Group, m.MemberID, m.SubscribedTopicRegex = "g", "m", &tt.pattern
			frame := frameOf(m)
			var plan *gateway.Plan
			used := allocated(func() {
				var err error
				plan, err = g.Conn(client("alice")).Request(frame)
				require.NoError(t, err)
			})
			list := int64(16 * len(names)) // which is dropped if few match
			if tt.topics == 0 {
				list = 0
				assert.Less(t, plan.Checks, 10, "questions about topics that the client may not see")
			}
			requests := sent[*kmsg.ConsumerGroupHeartbeatRequest](t, plan)
			require.Len(t, requests[0].SubscribedTopicNames, tt.topics)
			t.Logf("%d bytes allocated, %d counted", used, plan.Memory())
			assert.LessOrEqual(t, used, int64(16*len(frame)+1<<20)+plan.Memory()+list)
			assert.GreaterOrEqual(t, plan.Memory(), int64(tt.topics*(16+31)), "the list, and the frame")
			assert.LessOrEqual(t, plan.Memory(), int64(tt.topics*(16+32)+1000))
		})
	}
}

// TestDroppedHeartbeats: a heartbeat that was decided and not sent has told the cluster
// nothing, so that the next one sends the topics of the pattern.
func TestDroppedHeartbeats(t *testing.T) {
	store := allowing(t, "Read Group:g", "Describe Topic:a1", "Describe Topic:a2")
	conn := newGateway(t, gateway.Config{Store: store, Cluster: cluster{"a1", "a2"}}).Conn(client("alice"))
	member := consumer{t, conn, "m"}
	require.Equal(t, "a1 a2", member.sends(nil, new("a.*"), 0, 0))

	remove(t, store, "Describe Topic:a2")
	m := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	m.SetVersion(1)
	m.Group, m.MemberID, m.MemberEpoch = "g", "m", 1
	dropped := decide(t, conn, m)
	require.Equal(t, 1, dropped.Frames())
	require.NoError(t, store.Update(func(tx *snapshot.Tx) error { tx.Add(allow(t, "Read Topic:other")); return nil }))
	require.True(t, dropped.Outdated())
	assert.Equal(t, "a1", member.sends(nil, nil, 1, 0), "topics that the cluster is sent")
	assert.Equal(t, "-", member.sends(nil, nil, 1, 0), "they are sent once")
}

// allocated returns how many bytes f allocates.
func allocated(f func()) int64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return int64(after.TotalAlloc - before.TotalAlloc)
}

// TestRefusedHeartbeatsChangeNothing: a heartbeat that the cluster refuses does not change the
// subscription that the member had. Its topics are sent again, in case that the cluster has
// carried out what it says it has not.
func TestRefusedHeartbeatsChangeNothing(t *testing.T) {
	for _, tt := range []struct {
		name    string
		refused func(*consumer) string
	}{
		{"another pattern", func(c *consumer) string { return c.sends(nil, new("b.*"), 1, 110) }},
		{"other names", func(c *consumer) string { return c.sends([]string{"b1"}, nil, 1, 110) }},
		{"no pattern", func(c *consumer) string { return c.sends([]string{}, new(""), 1, 110) }},
		{"leaves", func(c *consumer) string { return c.sends(nil, nil, -1, 25) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			topics := &topicList{cluster: cluster{"a1", "b1"}}
			conn := newGateway(t, gateway.Config{Store: allowing(t, "Read Group:g", "Describe Topic:*"), Cluster: topics}).Conn(client("alice"))
			c := &consumer{t, conn, "m"}
			require.Equal(t, "a1", c.sends(nil, new("a.*"), 0, 0))
			tt.refused(c)
			assert.Equal(t, "a1", c.sends(nil, nil, 1, 0))
			assert.Equal(t, "-", c.sends(nil, nil, 1, 0), "once")
			topics.set("a1", "a2", "b1")
			assert.Equal(t, "a1 a2", c.sends(nil, nil, 1, 0))
		})
	}
	t.Run("the first one", func(t *testing.T) {
		conn := newGateway(t, gateway.Config{Store: allowing(t, "Read Group:g", "Describe Topic:*"), Cluster: &topicList{cluster: cluster{"a1"}}}).Conn(client("alice"))
		c := &consumer{t, conn, "m"}
		require.Equal(t, "a1", c.sends(nil, new("a.*"), 0, 110))
		assert.Equal(t, "-", c.sends(nil, nil, 1, 0), "the member has no subscription")
	})
	t.Run("without room for what it had", func(t *testing.T) {
		a, alice := &allowance{limit: 10_000}, client("alice")
		alice.Keep = a.keep
		conn := newGateway(t, gateway.Config{Store: allowing(t, "Read Group:g", "Describe Topic:*"), Cluster: &topicList{cluster: cluster{"a1"}}}).Conn(alice)
		c := &consumer{t, conn, "m"}
		require.Equal(t, "a1", c.sends(nil, new("a.*|"+strings.Repeat("b", 5_000)), 0, 0))
		a.limit = 1_000
		require.Equal(t, "a1", c.sends(nil, new("a1"), 1, 110))
		assert.Zero(t, a.granted)
		assert.Equal(t, "-", c.sends(nil, nil, 1, 0))
	})
}
