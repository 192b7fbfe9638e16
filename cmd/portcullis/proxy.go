package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/spf13/cobra"

	"github.com/portcullis-authz/portcullis/aclfile"
	"github.com/portcullis-authz/portcullis/aclfile/watch"
	"github.com/portcullis-authz/portcullis/audit"
	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/internal/lines"
)

// proxyCommand holds the flags of the command proxy.
type proxyCommand struct {
	config *once

	// the clients' side
	listen     []string
	advertise  *once
	firstNode  int32
	cert, key  *once
	clientCA   *once
	mechanisms []string
	users      *once
	keytab     *once
	session    time.Duration

	allowReadable bool // other users may read files with secrets

	// who they are
	properties *once
	krb5Conf   *once
	superUsers *once

	// what they may do
	acls           *once
	mirror         bool
	mirrorInterval time.Duration
	mirrorTimeout  time.Duration
	semantics      *once

	// the cluster
	upstream         []string
	upstreamTLS      bool
	upstreamCA       *once
	upstreamUser     *once
	upstreamPassword *once
	upstreamSASL     *once
	embedded         bool
	embeddedTopics   []string
	demo             []string

	// operation
	metrics  *once
	limits   proxy.Limits
	auditLog *once
	log      func() (bool, error) // whether in JSON
}

// proxySemantics are the values of --semantics.
var proxySemantics = []string{"documented", "kafka-exact=4.2", "kafka-exact=4.4"}

