package clienttest

import (
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
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

const (
	// clientListener is the listener of the broker that users connect to.
	clientListener = "CLIENT"
	// maxUsers is how many users there are: one for each variant of a row.
	maxUsers = 900
	// everything is a user that may do everything and is no super user.
	everything = "everything"
	// sharedTopic is a topic with records that many rows read.
	sharedTopic = "in"
	// recordsEach is how many records a topic has to begin with.
	recordsEach = 5
	// setupLimit is how long it may take to make what the rows work with.
	setupLimit = 3 * time.Minute
	// openLimit is how long the broker lets a transaction be open.
	openLimit = 10 * time.Minute
)

// way is how clients reach the broker. Its name ends the names of what only one run uses.
type way struct{ name, bootstrap string }

// world is a broker and a proxy in front of it, which decide by the same ACLs.
type world struct {
	cluster *kafkatest.Cluster
	store   *snapshot.Store
	proxy   *proxy.Proxy
	ways    [2]way // straight at the broker, and through the proxy
	kafka   *kgo.Client
	admin   *kadm.Client
	ids     map[string]string // of topics, as Kafka prints them
	folder  string
}

func password(user string) string { return user + "-secret" }

// users returns the passwords of all users.
func users() map[string]string {
	passwords := map[string]string{everything: password(everything)}
	for i := range maxUsers {
		passwords[userName(i)] = password(userName(i))
	}
	return passwords
}

// listeners are those of the broker. Before 3.5 a broker cannot begin with SCRAM users.
func listeners(version string) []kafkatest.Listener {
	list := []kafkatest.Listener{{Name: clientListener, Users: users()}}
	if kafkatest.AtLeast(version, "3.5") {
		list = append(list, kafkatest.Listener{Name: scramListener, Mechanisms: []string{scramMechanism}, Users: map[string]string{scramUser: password(scramUser)}})
	}
	return list
}

func userName(i int) string { return fmt.Sprintf("u%d", i) }

// startWorld starts the broker and the proxy, which end with the test.
func startWorld(t *testing.T, version string) *world {
	t.Helper()
	w := &world{folder: t.TempDir(), ids: map[string]string{}}
	w.cluster = kafkatest.Start(t, kafkatest.Config{
		Version: version, LogLevel: "warn",
		Listeners: listeners(version),
		Properties: map[string]string{
			"group.consumer.heartbeat.interval.ms": "1000", "group.consumer.min.heartbeat.interval.ms": "1000",
			"group.streams.heartbeat.interval.ms": "1000", "group.streams.min.heartbeat.interval.ms": "1000",
			"group.share.heartbeat.interval.ms": "1000", "group.share.min.heartbeat.interval.ms": "1000",
			"share.coordinator.state.topic.num.partitions": "1",
		},
	})
	sasl := plain.Auth{User: kafkatest.Admin, Pass: kafkatest.AdminPassword}.AsMechanism()
	w.store = snapshot.NewStore(snapshot.Config{Semantics: snapshot.KafkaExact, SuperUsers: []principal.Principal{principal.User(kafkatest.Admin)}})
	require.NoError(t, w.store.Update(func(*snapshot.Tx) error { return nil })) // a store that is empty is loaded too
	var err error
	w.proxy, err = proxy.Listen(t.Context(), proxy.Config{
		Upstream: relay.Upstream{Brokers: []string{w.cluster.Bootstrap(kafkatest.Internal)}, SASL: sasl},
		Listeners: []proxy.Listener{{
			Protocol: ops.SASLPlaintext, Address: "127.0.0.1:0", FirstNode: 1,
			SASL: &proxy.SASL{Mechanisms: []string{proxy.Plain, scramMechanism}, Users: users()},
		}},
		Store: w.store, ACLs: gateway.ForwardACLs, Logger: logger(),
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = w.proxy.Serve(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	w.ways = [2]way{{"d", w.cluster.Bootstrap(clientListener)}, {"p", w.proxy.Addresses()[0]}}
	w.kafka, err = kgo.NewClient(kgo.SeedBrokers(w.cluster.Bootstrap(kafkatest.Internal)), kgo.SASL(sasl), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.UnknownTopicRetries(-1)) // a topic that is just made
	require.NoError(t, err)
	t.Cleanup(w.kafka.Close)
	w.admin = kadm.NewClient(w.kafka)
	return w
}

// logger returns that of the proxy: it logs if what clients print is shown.
func logger() *slog.Logger {
	if *verboseFlag {
		return slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	return slog.New(slog.DiscardHandler)
}

// properties returns those of a client that is the user, on a way.
func (w *world) properties(way way, user string, more map[string]string) string {
	p := w.cluster.ClientProperties(clientListener, user, nil)
	p["bootstrap.servers"] = way.bootstrap
	maps.Copy(p, more)
	return kafkatest.Properties(p)
}

// file writes a file of properties and returns its path.
func (w *world) file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(w.folder, name+".properties")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// prepare makes the topics, records, groups and ACLs that the runs work with.
func (w *world) prepare(t *testing.T, runs []*run) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), setupLimit)
	defer cancel()
	records := map[string]int{sharedTopic: recordsEach, "secret": recordsEach}
	offsets := map[string]bool{}
	transactional := map[string]bool{}
	bindings := allowAll("User:" + everything)
	for _, r := range runs {
		bindings = append(bindings, r.bindings...)
		for _, way := range w.ways {
			for _, topic := range r.row.topics {
				switch name, kind, _ := strings.Cut(r.expand(topic, way), "="); kind {
				case "compact":
					made, err := w.admin.CreateTopic(ctx, 1, 1, map[string]*string{"cleanup.policy": kmsg.StringPtr("compact")}, name)
					require.NoError(t, err)
					require.NoError(t, made.Err)
					require.NoError(t, w.kafka.ProduceSync(ctx, &kgo.Record{Topic: name, Key: []byte("k"), Value: []byte("v")}).FirstErr())
				case "open":
					w.createTopics(ctx, t, map[string]int{name: 0})
					w.transact(ctx, t, name, name, false)
				case "0":
					records[name] = 0
				default:
					records[name] = recordsEach
				}
			}
			for _, group := range r.row.groups {
				offsets[r.expand(group, way)] = true
			}
			for _, id := range r.row.transactional {
				transactional[r.expand(id, way)] = true
			}
		}
	}
	maps.DeleteFunc(records, func(topic string, _ int) bool { return w.ids[topic] != "" })
	w.createTopics(ctx, t, records)
	for id := range transactional {
		w.transact(ctx, t, id, "secret", true)
	}
	w.awaitCoordinator(ctx, t)
	for group := range offsets {
		w.commit(ctx, t, group)
	}
	w.shareFromStart(ctx, t, runs)
	for _, r := range runs {
		for _, way := range w.ways {
			for _, group := range r.row.shareGroups {
				w.share(ctx, t, r.expand(group, way))
			}
			for _, group := range r.row.streamsGroups {
				w.stream(ctx, t, r.expand(group, way))
			}
		}
	}
	w.cluster.SetACLs(t, bindings...)
	require.NoError(t, w.store.Update(func(tx *snapshot.Tx) error {
		tx.Replace(slices.Values(bindings))
		return nil
	}))
}

func (w *world) createTopics(ctx context.Context, t *testing.T, records map[string]int) {
	t.Helper()
	for part := range slices.Chunk(slices.Sorted(maps.Keys(records)), 100) {
		made, err := w.admin.CreateTopics(ctx, 1, 1, nil, part...)
		require.NoError(t, err)
		require.NoError(t, made.Error())
	}
	var batch []*kgo.Record
	for topic, n := range records {
		for i := range n {
			batch = append(batch, &kgo.Record{Topic: topic, Value: fmt.Appendf(nil, "v%d", i)})
		}
	}
	require.NoError(t, w.kafka.ProduceSync(ctx, batch...).FirstErr())
	listed, err := w.admin.ListTopics(ctx)
	require.NoError(t, err)
	for name, topic := range listed {
		w.ids[name] = base64.RawURLEncoding.EncodeToString(topic.ID[:])
	}
}

// groupConfig is the type of the configuration of a group in a request.
const groupConfig = 32

// shareFromStart lets the share groups begin with the first record of a topic.
func (w *world) shareFromStart(ctx context.Context, t *testing.T, runs []*run) {
	t.Helper()
	request := kmsg.NewPtrIncrementalAlterConfigsRequest()
	for _, r := range runs {
		for _, group := range r.row.shareGroups {
			for _, way := range w.ways {
				config := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
				config.Name, config.Value = "share.auto.offset.reset", kmsg.StringPtr("earliest")
				resource := kmsg.NewIncrementalAlterConfigsRequestResource()
				resource.ResourceType, resource.ResourceName = groupConfig, r.expand(group, way)
				resource.Configs = append(resource.Configs, config)
				request.Resources = append(request.Resources, resource)
			}
		}
	}
	if len(request.Resources) == 0 {
		return
	}
	response, err := request.RequestWith(ctx, w.kafka)
	require.NoError(t, err)
	for _, r := range response.Resources {
		require.Zero(t, r.ErrorCode, r.ResourceName)
	}
}

// leaving is the epoch by which a member leaves its group.
const leaving = -1

// aMember is the id of the member of the groups that are made.
const aMember = "AAAAAAAAAAAAAAAAAAAAAQ"

// share makes a share group whose member has left, with an offset of the topic that
// many rows read: the first.
func (w *world) share(ctx context.Context, t *testing.T, group string) {
	t.Helper()
	request := kmsg.NewPtrShareGroupHeartbeatRequest()
	request.GroupID, request.MemberID, request.SubscribedTopicNames = group, aMember, []string{sharedTopic}
	for _, epoch := range []int32{0, leaving} {
		request.MemberEpoch = epoch
		response, err := request.RequestWith(ctx, w.kafka)
		require.NoError(t, err)
		require.Zero(t, response.ErrorCode, "%s: %v", group, response.ErrorMessage)
	}
	alter := kmsg.NewPtrAlterShareGroupOffsetsRequest()
	alter.GroupID = group
	partition := kmsg.NewAlterShareGroupOffsetsRequestTopicPartition()
	topic := kmsg.NewAlterShareGroupOffsetsRequestTopic()
	topic.Topic, topic.Partitions = sharedTopic, append(topic.Partitions, partition)
	alter.Topics = append(alter.Topics, topic)
	response, err := alter.RequestWith(ctx, w.kafka)
	require.NoError(t, err)
	require.Zero(t, response.ErrorCode, "%s: %v", group, response.ErrorMessage)
}

// stream makes the group of a Streams application that reads the topic that many rows
// read and has stopped, with an offset.
func (w *world) stream(ctx context.Context, t *testing.T, group string) {
	t.Helper()
	part := kmsg.NewStreamsGroupHeartbeatRequestTopologySubtopology()
	part.SubtopologyID, part.SourceTopics = "0", []string{sharedTopic}
	topology := kmsg.NewStreamsGroupHeartbeatRequestTopology()
	topology.Subtopologies = append(topology.Subtopologies, part)
	request := kmsg.NewPtrStreamsGroupHeartbeatRequest()
	request.Group, request.MemberID, request.ProcessID, request.RebalanceTimeoutMillis = group, aMember, kmsg.StringPtr(aMember), 10_000
	request.Topology, request.ActiveTasks, request.StandbyTasks, request.WarmupTasks = &topology, []kmsg.TaskIDs{}, []kmsg.TaskIDs{}, []kmsg.TaskIDs{}
	for _, epoch := range []int32{0, leaving} {
		request.MemberEpoch = epoch
		// The only broker is the coordinator, which franz-go does not look for here.
		response, err := request.RequestWith(ctx, w.kafka.Broker(1))
		require.NoError(t, err)
		require.Zero(t, response.ErrorCode, "%s: %v", group, response.ErrorMessage)
		request.Topology = nil
	}
	w.commit(ctx, t, group)
}

// awaitCoordinator waits until the broker has made its topic of groups, with the first group.
func (w *world) awaitCoordinator(ctx context.Context, t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool { return w.admin.CommitAllOffsets(ctx, "the-first", anOffset()) == nil }, setupLimit, 200*time.Millisecond)
}

// anOffset is an offset of the topic that many rows read.
func anOffset() kadm.Offsets {
	var o kadm.Offsets
	o.Add(kadm.Offset{Topic: sharedTopic, Partition: 0, At: 2, LeaderEpoch: -1})
	return o
}

// commit commits an offset of a group.
func (w *world) commit(ctx context.Context, t *testing.T, group string) {
	t.Helper()
	require.NoError(t, w.admin.CommitAllOffsets(ctx, group, anOffset()))
}

// transact writes to a topic in a transaction, so that the transactional id is known. If
// the transaction is not to end it is open for as long as the broker lets it be.
func (w *world) transact(ctx context.Context, t *testing.T, id, topic string, end bool) {
	t.Helper()
	sasl := plain.Auth{User: kafkatest.Admin, Pass: kafkatest.AdminPassword}.AsMechanism()
	producer, err := kgo.NewClient(kgo.SeedBrokers(w.cluster.Bootstrap(kafkatest.Internal)), kgo.SASL(sasl), kgo.TransactionalID(id), kgo.UnknownTopicRetries(-1), kgo.TransactionTimeout(openLimit))
	require.NoError(t, err)
	defer producer.Close()
	require.NoError(t, producer.BeginTransaction())
	require.NoError(t, producer.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: []byte("tx")}).FirstErr())
	if !end {
		return
	}
	require.NoError(t, producer.EndTransaction(ctx, kgo.TryCommit))
}

// allowAll returns the ACLs of somebody who may do everything.
func allowAll(principal string) []acl.Binding {
	var all []acl.Binding
	for _, r := range []string{"All on Topic *", "All on Group *", "All on TransactionalId *", "All on Cluster kafka-cluster"} {
		all = append(all, binding(principal, r))
	}
	return all
}
