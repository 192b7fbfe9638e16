// Package broker reads what the configuration of a Kafka broker, its server.properties, says
// of its listeners: where they listen, how clients log in, and how they are named.
//
// Source: Kafka's SocketServerConfigs, SslConfigs and BrokerSecurityConfigs; KIP-103,
// KIP-226 and KIP-684 for the settings of one listener.
package broker

import (
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/jaas"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/properties"
	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
)

// keyList has the keys of Kafka's brokers from 2.8 to 4.4, one a line.
//
//go:embed keys.txt
var keyList string

// known are the keys of Kafka's brokers, with those of its authorizer, which are not in
// their list.
var known = func() map[string]bool {
	all := map[string]bool{superUsers: true, allowEveryone: true}
	for key := range strings.Lines(keyList) {
		all[strings.TrimSpace(key)] = true
	}
	return all
}()

// The keys that this package itself reads.
const (
	keyListeners   = "listeners"
	keyAdvertised  = "advertised.listeners"
	keyProtocols   = "listener.security.protocol.map"
	keyControllers = "controller.listener.names"
	keyMechanisms  = "sasl.enabled.mechanisms"
	listenerPrefix = "listener.name."
)

// Config is a broker's configuration. It records which keys were asked for.
type Config struct {
	values map[string]string
	broken map[string]error
	used   map[string]bool
}

// New returns the configuration with these values, which it keeps.
func New(values map[string]string) *Config {
	return &Config{values: values, used: map[string]bool{}}
}

// NewResolved returns a configuration whose references have been replaced.
func NewResolved(r *properties.Resolved) *Config {
	c := New(r.Values)
	c.broken = r.Broken
	return c
}

// Broken returns an error for each key that was asked for and has a reference that could
// not be replaced.
func (c *Config) Broken() error {
	var errs []error
	for _, key := range c.Used() {
		if err := c.broken[key]; err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// CheckKeys returns an error for each key that Kafka's brokers do not have, with the nearest
// one that they have. Keys that begin with one of ignored are not checked. A misspelt key
// would leave a listener without its protection.
func (c *Config) CheckKeys(ignored []string) (wrong []error) {
	for _, key := range slices.Sorted(maps.Keys(c.values)) {
		ignore := slices.ContainsFunc(ignored, func(prefix string) bool { return strings.HasPrefix(key, prefix) })
		switch near := nearest(key); {
		case ignore || isKnown(key):
		case near != "":
			wrong = append(wrong, fmt.Errorf("%s is no setting of a Kafka broker: did you mean %s?", enum.Quote(key), near))
		default:
			wrong = append(wrong, fmt.Errorf("%s is no setting of a Kafka broker", enum.Quote(key)))
		}
	}
	return wrong
}

// mechanismNames are the mechanisms whose names can be in a key, in lower case.
var mechanismNames = []string{"plain", "scram-sha-256", "scram-sha-512", "gssapi", "oauthbearer"}

// freePrefixes begin keys whose other parts the user chooses.
var freePrefixes = []string{"config.providers."}

// base returns the key without the prefixes for a listener and a mechanism.
func base(key string) string {
	rest, ok := strings.CutPrefix(key, listenerPrefix)
	if !ok {
		return key
	}
	_, rest, _ = strings.Cut(rest, ".")
	for _, m := range mechanismNames {
		if bare, ok := strings.CutPrefix(rest, m+"."); ok {
			return bare
		}
	}
	return rest
}

func isKnown(key string) bool {
	return known[base(key)] || slices.ContainsFunc(freePrefixes, func(p string) bool { return strings.HasPrefix(key, p) })
}

// nearest returns the known key that a key may have been meant for, or "". Of a key for a
// listener the prefix is kept.
func nearest(key string) string {
	bare := base(key)
	if near := properties.Nearest(bare, slices.Sorted(maps.Keys(known))); near != "" {
		return strings.TrimSuffix(key, bare) + near
	}
	return ""
}

// Get returns the value of a key that is not for one listener.
func (c *Config) Get(key string) (value string, ok bool) {
	value, ok = c.values[key]
	if ok {
		c.used[key] = true
	}
	return value, ok
}

// Named returns the listener with this name, without its protocol and address, which need not
// be set. With the name "" only the settings of all listeners count.
func (c *Config) Named(name string) *Listener {
	return &Listener{Name: strings.ToUpper(name), config: c}
}

// The settings about the names of clients, which [principal.ParseSettings] reads.
const (
	SSLRules      = "ssl.principal.mapping.rules"
	KerberosRules = "sasl.kerberos.principal.to.local.rules"
	builderClass  = "principal.builder.class"
	superUsers    = "super.users"
	allowEveryone = "allow.everyone.if.no.acl.found"
)

// ParseNames returns the mapping rules of a listener, of one kind or of both. The arguments
// realm and maxSteps and the errors are those of [principal.ParseSettings]. Other rules are
// not read, so that errors in them do not matter.
func (l *Listener) ParseNames(realm string, maxSteps int, kinds ...string) (principal.Settings, error) {
	values := map[string]string{}
	for _, key := range append(kinds, builderClass) {
		if value, ok := l.Get("", key); ok {
			values[key] = value
		}
	}
	return principal.ParseSettings(values, realm, maxSteps)
}

// ParseSuperUsers returns the super users, and whether everyone is allowed to use resources
// without ACLs. The rules of the Settings are those by default.
func (c *Config) ParseSuperUsers() (principal.Settings, error) {
	values := map[string]string{}
	for _, key := range []string{superUsers, allowEveryone} {
		if value, ok := c.Get(key); ok {
			values[key] = value
		}
	}
	return principal.ParseSettings(values, "", 0)
}

// Used returns the keys that were asked for and are set, sorted. The others do not count
// for the proxy.
func (c *Config) Used() []string { return slices.Sorted(maps.Keys(c.used)) }

// OfMechanism returns the value of a setting that counts only with the prefixes of a listener
// and a mechanism, such as the classes that a broker's logins run.
//
// Source: Kafka's SaslChannelBuilder.createServerCallbackHandlers and
// LoginManager.configuredClassOrDefault.
func (l *Listener) OfMechanism(mechanism, key string) (value string, ok bool) {
	return l.config.Get(l.prefix() + strings.ToLower(mechanism) + "." + key)
}

// OfListeners returns the keys that set a setting for one listener, sorted.
func (c *Config) OfListeners(setting string) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(c.values)), func(key string) bool {
		return !strings.HasPrefix(key, listenerPrefix) || !strings.HasSuffix(key, "."+setting)
	})
}

