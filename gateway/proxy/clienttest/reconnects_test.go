package clienttest

import (
	"context"
	"flag"
	"fmt"
	"math"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/gateway/relay"
	"github.com/portcullis-authz/portcullis/internal/kafkatest"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/snapshot"
)

var reconnectFlag = flag.Duration("reconnect", 0, "how long clients connect again and again at least")

// expectingVersion is the first version of Java clients that say which cluster and which
// broker they expect (KIP-1242).
const expectingVersion = "4.4.0"

const (
	// leastRecords is how many records are sent at least. Each needs a connection.
	leastRecords = 24
	// leastExpecting is how many connections with each broker say so at least.
	leastExpecting = leastRecords / 3
)

// expected finds in the log of a client what an ApiVersions request says.
var expected = regexp.MustCompile(`Sending API_VERSIONS request .*clusterId='([^']*)', nodeId=(\d+)\)`)

// reconnects runs Java clients whose connections end all the time, until they have sent some
// records and some time is over, or until the file end is there. It returns their log and what
// they printed.
func reconnects(t *testing.T, properties map[string]string, records int, long time.Duration, end string) (log, printed string) {
	t.Helper()
	result := kafkatest.JavaWithin(t, long+5*time.Minute, expectingVersion, []string{filepath.Join("java", "Reconnects.java")}, "",
		"-Dorg.slf4j.simpleLogger.log.org.apache.kafka.clients.NetworkClient=debug",
		"-Dorg.slf4j.simpleLogger.log.org.apache.kafka.clients.Metadata=info",
		"Reconnects", kafkatest.Properties(properties), sharedTopic, strconv.Itoa(records), strconv.Itoa(int(long.Seconds())), end)
	require.Zero(t, result.Status, "%s\n%s", result.Stdout, tail(result.Stderr))
	return result.Stderr, result.Stdout
}

// interesting are the lines of the log of a client about what it bootstraps.
var interesting = regexp.MustCompile(`(?i).*rebootstrap.*`)

func tail(log string) string { return log[max(0, len(log)-8_000):] }

// serve serves a proxy until the returned function is called, or the test ends.
func serve(t *testing.T, config proxy.Config) (p *proxy.Proxy, stop func(), err error) {
	t.Helper()
	config.Logger = logger()
	config.Store = snapshot.NewStore(snapshot.Config{SuperUsers: []principal.Principal{principal.User(everything)}})
	if err = config.Store.Update(func(*snapshot.Tx) error { return nil }); err != nil {
		return nil, nil, err
	}
	if p, err = proxy.Listen(t.Context(), config); err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = p.Serve(ctx) }()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return p, stop, nil
}

// TestReconnects: Java clients that say which cluster and which broker they expect are never
// told to bootstrap again by the proxy, however often they connect.
func TestReconnects(t *testing.T) {
	const brokers = 3
	cluster := kafkatest.Start(t, kafkatest.Config{
		Version: *versionFlag, Brokers: brokers, LogLevel: "warn",
		Listeners: []kafkatest.Listener{{Name: clientListener, Users: users()}},
	})
	cluster.CreateTopics(t, kafkatest.Topic{Name: sharedTopic, Partitions: brokers})
	p, _, err := serve(t, proxy.Config{
		Upstream: relay.Upstream{
			Brokers: strings.Split(cluster.Bootstrap(kafkatest.Internal), ","),
			SASL:    plain.Auth{User: kafkatest.Admin, Pass: kafkatest.AdminPassword}.AsMechanism(),
		},
		Listeners: []proxy.Listener{{
			Protocol: ops.SASLPlaintext, Address: "127.0.0.1:0", FirstNode: 1,
			SASL: &proxy.SASL{Mechanisms: []string{proxy.Plain}, Users: users()},
		}},
		ACLs: gateway.ForwardACLs,
	})
	require.NoError(t, err)
	properties := cluster.ClientProperties(clientListener, everything, nil)
	properties["bootstrap.servers"] = p.Addresses()[0]
	log, printed := reconnects(t, properties, leastRecords, *reconnectFlag, filepath.Join(t.TempDir(), "end"))
	assert.Empty(t, interesting.FindAllString(log, -1), "a client bootstraps again")
	var sent, got int
	_, err = fmt.Sscan(printed, &sent, &got)
	require.NoError(t, err, printed)
	assert.GreaterOrEqual(t, sent, leastRecords)
	assert.Equal(t, sent, got, "every record is read")
	assert.NotContains(t, log, "\nfailed: ")
	said := map[string]int{}
	clusters := map[string]bool{}
	for _, m := range expected.FindAllStringSubmatch(log, -1) {
		said[m[2]]++
		clusters[m[1]] = true
	}
	total := 0
	for node := 1; node <= brokers; node++ {
		n := said[strconv.Itoa(node)]
		total += n
		if kafkatest.AtLeast(*versionFlag, expectingVersion) {
			assert.GreaterOrEqual(t, n, leastExpecting, "connections with broker %d that expect it", node)
		}
	}
	assert.LessOrEqual(t, len(clusters), 1)
	t.Logf("reconnections: %d connections expect their broker, %d records", total, sent)
}

