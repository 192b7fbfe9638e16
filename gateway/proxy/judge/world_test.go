package judge_test

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/gateway/relay"
	"github.com/portcullis-authz/portcullis/internal/kafkatest"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// clientListener is the listener that users connect to.
const clientListener = "CLIENT"

var passwords = map[string]string{"alice": "ecila", "bob": "bob-secret"}

const (
	// answerLimit is how long an answer to the test itself may take.
	answerLimit = 20 * time.Second
	// patience is how long the answer to a client may take. Kafka never answers some
	// requests. A busy machine may keep others waiting for seconds.
	patience = 10 * time.Second
)

// broker is one of the two brokers, with what a test must know of it.
type broker struct {
	cluster *kafkatest.Cluster
	admin   *wire
	ids     map[string]uuid
	id      string // of the cluster
	xo      int64  // the producer id of the open transaction
	reader  reader
	// barriers is how many changes of barriers there were.
	barriers int
}

// world is two brokers of the same content, and proxies to the second.
type world struct {
	allowEveryone   bool
	direct, proxied *broker
	// exact and documented are proxies with the two semantics, and the stores by which
	// they decide.
	proxies map[snapshot.Semantics]*proxy.Proxy
	stores  map[snapshot.Semantics]*snapshot.Store
}

// wire is a connection as a user.
type wire struct{ net.Conn }

// dial connects from a host of the loopback network and logs in.
func dial(address, host, user, password string) (*wire, error) {
	d := net.Dialer{Timeout: answerLimit, LocalAddr: &net.TCPAddr{IP: net.ParseIP(host)}}
	c, err := d.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	w := &wire{c}
	handshake := kmsg.NewPtrSASLHandshakeRequest()
	handshake.Mechanism = "PLAIN"
	token := kmsg.NewPtrSASLAuthenticateRequest()
	token.SASLAuthBytes = []byte("\x00" + user + "\x00" + password)
	if _, err = w.ask(handshake, 1); err == nil {
		var r kmsg.Response
		if r, err = w.ask(token, 2); err == nil && r.(*kmsg.SASLAuthenticateResponse).ErrorCode != 0 {
			err = fmt.Errorf("login of %s: error %d", user, r.(*kmsg.SASLAuthenticateResponse).ErrorCode)
		}
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return w, nil
}

// ask sends a request and returns the answer.
func (w *wire) ask(r kmsg.Request, version int16) (kmsg.Response, error) {
	_ = w.SetDeadline(time.Now().Add(answerLimit))
	if _, err := w.Write(encode(r, version, 1)); err != nil {
		return nil, err
	}
	frame, err := readFrame(w)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", kmsg.NameForKey(r.Key()), err)
	}
	return decode(r, version, frame)
}

func readFrame(r io.Reader) ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(size[:])
	if n < 4 || n > 100<<20 {
		return nil, fmt.Errorf("a frame of %d bytes", n)
	}
	frame := make([]byte, n)
	_, err := io.ReadFull(r, frame)
	return frame, err
}

// exact returns the semantics of the authorizer of a version of Kafka.
func exact(version string) snapshot.Semantics {
	if kafkatest.AtLeast(version, "4.4") {
		return snapshot.KafkaExact44
	}
	return snapshot.KafkaExact
}

