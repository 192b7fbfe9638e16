package failover_test

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/gateway/relay"
	"github.com/portcullis-authz/portcullis/internal/kafkatest"
	"github.com/portcullis-authz/portcullis/internal/logtest"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

var (
	versionFlag = flag.String("kafka", kafkatest.DefaultVersion, "the version of Kafka")
	soakFlag    = flag.Duration("soak", 0, "let faults come at random for this long")
	seedFlag    = flag.Uint64("seed", 1, "the seed of the faults")

	allowanceFlag = flag.Duration("allowance", time.Second, "how much longer than direct clients those of the proxy may be without an answer")
)

// clientListener is where direct clients connect, with the same passwords as at the proxy.
const clientListener = "CLIENT"

var passwords = map[string]string{"alice": "ecila", "bob": "bob-secret"}

// patience is how long the test waits for something that must happen.
const patience = 90 * time.Second

// soon returns a context for something that must be done soon.
func soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// eventually waits until holds returns an empty text, which is otherwise what is missing.
func eventually(t testing.TB, holds func() string) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		missing := holds()
		if missing == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("after %v: %s", patience, missing)
		}
	}
}

// startCluster starts brokers with a listener for alice and bob.
func startCluster(t *testing.T, version string, brokers int) *kafkatest.Cluster {
	t.Helper()
	return kafkatest.Start(t, kafkatest.Config{
		Version: version, Brokers: brokers,
		Listeners: []kafkatest.Listener{{Name: clientListener, Users: passwords}},
	})
}

// adminClient returns a client that is connected to the brokers as super user.
func adminClient(t testing.TB, cluster *kafkatest.Cluster, options ...kgo.Opt) *kgo.Client {
	t.Helper()
	return newClient(t, cluster.Bootstrap(kafkatest.Internal), kafkatest.Admin, kafkatest.AdminPassword, options...)
}

// newClient returns a client that tries again often, so that how long it was cut off does
// not depend on when it tries.
func newClient(t testing.TB, address, user, password string, options ...kgo.Opt) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(strings.Split(address, ",")...),
		kgo.SASL(plain.Auth{User: user, Pass: password}.AsMechanism()),
		kgo.RetryBackoffFn(func(int) time.Duration { return 100 * time.Millisecond }),
		kgo.MetadataMinAge(100 * time.Millisecond),
		kgo.RecordDeliveryTimeout(patience),
		kgo.RetryTimeout(patience),
	}, options...)...)
	require.NoError(t, err)
	return client
}

// gate is a proxy that can be started again.
type gate struct {
	t        testing.TB
	config   proxy.Config
	log      *logtest.Log
	registry *prometheus.Registry
	store    *snapshot.Store
	starts   int
	starting time.Duration // how long the last start took

	cancel context.CancelFunc
	proxy  *proxy.Proxy
	served chan struct{} // closed when Serve has returned
}

// newGate starts a proxy in front of a cluster. Its ACLs are those of mirror, or of a
// store that is empty and ready.
func newGate(t testing.TB, cluster *kafkatest.Cluster, mirror *proxy.Mirror) *gate {
	t.Helper()
	g := &gate{t: t, log: &logtest.Log{}}
	g.config = proxy.Config{
		Upstream: relay.Upstream{
			Brokers: strings.Split(cluster.Bootstrap(kafkatest.Internal), ","),
			SASL:    plain.Auth{User: kafkatest.Admin, Pass: kafkatest.AdminPassword}.AsMechanism(),
		},
		Listeners: []proxy.Listener{{
			Protocol: ops.SASLPlaintext, Address: freePorts(t, 1+len(cluster.Brokers)), FirstNode: 1,
			SASL: &proxy.SASL{Mechanisms: []string{proxy.Plain}, Users: passwords},
		}},
		Logger: slog.New(slog.NewTextHandler(g.log, nil)),
		Mirror: mirror,
	}
	g.start()
	t.Cleanup(func() {
		g.stop()
		if t.Failed() {
			t.Logf("the proxy logged last:\n%s", strings.Join(g.log.From(max(0, g.log.Len()-80)), ""))
		}
	})
	return g
}

