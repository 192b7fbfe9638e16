// Package client reads the properties of a Java client of Kafka, as its tools take them with
// --command-config, for clients of franz-go.
//
// Source: Kafka's CommonClientConfigs, SaslConfigs and SslConfigs.
package client

import (
	"context"
	"crypto/tls"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	krbclient "github.com/jcmturner/gokrb5/v8/client"
	krbconfig "github.com/jcmturner/gokrb5/v8/config"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/kerberos"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/jaas"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/javatls"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/krbfile"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/properties"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/security"
	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
)

// keyList has the keys of Kafka's clients from 2.8 to 4.4, one a line.
//
//go:embed keys.txt
var keyList string

// The keys that this package reads, in addition to those of javatls.
const (
	keyProtocol  = "security.protocol"
	keyMechanism = "sasl.mechanism"
	keyJAAS      = "sasl.jaas.config"
	keyService   = "sasl.kerberos.service.name"
	keyTokenURL  = "sasl.oauthbearer.token.endpoint.url"
	keyTimeout   = "default.api.timeout.ms"
)

// defaultTimeout is how long a call of Kafka's admin client may take.
//
// Source: Kafka's AdminClientConfig.
const defaultTimeout = time.Minute

// Config is how a client connects.
type Config struct {
	TLS  *tls.Config    // nil without TLS
	SASL sasl.Mechanism // nil without SASL
	// Secrets are the files with secrets that the properties name, by the setting.
	Secrets map[string]string
	// HoldsSecrets reports whether the properties have a password or a key themselves.
	HoldsSecrets bool
	// Principal is who the client is to a broker with the default principal builder, such as
	// User:alice. It is zero if the broker's rules, a token or a ticket decide that.
	Principal principal.Principal
	// Timeout is default.api.timeout.ms, or Kafka's default.
	Timeout time.Duration

	read func(name string) ([]byte, error)
}

// Options returns the options of a client of franz-go.
func (c *Config) Options() []kgo.Opt {
	var options []kgo.Opt
	if c.TLS != nil {
		options = append(options, kgo.DialTLSConfig(c.TLS))
	}
	if c.SASL != nil {
		options = append(options, kgo.SASL(c.SASL))
	}
	return options
}

// CheckKeys returns an error for each key that Kafka's clients do not have, with the nearest
// one that they have. A misspelt key would leave a connection without its protection.
func CheckKeys(values map[string]string) (wrong []error) {
	known := strings.Fields(keyList)
	for _, key := range slices.Sorted(maps.Keys(values)) {
		switch near := properties.Nearest(key, known); {
		case slices.Contains(known, key) || strings.HasPrefix(key, "config.providers."):
		case near != "":
			wrong = append(wrong, fmt.Errorf("%s is no setting of a Kafka client: did you mean %s?", enum.Quote(key), near))
		default:
			wrong = append(wrong, fmt.Errorf("%s is no setting of a Kafka client", enum.Quote(key)))
		}
	}
	return wrong
}

// ReadFile reads a file of properties, or standard input. resolve replaces the references in
// them, as properties.Resolve does; for the other arguments see [Read]. Errors have the name
// of the file; there is one for each key that Kafka's clients do not have.
func ReadFile(file string, stdin io.Reader, krb5Conf string, resolve func(map[string]string) (*properties.Resolved, error), readFile func(string) ([]byte, error)) (*Config, error) {
	values, err := properties.Read(file, stdin)
	if err != nil {
		return nil, err
	}
	fail := func(err error) error { return fmt.Errorf("%s: %w", cli.FileName(file), err) }
	if wrong := CheckKeys(values); wrong != nil {
		var errs cli.Errors
		for _, err := range wrong {
			errs.Add(fail(err))
		}
		return nil, errs.Join()
	}
	resolved, err := resolve(values)
	if err != nil {
		return nil, fail(err)
	}
	c, err := Read(resolved, krb5Conf, readFile)
	if err != nil {
		return nil, fail(err)
	}
	for _, file := range resolved.Files {
		c.Secrets["a reference to "+file] = file
	}
	return c, nil
}