// startWorld starts the brokers and the proxies, which end with the test.
func startWorld(t *testing.T, version string, allowEveryone bool) *world {
	t.Helper()
	w := &world{allowEveryone: allowEveryone, proxies: map[snapshot.Semantics]*proxy.Proxy{}, stores: map[snapshot.Semantics]*snapshot.Store{}}
	var started sync.WaitGroup
	for _, b := range []**broker{&w.direct, &w.proxied} {
		started.Go(func() { *b = startBroker(t, version, allowEveryone) })
	}
	if started.Wait(); t.Failed() {
		t.FailNow()
	}
	for _, semantics := range []snapshot.Semantics{snapshot.Documented, exact(version)} {
		w.stores[semantics] = snapshot.NewStore(snapshot.Config{
			Semantics: semantics, AllowIfNoACL: allowEveryone, SuperUsers: []principal.Principal{principal.User(kafkatest.Admin)},
		})
		if err := w.stores[semantics].Update(func(*snapshot.Tx) error { return nil }); err != nil { // it is ready, and empty
			t.Fatal(err)
		}
		p, err := proxy.Listen(t.Context(), proxy.Config{
			Upstream: relay.Upstream{
				Brokers: []string{w.proxied.cluster.Bootstrap(kafkatest.Internal)},
				SASL:    plain.Auth{User: kafkatest.Admin, Pass: kafkatest.AdminPassword}.AsMechanism(),
			},
			Listeners: []proxy.Listener{{
				Protocol: ops.SASLPlaintext, Address: "127.0.0.1:0",
				SASL: &proxy.SASL{Mechanisms: []string{proxy.Plain}, Users: passwords},
			}},
			Store: w.stores[semantics], ACLs: gateway.ForwardACLs, Logger: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { defer close(done); _ = p.Serve(ctx) }()
		t.Cleanup(func() { cancel(); <-done })
		w.proxies[semantics] = p
	}
	return w
}

func startBroker(t *testing.T, version string, allowEveryone bool) *broker {
	t.Helper()
	config := kafkatest.Config{
		Version: version, AllowEveryone: allowEveryone, LogLevel: "warn",
		Listeners: []kafkatest.Listener{{Name: clientListener, Users: passwords}},
		Properties: map[string]string{
			"auto.create.topics.enable": "true", "group.min.session.timeout.ms": "10", "group.max.session.timeout.ms": "3600000",
			"group.consumer.max.session.timeout.ms": "3600000", "group.consumer.session.timeout.ms": "3600000", "group.consumer.max.heartbeat.interval.ms": "3600000",
			"group.share.max.session.timeout.ms": "3600000", "group.share.session.timeout.ms": "3600000", "group.share.max.heartbeat.interval.ms": "3600000",
			"group.streams.max.session.timeout.ms": "3600000", "group.streams.session.timeout.ms": "3600000", "group.streams.max.heartbeat.interval.ms": "3600000",
			"transaction.max.timeout.ms": "2147483647", "log.retention.check.interval.ms": "86400000",
			// Nor does it delete empty groups meanwhile, which the other may do at another time.
			"offsets.retention.check.interval.ms": "86400000",
			// The records are old, so that a broker would delete them half a minute after it has started.
			"log.retention.ms": "-1", "log.initial.task.delay.ms": "86400000",
			// A broker that a busy machine keeps waiting does not lose its partitions.
			"broker.session.timeout.ms": "120000",
			// Nothing waits for more of its kind to be written together.
			"controller.quorum.append.linger.ms": "0", "group.coordinator.append.linger.ms": "0", "share.coordinator.append.linger.ms": "0",
		},
	}
	if kafkatest.AtLeast(version, "4.4") {
		config.Plugins = []string{"Topologies.java"}
		config.Properties["group.streams.topology.description.plugin.class"] = "Topologies"
	}
	b := &broker{cluster: kafkatest.Start(t, config)}
	var err error
	if b.admin, err = dial(b.cluster.Brokers[0].Address(kafkatest.Internal), "127.0.0.1", kafkatest.Admin, kafkatest.AdminPassword); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.admin.Close() })
	b.repairTopics(t, nil)
	b.records(t)
	b.group(t, "")
	b.transaction(t)
	return b
}

// must asks as admin and fails the test without an answer.
func (b *broker) must(t *testing.T, r kmsg.Request, version int16) kmsg.Response {
	t.Helper()
	response, err := b.admin.ask(r, version)
	if err != nil {
		t.Fatalf("as admin: %v", err)
	}
	return response
}

