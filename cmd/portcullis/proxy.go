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

// proxyCommand is the flags of the command proxy.
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

	allowReadable bool // files with secrets may be read by others

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
		Short: "Stand between Kafka clients and a cluster, and let pass what the ACLs allow",
		Long: `proxy is a Kafka proxy that authorizes: clients connect to it instead of the
brokers. What the ACLs do not allow is answered as a broker answers it, and never
reaches the cluster.

Clients begin at the port of --listen. The broker with node id N is at the N+1st
port after it (counted from --first-node-id); open as many ports as the cluster has
brokers. What a client is called is decided by the protocol:

  PLAINTEXT                    User:ANONYMOUS, everybody
  SSL                          the subject of the certificate, by the rules of --properties
  SASL_PLAINTEXT, SASL_SSL     who logs in: with --users by PLAIN or SCRAM, with --keytab by Kerberos

ACLs are read from the file --acls, which is followed: a change is in force at once,
and a file that is broken leaves the set before in force. With --mirror-acls they are
those of the cluster instead, and decide as the authorizer of the cluster's release
does, unless --semantics says otherwise; an upgrade of the cluster is followed. The
proxy is a client of the cluster and must be a super user there, and the brokers should
be out of reach of everybody else.

No port is open before the ACLs are loaded. A cluster that does not answer, or does not
show its ACLs, is waited for, with a line in the log for each attempt. If it stops
showing them later, those from before stay in force: the log, acl_age_seconds and
acl_load_failures_total of --metrics show it. The ports of a broker that is down are
closed until it is back.

--embedded is a cluster to try things on, in the memory of this process. Its clients
may change the ACLs, in memory, too; --acls is read once. --demo USER=TOPIC logs in as the user, writes a record to the topic through the proxy,
prints what came of it, and ends.

What is refused is told on standard output, or in --audit-log: a line of JSON for each
name, which portcullis suggest --trace reads. Everything else is told on standard error.

--config is a file with a line "flag = value" for each flag; a flag of the command
line replaces those of that name in the file. Lines that begin with # are comments.
The file of --users has a line "user:password" for each user. It, --tls-key, --keytab
and --upstream-password-file must be out of reach of other users of the machine: the
file, its folders and symbolic links belong to root or to the user that runs the proxy,
others have no right to the file, its group may read it if root owns it, and nobody else
may write one of the folders unless it has the sticky bit. --allow-readable-secrets takes
other files.

The proxy ends on SIGTERM or SIGINT, once the requests under way are answered.
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
	f.StringArrayVar(&p.listen, "listen", nil, "`protocol://host:port` where clients begin; may be repeated")
	p.advertise = onceFlag(cmd, "advertise", "", "`host` that clients are told to connect to; otherwise that of --listen")
	f.Int32Var(&p.firstNode, "first-node-id", 0, "lowest node `id` of the cluster's brokers")
	p.cert = onceFlag(cmd, "tls-cert", "", "PEM `file` of the proxy's certificate, with its issuers behind it")
	p.key = onceFlag(cmd, "tls-key", "", "PEM `file` of its key")
	p.clientCA = onceFlag(cmd, "tls-client-ca", "", "PEM `file` of the issuers of clients' certificates, which SSL then demands")
	f.StringSliceVar(&p.mechanisms, "sasl-mechanisms", nil, "`list` of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, GSSAPI; otherwise all that there are users or a keytab for")
	p.users = onceFlag(cmd, "users", "", "`file` of users with their passwords")
	p.keytab = onceFlag(cmd, "keytab", "", "`file` with the keys of the proxy's Kerberos service")
	f.BoolVar(&p.allowReadable, allowReadableFlag, false, "take files with passwords and keys that other users of the machine can read or replace")
	f.DurationVar(&p.session, "session-time", 0, "for how `long` a login holds, as connections.max.reauth.ms; 0 is for ever")
	p.properties = onceFlag(cmd, "properties", "", "a broker's server.properties, a `file` with super.users and the rules that name clients")
	p.krb5Conf = onceFlag(cmd, "krb5-conf", "", "krb5.conf, a `file` with the default realm")
	p.superUsers = onceFlag(cmd, "super-users", "", "`list` of principals that may do everything: 'User:a;User:b'; otherwise that of --properties")
	p.acls = onceFlag(cmd, "acls", "", "`file` of ACLs, in any format that check reads")
	f.BoolVar(&p.mirror, "mirror-acls", false, "take the ACLs of the cluster")
	f.DurationVar(&p.mirrorInterval, "mirror-interval", proxy.DefaultMirrorInterval, "how `often` they are taken")
	f.DurationVar(&p.mirrorTimeout, "mirror-timeout", proxy.DefaultMirrorTimeout, "how `long` the cluster may be silent while it is asked for them")
	p.semantics = onceFlag(cmd, "semantics", "", "`rules` to decide by: documented, kafka-exact=4.2 or kafka-exact=4.4; otherwise documented, and with --mirror-acls those of the cluster's release", proxySemantics...)
	f.StringArrayVar(&p.upstream, "upstream", nil, "`host:port` of a broker of the cluster; may be repeated")
	f.BoolVar(&p.upstreamTLS, "upstream-tls", false, "connect to the cluster by TLS")
	p.upstreamCA = onceFlag(cmd, "upstream-ca", "", "PEM `file` of the issuers of the brokers' certificates; otherwise those that the system trusts")
	p.upstreamUser = onceFlag(cmd, "upstream-user", "", "`user` that the proxy logs in as")
	p.upstreamPassword = onceFlag(cmd, "upstream-password-file", "", "`file` with its password")
	p.upstreamSASL = onceFlag(cmd, "upstream-mechanism", proxy.ScramSHA512, "`mechanism` to log in by", proxy.Plain, proxy.ScramSHA256, proxy.ScramSHA512)
	f.BoolVar(&p.embedded, "embedded", false, "have a cluster in memory instead of --upstream")
	f.StringSliceVar(&p.embeddedTopics, "embedded-topics", nil, "`list` of topics that it has")
	f.StringArrayVar(&p.demo, "demo", nil, "`user=topic`: write to the topic as the user, print what came of it, and end; may be repeated")
	p.auditLog = onceFlag(cmd, "audit-log", standardInput, "`file` that gets what is refused, one JSON line for each name, or - for standard output")
	f.IntVar(&p.limits.AuditEvents, "audit-events", proxy.DefaultAuditEvents, "`number` of these lines a second; what is dropped beyond it is counted and told in the log")
	p.metrics = onceFlag(cmd, "metrics", "", "`host:port` where Prometheus finds metrics, at /metrics")
	f.IntVar(&p.limits.Connections, "max-connections", proxy.DefaultConnections, "`number` of connections of clients at the same time")
	f.IntVar(&p.limits.AddressConnections, "max-connections-per-address", proxy.DefaultAddressConnections, "`number` of connections of one client address at the same time; an IPv6 network of 64 bits counts as one address")
	f.IntVar(&p.limits.AddressLogins, "max-logins-per-address", proxy.DefaultAddressLogins, "`number` of them that are not logged in")
	f.Int64Var(&p.limits.FramesBytes, "queued-max-request-bytes", 0, "`size` of all requests together that are read and not yet sent on or answered; others wait unread (default 512 MiB, or a quarter of GOMEMLIMIT if that is less)")
	f.IntVar(&p.limits.FrameBytes, "max-request-bytes", proxy.DefaultFrameBytes, "`size` of the largest request")
	f.DurationVar(&p.limits.Login, "login-time", proxy.DefaultLogin, "how `long` a client may take to log in")
	f.DurationVar(&p.limits.Idle, "idle-time", proxy.DefaultIdle, "how `long` a connection may be idle")
	f.DurationVar(&p.limits.Drain, "drain-time", proxy.DefaultDrain, "how `long` requests under way may take when the proxy ends")
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
	if len(p.demo) == 0 { // whose output is no log
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

// openAuditLog opens where what is refused is told.
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

// unclosed is a writer that somebody else closes.
type unclosed struct{ io.Writer }

func (unclosed) Close() error { return nil }

// newLogger returns the log. A demonstration is not one of the log.
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

// serve runs the proxy, with what belongs to it, until ctx is done or the
// demonstration is.
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
			err = nil // it was waiting for the cluster
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

// reporter returns what logs each attempt to take over ACLs.
func (p *proxyCommand) reporter(config proxy.Config) func(error) {
	generation := config.Store.Load().Generation()
	p.warnOfHosts(config)
	return func(err error) {
		now := config.Store.Load()
		switch {
		case err != nil && p.mirror: // the proxy has logged it
		case err != nil:
			config.Logger.Error("ACLs not taken over: those before stay in force", "reason", err.Error(), "generation", now.Generation())
		case now.Generation() != generation:
			generation = now.Generation()
			config.Logger.Info("ACLs taken over", "acls", now.Len(), "generation", generation)
			p.warnOfHosts(config)
		}
	}
}

// warnOfHosts says in the log which ACLs have a host that cannot be read.
func (p *proxyCommand) warnOfHosts(config proxy.Config) {
	if count, first := config.Store.Load().UnreadableHosts(); count > 0 {
		config.Logger.Warn("ACLs with a host that is no network: as far as they deny, the documented rules deny every address by them",
			"count", count, "first", printable(first.Entry.Host), "principal", printable(first.Entry.Principal))
	}
}

// followACLs keeps the ACLs of the file up to date until ctx is done.
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

// metricsTimeout bounds a request for metrics: whoever asks for them is slower only if
// he means harm.
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