// Read reads properties. krb5Conf is the file that GSSAPI reads, "" for the default of the
// system. readFile reads the stores and the keytab that the properties name, as os.ReadFile
// does. Read does not connect. Errors have the key and no secret.
func Read(from *properties.Resolved, krb5Conf string, readFile func(name string) ([]byte, error)) (*Config, error) {
	for _, key := range slices.Sorted(maps.Keys(from.Broken)) {
		return nil, from.Broken[key] // a client has few settings, and needs them all
	}
	c, values := &Config{Secrets: map[string]string{}, Timeout: defaultTimeout, read: readFile}, from.Values
	get := func(key string) (string, bool) { value, ok := values[key]; return value, ok }
	for key := range values {
		c.HoldsSecrets = c.HoldsSecrets || strings.HasSuffix(key, ".password") || key == keyJAAS || key == "ssl.keystore.key"
	}
	protocol := ops.SecurityProtocol(strings.ToUpper(strings.TrimSpace(values[keyProtocol])))
	if protocol == "" {
		protocol = ops.Plaintext
	}
	err := errors.Join(security.Check(security.Client, security.Providers, get), c.readTimeout(values))
	if err != nil {
		return nil, err
	}
	switch protocol {
	case ops.Plaintext:
		c.Principal = principal.Anonymous
	case ops.SASLPlaintext:
	case ops.SSL, ops.SASLSSL:
		if file := strings.TrimSpace(values["ssl.keystore.location"]); file != "" {
			c.Secrets["ssl.keystore.location"] = file
		}
		if err := security.Check(security.Client, security.SSL, get); err != nil {
			return nil, err
		}
		if c.TLS, err = (javatls.Settings{Get: get, ReadFile: readFile}).Client(); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("%s: found %s, expected PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL", keyProtocol, enum.Quote(values[keyProtocol]))
	}
	if protocol == ops.SASLPlaintext || protocol == ops.SASLSSL {
		if err := security.Check(security.Client, security.SASL, get); err != nil {
			return nil, err
		}
		c.SASL, err = c.mechanism(values, krb5Conf)
	}
	return c, err
}

// readTimeout reads default.api.timeout.ms.
func (c *Config) readTimeout(values map[string]string) error {
	text, ok := values[keyTimeout]
	if !ok {
		return nil
	}
	ms, err := strconv.ParseInt(strings.TrimSpace(text), 10, 32)
	if err != nil || ms <= 0 {
		return fmt.Errorf("%s: found %s, expected a number of milliseconds", keyTimeout, enum.Quote(text))
	}
	c.Timeout = time.Duration(ms) * time.Millisecond
	return nil
}

// mechanism returns the login.
func (c *Config) mechanism(values map[string]string, krb5Conf string) (sasl.Mechanism, error) {
	name := strings.TrimSpace(values[keyMechanism])
	if name == "" {
		name = "GSSAPI" // Kafka's default
	}
	text, ok := values[keyJAAS]
	if !ok {
		return nil, fmt.Errorf("%s is missing", keyJAAS)
	}
	module, err := jaas.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", keyJAAS, err)
	}
	user, password := module.Options["username"], module.Options["password"]
	if class, ok := classes[name]; !ok {
		return nil, fmt.Errorf("%s: found %s, expected PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, GSSAPI or OAUTHBEARER", keyMechanism, enum.Quote(name))
	} else if module.Class != class {
		return nil, fmt.Errorf("%s: the login module %s of %s cannot be run here: expected %s", keyJAAS, enum.Quote(module.Class), name, class)
	}
	if (name == "PLAIN" || strings.HasPrefix(name, "SCRAM")) && (user == "" || password == "") {
		return nil, fmt.Errorf("%s: expected username and password", keyJAAS)
	}
	if (name == "PLAIN" || strings.HasPrefix(name, "SCRAM")) && !isTrue(module.Options["tokenauth"]) {
		c.Principal = principal.User(user)
	}
	switch name {
	case "PLAIN":
		return plain.Auth{User: user, Pass: password}.AsMechanism(), nil
	case "SCRAM-SHA-256":
		return scram.Auth{User: user, Pass: password, IsToken: isTrue(module.Options["tokenauth"])}.AsSha256Mechanism(), nil
	case "SCRAM-SHA-512":
		return scram.Auth{User: user, Pass: password, IsToken: isTrue(module.Options["tokenauth"])}.AsSha512Mechanism(), nil
	case "OAUTHBEARER":
		return c.token(values)
	default:
		return c.kerberos(values, module, krb5Conf)
	}
}

