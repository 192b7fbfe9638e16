package proxy_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/gateway/relay"
	"github.com/portcullis-authz/portcullis/internal/logtest"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// TestMirrorOfASilentQuorum: a cluster that says that it serves DescribeQuorum and never answers it, like
// one whose controllers cannot be reached, may be behind the ACLs that were in force. A mirror does not
// take its ACLs, says why after each attempt, and takes them if the operator says so.
func TestMirrorOfASilentQuorum(t *testing.T) {
	silent := func(t *testing.T) *kfake.Cluster {
		cluster := upstream(t, kfake.NumBrokers(1))
		goOn := make(chan struct{})
		t.Cleanup(sync.OnceFunc(func() { close(goOn) }))
		cluster.ControlKey(int16(kmsg.ApiVersions), func(r kmsg.Request) (kmsg.Response, error, bool) {
			cluster.KeepControl()
			response := r.ResponseKind().(*kmsg.ApiVersionsResponse)
			for _, key := range []kmsg.Key{kmsg.Metadata, kmsg.SASLHandshake, kmsg.ApiVersions, kmsg.DescribeACLs, kmsg.SASLAuthenticate, kmsg.DescribeQuorum} {
				response.ApiKeys = append(response.ApiKeys, kmsg.ApiVersionsResponseApiKey{ApiKey: int16(key), MaxVersion: min(kmsg.RequestForKey(int16(key)).MaxVersion(), 2)})
			}
			return response, nil, true
		})
		cluster.ControlKey(int16(kmsg.DescribeQuorum), func(kmsg.Request) (kmsg.Response, error, bool) {
			cluster.KeepControl()
			cluster.SleepControl(func() { <-goOn })
			return nil, nil, false
		})
		answer := aclsOfAlice(cluster, "*")
		cluster.ControlKey(int16(kmsg.DescribeACLs), func(r kmsg.Request) (kmsg.Response, error, bool) {
			cluster.KeepControl()
			return answer(r)
		})
		return cluster
	}
	t.Run("is not mirrored", func(t *testing.T) {
		cluster, log, s := silent(t), new(logtest.Log), snapshot.NewStore(snapshot.Config{})
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
		defer cancel()
		began := time.Now()
		p, err := proxy.Listen(ctx, proxy.Config{
			Upstream: relay.Upstream{Brokers: cluster.ListenAddrs()}, Store: s, Listeners: []proxy.Listener{plainListener()}, Logger: log.Logger(),
			Mirror: &proxy.Mirror{Timeout: time.Second},
		})
		require.Error(t, err)
		require.Nil(t, p)
		assert.Less(t, time.Since(began), 20*time.Second)
		assert.False(t, s.Load().Ready())
		lines := log.With("ACLs of the upstream not taken over", "DescribeQuorum is not answered", "Mirror.AnyBroker", "--mirror-any-broker")
		assert.NotEmpty(t, lines, log.String())
	})
	t.Run("is, if any broker will do", func(t *testing.T) {
		s := snapshot.NewStore(snapshot.Config{})
		p := start(t, silent(t), proxy.Config{Store: s, Mirror: &proxy.Mirror{Timeout: time.Second, AnyBroker: true}})
		assert.Equal(t, 1, s.Load().Len())
		assert.NotEmpty(t, p.log.With("ACLs of any broker are taken"), "it warns")
	})
}
