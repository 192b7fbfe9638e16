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
	"github.com/portcullis-authz/portcullis/gateway/relay"
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

// manyUsers returns users u0, u1, …, whose passwords are their names, and a listener for them.
func manyUsers(count int) (names []string, listener proxy.Listener) {
	listener = plainListener()
	listener.SASL.Users = map[string]string{}
	for i := range count {
		names = append(names, fmt.Sprint("u", i))
		listener.SASL.Users[names[i]] = names[i]
	}
	return names, listener
}

// TestQuestionsAreBounded: however many clients wait for ids, one question to the upstream
// asks for a bounded number of them, and every client gets its answer.
func TestQuestionsAreBounded(t *testing.T) {
	cluster := upstream(t, kfake.NumBrokers(1))
	first, goOn := make(chan struct{}), make(chan struct{})
	begin, release := sync.OnceFunc(func() { close(first) }), sync.OnceFunc(func() { close(goOn) })
	t.Cleanup(release)
	asked := countQuestions(cluster, func() { begin(); <-goOn })
	users, listener := manyUsers(25)
	p := start(t, cluster, proxy.Config{Store: store(t), Listeners: []proxy.Listener{listener}})
	var clients []*wire
	for i, user := range users {
		w := dial(t, p.Addresses()[0])
		w.login(user, user)
		w.send(fetchUnknown(100*i, 100), 13)
		clients = append(clients, w)
	}
	<-first
	eventually(t, "all wait", func() bool { return p.Questions()+int(asked.most.Load()/100) == len(users) })
	release()
	for i, w := range clients {
		m := fetchUnknown(100*i, 100)
		m.SetVersion(13)
		require.Len(t, w.receive(m).(*kmsg.FetchResponse).Topics, 100)
	}
	assert.LessOrEqual(t, asked.most.Load(), int32(1000), "ids in one question")
	assert.GreaterOrEqual(t, asked.ids.Load(), int32(4))
}

// TestTurnsAreBounded: however many connections of a principal wait for ids, it has a hundred
// in one question, so that the question does not get longer for others.
func TestTurnsAreBounded(t *testing.T) {
	cluster := upstream(t, kfake.NumBrokers(1))
	first, goOn := make(chan struct{}), make(chan struct{})
	begin, release := sync.OnceFunc(func() { close(first) }), sync.OnceFunc(func() { close(goOn) })
	t.Cleanup(release)
	asked := countQuestions(cluster, func() { begin(); <-goOn })
	p := start(t, cluster, proxy.Config{Store: store(t)})
	const connections, ids = 12, 60 // of which two do not fit in a turn
	var clients []*wire
	for i := range connections {
		w := dial(t, p.Addresses()[0])
		w.login("alice", passwords["alice"])
		w.send(fetchUnknown(100*i, ids), 13)
		clients = append(clients, w)
		if i == 0 {
			<-first
		}
	}
	eventually(t, "all but the first wait", func() bool { return p.Questions() == connections-1 })
	release()
	for _, w := range clients {
		m := fetchUnknown(0, ids)
		m.SetVersion(13)
		require.Len(t, w.receive(m).(*kmsg.FetchResponse).Topics, ids)
	}
	assert.EqualValues(t, ids, asked.most.Load(), "ids in one question")
	assert.EqualValues(t, connections, asked.ids.Load(), "questions")
}

// TestQuestionsOfOnePrincipal: a principal has no more questions for unknown ids with many
// connections than with one, nor by connecting again, and keeps no other principal waiting.
func TestQuestionsOfOnePrincipal(t *testing.T) {
	cluster := upstream(t, kfake.NumBrokers(1))
	asked := countQuestions(cluster, nil)
	p := start(t, cluster, proxy.Config{Store: store(t)})
	began := time.Now()
	const connections = 60
	for i := range connections {
		w := dial(t, p.Addresses()[0])
		w.login("alice", passwords["alice"])
		w.send(fetchUnknown(1000*i, 1000), 13)
		if i%2 == 0 {
			require.NoError(t, w.Close())
		}
	}
	other := dial(t, p.Addresses()[0])
	other.login("bob", passwords["bob"])
	since := time.Now()
	require.Equal(t, kerr.UnknownTopicID.Code, codeOf(other, [16]byte{7}))
	assert.Less(t, time.Since(since), 3*time.Second, "another principal waits")
	time.Sleep(500 * time.Millisecond)
	most := 10 + time.Since(began)/(100*time.Millisecond) + 1 + 1 // the burst, one each interval, one that began, bob's
	assert.LessOrEqual(t, time.Duration(asked.ids.Load()), most, "questions")
}

