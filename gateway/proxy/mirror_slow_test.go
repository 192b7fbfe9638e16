package proxy_test

import (
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// slowPort is a port whose connections take a pause before each part of a large answer.
type slowPort struct {
	net.Listener
	pause *atomic.Int64
}

type slowConn struct {
	net.Conn
	pause *atomic.Int64
}

func (l slowPort) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return slowConn{c, l.pause}, err
}

func (c slowConn) Write(b []byte) (written int, err error) {
	part := len(b)
	if part > 100_000 {
		part = len(b)/slowParts + 1
	}
	for len(b) > 0 && err == nil {
		if part < len(b) {
			time.Sleep(time.Duration(c.pause.Load()))
		}
		n := 0
		n, err = c.Conn.Write(b[:min(part, len(b))])
		b, written = b[n:], written+n
	}
	return written, err
}

const slowParts = 10

// TestMirrorWaitsWhileSomethingComes: an answer with the ACLs may take as long as it takes, as
// long as something of it comes. An upstream that is silent is given up, and the ACLs from
// before stay in force. Meanwhile the proxy has answers to its other questions.
func TestMirrorWaitsWhileSomethingComes(t *testing.T) {
	const timeout = 2 * time.Second
	var pause atomic.Int64
	cluster := upstream(t, kfake.NumBrokers(1), listenBehind(func(l net.Listener) net.Listener { return slowPort{l, &pause} }))
	var hosts []string
	for i := range 10_000 {
		hosts = append(hosts, fmt.Sprintf("10.0.%d.%d", i/256, i%256))
	}
	answer := aclsOfAlice(cluster, hosts...)
	silent, goOn := atomic.Bool{}, make(chan struct{})
	t.Cleanup(func() { close(goOn) })
	cluster.ControlKey(int16(kmsg.DescribeACLs), func(r kmsg.Request) (kmsg.Response, error, bool) {
		if silent.Load() {
			cluster.KeepControl()
			cluster.SleepControl(func() { <-goOn })
		}
		return answer(r)
	})
	s, attempts := snapshot.NewStore(snapshot.Config{}), make(chan error, 1000)
	p := start(t, cluster, proxy.Config{Store: s, Mirror: &proxy.Mirror{
		Interval: 100 * time.Millisecond, Timeout: timeout, Report: func(err error) { attempts <- err },
	}})
	require.NoError(t, <-attempts)
	pause.Store(int64(timeout / 5)) // of which ten take twice the time
	for range 2 {
		require.NoError(t, <-attempts) // the first may have begun before
	}
	assert.Greater(t, p.ACLAge(), timeout*3/2, "the answer is slow")
	assert.Equal(t, len(hosts), s.Load().Len())

	pause.Store(0)
	silent.Store(true)
	w := dial(t, p.Addresses()[0])
	w.login("alice", passwords["alice"])
	for err := error(nil); err == nil; { // attempts that began before
		began := time.Now()
		assert.Equal(t, kerr.UnknownTopicID.Code, codeOf(w, [16]byte{7}))
		assert.Less(t, time.Since(began), timeout, "a question waits for the ACLs")
		select {
		case err = <-attempts:
			if err != nil {
				assert.ErrorContains(t, err, "nothing came for 2s")
			}
		case <-time.After(100 * time.Millisecond):
		}
	}
	assert.Equal(t, len(hosts), s.Load().Len(), "the ACLs from before are in force")
}

// hungPort is a port whose connections answer nothing while the gate is locked.
type hungPort struct {
	net.Listener
	gate *sync.RWMutex

	mu    sync.Mutex
	conns []net.Conn
}

type hungConn struct {
	net.Conn
	gate *sync.RWMutex
}

func (p *hungPort) Accept() (net.Conn, error) {
	c, err := p.Listener.Accept()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns = append(p.conns, c)
	return hungConn{c, p.gate}, err
}

// disconnect ends all connections.
func (p *hungPort) disconnect() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		_ = c.Close()
	}
	p.conns = nil
}

func (c hungConn) Read(into []byte) (int, error) {
	n, err := c.Conn.Read(into)
	c.gate.RLock()
	defer c.gate.RUnlock()
	return n, err
}

// TestMirrorOfAHungUpstream: the system still accepts connections for a process that is
// stopped. Each attempt to log in there fails after the timeout and is reported.
func TestMirrorOfAHungUpstream(t *testing.T) {
	const timeout, attempted = time.Second, 3
	var gate sync.RWMutex
	var port *hungPort
	cluster := upstream(t, kfake.NumBrokers(1), listenBehind(func(l net.Listener) net.Listener {
		port = &hungPort{Listener: l, gate: &gate}
		return port
	}))
	answer := aclsOfAlice(cluster, "*")
	cluster.ControlKey(int16(kmsg.DescribeACLs), func(r kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		return answer(r)
	})
	s, attempts := snapshot.NewStore(snapshot.Config{}), make(chan error, 1000)
	start(t, cluster, proxy.Config{Store: s, Mirror: &proxy.Mirror{
		Interval: 100 * time.Millisecond, Timeout: timeout, Report: func(err error) { attempts <- err },
	}})
	require.NoError(t, <-attempts)

	gate.Lock()
	resume := sync.OnceFunc(gate.Unlock)
	defer resume()
	port.disconnect()
	for failed := 0; failed < attempted; {
		select {
		case err := <-attempts:
			if err != nil {
				assert.ErrorContains(t, err, "nothing came for 1s")
				failed++
			}
		case <-time.After(10 * timeout): // the client tries again at the next broker
			require.Fail(t, "an attempt does not end", "%d have failed", failed)
		}
	}
	assert.Equal(t, 1, s.Load().Len(), "the ACLs from before are in force")
	resume()
	for {
		select {
		case err := <-attempts:
			if err == nil {
				return
			}
		case <-time.After(10 * timeout):
			require.Fail(t, "the mirror does not recover")
		}
	}
}
