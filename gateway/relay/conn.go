package relay

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// Conn is the connection of a client. Until the client is logged in, one goroutine reads
// its requests and answers them. From then on another one reads requests ahead, and each
// waits for its turn. It is made by [Relay.Admit].
type Conn struct {
	relay   *Relay
	config  Client       // by Serve
	network netip.Prefix // of the client: see NetworkOf
	began   time.Time    // when it was admitted
	known   bool         // the client was logged in; guarded by the relay's mutex
	of      *Tenant      // of a client that is known; so is this
	client  net.Conn
	reader  *bufio.Reader
	writer  lentWriter
	tenant  *Tenant          // of the client: its network until it is logged in
	subject snapshot.Subject // zero until the client is logged in
	kept    *claim           // what decide keeps between requests; nil until the client is logged in
	knows   *Knowledge       // of nothing until the client is logged in

	ctx context.Context // until the connection ends
	end context.CancelFunc

	asking     context.Context // until nobody needs answers of the upstream, until c.until: see finish
	stopAsking context.CancelFunc

	decide      Decider // nil until the client is logged in
	failedLogin bool    // the Login has ended the connection
	wasGranted  bool    // something that it asked for was allowed; only the goroutine of turns uses it

	ahead   readAhead
	silence silence

	claimed   []*claim      // by claimMemory, some of them released; only the goroutine of turns uses it
	rightless bool          // it counts among those of its tenant; only the goroutine of turns uses it
	throttle  time.Duration // after the request that has its turn; only the goroutine of turns uses it
	idle      *time.Timer   // of request, which alone uses it
	trace     *Trace        // of the request that has its turn, or nil; only the goroutine of turns uses it
	draining  atomic.Bool
	displaced atomic.Bool // another one has its place, although it was logged in

	mu       sync.Mutex
	upstream *upstreamConn // nil until the first request that reaches the upstream
	until    time.Time     // end of the wait for responses of the upstream; zero means never
	stops    *time.Timer   // calls stopAsking then; nil until the client has left
	held     bool          // a fence is not answered, or a request waits until the broker reads again
	killed   bool
	cause    error // why no more requests are read; nil while they are
}

// Reasons for the end of a connection that are not worth a warning.
var (
	errIdle     = errors.New("idle")
	errDraining = errors.New("the proxy stops")
	errAnswered = errors.New("closed after the answer, as a broker does")

	errUpstreamLeft = errors.New("the broker has closed the connection")
)

// errDisplaced ends a connection. It is worth a line in the log: it names the principal.
var errDisplaced = errors.New("another client has its place: as many are connected as may be, and nothing that this client asked for was allowed (Limits.Connections, --max-connections)")

// Ended reports whether err, which [Conn.Serve] returned, is only that a connection has ended as
// they do: the client has left or was idle, the broker has closed its connection while nothing was
// asked, the relay drains or is closed, or the answer is one after which brokers disconnect.
// Everything else is worth a line in the log. It is true for nil.
func Ended(err error) bool {
	return err == nil || errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, errIdle) ||
		errors.Is(err, errDraining) || errors.Is(err, errAnswered) || errors.Is(err, errUpstreamLeft)
}

func (r *Relay) newConn(client net.Conn) *Conn {
	ctx, end := context.WithCancel(context.Background())
	c := &Conn{
		relay: r, client: client, began: time.Now(), network: NetworkOf(client), knows: new(Knowledge), ctx: ctx, end: end,
		ahead: newReadAhead(r.limits.Pipelined), idle: time.NewTimer(watchAfter),
	}
	c.idle.Stop()
	c.asking, c.stopAsking = context.WithCancel(ctx)
	return c
}

// Tenant returns the tenant of the client: its network until it is logged in. Call it in what
// Serve calls, only.
func (c *Conn) Tenant() *Tenant { return c.tenant }

// Serve serves the connection until it ends, closes it, and returns why it has ended: see
// [Ended]. Call it only once. ctx is needed for connecting to the broker and for
// [Login].Begin; when it is done the connection goes on: see [Relay.Drain].
func (c *Conn) Serve(ctx context.Context, config Client) error {
	defer c.Close()
	if config.Gateway == nil || config.Login == nil {
		return errors.New("relay: a Client without a Gateway or a Login")
	}
	c.config = config
	tenants := &c.relay.tenants
	c.tenant = tenants.Join(principal.Principal{}, c.network)
	defer func() {
		if c.kept != nil {
			c.keep(0)
		}
		if !c.rightless {
			tenants.Leave(c.tenant)
			return
		}
		tenant := c.tenant
		time.AfterFunc(rightlessAfter, func() {
			tenant.rightless.Add(-1)
			tenants.Leave(tenant)
		})
	}()
	err := c.serve(ctx)
	if c.displaced.Load() {
		err = errDisplaced
	}
	if config.Ending != nil {
		config.Ending(err)
	}
	return err
}

func (c *Conn) serve(ctx context.Context) error {
	if err := c.begin(ctx); err != nil {
		return err
	}
	err := c.logIn(ctx)
	if err == nil {
		err = c.exchange(ctx)
	}
	if !Ended(err) && !c.failedLogin || errors.Is(err, errUpstreamLeft) {
		c.suspectUpstream()
	}
	return err
}