// TestQuestionsTakeLimitedTime: a request waits a limited time for its topics; then the others
// are unknown, which clients try again.
func TestQuestionsTakeLimitedTime(t *testing.T) {
	cluster := upstream(t, kfake.NumBrokers(1))
	p := start(t, cluster, proxy.Config{Store: store(t)})
	w := dial(t, p.Addresses()[0])
	w.login("alice", passwords["alice"])
	w.ask(fetchUnknown(0, 1000), 13) // which nobody waits for
	const ids = 8000
	began := time.Now()
	r := w.ask(fetchUnknown(1000, ids), 13).(*kmsg.FetchResponse)
	assert.Less(t, time.Since(began), 7500*time.Millisecond, "80 questions take 8 s")
	assert.GreaterOrEqual(t, time.Since(began), 5*time.Second)
	require.Len(t, r.Topics, ids)
	for i := range r.Topics {
		require.Equal(t, kerr.UnknownTopicID.Code, r.Topics[i].Partitions[0].ErrorCode)
	}
	require.Equal(t, 0, p.Questions())
}

// TestQuestionsEndWithTheClient: nothing is held for a client that has left.
func TestQuestionsEndWithTheClient(t *testing.T) {
	for name, request := range map[string]struct {
		message kmsg.Request
		version int16
	}{
		"topics by id": {fetchUnknown(0, 2000), 13},
		"topics by name": {func() kmsg.Request {
			m := kmsg.NewPtrDeleteTopicsRequest()
			m.TopicNames = []string{"missing"}
			return m
		}(), 5},
	} {
		t.Run(name, func(t *testing.T) {
			cluster := upstream(t, kfake.NumBrokers(1))
			began, goOn := make(chan struct{}), make(chan struct{})
			begin := sync.OnceFunc(func() { close(began) })
			t.Cleanup(func() { close(goOn) })
			cluster.ControlKey(int16(kmsg.Metadata), func(r kmsg.Request) (kmsg.Response, error, bool) {
				cluster.KeepControl()
				if len(r.(*kmsg.MetadataRequest).Topics) > 0 {
					begin()
					cluster.SleepControl(func() { <-goOn })
				}
				return nil, nil, false
			})
			p := start(t, cluster, proxy.Config{Store: store(t, "alice ALLOW DESCRIBE TOPIC missing"), Limits: relay.Limits{Drain: 100 * time.Millisecond}})
			w := dial(t, p.Addresses()[0])
			w.login("alice", passwords["alice"])
			w.send(request.message, request.version)
			<-began
			since := time.Now()
			require.NoError(t, w.Close())
			eventually(t, "the connection has ended", func() bool { n, _ := p.Strangers(); return n == 0 })
			assert.Less(t, time.Since(since), 3*time.Second)
			assert.Zero(t, p.FramesHeld())
		})
	}
}