// topics returns the topics that the broker has, with their partitions.
func (b *broker) topics(t *testing.T) map[string]int {
	t.Helper()
	request := kmsg.NewPtrMetadataRequest()
	request.Topics = nil
	response := b.must(t, request, 12).(*kmsg.MetadataResponse)
	found := map[string]int{}
	b.id = *response.ClusterID
	b.ids = map[string]uuid{}
	b.reader.ids = map[uuid]string{}
	for name, id := range fixedIDs {
		b.reader.ids[id] = name
	}
	delete(b.reader.ids, uuid{})
	renamed := []string{b.cluster.Bootstrap(clientListener), "ADDRESS"}
	for _, topic := range response.Topics {
		if topic.Topic == nil {
			continue
		}
		found[*topic.Topic] = len(topic.Partitions)
		b.ids[*topic.Topic] = topic.TopicID
		b.reader.ids[topic.TopicID] = *topic.Topic
		renamed = append(renamed, base64ID(topic.TopicID), idPrefix+*topic.Topic)
	}
	b.reader.rename = strings.NewReplacer(renamed...)
	return found
}

// repairTopics makes the topics of the world, and deletes the others. Those of stale are
// made anew.
func (b *broker) repairTopics(t *testing.T, stale map[string]bool) {
	t.Helper()
	have := b.topics(t)
	remove := kmsg.NewPtrDeleteTopicsRequest()
	remove.TimeoutMillis = 10_000
	for name, partitions := range have {
		if !strings.HasPrefix(name, "__") && (!slices.Contains(worldTopics, name) || partitions != 2 || stale[name]) {
			topic := kmsg.NewDeleteTopicsRequestTopic()
			topic.Topic = &name
			remove.Topics = append(remove.Topics, topic)
			delete(have, name)
		}
	}
	if len(remove.Topics) > 0 {
		b.must(t, remove, 6)
	}
	var missing []kafkatest.Topic
	for _, name := range worldTopics {
		if _, ok := have[name]; !ok {
			missing = append(missing, kafkatest.Topic{Name: name, Partitions: 2})
		}
	}
	if len(missing) > 0 {
		b.cluster.CreateTopics(t, missing...)
	}
	if len(missing)+len(remove.Topics) > 0 {
		b.barrier(t)
	}
	for deadline := time.Now().Add(answerLimit); ; time.Sleep(2 * time.Millisecond) {
		have = b.topics(t)
		maps.DeleteFunc(have, func(name string, _ int) bool { return strings.HasPrefix(name, "__") })
		if len(have) == len(worldTopics) && !slices.ContainsFunc(worldTopics, func(name string) bool { return have[name] != 2 }) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the topics are %v", have)
		}
	}
}

// barrierClient is the client id whose quota a barrier sets.
const barrierClient = "barrier"

// barrier waits until the broker has done all that the controller has decided so far. A
// broker applies what the controller decides in its order. The second change is seen as soon
// as the broker knows of it, by when it has applied what came with the first.
func (b *broker) barrier(t *testing.T) {
	t.Helper()
	client := barrierClient
	var last float64
	for range 2 {
		b.barriers++
		last = 1e9 + float64(b.barriers)
		alter := kmsg.NewPtrAlterClientQuotasRequest()
		alter.Entries = []kmsg.AlterClientQuotasRequestEntry{{
			Entity: []kmsg.AlterClientQuotasRequestEntryEntity{{Type: "client-id", Name: &client}},
			Ops:    []kmsg.AlterClientQuotasRequestEntryOp{{Key: "producer_byte_rate", Value: last}},
		}}
		b.must(t, alter, 1)
	}
	describe := kmsg.NewPtrDescribeClientQuotasRequest()
	describe.Components = []kmsg.DescribeClientQuotasRequestComponent{{EntityType: "client-id", Match: &client}}
	for deadline := time.Now().Add(answerLimit); ; time.Sleep(time.Millisecond) {
		entries := b.must(t, describe, 1).(*kmsg.DescribeClientQuotasResponse).Entries
		if len(entries) == 1 && entries[0].Values[0].Value == last {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the broker does not follow the controller")
		}
	}
}

