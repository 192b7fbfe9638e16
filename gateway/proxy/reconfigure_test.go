package proxy

import (
	"log/slog"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/gateway/relay"
	"github.com/portcullis-authz/portcullis/ops"
)

// TestConcurrentReconfigure: of two calls at once one takes effect last, as a whole.
func TestConcurrentReconfigure(t *testing.T) {
	listeners := func(user string) []Listener {
		l := Listener{Protocol: ops.SASLPlaintext, Address: "127.0.0.1:0", SASL: &SASL{Mechanisms: []string{Plain}, Users: map[string]string{user: "x"}}}
		return []Listener{l, l, l, l}
	}
	cluster, err := relay.NewCluster(relay.Upstream{Brokers: []string{"127.0.0.1:1"}}, nil)
	require.NoError(t, err)
	defer cluster.Close()
	p := &Proxy{cluster: cluster, log: slog.New(slog.DiscardHandler)}
	for _, l := range listeners("a") {
		made, err := p.newListener(l)
		require.NoError(t, err)
		p.listeners = append(p.listeners, made)
	}
	mixed := 0
	for range 3_000 {
		var both sync.WaitGroup
		for _, user := range []string{"a", "b"} {
			both.Go(func() { _ = p.Reconfigure(relay.Upstream{}, listeners(user)) })
		}
		both.Wait()
		_, first := p.listeners[0].access.Load().sasl.Users["a"]
		for _, l := range p.listeners {
			if _, ok := l.access.Load().sasl.Users["a"]; ok != first {
				mixed++
				break
			}
		}
	}
	assert.Zero(t, mixed, "of 3,000 pairs of calls")
}
