package failover_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/internal/kafkatest"
)

const (
	// attempts is how often a fault may happen until no gap is longer than it may be.
	attempts = 3
	// mirrorInterval is the interval of the mirror.
	mirrorInterval = time.Second
	// mirrorTimeout is how long the upstream may be silent. Several pass while brokers hang.
	mirrorTimeout = 10 * time.Second

	direct, again, through = "direct", "direct-again", "through"
)

// The least that a round must have done, on each way. A round on an idle machine does ten
// times as much.
const (
	leastAcked        = 3000
	leastTransactions = 60
)

// world is three brokers and a proxy.
type world struct {
	t       *testing.T
	cluster *kafkatest.Cluster
	admin   *kadm.Client
	gate    *gate
	jvm     *kafkatest.JVM
	// loading is how long the proxy took to load the ACLs when it last started, where they
	// are so many that this counts. It is part of the gap then.
	loading func() time.Duration
}

// newWorld starts brokers with ACLs, and a proxy that mirrors them.
func newWorld(t *testing.T, brokers int, acls ...acl.Binding) *world {
	w := &world{t: t, cluster: startCluster(t, *versionFlag, brokers), loading: func() time.Duration { return 0 }}
	w.cluster.SetACLs(t, acls...)
	client := adminClient(t, w.cluster)
	t.Cleanup(client.Close)
	w.admin = kadm.NewClient(client)
	w.gate = newGate(t, w.cluster, &proxy.Mirror{Interval: mirrorInterval, Timeout: mirrorTimeout, FollowRelease: true})
	w.jvm = kafkatest.StartJVM(t, w.cluster.Version, "testdata/Load.java")
	return w
}

// TestFailover: whatever fails, nothing that was acknowledged through the proxy is lost,
// nothing is there twice, and clients are not cut off much longer than without a proxy.
func TestFailover(t *testing.T) {
	w := newWorld(t, 3, allOf("alice")...)
	random := rand.New(rand.NewPCG(*seedFlag, 0))
	for round, end := 0, time.Now().Add(*soakFlag); round == 0 || time.Now().Before(end); round++ {
		faults := w.faults()
		if testing.Short() {
			faults = slices.DeleteFunc(faults, func(h happening) bool { return !h.short })
		}
		if *soakFlag > 0 {
			random.Shuffle(len(faults), func(a, b int) { faults[a], faults[b] = faults[b], faults[a] })
		}
		if ok := t.Run(fmt.Sprintf("round %d", round), func(t *testing.T) { w.round(t, round, faults, random) }); !ok {
			t.Fatalf("repeat it with -seed %d", *seedFlag)
		}
	}
	if !testing.Short() {
		t.Run("the mirror loses its brokers", w.mirrorLoses)
	}
}

// happening is a fault.
type happening struct {
	name string
	// hurts reports whether direct clients must notice it.
	hurts bool
	// short reports whether it happens with -short too.
	short bool
	// run makes the fault happen, and returns once it is repaired.
	run func(w *world, t *testing.T, victim *kafkatest.Broker, well func())
}

// faults returns all faults.
func (w *world) faults() []happening {
	return []happening{
		{"a leader is killed", true, true, func(w *world, t *testing.T, victim *kafkatest.Broker, well func()) {
			victim.Kill()
			well() // on two brokers
			victim.Restart(t)
		}},
		{"a broker is restarted", false, false, func(w *world, t *testing.T, victim *kafkatest.Broker, well func()) {
			victim.Stop(t)
			victim.Restart(t)
		}},
		{"the coordinators move", false, true, func(w *world, t *testing.T, _ *kafkatest.Broker, _ func()) { w.moveCoordinators(t) }},
		restarted, cutOff,
	}
}

// The faults of the proxy itself.
var (
	restarted = happening{"the proxy is restarted", false, true, func(w *world, _ *testing.T, _ *kafkatest.Broker, _ func()) { w.gate.restart() }}
	cutOff    = happening{"the proxy is cut off", false, true, func(w *world, _ *testing.T, _ *kafkatest.Broker, _ func()) { w.gate.cut() }}
)

