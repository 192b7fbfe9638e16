package proxy_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/gateway/relay"
	"github.com/portcullis-authz/portcullis/ops"
)

// TestRequestsAreDecidedOnceConnected: the first request of a client waits until the proxy
// has connected to the broker, which can take seconds. It is decided by the ACLs after that.
func TestRequestsAreDecidedOnceConnected(t *testing.T) {
	for _, revoked := range []bool{false, true} {
		cluster := upstream(t, kfake.SeedTopics(1, "open"), kfake.NumBrokers(1), kfake.EnableSASL(), kfake.Superuser("PLAIN", "proxy", "secret"))
		s := store(t, "alice ALLOW ALL TOPIC open")
		p := start(t, cluster, proxy.Config{Store: s, Upstream: relay.Upstream{
			Brokers: cluster.ListenAddrs(), SASL: plain.Auth{User: "proxy", Pass: "secret"}.AsMechanism(),
		}})
		began, goOn := make(chan struct{}), make(chan struct{})
		letGo := sync.OnceFunc(func() { close(goOn) })
		t.Cleanup(letGo)
		var reached atomic.Int32
		cluster.ControlKey(int16(kmsg.SASLHandshake), func(kmsg.Request) (kmsg.Response, error, bool) {
			close(began)
			cluster.SleepControl(func() { <-goOn })
			return nil, nil, false
		})
		cluster.ControlKey(int16(kmsg.Produce), func(r kmsg.Request) (kmsg.Response, error, bool) {
			reached.Add(1)
			return nil, nil, false
		})
		w := dial(t, p.Addresses()[0])
		w.login("alice", passwords["alice"])
		produce := changes()["Produce"]
		w.send(produce.request, produce.version)
		<-began
		if revoked {
			replace(t, s)
		}
		letGo()
		code := produce.code(w.receive(produce.request))
		assert.Equal(t, revoked, code == int16(ops.TopicAuthorizationFailed), "the answer is %d", code)
		assert.Equal(t, revoked, reached.Load() == 0, "requests that reached the broker: %d", reached.Load())
		p.stop()
		if revoked {
			assert.Len(t, p.log.With("msg=denied"), 1)
		}
	}
}
