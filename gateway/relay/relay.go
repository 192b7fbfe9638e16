package relay

import (
	"context"
	"errors"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/quota"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// Relay is what the connections of clients to one cluster share: limits, room for requests and
// answers, and the tenants. It starts no goroutine by itself. It is safe for concurrent use. Create it
// with [New]; the zero Relay is not usable.
type Relay struct {
	cluster *Cluster
	limits  Limits
	frames  *frameMemory
	tenants Tenants

	mu        sync.Mutex
	conns     map[*Conn]struct{}
	places    // of conns
	addresses map[netip.Prefix]*address
	closed    bool // there are no new connections
	displaced atomic.Int64

	stalledAfter time.Duration // a test has less patience
}

// New returns a Relay. The error says what is wrong with limits, of which zero fields have their
// defaults.
func New(cluster *Cluster, limits Limits) (*Relay, error) {
	limits, err := limits.withDefaults()
	if err != nil {
		return nil, err
	}
	if cluster == nil {
		return nil, errors.New("relay: the cluster is nil")
	}
	cluster.topics.all.resize(questionsFor(limits.FramesBytes))
	return &Relay{
		cluster: cluster, limits: limits, frames: newFrameMemory(limits.FramesBytes),
		conns: map[*Conn]struct{}{}, places: newPlaces(), addresses: map[netip.Prefix]*address{},
		stalledAfter: stalledAfter,
	}, nil
}

// Limits returns the limits with their defaults.
func (r *Relay) Limits() Limits { return r.limits }

// Tenants returns the tenants of the connections.
func (r *Relay) Tenants() *Tenants { return &r.tenants }

// FramesHeld returns how many bytes of requests and answers have room: see Limits.FramesBytes.
func (r *Relay) FramesHeld() int64 { return r.frames.held.Load() }

// Connections returns how many connections there are, and how many of them are not logged in.
func (r *Relay) Connections() (all, strangers int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.conns), len(r.strangers)
}

// Displaced returns how many connections were closed for others since the Relay was made: see
// Limits.Connections and Limits.Logins.
func (r *Relay) Displaced() int64 { return r.displaced.Load() }

// Client says how the connection of a client is served. Gateway and Login are required.
type Client struct {
	// Node is the broker that the connection leads to.
	Node int32
	// Gateway decides. Its configuration needs no Cluster: the connection gives it one.
	Gateway *gateway.Gateway
	// Protocol is that of the port, for gateway.Client.
	Protocol ops.SecurityProtocol
	// Login says who the client is. It is used by one goroutine at a time, and belongs to
	// this connection.
	Login Login
	// LoginBytes is the size of the largest request that is read before the client is logged
	// in; 0 means MaxLoginFrameBytes, which is also the most.
	LoginBytes int
	// Decide, if not nil, returns what decides instead of Gateway.Conn. It is called when the
	// client has logged in, and after each further login; client.Before is then to be the *gateway.Conn
	// that it has made before.
	Decide func(client gateway.Client) Decider
	// Events, if not nil, is that of gateway.Client.
	Events func(events int) int
	// Decided, if not nil, is called with how long it took to decide about a request.
	Decided func(took time.Duration)
	// Answered, if not nil, is called once a request is answered or given up, after its events
	// were passed on. The plan is valid until it returns.
	Answered func(plan *gateway.Plan)
	// Quotas, if not nil, says for how long the client is throttled: see package quota. Produce
	// requests, and the answers to Fetch and ShareFetch, count for the name of its principal.
	Quotas *quota.Tracker
	// Tracer, if not nil, receives what became of the requests that it samples. If it is nil, no
	// request costs anything for it.
	Tracer Tracer
	// Ending, if not nil, is called with what Serve will return, before the connection is
	// closed: what it logs is there when the client notices.
	Ending func(err error)
}

// Decider decides the requests of one connection: a *gateway.Conn.
type Decider interface {
	Request(frame []byte) (*gateway.Plan, error)
}

// Changing is a Decider whose decisions depend on more than the ACLs, such as on the groups of the client.
type Changing interface {
	Decider
	// Changed reports whether the last request would have to be decided again, because something other than
	// the ACLs has changed since. It is asked when the request has waited, before it is sent to the cluster;
	// Request is then called again with it.
	Changed() bool
}

