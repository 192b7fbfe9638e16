package proxy

import (
	"bytes"
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jcmturner/gokrb5/v8/keytab"

	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/broker"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/jaas"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/javatls"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/krbfile"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/properties"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/secretfile"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/security"
	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/principal/krb5"
)

// Settings of a broker that this package reads.
const (
	keyListeners  = "listeners"
	keyMechanisms = "sasl.enabled.mechanisms"
	keyReauth     = "connections.max.reauth.ms"
	keyReceive    = "sasl.server.max.receive.size"
	keyClientAuth = "ssl.client.auth"
	keyStoreKey   = "ssl.keystore.key"
	keyStoreFile  = "ssl.keystore.location"
)

// brokerSettings is what --properties and the flags about listeners say.
type brokerSettings struct {
	config  *broker.Config
	users   *proxy.SASL // with the users of --users; nil without
	tokens  bool        // --delegation-tokens: SCRAM needs no users
	keytab  *keytab.Keytab
	service string // of --kerberos-principal
	realm   string
	// of --groups-claim and --groups-claim-optional
	groupsClaim    string
	groupsOptional bool

	secrets []secretFile
	files   fileReader

	log       *slog.Logger
	verifiers verifiers
	before    verifiers // those of the settings in force
}

// secretFile is a file with a secret, and what names it.
type secretFile struct{ what, file string }

// readBroker reads --properties, and the flags that stand for settings of it, which come
// before those of the file.
func (p *command) readBroker(stdin io.Reader, log *slog.Logger, before verifiers) (*brokerSettings, error) {
	b := &brokerSettings{service: p.service.Text, tokens: p.delegationTokens, log: log, groupsClaim: p.groups.claim.Text, groupsOptional: p.groups.claimOptional, verifiers: verifiers{}, before: before}
	values := map[string]string{}
	if p.properties.Given {
		var err error
		if values, err = properties.Read(p.properties.Text, stdin); err != nil {
			return nil, err
		}
	}
	if err := p.overlay(values); err != nil {
		return nil, err
	}
	resolved, err := b.files.resolve(values)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", cli.FileName(p.properties.Text), err)
	}
	for _, file := range resolved.Files {
		b.secrets = append(b.secrets, secretFile{"a reference in --properties", file})
	}
	b.config = broker.NewResolved(resolved)
	if wrong := b.config.CheckKeys(p.ignored); wrong != nil {
		var errs cli.Errors
		for _, err := range wrong {
			errs.Refuse("%s: %w", cli.FileName(p.properties.Text), err)
		}
		errs.Refuse("settings that are not Kafka's need --ignore-properties")
		return nil, errs.Join()
	}
	if p.krb5Conf.Given {
		config, err := krb5.LoadConfig(p.krb5Conf.Text)
		if err != nil {
			return nil, err
		}
		b.realm = config.DefaultRealm
	}
	if p.keytab.Given {
		if b.keytab, err = krbfile.Keytab(p.keytab.Text, os.ReadFile); err != nil {
			return nil, fmt.Errorf("--keytab: %w", err)
		}
	}
	b.users = &proxy.SASL{Users: map[string]string{}, Credentials: map[string][]proxy.ScramCredential{}}
	for _, d := range p.demo {
		user, _, _ := strings.Cut(d, "=")
		b.users.Users[user] = demoPassword
	}
	if p.users.Given {
		if err := readUsers(p.users.Text, b.users); err != nil {
			return nil, err
		}
	}
	if p.saltSecret.Given {
		secret, err := cli.ReadConfig(p.saltSecret.Text, nil)
		if err != nil {
			return nil, fmt.Errorf("--salt-secret: %w", err)
		}
		b.users.SaltSecret = append([]byte{}, bytes.TrimRight(secret, "\r\n")...)
	}
	return b, nil
}