// records writes a record into each topic of the world.
func (b *broker) records(t *testing.T) {
	t.Helper()
	r := kmsg.NewPtrProduceRequest()
	r.Acks, r.TimeoutMillis = -1, 10_000
	for _, name := range worldTopics {
		topic := kmsg.NewProduceRequestTopic()
		topic.Topic = name
		partition := kmsg.NewProduceRequestTopicPartition()
		partition.Records = recordSets["one record"]
		topic.Partitions = append(topic.Partitions, partition)
		r.Topics = append(r.Topics, topic)
	}
	for deadline := time.Now().Add(answerLimit); ; time.Sleep(20 * time.Millisecond) {
		bad := map[string]int16{}
		for _, topic := range b.must(t, r, 9).(*kmsg.ProduceResponse).Topics {
			for _, p := range topic.Partitions {
				if p.ErrorCode != 0 {
					bad[topic.Topic] = p.ErrorCode
				}
			}
		}
		if len(bad) == 0 {
			return
		}
		// What was written stays, and is not written again: both brokers get as much.
		r.Topics = slices.DeleteFunc(r.Topics, func(topic kmsg.ProduceRequestTopic) bool { return bad[topic.Topic] == 0 })
		if time.Now().After(deadline) {
			t.Fatalf("records are refused with errors %v", bad)
		}
	}
}

// eventually asks as admin until ok is true.
func (b *broker) eventually(t *testing.T, r kmsg.Request, version int16, code func(kmsg.Response) int16) {
	t.Helper()
	for deadline := time.Now().Add(answerLimit); ; time.Sleep(20 * time.Millisecond) {
		found := code(b.must(t, r, version))
		if found == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s answers error %d", kmsg.NameForKey(r.Key()), found)
		}
	}
}

// group makes the groups: one with offsets, one of each protocol with a member. The
// groups of the world have no suffix; those of a round have its number.
func (b *broker) group(t *testing.T, suffix string) {
	t.Helper()
	letter := "g"
	if suffix != "" {
		letter = "h"
	}
	coordinator := kmsg.NewPtrFindCoordinatorRequest()
	coordinator.CoordinatorKey = letter + "1" + suffix
	b.eventually(t, coordinator, 2, func(r kmsg.Response) int16 { return r.(*kmsg.FindCoordinatorResponse).ErrorCode })
	commit := kmsg.NewPtrOffsetCommitRequest()
	commit.Group = letter + "1" + suffix
	for _, name := range []string{"t1", "secret", "a.b"} {
		topic := kmsg.NewOffsetCommitRequestTopic()
		topic.Topic = name
		topic.Partitions = append(topic.Partitions, kmsg.NewOffsetCommitRequestTopicPartition())
		commit.Topics = append(commit.Topics, topic)
	}
	b.eventually(t, commit, 8, func(r kmsg.Response) int16 { return r.(*kmsg.OffsetCommitResponse).Topics[0].Partitions[0].ErrorCode })
	if !kafkatest.AtLeast(b.cluster.Version, "4.0") {
		return
	}
	consumer := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	consumer.Group, consumer.MemberID, consumer.RebalanceTimeoutMillis = letter+"c"+suffix, member, 30_000
	consumer.SubscribedTopicNames = []string{"t1", "secret"}
	consumer.Topics = []kmsg.ConsumerGroupHeartbeatRequestTopic{}
	b.eventually(t, consumer, 0, func(r kmsg.Response) int16 { return r.(*kmsg.ConsumerGroupHeartbeatResponse).ErrorCode })
	if !kafkatest.AtLeast(b.cluster.Version, "4.2") {
		return
	}
	share := kmsg.NewPtrShareGroupHeartbeatRequest()
	share.GroupID, share.MemberID, share.SubscribedTopicNames = letter+"s"+suffix, member, []string{"t1", "secret"}
	b.eventually(t, share, 1, func(r kmsg.Response) int16 { return r.(*kmsg.ShareGroupHeartbeatResponse).ErrorCode })
	streams := kmsg.NewPtrStreamsGroupHeartbeatRequest()
	streams.Group, streams.MemberID, streams.RebalanceTimeoutMillis = letter+"st"+suffix, member, 30_000
	process := "p"
	streams.ProcessID = &process
	topology := kmsg.NewStreamsGroupHeartbeatRequestTopology()
	part := kmsg.NewStreamsGroupHeartbeatRequestTopologySubtopology()
	part.SubtopologyID, part.SourceTopics = "0", []string{"t1", "secret"}
	topology.Subtopologies = append(topology.Subtopologies, part)
	streams.Topology = &topology
	streams.ActiveTasks, streams.StandbyTasks, streams.WarmupTasks = []kmsg.TaskIDs{}, []kmsg.TaskIDs{}, []kmsg.TaskIDs{}
	b.eventually(t, streams, 0, func(r kmsg.Response) int16 { return r.(*kmsg.StreamsGroupHeartbeatResponse).ErrorCode })
	if !kafkatest.AtLeast(b.cluster.Version, "4.4") {
		return
	}
	b.eventually(t, described(streams.Group), 0, func(r kmsg.Response) int16 {
		return r.(*kmsg.StreamsGroupTopologyDescriptionUpdateResponse).ErrorCode
	})
}

