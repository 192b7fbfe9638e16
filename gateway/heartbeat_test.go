package gateway_test

import (
	"fmt"
	"strings"
	"testing"

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
	if len(plan.Forward) == 0 {
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
		t.Run(tt.name, func(t *testing.T) {
			c := &topicList{cluster: cluster{"a1"}}
			conn := newGateway(t, gateway.Config{Store: allowing(t, "Read Group:g", "Describe Topic:*"), Cluster: c}).Conn(client("alice"))
			names := []string{}
			for i := range tt.names {
				names = append(names, fmt.Sprintf("%0200d", i))
			}
			for i := range tt.members {
				member := consumer{t, conn, fmt.Sprint(i)}
				member.sends(names, new("a.*"), 0, 0)
			}
			c.set("a1", "a2")
			kept := 0
			for i := range tt.members {
				member := consumer{t, conn, fmt.Sprint(tt.members - 1 - i)}
				if got := member.sends(nil, nil, 1, 0); got != "-" {
					require.Contains(t, got, "a1 a2")
					require.Equal(t, i, kept, "the youngest are kept")
					kept++
				}
			}
			assert.Equal(t, tt.kept, kept)
		})
	}
}
