package proxy_test

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway/proxy"
)

// TestBeforeTheBrokerAccepts: the broker's machine has a connection, and the broker accepts it
// later: its limit of connections, or of new ones in a second, is reached (max.connections,
// max.connection.creation.rate), and its acceptor waits. The proxy decides the first request when
// the broker has accepted the connection, also without TLS and SASL.
func TestBeforeTheBrokerAccepts(t *testing.T) {
	cluster := upstream(t, kfake.SeedTopics(1, "open"), kfake.NumBrokers(1))
	s := store(t, "alice ALLOW ALL TOPIC open")
	p := start(t, cluster, proxy.Config{Store: s})
	var reached atomic.Int32
	cluster.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		reached.Add(1)
		return nil, nil, false
	})
	ln, err := net.Listen("tcp", "127.0.0.1:0") // in front of the broker
	require.NoError(t, err)
	t.Cleanup(func() { ln.Close() })
	accepts := make(chan struct{})
	letGo := sync.OnceFunc(func() { close(accepts) })
	t.Cleanup(letGo)
	go func() {
		<-accepts
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			to, err := net.Dial("tcp", cluster.ListenAddrs()[0])
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(to, c); _ = to.Close() }()
			go func() { _, _ = io.Copy(c, to); _ = c.Close() }()
		}
	}()
	p.SetBroker(0, ln.Addr().String())
	w := dial(t, p.PortOf(0))
	w.login("alice", passwords["alice"])
	produce := changes()["Produce"]
	w.send(produce.request, produce.version)
	time.Sleep(500 * time.Millisecond) // connected, decided, sent
	replace(t, s)                      // Update has returned
	time.Sleep(100 * time.Millisecond)
	letGo()
	code := produce.code(w.receive(produce.request))
	t.Logf("the answer is %d, %d requests reached the broker after the right was gone", code, reached.Load())
	assert.Zero(t, reached.Load(), "requests that reached the broker after the right was gone")
}
