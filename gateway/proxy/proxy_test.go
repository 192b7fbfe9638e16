package proxy_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/internal/logtest"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// passwords are those of the users in the tests: the name, reversed.
var passwords = map[string]string{"alice": "ecila", "bob": "bob-secret", "admin": "nimda", "operator": "rotarepo"}

// upstream starts a fake cluster that ends with the test.
func upstream(t testing.TB, options ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	cluster, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(3)}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return cluster
}

// store returns a store with the ACLs of a text in JSON lines, and the super user
// admin.
func store(t testing.TB, acls ...string) *snapshot.Store {
	t.Helper()
	s := snapshot.NewStore(snapshot.Config{SuperUsers: []principal.Principal{principal.User("admin")}})
	replace(t, s, acls...)
	return s
}

// replace puts other ACLs in force. Each is "principal permission operation type name",
// of a LITERAL pattern, or of a PREFIXED one if the name ends in "…".
func replace(t testing.TB, s *snapshot.Store, acls ...string) {
	t.Helper()
	var lines strings.Builder
	for _, line := range acls {
		f := strings.Fields(line)
		name, prefixed := strings.CutSuffix(f[4], "…")
		pattern := "LITERAL"
		if prefixed {
			pattern = "PREFIXED"
		}
		lines.WriteString(`{"resourceType":"` + f[3] + `","name":"` + name + `","patternType":"` + pattern +
			`","principal":"User:` + f[0] + `","host":"*","operation":"` + f[2] + `","permission":"` + f[1] + "\"}\n")
	}
	bindings, err := acl.Read(strings.NewReader(lines.String()), "", acl.FormatJSON)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Update(func(tx *snapshot.Tx) error { tx.Replace(slices.Values(bindings)); return nil }); err != nil {
		t.Fatal(err)
	}
}

// plainListener is a listener for passwords on a free port.
func plainListener() proxy.Listener {
	return proxy.Listener{
		Protocol: ops.SASLPlaintext, Address: "127.0.0.1:0",
		SASL: &proxy.SASL{Mechanisms: []string{proxy.Plain, proxy.ScramSHA256, proxy.ScramSHA512}, Users: passwords},
	}
}

// running is a proxy that serves until the test ends.
type running struct {
	*proxy.Proxy
	log  *logtest.Log
	stop func() // and wait for the end
}

// start starts a proxy. What config leaves out is filled in.
func start(t testing.TB, cluster *kfake.Cluster, config proxy.Config) *running {
	t.Helper()
	r := &running{log: &logtest.Log{}}
	if config.Upstream.Brokers == nil {
		config.Upstream.Brokers = cluster.ListenAddrs()
	}
	if config.Listeners == nil {
		config.Listeners = []proxy.Listener{plainListener()}
	}
	if config.Logger == nil {
		config.Logger = r.log.Logger()
	}
	if config.Limits.Connections == 0 {
		config.Limits.Connections = 2500 // with two file descriptors each, which any machine has
	}
	var err error
	if r.Proxy, err = proxy.Listen(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Serve(ctx) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(2 * time.Minute):
			t.Error("Serve does not return")
		}
		if t.Failed() {
			for _, line := range r.log.With() {
				t.Log(line)
			}
		}
	})
	t.Cleanup(r.stop)
	return r
}

// client returns a client of the proxy that logs in as user.
func client(t testing.TB, address, user string, options ...kgo.Opt) *kgo.Client {
	t.Helper()
	return clientBy(t, address, plain.Auth{User: user, Pass: passwords[user]}.AsMechanism(), options...)
}

// clientBy returns a client of the proxy that logs in by a mechanism.
func clientBy(t testing.TB, address string, mechanism sasl.Mechanism, options ...kgo.Opt) *kgo.Client {
	t.Helper()
	c, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(address),
		kgo.SASL(mechanism),
		kgo.RetryTimeout(20 * time.Second),
		kgo.RecordDeliveryTimeout(20 * time.Second),
		kgo.MetadataMinAge(50 * time.Millisecond),
		kgo.UnknownTopicRetries(1),
	}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}
