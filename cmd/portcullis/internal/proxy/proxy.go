// Package proxy has the command proxy.
package proxy

import (
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/portcullis-authz/portcullis/audit"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/secretfile"
	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/gateway/relay"
)

// command holds the flags of the command proxy.
type command struct {
	config *cli.Once

	// the clients' side
	listen, mechanisms                            []string
	advertise, cert, key, clientCA, users, keytab *cli.Once
	saltSecret, service                           *cli.Once
	firstNode                                     int32
	session                                       time.Duration

	allowReadable bool // other users may read files with secrets

	// who they are, and what they may do
	properties, krb5Conf, superUsers, acls, semantics *cli.Once
	ignored                                           []string // prefixes of settings that no broker of Kafka has
	mirrored                                          bool
	roles                                             roleFlags
	quotas                                            quotaFlags
	bound                                             *bound // or nil without roles
	groups                                            groupFlags
	mirror                                            proxy.Mirror

	// the cluster
	upstream                                                 []string
	upstreamTLS                                              bool
	upstreamCA, upstreamUser, upstreamPassword, upstreamSASL *cli.Once
	upstreamConfigFile                                       *cli.Once
	embedded, delegationTokens                               bool
	embeddedTopics, demo                                     []string

	// operation
	check       bool
	metrics     *cli.Once
	oldestACLs  time.Duration
	audit       auditFlags
	tracing     traceFlags
	hangup      chan os.Signal // SIGHUP: read the settings again
	limits      relay.Limits
	auditEvents int
}

// New returns the command proxy.
func New() *cobra.Command { return new(command).cobra() }

