package proxy

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/sasl"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/audit"
	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// Config configures a Proxy. Upstream, Listeners and Store are required; the zero value
// of every other field is usable.
type Config struct {
	Upstream  Upstream
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
	// gateway.Config.Audit does, up to Limits.AuditEvents a second. The goroutines of the connections call it, and wait
	// while it does. Nil means audit.NewLogHandler of Logger.
	Audit audit.Handler
	// AuditAllows also passes an event for each allow that Kafka logs at DEBUG. An allow that
	// Audit cannot record is denied, and ends the connection.
	AuditAllows bool
	// AuditAll passes all events to Audit, however many there are: Limits.AuditEvents does
	// not count. It is for a handler that slows down those who cause many events.
	AuditAll bool
	// Refuse, if not nil, is asked about each request before it is decided. While it returns
	// true, every request is answered as if no ACL allowed it, also to super users, so that
	// nothing happens that cannot be recorded, for example. Requests that are at the cluster
	// already get their answers. It must be fast and safe for concurrent use.
	Refuse func() bool
	// Metrics, if not nil, registers the metrics of the proxy.
	Metrics prometheus.Registerer
	// Limits bound what clients can use; zero fields mean the defaults.
	Limits Limits
}

// Upstream is the cluster that the proxy forwards to. The proxy connects as one client:
// the upstream sees all requests as requests of the proxy's principal. That principal
// must therefore be allowed everything there, best as a super user.
type Upstream struct {
	// Brokers are the addresses (host:port) for the first connection; the proxy
	// discovers the others.
	Brokers []string
	// TLS secures the connections; nil means no TLS. If ServerName is empty, the host
	// of each broker is used.
	TLS *tls.Config
	// SASL is the proxy's login, such as franz-go's plain.Auth or scram.Auth. A
	// sasl.ClosingMechanism is closed when the proxy is closed, or when Reconfigure has replaced
	// it by another one; in both cases once no login with it is under way.
	SASL sasl.Mechanism
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
	// error for a lower id, and for an id of FirstNode plus Limits.Brokers or more. A
	// broker with such an id that appears later is hidden from clients.
	FirstNode int32
	// TLS is required for SSL and SASLSSL, and must be nil for the others. With SSL,
	// its ClientAuth determines whether clients must send certificates.
	TLS *tls.Config
	// SASL is required for SASLPlaintext and SASLSSL, and must be nil for the others.
	SASL *SASL
	// Principals maps clients to principals; nil works like a broker without such
	// settings.
	Principals *principal.Builder
}

// Limits bounds the resources that clients can use. A zero field has the default named
// next to it.
type Limits struct {
	Connections int // open at the same time, on all listeners together: DefaultConnections
	Brokers     int // ports for brokers on each listener: DefaultBrokers
	FrameBytes  int // size of one request: DefaultFrameBytes
	// AddressConnections is the number of connections that one client address may have,
	// and AddressLogins the number of those that are not logged in. An IPv6 /64 network
	// counts as one address, since a client that has one of its addresses can use all
	// of them.
	AddressConnections int // DefaultAddressConnections
	AddressLogins      int // DefaultAddressLogins
	// RightlessUpstreams is the number of connections to the cluster that are open at a time for
	// clients of one principal, or of one address if they are not authenticated, that had no
	// right at all when they were opened. Such clients may ask which brokers there are, and a few
	// more things that need no right, of which only the cluster knows the answer. A client
	// beyond the limit is disconnected.
	RightlessUpstreams int // DefaultRightlessUpstreams
	// FramesBytes is the room for the requests of all connections that are read and not
	// yet sent on or answered: DefaultFramesBytes. An eighth is for clients that are not
	// logged in, three sixteenths for requests of up to 16 KiB, ten for larger ones, and one
	// for larger ones that are sent on and wait for their answers. In each part a principal,
	// or an address of clients that are not authenticated, has half at the most, and less
	// the less others leave. A request waits for room up to Frame before it is read; then its
	// connection is closed. One that has waited for a second has what is given back kept for
	// it, and others share an eighth of their part until it has room. So FramesBytes is at
	// least 1.83 times FrameBytes.
	//
	// Answers of the upstream of more than 16 KiB that are decided about before they are sent
	// have half as much room in addition, in the same shares, and an eighth if one request
	// became two. Answers of that size that are made here share the same room until the client
	// has read them. What is kept of a request until the upstream answers, in addition to its
	// frame, has half as much room too if it is more than 16 KiB. Where there is no room within
	// Frame, the connection is closed.
	//
	// What connections keep between requests, for share sessions and for subscriptions to
	// patterns, has an eighth as much in addition, but at least 4 MiB, in the same shares. A
	// session or subscription without room is refused, and the client tries again.
	FramesBytes int64
	Pipelined   int // requests of one connection that wait for answers: DefaultPipelined
	// AuditEvents is the number of audit events per second. One principal, or one
	// address of unauthenticated clients, gets at most three eighths of it. Further
	// events are counted and dropped.
	AuditEvents int // DefaultAuditEvents

	Login time.Duration // until a new connection is logged in, including TLS: DefaultLogin
	// Frame is the time in which a request begins to come whole, and in which 256 KiB of a
	// request or an answer must get through; a larger one has as much time again for each
	// 256 KiB.
	Frame time.Duration // DefaultFrame
	Idle  time.Duration // without requests or answers: DefaultIdle
	Drain time.Duration // for requests in progress when the proxy stops: DefaultDrain
}