// described returns what the member of a streams group says of its topology. It names topics
// that are not those of the topology, which Kafka does not check.
func described(group string) *kmsg.StreamsGroupTopologyDescriptionUpdateRequest {
	node := func(kind int8, name string, sink *string, sources ...string) kmsg.TopologyDescriptionNode {
		n := kmsg.NewTopologyDescriptionNode()
		n.Name, n.NodeType, n.SourceTopics, n.SinkTopic = name, kind, sources, sink
		return n
	}
	sink := "a.b"
	r := kmsg.NewPtrStreamsGroupTopologyDescriptionUpdateRequest()
	r.Group, r.MemberID = group, member
	part := kmsg.NewTopologyDescriptionSubtopology()
	part.SubtopologyID = "0"
	part.Nodes = []kmsg.TopologyDescriptionNode{node(sourceNode, "in", nil, "t1", "secret", "d1", "ta"), node(processorNode, "work", nil), node(sinkNode, "out", &sink)}
	store := kmsg.NewTopologyDescriptionGlobalStore()
	store.Source, store.Processor = node(sourceNode, "global", nil, "t2"), node(processorNode, "store", nil)
	r.TopologyDescription.Subtopologies, r.TopologyDescription.GlobalStores = []kmsg.TopologyDescriptionSubtopology{part}, []kmsg.TopologyDescriptionGlobalStore{store}
	return r
}

// The kinds of nodes of a topology.
//
// Source: Kafka's StreamsGroupTopologyDescriptionConverter.
const (
	sourceNode    = 1
	processorNode = 2
	sinkNode      = 3
)

// transaction opens the transaction xo on t1 and secret.
func (b *broker) transaction(t *testing.T) {
	t.Helper()
	coordinator := kmsg.NewPtrFindCoordinatorRequest()
	coordinator.CoordinatorKey, coordinator.CoordinatorType = "xo", 1
	b.eventually(t, coordinator, 2, func(r kmsg.Response) int16 { return r.(*kmsg.FindCoordinatorResponse).ErrorCode })
	xo := "xo"
	begin := kmsg.NewPtrInitProducerIDRequest()
	begin.TransactionalID, begin.TransactionTimeoutMillis = &xo, 1<<31-1
	b.eventually(t, begin, 2, func(r kmsg.Response) int16 {
		b.xo = r.(*kmsg.InitProducerIDResponse).ProducerID
		return r.(*kmsg.InitProducerIDResponse).ErrorCode
	})
	add := kmsg.NewPtrAddPartitionsToTxnRequest()
	add.TransactionalID, add.ProducerID = xo, b.xo
	for _, name := range []string{"t1", "secret"} {
		topic := kmsg.NewAddPartitionsToTxnRequestTopic()
		topic.Topic, topic.Partitions = name, []int32{0}
		add.Topics = append(add.Topics, topic)
	}
	b.eventually(t, add, 2, func(r kmsg.Response) int16 {
		return r.(*kmsg.AddPartitionsToTxnResponse).Topics[0].Partitions[0].ErrorCode
	})
}