// Close ends the connection at once. It may be called again, and at any time.
func (c *Conn) Close() {
	c.kill()
	c.relay.leave(c)
}

// logIn answers requests until the client is logged in.
func (c *Conn) logIn(ctx context.Context) error {
	began, most := time.Now(), MaxLoginFrameBytes
	if limit := c.config.LoginBytes; limit > 0 {
		most = min(most, limit)
	}
	for sent := 0; c.decide == nil; sent++ {
		if sent == maxLoginRequests {
			return fmt.Errorf("not logged in within %d requests", maxLoginRequests)
		}
		r, err := c.next(most, func() time.Time { return began.Add(c.relay.limits.Login) })
		if err != nil {
			return err
		}
		a, err := c.take(ctx, r.frame)
		r.room.release()
		if failure := c.send(a.frame); failure != nil {
			return failure
		}
		if failure := c.flush(); failure != nil || err != nil {
			return errors.Join(failure, err)
		}
	}
	return nil
}

// exchange serves a client that is logged in, and returns why the connection ended.
func (c *Conn) exchange(ctx context.Context) error {
	read := make(chan error, 1)
	go func() {
		err := c.read()
		c.finish(err)
		read <- err
		close(c.ahead.requests)
		close(c.ahead.over)
	}()
	err := c.turns(ctx)
	c.settle()
	defer c.ahead.drop()
	select {
	case cause := <-read: // why it came to an end, whatever went wrong after it
		return cause
	default:
	}
	c.kill() // which ends read
	close(c.ahead.ended)
	<-read
	return err
}

// begin secures the connection, and logs in a client that is known by that.
func (c *Conn) begin(ctx context.Context) error {
	if err := c.client.SetDeadline(time.Now().Add(c.relay.limits.Login)); err != nil {
		return err
	}
	secured, who, err := c.config.Login.Begin(ctx, c.client)
	if err != nil {
		return err
	}
	if secured == nil {
		return errors.New("relay: Login.Begin returned no connection")
	}
	c.mu.Lock()
	c.client = secured
	c.mu.Unlock()
	c.reader, c.writer.to = bufio.NewReaderSize(c.client, bufferBytes), c.client
	if who.Principal.IsZero() {
		return nil
	}
	return c.become(who)
}

// become sets the client's identity. It returns an error if it had another one.
func (c *Conn) become(who snapshot.Subject) error {
	if c.decide != nil && !who.Principal.Equal(c.subject.Principal) {
		return fmt.Errorf("%s would become %s on one connection", lines.Name(c.subject.Principal.String()), lines.Name(who.Principal.String()))
	}
	if c.decide == nil {
		// Once: who logs in again is the same.
		tenants, stranger := &c.relay.tenants, c.tenant
		c.tenant = tenants.Join(who.Principal, c.network)
		tenants.Leave(stranger)
		c.kept = c.relay.frames.newClaim(keptState, 0, c.tenant)
		c.knows = c.relay.cluster.Knowledge(c.asking, Asker{Node: c.config.Node, Tenant: c.tenant, Patience: connPatience, Before: func() { _ = c.flush() }})
		c.relay.admitted(c, c.tenant)
	}
	c.subject = who
	client := gateway.Client{
		Subject:  who,
		Protocol: c.config.Protocol,
		Cluster:  c.knows,
		Keep:     c.keep,
		Turn:     c.takeTurn,
		Events:   c.config.Events,

		TokenAuthenticated: who.Principal.TokenAuthenticated,
	}
	if tokens := c.relay.cluster.Tokens(); tokens != nil {
		client.Tokens = tokens.Of(c.asking, func() { _ = c.flush() })
	}
	if c.config.Decide != nil {
		c.decide = c.config.Decide(client)
		return nil
	}
	client.Before, _ = c.decide.(*gateway.Conn)
	c.decide = c.config.Gateway.Conn(client)
	return nil
}

// takeTurn calls decide in the tenant's turn to decide about a list, for [gateway.Client].
func (c *Conn) takeTurn(decide func()) bool {
	_ = c.flush() // an error is not lost: the next answer cannot be written either
	return c.decideList(func() { c.knows.InTurn(decide) }) == nil
}

// decideList calls decide in the tenant's turn to decide about a list. It waits for as long as a
// client may take for its next bytes; and for one that has left, as long as for the broker.
func (c *Conn) decideList(decide func()) error {
	c.hold()
	defer c.unhold()
	return c.tenant.DecideList(c.asking, c.relay.limits.Frame, decide)
}

// keep takes room for what decide keeps between requests, for [gateway.Client].
func (c *Conn) keep(bytes int) bool { return c.kept.room.resize(c.kept, int64(bytes)) }

