package proxy

import (
	"context"
	"net"
	"time"
)

// probePause is the longest time between two attempts to connect to a broker that is
// down. A client that is refused tries again after as much as a second.
const probePause = 500 * time.Millisecond

// probeTimeout limits one attempt to connect to a broker that is known to be down.
// Other brokers get upstreamTimeout, as for connections of clients: the broker may only
// be busy, and a client that connects to it directly would also wait. If only the
// broker's process has ended, its machine refuses connections immediately.
const probeTimeout = 2 * time.Second

// suspect starts to monitor a broker that may be down. It tries to connect, and as long
// as that fails, the ports of the broker are closed, so that clients are refused and
// back off as from a broker that is down. address is the last known address. It returns
// immediately; at most one goroutine monitors each broker.
func (p *Proxy) suspect(node int32, address string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.serving == nil || p.stopped || p.suspects[node] {
		return
	}
	p.suspects[node] = true
	ctx := p.serving
	p.running.Go(func() {
		p.lookAfter(ctx, node, address)
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.suspects, node)
	})
}

// suspectAll monitors all known brokers.
func (p *Proxy) suspectAll() {
	for _, node := range p.cluster.nodes() {
		if address, ok := p.cluster.address(node); ok {
			p.suspect(node, address)
		}
	}
}

// lookAfter returns when the broker accepts connections and its ports are open.
func (p *Proxy) lookAfter(ctx context.Context, node int32, address string) {
	var wait backOff
	down, limit := false, upstreamTimeout
	for ctx.Err() == nil {
		if now, ok := p.cluster.address(node); ok {
			address = now
		}
		err := probe(ctx, address, limit)
		if err == nil && down {
			err = p.openAgain(node)
		}
		if err == nil {
			if down {
				p.cluster.setDown(node, false)
				p.cluster.know(node, address)
				p.log.Info("broker is back: its ports are open", "node", node, "address", printable(address))
			}
			return
		}
		if ctx.Err() != nil {
			return
		}
		if !down {
			down, limit = true, probeTimeout
			p.cluster.setDown(node, true)
			p.log.Warn("broker is down: its ports are closed until it is back", "node", node, "address", printable(address), "reason", err.Error())
		}
		p.shut(node)
		sleep(ctx, wait.next(probePause))
	}
}

// probe connects to a broker and disconnects. It fails after limit.
func probe(ctx context.Context, address string, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return c.Close()
}

// shut closes the ports of a broker, and the bootstrap ports if no other broker is up.
func (p *Proxy) shut(node int32) {
	for _, l := range p.listeners {
		l.shut(node)
		if !p.cluster.isUp() {
			l.shut(bootstrap)
		}
	}
}

// openAgain reopens the ports of a broker, and the bootstrap ports.
func (p *Proxy) openAgain(node int32) error {
	for _, l := range p.listeners {
		for _, n := range []int32{node, bootstrap} {
			if err := l.openAgain(n); err != nil {
				return err
			}
		}
	}
	return nil
}

// brokerPort is a port of a listener. It keeps its number while it is closed.
type brokerPort struct {
	number int
	open   net.Listener // nil while it is closed
}

// shut closes the port of a broker, if it has one.
func (l *listener) shut(node int32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if at := l.ports[node]; at != nil && at.open != nil {
		_ = at.open.Close()
		at.open = nil
	}
}

// openAgain reopens a closed port.
func (l *listener) openAgain(node int32) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := l.ports[node]
	if at == nil || at.open != nil {
		return nil
	}
	return l.listen(at, node)
}