// Unused returns the other keys, sorted.
func (c *Config) Unused() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(c.values)), func(key string) bool { return c.used[key] })
}

// Listener is one listener of a broker.
type Listener struct {
	Name       string // in upper case
	Protocol   ops.SecurityProtocol
	Host       string // "" means all addresses of the machine
	Port       int
	Advertised string // the host that clients connect to; "" if none is set

	config *Config
}

// Get returns the value of a setting of the listener: that of
// listener.name.NAME.MECHANISM.key, listener.name.NAME.key, or key, whichever is set first.
// The mechanism may be "".
func (l *Listener) Get(mechanism, key string) (value string, ok bool) {
	if mechanism != "" {
		if value, ok := l.config.Get(l.prefix() + strings.ToLower(mechanism) + "." + key); ok {
			return value, true
		}
	}
	if value, ok := l.Own(key); ok {
		return value, true
	}
	return l.config.Get(key)
}

// Own returns the value of a setting that is set for this listener alone.
func (l *Listener) Own(key string) (value string, ok bool) {
	if l.Name == "" {
		return "", false
	}
	return l.config.Get(l.prefix() + key)
}

func (l *Listener) prefix() string { return listenerPrefix + strings.ToLower(l.Name) + "." }

// endpoint matches an element of listeners. Source: Kafka's SocketServerConfigs.
var endpoint = regexp.MustCompile(`^(.*)://\[?([0-9a-zA-Z\-%._:]*)\]?:(-?[0-9]+)$`)