// What the proxy asks of an upstream that is silent does not keep it from stopping.
func TestStopEndsTheQuestionForTopics(t *testing.T) {
	cluster := upstream(t, kfake.SeedTopics(1, "orders"))
	began, goOn := make(chan struct{}), make(chan struct{})
	begin := sync.OnceFunc(func() { close(began) })
	countQuestions(cluster, func() { begin(); <-goOn })
	t.Cleanup(func() { close(goOn) })
	p := start(t, cluster, proxy.Config{Store: store(t), Limits: relay.Limits{Drain: 100 * time.Millisecond}})
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

// TestSlowListOfTopics: while the upstream does not answer which topics there are, a heartbeat
// with a pattern waits a limited time, is then decided by the topics from before, and holds
// nothing of a client that has left.
func TestSlowListOfTopics(t *testing.T) {
	cluster := upstream(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	var slow atomic.Bool
	asked, goOn := make(chan struct{}, 1000), make(chan struct{})
	t.Cleanup(func() { close(goOn) })
	cluster.ControlKey(int16(kmsg.Metadata), func(r kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		if slow.Load() && r.(*kmsg.MetadataRequest).Topics == nil {
			asked <- struct{}{}
			cluster.SleepControl(func() { <-goOn })
		}
		return nil, nil, false
	})
	var sent atomic.Pointer[kmsg.ConsumerGroupHeartbeatRequest]
	cluster.ControlKey(int16(kmsg.ConsumerGroupHeartbeat), func(r kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		sent.Store(r.(*kmsg.ConsumerGroupHeartbeatRequest))
		return r.ResponseKind(), nil, true
	})
	p := start(t, cluster, proxy.Config{Store: store(t, "alice ALLOW READ GROUP g", "alice ALLOW READ TOPIC orders"), Limits: relay.Limits{Drain: 100 * time.Millisecond}})
	open := func() *wire {
		w := dial(t, p.Addresses()[0])
		w.login("alice", passwords["alice"])
		return w
	}
	heartbeat := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	heartbeat.Group, heartbeat.MemberID, heartbeat.RebalanceTimeoutMillis = "g", "m", 1000
	heartbeat.SubscribedTopicNames, heartbeat.SubscribedTopicRegex = []string{}, new("o.*")
	stays, leaves := open(), open()
	assert.Zero(t, stays.ask(heartbeat, 1).(*kmsg.ConsumerGroupHeartbeatResponse).ErrorCode)
	time.Sleep(2 * time.Second) // the list is too old
	slow.Store(true)
	sent.Store(nil)
	began := time.Now()
	stays.send(heartbeat, 1)
	leaves.send(heartbeat, 1)
	<-asked
	require.NoError(t, leaves.Close())
	eventually(t, "the connection has ended", func() bool { n, _ := p.Strangers(); return n == 1 })
	assert.Less(t, time.Since(began), 3*time.Second, "until it ends")
	assert.Zero(t, stays.receive(heartbeat).(*kmsg.ConsumerGroupHeartbeatResponse).ErrorCode)
	assert.Less(t, time.Since(began), 7*time.Second, "until the answer")
	assert.Equal(t, []string{"orders"}, sent.Load().SubscribedTopicNames)
	assert.Empty(t, asked, "questions after the first")
}

// TestQuestionsByNameHoldUpNobody: somebody who makes the proxy ask for many topics by their
// names, over many connections, does not keep it from asking for others.
func TestQuestionsByNameHoldUpNobody(t *testing.T) {
	const connections, names, takes = 80, 1500, 100 * time.Millisecond
	cluster := upstream(t, kfake.NumBrokers(1))
	id := createdAt(t, cluster.ListenAddrs()[0], "", "orders")
	var most atomic.Int32
	cluster.ControlKey(int16(kmsg.Metadata), func(r kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		if m := r.(*kmsg.MetadataRequest); len(m.Topics) > 0 && m.Topics[0].Topic != nil && strings.HasPrefix(*m.Topics[0].Topic, "b-") {
			most.Store(max(most.Load(), int32(len(m.Topics))))
			time.Sleep(takes)
		}
		return nil, nil, false
	})
	p := start(t, cluster, proxy.Config{Store: store(t, "bob ALLOW DESCRIBE TOPIC b-…", "alice ALLOW READ TOPIC orders"), Limits: relay.Limits{Drain: 100 * time.Millisecond}})
	remove := kmsg.NewPtrDeleteTopicsRequest()
	for i := range names {
		topic := kmsg.NewDeleteTopicsRequestTopic()
		topic.Topic = new(fmt.Sprint("b-", i))
		remove.Topics = append(remove.Topics, topic)
	}
	alice := dial(t, p.Addresses()[0])
	alice.login("alice", passwords["alice"])
	for range connections {
		w := dial(t, p.Addresses()[0])
		w.login("bob", passwords["bob"])
		w.send(remove, 6)
	}
	eventually(t, "bob's topics are asked for", func() bool { return most.Load() > 0 })
	began := time.Now()
	assert.Zero(t, codeOf(alice, id))
	assert.Less(t, time.Since(began), 3*time.Second)
	assert.LessOrEqual(t, most.Load(), int32(1000), "topics in one question")
}
