package proxy

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/audit"
	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/gateway/relay"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/role/groups"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// Config configures a Proxy. Upstream, Listeners and Store are required; the zero value
// of every other field is usable.
type Config struct {
	Upstream  relay.Upstream
	Listeners []Listener
	// Store holds the ACLs and the super users. Without a Mirror the program fills it,
	// for example from a file with aclfile.Apply and aclfile/watch, and it must be
	// ready before Listen.
	Store *snapshot.Store
	// Mirror, if not nil, loads the ACLs of the upstream into Store.
	Mirror *Mirror
	// ACLs says how DescribeAcls, CreateAcls and DeleteAcls are handled. With a Mirror, use
	// gateway.ForwardACLs: otherwise clients cannot change ACLs.
	ACLs gateway.ACLHandling
	// MetadataVersion is that of gateway.Config, for ACLs that are kept in the proxy.
	MetadataVersion acl.MetadataVersion
	// Logger receives events of the proxy and its connections. Messages and values are
	// cut at 4 KiB, and non-printable characters are escaped. Nil means slog.Default.
	Logger *slog.Logger
	// Audit receives an event for each refused name of a request, as the Handler of
	// gateway.Config.Audit does, up to AuditEvents a second. The goroutines of the connections call
	// it, and wait while it does. Nil means audit.NewLogHandler of Logger.
	Audit audit.Handler
	// AuditAllows also passes an event for each allow that Kafka logs at DEBUG. An allow that
	// Audit cannot record is denied, and ends the connection.
	AuditAllows bool
	// AuditAll passes all events to Audit, however many there are: AuditEvents does
	// not count. It is for a handler that slows down those who cause many events.
	AuditAll bool
	// Refuse, if not nil, is asked about each request before it is decided. While it returns
	// true, every request is answered as if no ACL allowed it, also to super users, so that
	// nothing happens that cannot be recorded, for example. Requests that are at the cluster
	// already get their answers. It must be fast and safe for concurrent use.
	Refuse func() bool
	// Groups, if not nil, says which groups clients are in, in addition to those of their login
	// (TokenOwner.Groups). It is asked before each request is decided, so it should remember
	// answers, as groups.Cache does. It is asked again when a request has waited. A change counts for the
	// next request; one that is at the cluster is answered by the groups that it was decided with.
	//
	// While it returns an error, all requests of the client are refused as if no ACL allowed them,
	// because a DENY may be for a group. Super users by their own name are served.
	Groups groups.Source
	// Quotas, if not nil, throttles clients as a broker does.
	Quotas *Quotas
	// DelegationTokens lets clients create, renew, expire and describe delegation tokens of the
	// upstream, and log in with their ids and HMACs, by SCRAM, as their owners. The upstream must be
	// Kafka 3.3 or later with delegation.token.secret.key, and the proxy a super user that it lets
	// have tokens: not on a PLAINTEXT listener. A token that was expired or removed there logs
	// nobody in after relay.MaxTokenAge. Whoever can make tokens at the upstream for a principal can
	// be this principal at the proxy.
	DelegationTokens bool
	// Tracer, if not nil, receives what became of the requests of clients that are logged in, or
	// of those that it samples.
	Tracer relay.Tracer
	// Metrics, if not nil, registers the metrics of the proxy.
	Metrics prometheus.Registerer
	// AuditEvents is the number of audit events per second. One principal, or one
	// address of unauthenticated clients, gets at most three eighths of it. Further
	// events are counted and dropped. 0 means DefaultAuditEvents.
	AuditEvents int
	// Limits bound what clients can use; zero fields mean the defaults.
	Limits relay.Limits
}

