package proxy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/gateway/relay"
)

// shareFetch returns a fetch of a share session that adds a thousand partitions of a topic.
func shareFetch(id [16]byte, epoch int32) *kmsg.ShareFetchRequest {
	m := kmsg.NewPtrShareFetchRequest()
	m.GroupID, m.MemberID, m.ShareSessionEpoch = new("g"), new("AAAAAAAAAAAAAAAAAAAAAA"), epoch
	topic := kmsg.NewShareFetchRequestTopic()
	topic.TopicID = id
	for i := range int32(1000) {
		p := kmsg.NewShareFetchRequestTopicPartition()
		p.Partition = 1000*epoch + i
		topic.Partitions = append(topic.Partitions, p)
	}
	m.Topics = append(m.Topics, topic)
	return m
}

// TestKeptMemoryIsBounded: what the connections of a principal keep between requests is
// bounded in sum, others find room, and it is given back when the connections end.
func TestKeptMemoryIsBounded(t *testing.T) {
	cluster := upstream(t, kfake.NumBrokers(1))
	for _, key := range []kmsg.Key{kmsg.ShareFetch, kmsg.ConsumerGroupHeartbeat} { // what is refused is not kept
		cluster.ControlKey(int16(key), func(r kmsg.Request) (kmsg.Response, error, bool) {
			cluster.KeepControl()
			return r.ResponseKind(), nil, true
		})
	}
	id := createdAt(t, cluster.ListenAddrs()[0], "", "orders")
	p := start(t, cluster, proxy.Config{
		Store:  store(t, "alice ALLOW READ GROUP g", "bob ALLOW READ GROUP g", "alice ALLOW READ TOPIC orders", "bob ALLOW READ TOPIC orders"),
		Limits: relay.Limits{FrameBytes: mebibyte, FramesBytes: 16 * mebibyte},
	})
	login := func(user string) *wire {
		w := dial(t, p.Addresses()[0])
		w.login(user, passwords[user])
		return w
	}
	session := func(w *wire) (code int16) {
		for epoch := int32(0); epoch < 10 && code == 0; epoch++ {
			code = w.ask(shareFetch(id, epoch), 1).(*kmsg.ShareFetchResponse).ErrorCode
		}
		return code
	}
	pattern := func(w *wire, member int) int16 {
		m := kmsg.NewPtrConsumerGroupHeartbeatRequest()
		m.Group, m.MemberID, m.RebalanceTimeoutMillis = "g", fmt.Sprint(member), 1000
		m.SubscribedTopicNames, m.SubscribedTopicRegex = []string{}, new("orders|"+strings.Repeat("x", 30_000))
		return w.ask(m, 1).(*kmsg.ConsumerGroupHeartbeatResponse).ErrorCode
	}

	var open []*wire
	for range 20 {
		w := login("alice")
		open = append(open, w)
		if code := session(w); code != 0 {
			require.Equal(t, kerr.ShareSessionLimitReached.Code, code)
			break
		}
	}
	assert.Less(t, len(open), 20, "sessions of one principal")
	assert.Greater(t, len(open), 1)
	for i := 0; ; i++ {
		require.Less(t, i, 150, "patterns of one principal")
		if i%4 == 0 {
			open = append(open, login("alice"))
		}
		if code := pattern(open[len(open)-1], i); code == kerr.CoordinatorLoadInProgress.Code {
			break
		}
	}

	bob := login("bob")
	assert.NotEqual(t, kerr.CoordinatorLoadInProgress.Code, pattern(bob, 0), "another principal has room")
	for _, w := range open {
		require.NoError(t, w.Close())
	}
	eventually(t, "room is given back", func() bool { return session(bob) == 0 })
}