// round lets clients work while faults happen, and compares what they know with the logs.
func (w *world) round(t *testing.T, number int, happenings []happening, random *rand.Rand) {
	w.t, w.gate.t = t, t
	began, seen := time.Now(), 0
	loads := w.start(t, fmt.Sprintf("-%d", number))
	victims := random.Perm(len(w.cluster.Brokers))
	for i, h := range happenings {
		victim := w.cluster.Brokers[victims[i%len(victims)]]
		for attempt := 1; ; attempt++ {
			longer, limit := w.happen(t, h, victim, loads)
			seen++
			if len(longer) == 0 {
				break
			}
			if attempt == attempts {
				t.Errorf("%s: gaps are longer than direct plus %v, each time of %d: %s", h.name, limit, attempts, strings.Join(longer, ", "))
				break
			}
			t.Logf("%s: longer than direct plus %v: %s: again", h.name, limit, strings.Join(longer, ", "))
		}
	}
	w.finish(t, loads)
	var counts []string
	for _, l := range loads {
		counts = append(counts, w.verify(t, l))
	}
	assert.GreaterOrEqual(t, seen, len(happenings), "faults seen")
	t.Logf("round %d: %d faults in %v; records acknowledged and delivered: %s", number, seen, time.Since(began).Round(time.Second), strings.Join(counts, ", "))
	w.deleteTopics(t, loads)
}

// start starts clients on both ways, and returns once all of them work.
func (w *world) start(t *testing.T, suffix string) []*load {
	loads := []*load{
		{t: t, way: direct, address: w.cluster.Bootstrap(clientListener)},
		{t: t, way: again, address: w.cluster.Bootstrap(clientListener)},
		{t: t, way: through, address: w.gate.address()},
	}
	var topics []kafkatest.Topic
	for _, l := range loads {
		l.suffix, l.jvm = suffix, w.jvm
		l.properties = w.cluster.ClientProperties(clientListener, "alice", nil)
		for _, kind := range []string{java, franz, transactional} {
			topics = append(topics, kafkatest.Topic{Name: l.topic(kind), Partitions: partitions})
		}
	}
	w.cluster.CreateTopics(t, topics...)
	for _, l := range loads {
		l.start()
	}
	w.awaitProgress(t, loads)
	w.settle(t)
	w.awaitProgress(t, loads)
	return loads
}

// awaitProgress waits until each client has had an answer about each partition since now,
// and each group has committed an offset.
func (w *world) awaitProgress(t *testing.T, loads []*load) {
	t.Helper()
	now := time.Now().UnixMilli()
	for _, l := range loads {
		for _, j := range l.clients() {
			eventually(t, func() string {
				if p, idle := j.idle(now); idle {
					return fmt.Sprintf("the %s has had no answer about partition %d; errors: %q", j, p, j.problems())
				}
				return ""
			})
		}
		for _, j := range l.consumers {
			w.awaitCommit(t, j)
		}
	}
}

// awaitCommit waits until a group commits another offset.
func (w *world) awaitCommit(t *testing.T, j *journal) {
	t.Helper()
	before := int64(-1) // the sum of the offsets
	client := adminClient(t, w.cluster)
	defer func() { client.Close() }()
	eventually(t, func() string {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		offsets, err := kadm.NewClient(client).FetchOffsets(ctx, j.group)
		if err != nil {
			client.Close() // it would ask the same broker again, even one that is down
			client = adminClient(t, w.cluster)
			return fmt.Sprintf("the coordinator of the %s: %v", j, err)
		}
		sum := int64(0)
		offsets.Each(func(o kadm.OffsetResponse) { sum += max(0, o.At) })
		if before < 0 {
			before = sum
		}
		if sum == before {
			return fmt.Sprintf("the %s commits no offset", j)
		}
		return ""
	})
}