// freePorts returns the address of the first of n ports in a row that are free. The ports
// of connections that go out are higher.
func freePorts(t testing.TB, n int) string {
	t.Helper()
	for range 100 {
		first, free := 20_000+rand.IntN(10_000), true
		for i := range n {
			l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(first+i))
			if free = free && err == nil; err == nil {
				_ = l.Close()
			}
		}
		if free {
			return "127.0.0.1:" + strconv.Itoa(first)
		}
	}
	t.Fatalf("no %d free ports in a row", n)
	return ""
}

// start starts the proxy as a new process would: it knows nothing of the one before.
func (g *gate) start() {
	g.t.Helper()
	g.starts++
	g.store = snapshot.NewStore(snapshot.Config{SuperUsers: []principal.Principal{principal.User(kafkatest.Admin)}})
	if g.config.Mirror == nil {
		g.setACLs()
	}
	g.registry = prometheus.NewRegistry()
	g.config.Store, g.config.Metrics = g.store, g.registry
	listening, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	began := time.Now()
	p, err := proxy.Listen(listening, g.config)
	g.starting = time.Since(began)
	require.NoError(g.t, err)
	var ctx context.Context
	ctx, g.cancel = context.WithCancel(context.Background())
	g.proxy, g.served = p, make(chan struct{})
	served := g.served
	go func() { defer close(served); _ = p.Serve(ctx) }()
}

// stop ends the proxy once the answers under way are given.
func (g *gate) stop() {
	g.cancel()
	<-g.served
}

// restart stops the proxy and starts it again.
func (g *gate) restart() {
	g.t.Helper()
	g.stop()
	g.start()
}

// cut closes all connections at once, as the end of a process that is killed does, and
// starts the proxy again.
func (g *gate) cut() {
	g.t.Helper()
	g.proxy.Close()
	g.restart()
}

// address is where clients begin.
func (g *gate) address() string { return g.config.Listeners[0].Address }

// setACLs makes bindings the ACLs in force.
func (g *gate) setACLs(bindings ...acl.Binding) {
	g.t.Helper()
	require.NoError(g.t, g.store.Update(func(tx *snapshot.Tx) error {
		tx.Replace(slices.Values(bindings))
		return nil
	}))
}

// metric returns the value of a gauge or a counter without labels.
func (g *gate) metric(name string) float64 {
	g.t.Helper()
	families, err := g.registry.Gather()
	require.NoError(g.t, err)
	for _, family := range families {
		if family.GetName() == "portcullis_"+name {
			m := family.GetMetric()[0]
			return m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	g.t.Fatalf("no metric %s", name)
	return 0
}

// allow returns an ACL that allows a user an operation on a resource by its whole name, or
// on all resources of the type by "*".
func allow(user string, operation ops.Operation, t resource.Type, name string) acl.Binding {
	return acl.Binding{
		Pattern: resource.Pattern{Type: t, PatternType: resource.Literal, Name: name},
		Entry:   acl.Entry{Principal: "User:" + user, Host: "*", Operation: operation, Permission: acl.Allow},
	}
}

// allOf returns ACLs that allow a user everything on topics, groups and transactions.
func allOf(user string) []acl.Binding {
	return []acl.Binding{
		allow(user, ops.All, resource.Topic, "*"), allow(user, ops.All, resource.Group, "*"), allow(user, ops.All, resource.TransactionalID, "*"),
	}
}

// readLog returns the records of a topic up to its end, as committed transactions left it.
func readLog(t testing.TB, cluster *kafkatest.Cluster, topic string) (log []record) {
	t.Helper()
	client := adminClient(t, cluster, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords())
	defer client.Close()
	ends, err := kadm.NewClient(client).ListEndOffsets(soon(t), topic)
	require.NoError(t, err)
	require.NoError(t, ends.Error())
	left := map[int32]int64{}
	ends.Each(func(o kadm.ListedOffset) {
		if o.Offset > 0 {
			left[o.Partition] = o.Offset - 1
		}
	})
	for ctx := soon(t); len(left) > 0; {
		fetches := client.PollFetches(ctx)
		require.NoError(t, ctx.Err(), fmt.Sprintf("read %s: %v are left", topic, left))
		fetches.EachRecord(func(r *kgo.Record) {
			if !r.Attrs.IsControl() {
				log = append(log, record{r.Partition, r.Offset, string(r.Value), r.Timestamp.UnixMilli()})
			}
			if last, ok := left[r.Partition]; ok && r.Offset >= last {
				delete(left, r.Partition)
			}
		})
	}
	return log
}