// next reads the next request, of at most limit bytes. It fails if nothing arrives
// before until(), which is called when the wait begins. While the client waits for an
// answer, it is not timed out.
func (c *Conn) next(limit int, until func() time.Time) (request, error) {
	loggedIn := c.ahead.reading
	for deadline := until(); ; {
		if err := c.client.SetReadDeadline(deadline); err != nil {
			return request{}, err
		}
		if c.draining.Load() { // looked at after the deadline is set: see drain
			return request{}, errDraining
		}
		_, err := c.reader.Peek(1)
		switch {
		case err == nil:
			if loggedIn {
				_ = c.client.SetReadDeadline(time.Now().Add(c.relay.limits.Frame))
			}
			return c.readFrame(limit)
		case errors.Is(err, syscall.ECONNRESET):
			return request{}, io.EOF // another way for a client to leave
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return request{}, err
		case c.draining.Load():
			return request{}, errDraining
		case !loggedIn:
			return request{}, fmt.Errorf("not logged in within %v", c.relay.limits.Login)
		case c.ahead.waiting.Load() > 0:
			deadline = until()
		default: // it is idle from its last answer on
			if deadline = time.Unix(0, c.ahead.answered.Load()).Add(c.relay.limits.Idle); !deadline.After(time.Now()) {
				return request{}, errIdle
			}
		}
	}
}

// readFrame reads a request that has begun to come, once there is room for it.
func (c *Conn) readFrame(limit int) (request, error) {
	prefix, err := c.reader.Peek(4)
	if err != nil {
		return request{}, err
	}
	size := int(int32(binary.BigEndian.Uint32(prefix)))
	if size < 0 || size > limit {
		return request{}, fmt.Errorf("a frame of %d bytes: expected 0 to %d", size, limit)
	}
	patience := c.relay.limits.Frame
	if size <= MaxSmallFrame {
		if _, err := c.reader.Peek(4 + size); errors.Is(err, io.EOF) {
			return request{}, io.ErrUnexpectedEOF
		} else if err != nil {
			return request{}, err
		}
	}
	room, err := c.claim(size, patience)
	if err != nil {
		return request{}, err
	}
	frame, err := c.readBody(size, patience)
	if err != nil {
		room.release()
		return request{}, err
	}
	return request{frame: frame, room: room}, nil
}

// claim waits for the room of a request. While there is no room for requests before their
// turn, it waits until the earlier requests of the connection are answered.
func (c *Conn) claim(size int, patience time.Duration) (*claim, error) {
	frames := c.relay.frames
	for c.ahead.waiting.Load() > 0 {
		if room := frames.claimAhead(size, c.tenant); room != nil {
			return room, nil
		}
		if err := c.ahead.waitForChange(); err != nil {
			return nil, err
		}
	}
	return frames.claim(c.ctx, size, c.tenant, c.ahead.reading, patience)
}

// readBody reads a request behind its size.
func (c *Conn) readBody(size int, patience time.Duration) ([]byte, error) {
	_, _ = c.reader.Discard(4) // which are there
	frame := make([]byte, size)
	for rest := frame; ; {
		if c.ahead.reading { // otherwise the time to log in counts
			_ = c.client.SetReadDeadline(time.Now().Add(patience))
			if c.draining.Load() {
				return nil, errDraining
			}
		}
		part := rest[:min(len(rest), progressBytes)]
		if _, err := io.ReadFull(c.reader, part); errors.Is(err, io.EOF) {
			return nil, io.ErrUnexpectedEOF
		} else if err != nil {
			return nil, err
		}
		if rest = rest[len(part):]; len(rest) == 0 {
			return frame, nil
		}
	}
}

// finish limits the wait for responses in progress, and for questions asked about
// requests. err is why no more requests are read. Nobody waits for a client that has
// left; but requests that it sent before are completed, as by a broker, if that does
// not take long.
func (c *Conn) finish(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cause = err
	left := errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed)
	if !left && errors.Is(err, errDraining) {
		return // the proxy ends the connection when it has stopped
	}
	until := time.Now()
	if !left || c.held || len(c.ahead.requests) > 0 || c.ahead.waiting.Load() > 0 && !c.ahead.sent.Load() {
		until = until.Add(c.relay.limits.Drain)
	}
	c.stops = time.AfterFunc(time.Until(until), c.stopAsking)
	c.waitUntil(until)
}

// waitUntil sets the end of the wait for responses of the upstream. c.mu is held.
func (c *Conn) waitUntil(until time.Time) {
	c.until = until
	if c.stops != nil {
		c.stops.Reset(time.Until(until))
	}
	if c.upstream != nil {
		_ = c.upstream.SetReadDeadline(until)
	}
}

// drain stops taking requests. The deadline ends a read that has begun; draining
// stops the next one.
func (c *Conn) drain() {
	c.draining.Store(true)
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.client.SetReadDeadline(time.Unix(1, 0))
}

// kill ends the connection at once.
func (c *Conn) kill() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.killed = true
	c.end()
	_ = c.client.Close()
	if c.upstream != nil {
		_ = c.upstream.Close()
	}
}

// suspectUpstream checks whether the broker is down, after a connection has ended for a
// reason that may be the broker's.
func (c *Conn) suspectUpstream() {
	if address, ok := c.relay.cluster.Address(c.config.Node); ok && c.upstream != nil {
		c.relay.cluster.Suspect(c.config.Node, address)
	}
}