// overlay sets what flags say of all listeners, by Kafka's keys.
func (p *command) overlay(values map[string]string) error {
	text := func(flag *cli.Once, key string) error {
		content, err := cli.ReadConfig(flag.Text, nil)
		values[key] = string(content)
		return err
	}
	if p.cert.Given {
		values["ssl.keystore.type"] = "PEM"
		delete(values, keyStoreFile)
		if err := errors.Join(text(p.cert, "ssl.keystore.certificate.chain"), text(p.key, keyStoreKey)); err != nil {
			return err
		}
	}
	if p.clientCA.Given {
		values["ssl.truststore.type"], values[keyClientAuth] = "PEM", "required"
		delete(values, "ssl.truststore.location")
		delete(values, "ssl.truststore.password")
		if err := text(p.clientCA, "ssl.truststore.certificates"); err != nil {
			return err
		}
	}
	if p.mechanisms != nil {
		values[keyMechanisms] = strings.Join(p.mechanisms, ",")
	}
	if p.session > 0 {
		values[keyReauth] = strconv.FormatInt(p.session.Milliseconds(), 10)
	}
	return nil
}

// listeners returns the listeners: those of --listen, or else those of the broker.
func (p *command) listeners(b *brokerSettings) ([]proxy.Listener, error) {
	var found []*broker.Listener
	listen := p.listen
	_, own := b.config.Get(keyListeners)
	switch {
	case len(p.demo) > 0:
		listen = []string{string(ops.SASLPlaintext) + "://127.0.0.1:0"}
	case len(listen) == 0 && own:
		var err error
		if found, err = b.config.Listeners(); err != nil {
			return nil, fmt.Errorf("%s: %w", cli.FileName(p.properties.Text), err)
		}
	case len(listen) == 0 && p.embedded && (len(b.users.Users)+len(b.users.Credentials) > 0 || b.keytab != nil):
		listen = []string{string(ops.SASLPlaintext) + "://127.0.0.1:9092"}
	case len(listen) == 0 && p.embedded:
		listen = []string{string(ops.Plaintext) + "://127.0.0.1:9092"}
	case len(listen) == 0:
		return nil, fmt.Errorf("%s has no %s: expected --listen", cli.FileName(p.properties.Text), keyListeners)
	}
	var errs cli.Errors
	for _, text := range listen {
		l, err := b.config.Listener(text)
		if err != nil {
			errs.Refuse("--listen: %w, such as SASL_SSL://127.0.0.1:9192", err)
			continue
		}
		found = append(found, l)
	}
	var listeners []proxy.Listener
	for _, l := range found {
		made, err := p.listener(b, l)
		errs.AddOf("listener "+l.Name, err)
		listeners = append(listeners, made)
	}
	errs.Add(b.config.Broken())
	return listeners, errs.Join()
}

// listener returns the configuration of a listener.
func (p *command) listener(b *brokerSettings, l *broker.Listener) (proxy.Listener, error) {
	made := proxy.Listener{
		Protocol: l.Protocol, Address: net.JoinHostPort(l.Host, strconv.Itoa(l.Port)), Advertised: l.Advertised, FirstNode: p.firstNode,
	}
	if p.advertise.Given {
		made.Advertised = p.advertise.Text
	}
	settings, err := l.ParseNames(b.realm, 0, broker.SSLRules, broker.KerberosRules)
	if err != nil {
		return made, err
	}
	if made.Principals, err = principal.NewBuilder(principal.BuilderConfig{SSLRules: settings.SSLRules, KerberosRules: settings.KerberosRules}); err != nil {
		return made, err
	}
	if err := security.Check(security.Listener, security.Providers, func(key string) (string, bool) { return l.Get("", key) }); err != nil {
		return made, err
	}
	if l.Protocol == ops.SSL || l.Protocol == ops.SASLSSL {
		if made.TLS, err = b.tls(l); err != nil {
			return made, err
		}
	}
	if l.Protocol == ops.SASLPlaintext || l.Protocol == ops.SASLSSL {
		made.SASL, err = b.sasl(l, settings)
	}
	return made, err
}

