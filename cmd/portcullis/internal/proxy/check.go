package proxy

import (
	"crypto/tls"
	"fmt"
	"io"
	"strings"

	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/gateway/proxy/oauth"
	"github.com/portcullis-authz/portcullis/internal/lines"
)

// printCheck prints what is configured, without secrets, and warns of what is unsafe about it.
// The error is what is wrong.
func (p *command) printCheck(out, warnings io.Writer, config proxy.Config, read *settings) error {
	if err := p.loadACLs(config.Store); err != nil {
		return err
	}
	groups, err := p.openGroups()
	if err != nil {
		return err
	}
	quotas, err := p.quotas.describe()
	if err != nil {
		return err
	}
	if p.mirrored {
		config.Mirror = &p.mirror
	}
	if p.embedded {
		config.Upstream.Brokers = []string{"127.0.0.1:9092"} // it is made when it starts
	}
	if err := config.Validate(); err != nil {
		return err
	}
	traces, err := p.tracing.open(&config) // which connects when there is something to send
	if err != nil {
		return err
	}
	traces.end(config.Logger)
	warn := lines.NewWriter(warnings)
	for _, warning := range config.Upstream.Warnings() {
		fmt.Fprintf(warn, "warning: %s\n", warning)
	}
	w := lines.NewWriter(out)
	for _, l := range config.Listeners {
		fmt.Fprintf(w, "listener %s %s: %s\n", l.Protocol, lines.Printable(l.Address), strings.Join(describe(l), ", "))
		for _, warning := range l.Warnings() {
			fmt.Fprintf(warn, "warning: listener %s %s: %s\n", l.Protocol, lines.Printable(l.Address), warning)
		}
	}
	p.printACLs(w, config.Store.Load().Len())
	for _, text := range p.groups.describe(groups) {
		fmt.Fprintln(w, text)
	}
	login := "no login"
	if config.Upstream.SASL != nil {
		login = config.Upstream.SASL.Name()
	}
	if config.Upstream.TLS != nil {
		login += " over TLS"
	}
	p.printWatching(w, login, quotas, traces)
	if p.properties.Given {
		fmt.Fprintf(w, "settings that count: %s; others: %d\n", lines.Printable(strings.Join(read.used, ", ")), read.unused)
	}
	return nil
}

// printWatching prints which cluster the proxy leads to, what throttles its clients, and how it is watched.
func (p *command) printWatching(w io.Writer, login, quotas string, traces *traces) {
	fmt.Fprintf(w, "cluster %s: %s\n", lines.Printable(strings.Join(p.upstream, ",")), login)
	if p.delegationTokens {
		fmt.Fprintln(w, "delegation tokens: those of the cluster")
	}
	fmt.Fprintf(w, "audit log: %s\n", p.audit.describe())
	if quotas != "" {
		fmt.Fprintf(w, "quotas: %s\n", quotas)
	}
	if p.metrics.Given {
		fmt.Fprintf(w, "metrics: %s\n", lines.Printable(p.metrics.Text))
	}
	if traces != nil {
		fmt.Fprintf(w, "traces: %s\n", traces.Tracer)
	}
}

// printACLs prints where the ACLs are from, and how many there are.
func (p *command) printACLs(w io.Writer, n int) {
	switch {
	case p.mirrored:
		fmt.Fprintln(w, "ACLs: those of the cluster")
	case p.bound != nil:
		fmt.Fprintf(w, "ACLs: %d of %s\nroles: %s\n", n, cli.JoinPrintable(p.bound.sources()), p.bound.describe())
	default:
		fmt.Fprintf(w, "ACLs: %d of %s\n", n, lines.Printable(p.acls.Text))
	}
}

// clientAuth says what a listener wants of its clients' certificates.
var clientAuth = map[tls.ClientAuthType]string{
	tls.NoClientCert:               "no client certificates",
	tls.VerifyClientCertIfGiven:    "client certificates if they are sent",
	tls.RequireAndVerifyClientCert: "client certificates",
}

// describe says how clients connect to a listener and log in.
func describe(l proxy.Listener) (parts []string) {
	if l.Advertised != "" {
		parts = append(parts, "advertised as "+lines.Printable(l.Advertised))
	}
	if l.TLS != nil {
		parts = append(parts, "TLS with "+clientAuth[l.TLS.ClientAuth])
	}
	if l.SASL == nil {
		return append(parts, "no login")
	}
	parts = append(parts, strings.Join(l.SASL.Mechanisms, " "))
	if l.SASL.Kerberos != nil {
		parts = append(parts, "tickets for "+lines.Printable(l.SASL.Kerberos.Principal))
	}
	if tokens, ok := l.SASL.OAuth.(*oauth.Verifier); ok {
		parts = append(parts, tokens.String())
	}
	if users := len(l.SASL.Users) + len(l.SASL.Credentials); users > 0 {
		parts = append(parts, fmt.Sprintf("%d users", users))
	}
	if l.SASL.MaxSession > 0 {
		parts = append(parts, "sessions of "+l.SASL.MaxSession.String())
	}
	return parts
}
