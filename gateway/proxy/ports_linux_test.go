package proxy_test

import (
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/portcullis-authz/portcullis/gateway/proxy"
)

// TestPortsOfABrokerThatIsBusy: a broker that accepts no connections for some seconds
// is not down. Its ports stay open, and clients wait for it as they do without a proxy.
func TestPortsOfABrokerThatIsBusy(t *testing.T) {
	const busyFor = 2500 * time.Millisecond // the second repetition of a request to connect comes after 3 s
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = busy.Close() })
	raw, err := busy.(*net.TCPListener).SyscallConn()
	require.NoError(t, err)
	require.NoError(t, raw.Control(func(fd uintptr) { err = syscall.Listen(int(fd), 0) })) // a queue for one connection
	require.NoError(t, err)
	for { // fill the queue
		c, err := net.DialTimeout("tcp", busy.Addr().String(), 300*time.Millisecond)
		if err != nil {
			break
		}
		t.Cleanup(func() { _ = c.Close() })
	}

	p := start(t, upstream(t, kfake.NumBrokers(1)), proxy.Config{Store: store(t)})
	p.SetBroker(7, busy.Addr().String())
	port := p.PortOf(7)
	eventually(t, "somebody looks after the broker", func() bool { // once Serve runs
		p.Suspect(7, busy.Addr().String())
		return p.Suspected(7)
	})
	for until := time.Now().Add(busyFor); time.Now().Before(until); time.Sleep(100 * time.Millisecond) {
		require.True(t, accepts(port), "the port of a broker that is busy")
	}
	_, err = net.DialTimeout("tcp", busy.Addr().String(), 100*time.Millisecond)
	require.Error(t, err, "the broker is not busy")
	go func() {
		for {
			c, err := busy.Accept()
			if err != nil {
				return
			}
			_ = c.Close()
		}
	}()
	eventually(t, "nobody looks after the broker any more", func() bool { return !p.Suspected(7) })
	assert.True(t, accepts(port))
	assert.Empty(t, p.log.With("broker is down"))
}
