package proxy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/audit"
	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/gateway/relay"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/internal/pause"
	"github.com/portcullis-authz/portcullis/role/groups"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// Proxy forwards requests between the clients and the brokers of a Kafka cluster, as
// far as the ACLs allow. It must not be copied after first use. Create it with
// [Listen]; the zero Proxy is not usable.
type Proxy struct {
	store     *snapshot.Store
	acls      gateway.ACLHandling
	metadata  acl.MetadataVersion
	log       *slog.Logger
	metrics   *metrics
	auditor   *auditor
	refuse    func() bool   // or nil
	groups    groups.Source // or nil
	quotas    *following    // or nil
	tracer    relay.Tracer  // or nil
	cluster   *relay.Cluster
	relay     *relay.Relay
	mirror    *mirroring // nil if the ACLs come from another source
	listeners []*listener
	lookup    tokenLookup // nil if no client logs in with a delegation token
	salts     []byte      // the secret of salts for listeners that have none; it stays the same

	reconfiguring sync.Mutex // held by Reconfigure, of which one takes effect at a time

	mu      sync.Mutex
	serving context.Context // the context of Serve, once it runs
	stopped bool
	running sync.WaitGroup // goroutines of Serve
}

// Listen connects to the upstream, discovers its brokers, loads the ACLs if there is a
// [Mirror], and then opens the ports of all listeners. [Proxy.Serve] accepts the
// connections; if it is not called, the ports stay open until Close.
//
// If the upstream does not answer, or does not return its ACLs, Listen retries until
// ctx is done, and logs each attempt. It opens no port before the ACLs are loaded.
// Without a Mirror the store must be ready.
//
// The error lists everything that is wrong with config, or says why a port cannot be
// opened, or has the upstream's last error when ctx was done. After an error nothing is
// left open. ctx applies only to Listen.
func Listen(ctx context.Context, config Config) (*Proxy, error) {
	if err := config.validate(); err != nil {
		return nil, err
	}
	p := &Proxy{
		store: config.Store, acls: config.ACLs, metadata: config.MetadataVersion, log: config.Logger, refuse: config.Refuse, groups: config.Groups, tracer: config.Tracer, quotas: newFollowing(config.Quotas),
		salts: random(minSaltSecret), mirror: newMirroring(config.Mirror),
	}
	if p.log == nil {
		p.log = slog.Default()
	}
	p.lookup = p.tokens(&config)
	events := p.log // an event handler formats each event itself, so that it can be parsed again
	p.log = slog.New(lines.NewLogHandler(p.log.Handler()))
	if err := p.listenersOf(config); err != nil {
		return nil, err
	}
	if p.mirror != nil {
		if err := p.mirror.follow(p.store, config.Upstream); err != nil {
			return nil, err
		}
	}
	if err := p.connect(config); err != nil {
		return nil, err
	}
	p.metrics = newMetrics(p)
	p.auditor = &auditor{handler: config.Audit, limit: cmp.Or(config.AuditEvents, DefaultAuditEvents), all: config.AuditAll, allows: config.AuditAllows, log: p.log, metrics: p.metrics}
	if config.Audit == nil {
		p.auditor.handler = audit.NewLogHandler(events)
	}
	if err := p.prepare(ctx, config.Metrics); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// connect makes what connects to the upstream, when it is needed. After an error nothing is left.
func (p *Proxy) connect(config Config) (err error) {
	if p.cluster, err = relay.NewCluster(config.Upstream, p.log); err != nil {
		return err
	}
	if config.DelegationTokens {
		if err = p.cluster.OpenTokens(); err != nil {
			p.cluster.Close()
			return err
		}
	}
	p.warnOfUpstream()
	p.relay, err = relay.New(p.cluster, config.Limits)
	if err == nil && p.mirror != nil {
		err = p.mirror.connect(p.cluster)
	}
	if err != nil {
		p.cluster.Close()
	}
	return err
}

// prepare does everything that is needed before clients can be served, and opens the
// ports. On an error the metrics are not registered.
func (p *Proxy) prepare(ctx context.Context, registry prometheus.Registerer) error {
	if registry != nil {
		if err := p.metrics.register(registry); err != nil {
			return err
		}
	}
	err := p.awaitUpstream(ctx)
	if err == nil {
		err = p.open()
	}
	if err != nil && registry != nil {
		p.metrics.unregister(registry)
	}
	return err
}

// awaitUpstream returns when the brokers are known and, as far as they are the upstream's, the quotas and
// the ACLs are loaded.
func (p *Proxy) awaitUpstream(ctx context.Context) error {
	if err := pause.Insist(ctx, p.cluster.Refresh, func(err error, wait time.Duration) {
		p.log.Warn("upstream does not answer: waiting for it", "reason", err.Error(), "next attempt in", wait.String())
	}); err != nil {
		return fmt.Errorf("upstream: %w", err)
	}
	if err := p.awaitQuotas(ctx); err != nil {
		return err
	}
	if p.mirror == nil {
		return nil
	}
	if p.mirror.AnyBroker {
		p.log.Warn("ACLs of any broker are taken, also of one that is behind: a right that was revoked may come back for as long as it is")
	}
	return pause.Insist(ctx, p.load, func(_ error, wait time.Duration) { // load has logged it
		p.log.Warn("no port is open before the ACLs are loaded", "next attempt in", wait.String())
	})
}

// listenersOf creates the listeners.
func (p *Proxy) listenersOf(config Config) error {
	var errs []error
	for _, c := range config.Listeners {
		l, err := p.newListener(c)
		if err != nil {
			errs = append(errs, fmt.Errorf("listener %s: %w", lines.Name(c.Address), err))
		}
		p.listeners = append(p.listeners, l)
	}
	return errors.Join(errs...)
}

// otherDescriptors are those of files, of the runtime and of the proxy's own connections to
// the cluster, with room.
const otherDescriptors = 200

// warnOfDescriptors logs a warning if the process cannot have as many connections open as
// the limits let clients have, with one to a broker each. Without descriptors the proxy can
// accept no clients, and connect to no broker.
func (p *Proxy) warnOfDescriptors(limit uint64) {
	ports, connections := uint64(len(p.listeners))*uint64(1+len(p.cluster.Nodes())), p.relay.Limits().Connections
	if needed := 2*uint64(connections) + ports + otherDescriptors; limit < needed {
		p.log.Warn("the process may have too few file descriptors for its connections: raise their number, or lower the limit of connections",
			"descriptors", limit, "needed", needed, "connections", connections)
	}
}

// open opens the ports of the listeners.
func (p *Proxy) open() error {
	if limit, known := descriptors(); known {
		p.warnOfDescriptors(limit)
	}
	for _, l := range p.listeners {
		l.warn()
		if err := l.open(); err != nil {
			return fmt.Errorf("listener %s: %w", lines.Name(l.Address), err)
		}
	}
	return nil
}

// Addresses returns the bootstrap addresses, in the order of Config.Listeners.
func (p *Proxy) Addresses() []string {
	var addresses []string
	for _, l := range p.listeners {
		addresses = append(addresses, l.ports.Bootstrap())
	}
	return addresses
}

// Serve serves clients until ctx is done. Then it accepts no more connections or
// requests, waits up to Limits.Drain for answers in progress, closes everything, and
// returns nil. Call it only once. When it returns, no goroutine of the proxy is left.
func (p *Proxy) Serve(ctx context.Context) error {
	p.mu.Lock()
	if p.stopped || p.serving != nil {
		p.mu.Unlock()
		return errors.New("proxy: call Serve only once, before Close")
	}
	// Not ctx itself: requests in progress when ctx is done may still need to connect.
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	p.serving = serving
	for _, l := range p.listeners {
		p.running.Go(func() { p.serve(l) })
	}
	p.mu.Unlock()
	p.running.Go(func() { p.cluster.Run(serving) })
	if p.mirror != nil {
		p.running.Go(func() { p.keepMirroring(serving) })
	}
	if p.quotas != nil && p.quotas.Upstream {
		p.running.Go(func() { p.keepQuotas(serving) })
	}
	<-ctx.Done()
	p.drain()
	stop()
	p.Close()
	p.running.Wait()
	p.auditor.tellLoss()
	return nil
}

// drain stops accepting connections and requests, and waits for answers in progress.
func (p *Proxy) drain() {
	p.stop()
	if left := p.relay.Drain(); left > 0 {
		p.log.Warn("connections cut off", "count", left, "limit", p.relay.Limits().Drain.String())
	}
}

// Close closes all ports and connections immediately. Use it for a Proxy whose Serve is
// not running; Serve calls it itself.
func (p *Proxy) Close() {
	p.stop()
	p.relay.Close()
	p.cluster.Close()
	if p.mirror != nil {
		p.mirror.client.Close()
	}
	if p.quotas != nil && p.quotas.client != nil {
		p.quotas.client.Close()
	}
}

// stop closes all ports. There will be no new ones.
func (p *Proxy) stop() {
	p.mu.Lock()
	p.stopped = true
	p.mu.Unlock()
	for _, l := range p.listeners {
		if l.ports != nil {
			l.ports.Close()
		}
	}
}

// count returns the number of connections.
func (p *Proxy) count() int {
	all, _ := p.relay.Connections()
	return all
}