func newProxyCommand() *cobra.Command {
	p := &proxyCommand{}
	cmd := &cobra.Command{
		Use:   "proxy --listen PROTOCOL://HOST:PORT --acls FILE --upstream HOST:PORT",
		Short: "Run a Kafka proxy that forwards only what the ACLs allow",
		Long: `proxy is a Kafka proxy that authorizes requests. Clients connect to the proxy instead of
the brokers. It answers a request that the ACLs do not allow as a broker would, and does
not forward it to the cluster.

Clients connect first to the port of --listen. The broker with node id N has the N+1st
port after it (counted from --first-node-id), so open as many further ports as the
cluster has brokers. The protocol of the listener determines the principal:

  PLAINTEXT                    User:ANONYMOUS for everybody
  SSL                          the subject of the certificate, mapped by the rules of --properties
  SASL_PLAINTEXT, SASL_SSL     the login: PLAIN or SCRAM with --users, Kerberos with --keytab

The proxy reads ACLs from the file --acls and watches it. A change takes effect at once.
If the new content has an error, the previous ACLs stay in force. With --mirror-acls the
proxy uses the ACLs of the cluster, and decides as the authorizer of the cluster's
release does, unless --semantics is given. It notices an upgrade of the cluster. The
proxy is a client of the cluster and must be a super user there. Only the proxy should be
able to reach the brokers.

The proxy opens its ports after it has loaded the ACLs. If the cluster does not answer or
does not show its ACLs, the proxy retries and logs each attempt. If the cluster stops
showing its ACLs later, the previous ones stay in force; the log and the metrics
acl_age_seconds and acl_load_failures_total show this. While a broker is down, its ports
are closed.

--embedded runs a cluster for tests in the memory of this process. Its clients may change
the ACLs, also in memory; --acls is read once. --demo USER=TOPIC logs in as the user,
writes a record to the topic through the proxy, prints the result, and exits.

Refusals go to standard output, or to --audit-log: one JSON line for each name, in the
format that portcullis suggest --trace reads. Everything else goes to standard error.

--config is a file with lines "flag = value". A flag on the command line replaces the
same flag in the file. Lines that begin with # are comments. The file of --users has a
line "user:password" for each user.

The files of --users, --tls-key, --keytab and --upstream-password-file must be protected
from other users of the machine. The file, its folders and symbolic links must belong to
root or to the user that runs the proxy. Others must have no access to the file; its group
may read it if root owns it. No other user may write to one of the folders, unless it has
the sticky bit. --allow-readable-secrets accepts other files.

On SIGTERM or SIGINT the proxy answers the requests in progress and exits.

Exit status: 0 ended by a signal, or --demo is done; 2 bad input or usage.`,
		Example: `  portcullis proxy --embedded --acls examples/acme/acls.txt --demo billing=payments.eu --demo contractor=payments.eu
  portcullis proxy --upstream kafka-0:9092 --acls acls.txt --listen SASL_PLAINTEXT://127.0.0.1:9192 --users users.txt
  portcullis proxy --upstream kafka-0:9093 --upstream-tls --mirror-acls --listen SSL://0.0.0.0:9192 --advertise proxy.example.com \
    --tls-cert cert.pem --tls-key key.pem --tls-client-ca ca.pem --properties server.properties --metrics 127.0.0.1:9404`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.run(cmd) },
	}
	f := cmd.Flags()
	p.config = onceFlag(cmd, "config", "", "`file` of flags")
	f.StringArrayVar(&p.listen, "listen", nil, "`protocol://host:port` where clients connect first; may be repeated")
	p.advertise = onceFlag(cmd, "advertise", "", "`host` to advertise to clients; default that of --listen")
	f.Int32Var(&p.firstNode, "first-node-id", 0, "lowest node `id` of the cluster's brokers")
	p.cert = onceFlag(cmd, "tls-cert", "", "PEM `file` with the proxy's certificate, followed by its issuers")
	p.key = onceFlag(cmd, "tls-key", "", "PEM `file` with the key of --tls-cert")
	p.clientCA = onceFlag(cmd, "tls-client-ca", "", "PEM `file` with the issuers of client certificates, which SSL then requires")
	f.StringSliceVar(&p.mechanisms, "sasl-mechanisms", nil, "`list` of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, GSSAPI; default all that --users and --keytab support")
	p.users = onceFlag(cmd, "users", "", "`file` of users with their passwords")
	p.keytab = onceFlag(cmd, "keytab", "", "`file` with the keys of the proxy's Kerberos service")
	f.BoolVar(&p.allowReadable, allowReadableFlag, false, "accept files with passwords and keys that other users of the machine can read or replace")
	f.DurationVar(&p.session, "session-time", 0, "`time` until a client must authenticate again, as connections.max.reauth.ms; 0 means never")
	p.properties = onceFlag(cmd, "properties", "", "server.properties of a broker: a `file` with super.users and the mapping rules")
	p.krb5Conf = onceFlag(cmd, "krb5-conf", "", "krb5.conf: a `file` with the default realm")
	p.superUsers = onceFlag(cmd, "super-users", "", "`list` of principals that are allowed everything: 'User:a;User:b'; default that of --properties")
	p.acls = onceFlag(cmd, "acls", "", "`file` of ACLs, in any format that check reads")
	f.BoolVar(&p.mirror, "mirror-acls", false, "use the ACLs of the cluster")
	f.DurationVar(&p.mirrorInterval, "mirror-interval", proxy.DefaultMirrorInterval, "`time` between two reads of the cluster's ACLs")
	f.DurationVar(&p.mirrorTimeout, "mirror-timeout", proxy.DefaultMirrorTimeout, "`time` that the cluster may be silent while it sends its ACLs")
	p.semantics = onceFlag(cmd, "semantics", "", "`rules` for decisions: documented, kafka-exact=4.2 or kafka-exact=4.4; default documented, or with --mirror-acls those of the cluster's release", proxySemantics...)
	f.StringArrayVar(&p.upstream, "upstream", nil, "`host:port` of a broker of the cluster; may be repeated")
	f.BoolVar(&p.upstreamTLS, "upstream-tls", false, "connect to the cluster with TLS")
	p.upstreamCA = onceFlag(cmd, "upstream-ca", "", "PEM `file` with the issuers of the brokers' certificates; default those that the system trusts")
	p.upstreamUser = onceFlag(cmd, "upstream-user", "", "`user` that the proxy logs in as")
	p.upstreamPassword = onceFlag(cmd, "upstream-password-file", "", "`file` with the password of --upstream-user")
	p.upstreamSASL = onceFlag(cmd, "upstream-mechanism", proxy.ScramSHA512, "`mechanism` of the login to the cluster", proxy.Plain, proxy.ScramSHA256, proxy.ScramSHA512)
	f.BoolVar(&p.embedded, "embedded", false, "run a cluster in memory instead of --upstream")
	f.StringSliceVar(&p.embeddedTopics, "embedded-topics", nil, "`list` of topics of the embedded cluster")
	f.StringArrayVar(&p.demo, "demo", nil, "`user=topic`: write to the topic as the user, print the result, and exit; may be repeated")
	p.auditLog = onceFlag(cmd, "audit-log", standardInput, "`file` for refusals, one JSON line for each name, or - for standard output")
	f.IntVar(&p.limits.AuditEvents, "audit-events", proxy.DefaultAuditEvents, "maximum `number` of these lines a second; the log counts the dropped ones")
	p.metrics = onceFlag(cmd, "metrics", "", "`host:port` to serve Prometheus metrics, at /metrics")
	f.IntVar(&p.limits.Connections, "max-connections", proxy.DefaultConnections, "maximum `number` of simultaneous client connections")
	f.IntVar(&p.limits.AddressConnections, "max-connections-per-address", proxy.DefaultAddressConnections, "maximum `number` of simultaneous connections from one client address; an IPv6 /64 network counts as one address")
	f.IntVar(&p.limits.AddressLogins, "max-logins-per-address", proxy.DefaultAddressLogins, "maximum `number` of these that are not logged in")
	f.Int64Var(&p.limits.FramesBytes, "queued-max-request-bytes", 0, "total `size` of the requests that are read and not yet forwarded or answered; others wait unread (default 512 MiB, or a quarter of GOMEMLIMIT if that is less)")
	f.IntVar(&p.limits.FrameBytes, "max-request-bytes", proxy.DefaultFrameBytes, "`size` of the largest request")
	f.DurationVar(&p.limits.Login, "login-time", proxy.DefaultLogin, "maximum `time` for a login")
	f.DurationVar(&p.limits.Idle, "idle-time", proxy.DefaultIdle, "maximum idle `time` of a connection")
	f.DurationVar(&p.limits.Drain, "drain-time", proxy.DefaultDrain, "maximum `time` for the requests in progress when the proxy stops")
	p.log = outputFlag(cmd)
	return cmd
}

