package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"golang.org/x/net/netutil"
	"golang.org/x/sync/errgroup"

	"github.com/portcullis-authz/portcullis/aclfile"
	"github.com/portcullis-authz/portcullis/aclfile/watch"
	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/gateway/relay"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// serve runs the proxy and its helpers until ctx is done or the demonstration ends.
func (p *command) serve(ctx context.Context, cmd *cobra.Command, config proxy.Config, read *settings, trail *auditTrail, traces *traces) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	seen := stampsOf(p.bound.files())
	if err := p.loadACLs(config.Store); err != nil {
		return err
	}
	health := health{store: config.Store, told: !p.mirrored, began: time.Now(), oldest: p.oldestACLs}
	if !p.mirrored {
		health.note(nil) // they are loaded
	}
	groups, err := p.openGroups()
	if err != nil {
		return err
	}
	if groups != nil {
		defer groups.close()
		config.Groups, health.groups = groups, groups.stats
	}
	if config.Quotas, err = p.quotas.open(); err != nil {
		return err
	}
	registry := p.newRegistry(&health, trail, groups)
	traces.register(registry)
	config.Metrics = registry
	log := p.reporter(config.Store, config.Logger)
	report := func(err error) { health.note(err); log(err) }
	if p.mirrored {
		p.mirror.FollowRelease, p.mirror.Report = !p.semantics.Given, report
		config.Mirror = &p.mirror
	}
	group, ctx := errgroup.WithContext(ctx)
	defer trail.endWith(ctx, p.limits.Drain+flushTime)()
	if p.metrics.Given { // before the ACLs are loaded, so that one can see that they are not
		group.Go(func() error { return serveMetrics(ctx, p.metrics.Text, registry, &health, config.Logger) })
	}
	running, err := listen(ctx, config, read)
	if err != nil {
		if ctx.Err() != nil {
			err = nil // stopped while it waited for the cluster
		}
		stop()
		return errors.Join(err, group.Wait())
	}
	health.serving.Store(true)
	stopped := context.AfterFunc(ctx, func() { health.serving.Store(false) })
	defer stopped()
	group.Go(func() error { return running.Serve(ctx) })
	follower := newFollower(p, running, config.Logger, registry, read, trail)
	group.Go(func() error { follower.run(ctx, settingsPoll); return nil })
	p.follow(ctx, group, config, seen, report)
	config.Logger.Info("serving", "listeners", strings.Join(running.Addresses(), ","), "acls", config.Store.Load().Len())
	if len(p.demo) > 0 {
		group.Go(func() error {
			defer stop()
			return p.demonstrate(ctx, cmd.OutOrStdout(), running.Addresses()[0])
		})
	}
	return group.Wait()
}

// follow follows the files of ACLs, roles and quotas, in the group, until ctx is done. seen is what was
// loaded of the files of roles.
func (p *command) follow(ctx context.Context, group *errgroup.Group, config proxy.Config, seen []stamp, report func(error)) {
	if !p.embedded && !p.mirrored {
		group.Go(func() error { return p.followFiles(ctx, config.Store, seen, report) })
	}
	if p.quotas.file.Given {
		group.Go(func() error { p.quotas.follow(ctx, config.Quotas.Tracker, config.Logger); return nil })
	}
}

