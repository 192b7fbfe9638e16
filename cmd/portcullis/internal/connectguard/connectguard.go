// Package connectguard has the command connect guard, which serves the REST interface of Kafka
// Connect to clients with roles.
package connectguard

import (
	"fmt"
	"log/slog"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/secretfile"
)

// command is the command with its flags.
type command struct {
	listen                            string
	worker                            *cli.Once
	workerCA, workerCert, workerKey   *cli.Once
	roles, cluster, groups            *cli.Once
	cert, key, clientCA, rules, users *cli.Once
	tokenKeys, tokenIssuer            *cli.Once
	tokenAudiences                    []string
	withoutTLS, allowReadable         bool
	logAllowed, check                 bool
}

const long = `guard is a reverse proxy in front of the REST interface of a Kafka Connect worker, which has
no authorization of its own. Clients log in with a certificate (--tls-client-ca), a name
and a password (--users) or a token (--token-keys), and may do what role bindings in the
scope of the Connect cluster give them. Let nobody else reach the worker: bind its
listeners to a loopback address, or require the certificate of --worker-cert there.

--roles is a file of role bindings, as portcullis iam keeps it. --connect-cluster is the
name of the Connect cluster in it, or the ids KAFKA/CONNECT. The operations on the
resource type Connector are:
  Create               POST /connectors; also needed for PUT /connectors/NAME/config
  Configure            PUT and PATCH /connectors/NAME/config, PUT topics/reset
  Delete               DELETE /connectors/NAME
  ReadConfig           GET /connectors/NAME, its config and tasks
  ReadStatus           GET status, topics and tasks/N/status
  PauseResumeRestart   pause, resume, stop and restart
  ReadOffsets          GET offsets
  AlterOffsets         PATCH and DELETE offsets
PUT /connector-plugins/PLUGIN/config/validate needs Create or Configure on the connector
that the configuration names. On the type ConnectCluster, with the name connect-cluster:
ReadPlugins (also held by whoever has a right on a connector), ReadLoggers and
AlterLoggers. Everything else is refused, as are requests that workers send each other.

Lists have only the connectors that the client may see. Values that are probably secrets
are masked in every answer; a masked value that comes back is refused. References such
as ${file:/path:key} are shown.

A line of --users is user:password or "user":"password" with JSON strings. --ssl-rules are
those of ssl.principal.mapping.rules. --token-keys is an https URL or a file of the keys
that sign tokens, with --token-issuer and --token-audience. Without TLS only a loopback
address may be listened on, with --without-tls. The files of --users, --tls-key and
--worker-key must be protected from other users of the machine.

A changed file of roles or groups, a new certificate or a new file of users counts within
ten seconds. If a file cannot be used, what was read before stays in force, and the log
says so. Each decision is an event in the log on standard error: denials, and with
--log-allowed also what is allowed.

Exit status: 0 ended by a signal, or --check is done; 2 bad input or usage.`

// New returns the command.
func New() *cobra.Command {
	g := &command{}
	cmd := &cobra.Command{
		Use: "guard --listen HOST:PORT --worker URL --roles FILE --connect-cluster NAME", Args: cobra.NoArgs,
		Short: "Serve the REST interface of a Connect worker to clients with roles",
		Long:  long,
		Example: `  portcullis connect guard --listen 0.0.0.0:8443 --worker http://127.0.0.1:8083 --roles roles.json --connect-cluster connect-prod \
    --tls-cert cert.pem --tls-key key.pem --tls-client-ca ca.pem --ssl-rules 'RULE:^CN=([a-z-]+).*$/$1/,DEFAULT'
  portcullis connect guard --listen 127.0.0.1:8084 --without-tls --users users.txt --worker http://127.0.0.1:8083 --roles roles.json --connect-cluster connect-prod`,
		RunE: func(cmd *cobra.Command, _ []string) error { return g.run(cmd) },
	}
	g.addFlags(cmd)
	return cmd
}

