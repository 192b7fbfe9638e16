package relay

import (
	"fmt"
	"time"
)

// Limits bounds the resources that the clients of a Relay can use together. A zero field has
// the default named next to it. Room is counted for a tenant: see [Tenants].
type Limits struct {
	// Connections is the number of connections that are open at the same time, on all ports together.
	// When there are as many, a new one has the place of one that is not logged in, or of one that is
	// and was never allowed anything; of the network or the principal with most of these. So somebody
	// without rights does not keep out those who have some, from however many addresses. A connection
	// with a request of which something was allowed keeps its place until it ends.
	Connections int // DefaultConnections
	// Logins is the number of connections that are not logged in, of all addresses together. The
	// others are for clients that are. When there are as many, or as many in all as Connections, a new
	// connection has the place of one that is not logged in: of those that are there for three seconds, or
	// of all if there is none, one of an address with many of them. So somebody with many addresses does
	// not keep others out, as long as they log in within that time.
	Logins     int // half of Connections, but at least one
	FrameBytes int // size of one request: DefaultFrameBytes
	// AddressConnections is the number of connections that one client address may have,
	// and AddressLogins the number of those that are not logged in. An IPv6 /64 network
	// counts as one address, since a client that has one of its addresses can use all
	// of them. When there are as many, a new connection has the place of one of the same
	// address that is not logged in for three seconds; or of one that was never allowed anything, if
	// there are as many as AddressConnections. Otherwise it is turned away.
	AddressConnections int // DefaultAddressConnections
	AddressLogins      int // DefaultAddressLogins
	// RightlessUpstreams is the number of connections to the cluster that are open at a time for
	// clients of one principal, or of one address if they are not authenticated, that had no
	// right at all when they were opened. Such clients may ask which brokers there are, and a few
	// more things that need no right, of which only the cluster knows the answer. A connection counts
	// for five seconds after its end, so that the limit also bounds how often the cluster is connected
	// to. A client beyond it is disconnected.
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
	//
	// The answers to what the program has to ask the cluster about requests of clients have half as much
	// in addition, but at least 64 MiB and at most 256 MiB: each has 8 MiB at the most, and so many of
	// these questions are under way at a time, eight of them to one broker. In addition, one is about all topics, at
	// most every two seconds.
	FramesBytes int64
	Pipelined   int // requests of one connection that wait for answers: DefaultPipelined

	Login time.Duration // until a new connection is logged in, including TLS: DefaultLogin
	// Frame is the time in which a request begins to come whole, and in which 256 KiB of a
	// request or an answer must get through; a larger one has as much time again for each
	// 256 KiB.
	Frame time.Duration // DefaultFrame
	Idle  time.Duration // without requests or answers: DefaultIdle
	Drain time.Duration // for requests in progress for [Relay.Drain], and behind a client that has left: DefaultDrain
}

// The default limits.
const (
	DefaultConnections = 10_000 // two file descriptors each
	// One address may be a whole network behind NAT, so the limit is not small; but one
	// address cannot take all connections. A login takes about a second.
	DefaultAddressConnections = 5_000
	DefaultAddressLogins      = 500
	// An application whose ACLs are not there yet has as many clients; each costs 38 kB.
	DefaultRightlessUpstreams = 256
	DefaultFrameBytes         = 100 << 20         // Kafka's socket.request.max.bytes
	DefaultPipelined          = 64                // twelve times what Java's producer sends ahead
	DefaultLogin              = 30 * time.Second  // for a distant client with a slow KDC
	DefaultFrame              = 60 * time.Second  // 4 kB a second
	DefaultIdle               = 600 * time.Second // Kafka's connections.max.idle.ms
	DefaultDrain              = 10 * time.Second  // less than the 30 s that supervisors wait before they kill
)

// loginsShare is the part of all connections that those that are not logged in may have. After a
// restart, all clients log in at the same time, so that it cannot be much smaller; the other half
// is always for those that have done so.
const loginsShare = 2

// MaxLoginFrameBytes is the size of the largest request that is read from a client that
// is not logged in.
//
// Source: Kafka's sasl.server.max.receive.size.
const MaxLoginFrameBytes = 512 << 10

// MaxLoginRounds limits the messages of a login. SCRAM needs two, GSSAPI three.
const MaxLoginRounds = 8

// maxLoginRequests limits the requests of a client that is not logged in: the messages
// of a login, a handshake, and ApiVersions.
const maxLoginRequests = 3 * MaxLoginRounds

// Validate returns what is wrong with l. The zero Limits is valid.
func (l Limits) Validate() error {
	_, err := l.withDefaults()
	return err
}

// limit is a field of Limits.
type limit[N int | time.Duration] struct {
	name  string
	value *N
	byDef N
}

// fill gives fields that are zero their defaults.
func fill[N int | time.Duration](fields []limit[N], expected string) error {
	for _, f := range fields {
		if *f.value < 0 {
			return fmt.Errorf("relay: Limits.%s is %v: expected %s", f.name, *f.value, expected)
		}
		if *f.value == 0 {
			*f.value = f.byDef
		}
	}
	return nil
}

// withDefaults returns l with the defaults filled in.
func (l Limits) withDefaults() (Limits, error) {
	if err := fill([]limit[int]{
		{"Connections", &l.Connections, DefaultConnections},
		{"FrameBytes", &l.FrameBytes, DefaultFrameBytes},
		{"AddressConnections", &l.AddressConnections, DefaultAddressConnections},
		{"AddressLogins", &l.AddressLogins, DefaultAddressLogins},
		{"RightlessUpstreams", &l.RightlessUpstreams, DefaultRightlessUpstreams},
		{"Pipelined", &l.Pipelined, DefaultPipelined},
	}, "a positive number"); err != nil {
		return l, err
	}
	switch {
	case l.Logins < 0 || l.Logins > l.Connections:
		return l, fmt.Errorf("relay: Limits.Logins is %d: expected a positive number, at most Limits.Connections (%d)", l.Logins, l.Connections)
	case l.Logins == 0:
		l.Logins = max(1, l.Connections/loginsShare)
	}
	if err := fill([]limit[time.Duration]{
		{"Login", &l.Login, DefaultLogin},
		{"Frame", &l.Frame, DefaultFrame},
		{"Idle", &l.Idle, DefaultIdle},
		{"Drain", &l.Drain, DefaultDrain},
	}, "a positive time"); err != nil {
		return l, err
	}
	if l.FramesBytes == 0 {
		l.FramesBytes = DefaultFramesBytes(l.FrameBytes)
	}
	if least := minFramesBytes(l.FrameBytes); l.FramesBytes < least {
		return l, fmt.Errorf("relay: Limits.FramesBytes is %d: expected %d or more, in which a request of %d bytes has room", l.FramesBytes, least, l.FrameBytes)
	}
	return l, nil
}