func (p *proxyCommand) run(cmd *cobra.Command) error {
	if err := readConfig(cmd, p.config.text); err != nil {
		return err
	}
	asJSON, err := p.log()
	if err = errors.Join(err, p.checkUsage(cmd)); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	config, err := p.build(cmd)
	if err != nil {
		return err
	}
	config.Logger = newLogger(cmd.ErrOrStderr(), asJSON, len(p.demo) > 0)
	if len(p.demo) == 0 { // a demonstration has no audit log
		out, err := p.openAuditLog(cmd.OutOrStdout())
		if err != nil {
			return err
		}
		defer out.Close()
		config.Audit = audit.NewJSONWriter(out)
	}
	if p.embedded {
		cluster, err := p.embed()
		if err != nil {
			return err
		}
		defer cluster.Close()
		config.Upstream = proxy.Upstream{Brokers: cluster.ListenAddrs()}
	}
	return p.serve(ctx, cmd, config)
}

// openAuditLog opens the audit log.
func (p *proxyCommand) openAuditLog(stdout io.Writer) (io.WriteCloser, error) {
	if p.auditLog.text == standardInput {
		return unclosed{stdout}, nil
	}
	f, err := os.OpenFile(p.auditLog.text, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("--audit-log: %w", err)
	}
	return f, nil
}

// unclosed is a writer that its owner closes: Close does nothing.
type unclosed struct{ io.Writer }

func (unclosed) Close() error { return nil }

// newLogger returns the logger. A demonstration logs nothing.
func newLogger(w io.Writer, asJSON, quiet bool) *slog.Logger {
	options := &slog.HandlerOptions{}
	if quiet {
		options.Level = slog.LevelError
	}
	if asJSON {
		return slog.New(lines.NewLogHandler(slog.NewJSONHandler(w, options)))
	}
	return slog.New(lines.NewLogHandler(slog.NewTextHandler(w, options)))
}