// settle waits until every partition has all its replicas again, and gives each broker back
// what it is to lead.
func (w *world) settle(t *testing.T) {
	t.Helper()
	eventually(t, func() string {
		return w.partitionWithout(t, "all its replicas", func(p kadm.PartitionDetail) bool { return len(p.ISR) == len(w.cluster.Brokers) })
	})
	_, err := w.admin.ElectLeaders(soon(t), kadm.ElectPreferredReplica, nil)
	require.NoError(t, err)
	eventually(t, func() string {
		return w.partitionWithout(t, "the leader that it prefers", func(p kadm.PartitionDetail) bool { return p.Leader == p.Replicas[0] })
	})
}

// partitionWithout returns a partition for which has is false, as a text.
func (w *world) partitionWithout(t *testing.T, what string, has func(kadm.PartitionDetail) bool) (missing string) {
	t.Helper()
	topics, err := w.admin.ListTopicsWithInternal(soon(t))
	if err != nil {
		return err.Error()
	}
	topics.EachPartition(func(p kadm.PartitionDetail) {
		if !has(p) {
			missing = fmt.Sprintf("%s/%d does not have %s: leader %d of %v, in sync %v", p.Topic, p.Partition, what, p.Leader, p.Replicas, p.ISR)
		}
	})
	return missing
}

// moveCoordinators makes another broker the coordinator of all groups and transactions.
func (w *world) moveCoordinators(t *testing.T) {
	t.Helper()
	before := w.coordinators(t)
	internal, err := w.admin.ListTopicsWithInternal(soon(t))
	require.NoError(t, err)
	var request kadm.AlterPartitionAssignmentsReq
	elect := kadm.TopicsSet{}
	for _, topic := range []string{"__consumer_offsets", "__transaction_state"} {
		replicas := internal[topic].Partitions[coordinatedBy].Replicas
		require.Len(t, replicas, len(w.cluster.Brokers), "replicas of %s", topic)
		request.Assign(topic, coordinatedBy, append(slices.Clone(replicas[1:]), replicas[0]))
		elect.Add(topic, coordinatedBy)
	}
	answers, err := w.admin.AlterPartitionAssignments(soon(t), request)
	require.NoError(t, err)
	require.NoError(t, answers.Error())
	eventually(t, func() string {
		if _, err := w.admin.ElectLeaders(soon(t), kadm.ElectPreferredReplica, elect); err != nil {
			return err.Error()
		}
		for kind, node := range w.coordinators(t) {
			if node == before[kind] {
				return fmt.Sprintf("the coordinator of %s is still broker %d", kind, node)
			}
		}
		return ""
	})
}

// coordinators returns the coordinators of groups and of transactions.
func (w *world) coordinators(t *testing.T) map[string]int32 {
	t.Helper()
	found := map[string]int32{}
	l := &load{}
	name := l.sameCoordinator("any")
	for kind, find := range map[string]kadm.FindCoordinatorResponses{
		"groups": w.admin.FindGroupCoordinators(soon(t), name), "transactions": w.admin.FindTxnCoordinators(soon(t), name),
	} {
		if assert.NoError(t, find[name].Err, kind) {
			found[kind] = find[name].NodeID
		}
	}
	return found
}

// finish ends the producers, and the consumers once they have had everything.
func (w *world) finish(t *testing.T, loads []*load) {
	for _, l := range loads {
		l.stopProducing()
	}
	time.Sleep(200 * time.Millisecond) // in which the last events of the Java producers come over
	for _, l := range loads {
		for i, j := range l.consumers {
			eventually(t, func() string { return undelivered(l.producers[i], j) })
		}
		l.stop()
	}
}

// undelivered names a partition of which the consumer has not had the last acknowledged
// record.
func undelivered(producer, consumer *journal) string {
	var last, had [partitions]int
	for _, e := range producer.copyOf() {
		last[e.partition] = max(last[e.partition], e.number)
	}
	for _, e := range consumer.copyOf() {
		had[e.partition] = max(had[e.partition], e.number)
	}
	for p := range last {
		if had[p] < last[p] {
			return fmt.Sprintf("the %s has had record %d of partition %d, and not record %d", consumer, had[p], p, last[p])
		}
	}
	return ""
}

