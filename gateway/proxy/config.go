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

	"github.com/portcullis-authz/portcullis/audit"
	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// Config says what a Proxy does. Upstream, Listeners and Store are required; the zero
// value of every other field is usable.
type Config struct {
	Upstream  Upstream
	Listeners []Listener
	// Store holds the ACLs that decide, and who is a super user. Without a Mirror somebody
	// else fills it, such as aclfile.Apply and aclfile/watch from a file, and it must be
	// ready before Listen.
	Store *snapshot.Store
	// Mirror, if not nil, takes the ACLs of the upstream.
	Mirror *Mirror
	// ACLs is what becomes of DescribeAcls, CreateAcls and DeleteAcls.
	ACLs gateway.ACLHandling
	// Logger gets what befalls connections. Messages and values are cut at 4 KiB, and
	// characters that are not printable are escaped. Nil is slog.Default.
	Logger *slog.Logger
	// Audit takes an event for each name that a request is refused, up to
	// Limits.AuditEvents a second. It is called in the goroutines of the connections:
	// while it waits, so do they. Nil is audit.NewLogHandler of Logger.
	Audit audit.Handler
	// Metrics, if not nil, gets the metrics of the proxy.
	Metrics prometheus.Registerer
	// Limits are the defaults where they are zero.
	Limits Limits
}

// Upstream is the cluster behind the proxy. The proxy is one client of it: all that
// its own clients do, the upstream sees done by the proxy's principal, which must
// therefore be allowed everything there, best as a super user.
type Upstream struct {
	// Brokers are addresses (host:port) to begin with; the others are learned.
	Brokers []string
	// TLS secures the connections; nil leaves them in the clear. An empty ServerName
	// stands for the host of each broker.
	TLS *tls.Config
	// SASL logs the proxy in, such as franz-go's plain.Auth or scram.Auth.
	SASL sasl.Mechanism
}

// Protocol is a Kafka security protocol by its name. The empty Protocol is refused, so
// that nobody opens a listener to everyone by leaving something out.
type Protocol string

// The security protocols.
const (
	Plaintext     Protocol = "PLAINTEXT" // everybody is User:ANONYMOUS
	SSL           Protocol = "SSL"       // clients are known by their certificates
	SASLPlaintext Protocol = "SASL_PLAINTEXT"
	SASLSSL       Protocol = "SASL_SSL"
)

// Listener is where clients connect. A listener has one port to begin with, and one
// more for each broker of the upstream, because a Kafka client connects to the very
// broker that it wants: the broker with node id N is at the port of Address, plus 1,
// plus N, minus FirstNode. This holds for every proxy of the same configuration and
// after every restart. If the port of Address is 0, all are ports that are free.
type Listener struct {
	Protocol Protocol
	// Address is where to listen (host:port) for clients that begin.
	Address string
	// Advertised is the host that clients are told to connect to; that of Address if
	// it is empty.
	Advertised string
	// FirstNode is the lowest node id of the upstream's brokers. A lower id, and one that
	// is higher by Limits.Brokers or more, is an error of Listen; a broker with such an id
	// that comes later is not shown to clients.
	FirstNode int32
	// TLS is what SSL and SASLSSL need; the others must not have it. With SSL, whether
	// clients must show certificates is up to its ClientAuth.
	TLS *tls.Config
	// SASL is what SASLPlaintext and SASLSSL need; the others must not have it.
	SASL *SASL
	// Principals names the clients; nil is as a broker that sets nothing.
	Principals *principal.Builder
}

// Limits bounds what clients can take of the proxy. A field that is zero has the
// default beside it.
type Limits struct {
	Connections int // at the same time, of all listeners together: DefaultConnections
	Brokers     int // ports for brokers a listener may have: DefaultBrokers
	FrameBytes  int // of a request: DefaultFrameBytes
	// AddressConnections is how many connections one address of clients may have, and
	// AddressLogins how many of them that are not logged in. An IPv6 network of 64 bits
	// counts as one address, since whoever has one of its addresses can have them all.
	AddressConnections int // DefaultAddressConnections
	AddressLogins      int // DefaultAddressLogins
	// FramesBytes is the room for the requests of all connections that are read and not
	// yet sent on or answered: DefaultFramesBytes. An eighth is for clients that are not
	// logged in, three sixteenths for requests of up to 16 KiB, ten for larger ones, and one
	// for larger ones that are sent on and wait for their answers. In each part a principal,
	// or an address of clients that are not authenticated, has half at the most, and less
	// the less others leave. A request waits for room up to Frame before it is read; then its
	// connection is closed. One that has waited for a second has what is given back kept for
	// it, and others share an eighth of their part until it has room; or nothing, if it is
	// larger than seven eighths of that: FramesBytes should be several times FrameBytes.
	//
	// Answers of the upstream of more than 16 KiB that are decided about before they are sent
	// have half as much room in addition, in the same shares. Where there is none within Frame,
	// the connection is closed.
	FramesBytes int64
	Pipelined   int // requests of a connection that wait for answers: DefaultPipelined
	// AuditEvents is how many events of the audit log there are in a second, of which one
	// principal, or one address of clients that are not authenticated, has three eighths at
	// the most. The others are counted and dropped.
	AuditEvents int // DefaultAuditEvents

	Login time.Duration // until a new connection is logged in, with TLS: DefaultLogin
	Frame time.Duration // from the first byte of a request to its last, and to write one: DefaultFrame
	Idle  time.Duration // without a request or an answer: DefaultIdle
	Drain time.Duration // for requests under way when the proxy stops: DefaultDrain
}

// The default limits.
const (
	DefaultConnections = 10_000 // two file descriptors each
	DefaultBrokers     = 128    // as many ports are taken in a row
	// One address may be a whole network behind a gateway, so that a few connections are
	// no limit; but it does not take all of them. Somebody who logs in takes a second.
	DefaultAddressConnections = 5_000
	DefaultAddressLogins      = 500
	DefaultFrameBytes         = 100 << 20         // Kafka's socket.request.max.bytes
	DefaultPipelined          = 64                // twelve times what Java's producer sends ahead
	DefaultAuditEvents        = 10_000            // a megabyte or three of text
	DefaultLogin              = 30 * time.Second  // for a client at the other end of the world, with a slow KDC
	DefaultFrame              = 60 * time.Second  // the largest frame at 14 megabits a second
	DefaultIdle               = 600 * time.Second // Kafka's connections.max.idle.ms
	DefaultDrain              = 10 * time.Second  // under the 30 s that supervisors give before they kill
)

// maxLoginFrameBytes is the size of the largest request that is read from somebody who
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

// of returns the value of a limit of connections.
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
		errs = append(errs, errors.New("proxy: Store is not ready: expected that its ACLs are loaded before Listen, or a Mirror"))
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

// protocols says what each security protocol is made of.
var protocols = map[Protocol]struct{ tls, sasl bool }{
	Plaintext:     {},
	SSL:           {tls: true},
	SASLPlaintext: {sasl: true},
	SASLSSL:       {tls: true, sasl: true},
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
			return fmt.Errorf("%s is missing, which %s needs", part.name, l.Protocol)
		case part.given && !part.needs:
			return fmt.Errorf("%s is given, which %s does not use", part.name, l.Protocol)
		}
	}
	host, _, err := splitAddress(l.Address)
	if err != nil {
		return err
	}
	if ip := net.ParseIP(host); l.Advertised == "" && (host == "" || ip != nil && ip.IsUnspecified()) {
		return errors.New("the advertised host is empty, and clients cannot connect to every address: expected the host they reach the proxy by")
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