// classes are the login modules of the mechanisms.
var classes = map[string]string{"PLAIN": jaas.Plain, "SCRAM-SHA-256": jaas.Scram, "SCRAM-SHA-512": jaas.Scram, "GSSAPI": jaas.Kerberos, "OAUTHBEARER": jaas.OAuth}

func isTrue(text string) bool { return strings.EqualFold(text, "true") }

// token returns the login with a token from a file, which is read for each login.
//
// Source: Kafka's FileJwtRetriever (KIP-768): sasl.oauthbearer.token.endpoint.url=file:///…
func (c *Config) token(values map[string]string) (sasl.Mechanism, error) {
	text := strings.TrimSpace(values[keyTokenURL])
	location, err := url.Parse(text)
	if err != nil || location.Scheme != "file" || location.Path == "" {
		return nil, fmt.Errorf("%s: found %s, expected file:///path of a token", keyTokenURL, enum.Quote(text))
	}
	c.Secrets[keyTokenURL] = location.Path
	return oauth.Oauth(func(context.Context) (oauth.Auth, error) {
		token, err := os.ReadFile(location.Path)
		if err != nil {
			return oauth.Auth{}, fmt.Errorf("%s: %w", keyTokenURL, err)
		}
		return oauth.Auth{Token: strings.TrimSpace(string(token))}, nil
	}), nil
}

// kerberos returns the login with a keytab or a ticket of the cache.
//
// Source: Java's Krb5LoginModule.
func (c *Config) kerberos(values map[string]string, module jaas.Module, krb5Conf string) (sasl.Mechanism, error) {
	service := strings.TrimSpace(values[keyService])
	if service == "" {
		service = module.Options["serviceName"]
	}
	if service == "" {
		return nil, fmt.Errorf("%s is missing", keyService)
	}
	if krb5Conf == "" {
		krb5Conf = "/etc/krb5.conf"
	}
	config, err := krbconfig.Load(krb5Conf)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", krb5Conf, err)
	}
	var made *krbclient.Client
	switch {
	case isTrue(module.Options["useKeyTab"]):
		made, err = c.withKeytab(module, config)
	case isTrue(module.Options["useTicketCache"]):
		made, err = c.withTickets(module, config)
	default:
		err = errors.New("expected useKeyTab=true or useTicketCache=true: nobody can be asked for a password here")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", keyJAAS, err)
	}
	return kerberos.Auth{Client: made, Service: service}.AsMechanismWithClose(), nil
}

// noFAST switches off pre-authentication by FAST, which Active Directory does not have.
var noFAST = krbclient.DisablePAFXFAST(true)

func (c *Config) withKeytab(module jaas.Module, config *krbconfig.Config) (*krbclient.Client, error) {
	file, who := module.Options["keyTab"], module.Options["principal"]
	if file == "" || who == "" {
		return nil, errors.New("useKeyTab needs keyTab and principal")
	}
	c.Secrets["keyTab of "+keyJAAS] = file
	keys, err := krbfile.Keytab(file, c.read)
	if err != nil {
		return nil, fmt.Errorf("keyTab: %w", err)
	}
	name, realm, _ := strings.Cut(jaas.WithRealm(who, config.LibDefaults.DefaultRealm), "@")
	return krbclient.NewWithKeytab(name, realm, keys, config, noFAST), nil
}

func (c *Config) withTickets(module jaas.Module, config *krbconfig.Config) (*krbclient.Client, error) {
	file := module.Options["ticketCache"]
	if file == "" {
		file = strings.TrimPrefix(os.Getenv("KRB5CCNAME"), "FILE:")
	}
	if file == "" {
		file = fmt.Sprintf("/tmp/krb5cc_%d", os.Getuid())
	}
	c.Secrets["ticketCache of "+keyJAAS] = file
	tickets, err := krbfile.Tickets(file, c.read)
	if err != nil {
		return nil, fmt.Errorf("ticketCache: %w", err)
	}
	// As in Java, principal must be whose tickets they are.
	of := tickets.GetClientPrincipalName().PrincipalNameString() + "@" + tickets.GetClientRealm()
	if who := jaas.WithRealm(module.Options["principal"], config.LibDefaults.DefaultRealm); who != "" && who != of {
		return nil, fmt.Errorf("ticketCache has tickets of %s, and principal is %s: expected the same", enum.Quote(of), enum.Quote(who))
	}
	return krbclient.NewFromCCache(tickets, config, noFAST)
}
