package proxy_test

import (
	"encoding/binary"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/gateway/relay"
	"github.com/portcullis-authz/portcullis/ops"
)

// turn is a request whose turn comes while or after another one waits at the broker.
type turn struct {
	request kmsg.Request
	version int16
	code    func(kmsg.Response) int16
}

// longPolls are requests that a broker answers when something happens.
func longPolls() map[string]turn {
	fetch := kmsg.NewPtrFetchRequest()
	fetch.MaxWaitMillis, fetch.MinBytes, fetch.SessionEpoch = 1<<30, 1, -1
	fetch.Topics = []kmsg.FetchRequestTopic{{Topic: "open", Partitions: []kmsg.FetchRequestTopicPartition{kmsg.NewFetchRequestTopicPartition()}}}
	share := kmsg.NewPtrShareFetchRequest()
	share.GroupID, share.MemberID, share.MaxWaitMillis = new("g"), new("AAAAAAAAAAAAAAAAAAAAAQ"), 1<<30
	join := kmsg.NewPtrJoinGroupRequest()
	join.Group, join.ProtocolType, join.RebalanceTimeoutMillis = "g", "consumer", 1<<30
	sync := kmsg.NewPtrSyncGroupRequest()
	sync.Group, sync.ProtocolType, sync.Protocol = "g", new("consumer"), new("range")
	return map[string]turn{
		"Fetch": {fetch, 11, func(r kmsg.Response) int16 {
			p := first(first(r.(*kmsg.FetchResponse).Topics).Partitions)
			if len(p.RecordBatches) > 0 {
				return -1
			}
			return p.ErrorCode
		}},
		"ShareFetch": {share, 1, func(r kmsg.Response) int16 { return r.(*kmsg.ShareFetchResponse).ErrorCode }},
		"JoinGroup":  {join, 7, func(r kmsg.Response) int16 { return r.(*kmsg.JoinGroupResponse).ErrorCode }},
		"SyncGroup":  {sync, 5, func(r kmsg.Response) int16 { return r.(*kmsg.SyncGroupResponse).ErrorCode }},
	}
}

// changes are requests that change something.
func changes() map[string]turn {
	produce := kmsg.NewPtrProduceRequest()
	produce.Acks = -1
	produce.Topics = []kmsg.ProduceRequestTopic{{Topic: "open", Partitions: make([]kmsg.ProduceRequestTopicPartition, 1)}}
	remove := kmsg.NewPtrDeleteTopicsRequest()
	remove.TopicNames = []string{"open"}
	create := kmsg.NewPtrCreateACLsRequest()
	create.Creations = []kmsg.CreateACLsRequestCreation{{
		ResourceType: kmsg.ACLResourceTypeTopic, ResourceName: "open", ResourcePatternType: kmsg.ACLResourcePatternTypeLiteral,
		Principal: "User:alice", Host: "*", Operation: kmsg.ACLOperationAll, PermissionType: kmsg.ACLPermissionTypeAllow,
	}}
	return map[string]turn{
		"Produce": {produce, 9, func(r kmsg.Response) int16 {
			return first(first(r.(*kmsg.ProduceResponse).Topics).Partitions).ErrorCode
		}},
		"DeleteTopics": {remove, 4, func(r kmsg.Response) int16 { return first(r.(*kmsg.DeleteTopicsResponse).Topics).ErrorCode }},
		"CreateAcls":   {create, 3, func(r kmsg.Response) int16 { return first(r.(*kmsg.CreateACLsResponse).Results).ErrorCode }},
	}
}

// first returns the first entry of a list, or a zero one.
func first[T any](list []T) (entry T) {
	if len(list) > 0 {
		entry = list[0]
	}
	return entry
}

