package proxy

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/aclset"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/client"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/secretfile"
	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/gateway/relay"
	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// readConfig sets the flags that are in the file and not on the command line. Errors
// have the file and line. After an error the command must stop.
func readConfig(cmd *cobra.Command, file string) error {
	if file == "" {
		return nil
	}
	given := map[string]bool{}
	cmd.Flags().Visit(func(f *pflag.Flag) { given[f.Name] = true })
	return secretfile.ReadLines(file, func(line string) (found, expected string) {
		name, value, ok := strings.Cut(line, "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		switch flag := cmd.Flags().Lookup(name); {
		case !ok:
			return enum.Quote(line), "flag = value"
		case flag == nil || name == "config" || name == "help":
			return enum.Quote(name), "a flag of " + cmd.CommandPath()
		case given[name]:
			return "", ""
		}
		if err := cmd.Flags().Set(name, value); err != nil {
			if cause := errors.Unwrap(err); cause != nil {
				err = cause // drop the flag's name and value, which the message has already
			}
			return enum.Quote(value), "a value of " + name + ": " + err.Error()
		}
		return "", ""
	})
}

// needs lists the flags that need another flag.
var needs = []cli.Relation{
	{Flag: "embedded-topics", Others: []string{"embedded"}},
	{Flag: "tls-cert", Others: []string{"tls-key"}},
	{Flag: "tls-key", Others: []string{"tls-cert"}},
	{Flag: "tls-client-ca", Others: []string{"tls-cert"}},
	{Flag: "upstream-user", Others: []string{"upstream-password-file"}},
	{Flag: "upstream-password-file", Others: []string{"upstream-user"}},
	{Flag: "upstream-ca", Others: []string{"upstream-tls"}},
	{Flag: "keytab", Others: []string{"krb5-conf"}},
	{Flag: "kerberos-principal", Others: []string{"krb5-conf"}},
	{Flag: "ignore-properties", Others: []string{"properties"}},
	{Flag: "upstream-config", Others: []string{"upstream"}},
	{Flag: "trace-ratio", Others: []string{"otlp-endpoint"}},
	{Flag: "ready-acl-age", Others: []string{"metrics"}},
	{Flag: "roles", Others: []string{"kafka-cluster"}},
	{Flag: "kafka-cluster", Others: []string{"roles"}},
	{Flag: "groups-claim-optional", Others: []string{"groups-claim"}},
}

// exclusions lists the flags that cannot be given with another one.
var exclusions = []cli.Relation{
	{Flag: "upstream-config", Others: []string{"upstream-tls", "upstream-ca", "upstream-user", "upstream-password-file", "upstream-mechanism"}, Why: "the file says how the proxy connects"},
	{Flag: "quotas", Others: []string{"upstream-quotas"}, Why: "quotas come from one of them"},
	{Flag: "groups", Others: []string{"groups-ldap"}, Why: "groups come from one of them"},
}

// checkUsage returns an error for each missing, conflicting or invalid flag.
func (p *command) checkUsage(cmd *cobra.Command) error {
	var errs cli.Errors
	_, err := cli.IsJSON(cmd)
	errs.Add(err)
	switch {
	case p.mirrored && p.roles.file.Given:
		errs.Refuse("--roles cannot be given with --mirror-acls: portcullis plan and apply bring roles into the cluster")
	case (p.acls.Given || p.roles.file.Given) == p.mirrored:
		errs.Refuse("expected either --acls, --roles or both, or --mirror-acls")
	}
	if p.groups.keep <= 0 || p.groups.refresh < 0 {
		errs.Refuse("--groups-keep and --groups-refresh: expected a positive duration")
	}
	p.quotas.check(&errs)
	for _, flag := range []string{"groups-keep", "groups-refresh"} {
		if cmd.Flags().Changed(flag) && !p.groups.file.Given && !p.groups.directory.Given {
			errs.Refuse("--%s needs --groups or --groups-ldap", flag)
		}
	}
	if p.embedded == (len(p.upstream) > 0) {
		errs.Refuse("expected either --upstream or --embedded")
	}
	if p.embedded && p.mirrored {
		errs.Refuse("--mirror-acls cannot be given with --embedded: the embedded cluster has no ACLs")
	}
	if p.embedded && p.delegationTokens {
		errs.Refuse("--delegation-tokens cannot be given with --embedded: the embedded cluster has no delegation tokens")
	}
	if len(p.listen) == 0 && !p.embedded && !p.properties.Given {
		errs.Refuse("--listen is missing: see %s --help", cmd.CommandPath())
	}
	errs.Need(cmd, needs)
	errs.Exclude(cmd, exclusions)
	if len(p.demo) > 0 && (!p.embedded || len(p.listen) > 0 || p.users.Given) {
		errs.Refuse("--demo needs --embedded and has its own listener and users: omit --listen and --users")
	}
	for _, d := range p.demo {
		if user, topic, ok := strings.Cut(d, "="); !ok || user == "" || topic == "" {
			errs.Add(cli.BadFlag("demo", d, "user=topic"))
		}
	}
	if n := p.limits.RightlessUpstreams; n < 1 {
		errs.Refuse("--max-rightless-connections: found %d, expected 1 or more", n)
	}
	_, _, err = p.audit.check()
	errs.Add(err)
	errs.Add(p.tracing.check())
	errs.Add(p.checkSecrets())
	return errs.Join()
}