// tls returns how a listener secures connections.
func (b *brokerSettings) tls(l *broker.Listener) (*tls.Config, error) {
	get := func(key string) (string, bool) { return l.Get("", key) }
	if err := security.Check(security.Listener, security.SSL, get); err != nil {
		return nil, err
	}
	_, own := l.Own(keyClientAuth)
	if mode, _ := get(keyClientAuth); l.Protocol == ops.SSL && mode == "" {
		return nil, errors.New("--tls-client-ca or " + keyClientAuth + " is missing: without certificates of the clients, each client is User:ANONYMOUS; if you want that, set " + keyClientAuth + "=none")
	}
	if file, ok := get(keyStoreFile); ok {
		b.secrets = append(b.secrets, secretFile{keyStoreFile + " of " + l.Name, strings.TrimSpace(file)})
	}
	return javatls.Settings{Get: get, ReadFile: b.files.read}.Server(l.Protocol == ops.SSL || own)
}

// sasl returns how clients log in to a listener.
func (b *brokerSettings) sasl(l *broker.Listener, settings principal.Settings) (*proxy.SASL, error) {
	s := &proxy.SASL{Users: map[string]string{}, Credentials: b.users.Credentials, SaltSecret: b.users.SaltSecret}
	for user, password := range b.users.Users {
		s.Users[user] = password
	}
	names := l.Mechanisms()
	if _, set := l.Get("", keyMechanisms); !set {
		names = b.defaultMechanisms()
	}
	var err error
	if s.MaxReceive, err = receiveLimit(l); err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, errors.New("no way to log in: expected --users or --keytab, or " + keyMechanisms)
	}
	for _, name := range names {
		if err := b.addMechanism(s, l, name, settings); err != nil {
			return nil, err
		}
	}
	if !slices.ContainsFunc(names, func(name string) bool { return name != proxy.GSSAPI && name != proxy.OAuthBearer }) {
		s.Users, s.Credentials = nil, nil
	}
	return s, nil
}

// defaultMechanisms are those that the users and the keytab can do.
func (b *brokerSettings) defaultMechanisms() (names []string) {
	if len(b.users.Users) > 0 {
		names = append(names, proxy.Plain)
	}
	for _, m := range []string{proxy.ScramSHA256, proxy.ScramSHA512} {
		if len(b.users.Users) > 0 || hasCredential(b.users, m) || b.tokens {
			names = append(names, m)
		}
	}
	if b.keytab != nil {
		names = append(names, proxy.GSSAPI)
	}
	return names
}

// addMechanism adds a mechanism with its users or keys, and its limit of a session.
func (b *brokerSettings) addMechanism(s *proxy.SASL, l *broker.Listener, name string, settings principal.Settings) error {
	get := func(key string) (string, bool) {
		value, ok := l.OfMechanism(name, key)
		if name == proxy.OAuthBearer && slices.Contains(tokenClasses[key], strings.TrimSpace(value)) {
			return "", false // what it does is done here, or not needed
		}
		return value, ok
	}
	if err := security.Check(security.Listener, security.SASL, get); err != nil {
		return fmt.Errorf("mechanism %s: %w", enum.Quote(name), err)
	}
	module, given, err := l.Module(name)
	if err != nil {
		return err
	}
	switch name {
	case proxy.Plain:
		if given && module.Class != jaas.Plain {
			return fmt.Errorf("sasl.jaas.config: the login module %s of PLAIN cannot be run here: expected %s", enum.Quote(module.Class), jaas.Plain)
		}
		for user, password := range module.Users() {
			if _, twice := s.Users[user]; twice || len(s.Credentials[user]) > 0 {
				return fmt.Errorf("user %s is in sasl.jaas.config and in --users: expected one of them", enum.Quote(user))
			}
			s.Users[user] = password
		}
		if len(s.Users) == 0 {
			return errors.New("PLAIN has no users: expected --users, or options user_NAME in sasl.jaas.config")
		}
	case proxy.ScramSHA256, proxy.ScramSHA512:
		if len(s.Users) == 0 && !hasCredential(s, name) && !b.tokens {
			return errors.New(name + " has no users: expected --users, or --delegation-tokens; a broker has them in the metadata of its cluster, which the proxy cannot read")
		}
	case proxy.GSSAPI:
		if err := b.addKerberos(s, module, given, settings); err != nil {
			return err
		}
	case proxy.OAuthBearer:
		if err := b.addTokens(s, l, module, given); err != nil {
			return err
		}
	default:
		return fmt.Errorf("%s: mechanism %s: expected some of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, GSSAPI and OAUTHBEARER", keyMechanisms, enum.Quote(name))
	}
	s.Mechanisms = append(s.Mechanisms, name)
	limit, err := sessionLimit(l, name)
	if err != nil {
		return err
	}
	if len(s.Mechanisms) > 1 && limit != s.MaxSession {
		return fmt.Errorf("%s differs between %s and %s: expected one value for the mechanisms of a listener", keyReauth, s.Mechanisms[0], name)
	}
	s.MaxSession = limit
	return nil
}