// TestRequestsAreDecidedAtTheirTurn: a change that waits behind a long poll is decided
// once the poll is over, by the ACLs of that time, and the answer to the poll is too.
func TestRequestsAreDecidedAtTheirTurn(t *testing.T) {
	for front := range longPolls() {
		for behind := range changes() {
			t.Run(behind+" behind "+front, func(t *testing.T) {
				t.Parallel()
				poll, change := longPolls()[front], changes()[behind] // of its own: to send a request sets its version
				cluster := upstream(t, kfake.SeedTopics(1, "open"), kfake.NumBrokers(1))
				began, goOn := make(chan struct{}), make(chan struct{})
				letGo := sync.OnceFunc(func() { close(goOn) })
				t.Cleanup(letGo)
				var reached atomic.Int32
				cluster.ControlKey(poll.request.Key(), func(r kmsg.Request) (kmsg.Response, error, bool) {
					close(began)
					cluster.SleepControl(func() { <-goOn })
					return answerTo(r), nil, true
				})
				cluster.ControlKey(change.request.Key(), func(r kmsg.Request) (kmsg.Response, error, bool) {
					reached.Add(1)
					return r.ResponseKind(), nil, true
				})
				s := store(t, "alice ALLOW ALL TOPIC open", "alice ALLOW READ GROUP g", "alice ALLOW ALTER CLUSTER kafka-cluster")
				p := start(t, cluster, proxy.Config{Store: s, ACLs: gateway.ForwardACLs})
				other := dial(t, p.Addresses()[0])
				other.login("admin", passwords["admin"])
				w := dial(t, p.Addresses()[0])
				w.login("alice", passwords["alice"])
				w.send(poll.request, poll.version)
				<-began
				w.send(change.request, change.version)
				for range 30 { // in which the change has come to the proxy
					other.ask(kmsg.NewPtrApiVersionsRequest(), 3)
				}
				replace(t, s)
				letGo()
				assert.Contains(t, refusals, poll.code(w.receive(poll.request)), "the answer to the poll")
				assert.Contains(t, refusals, change.code(w.receive(change.request)), "the answer to the change")
				assert.Zero(t, reached.Load(), "changes that reached the broker")
			})
		}
	}
}

// refusals are the codes of authorization.
var refusals = []int16{int16(ops.TopicAuthorizationFailed), int16(ops.GroupAuthorizationFailed), int16(ops.ClusterAuthorizationFailed)}

// answerTo is what a broker answers to a poll in the end.
func answerTo(r kmsg.Request) kmsg.Response {
	response := r.ResponseKind()
	if f, ok := response.(*kmsg.FetchResponse); ok {
		p := kmsg.NewFetchResponseTopicPartition()
		p.RecordBatches = make([]byte, 100)
		f.Topics = []kmsg.FetchResponseTopic{{Topic: "open", Partitions: []kmsg.FetchResponseTopicPartition{p}}}
	}
	return response
}

// TestOneRequestAtTheBroker: however much a client pipelines, its next request comes to
// the broker once the one before is answered, and no earlier; all are answered in order.
func TestOneRequestAtTheBroker(t *testing.T) {
	var under, most atomic.Int32
	cluster := upstream(t, kfake.NumBrokers(1), kfake.ListenFn(func(network, address string) (net.Listener, error) {
		l, err := net.Listen(network, address)
		return watchedListener{l, func(request bool) {
			if !request {
				under.Add(-1)
			} else if now := under.Add(1); now > most.Load() {
				most.Store(now)
			}
		}}, err
	}))
	p := start(t, cluster, proxy.Config{Store: store(t), Limits: relay.Limits{Pipelined: 5}})
	w := dial(t, p.Addresses()[0])
	w.login("admin", passwords["admin"])
	const asked = 40
	var frames []byte
	for i := range asked {
		r := kmsg.NewPtrListGroupsRequest()
		r.SetVersion(4)
		frames = append(frames, kmsg.NewRequestFormatter().AppendRequest(nil, r, int32(i))...)
	}
	w.write(frames)
	for i := range asked {
		frame, err := gateway.ReadFrame(w, 1<<20)
		require.NoError(t, err)
		require.Equal(t, byte(i), frame[3], "the order of the answers")
	}
	assert.EqualValues(t, 1, most.Load(), "requests at the broker at the same time")
	assert.Zero(t, under.Load())
}

