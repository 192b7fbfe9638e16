package judge_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/gateway/relay"
	"github.com/portcullis-authz/portcullis/internal/kafkatest"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// proxied is a broker with a proxy in front of it.
type proxied struct {
	t       *testing.T
	cluster *kafkatest.Cluster
	store   *snapshot.Store
	proxy   *proxy.Proxy
	admin   *wire
}

func startProxied(t *testing.T) *proxied {
	a := &proxied{t: t}
	a.cluster = kafkatest.Start(t, kafkatest.Config{
		Version: "4.4.0", LogLevel: "warn", Loggers: map[string]string{"kafka.authorizer.logger": "info"},
		Listeners: []kafkatest.Listener{{Name: clientListener, Users: passwords}},
		Plugins:   []string{"Topologies.java"},
		Properties: map[string]string{
			"auto.create.topics.enable": "true", "group.streams.topology.description.plugin.class": "Topologies", "transaction.max.timeout.ms": "2147483647",
			"group.consumer.max.session.timeout.ms": "3600000", "group.consumer.session.timeout.ms": "3600000",
			"group.share.max.session.timeout.ms": "3600000", "group.share.session.timeout.ms": "3600000",
			"group.streams.max.session.timeout.ms": "3600000", "group.streams.session.timeout.ms": "3600000",
		},
	})
	a.store = snapshot.NewStore(snapshot.Config{SuperUsers: []principal.Principal{principal.User(kafkatest.Admin)}})
	a.allow()
	var err error
	a.proxy, err = proxy.Listen(t.Context(), proxy.Config{
		Upstream: relay.Upstream{
			Brokers: []string{a.cluster.Bootstrap(kafkatest.Internal)},
			SASL:    plain.Auth{User: kafkatest.Admin, Pass: kafkatest.AdminPassword}.AsMechanism(),
		},
		Listeners: []proxy.Listener{{Protocol: ops.SASLPlaintext, Address: "127.0.0.1:0", SASL: &proxy.SASL{Mechanisms: []string{proxy.Plain}, Users: passwords}}},
		Store:     a.store, ACLs: gateway.ForwardACLs, Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = a.proxy.Serve(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	a.admin, err = dial(a.cluster.Brokers[0].Address(kafkatest.Internal), "127.0.0.1", kafkatest.Admin, kafkatest.AdminPassword)
	require.NoError(t, err)
	return a
}

// bindingsOf reads "Operation Type:name" for alice; a name that ends in * is a prefix.
func bindingsOf(t *testing.T, rights ...string) (all []acl.Binding) {
	for _, right := range rights {
		op, rest, _ := strings.Cut(right, " ")
		typ, name, _ := strings.Cut(rest, ":")
		b := acl.Binding{Entry: acl.Entry{Principal: "User:alice", Host: "*", Permission: acl.Allow}}
		var err error
		b.Entry.Operation, err = ops.ParseOperation(op)
		require.NoError(t, err)
		b.Pattern.Type, err = resource.ParseType(typ)
		require.NoError(t, err)
		b.Pattern.PatternType, b.Pattern.Name = resource.Literal, name
		if prefix, ok := strings.CutSuffix(name, "*"); ok && prefix != "" {
			b.Pattern.PatternType, b.Pattern.Name = resource.Prefixed, prefix
		}
		all = append(all, b)
	}
	return all
}

func (a *proxied) allow(rights ...string) {
	all := bindingsOf(a.t, rights...)
	require.NoError(a.t, a.store.Update(func(tx *snapshot.Tx) error {
		tx.Replace(func(yield func(acl.Binding) bool) {
			for _, b := range all {
				if !yield(b) {
					return
				}
			}
		})
		return nil
	}))
}

func (a *proxied) alice() *wire {
	w, err := dial(a.proxy.Addresses()[0], "127.0.0.1", "alice", passwords["alice"])
	require.NoError(a.t, err)
	a.t.Cleanup(func() { w.Close() })
	return w
}

// allowAtBoth replaces the ACLs of the proxy and of the broker.
func (a *proxied) allowAtBoth(rights ...string) {
	a.t.Helper()
	a.allow(rights...)
	a.cluster.SetACLs(a.t, bindingsOf(a.t, rights...)...)
}

// connect connects alice to the broker, or to the proxy.
func (a *proxied) connect(direct bool) *wire {
	if !direct {
		return a.alice()
	}
	w, err := dial(a.cluster.Bootstrap(clientListener), "127.0.0.1", "alice", passwords["alice"])
	require.NoError(a.t, err)
	a.t.Cleanup(func() { w.Close() })
	return w
}

// limit sets the quota of each client id that has none of its own.
func (a *proxied) limit(quota string, value float64) {
	a.t.Helper()
	alter := kmsg.NewPtrAlterClientQuotasRequest()
	alter.Entries = []kmsg.AlterClientQuotasRequestEntry{{
		Entity: []kmsg.AlterClientQuotasRequestEntryEntity{{Type: "client-id"}},
		Ops:    []kmsg.AlterClientQuotasRequestEntryOp{{Key: quota, Value: value}},
	}}
	r, err := a.admin.ask(alter, 1)
	require.NoError(a.t, err)
	require.Zero(a.t, r.(*kmsg.AlterClientQuotasResponse).Entries[0].ErrorCode)
	time.Sleep(time.Second) // the broker learns it
}

// untilCoordinated waits until a group or a transactional id has a coordinator.
func untilCoordinated(t *testing.T, w *wire, find *kmsg.FindCoordinatorRequest) {
	t.Helper()
	for range 100 {
		r, err := w.ask(find, 2)
		require.NoError(t, err)
		if r.(*kmsg.FindCoordinatorResponse).ErrorCode == 0 {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// refusesAfter sends requests, the last of which is a DeleteTopics behind what keeps the broker
// from reading on, takes all rights away after a pause, and wants the DeleteTopics refused.
func (a *proxied) refusesAfter(t *testing.T, w *wire, pause time.Duration, frames []byte, last *kmsg.DeleteTopicsRequest) {
	t.Helper()
	_ = w.SetDeadline(time.Now().Add(2 * time.Minute))
	began := time.Now()
	_, err := w.Write(frames)
	require.NoError(t, err)
	time.Sleep(pause)
	a.allowAtBoth()
	revoked := time.Now()
	frame, err := readFrame(w)
	require.NoError(t, err)
	r, err := decode(last, 4, frame)
	require.NoError(t, err)
	code := r.(*kmsg.DeleteTopicsResponse).Topics[0].ErrorCode
	t.Logf("revoked after %v, answered after %v: code %d", revoked.Sub(began), time.Since(began), code)
	require.Greater(t, time.Since(revoked), 100*time.Millisecond, "the broker read on before the right went")
	assert.Equal(t, int16(29), code)
}

// bothWays runs a test on a connection of alice to the broker, and on one to the proxy. She has
// all rights on a topic, which begins with a word.
func (a *proxied) bothWays(t *testing.T, word string, test func(t *testing.T, w *wire, topic string)) {
	for _, direct := range []bool{true, false} {
		t.Run(fmt.Sprintf("direct %t", direct), func(t *testing.T) {
			topic := fmt.Sprintf("%s-%t", word, direct)
			a.cluster.CreateTopics(t, kafkatest.Topic{Name: topic})
			a.allowAtBoth("All Topic:" + topic)
			test(t, a.connect(direct), topic)
		})
	}
}

// untilThere waits until the broker of a connection knows a topic.
func untilThere(t *testing.T, w *wire, topic string) {
	t.Helper()
	m := kmsg.NewPtrMetadataRequest()
	m.Topics = []kmsg.MetadataRequestTopic{{Topic: &topic}}
	for range 50 {
		r, err := w.ask(m, 9)
		require.NoError(t, err)
		if r.(*kmsg.MetadataResponse).Topics[0].ErrorCode == 0 {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	require.Fail(t, "the topic is not there", topic)
}

// topics returns the names of the topics that there are.
func (a *proxied) topics() (names []string) {
	m := kmsg.NewPtrMetadataRequest()
	r, err := a.admin.ask(m, 12)
	require.NoError(a.t, err)
	for _, topic := range r.(*kmsg.MetadataResponse).Topics {
		names = append(names, *topic.Topic)
	}
	return names
}

// TestTopicsThatMayNotBeCreated: no way to have a topic created that may be described and not created.
func TestTopicsThatMayNotBeCreated(t *testing.T) {
	a := startProxied(t)
	a.cluster.CreateTopics(t, kafkatest.Topic{Name: "there"}, kafkatest.Topic{Name: "__consumer_offsets_not"})
	a.allow("Describe Topic:*", "Write Topic:*", "Read Topic:*", "All Group:g*", "Write TransactionalId:x")
	w := a.alice()
	tried := 0
	for version := int16(0); version <= 13; version++ {
		for _, auto := range []bool{true, false} {
			for _, with := range []string{"", "there"} {
				m := kmsg.NewPtrMetadataRequest()
				m.AllowAutoTopicCreation = auto
				names := []string{fmt.Sprintf("made-v%d-%t", version, auto)}
				if with != "" {
					names = append(names, with, names[0])
				}
				for _, name := range names {
					m.Topics = append(m.Topics, kmsg.MetadataRequestTopic{Topic: &name})
				}
				_, err := w.ask(m, version)
				require.NoError(t, err)
				tried++
			}
		}
	}
	find := kmsg.NewPtrFindCoordinatorRequest()
	find.CoordinatorKey, find.CoordinatorType = "x", 1
	untilCoordinated(t, w, find)
	find.CoordinatorKey, find.CoordinatorType = "g", 0
	untilCoordinated(t, w, find)
	for version := int16(0); version <= 3; version++ {
		m := kmsg.NewPtrAddPartitionsToTxnRequest()
		m.TransactionalID = "x"
		for _, name := range []string{fmt.Sprintf("made-txn-%d", version), "there"} {
			m.Topics = append(m.Topics, kmsg.AddPartitionsToTxnRequestTopic{Topic: name, Partitions: []int32{0}})
		}
		a.allow("Describe Topic:*", "Write Topic:made*", "Read Topic:*", "All Group:g*", "Write TransactionalId:x")
		_, err := w.ask(m, version)
		require.NoError(t, err)
		tried++
	}
	a.allow("Describe Topic:*", "Write Topic:*", "Read Topic:*", "All Group:g*", "Write TransactionalId:x")
	for n, epoch := range []int32{0, 1, 2, 5, -1, -2, -3, -4, -5, -100, -1 << 31, 1<<31 - 1, 1<<31 - 2, 1<<31 - 3, 1<<31 - 4} {
		for _, instance := range []*string{nil, new("i")} {
			for _, complete := range []bool{true, false} {
				m := kmsg.NewPtrStreamsGroupHeartbeatRequest()
				m.Group, m.MemberID, m.MemberEpoch, m.InstanceID = fmt.Sprintf("g%d%t", n, complete), "AAAAAAAAAAAAAAAAAAAAAQ", epoch, instance
				m.RebalanceTimeoutMillis = 30_000
				m.ProcessID = new("p")
				topology := kmsg.NewStreamsGroupHeartbeatRequestTopology()
				sub := kmsg.NewStreamsGroupHeartbeatRequestTopologySubtopology()
				sub.SubtopologyID, sub.SourceTopics = "0", []string{"there"}
				log := kmsg.NewTopicInfo()
				log.Topic = fmt.Sprintf("made-streams-%d-changelog", n)
				sub.StateChangelogTopics = append(sub.StateChangelogTopics, log)
				topology.Subtopologies = append(topology.Subtopologies, sub)
				m.Topology = &topology
				if complete {
					m.ActiveTasks, m.StandbyTasks, m.WarmupTasks = []kmsg.TaskIDs{}, []kmsg.TaskIDs{}, []kmsg.TaskIDs{}
				}
				r, err := w.ask(m, 0)
				if err != nil {
					t.Log(epoch, err)
					w = a.alice()
				} else {
					h := r.(*kmsg.StreamsGroupHeartbeatResponse)
					message := ""
					if h.ErrorMessage != nil {
						message = *h.ErrorMessage
					}
					t.Log(epoch, instance != nil, complete, h.ErrorCode, message, h.Status)
				}
				tried++
			}
		}
	}
	time.Sleep(3 * time.Second)
	made := a.topics()
	t.Log(tried, "tried;", made)
	for _, name := range made {
		assert.False(t, strings.HasPrefix(name, "made"), name)
	}
}

// slowBatch returns a batch of 1 MB that takes a broker seconds to read.
func slowBatch() []byte {
	var plain bytes.Buffer
	record := func(size int) []byte {
		body := []byte{0, 0, 0, 1} // attributes, timestamp, offset, key null
		body = binary.AppendVarint(body, int64(size))
		return append(binary.AppendVarint(nil, int64(len(body)+size+1)), body...)
	}
	const size = 850 << 20
	zip := gzip.NewWriter(&plain)
	_, _ = zip.Write(record(size))
	zeros := make([]byte, 1<<20)
	for range size >> 20 {
		_, _ = zip.Write(zeros)
	}
	_, _ = zip.Write([]byte{0})
	_ = zip.Close()
	return batchWith(plain.Bytes(), 1) // gzip
}

// TestChangesBehindASilentProduce: while a broker takes seconds for a Produce that it does not
// answer, the right for the DeleteTopics behind it is taken away. The broker refuses it, and so
// does the proxy.
func TestChangesBehindASilentProduce(t *testing.T) {
	a := startProxied(t)
	batch := slowBatch()
	t.Logf("a batch of %d bytes", len(batch))
	a.bothWays(t, "doomed", func(t *testing.T, w *wire, name string) {
		untilThere(t, w, name)
		produce := kmsg.NewPtrProduceRequest()
		produce.Acks, produce.TimeoutMillis = 0, 30_000
		produce.Topics = []kmsg.ProduceRequestTopic{{Topic: name, Partitions: []kmsg.ProduceRequestTopicPartition{{Records: batch}}}}
		remove := kmsg.NewPtrDeleteTopicsRequest()
		remove.TopicNames, remove.TimeoutMillis = []string{name}, 30_000
		a.refusesAfter(t, w, 700*time.Millisecond, append(encode(produce, 9, 1), encode(remove, 4, 2)...), remove)
	})
}