func (g *command) addFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&g.listen, "listen", "", "`host:port` to serve clients at")
	g.worker = cli.OnceFlag(cmd, "worker", "", "`URL` of the worker, such as http://127.0.0.1:8083")
	g.workerCA = cli.OnceFlag(cmd, "worker-ca", "", "PEM `file` with the issuers of the worker's certificate; default those that the system trusts")
	g.workerCert = cli.OnceFlag(cmd, "worker-cert", "", "PEM `file` with the certificate that the guard shows to the worker")
	g.workerKey = cli.OnceFlag(cmd, "worker-key", "", "PEM `file` with the key of --worker-cert")
	g.roles = cli.OnceFlag(cmd, "roles", "", "`file` of role bindings, as iam keeps it")
	g.cluster = cli.OnceFlag(cmd, "connect-cluster", "", "`name` of the Connect cluster in the file of roles, or KAFKA-ID/CONNECT-ID")
	g.groups = cli.OnceFlag(cmd, "groups", "", "`file` of groups and their members, JSON lines")
	g.cert = cli.OnceFlag(cmd, "tls-cert", "", "PEM `file` with the guard's certificate, followed by its issuers")
	g.key = cli.OnceFlag(cmd, "tls-key", "", "PEM `file` with the key of --tls-cert")
	g.clientCA = cli.OnceFlag(cmd, "tls-client-ca", "", "PEM `file` with the issuers of client certificates, which are then accepted")
	g.rules = cli.OnceFlag(cmd, "ssl-rules", "DEFAULT", "mapping `rules` for the names in client certificates")
	g.users = cli.OnceFlag(cmd, "users", "", "`file` of users with their passwords")
	g.tokenKeys = cli.OnceFlag(cmd, "token-keys", "", "`URL or file` of the key set that verifies bearer tokens")
	g.tokenIssuer = cli.OnceFlag(cmd, "token-issuer", "", "expected `issuer` of tokens")
	f.StringArrayVar(&g.tokenAudiences, "token-audience", nil, "expected `audience` of tokens; may be repeated")
	f.BoolVar(&g.withoutTLS, "without-tls", false, "serve a loopback address without TLS")
	f.BoolVar(&g.allowReadable, secretfile.AllowReadableFlag, false, secretfile.AllowReadableUsage)
	f.BoolVar(&g.logAllowed, "log-allowed", false, "log what is allowed, too")
	f.BoolVar(&g.check, "check", false, "read all files, say what is configured, and exit")
	cli.AddOutput(cmd)
	cli.Require(cmd, "listen", "worker", "roles", "connect-cluster")
}

// needs lists the flags that need another flag.
var needs = []cli.Relation{
	{Flag: "worker-cert", Others: []string{"worker-key"}},
	{Flag: "worker-key", Others: []string{"worker-cert"}},
	{Flag: "tls-cert", Others: []string{"tls-key"}},
	{Flag: "tls-key", Others: []string{"tls-cert"}},
	{Flag: "tls-client-ca", Others: []string{"tls-cert"}},
	{Flag: "ssl-rules", Others: []string{"tls-client-ca"}},
	{Flag: "token-keys", Others: []string{"token-issuer", "token-audience"}},
	{Flag: "token-issuer", Others: []string{"token-keys"}},
	{Flag: "token-audience", Others: []string{"token-keys"}},
}

// exclusions lists the flags that cannot be given with another one.
var exclusions = []cli.Relation{{Flag: "without-tls", Others: []string{"tls-cert"}, Why: "one of them says how clients connect"}}

// checkUsage returns an error for each missing, conflicting or invalid flag.
func (g *command) checkUsage(cmd *cobra.Command) error {
	var errs cli.Errors
	_, err := cli.IsJSON(cmd)
	errs.Add(err)
	errs.Need(cmd, needs)
	errs.Exclude(cmd, exclusions)
	if !g.clientCA.Given && !g.users.Given && !g.tokenKeys.Given {
		errs.Refuse("expected --tls-client-ca, --users or --token-keys: without them nobody can log in")
	}
	switch {
	case !g.cert.Given && !g.withoutTLS:
		errs.Refuse("--tls-cert is missing: without TLS passwords and tokens can be read on the way; --without-tls serves a loopback address")
	case g.withoutTLS && !isLoopback(g.listen):
		errs.Refuse("--without-tls: found --listen %q, expected a loopback address such as 127.0.0.1:8084", g.listen)
	}
	if !g.allowReadable {
		for _, secret := range []struct {
			flag string
			file *cli.Once
		}{{"users", g.users}, {"tls-key", g.key}, {"worker-key", g.workerKey}} {
			if secret.file.Given {
				errs.Add(secretfile.Refuse("--"+secret.flag, secret.file.Text))
			}
		}
	}
	return errs.Join()
}

func (g *command) run(cmd *cobra.Command) error {
	if err := g.checkUsage(cmd); err != nil {
		return err
	}
	asJSON, err := cli.IsJSON(cmd)
	if err != nil {
		return err
	}
	level := slog.LevelInfo
	if g.logAllowed {
		level = slog.LevelDebug
	}
	log := cli.NewLogger(cmd.ErrOrStderr(), asJSON, level)
	s, err := g.open(log)
	if err != nil {
		return err
	}
	if g.check {
		_, err := fmt.Fprintln(cmd.OutOrStdout(), s.describe(g))
		return err
	}
	ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	return s.serve(ctx, g, log)
}