// Listener is an address for clients. A listener has one bootstrap port, and one more
// for each broker of the upstream, because a Kafka client connects to a specific
// broker. The port of the broker with node id N is the port of Address, plus 1, plus N,
// minus FirstNode. This is the same for every proxy with the same configuration and
// after every restart. If the port of Address is 0, all ports are free ports chosen by
// the system.
type Listener struct {
	// Protocol must be set: omitting it cannot open a listener to everyone.
	Protocol ops.SecurityProtocol
	// Address is the bootstrap address (host:port) to listen on.
	Address string
	// Advertised is the host that clients are told to connect to. If it is empty, the
	// host of Address is used.
	Advertised string
	// FirstNode is the lowest node id of the upstream's brokers. Listen returns an
	// error for a lower id, and for an id of FirstNode plus Brokers or more. A
	// broker with such an id that appears later is hidden from clients.
	FirstNode int32
	// Brokers is the number of ports for brokers; 0 means relay.DefaultBrokers.
	Brokers int
	// TLS is required for SSL and SASLSSL, and must be nil for the others. With SSL,
	// its ClientAuth determines whether clients must send certificates.
	TLS *tls.Config
	// SASL is required for SASLPlaintext and SASLSSL, and must be nil for the others.
	SASL *SASL
	// Principals maps clients to principals; nil works like a broker without such
	// settings.
	Principals *principal.Builder
}

// DefaultAuditEvents is the default of Config.AuditEvents: one to three megabytes of text.
const DefaultAuditEvents = 10_000

// validate returns everything that is wrong with c.
func (c *Config) validate() error {
	var errs []error
	if c.Store == nil {
		errs = append(errs, errors.New("proxy: Store is nil: expected the ACLs that decide"))
	}
	if c.Store != nil && c.Mirror == nil && !c.Store.Load().Ready() {
		errs = append(errs, errors.New("proxy: Store is not ready: expected ACLs loaded before Listen, or a Mirror"))
	}
	if c.AuditEvents < 0 {
		errs = append(errs, fmt.Errorf("proxy: AuditEvents is %d: expected a positive number", c.AuditEvents))
	}
	if c.Quotas != nil && c.Quotas.Tracker == nil {
		errs = append(errs, errors.New("proxy: Quotas.Tracker is nil: expected what counts"))
	}
	errs = append(errs, c.Limits.Validate(), c.Upstream.Validate())
	if len(c.Listeners) == 0 {
		errs = append(errs, errors.New("proxy: Listeners is empty: expected an address for clients"))
	}
	for i := range c.Listeners {
		if err := c.Listeners[i].validate(); err != nil {
			errs = append(errs, fmt.Errorf("listener %s: %w", lines.Name(c.Listeners[i].Address), err))
		}
	}
	return errors.Join(errs...)
}

// Validate returns what is wrong with the configuration, as far as that can be known without
// a port and without the cluster: all that [Listen] would say at once.
func (c *Config) Validate() error {
	errs := []error{c.validate()}
	for _, l := range c.Listeners {
		if l.validate() != nil {
			continue // it is in errs
		}
		if _, err := newAccess(l, nil, new(Proxy).tokens(c)); err != nil {
			errs = append(errs, fmt.Errorf("listener %s: %w", lines.Name(l.Address), err))
		}
	}
	return errors.Join(errs...)
}

// protocols says what each security protocol is made of.
var protocols = map[ops.SecurityProtocol]struct{ tls, sasl bool }{
	ops.Plaintext:     {},
	ops.SSL:           {tls: true},
	ops.SASLPlaintext: {sasl: true},
	ops.SASLSSL:       {tls: true, sasl: true},
}

func (l *Listener) validate() error {
	p, ok := protocols[l.Protocol]
	if !ok {
		return fmt.Errorf("protocol %s: expected PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL", lines.Name(string(l.Protocol)))
	}
	for _, part := range []struct {
		name         string
		needs, given bool
	}{{"TLS", p.tls, l.TLS != nil}, {"SASL", p.sasl, l.SASL != nil}} {
		switch {
		case part.needs && !part.given:
			return fmt.Errorf("%s is missing, but %s needs it", part.name, l.Protocol)
		case part.given && !part.needs:
			return fmt.Errorf("%s is set, but %s does not use it", part.name, l.Protocol)
		}
	}
	ports := l.portsConfig()
	return ports.Validate()
}