// build returns the configuration of the proxy, and what was read for it.
func (p *command) build(cmd *cobra.Command) (proxy.Config, *settings, error) {
	var errs cli.Errors
	asJSON, _ := cli.IsJSON(cmd) // it is checked
	level := slog.LevelInfo
	if len(p.demo) > 0 { // a demonstration logs no more than errors
		level = slog.LevelError
	}
	log := cli.NewLogger(cmd.ErrOrStderr(), asJSON, level)
	read, err := p.readSettings(cmd.InOrStdin(), log, nil)
	errs.Add(err)
	semantics := snapshot.Documented
	if p.semantics.Given {
		semantics, err = snapshot.ParseSemantics(p.semantics.Text)
		errs.Add(err)
	}
	if read != nil && p.groups.claim.Given && len(read.verifiers) == 0 {
		errs.Refuse("--groups-claim: no listener takes tokens (OAUTHBEARER)")
	}
	if len(errs) > 0 {
		return proxy.Config{}, nil, errs.Join()
	}
	aclset.WarnOfSuperUsers(cmd.ErrOrStderr(), read.superUsersFrom, read.superUsers)
	if p.properties.Given {
		log.Info("settings of the broker that count for the proxy", "settings", strings.Join(read.used, ","), "others", read.unused)
	}
	config := proxy.Config{
		Upstream: read.upstream, Listeners: read.listeners, Limits: p.limits, AuditEvents: p.auditEvents, Logger: log,
		DelegationTokens: p.delegationTokens,
		ACLs:             gateway.ShowACLs, // ACLs change only through the file
		Store: snapshot.NewStore(snapshot.Config{
			Semantics: semantics, SuperUsers: read.superUsers, AllowIfNoACL: read.allowEveryone,
		}),
	}
	switch {
	case p.mirrored:
		config.ACLs = gateway.ForwardACLs
	case p.embedded:
		config.ACLs = gateway.ServeACLs
	}
	return config, read, nil
}

// upstreamConfig returns how the proxy connects to the cluster.
func (p *command) upstreamConfig(stdin io.Reader, files *fileReader) (u relay.Upstream, from *client.Config, err error) {
	u.Brokers = p.upstream
	from = &client.Config{}
	if p.upstreamConfigFile.Given {
		made, err := client.ReadFile(p.upstreamConfigFile.Text, stdin, p.krb5Conf.Text, files.resolve, files.read)
		if err != nil {
			return u, from, err
		}
		u.TLS, u.SASL = made.TLS, made.SASL
		return u, made, nil
	}
	if p.upstreamTLS {
		u.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
		if p.upstreamCA.Given {
			if u.TLS.RootCAs, err = secretfile.ReadPool("upstream-ca", p.upstreamCA.Text); err != nil {
				return u, from, err
			}
		}
	}
	if !p.upstreamUser.Given {
		return u, from, nil
	}
	password, err := cli.ReadConfig(p.upstreamPassword.Text, nil)
	if err != nil {
		return u, from, fmt.Errorf("--upstream-password-file: %w", err)
	}
	begin, ok := upstreamMechanisms[p.upstreamSASL.Text]
	if !ok {
		return u, from, cli.BadFlag("upstream-mechanism", p.upstreamSASL.Text, strings.Join(slices.Sorted(maps.Keys(upstreamMechanisms)), ", "))
	}
	u.SASL = begin(p.upstreamUser.Text, strings.TrimRight(string(password), "\r\n"))
	return u, from, nil
}

// upstreamMechanisms are the SASL mechanisms for the login to the cluster.
var upstreamMechanisms = map[string]func(user, password string) sasl.Mechanism{
	proxy.Plain:       func(u, p string) sasl.Mechanism { return plain.Auth{User: u, Pass: p}.AsMechanism() },
	proxy.ScramSHA256: func(u, p string) sasl.Mechanism { return scram.Auth{User: u, Pass: p}.AsSha256Mechanism() },
	proxy.ScramSHA512: func(u, p string) sasl.Mechanism { return scram.Auth{User: u, Pass: p}.AsSha512Mechanism() },
}