// cobra returns the command, which sets p. It is long because it is a table: the help, and
// a line for each flag.
func (p *command) cobra() *cobra.Command {
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
  SASL_PLAINTEXT, SASL_SSL     the login: PLAIN or SCRAM with --users, Kerberos with --keytab,
                               or a token (OAUTHBEARER) by --properties

--properties is the server.properties of a broker. Its settings count as for the broker:
listeners and their names, listener.security.protocol.map, advertised.listeners (without
the ports), ssl.* with key and trust stores in PEM, PKCS#12 and JKS, ssl.client.auth,
sasl.enabled.mechanisms, sasl.jaas.config of PLAIN and GSSAPI, sasl.oauthbearer.* of
tokens, connections.max.reauth.ms, the mapping rules, super.users and
allow.everyone.if.no.acl.found, each also with the prefix listener.name.NAME. The log says
at the start which settings count. --listen NAME://host:port serves a listener of the file
on another address, and the listeners of the file are not served then. The flags
--tls-cert, --tls-key, --tls-client-ca, --sasl-mechanisms and --session-time replace
settings of the file that are not for one listener. --tls-client-ca is for SSL listeners;
SASL_SSL listeners ask for certificates if listener.name.NAME.ssl.client.auth says so, as
in Kafka. A setting that Kafka does not have is an error.

The proxy reads ACLs from the file --acls and watches it. A change takes effect at once.
If the new content has an error, the previous ACLs stay in force. With --mirror-acls the
proxy uses the ACLs of the cluster, and decides as the authorizer of the cluster's
release does, unless --semantics is given. It notices an upgrade of the cluster. The
proxy is a client of the cluster and must be a super user there. Only the proxy should be
able to reach the brokers.

--roles is a file of role bindings, as portcullis iam keeps it. Those of --kafka-cluster count
as the ACLs that they stand for, alone or together with --acls, and the proxy follows both
files: a change takes effect within three seconds. Events of audit name the role and the
binding. With --mirror-acls use portcullis plan and apply, which bring roles into the cluster.

Bindings and ACLs may be for groups (Group:name). Who is in a group comes from --groups, a file
with lines {"group":"Group:payments","members":["User:alice","Group:payments-eu"]}, from an LDAP
directory (--groups-ldap), and from the claim --groups-claim of tokens. The file of --groups-ldap
has lines "name = value": url (ldaps://host, several with commas), ca, start-tls, plaintext,
bind-dn, password-file, user-base, user-filter (default (uid={user})), group-base, group-filter
(default (member={dn})), nested-filter, group-name (default cn), depth of nesting (default 10)
and page. A change of membership counts for open connections within --groups-refresh. While the
groups of a client are not known, its requests are refused, because a DENY may be for one of
them; only super users by their own name are served. The last answer counts for --groups-keep.

Brokers cannot count what each client uses: all of them are the proxy for them. With --quotas or
--upstream-quotas the proxy throttles clients as a broker does, by producer_byte_rate and
consumer_byte_rate of users and client ids. --quotas is a file as kafka-configs --describe prints
it, and is followed; --upstream-quotas takes over those of the cluster every five seconds, for
which the proxy needs DescribeConfigs on it. Each proxy counts by itself, as each broker does.

The proxy opens its ports after it has loaded the ACLs. If the cluster does not answer or
does not show its ACLs, the proxy retries and logs each attempt. If the cluster stops
showing its ACLs later, the previous ones stay in force; the log and the metrics
acl_age_seconds and acl_load_failures_total show this. While a broker is down, its ports
are closed.

--embedded runs a cluster for tests in the memory of this process. Its clients may change
the ACLs, also in memory; --acls is read once. --demo USER=TOPIC logs in as the user,
writes a record to the topic through the proxy, prints the result, and exits.

Refusals are audit events, one line for each name. With --audit-allows, what is allowed
is an event too. They go to standard output, to the file --audit-log or to the topic
--audit-topic, as JSON, CloudEvents or OCSF. portcullis suggest --trace reads all three;
with --denied it proposes ACLs for what was refused. Everything else goes to standard
error. While events cannot be written, --audit-failure says what happens: drop
loses events that do not fit in a queue of 8,192 and counts them, block makes requests wait
for room in it, and deny refuses all requests until events can be written again. A file is
rotated as --audit-rotate-mib, --audit-rotate-time and --audit-keep say, or by logrotate:
on SIGHUP it is opened again. The proxy connects to the brokers to write to the topic, so
that this makes no events.

--config is a file with lines "flag = value". A flag on the command line replaces the
same flag in the file. Lines that begin with # are comments. The file of --users has a
line "user:password" for each user. Texts with blanks at the ends, and names with a colon
or with # at the beginning, are written as JSON strings: "user":"password". A user whose
password is not known has a line as for kafka-storage format --add-scram, with a salted
password or with the keys that brokers store, and logs in with this mechanism only:
SCRAM-SHA-256=[name=user,salt="…",saltedpassword="…",iterations=4096]
SCRAM-SHA-256=[name=user,salt="…",stored_key="…",server_key="…",iterations=4096]

A SCRAM login begins with the salt of the user, before the password counts. A name that
is no user gets a salt too, which looks like those of the users. --salt-secret keeps
such salts the same after a restart, as salted credentials are; otherwise clients
without a login that ask twice learn who has salted credentials. Use one file for all
proxies of a cluster, and keep it. For example: openssl rand -base64 32.

With --delegation-tokens clients can create, renew, expire and describe delegation tokens of
the cluster, and log in with a token by SCRAM as its owner, also without --users. The cluster
needs Kafka 3.3 and delegation.token.secret.key, and must not take the proxy's connections on
a PLAINTEXT listener. Who can make tokens of a principal at the cluster can be that
principal at the proxy.

The files of --users, --salt-secret, --tls-key, --keytab and --upstream-password-file, a
--properties or --upstream-config with passwords or keys, and the key stores in them
must be protected from other users of the machine. The file, its folders and symbolic
links must belong to root or to the user that runs the proxy. Others must have no access
to the file; its group may read it if root owns it. No other user may write to one of
the folders, unless it has the sticky bit. --allow-readable-secrets accepts other files.

OAUTHBEARER needs sasl.oauthbearer.jwks.endpoint.url, an https:// or file:// URL of the
keys that sign the tokens, sasl.oauthbearer.expected.issuer and
sasl.oauthbearer.expected.audience. The name of the client is the claim sub, or that of
sasl.oauthbearer.sub.claim.name. The keys of an https URL are loaded at the start and
when they are older than sasl.oauthbearer.jwks.endpoint.refresh.ms. While that fails the
old ones count, for a day.

Values in --properties and --upstream-config can refer to secrets elsewhere, such as
${file:/path:key}, ${dir:/path:name} and ${env:NAME}, with config.providers as in Kafka.

If one of these files changes, or one that they name, the proxy reads them all again, within
ten seconds or at once on SIGHUP. New certificates, keys, authorities, users, mechanisms and
rules then count for new connections and logins, and for new connections to the cluster. If
a file cannot be used, the previous settings stay in force; the log and the metric
settings_load_failures_total show this. Super users, and where listeners listen, need a
restart.

On SIGTERM or SIGINT the proxy answers the requests in progress and exits.

With --metrics, /healthz answers while the process runs, and /readyz while it serves clients,
with the number, generation and age of the ACLs. With --ready-acl-age it answers so only
while the ACLs are not older.

With --otlp-endpoint, a part of the requests (--trace-ratio) becomes spans of OpenTelemetry,
one for the request and one in it for the time at the broker. They have no names of topics.
Requests of clients that are not logged in are not traced, and no more than 1,000 requests a
second. The URL has the path /v1/traces if it has none. Headers, certificates and timeouts
come from the variables OTEL_EXPORTER_OTLP_*. A collector that is down costs spans only.

Exit status: 0 ended by a signal, or --demo or --check is done; 2 bad input or usage.`,
		Example: `  portcullis proxy --embedded --acls examples/acme/acls.txt --demo billing=payments.eu --demo contractor=payments.eu
  portcullis proxy --upstream kafka-0:9092 --acls acls.txt --listen SASL_PLAINTEXT://127.0.0.1:9192 --users users.txt
  portcullis proxy --check --upstream kafka-0:9092 --acls acls.txt --properties server.properties
  portcullis proxy --upstream kafka-0:9093 --upstream-tls --mirror-acls --listen SSL://0.0.0.0:9192 --advertise proxy.example.com \
    --tls-cert cert.pem --tls-key key.pem --tls-client-ca ca.pem --properties server.properties --metrics 127.0.0.1:9404`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.run(cmd) },
	}
	f := cmd.Flags()
	p.config = cli.OnceFlag(cmd, "config", "", "`file` of flags")
	f.StringArrayVar(&p.listen, "listen", nil, "`name://host:port` where clients connect first, with the name of a protocol or of a listener in --properties; may be repeated; default the listeners in --properties")
	p.advertise = cli.OnceFlag(cmd, "advertise", "", "`host` to advertise to clients; default that of --listen")
	f.Int32Var(&p.firstNode, "first-node-id", 0, "lowest node `id` of the cluster's brokers")
	p.cert = cli.OnceFlag(cmd, "tls-cert", "", "PEM `file` with the proxy's certificate, followed by its issuers")
	p.key = cli.OnceFlag(cmd, "tls-key", "", "PEM `file` with the key of --tls-cert")
	p.clientCA = cli.OnceFlag(cmd, "tls-client-ca", "", "PEM `file` with the issuers of client certificates, which SSL then requires")
	f.StringSliceVar(&p.mechanisms, "sasl-mechanisms", nil, "`list` of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, GSSAPI, OAUTHBEARER; default all that --users and --keytab support")
	p.users = cli.OnceFlag(cmd, "users", "", "`file` of users with their passwords")
	p.saltSecret = cli.OnceFlag(cmd, "salt-secret", "", "`file` with at least 32 random bytes, of which SCRAM's salts are made for names that are no users")
	p.keytab = cli.OnceFlag(cmd, "keytab", "", "`file` with the keys of the proxy's Kerberos service")
	p.service = cli.OnceFlag(cmd, "kerberos-principal", "", "`service/host@REALM` that clients get Kerberos tickets for, also for the listeners of --properties; default that of sasl.jaas.config, or the only one in the keytab")
	f.BoolVar(&p.allowReadable, secretfile.AllowReadableFlag, false, secretfile.AllowReadableUsage)
	f.DurationVar(&p.session, "session-time", 0, "`duration`, such as 1h, until a client must authenticate again, as connections.max.reauth.ms; 0 means never")
	p.properties = cli.OnceFlag(cmd, "properties", "", "server.properties of a broker: a `file` with listeners, super.users and the mapping rules")
	f.StringSliceVar(&p.ignored, "ignore-properties", nil, "`prefixes` of settings in --properties that Kafka does not have, such as confluent.")
	p.krb5Conf = cli.OnceFlag(cmd, "krb5-conf", "", "krb5.conf: a `file` with the default realm")
	p.superUsers = cli.OnceFlag(cmd, "super-users", "", "`list` of principals that are allowed everything: 'User:a;User:b'; default that of --properties")
	p.acls = cli.OnceFlag(cmd, "acls", "", "`file` of ACLs, in any format that check reads")
	p.roles.add(cmd)
	p.groups.add(cmd)
	p.quotas.add(cmd)
	f.BoolVar(&p.mirrored, "mirror-acls", false, "use the ACLs of the cluster")
	f.DurationVar(&p.mirror.Interval, "mirror-interval", proxy.DefaultMirrorInterval, "`duration`, such as 10s, between two reads of the cluster's ACLs")
	f.BoolVar(&p.mirror.AnyBroker, "mirror-any-broker", false, "take the ACLs of any broker, also of one that is behind: for a cluster that serves DescribeQuorum and never answers it")
	f.DurationVar(&p.mirror.Timeout, "mirror-timeout", proxy.DefaultMirrorTimeout, "`duration`, such as 30s, that the cluster may be silent while it sends its ACLs")
	p.semantics = cli.OnceFlag(cmd, "semantics", "", "`rules` for decisions: documented, kafka-exact=4.2 or kafka-exact=4.4; default documented, or with --mirror-acls those of the cluster's release", "documented", "kafka-exact=4.2", "kafka-exact=4.4")
	f.StringArrayVar(&p.upstream, "upstream", nil, "`host:port` of a broker of the cluster; may be repeated")
	p.upstreamConfigFile = cli.OnceFlag(cmd, "upstream-config", "", "properties of a Java client: a `file` that says how the proxy connects to the cluster and logs in")
	f.BoolVar(&p.upstreamTLS, "upstream-tls", false, "connect to the cluster with TLS")
	p.upstreamCA = cli.OnceFlag(cmd, "upstream-ca", "", "PEM `file` with the issuers of the brokers' certificates; default those that the system trusts")
	p.upstreamUser = cli.OnceFlag(cmd, "upstream-user", "", "`user` that the proxy logs in as")
	p.upstreamPassword = cli.OnceFlag(cmd, "upstream-password-file", "", "`file` with the password of --upstream-user")
	p.upstreamSASL = cli.OnceFlag(cmd, "upstream-mechanism", proxy.ScramSHA512, "`mechanism` of the login to the cluster", proxy.Plain, proxy.ScramSHA256, proxy.ScramSHA512)
	f.BoolVar(&p.delegationTokens, "delegation-tokens", false, "let clients have delegation tokens of the cluster, and log in with them by SCRAM")
	f.BoolVar(&p.check, "check", false, "print what is configured, or what is wrong with it, and exit: no port is opened, and nothing connects to the cluster")
	f.BoolVar(&p.embedded, "embedded", false, "run a cluster in memory instead of --upstream")
	f.StringSliceVar(&p.embeddedTopics, "embedded-topics", nil, "`list` of topics of the embedded cluster")
	f.StringArrayVar(&p.demo, "demo", nil, "`user=topic`: write to the topic as the user, print the result, and exit; may be repeated")
	p.audit.add(cmd)
	f.IntVar(&p.auditEvents, "audit-events", proxy.DefaultAuditEvents, "maximum `events` of audit a second with --audit-failure drop; the log counts the dropped ones")
	p.tracing.add(cmd)
	p.metrics = cli.OnceFlag(cmd, "metrics", "", "`host:port` to serve Prometheus metrics, at /metrics")
	f.DurationVar(&p.oldestACLs, "ready-acl-age", 0, "greatest age of the ACLs, a `duration` such as 5m, with which /readyz says that the proxy is ready; 0 means any")
	f.IntVar(&p.limits.Connections, "max-connections", relay.DefaultConnections, "maximum of simultaneous client `connections`")
	f.IntVar(&p.limits.AddressConnections, "max-connections-per-address", relay.DefaultAddressConnections, "maximum of simultaneous `connections` from one client address; an IPv6 /64 network counts as one address")
	f.IntVar(&p.limits.AddressLogins, "max-logins-per-address", relay.DefaultAddressLogins, "maximum of these `connections` that are not logged in")
	f.IntVar(&p.limits.Logins, "max-logins", 0, "maximum of all `connections` that are not logged in; beyond it a new one has the place of another (default half of --max-connections)")
	f.IntVar(&p.limits.RightlessUpstreams, "max-rightless-connections", relay.DefaultRightlessUpstreams, "maximum of simultaneous `connections` to the cluster for clients of one principal, or of one address without a login, that no ACL allows anything; 1 or more")
	f.Int64Var(&p.limits.FramesBytes, "queued-max-request-bytes", 0, "total size, in `bytes`, of the requests that are read and not yet forwarded or answered; others wait unread (default 512 MiB, or a quarter of GOMEMLIMIT if that is less)")
	f.IntVar(&p.limits.FrameBytes, "max-request-bytes", relay.DefaultFrameBytes, "size of the largest request, in `bytes`")
	f.DurationVar(&p.limits.Login, "login-time", relay.DefaultLogin, "maximum `duration` of a login, such as 30s")
	f.DurationVar(&p.limits.Idle, "idle-time", relay.DefaultIdle, "maximum idle time of a connection: a `duration` such as 10m")
	f.DurationVar(&p.limits.Drain, "drain-time", relay.DefaultDrain, "maximum `duration`, such as 30s, for the requests in progress when the proxy stops")
	cli.AddOutput(cmd)
	return cmd
}

func (p *command) run(cmd *cobra.Command) error {
	// Before anything is read: without a handler the signal ends the process. It counts once
	// the settings can be read again.
	p.hangup = make(chan os.Signal, 1)
	signal.Notify(p.hangup, syscall.SIGHUP)
	defer signal.Stop(p.hangup)
	if err := readConfig(cmd, p.config.Text); err != nil {
		return err
	}
	if err := p.checkUsage(cmd); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	config, read, err := p.build(cmd)
	if err != nil {
		return err
	}
	if p.roles.file.Given {
		if p.bound, err = p.newBound(config.Store); err != nil {
			return err
		}
	}
	if p.check {
		return p.printCheck(cmd.OutOrStdout(), cmd.ErrOrStderr(), config, read)
	}
	if p.embedded {
		cluster, err := p.embed()
		if err != nil {
			return err
		}
		defer cluster.Close()
		config.Upstream = relay.Upstream{Brokers: cluster.ListenAddrs()}
	}
	var trail *auditTrail
	if len(p.demo) == 0 { // a demonstration has no audit log
		if trail, err = p.audit.open(&config, cmd.OutOrStdout(), config.Logger); err != nil {
			return err
		}
		if p.bound != nil {
			config.Audit = audit.WithRoles(config.Audit, p.bound.origins)
		}
	}
	defer trail.end(config.Logger)
	traces, err := p.tracing.open(&config)
	if err != nil {
		return err
	}
	defer traces.end(config.Logger)
	return p.serve(ctx, cmd, config, read, trail, traces)
}
