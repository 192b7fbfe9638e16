package proxy_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway/internal/hostport"
	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/gateway/relay"
	"github.com/portcullis-authz/portcullis/internal/logtest"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// freePort returns an address without a listener. The next three ports, those of
// brokers 0 to 2, are free too. Ports of outgoing connections are higher.
func freePort(t testing.TB) string {
	t.Helper()
	for range 100 {
		first, free := 20_000+rand.IntN(10_000), true
		for i := range 4 {
			ln, err := net.Listen("tcp", hostport.Join("127.0.0.1", int32(first+i)))
			if free = free && err == nil; err == nil {
				_ = ln.Close()
			}
		}
		if free {
			return hostport.Join("127.0.0.1", int32(first))
		}
	}
	t.Fatal("no four free ports in a row")
	return ""
}

// accepts reports whether somebody listens at an address.
func accepts(address string) bool {
	c, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err == nil {
		_ = c.Close()
	}
	return err == nil
}

// eventually waits until a condition holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	require.Eventually(t, holds, 30*time.Second, 5*time.Millisecond, what)
}

// listening is a call of Listen that may not have returned.
type listening struct {
	proxy *proxy.Proxy
	err   error
	done  chan struct{}
}

func listen(t testing.TB, ctx context.Context, config proxy.Config) *listening {
	l := &listening{done: make(chan struct{})}
	go func() {
		defer close(l.done)
		l.proxy, l.err = proxy.Listen(ctx, config)
	}()
	t.Cleanup(func() {
		<-l.done
		if l.proxy != nil {
			l.proxy.Close()
		}
	})
	return l
}

// TestNoPortBeforeTheMirrorHasLoaded: a mirror that cannot load says so and tries again,
// and nobody can connect before it has loaded.
func TestNoPortBeforeTheMirrorHasLoaded(t *testing.T) {
	cluster := upstream(t)
	var refuses atomic.Bool
	refuses.Store(true)
	cluster.ControlKey(int16(kmsg.DescribeACLs), func(r kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		response := r.ResponseKind().(*kmsg.DescribeACLsResponse)
		if refuses.Load() {
			response.ErrorCode = kerr.ClusterAuthorizationFailed.Code
		}
		return response, nil, true
	})
	log, registry, address := &logtest.Log{}, prometheus.NewRegistry(), freePort(t)
	listener := plainListener()
	listener.Address = address
	l := listen(t, t.Context(), proxy.Config{
		Upstream: relay.Upstream{Brokers: cluster.ListenAddrs()}, Listeners: []proxy.Listener{listener},
		Store: snapshot.NewStore(snapshot.Config{}), Mirror: &proxy.Mirror{}, Logger: log.Logger(), Metrics: registry,
	})
	log.WaitFor(t, 3, "ACLs of the upstream not taken over", "CLUSTER_AUTHORIZATION_FAILED")
	assert.NotEmpty(t, log.With("no port is open before the ACLs are loaded", "next attempt in"))
	assert.False(t, accepts(address), "a port is open before the ACLs are loaded")
	failures, err := testutil.GatherAndCount(registry, "portcullis_acl_load_failures_total", "portcullis_acl_age_seconds")
	assert.NoError(t, err)
	assert.Equal(t, 2, failures, "the metrics are there before the ACLs are")

	refuses.Store(false)
	<-l.done
	require.NoError(t, l.err)
	assert.True(t, accepts(address))
	assert.NotEmpty(t, log.With("taken over again"))
}

// TestStoreThatIsNotReady: without a mirror the ACLs must be loaded before the ports open.
func TestStoreThatIsNotReady(t *testing.T) {
	_, err := proxy.Listen(t.Context(), proxy.Config{
		Upstream: relay.Upstream{Brokers: upstream(t).ListenAddrs()}, Listeners: []proxy.Listener{plainListener()},
		Store: snapshot.NewStore(snapshot.Config{}),
	})
	assert.ErrorContains(t, err, "Store is not ready")
}

