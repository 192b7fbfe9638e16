package proxy_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/gateway/relay"
)

// TestRightlessClientsHoldFewConnections: clients without any right may ask for the brokers, which
// needs none. The proxy holds a bounded number of connections to the cluster for one such
// principal, and as many as are asked for if it has some right.
func TestRightlessClientsHoldFewConnections(t *testing.T) {
	cluster := upstream(t, kfake.SeedTopics(1, "open"), kfake.NumBrokers(1))
	s := store(t, "bob ALLOW READ TOPIC open")
	p := start(t, cluster, proxy.Config{Store: s, Limits: relay.Limits{RightlessUpstreams: 2}})
	metadata := func() kmsg.Request {
		r := kmsg.NewPtrMetadataRequest()
		r.Topics = []kmsg.MetadataRequestTopic{}
		return r
	}
	open := func(user string) *wire {
		w := dial(t, p.Addresses()[0])
		w.login(user, passwords[user])
		return w
	}
	asks := func(w *wire) {
		assert.Len(t, w.ask(metadata(), 12).(*kmsg.MetadataResponse).Brokers, 1)
	}
	first, second := open("alice"), open("alice")
	asks(first)
	asks(second)
	asks(first) // on the connection that is there
	third := open("alice")
	third.send(metadata(), 12)
	third.closed("the limit")
	assert.Len(t, p.log.WaitFor(t, 1, "connections to the cluster are open for clients without any right", "User:alice"), 1)
	for range 3 {
		asks(open("bob")) // who has a right
	}
	ended := time.Now()
	require.NoError(t, first.Close())
	eventually(t, "one may connect again", func() bool {
		w := dial(t, p.Addresses()[0])
		w.login("alice", passwords["alice"])
		w.send(metadata(), 12)
		_, err := gateway.ReadFrame(w, 1<<20)
		return err == nil
	})
	assert.Greater(t, time.Since(ended), 4*time.Second, "who comes and goes does not connect more often")
	replace(t, s, "alice ALLOW READ TOPIC open")
	asks(open("alice"))
	asks(open("alice"))
}
