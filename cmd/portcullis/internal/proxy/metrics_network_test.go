package proxy

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
)

// visits is a listener with one connection from each of some addresses.
type visits struct {
	net.Listener
	from []string
}

type visit struct {
	net.Conn
	from net.Addr
}

func (v visit) RemoteAddr() net.Addr { return v.from }
func (v visit) Close() error         { return nil }

func (v *visits) Accept() (net.Conn, error) {
	if len(v.from) == 0 {
		return nil, io.EOF
	}
	from := v.from[0]
	v.from = v.from[1:]
	return visit{from: &net.TCPAddr{IP: net.ParseIP(from), Port: 40_000}}, nil
}

// TestMetricsConnectionsOfANetwork: a client that has one address of an IPv6 network of 64 bits has
// them all, and gets half of the connections to the metrics at the most: the probes of others find
// room.
func TestMetricsConnectionsOfANetwork(t *testing.T) {
	from := &visits{}
	for i := range metricsConnections {
		from.from = append(from.from, fmt.Sprintf("2001:db8::%x", i+1))
	}
	l, accepted := &fairListener{Listener: from, of: map[netip.Prefix]int{}}, 0
	for {
		if _, err := l.Accept(); err != nil {
			break
		}
		accepted++
	}
	assert.LessOrEqual(t, accepted, metricsOfAddress)
}
