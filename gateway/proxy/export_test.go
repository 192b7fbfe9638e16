package proxy

import (
	"encoding/binary"

	"github.com/portcullis-authz/portcullis/gateway"
)

// HostPort is hostPort.
var HostPort = hostPort

// passThrough is authorization switched off: what the proxy would do as well if it had
// none. Requests are not decoded but for those whose responses show addresses, which
// the gateway rewrites for somebody who is allowed everything.
type passThrough struct{ gateway *gateway.Conn }

// addressed are the APIs whose responses show addresses in every version that
// franz-go's client sends here: Metadata, FindCoordinator, DescribeCluster.
var addressed = map[uint16]bool{3: true, 10: true, 60: true}

func (p passThrough) Request(frame []byte) (*gateway.Plan, error) {
	if addressed[binary.BigEndian.Uint16(frame)] {
		return p.gateway.Request(frame)
	}
	h, err := gateway.ParseHeader(frame)
	return &gateway.Plan{Header: h, Forward: [][]byte{frame}, AsIs: true}, err
}

// PassThrough switches authorization off for connections to come.
func (p *Proxy) PassThrough() {
	for _, l := range p.listeners {
		l.newDecider = func(client gateway.Client) decider { return passThrough{l.gateway.Conn(client)} }
	}
}