// verify compares what the clients know with the logs of the brokers. It returns how much
// there was to compare.
func (w *world) verify(t *testing.T, l *load) string {
	t.Helper()
	acked, delivered, transactions := 0, 0, 0
	for i, producer := range l.producers {
		log := readLog(t, w.cluster, producer.topic)
		report(t, producer, producer.verifyLog(log))
		report(t, l.consumers[i], l.consumers[i].verifyDeliveries(log))
		acked += len(producer.events)
		delivered += len(l.consumers[i].events)
		if producer.client == "transactions" {
			transactions = len(producer.events) / partitions
		}
		t.Logf("%s: %d records acknowledged, %d in the log, %d delivered; errors in between: %q",
			producer, len(producer.events), len(log), len(l.consumers[i].events), append(producer.notes, l.consumers[i].notes...))
	}
	assert.GreaterOrEqual(t, acked, leastAcked, "records acknowledged %s", l.way)
	assert.GreaterOrEqual(t, delivered, acked, "records delivered %s", l.way)
	assert.GreaterOrEqual(t, transactions, leastTransactions, "transactions committed %s", l.way)
	return fmt.Sprintf("%s %d and %d", l.way, acked, delivered)
}

// report fails the test for what is wrong.
func report(t *testing.T, j *journal, faults []string) {
	t.Helper()
	if faults = append(faults, j.problems()...); len(faults) > 0 {
		t.Errorf("%s: %d faults:\n%s", j, len(faults), strings.Join(faults[:min(20, len(faults))], "\n"))
	}
}

// happen makes a fault happen. It returns which gaps of the clients of the proxy are longer
// than those of the direct clients by more than a limit. There are two direct clients of
// each kind, and the slower one counts: on a busy machine they differ by seconds themselves.
func (w *world) happen(t *testing.T, h happening, victim *kafkatest.Broker, loads []*load) (longer []string, limit time.Duration) {
	t.Helper()
	from, mark := time.Now().UnixMilli(), w.gate.log.Len()
	well := func() { w.awaitProgress(t, loads) }
	h.run(w, t, victim, well)
	well()
	w.settle(t)
	well()
	to := time.Now().UnixMilli()
	var all []string
	limit = *allowanceFlag + w.loading()
	first, second, proxied := loads[0].clients(), loads[1].clients(), loads[2].clients()
	for i, j := range first {
		without, withoutAgain, with := j.gap(from, to), second[i].gap(from, to), proxied[i].gap(from, to)
		gap := fmt.Sprintf("%s %d/%d/%d", j.client, without, withoutAgain, with)
		all = append(all, gap)
		if with > max(without, withoutAgain)+limit.Milliseconds() {
			longer = append(longer, gap)
		}
		if h.hurts {
			assert.Greater(t, without, int64(500), "%s: the %s did not notice", h.name, j)
		}
	}
	if len(longer) > 0 {
		t.Logf("%s: the proxy logged since:\n%s", h.name, strings.Join(w.gate.log.From(mark), ""))
	}
	if loading := w.loading(); loading > 0 {
		t.Logf("%s: the proxy took %v to load the ACLs", h.name, loading.Round(time.Millisecond))
	}
	t.Logf("%s: well after %v; longest gap in ms, direct/direct again/through: %s", h.name, time.Duration(to-from)*time.Millisecond, strings.Join(all, ", "))
	return longer, limit
}

// deleteTopics deletes the topics of a round.
func (w *world) deleteTopics(t *testing.T, loads []*load) {
	var topics []string
	for _, l := range loads {
		for _, j := range l.producers {
			topics = append(topics, j.topic)
		}
	}
	answers, err := w.admin.DeleteTopics(soon(t), topics...)
	require.NoError(t, err)
	require.NoError(t, answers.Error())
}