// each does something with both brokers at the same time.
func (w *world) each(do func(i int, b *broker)) {
	var both sync.WaitGroup
	for i, b := range []*broker{w.direct, w.proxied} {
		both.Go(func() { do(i, b) })
	}
	both.Wait()
}

// repair makes both brokers alike: the topics of the world with equally long logs, and
// the groups of a round.
func (w *world) repair(t *testing.T, suffix string) {
	t.Helper()
	var logs [2]map[logEnd]int64
	var configs [2]map[topicConfig]string
	w.each(func(i int, b *broker) { logs[i], configs[i] = b.logs(t), b.configs(t, b.topics(t)) })
	stale := map[string]bool{}
	for place, offset := range logs[0] {
		if logs[1][place] != offset {
			stale[place.topic] = true
		}
	}
	for _, of := range configs {
		for c := range of {
			stale[c.topic] = true // a compacted topic takes no record without a key
		}
	}
	w.each(func(_ int, b *broker) {
		b.repairTopics(t, stale)
		b.group(t, suffix)
		b.records(t)
	})
}

// settle waits until both brokers have done what the controllers have decided, and know
// the same topics, with those that are being made. If they do not come to know them, the
// comparison of the effects says so.
func (w *world) settle(t *testing.T, making []string) {
	t.Helper()
	for deadline := time.Now().Add(time.Second); ; time.Sleep(5 * time.Millisecond) {
		var have [2]map[string]int
		w.each(func(i int, b *broker) {
			b.barrier(t)
			have[i] = b.topics(t)
			maps.DeleteFunc(have[i], func(name string, _ int) bool { return strings.HasPrefix(name, "__") }) // made when they are needed
		})
		isMissing := func(name string) bool { return have[0][name] == 0 }
		if maps.Equal(have[0], have[1]) && !slices.ContainsFunc(making, isMissing) || time.Now().After(deadline) {
			return
		}
	}
}

// logEnd is the first (-2) or the last (-1) offset of a partition.
type logEnd struct {
	topic     string
	partition int32
	which     int64
}

// logs returns the ends of the logs of all topics that are not internal.
func (b *broker) logs(t *testing.T) map[logEnd]int64 {
	t.Helper()
	for deadline := time.Now().Add(answerLimit); ; time.Sleep(5 * time.Millisecond) {
		found, bad := b.logsNow(t)
		if bad == 0 {
			return found
		}
		if time.Now().After(deadline) {
			t.Fatalf("ListOffsets answers error %d", bad)
		}
	}
}

// logsNow returns the ends of the logs, or the error of one of them.
func (b *broker) logsNow(t *testing.T) (found map[logEnd]int64, bad int16) {
	t.Helper()
	found = map[logEnd]int64{}
	topics := b.topics(t)
	for _, which := range []int64{-2, -1} {
		r := kmsg.NewPtrListOffsetsRequest()
		for name, partitions := range topics {
			if strings.HasPrefix(name, "__") {
				continue
			}
			topic := kmsg.NewListOffsetsRequestTopic()
			topic.Topic = name
			for p := range partitions {
				partition := kmsg.NewListOffsetsRequestTopicPartition()
				partition.Partition, partition.Timestamp = int32(p), which
				topic.Partitions = append(topic.Partitions, partition)
			}
			r.Topics = append(r.Topics, topic)
		}
		for _, topic := range b.must(t, r, 6).(*kmsg.ListOffsetsResponse).Topics {
			for _, p := range topic.Partitions {
				bad = max(bad, p.ErrorCode)
				found[logEnd{topic.Topic, p.Partition, which}] = p.Offset
			}
		}
	}
	return found, bad
}

// setACLs makes bindings the ACLs of both brokers and of the proxies.
func (w *world) setACLs(t *testing.T, bindings []acl.Binding) {
	t.Helper()
	w.each(func(_ int, b *broker) { b.cluster.SetACLs(t, bindings...) })
	for _, store := range w.stores {
		if err := store.Update(func(tx *snapshot.Tx) error { tx.Replace(slices.Values(bindings)); return nil }); err != nil {
			t.Fatal(err)
		}
	}
}