// The default limits.
const (
	DefaultConnections = 10_000 // two file descriptors each
	DefaultBrokers     = 128    // this many consecutive ports
	// One address may be a whole network behind NAT, so the limit is not small; but one
	// address cannot take all connections. A login takes about a second.
	DefaultAddressConnections = 5_000
	DefaultAddressLogins      = 500
	// An application whose ACLs are not there yet has as many clients; each costs 38 kB.
	DefaultRightlessUpstreams = 256
	DefaultFrameBytes         = 100 << 20         // Kafka's socket.request.max.bytes
	DefaultPipelined          = 64                // twelve times what Java's producer sends ahead
	DefaultAuditEvents        = 10_000            // one to three megabytes of text
	DefaultLogin              = 30 * time.Second  // for a distant client with a slow KDC
	DefaultFrame              = 60 * time.Second  // 4 kB a second
	DefaultIdle               = 600 * time.Second // Kafka's connections.max.idle.ms
	DefaultDrain              = 10 * time.Second  // less than the 30 s that supervisors wait before they kill
)

// maxLoginFrameBytes is the size of the largest request that is read from a client that
// is not logged in.
//
// Source: Kafka's sasl.server.max.receive.size.
const maxLoginFrameBytes = 512 << 10

// withDefaults returns l with the defaults filled in.
func (l Limits) withDefaults() (Limits, error) {
	for _, f := range []struct {
		name  string
		value *int
		byDef int
	}{
		{"Connections", &l.Connections, DefaultConnections},
		{"Brokers", &l.Brokers, DefaultBrokers},
		{"FrameBytes", &l.FrameBytes, DefaultFrameBytes},
		{"AddressConnections", &l.AddressConnections, DefaultAddressConnections},
		{"AddressLogins", &l.AddressLogins, DefaultAddressLogins},
		{"RightlessUpstreams", &l.RightlessUpstreams, DefaultRightlessUpstreams},
		{"Pipelined", &l.Pipelined, DefaultPipelined},
		{"AuditEvents", &l.AuditEvents, DefaultAuditEvents},
	} {
		if *f.value < 0 {
			return l, fmt.Errorf("proxy: Limits.%s is %d: expected a positive number", f.name, *f.value)
		}
		if *f.value == 0 {
			*f.value = f.byDef
		}
	}
	for _, f := range []struct {
		name  string
		value *time.Duration
		byDef time.Duration
	}{
		{"Login", &l.Login, DefaultLogin},
		{"Frame", &l.Frame, DefaultFrame},
		{"Idle", &l.Idle, DefaultIdle},
		{"Drain", &l.Drain, DefaultDrain},
	} {
		if *f.value < 0 {
			return l, fmt.Errorf("proxy: Limits.%s is %v: expected a positive time", f.name, *f.value)
		}
		if *f.value == 0 {
			*f.value = f.byDef
		}
	}
	if l.FramesBytes == 0 {
		l.FramesBytes = DefaultFramesBytes(l.FrameBytes)
	}
	if least := minFramesBytes(l.FrameBytes); l.FramesBytes < least {
		return l, fmt.Errorf("proxy: Limits.FramesBytes is %d: expected %d or more, in which a request of %d bytes has room", l.FramesBytes, least, l.FrameBytes)
	}
	return l, nil
}