// watchedListener tells of every ListGroups that comes over its connections, and of what
// is answered on those from then on.
type watchedListener struct {
	net.Listener
	tell func(request bool)
}

func (l watchedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return &watchedConn{Conn: c, tell: l.tell}, err
}

type watchedConn struct {
	net.Conn
	tell    func(request bool)
	came    []byte // of the next frame
	watched atomic.Bool
}

func (c *watchedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.came = append(c.came, b[:n]...)
	for len(c.came) >= 6 && len(c.came) >= 4+int(binary.BigEndian.Uint32(c.came)) {
		if c.came[5] == byte(kmsg.ListGroups) {
			c.watched.Store(true)
			c.tell(true)
		}
		c.came = c.came[4+int(binary.BigEndian.Uint32(c.came)):]
	}
	return n, err
}

func (c *watchedConn) Write(b []byte) (int, error) {
	if c.watched.Load() {
		c.tell(false)
	}
	return c.Conn.Write(b)
}

// TestSilentRequestsHoldNobody: a Produce with acks=0 has no answer that the next one
// could wait for, and all that a client sent before it left reach the broker.
func TestSilentRequestsHoldNobody(t *testing.T) {
	cluster := upstream(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "open"))
	const sent = 50
	all := make(chan struct{})
	var reached atomic.Int32
	cluster.ControlKey(int16(kmsg.Produce), func(r kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		if reached.Add(1) == sent {
			close(all)
		}
		return nil, nil, false
	})
	p := start(t, cluster, proxy.Config{Store: store(t, "alice ALLOW WRITE TOPIC open")})
	w := dial(t, p.Addresses()[0])
	w.login("alice", passwords["alice"])
	produce := kmsg.NewPtrProduceRequest()
	produce.Topics = []kmsg.ProduceRequestTopic{{Topic: "open", Partitions: make([]kmsg.ProduceRequestTopicPartition, 1)}}
	for range sent {
		w.send(produce, 9)
	}
	require.NoError(t, w.Close())
	select {
	case <-all:
	case <-time.After(20 * time.Second):
		t.Errorf("%d of %d requests reached the broker", reached.Load(), sent)
	}
}

// TestPollEndsWithItsClient: the broker is not made to wait for a client that has left.
func TestPollEndsWithItsClient(t *testing.T) {
	cluster := upstream(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "open"))
	began, goOn := make(chan struct{}), make(chan struct{})
	defer close(goOn)
	cluster.ControlKey(int16(kmsg.ListGroups), func(kmsg.Request) (kmsg.Response, error, bool) {
		close(began)
		cluster.SleepControl(func() { <-goOn })
		return nil, nil, false
	})
	p := start(t, cluster, proxy.Config{Store: store(t), Limits: relay.Limits{Connections: 1}})
	w := dial(t, p.Addresses()[0])
	w.login("admin", passwords["admin"])
	w.send(kmsg.NewPtrListGroupsRequest(), 4)
	<-began
	require.NoError(t, w.Close())
	for until := time.Now().Add(20 * time.Second); ; { // until the one connection that there may be is free
		next := dial(t, p.Addresses()[0])
		next.send(kmsg.NewPtrApiVersionsRequest(), 3)
		if _, err := gateway.ReadFrame(next, 1<<20); err == nil {
			return
		}
		require.True(t, time.Now().Before(until), "the connection of the client that left is not free")
	}
}