// followFiles puts changes of the files of ACLs and roles in force until ctx is done. seen is what
// was loaded of the files of roles.
func (p *command) followFiles(ctx context.Context, store *snapshot.Store, seen []stamp, report func(error)) error {
	if p.bound != nil {
		p.bound.run(ctx, seen, rolesPoll, report)
		return nil
	}
	err := watch.Run(ctx, store, p.acls.Text, watch.Options{Report: report, Checksums: aclfile.ChecksumOptional})
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// listen opens the ports, once the keys of tokens and all that the proxy needs are loaded.
func listen(ctx context.Context, config proxy.Config, read *settings) (*proxy.Proxy, error) {
	if err := read.verifiers.load(ctx, nil); err != nil {
		return nil, err
	}
	return proxy.Listen(ctx, config)
}

// loadACLs loads the ACLs of --acls, if it is given. The store follows the file, unless the
// cluster is embedded: then clients change the ACLs in the store, and the file is where they begin.
func (p *command) loadACLs(store *snapshot.Store) error {
	switch {
	case p.bound != nil:
		return p.bound.load()
	case !p.acls.Given:
		return nil
	case !p.embedded:
		return aclfile.Apply(store, p.acls.Text, aclfile.ChecksumOptional)
	}
	bindings, err := aclfile.Load(p.acls.Text, aclfile.ChecksumOptional)
	if err != nil {
		return err
	}
	return store.Replace(slices.Values(bindings))
}

// newRegistry returns a registry with the metrics of the process, of a file of ACLs and of the
// audit log.
func (p *command) newRegistry(health *health, trail *auditTrail, groups *groupSource) *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if !p.mirrored {
		registry.MustRegister(health.collectors()...)
	}
	if p.bound != nil {
		registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "portcullis_role_bindings", Help: "Role bindings in force."},
			func() float64 { return float64(p.bound.bindings()) }))
	}
	if groups != nil {
		registry.MustRegister(groups.collectors()...)
	}
	if trail != nil {
		registry.MustRegister(trail.Collectors()...)
	}
	return registry
}

// reporter returns a function that logs each attempt to load ACLs.
func (p *command) reporter(store *snapshot.Store, log *slog.Logger) func(error) {
	generation := store.Load().Generation()
	warnOfHosts(store, log)
	return func(err error) {
		now := store.Load()
		switch {
		case err != nil && p.mirrored: // the proxy has logged it
		case err != nil:
			log.Error("ACLs not loaded: the previous ones stay in force", "reason", err.Error(), "generation", now.Generation())
		case now.Generation() != generation:
			generation = now.Generation()
			log.Info("ACLs loaded", "acls", now.Len(), "generation", generation)
			warnOfHosts(store, log)
		}
	}
}

// warnOfHosts logs a warning if ACLs have an unreadable host.
func warnOfHosts(store *snapshot.Store, log *slog.Logger) {
	if count, first := store.Load().UnreadableHosts(); count > 0 {
		log.Warn("ACLs with an unreadable host: in the documented rules, a DENY with such a host denies every address",
			"count", count, "first", lines.Printable(first.Entry.Host), "principal", lines.Printable(first.Entry.Principal))
	}
}

const (
	// metricsConnections is how many connections to the metrics there may be. A server of
	// metrics has one or two. Others wait in the queue of the operating system, and cost the
	// proxy nothing.
	metricsConnections = 32
	// metricsOfAddress is how many of them one address may have, or the network of an IPv6 address,
	// all of whose addresses a client may use. Others are closed.
	metricsOfAddress = metricsConnections / 2
	// metricsHeaderTimeout bounds the header of a request, which is one packet, so that
	// connections that send nothing make room for others.
	metricsHeaderTimeout = 2 * time.Second
	// metricsTimeout bounds a request for metrics, and its answer. Only a hostile client is slower.
	metricsTimeout = 10 * time.Second
	// metricsHeaderBytes is far more than the header of a request has.
	metricsHeaderBytes = 16 << 10
)

// serveMetrics serves metrics until ctx is done.
func serveMetrics(ctx context.Context, address string, registry *prometheus.Registry, health *health, log *slog.Logger) error {
	ln, err := listenForMetrics(address)
	if err != nil {
		return fmt.Errorf("--metrics: %w", err)
	}
	server := metricsServer(registry, health, log)
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// listenForMetrics opens the port of the metrics, with a limit of connections.
func listenForMetrics(address string) (net.Listener, error) {
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	return netutil.LimitListener(&fairListener{Listener: ln, of: map[netip.Prefix]int{}}, metricsConnections), nil
}

// fairListener closes the connections of an address beyond metricsOfAddress, so that one address
// does not keep the probes of the others out. Otherwise they would find the proxy dead.
type fairListener struct {
	net.Listener
	mu sync.Mutex
	of map[netip.Prefix]int // connections by address: see relay.NetworkOf
}

// Accept returns the next connection that is not beyond the limit of its address.
func (l *fairListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		host := relay.NetworkOf(c)
		if l.count(host, 1) <= metricsOfAddress {
			return &fairConn{Conn: c, end: sync.OnceFunc(func() { l.count(host, -1) })}, nil
		}
		l.count(host, -1)
		_ = c.Close()
	}
}

