package proxy_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway/proxy"
)

// fetchUnknown is a Fetch of topics that do not exist.
func fetchUnknown(from, count int) *kmsg.FetchRequest {
	m := kmsg.NewPtrFetchRequest()
	for i := range count {
		i += from
		topic := kmsg.NewFetchRequestTopic()
		topic.TopicID = [16]byte{1, byte(i), byte(i >> 8)}
		topic.Partitions = append(topic.Partitions, kmsg.NewFetchRequestTopicPartition())
		m.Topics = append(m.Topics, topic)
	}
	return m
}

// fetchOne is a Fetch of one topic.
func fetchOne(id [16]byte) *kmsg.FetchRequest {
	m := fetchUnknown(0, 1)
	m.Topics[0].TopicID = id
	return m
}

// codeOf asks for one topic and returns the error of its partition, or of the request.
func codeOf(w *wire, id [16]byte) int16 {
	w.t.Helper()
	r := w.ask(fetchOne(id), 13).(*kmsg.FetchResponse)
	if r.ErrorCode != 0 || len(r.Topics) == 0 {
		return r.ErrorCode
	}
	return r.Topics[0].Partitions[0].ErrorCode
}

// questions counts what the upstream is asked about topics.
type questions struct {
	all, ids, names atomic.Int32 // requests for all topics, for some by id, for some by name
	most            atomic.Int32 // ids in one request
}

// countQuestions counts the Metadata requests that the upstream gets. hold, if not nil, is
// called for each request by id.
func countQuestions(cluster *kfake.Cluster, hold func()) *questions {
	q := new(questions)
	cluster.ControlKey(int16(kmsg.Metadata), func(r kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		m := r.(*kmsg.MetadataRequest)
		switch {
		case m.Topics == nil:
			q.all.Add(1)
		case len(m.Topics) > 0 && m.Topics[0].Topic == nil:
			q.ids.Add(1)
			q.most.Store(max(q.most.Load(), int32(len(m.Topics))))
			if hold != nil {
				hold()
			}
		case len(m.Topics) > 0:
			q.names.Add(1)
		}
		return nil, nil, false
	})
	return q
}

// Topics that do not exist are asked for a hundred at a time, and a client that asks for
// many waits. Names that the client may not describe are not asked about.
func TestUnknownTopicsAreAskedTogether(t *testing.T) {
	cluster := upstream(t)
	asked := countQuestions(cluster, nil)
	p := start(t, cluster, proxy.Config{Store: store(t, "alice ALLOW READ TOPIC orders")})
	w := dial(t, p.Addresses()[0])
	w.login("alice", passwords["alice"])
	began := time.Now()
	r := w.ask(fetchUnknown(0, 2000), 13).(*kmsg.FetchResponse)
	require.Len(t, r.Topics, 2000)
	for i := range r.Topics {
		require.Equal(t, kerr.UnknownTopicID.Code, r.Topics[i].Partitions[0].ErrorCode)
	}
	assert.Equal(t, int32(20), asked.ids.Load())
	assert.Equal(t, int32(100), asked.most.Load())
	w.ask(fetchUnknown(0, 500), 13)
	// 25 questions, of which 10 are a burst. The others come one in 100 ms.
	assert.GreaterOrEqual(t, time.Since(began), 1400*time.Millisecond, "the client waits")

	remove := kmsg.NewPtrDeleteTopicsRequest()
	for i := range 2000 {
		topic := kmsg.NewDeleteTopicsRequestTopic()
		topic.Topic = kmsg.StringPtr(fmt.Sprint("missing-", i))
		remove.Topics = append(remove.Topics, topic)
	}
	w.ask(remove, 6)
	assert.Zero(t, asked.all.Load(), "requests for all topics")
	assert.Zero(t, asked.names.Load(), "requests for topics that may not be described")
}

// A new topic may be used at once: its id is known from the answer that the client has
// it from, or it is asked for, also if many unknown ones were asked for just before.
func TestNewTopicsAreKnownAtOnce(t *testing.T) {
	cluster := upstream(t, kfake.NumBrokers(1))
	asked := countQuestions(cluster, nil)
	p := start(t, cluster, proxy.Config{Store: store(t, "alice ALLOW READ TOPIC orders")})
	w := dial(t, p.Addresses()[0])
	w.login("alice", passwords["alice"])
	require.Equal(t, kerr.UnknownTopicID.Code, codeOf(w, [16]byte{7}))
	assert.Equal(t, int32(1), asked.ids.Load())
	for i, create := range []string{"through the proxy", "elsewhere"} {
		t.Run(create, func(t *testing.T) {
			for j := range 5 {
				before := asked.ids.Load()
				address, user := p.Addresses()[0], "admin"
				if i == 1 {
					address, user = cluster.ListenAddrs()[0], ""
				}
				name := fmt.Sprintf("hidden-%d-%d", i, j)
				id := createdAt(t, address, user, name)
				code := codeOf(w, id)
				assert.Equal(t, kerr.TopicAuthorizationFailed.Code, code, "it exists, and may not be read")
				assert.Equal(t, before+int32(i), asked.ids.Load(), "questions")
			}
		})
	}
	assert.NotEqual(t, kerr.UnknownTopicID.Code, codeOf(w, createdAt(t, p.Addresses()[0], "admin", "orders")))
}