// TestUpstreamIsWaitedFor: an upstream that is not there yet is no error. Each attempt is
// in the log, and they end with the context.
func TestUpstreamIsWaitedFor(t *testing.T) {
	port := netip.MustParseAddrPort(freePort(t)).Port()
	log, address := &logtest.Log{}, freePort(t)
	listener := plainListener()
	listener.Address = address
	config := proxy.Config{
		Upstream: relay.Upstream{Brokers: []string{netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port).String()}},
		Store:    store(t), Listeners: []proxy.Listener{listener}, Logger: log.Logger(),
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	given := listen(t, ctx, config)
	log.WaitFor(t, 3, "upstream does not answer: waiting for it", "next attempt in")
	assert.False(t, accepts(address))
	why := errors.New("enough")
	cancel(why)
	<-given.done
	assert.ErrorIs(t, given.err, why)
	assert.ErrorContains(t, given.err, "upstream: ")

	l := listen(t, t.Context(), config)
	log.WaitFor(t, 4, "upstream does not answer: waiting for it")
	upstream(t, kfake.NumBrokers(1), kfake.Ports(int(port)))
	<-l.done
	require.NoError(t, l.err)
	assert.True(t, accepts(address))
}

// TestStartWhileABrokerHangs: if the first broker does not answer, the proxy still
// starts with the others.
func TestStartWhileABrokerHangs(t *testing.T) {
	cluster := upstream(t)
	cluster.ControlKey(int16(kmsg.ApiVersions), func(kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		return nil, nil, cluster.CurrentNode() == 0 // which is then left without an answer
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	l := listen(t, ctx, proxy.Config{
		Upstream: relay.Upstream{Brokers: cluster.ListenAddrs()[1:]}, Store: store(t), Listeners: []proxy.Listener{plainListener()},
	})
	<-l.done
	require.NoError(t, l.err)
	assert.Equal(t, []int32{1, 2}, l.proxy.Answering())
}

// TestMirrorDecidesByTheRelease: networks count once a broker of the upstream is of Kafka
// 4.4, which may be while the proxy runs; addresses that Java does not print so never do.
func TestMirrorDecidesByTheRelease(t *testing.T) {
	for _, tt := range []struct {
		name               string
		level              int16 // of metadata.version that the brokers support; 0 is none
		follow             bool
		network, shortened bool // whether these hosts match
	}{
		{"no feature", 0, true, false, false},
		{"4.2", 29, true, false, false},
		{"4.3", 30, true, false, false},
		{"4.4", 33, true, true, false},
		{"4.2, but not followed", 29, false, true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cluster := upstream(t)
			supports(cluster, tt.level)
			cluster.ControlKey(int16(kmsg.DescribeACLs), aclsOfAlice(cluster, "127.0.0.0/8", "::1"))
			s := snapshot.NewStore(snapshot.Config{})
			start(t, cluster, proxy.Config{Store: s, Mirror: &proxy.Mirror{FollowRelease: tt.follow}})
			check := func(host string) bool {
				who := snapshot.Subject{Principal: principal.User("alice"), Host: netip.MustParseAddr(host)}
				return s.Load().Check(who, ops.Write, resource.Topic, "orders").Allowed()
			}
			assert.Equal(t, tt.network, check("127.0.0.1"), "127.0.0.0/8")
			assert.Equal(t, tt.shortened, check("::1"), "::1")
		})
	}
}

// supports makes the brokers say which level of metadata.version they support.
func supports(cluster *kfake.Cluster, level int16) {
	cluster.ControlKey(int16(kmsg.ApiVersions), func(r kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		response := r.ResponseKind().(*kmsg.ApiVersionsResponse)
		for key := range int16(kmsg.MaxKey) + 1 {
			if request := kmsg.RequestForKey(key); request != nil && key != int16(kmsg.DescribeQuorum) { // which the fake does not serve
				response.ApiKeys = append(response.ApiKeys, kmsg.ApiVersionsResponseApiKey{ApiKey: key, MaxVersion: request.MaxVersion()})
			}
		}
		if level == 0 {
			return response, nil, true
		}
		feature := kmsg.NewApiVersionsResponseSupportedFeature()
		feature.Name, feature.MinVersion, feature.MaxVersion = "metadata.version", 7, level
		response.SupportedFeatures = append(response.SupportedFeatures, feature)
		return response, nil, true
	})
}

// aclsOfAlice answers DescribeAcls with ALLOW of everything on the topic orders, from hosts.
func aclsOfAlice(cluster *kfake.Cluster, hosts ...string) func(kmsg.Request) (kmsg.Response, error, bool) {
	return func(r kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		response := r.ResponseKind().(*kmsg.DescribeACLsResponse)
		on := kmsg.NewDescribeACLsResponseResource()
		on.ResourceType, on.ResourceName, on.ResourcePatternType = kmsg.ACLResourceTypeTopic, "orders", kmsg.ACLResourcePatternTypeLiteral
		for _, host := range hosts {
			a := kmsg.NewDescribeACLsResponseResourceACL()
			a.Principal, a.Host, a.Operation, a.PermissionType = "User:alice", host, kmsg.ACLOperationAll, kmsg.ACLPermissionTypeAllow
			on.ACLs = append(on.ACLs, a)
		}
		response.Resources = append(response.Resources, on)
		return response, nil, true
	}
}

// TestPortsOfABrokerThatIsDown: once a client finds a broker down its ports refuse
// connections, until the broker is back; those of the others stay open.
func TestPortsOfABrokerThatIsDown(t *testing.T) {
	gone := &plainPort{}
	cluster := upstream(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	gone.start(t)
	address := freePort(t)
	listener := plainListener()
	listener.Address = address
	p := start(t, nil, proxy.Config{
		Upstream: relay.Upstream{Brokers: []string{cluster.ListenAddrs()[0]}}, Store: store(t), Listeners: []proxy.Listener{listener},
	})
	p.SetBroker(7, gone.address) // a broker of which only its address is known
	port := p.PortOf(7)
	require.True(t, accepts(port))

	gone.stop()
	p.Suspect(7, gone.address)
	eventually(t, "the port of the broker is closed", func() bool { return !accepts(port) })
	assert.True(t, accepts(address), "another broker is up, where clients can begin")
	assert.NotEmpty(t, p.log.With("broker is down", "node=7"))

	gone.start(t)
	eventually(t, "the port of the broker is open again", func() bool { return accepts(port) })
	eventually(t, "the log says so", func() bool { return len(p.log.With("broker is back", "node=7")) == 1 })
	assert.Len(t, p.log.With("broker is down", "node=7"), 1, "one line, however often it was tried")
}

// TestNoBrokerIsUp: the bootstrap port is closed while all brokers are down.
func TestNoBrokerIsUp(t *testing.T) {
	cluster := upstream(t, kfake.NumBrokers(1))
	only := cluster.ListenAddrs()[0]
	address := freePort(t)
	listener := plainListener()
	listener.Address = address
	p := start(t, nil, proxy.Config{Upstream: relay.Upstream{Brokers: []string{only}}, Store: store(t), Listeners: []proxy.Listener{listener}})
	require.True(t, accepts(address))
	cluster.Close()
	c := client(t, address, "admin")
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	go func() { _ = c.Ping(ctx) }() // finds the broker down
	eventually(t, "no port is open", func() bool { return !accepts(address) && !accepts(p.PortOf(0)) })
	upstream(t, kfake.NumBrokers(1), kfake.Ports(int(netip.MustParseAddrPort(only).Port())))
	eventually(t, "the ports are open again", func() bool { return accepts(address) && accepts(p.PortOf(0)) })
}

// plainPort accepts connections at an address of its own, while it runs.
type plainPort struct {
	mu      sync.Mutex
	ln      net.Listener
	address string
}

func (r *plainPort) start(t testing.TB) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.address == "" {
		r.address = "127.0.0.1:0"
	}
	var err error
	r.ln, err = net.Listen("tcp", r.address)
	require.NoError(t, err)
	r.address = r.ln.Addr().String()
	ln := r.ln
	t.Cleanup(func() { _ = ln.Close() })
	go acceptAll(ln, func(c net.Conn) { _ = c.Close() })
}

func (r *plainPort) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	_ = r.ln.Close()
}