// count adds to the connections of an address, and returns how many there are.
func (l *fairListener) count(host netip.Prefix, more int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.of[host] += more; l.of[host] == 0 {
		delete(l.of, host)
		return 0
	}
	return l.of[host]
}

// fairConn is a connection that a fairListener counts until it is closed.
type fairConn struct {
	net.Conn
	end func()
}

// Close closes the connection. It may be called again.
func (c *fairConn) Close() error {
	defer c.end()
	return c.Conn.Close()
}

// metricsServer returns a server of metrics. Its errors are logged, escaped as all text
// in the log.
func metricsServer(registry *prometheus.Registry, health *health, log *slog.Logger) *http.Server {
	errorLog := slog.NewLogLogger(log.With("server", "metrics").Handler(), slog.LevelWarn)
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorLog: errorLog}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", health.report)
	server := &http.Server{
		Handler: mux, ReadHeaderTimeout: metricsHeaderTimeout, ReadTimeout: metricsTimeout, WriteTimeout: metricsTimeout,
		MaxHeaderBytes: metricsHeaderBytes, ErrorLog: errorLog,
	}
	server.SetKeepAlivesEnabled(false) // a connection is for one request: its place is for others then
	return server
}

const (
	// demoPassword is the password of all users of a demonstration. Its listener serves only
	// the demonstration.
	demoPassword = "demonstration"
	// demoTimeout bounds the write of one record.
	demoTimeout = 30 * time.Second
)

// embed starts a cluster in memory.
func (p *command) embed() (*kfake.Cluster, error) {
	options := []kfake.Opt{kfake.NumBrokers(1), kfake.AllowAutoTopicCreation(), kfake.DefaultNumPartitions(1)}
	if len(p.embeddedTopics) > 0 {
		options = append(options, kfake.SeedTopics(1, p.embeddedTopics...))
	}
	for _, d := range p.demo {
		_, topic, _ := strings.Cut(d, "=")
		options = append(options, kfake.SeedTopics(1, topic))
	}
	return kfake.NewCluster(options...)
}

// demonstrate writes a record for each --demo through the proxy and prints the results.
func (p *command) demonstrate(ctx context.Context, w io.Writer, address string) error {
	for _, d := range p.demo {
		user, topic, _ := strings.Cut(d, "=")
		outcome, err := produceAs(ctx, address, user, topic)
		if err != nil {
			return fmt.Errorf("--demo %s: %w", lines.Printable(d), err)
		}
		if _, err := fmt.Fprintf(w, "User:%s writes to %s: %s\n", lines.Printable(user), lines.Printable(topic), outcome); err != nil {
			return err
		}
	}
	return nil
}

// produceAs writes a record with a Kafka client and returns the result as text.
func produceAs(ctx context.Context, address, user, topic string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, demoTimeout)
	defer cancel()
	client, err := kgo.NewClient(
		kgo.SeedBrokers(address),
		kgo.SASL(scram.Auth{User: user, Pass: demoPassword}.AsSha256Mechanism()),
	)
	if err != nil {
		return "", err
	}
	defer client.Close()
	record, err := client.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: []byte("a demonstration")}).First()
	var refused *kerr.Error
	switch {
	case err == nil:
		return fmt.Sprintf("stored in partition %d at offset %d", record.Partition, record.Offset), nil
	case errors.As(err, &refused):
		return "refused: " + refused.Message, nil
	default:
		return "", err
	}
}
