package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/jcmturner/gokrb5/v8/keytab"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/principal/krb5"
	"github.com/portcullis-authz/portcullis/snapshot"
	"net"
	"net/netip"
)

// readConfig sets the flags that are in the file and not on the command line. Errors
// have the file and line. After an error the command must stop.
func readConfig(cmd *cobra.Command, file string) error {
	if file == "" {
		return nil
	}
	given := map[string]bool{}
	cmd.Flags().Visit(func(f *pflag.Flag) { given[f.Name] = true })
	return readLines(file, func(line string) (found, expected string) {
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

// readLines calls read for every line that is not blank and not a comment. read returns
// an error as found and expected, or empty strings.
func readLines(file string, read func(line string) (found, expected string)) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close() // it was only read
	var errs acl.ParseErrors
	scanner := bufio.NewScanner(io.LimitReader(f, maxConfigBytes+1))
	scanner.Buffer(nil, maxConfigBytes)
	size := 0
	for n := 1; scanner.Scan(); n++ {
		size += len(scanner.Bytes()) + 1
		line := strings.TrimSpace(scanner.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		if found, expected := read(line); expected != "" {
			errs = append(errs, &acl.ParseError{File: file, Line: n, Column: 1, Found: found, Expected: expected})
		}
	}
	switch {
	case scanner.Err() != nil:
		return fmt.Errorf("%s: %w", file, scanner.Err())
	case size > maxConfigBytes:
		return fmt.Errorf("%s: expected no more than %d bytes", file, maxConfigBytes)
	case len(errs) > 0:
		return errs
	}
	return nil
}

// checkUsage returns an error for each missing or conflicting flag.
func (p *proxyCommand) checkUsage(cmd *cobra.Command) error {
	var errs []error
	refuse := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	changed := cmd.Flags().Changed
	if p.acls.given == p.mirror {
		refuse("expected either --acls or --mirror-acls")
	}
	if p.embedded == (len(p.upstream) > 0) {
		refuse("expected either --upstream or --embedded")
	}
	if p.embedded && p.mirror {
		refuse("--mirror-acls cannot be given with --embedded: the embedded cluster has no ACLs")
	}
	if len(p.listen) == 0 && !p.embedded {
		refuse("--listen is missing: see %s --help", cmd.CommandPath())
	}
	if len(p.embeddedTopics) > 0 && !p.embedded {
		refuse("--embedded-topics needs --embedded")
	}
	if len(p.demo) > 0 && (!p.embedded || len(p.listen) > 0 || p.users.given) {
		refuse("--demo needs --embedded and has its own listener and users: omit --listen and --users")
	}
	for _, pair := range [][2]string{
		{"tls-cert", "tls-key"}, {"tls-key", "tls-cert"}, {"tls-client-ca", "tls-cert"},
		{"upstream-user", "upstream-password-file"}, {"upstream-password-file", "upstream-user"},
		{"upstream-ca", "upstream-tls"}, {"keytab", "krb5-conf"},
	} {
		if changed(pair[0]) && !changed(pair[1]) {
			refuse("--%s needs --%s", pair[0], pair[1])
		}
	}
	for _, d := range p.demo {
		if user, topic, ok := strings.Cut(d, "="); !ok || user == "" || topic == "" {
			errs = append(errs, badFlag("demo", d, "user=topic"))
		}
	}
	return errors.Join(append(errs, p.checkSecrets())...)
}

// build returns the configuration of the proxy.
func (p *proxyCommand) build(cmd *cobra.Command) (proxy.Config, error) {
	settings, errSettings := p.readSettings(cmd.InOrStdin())
	superUsers := settings.SuperUsers
	if p.superUsers.given {
		var err error
		if superUsers, err = principal.ParseList(p.superUsers.text); err != nil {
			errSettings = errors.Join(errSettings, fmt.Errorf("--super-users: %w", err))
		}
	}
	names, errNames := principal.NewBuilder(principal.BuilderConfig{SSLRules: settings.SSLRules, KerberosRules: settings.KerberosRules})
	semantics, errSemantics := snapshot.Documented, error(nil)
	if p.semantics.given {
		semantics, errSemantics = snapshot.ParseSemantics(p.semantics.text)
	}
	listeners, errListeners := p.listeners(names, settings)
	upstream, errUpstream := p.upstreamConfig()
	if err := errors.Join(errSettings, errNames, errSemantics, errListeners, errUpstream); err != nil {
		return proxy.Config{}, err
	}
	from := "--super-users"
	if !p.superUsers.given {
		from = "super.users"
	}
	warnOfSuperUsers(cmd.ErrOrStderr(), from, superUsers)
	p.warnOfPlainUpstream(cmd.ErrOrStderr())
	config := proxy.Config{
		Upstream: upstream, Listeners: listeners, Limits: p.limits,
		ACLs: gateway.ShowACLs, // ACLs change only through the file
		Store: snapshot.NewStore(snapshot.Config{
			Semantics: semantics, SuperUsers: superUsers, AllowIfNoACL: settings.AllowEveryoneIfNoACLs,
		}),
	}
	switch {
	case p.mirror:
		config.ACLs = gateway.ForwardACLs
	case p.embedded:
		config.ACLs = gateway.ServeACLs
	}
	return config, nil
}

// readSettings reads --properties and --krb5-conf. It refuses patterns that need
// backtracking, because the names come from untrusted clients.
func (p *proxyCommand) readSettings(stdin io.Reader) (principal.Settings, error) {
	properties, realm := map[string]string{}, ""
	if p.krb5Conf.given {
		config, err := krb5.LoadConfig(p.krb5Conf.text)
		if err != nil {
			return principal.Settings{}, err
		}
		realm = config.DefaultRealm
	}
	if p.properties.given {
		file := fileName(p.properties.text)
		var err error
		properties, err = readFile(p.properties.text, stdin, func(r io.Reader) (map[string]string, error) { return readProperties(r, file) })
		if err != nil {
			return principal.Settings{}, err
		}
	}
	settings, err := principal.ParseSettings(properties, principal.SettingsOptions{DefaultRealm: realm})
	if err != nil {
		return settings, fmt.Errorf("%s: %w", fileName(p.properties.text), err)
	}
	return settings, nil
}

// listeners returns the listeners.
func (p *proxyCommand) listeners(names *principal.Builder, settings principal.Settings) ([]proxy.Listener, error) {
	sasl, errSASL := p.sasl(settings)
	secure, errTLS := p.serverTLS()
	if err := errors.Join(errSASL, errTLS); err != nil {
		return nil, err
	}
	listen := p.listen
	switch {
	case len(p.demo) > 0:
		listen = []string{string(proxy.SASLPlaintext) + "://127.0.0.1:0"}
	case len(listen) == 0 && sasl != nil:
		listen = []string{string(proxy.SASLPlaintext) + "://127.0.0.1:9092"}
	case len(listen) == 0:
		listen = []string{string(proxy.Plaintext) + "://127.0.0.1:9092"}
	}
	var listeners []proxy.Listener
	for _, text := range listen {
		protocol, address, ok := strings.Cut(text, "://")
		if !ok {
			return nil, badFlag("listen", text, "protocol://host:port, such as SASL_SSL://127.0.0.1:9192")
		}
		l := proxy.Listener{
			Protocol: proxy.Protocol(protocol), Address: address, Advertised: p.advertise.text,
			FirstNode: p.firstNode, Principals: names,
		}
		if strings.HasSuffix(protocol, "SSL") {
			l.TLS = secure
			if protocol == string(proxy.SSL) && secure != nil && !p.clientCA.given {
				return nil, errors.New("--listen SSL needs --tls-client-ca: otherwise every client would be User:ANONYMOUS")
			}
		}
		if strings.HasPrefix(protocol, "SASL") {
			l.SASL = sasl
		}
		listeners = append(listeners, l)
	}
	return listeners, nil
}

// sasl returns how clients log in, or nil without SASL.
func (p *proxyCommand) sasl(settings principal.Settings) (*proxy.SASL, error) {
	s := &proxy.SASL{Mechanisms: p.mechanisms, Users: map[string]string{}, MaxSession: p.session}
	for _, d := range p.demo {
		user, _, _ := strings.Cut(d, "=")
		s.Users[user] = demoPassword
	}
	if p.users.given {
		if err := readLines(p.users.text, func(line string) (found, expected string) {
			user, password, ok := strings.Cut(line, ":")
			_, twice := s.Users[user]
			if !ok || user == "" || password == "" || twice {
				return "a line", "user:password, each user once" // do not quote it: it may contain a password
			}
			s.Users[user] = password
			return "", ""
		}); err != nil {
			return nil, err
		}
	}
	if p.keytab.given {
		keys, err := keytab.Load(p.keytab.text)
		if err != nil {
			return nil, fmt.Errorf("--keytab: %w", err)
		}
		s.Kerberos = &proxy.Kerberos{Keytab: keys, Mapper: &krb5.Mapper{Rules: settings.KerberosRules}}
	}
	if s.Mechanisms == nil {
		if len(s.Users) > 0 {
			s.Mechanisms = []string{proxy.Plain, proxy.ScramSHA256, proxy.ScramSHA512}
		}
		if s.Kerberos != nil {
			s.Mechanisms = append(s.Mechanisms, proxy.GSSAPI)
		}
	}
	if len(s.Mechanisms) == 0 {
		return nil, nil
	}
	return s, nil
}

// serverTLS returns the TLS configuration of the listeners, or nil without TLS.
func (p *proxyCommand) serverTLS() (*tls.Config, error) {
	if !p.cert.given {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(p.cert.text, p.key.text)
	if err != nil {
		return nil, fmt.Errorf("--tls-cert, --tls-key: %w", err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	if p.clientCA.given {
		if config.ClientCAs, err = readPool(p.clientCA.text); err != nil {
			return nil, fmt.Errorf("--tls-client-ca: %w", err)
		}
		config.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return config, nil
}

func readPool(file string) (*x509.CertPool, error) {
	text, err := readFile(file, nil, func(r io.Reader) ([]byte, error) { return readLimited(r, file) })
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s has no certificate: expected at least one in PEM", file)
	}
	return pool, nil
}

// upstreamConfig returns how the proxy connects to the cluster.
func (p *proxyCommand) upstreamConfig() (proxy.Upstream, error) {
	u := proxy.Upstream{Brokers: p.upstream}
	if p.upstreamTLS {
		u.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
		if p.upstreamCA.given {
			var err error
			if u.TLS.RootCAs, err = readPool(p.upstreamCA.text); err != nil {
				return u, fmt.Errorf("--upstream-ca: %w", err)
			}
		}
	}
	if !p.upstreamUser.given {
		return u, nil
	}
	password, err := readFile(p.upstreamPassword.text, nil, func(r io.Reader) ([]byte, error) { return readLimited(r, p.upstreamPassword.text) })
	if err != nil {
		return u, fmt.Errorf("--upstream-password-file: %w", err)
	}
	begin, ok := upstreamMechanisms[p.upstreamSASL.text]
	if !ok {
		return u, badFlag("upstream-mechanism", p.upstreamSASL.text, strings.Join(slices.Sorted(maps.Keys(upstreamMechanisms)), ", "))
	}
	u.SASL = begin(p.upstreamUser.text, strings.TrimRight(string(password), "\r\n"))
	return u, nil
}

// warnOfPlainUpstream warns if the proxy sends its password over the network in clear
// text.
func (p *proxyCommand) warnOfPlainUpstream(w io.Writer) {
	if !p.upstreamUser.given || p.upstreamSASL.text != proxy.Plain || p.upstreamTLS {
		return
	}
	for _, address := range p.upstream {
		host, _, _ := net.SplitHostPort(address)
		ip, err := netip.ParseAddr(host)
		if !strings.EqualFold(host, "localhost") && (err != nil || !ip.Unmap().IsLoopback()) {
			fmt.Fprintf(w, "warning: --upstream %s: PLAIN without --upstream-tls sends the password of --upstream-user in clear text\n", printable(address))
		}
	}
}

// upstreamMechanisms are the SASL mechanisms for the login to the cluster.
var upstreamMechanisms = map[string]func(user, password string) sasl.Mechanism{
	proxy.Plain:       func(u, p string) sasl.Mechanism { return plain.Auth{User: u, Pass: p}.AsMechanism() },
	proxy.ScramSHA256: func(u, p string) sasl.Mechanism { return scram.Auth{User: u, Pass: p}.AsSha256Mechanism() },
	proxy.ScramSHA512: func(u, p string) sasl.Mechanism { return scram.Auth{User: u, Pass: p}.AsSha512Mechanism() },
}

// tasks run concurrently. If one fails, all are cancelled.
type tasks struct {
	running sync.WaitGroup
	mu      sync.Mutex
	errs    []error
}

func (t *tasks) start(cancel context.CancelCauseFunc, task func() error) {
	t.running.Go(func() {
		if err := task(); err != nil {
			t.mu.Lock()
			defer t.mu.Unlock()
			t.errs = append(t.errs, err)
			cancel(err)
		}
	})
}

// wait waits for all tasks and returns their errors.
func (t *tasks) wait() error {
	t.running.Wait()
	return errors.Join(t.errs...)
}