// Listeners returns the listeners of a broker, without those of a controller, in order.
func (c *Config) Listeners() ([]*Listener, error) {
	list, ok := c.Get(keyListeners)
	if !ok {
		list = "PLAINTEXT://:9092" // Kafka's default
	}
	advertised, err := c.advertised()
	if err != nil {
		return nil, err
	}
	controllers := map[string]bool{}
	if names, ok := c.Get(keyControllers); ok {
		for name := range strings.SplitSeq(names, ",") {
			controllers[strings.ToUpper(strings.TrimSpace(name))] = true
		}
	}
	var found []*Listener
	names, ports := map[string]bool{}, map[string]string{}
	for text := range strings.SplitSeq(list, ",") {
		l, err := c.Listener(strings.TrimSpace(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", keyListeners, err)
		}
		if names[l.Name] {
			return nil, fmt.Errorf("%s: two listeners have the name %s", keyListeners, l.Name)
		}
		names[l.Name] = true
		if at := net.JoinHostPort(l.Host, strconv.Itoa(l.Port)); l.Port != 0 && ports[at] != "" {
			return nil, fmt.Errorf("%s: %s and %s have one port", keyListeners, ports[at], l.Name)
		} else {
			ports[at] = l.Name
		}
		if controllers[l.Name] {
			continue
		}
		l.Advertised = advertised[l.Name]
		found = append(found, l)
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s has no listener but those of a controller", keyListeners)
	}
	return found, nil
}

// advertised returns the advertised host of each listener. Their ports do not count: the
// proxy has ports of its own for each broker.
func (c *Config) advertised() (map[string]string, error) {
	hosts := map[string]string{}
	list, ok := c.Get(keyAdvertised)
	if !ok || strings.TrimSpace(list) == "" {
		return hosts, nil
	}
	for text := range strings.SplitSeq(list, ",") {
		m := endpoint.FindStringSubmatch(strings.TrimSpace(text))
		if m == nil {
			return nil, fmt.Errorf("%s: found %s, expected NAME://host:port", keyAdvertised, enum.Quote(text))
		}
		hosts[strings.ToUpper(m[1])] = m[2]
	}
	return hosts, nil
}

// Listener returns the listener NAME://host:port with the settings that the configuration
// has for this name.
func (c *Config) Listener(text string) (*Listener, error) {
	m := endpoint.FindStringSubmatch(text)
	if m == nil {
		return nil, fmt.Errorf("found %s, expected NAME://host:port", enum.Quote(text))
	}
	port, err := strconv.ParseUint(m[3], 10, 16)
	if err != nil {
		return nil, fmt.Errorf("%s: expected a port of 0 to 65535", enum.Quote(text))
	}
	l := &Listener{Name: strings.ToUpper(m[1]), Host: m[2], Port: int(port), config: c}
	if l.Name == "" {
		return nil, fmt.Errorf("found %s, expected NAME://host:port", enum.Quote(text))
	}
	l.Protocol, err = c.protocol(l.Name)
	return l, err
}

// protocol returns the protocol of a listener.
func (c *Config) protocol(name string) (ops.SecurityProtocol, error) {
	text := name
	if list, ok := c.Get(keyProtocols); ok && strings.TrimSpace(list) != "" {
		found := false
		for pair := range strings.SplitSeq(list, ",") {
			of, protocol, _ := strings.Cut(strings.TrimSpace(pair), ":")
			if strings.EqualFold(strings.TrimSpace(of), name) {
				text, found = strings.TrimSpace(protocol), true
			}
		}
		if !found {
			return "", fmt.Errorf("listener %s: %s has no protocol for it", enum.Quote(name), keyProtocols)
		}
	}
	protocol := ops.SecurityProtocol(strings.ToUpper(text))
	if !slices.Contains([]ops.SecurityProtocol{ops.Plaintext, ops.SSL, ops.SASLPlaintext, ops.SASLSSL}, protocol) {
		return "", fmt.Errorf("listener %s: found the protocol %s, expected PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL", enum.Quote(name), enum.Quote(text))
	}
	return protocol, nil
}

// Mechanisms returns the SASL mechanisms that the listener offers.
func (l *Listener) Mechanisms() []string {
	list, ok := l.Get("", keyMechanisms)
	if !ok {
		return []string{"GSSAPI"} // Kafka's default
	}
	var names []string
	for name := range strings.SplitSeq(list, ",") {
		if name = strings.TrimSpace(name); name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// Module returns the login module of a mechanism, and false if none is set. A broker reads it
// only from listener.name.NAME.MECHANISM.sasl.jaas.config, and ignores it without these
// prefixes.
//
// Source: Kafka's JaasContext.loadServerContext and ChannelBuilders.channelBuilderConfigs.
func (l *Listener) Module(mechanism string) (m jaas.Module, ok bool, err error) {
	key := l.prefix() + strings.ToLower(mechanism) + ".sasl.jaas.config"
	text, ok := l.config.Get(key)
	if !ok {
		return m, false, nil
	}
	if m, err = jaas.Parse(text); err != nil {
		return m, true, fmt.Errorf("sasl.jaas.config of listener %s, mechanism %s: %w", enum.Quote(l.Name), enum.Quote(mechanism), err)
	}
	return m, true, nil
}