// serve runs the proxy and its helpers until ctx is done or the demonstration ends.
func (p *proxyCommand) serve(ctx context.Context, cmd *cobra.Command, config proxy.Config) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if p.acls.given {
		if err := aclfile.Apply(config.Store, p.acls.text, aclfile.ChecksumOptional); err != nil {
			return err
		}
	}
	registry := prometheus.NewRegistry()
	config.Metrics = registry
	report := p.reporter(config)
	if p.mirror {
		config.Mirror = &proxy.Mirror{Interval: p.mirrorInterval, Timeout: p.mirrorTimeout, FollowRelease: !p.semantics.given, Report: report}
	}
	var group tasks
	if p.metrics.given { // before the ACLs are loaded, so that one can see that they are not
		group.start(cancel, func() error { return serveMetrics(ctx, p.metrics.text, registry, config.Logger) })
	}
	running, err := proxy.Listen(ctx, config)
	if err != nil {
		if ctx.Err() != nil {
			err = nil // stopped while it waited for the cluster
		}
		cancel(err)
		return errors.Join(err, group.wait())
	}
	group.start(cancel, func() error { return running.Serve(ctx) })
	group.start(cancel, func() error { return p.followACLs(ctx, config, report) })
	config.Logger.Info("serving", "listeners", strings.Join(running.Addresses(), ","), "acls", config.Store.Load().Len())
	if len(p.demo) > 0 {
		group.start(cancel, func() error {
			err := p.demonstrate(ctx, cmd.OutOrStdout(), running.Addresses()[0])
			cancel(nil)
			return err
		})
	}
	return group.wait()
}

// reporter returns a function that logs each attempt to load ACLs.
func (p *proxyCommand) reporter(config proxy.Config) func(error) {
	generation := config.Store.Load().Generation()
	p.warnOfHosts(config)
	return func(err error) {
		now := config.Store.Load()
		switch {
		case err != nil && p.mirror: // the proxy has logged it
		case err != nil:
			config.Logger.Error("ACLs not loaded: the previous ones stay in force", "reason", err.Error(), "generation", now.Generation())
		case now.Generation() != generation:
			generation = now.Generation()
			config.Logger.Info("ACLs loaded", "acls", now.Len(), "generation", generation)
			p.warnOfHosts(config)
		}
	}
}

// warnOfHosts logs a warning if ACLs have an unreadable host.
func (p *proxyCommand) warnOfHosts(config proxy.Config) {
	if count, first := config.Store.Load().UnreadableHosts(); count > 0 {
		config.Logger.Warn("ACLs with an unreadable host: in the documented rules, a DENY with such a host denies every address",
			"count", count, "first", printable(first.Entry.Host), "principal", printable(first.Entry.Principal))
	}
}

// followACLs applies changes of the ACL file until ctx is done.
func (p *proxyCommand) followACLs(ctx context.Context, config proxy.Config, report func(error)) error {
	if p.embedded || p.mirror {
		return nil
	}
	err := watch.Run(ctx, config.Store, p.acls.text, watch.Options{Report: report, Checksums: aclfile.ChecksumOptional})
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// metricsTimeout bounds a request for metrics. Only a hostile client is slower.
const metricsTimeout = 10 * time.Second

// serveMetrics serves metrics until ctx is done.
func serveMetrics(ctx context.Context, address string, registry *prometheus.Registry, log *slog.Logger) error {
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("--metrics: %w", err)
	}
	server := metricsServer(registry, log)
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// metricsServer returns a server of metrics. What goes wrong in it is in the log, escaped as
// everything there.
func metricsServer(registry *prometheus.Registry, log *slog.Logger) *http.Server {
	errorLog := slog.NewLogLogger(log.With("server", "metrics").Handler(), slog.LevelWarn)
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorLog: errorLog}))
	return &http.Server{
		Handler: mux, ReadTimeout: metricsTimeout, WriteTimeout: metricsTimeout, IdleTimeout: metricsTimeout,
		MaxHeaderBytes: 16 << 10, ErrorLog: errorLog,
	}
}