// way is one of the two ways that a request takes.
type way struct {
	broker  *broker
	address string
	conns   map[string]*wire // by user and host
}

func (w *way) conn(who client) (*wire, error) {
	key := who.String()
	if c := w.conns[key]; c != nil {
		return c, nil
	}
	c, err := dial(w.address, who.host, who.user, passwords[who.user])
	if err == nil {
		w.conns[key] = c
	}
	return c, err
}

func (w *way) close() {
	for key, c := range w.conns {
		c.Close()
		delete(w.conns, key)
	}
}

// client is who sends requests, and from where.
type client struct{ user, host string }

// String returns USER@HOST.
func (c client) String() string { return c.user + "@" + c.host }

// unanswered is the outcome of a request that is not answered within patience.
const unanswered = "does not answer"

// closes is the outcome of a request after which the connection is closed.
const closes = "closes the connection"

// outcome is what came of a request on one way.
type outcome struct {
	answer node   // nil if there is none
	closed string // why there is no answer
}

// exchange sends requests on one connection, all before the first answer is read, and
// returns what came of each. If the connection ends, it sends the rest on another.
func (w *way) exchange(who client, requests []question) ([]outcome, error) {
	var outcomes []outcome
	for len(outcomes) < len(requests) {
		more, err := w.pipeline(who, requests[len(outcomes):])
		if err != nil {
			return nil, err
		}
		outcomes = append(outcomes, more...)
		if last := len(outcomes) - 1; len(more) < len(requests) && outcomes[last].closed == closes {
			// A broker that closes a connection with requests unread may take answers with
			// it that are on their way. So it is asked again, alone.
			again, err := w.pipeline(who, requests[last:last+1])
			if err != nil {
				return nil, err
			}
			outcomes[last] = again[0]
		}
	}
	return outcomes, nil
}

// pipeline sends requests on one connection until it ends.
func (w *way) pipeline(who client, requests []question) ([]outcome, error) {
	c, err := w.conn(who)
	if err != nil {
		return nil, err
	}
	var frames []byte
	for i := range requests {
		r := clone(requests[i].request)
		bind(reflect.ValueOf(r), w.broker.ids, w.broker.xo)
		if a, ok := r.(*kmsg.ApiVersionsRequest); ok && a.ClusterID != nil && *a.ClusterID == clusterSymbol {
			a.ClusterID = &w.broker.id
		}
		frames = append(frames, requests[i].frame(r, int32(i))...)
	}
	go func() { _, _ = c.Write(frames) }() // an error shows in the answers
	var outcomes []outcome
	for i, q := range requests {
		_ = c.SetDeadline(time.Now().Add(patience))
		frame, err := readFrame(c)
		if err != nil {
			c.Close()
			delete(w.conns, who.String())
			end := closes
			if errors.Is(err, os.ErrDeadlineExceeded) {
				end = unanswered
			}
			return append(outcomes, outcome{closed: end}), nil
		}
		if got := int32(binary.BigEndian.Uint32(frame)); got != int32(i) {
			return nil, fmt.Errorf("the answer to request %d has the correlation id %d", i, got)
		}
		outcomes = append(outcomes, w.outcome(q, frame))
	}
	return outcomes, nil
}

func (w *way) outcome(q question, frame []byte) outcome {
	response, err := decode(q.request, q.version, frame)
	if err != nil && q.request.Key() == apiVersionsKey {
		response, err = decode(q.request, 0, frame) // as a version that is not known is answered
	}
	if err != nil {
		return outcome{closed: "sends an answer that cannot be decoded: " + err.Error()}
	}
	return outcome{answer: w.broker.reader.node(kmsg.NameForKey(q.request.Key()), reflect.ValueOf(response))}
}

// base64ID returns an id as Kafka prints it.
func base64ID(id uuid) string { return base64.RawURLEncoding.EncodeToString(id[:]) }