// addKerberos adds the keys for GSSAPI, of --keytab or of the login module, and the service
// that they are for: that of --kerberos-principal, that of the login module, or the only one
// of the keytab.
func (b *brokerSettings) addKerberos(s *proxy.SASL, module jaas.Module, given bool, settings principal.Settings) error {
	if b.realm == "" {
		return errors.New("GSSAPI needs --krb5-conf, with the default realm")
	}
	keys := b.keytab
	if keys == nil {
		file := module.Options["keyTab"]
		if !given || module.Class != jaas.Kerberos || file == "" {
			return errors.New("GSSAPI has no keys: expected --keytab, or " + jaas.Kerberos + " with keyTab in sasl.jaas.config")
		}
		b.secrets = append(b.secrets, secretFile{"keyTab of sasl.jaas.config", file})
		var err error
		if keys, err = krbfile.Keytab(file, b.files.read); err != nil {
			return fmt.Errorf("keyTab of sasl.jaas.config: %w", err)
		}
	}
	service := cmp.Or(b.service, module.Options["principal"])
	if known := proxy.KeytabPrincipals(keys); service == "" && len(known) == 1 {
		service = known[0]
	}
	s.Kerberos = &proxy.Kerberos{Principal: jaas.WithRealm(service, b.realm), Keytab: keys, Mapper: &krb5.Mapper{Rules: settings.KerberosRules}}
	if err := s.Kerberos.Validate(); err != nil {
		return fmt.Errorf("GSSAPI: %w: give it with --kerberos-principal, or as principal in sasl.jaas.config", err)
	}
	return nil
}

// sessionLimit returns connections.max.reauth.ms. 0 means none, as in Kafka.
func sessionLimit(l *broker.Listener, mechanism string) (time.Duration, error) {
	text, ok := l.Get(mechanism, keyReauth)
	if !ok {
		return 0, nil
	}
	ms, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil || ms < 0 || ms > int64(time.Duration(1<<63-1)/time.Millisecond) {
		return 0, fmt.Errorf("%s: found %s, expected milliseconds, or 0", keyReauth, enum.Quote(text))
	}
	return time.Duration(ms) * time.Millisecond, nil
}

// mostReceived is the largest value of sasl.server.max.receive.size here, and Kafka's default.
const mostReceived = 524_288

// receiveLimit returns sasl.server.max.receive.size, or 0 if it is not set.
func receiveLimit(l *broker.Listener) (int, error) {
	text, ok := l.Get("", keyReceive)
	if !ok {
		return 0, nil
	}
	bytes, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil || bytes < 1 || bytes > mostReceived {
		return 0, fmt.Errorf("%s: found %s, expected bytes, 1 to %d: no login here takes more", keyReceive, enum.Quote(text), mostReceived)
	}
	return bytes, nil
}

// holdsSecrets reports whether the settings have passwords or keys themselves.
func (b *brokerSettings) holdsSecrets() bool {
	return slices.ContainsFunc(b.config.Used(), func(key string) bool {
		return strings.HasSuffix(key, ".password") || strings.HasSuffix(key, "sasl.jaas.config") || strings.HasSuffix(key, keyStoreKey)
	})
}

// checkFiles refuses files with secrets that the settings name, and the file of the
// settings if it has some, where others can read or replace them.
func (b *brokerSettings) checkFiles(properties string) error {
	var errs cli.Errors
	if properties != "" && properties != "-" && b.holdsSecrets() {
		errs.Add(secretfile.Refuse("--properties", properties))
	}
	for _, s := range b.secrets {
		errs.Add(secretfile.Refuse(s.what, s.file))
	}
	return errs.Join()
}