// of returns the value of a connection limit.
func (l Limits) of(name limitName) int {
	switch name {
	case ofAddress:
		return l.AddressConnections
	case loginsOfAddress:
		return l.AddressLogins
	}
	return l.Connections
}

// validate returns everything that is wrong with c.
func (c *Config) validate() error {
	var errs []error
	if c.Store == nil {
		errs = append(errs, errors.New("proxy: Store is nil: expected the ACLs that decide"))
	}
	if c.Store != nil && c.Mirror == nil && !c.Store.Load().Ready() {
		errs = append(errs, errors.New("proxy: Store is not ready: expected ACLs loaded before Listen, or a Mirror"))
	}
	if len(c.Upstream.Brokers) == 0 {
		errs = append(errs, errors.New("proxy: Upstream.Brokers is empty: expected the address of a broker"))
	}
	for _, address := range c.Upstream.Brokers {
		if _, _, err := splitAddress(address); err != nil {
			errs = append(errs, fmt.Errorf("upstream broker: %w", err))
		}
	}
	if len(c.Listeners) == 0 {
		errs = append(errs, errors.New("proxy: Listeners is empty: expected an address for clients"))
	}
	for i := range c.Listeners {
		if err := c.Listeners[i].validate(); err != nil {
			errs = append(errs, fmt.Errorf("listener %s: %w", printable(c.Listeners[i].Address), err))
		}
	}
	return errors.Join(errs...)
}

// Validate returns what is wrong with the configuration, as far as that can be known without
// a port and without the cluster: all that [Listen] would say at once.
func (c *Config) Validate() error {
	_, err := c.Limits.withDefaults()
	errs := []error{err, c.validate()}
	for _, l := range c.Listeners {
		if l.validate() != nil {
			continue // it is in errs
		}
		if _, err := newAccess(l, nil); err != nil {
			errs = append(errs, fmt.Errorf("listener %s: %w", printable(l.Address), err))
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
		return fmt.Errorf("protocol %s: expected PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL", printable(string(l.Protocol)))
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
	host, _, err := splitAddress(l.Address)
	if err != nil {
		return err
	}
	if ip := net.ParseIP(host); l.Advertised == "" && (host == "" || ip != nil && ip.IsUnspecified()) {
		return errors.New("the advertised host is empty and the proxy listens on all addresses: expected the host that clients connect to")
	}
	if l.FirstNode < 0 {
		return fmt.Errorf("the first node is %d: expected a node id", l.FirstNode)
	}
	return nil
}

// splitAddress reads host:port.
func splitAddress(address string) (host string, port int, err error) {
	host, digits, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, fmt.Errorf("address %s: expected host:port", printable(address))
	}
	if port, err = strconv.Atoi(digits); err != nil || port < 0 || port > 65535 {
		return "", 0, fmt.Errorf("address %s: expected a port from 0 to 65535", printable(address))
	}
	return host, port, nil
}

// maxPrintable is how much of an outside text a log line holds: a topic, the longest
// name that Kafka limits, is no longer.
const maxPrintable = 249

// printable returns s as it can stand in a list in a log line: as it is if it cannot be
// taken for anything else, and else quoted; cut at maxPrintable bytes.
func printable(s string) string { return lines.PrintableIn(lines.Cut(s, maxPrintable), ",") }