// TestRequestsBehindAShareFetch: a request that was sent before the answer to a ShareFetch
// came is decided by what that answer gave to the member, also if the client has
// authenticated again in between.
func TestRequestsBehindAShareFetch(t *testing.T) {
	for _, between := range []string{"nothing", "a login"} {
		t.Run(between, func(t *testing.T) {
			cluster := upstream(t, kfake.NumBrokers(1))
			id := createdAt(t, cluster.ListenAddrs()[0], "", "lost")
			began, goOn := make(chan struct{}), make(chan struct{})
			letGo := sync.OnceFunc(func() { close(goOn) })
			t.Cleanup(letGo)
			second := make(chan *kmsg.ShareFetchRequest, 1)
			cluster.ControlKey(int16(kmsg.ShareFetch), func(r kmsg.Request) (kmsg.Response, error, bool) {
				cluster.KeepControl()
				m, response := r.(*kmsg.ShareFetchRequest), r.ResponseKind().(*kmsg.ShareFetchResponse)
				if m.ShareSessionEpoch > 0 {
					second <- m
					return response, nil, true
				}
				close(began)
				cluster.SleepControl(func() { <-goOn })
				p := kmsg.NewShareFetchResponseTopicPartition()
				p.Records = []byte("records")
				p.AcquiredRecords = []kmsg.ShareFetchResponseTopicPartitionAcquiredRecord{{FirstOffset: 10, LastOffset: 14}}
				response.Topics = []kmsg.ShareFetchResponseTopic{{TopicID: id, Partitions: []kmsg.ShareFetchResponseTopicPartition{p}}}
				return response, nil, true
			})
			s := store(t, "alice ALLOW READ GROUP g", "alice ALLOW READ TOPIC lost")
			l := plainListener()
			l.SASL.MaxSession = time.Hour
			p := start(t, cluster, proxy.Config{Store: s, Listeners: []proxy.Listener{l}})
			w := dial(t, p.Addresses()[0])
			w.login("alice", passwords["alice"])
			fetch := func(epoch int32) *kmsg.ShareFetchRequest {
				m := kmsg.NewPtrShareFetchRequest()
				m.GroupID, m.MemberID, m.ShareSessionEpoch, m.MaxWaitMillis = new("g"), new("AAAAAAAAAAAAAAAAAAAAAQ"), epoch, 1<<30
				if epoch == 0 {
					m.Topics = []kmsg.ShareFetchRequestTopic{{TopicID: id, Partitions: []kmsg.ShareFetchRequestTopicPartition{kmsg.NewShareFetchRequestTopicPartition()}}}
				}
				return m
			}
			fetches := []*kmsg.ShareFetchRequest{fetch(0), fetch(1)}
			w.send(fetches[0], 1)
			<-began
			handshake, login := kmsg.NewPtrSASLHandshakeRequest(), kmsg.NewPtrSASLAuthenticateRequest()
			handshake.Mechanism, login.SASLAuthBytes = proxy.Plain, []byte("\x00alice\x00"+passwords["alice"])
			if between == "a login" {
				w.send(handshake, 1)
				w.send(login, 2)
			}
			w.send(fetches[1], 1)
			other := dial(t, p.Addresses()[0])
			other.login("admin", passwords["admin"])
			for range 30 { // in which the requests have come to the proxy
				other.ask(kmsg.NewPtrApiVersionsRequest(), 3)
			}
			replace(t, s, "alice ALLOW READ GROUP g")
			letGo()
			first := w.receive(fetches[0]).(*kmsg.ShareFetchResponse)
			require.Len(t, first.Topics, 1)
			assert.Empty(t, first.Topics[0].Partitions[0].Records)
			if between == "a login" {
				w.receive(handshake)
				require.Zero(t, w.receive(login).(*kmsg.SASLAuthenticateResponse).ErrorCode)
			}
			w.receive(fetches[1])
			m := <-second
			require.Len(t, m.Topics, 1, "what is released")
			batches := m.Topics[0].Partitions[0].AcknowledgementBatches
			require.Len(t, batches, 1)
			assert.EqualValues(t, 10, batches[0].FirstOffset)
			assert.EqualValues(t, 14, batches[0].LastOffset)
			assert.Equal(t, []int8{2}, batches[0].AcknowledgeTypes)
			assert.Len(t, m.ForgottenTopicsData, 1)
		})
	}
}
