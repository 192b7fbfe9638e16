package proxy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// Proxy stands between the clients of a Kafka cluster and its brokers, and lets pass
// what the ACLs allow. It must not be copied after first use. The zero Proxy cannot be
// used: [Listen] makes one.
type Proxy struct {
	upstream  Upstream
	store     *snapshot.Store
	acls      gateway.ACLHandling
	log       *slog.Logger
	metrics   *metrics
	limits    Limits
	cluster   *cluster
	listeners []*listener
	frames    *frameMemory

	mu        sync.Mutex
	conns     map[*conn]struct{}
	addresses map[netip.Addr]addressCount
	accepting []func(context.Context) // of the ports that were opened before Serve
	serving   context.Context         // of Serve, once it runs
	stopped   bool
	running   sync.WaitGroup // the goroutines of Serve
}

// Listen connects to the upstream, learns of its brokers, and opens the ports of all
// listeners. Connections are accepted once [Proxy.Serve] runs; it must run, or the
// ports stay open until Close.
//
// An error says everything that is wrong with config, or what of the upstream or the
// ports is not to be had; then nothing is left open. ctx bounds Listen only.
func Listen(ctx context.Context, config Config) (*Proxy, error) {
	limits, err := config.Limits.withDefaults()
	if err = errors.Join(err, config.validate()); err != nil {
		return nil, err
	}
	p := &Proxy{
		upstream: config.Upstream, store: config.Store, acls: config.ACLs, log: config.Logger,
		limits: limits, frames: newFrameMemory(limits.FramesBytes),
		conns: map[*conn]struct{}{}, addresses: map[netip.Addr]addressCount{},
	}
	if p.log == nil {
		p.log = slog.Default()
	}
	p.log = slog.New(lines.NewLogHandler(p.log.Handler()))
	if err := p.listenersOf(config); err != nil {
		return nil, err
	}
	if p.cluster, err = newCluster(ctx, config.Upstream); err != nil {
		return nil, err
	}
	p.metrics = newMetrics(p)
	if err := p.open(config.Metrics); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// listenersOf makes the listeners.
func (p *Proxy) listenersOf(config Config) error {
	var errs []error
	for _, c := range config.Listeners {
		c.TLS = cloneTLS(c.TLS)
		l, err := p.newListener(c)
		if err != nil {
			errs = append(errs, fmt.Errorf("listener %s: %w", printable(c.Address), err))
		}
		p.listeners = append(p.listeners, l)
	}
	return errors.Join(errs...)
}

// open opens the ports of the listeners and registers the metrics.
func (p *Proxy) open(registry prometheus.Registerer) error {
	for _, l := range p.listeners {
		if err := l.decideBy(p); err != nil {
			return fmt.Errorf("listener %s: %w", printable(l.Address), err)
		}
	}
	if registry == nil {
		return nil
	}
	return p.metrics.register(registry)
}

// Addresses returns where clients begin, in the order of Config.Listeners.
func (p *Proxy) Addresses() []string {
	var addresses []string
	for _, l := range p.listeners {
		port, _ := l.open(bootstrap) // it is open
		addresses = append(addresses, hostPort(l.host, int32(port)))
	}
	return addresses
}

// Serve serves clients until ctx is done. Then it takes no more connections or
// requests, waits up to Limits.Drain for the answers under way, closes everything, and
// returns nil. It is to be called once. When it returns, no goroutine of the proxy is
// left.
func (p *Proxy) Serve(ctx context.Context) error {
	p.mu.Lock()
	if p.stopped || p.serving != nil {
		p.mu.Unlock()
		return errors.New("proxy: Serve is to be called once, before Close")
	}
	// Not ctx itself: what is under way when ctx is done may still need to connect.
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	p.serving = serving
	for _, accept := range p.accepting {
		p.running.Go(func() { accept(serving) })
	}
	p.mu.Unlock()
	p.running.Go(func() {
		p.cluster.keepFresh(serving, func(err error) { p.log.Warn("upstream does not answer", "reason", err.Error()) })
	})
	<-ctx.Done()
	p.drain()
	stop()
	p.Close()
	p.running.Wait()
	return nil
}

// drain stops taking connections and requests, and waits for the answers under way.
func (p *Proxy) drain() {
	p.refuseMore((*conn).drain)
	deadline := time.Now().Add(p.limits.Drain)
	for p.count() > 0 && time.Now().Before(deadline) {
		time.Sleep(5 * time.Millisecond)
	}
	if left := p.count(); left > 0 {
		p.log.Warn("connections cut off", "count", left, "limit", p.limits.Drain.String())
	}
}

// Close closes all ports and connections at once. It is for a Proxy whose Serve does
// not run; Serve calls it itself.
func (p *Proxy) Close() {
	p.refuseMore((*conn).kill)
	p.cluster.close()
}

// refuseMore closes all ports and calls end for every connection that there is; there
// will be no other.
func (p *Proxy) refuseMore(end func(*conn)) {
	p.mu.Lock()
	p.stopped = true
	open := slices.Collect(maps.Keys(p.conns))
	p.mu.Unlock()
	for _, l := range p.listeners {
		l.close()
	}
	for _, c := range open {
		end(c)
	}
}

// listen opens a port, unless the proxy stops.
func (p *Proxy) listen(address string) (net.Listener, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return nil, net.ErrClosed
	}
	return net.Listen("tcp", address)
}

// accept runs the loop of a port, now or once Serve runs.
func (p *Proxy) accept(loop func(context.Context)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.serving == nil {
		p.accepting = append(p.accepting, loop)
		return
	}
	serving := p.serving
	p.running.Go(func() { loop(serving) })
}

// start serves a connection, unless there are too many or the proxy stops. It returns the
// limit that keeps it from being served.
func (p *Proxy) start(ctx context.Context, c *conn) (served bool, beyond limitName) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return false, withinLimits
	}
	if beyond = p.enter(c); beyond != withinLimits {
		return false, beyond
	}
	p.running.Go(func() {
		c.serve(ctx)
		p.mu.Lock()
		defer p.mu.Unlock()
		p.leave(c)
	})
	return true, withinLimits
}

// count returns the number of connections.
func (p *Proxy) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.conns)
}