// TestOtherCluster: clients notice that the upstream is another cluster than before, and the
// log shows it: TestReconnects would see it.
func TestOtherCluster(t *testing.T) {
	kafkatest.Jars(t, expectingVersion) // or skip
	port := freeRange(t, 4)
	// The configuration is that of a proxy to a cluster with an id. next is called when a cluster has got some records.
	config := func(id string, next func()) proxy.Config {
		upstream, err := kfake.NewCluster(kfake.NumBrokers(3), kfake.ClusterID(id), kfake.SeedTopics(3, sharedTopic))
		require.NoError(t, err)
		t.Cleanup(upstream.Close)
		var produced atomic.Int32
		upstream.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
			upstream.KeepControl()
			if produced.Add(1) == leastExpecting {
				go next()
			}
			return nil, nil, false
		})
		return proxy.Config{
			Upstream:  relay.Upstream{Brokers: upstream.ListenAddrs()},
			Listeners: []proxy.Listener{{Protocol: ops.SASLPlaintext, Address: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), SASL: &proxy.SASL{Mechanisms: []string{proxy.Plain}, Users: users()}}},
		}
	}
	end, full := filepath.Join(t.TempDir(), "end"), make(chan struct{})
	first := config("the-first", func() { close(full) })
	second := config("the-second", func() { assert.NoError(t, os.WriteFile(end, nil, 0o600)) })
	_, stop, err := serve(t, first)
	require.NoError(t, err)
	changed := make(chan struct{})
	go func() {
		defer close(changed)
		select {
		case <-full:
			stop()
			_, _, err := serve(t, second)
			assert.NoError(t, err)
		case <-t.Context().Done():
		}
	}()
	properties := map[string]string{
		"bootstrap.servers": net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), "security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN",
		"sasl.jaas.config": fmt.Sprintf("org.apache.kafka.common.security.plain.PlainLoginModule required username=%q password=%q;", everything, password(everything)),
	}
	log, _ := reconnects(t, properties, math.MaxInt32, 0, end)
	<-changed
	assert.Contains(t, log, "clusterId='the-first'")
	assert.Regexp(t, `Rebootstrap requested by server due to cluster metadata mismatch for cluster the-first and node \d`, strings.Join(interesting.FindAllString(log, -1), "\n"))
	assert.Contains(t, log, "clusterId='the-second'")
}

// freeRange returns the first of some adjacent ports that nobody listens on.
func freeRange(t *testing.T, n int) int {
	t.Helper()
	for port := 21_000; port < 29_000; port += n {
		free := true
		for i := range n {
			l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port+i)))
			if free = free && err == nil; err == nil {
				l.Close()
			}
		}
		if free {
			return port
		}
	}
	t.Fatal("no free ports")
	return 0
}