// createdAt creates a topic by a connection of its own, logged in unless user is "", and
// returns its id.
func createdAt(t *testing.T, address, user, name string) [16]byte {
	t.Helper()
	w := dial(t, address)
	if user != "" {
		w.login(user, passwords[user])
	}
	create := kmsg.NewPtrCreateTopicsRequest()
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name, 1, 1
	create.Topics = append(create.Topics, topic)
	r := w.ask(create, 7).(*kmsg.CreateTopicsResponse)
	require.Len(t, r.Topics, 1)
	require.Zero(t, r.Topics[0].ErrorCode)
	return r.Topics[0].TopicID
}

// Connections that need the same topic at the same time share one question.
func TestQuestionsAreShared(t *testing.T) {
	cluster := upstream(t, kfake.NumBrokers(1))
	first, goOn := make(chan struct{}), make(chan struct{})
	begin, release := sync.OnceFunc(func() { close(first) }), sync.OnceFunc(func() { close(goOn) })
	t.Cleanup(release)
	asked := countQuestions(cluster, func() { begin(); <-goOn })
	id := createdAt(t, cluster.ListenAddrs()[0], "", "hidden")
	p := start(t, cluster, proxy.Config{Store: store(t)})
	var clients []*wire
	for range 20 {
		w := dial(t, p.Addresses()[0])
		w.login("alice", passwords["alice"])
		w.send(fetchOne(id), 13)
		clients = append(clients, w)
	}
	<-first
	release()
	m := fetchOne(id)
	m.SetVersion(13)
	for _, w := range clients {
		r := w.receive(m).(*kmsg.FetchResponse)
		assert.Equal(t, kerr.TopicAuthorizationFailed.Code, r.Topics[0].Partitions[0].ErrorCode)
	}
	assert.LessOrEqual(t, asked.ids.Load(), int32(2), "one, and one for those that came while it was asked")
}

// What the proxy asks of an upstream that is silent does not keep it from stopping.
func TestStopEndsTheQuestionForTopics(t *testing.T) {
	cluster := upstream(t, kfake.SeedTopics(1, "orders"))
	began, goOn := make(chan struct{}), make(chan struct{})
	begin := sync.OnceFunc(func() { close(began) })
	countQuestions(cluster, func() { begin(); <-goOn })
	t.Cleanup(func() { close(goOn) })
	p := start(t, cluster, proxy.Config{Store: store(t), Limits: proxy.Limits{Drain: 100 * time.Millisecond}})
	w := dial(t, p.Addresses()[0])
	w.login("alice", passwords["alice"])
	w.send(fetchUnknown(0, 2000), 13)
	<-began
	since := time.Now()
	p.stop()
	assert.Less(t, time.Since(since), 3*time.Second)
}

// A user without any right gets nothing compiled, matched or asked for by a pattern: 990
// bytes once took 27 s of a core, and the time told whether hidden topics match.
func TestPatternsOfUsersWithoutRights(t *testing.T) {
	var names []string
	for i := range 50 {
		names = append(names, fmt.Sprintf("orders.region-%03d.some-usual-name", i))
	}
	cluster := upstream(t, kfake.SeedTopics(1, names...))
	asked := countQuestions(cluster, nil)
	p := start(t, cluster, proxy.Config{Store: store(t, "alice ALLOW READ TOPIC x")})
	w := dial(t, p.Addresses()[0])
	w.login("bob", passwords["bob"])
	began := time.Now()
	for _, atoms := range []int{1, 10, 50, 100, 490} {
		m := kmsg.NewPtrConsumerGroupHeartbeatRequest()
		m.Group, m.MemberID, m.RebalanceTimeoutMillis = "not-mine", "m", 1000
		m.SubscribedTopicRegex = kmsg.StringPtr("(?:" + strings.Repeat(".?", atoms) + "){1000}")
		r := w.ask(m, 1).(*kmsg.ConsumerGroupHeartbeatResponse)
		assert.Equal(t, kerr.GroupAuthorizationFailed.Code, r.ErrorCode)
	}
	assert.Less(t, time.Since(began), 5*time.Second)
	assert.Zero(t, asked.all.Load(), "requests for all topics")
}
