package relay

import (
	"context"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/internal/pause"
)

// probePause is the longest time between two attempts to connect to a broker that is
// down. A client that is refused tries again after as much as a second.
const probePause = 500 * time.Millisecond

// probeTimeout limits one attempt to connect to a broker that is known to be down.
// Other brokers get upstreamTimeout, as for connections of clients: the broker may only
// be busy, and a client that connects to it directly would also wait. If only the
// broker's process has ended, its machine refuses connections immediately.
const probeTimeout = 2 * time.Second

// watch looks after brokers that may be down.
type watch struct {
	mu       sync.Mutex
	ctx      context.Context // of Run; nil if it does not run
	suspects map[int32]bool  // brokers that are being probed
	running  sync.WaitGroup
	ports    []*Ports // that are closed while their broker is down
}

func (w *watch) begin(ctx context.Context) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ctx, w.suspects = ctx, map[int32]bool{}
}

// end waits for the goroutines. No more begin.
func (w *watch) end() {
	w.mu.Lock()
	w.ctx = nil
	w.mu.Unlock()
	w.running.Wait()
}

// add adds ports.
func (w *watch) add(p *Ports) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ports = append(w.ports, p)
}

// remove takes ports away.
func (w *watch) remove(p *Ports) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ports = slices.DeleteFunc(w.ports, func(other *Ports) bool { return other == p })
}

// all returns the ports.
func (w *watch) all() []*Ports {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.ports)
}

// Suspect says that a broker may be down: a connection to it has failed. While Run runs, c then tries
// to connect, and as long as that fails, the ports of the broker ([Cluster.Listen]) are closed,
// so that clients are refused and back off as from a broker that is down. address is the last
// known one. It returns immediately; at most one goroutine looks after each broker.
func (c *Cluster) Suspect(node int32, address string) {
	w := &c.watch
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ctx == nil || w.suspects[node] {
		return
	}
	w.suspects[node] = true
	ctx := w.ctx
	w.running.Go(func() {
		c.lookAfter(ctx, node, address)
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.suspects, node)
	})
}

// Suspected reports whether c looks after a broker now.
func (c *Cluster) Suspected(node int32) bool {
	c.watch.mu.Lock()
	defer c.watch.mu.Unlock()
	return c.watch.suspects[node]
}

// SuspectAll is Suspect for all known brokers.
func (c *Cluster) SuspectAll() {
	for _, node := range c.Nodes() {
		if address, ok := c.Address(node); ok {
			c.Suspect(node, address)
		}
	}
}

// lookAfter returns when the broker accepts connections and its ports are open.
func (c *Cluster) lookAfter(ctx context.Context, node int32, address string) {
	var wait pause.BackOff
	down, limit := false, upstreamTimeout
	for ctx.Err() == nil {
		if now, ok := c.Address(node); ok {
			address = now
		}
		err := probe(ctx, address, limit)
		if err == nil && down {
			err = c.openAgain(node)
		}
		if err == nil {
			if down {
				c.setDown(node, false)
				c.know(node, address)
				c.log.Info("broker is back: its ports are open", "node", node, "address", lines.Name(address))
			}
			return
		}
		if ctx.Err() != nil {
			return
		}
		if !down {
			down, limit = true, probeTimeout
			c.setDown(node, true)
			c.log.Warn("broker is down: its ports are closed until it is back", "node", node, "address", lines.Name(address), "reason", err.Error())
		}
		c.shut(node)
		pause.Sleep(ctx, wait.Next(probePause))
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
func (c *Cluster) shut(node int32) {
	for _, l := range c.watch.all() {
		l.shut(node)
		if !c.isUp() {
			l.shut(bootstrap)
		}
	}
}

// openAgain reopens the ports of a broker, and the bootstrap ports.
func (c *Cluster) openAgain(node int32) error {
	for _, l := range c.watch.all() {
		for _, n := range []int32{node, bootstrap} {
			if err := l.openAgain(n); err != nil {
				return err
			}
		}
	}
	return nil
}