// Login says who a client is.
type Login interface {
	// Begin secures the connection, for example by TLS, and returns what is used instead. The
	// connection has the deadline Limits.Login. If the client is known now, who is not zero, and
	// its Host is set; otherwise it has to log in by requests. An error ends the connection.
	Begin(ctx context.Context, client net.Conn) (secured net.Conn, who snapshot.Subject, err error)
	// Take answers requests that log the client in: ops.SASLHandshakeKey and
	// ops.SASLAuthenticateKey, which gateway.ParseHeader and Header.Request read, and Header.Response
	// answers. It is passed each request before anything
	// else is done with it, in order. It returns nil if the request is none of these. If it returns an
	// error, the connection ends once the answer, if any, is sent. It may keep nothing of frame.
	Take(ctx context.Context, frame []byte) (*Taken, error)
	// LoggedIn reports whether a login was successful, no other one is under way (KIP-368), and the
	// session has not ended. It is asked each time before a request is decided, also after a wait.
	// While it is false nothing but ApiVersions is answered, and any other request ends the
	// connection.
	LoggedIn() bool
}

// Taken is a request that a Login has answered.
type Taken struct {
	// Answer is what the client is sent, without its length; nil means nothing.
	Answer []byte
	// Who is who the client is from now on, with Host set, if this request has completed a
	// login. A client that logs in again must be the same principal, or it is
	// disconnected after Answer. The zero Subject means that it has not.
	Who snapshot.Subject
}

// Known is the Login of a client that is known without any: on a port without authentication, with
// principal.Anonymous, or where something in front of it, such as a load balancer or a Unix
// socket, says who it is. Requests for a login are refused (ILLEGAL_SASL_STATE), as by a broker
// without SASL.
type Known snapshot.Subject

// Begin returns the client as it is.
func (k Known) Begin(_ context.Context, client net.Conn) (net.Conn, snapshot.Subject, error) {
	if k.Principal.IsZero() {
		return nil, snapshot.Subject{}, errors.New("relay: the client has no principal")
	}
	return client, snapshot.Subject(k), nil
}

// Take returns nil: no request logs the client in.
func (Known) Take(context.Context, []byte) (*Taken, error) { return nil, nil }

// LoggedIn returns true.
func (Known) LoggedIn() bool { return true }

// Admit counts a connection, which is then to be served or closed. It returns a *LimitError if the
// connection is beyond a limit, and net.ErrClosed after Drain or Close; then client is left as
// it is. For it, another connection may be closed: see Limits.Connections and Limits.Logins.
func (r *Relay) Admit(client net.Conn) (*Conn, error) {
	c := r.newConn(client)
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return nil, net.ErrClosed
	}
	displaced, beyond := r.enter(c)
	r.mu.Unlock()
	if beyond != nil {
		return nil, beyond
	}
	for _, missed := range displaced {
		missed.kill()
	}
	return c, nil
}

// Serve admits a connection, and serves it until it ends (see [Relay.Admit], [Conn.Serve]). It
// closes client, and returns why it has ended.
func (r *Relay) Serve(ctx context.Context, client net.Conn, config Client) error {
	c, err := r.Admit(client)
	if err != nil {
		return errors.Join(err, client.Close())
	}
	return c.Serve(ctx, config)
}

// Drain admits no more connections, stops to read requests, and waits until those that were read
// are answered, at most for Limits.Drain. It returns how many connections are left, which
// Close ends.
func (r *Relay) Drain() (left int) {
	r.refuseMore((*Conn).drain)
	deadline := time.Now().Add(r.limits.Drain)
	for {
		all, _ := r.Connections()
		if all == 0 || !time.Now().Before(deadline) {
			return all
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// Close admits no more connections, and ends all there are. It does not wait until Serve has
// returned for each of them.
func (r *Relay) Close() { r.refuseMore((*Conn).kill) }

// refuseMore calls end for every connection. There will be no new ones.
func (r *Relay) refuseMore(end func(*Conn)) {
	r.mu.Lock()
	r.closed = true
	open := slices.Collect(maps.Keys(r.conns))
	r.mu.Unlock()
	for _, c := range open {
		end(c)
	}
}
