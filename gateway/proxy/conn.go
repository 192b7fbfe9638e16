package proxy

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// decider decides the requests of one connection: a *gateway.Conn.
type decider interface {
	Request(frame []byte) (*gateway.Plan, error)
}

// conn is the connection of a client. Until the client is logged in, one goroutine reads
// its requests and answers them. From then on another one reads requests ahead, and each
// waits for its turn: see turns.
type conn struct {
	listener *listener
	node     int32        // of the broker that it leads to
	network  netip.Prefix // of the client: see networkOf
	known    bool         // the client was logged in; guarded by the proxy's mutex
	client   net.Conn
	reader   *bufio.Reader
	writer   lentWriter
	log      *slog.Logger
	tenant   *tenant          // of the client: its network until it is logged in
	subject  snapshot.Subject // zero until the client is logged in
	kept     *claim           // what decide keeps between requests; nil until the client is logged in
	knows    knowledge        // zero until the client is logged in

	ctx context.Context // until the connection ends
	end context.CancelFunc

	asking     context.Context // until nobody needs answers of the upstream: see finish
	stopAsking context.CancelFunc

	login  loginFlow
	decide decider // nil until the client is logged in
	// refused decides as if there were no ACLs, while Config.Refuse says so; or nil.
	refused decider

	ahead   readAhead
	silence silence

	claimed   []*claim // by claimMemory, some of them released; only the goroutine of turns uses it
	rightless bool     // it counts among those of its tenant; only the goroutine of turns uses it
	draining  atomic.Bool

	mu       sync.Mutex
	upstream *upstreamConn // nil until the first request that reaches the upstream
	until    time.Time     // end of the wait for responses of the upstream; zero means never
	held     bool          // a fence is not answered, or a request waits until the broker reads again
	killed   bool
}

// Reasons for the end of a connection that are not worth a warning.
var (
	errIdle     = errors.New("idle")
	errDraining = errors.New("the proxy stops")
	errAnswered = errors.New("closed after the answer, as a broker does")
)

func newConn(l *listener, node int32, client net.Conn) *conn {
	ctx, end := context.WithCancel(context.Background())
	c := &conn{
		listener: l, node: node, client: client, ctx: ctx, end: end,
		log:   l.proxy.log.With("listener", string(l.Protocol), "client", client.RemoteAddr().String(), "node", node),
		login: loginFlow{listener: l},
		ahead: newReadAhead(l.proxy.limits.Pipelined),
	}
	c.asking, c.stopAsking = context.WithCancel(ctx)
	c.network = networkOf(c)
	return c
}

// serve serves the connection until it ends, and closes it.
func (c *conn) serve(ctx context.Context) {
	defer c.kill()
	tenants := &c.listener.proxy.tenants
	c.tenant = tenants.join(tenantKey(principal.Principal{}, c.network))
	defer func() {
		if c.kept != nil {
			c.keep(0)
		}
		if c.rightless {
			c.tenant.rightless.Add(-1)
		}
		tenants.leave(c.tenant)
	}()
	if err := c.begin(ctx); err != nil {
		c.listener.proxy.metrics.failedLogins.Inc()
		c.log.Warn("connection refused", "reason", err.Error())
		return
	}
	err := c.logIn(ctx)
	if err == nil {
		err = c.exchange(ctx)
	}
	c.report(err)
}

// logIn answers requests until the client is logged in.
func (c *conn) logIn(ctx context.Context) error {
	began := time.Now()
	for sent := 0; c.decide == nil; sent++ {
		if sent == maxLoginRequests {
			return fmt.Errorf("not logged in within %d requests", maxLoginRequests)
		}
		r, err := c.next(c.listener.access.Load().sasl.maxReceive(), func() time.Time { return began.Add(c.listener.proxy.limits.Login) })
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
func (c *conn) exchange(ctx context.Context) error {
	read := make(chan error, 1)
	go func() {
		err := c.read()
		c.finish(err)
		read <- err
		close(c.ahead.requests)
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

// begin secures the connection. Without SASL it also logs the client in.
func (c *conn) begin(ctx context.Context) error {
	limits := &c.listener.proxy.limits
	if err := c.client.SetDeadline(time.Now().Add(limits.Login)); err != nil {
		return err
	}
	var state *tls.ConnectionState
	access := c.listener.access.Load()
	if access.tls != nil {
		secured := tls.Server(c.client, access.tls)
		if err := secured.HandshakeContext(ctx); err != nil {
			return err
		}
		c.mu.Lock()
		c.client = secured
		c.mu.Unlock()
		s := secured.ConnectionState()
		state = &s
	}
	c.reader, c.writer.to = bufio.NewReaderSize(c.client, bufferBytes), c.client
	if access.sasl != nil {
		return nil
	}
	who, err := access.unsecured(state)
	if err != nil {
		return err
	}
	return c.become(who)
}

// become sets the client's identity.
func (c *conn) become(who identity) error {
	remote, err := netip.ParseAddrPort(c.client.RemoteAddr().String())
	if err != nil {
		return err
	}
	if c.decide == nil {
		// Once: who logs in again is the same.
		c.log = c.log.With("principal", printable(who.principal.String()))
		tenants, stranger := &c.listener.proxy.tenants, c.tenant
		c.tenant = tenants.join(tenantKey(who.principal, c.network))
		tenants.leave(stranger)
		c.kept = c.listener.proxy.frames.newClaim(keptState, 0, c.tenant)
		c.knows = knowledge{cluster: c.listener.proxy.cluster, node: c.node, tenant: c.tenant, ctx: c.asking, flush: c.flush}
		c.listener.proxy.admitted(c)
	}
	before, _ := c.decide.(*gateway.Conn)
	c.subject = snapshot.Subject{Principal: who.principal, Groups: who.groups, Host: remote.Addr()}
	client := gateway.Client{
		Subject:  c.subject,
		Protocol: c.listener.Protocol,
		Cluster:  &c.knows,
		Before:   before,
		Keep:     c.keep,
		Turn:     c.takeTurn,
		Events:   c.events,
	}
	c.decide = c.listener.newDecider(client)
	if c.listener.refusing != nil {
		client.Before, client.Keep = nil, func(int) bool { return false } // nothing is allowed that could be kept
		c.refused = c.listener.refusing.Conn(client)
	}
	c.login.state = loggedIn
	return nil
}

// takeTurn calls decide in the tenant's turn to decide about a list, for [gateway.Client].
func (c *conn) takeTurn(decide func()) bool {
	c.knows.sendAnswers()
	return c.decideList(func() {
		c.knows.inTurn = true
		defer func() { c.knows.inTurn = false }()
		decide()
	}) == nil
}

// decideList calls decide in the tenant's turn to decide about a list. It waits for as long as a
// client may take for its next bytes; and for one that has left, as long as for the broker.
func (c *conn) decideList(decide func()) error {
	c.hold()
	defer c.unhold()
	return c.tenant.decideList(c.asking, c.listener.proxy.limits.Frame, decide)
}

// keep takes room for what decide keeps between requests, for [gateway.Client].
func (c *conn) keep(bytes int) bool { return c.kept.room.resize(c.kept, int64(bytes)) }

// next reads the next request, of at most limit bytes. It fails if nothing arrives
// before until(), which is called when the wait begins. While the client waits for an
// answer, it is not timed out.
func (c *conn) next(limit int, until func() time.Time) (request, error) {
	loggedIn := c.ahead.reading
	for {
		if err := c.client.SetReadDeadline(until()); err != nil {
			return request{}, err
		}
		if c.draining.Load() { // looked at after the deadline is set: see drain
			return request{}, errDraining
		}
		_, err := c.reader.Peek(1)
		switch {
		case err == nil:
			if loggedIn {
				_ = c.client.SetReadDeadline(time.Now().Add(c.listener.proxy.limits.Frame))
			}
			return c.readFrame(limit)
		case errors.Is(err, syscall.ECONNRESET):
			return request{}, io.EOF // another way for a client to leave
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return request{}, err
		case c.draining.Load():
			return request{}, errDraining
		case !loggedIn:
			return request{}, fmt.Errorf("not logged in within %v", c.listener.proxy.limits.Login)
		case c.ahead.waiting.Load() == 0:
			return request{}, errIdle
		}
	}
}

// readFrame reads a request that has begun to come, once there is room for it.
func (c *conn) readFrame(limit int) (request, error) {
	prefix, err := c.reader.Peek(4)
	if err != nil {
		return request{}, err
	}
	size := int(int32(binary.BigEndian.Uint32(prefix)))
	if size < 0 || size > limit {
		return request{}, fmt.Errorf("a frame of %d bytes: expected 0 to %d", size, limit)
	}
	patience := c.listener.proxy.limits.Frame
	if size <= maxSmallFrame {
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
	return request{frame, room}, nil
}

// claim waits for the room of a request. While there is no room for requests before their
// turn, it waits until the earlier requests of the connection are answered.
func (c *conn) claim(size int, patience time.Duration) (*claim, error) {
	frames := c.listener.proxy.frames
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
func (c *conn) readBody(size int, patience time.Duration) ([]byte, error) {
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
func (c *conn) finish(err error) {
	left := errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed)
	if !left && errors.Is(err, errDraining) {
		return // the proxy ends the connection when it has stopped
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	until := time.Now()
	if !left || c.held || len(c.ahead.requests) > 0 {
		until = until.Add(c.listener.proxy.limits.Drain)
	}
	time.AfterFunc(time.Until(until), c.stopAsking)
	c.waitUntil(until)
}

// waitUntil sets the end of the wait for responses of the upstream. c.mu is held.
func (c *conn) waitUntil(until time.Time) {
	c.until = until
	if c.upstream != nil {
		_ = c.upstream.SetReadDeadline(until)
	}
}

// drain stops taking requests. The deadline ends a read that has begun; draining
// stops the next one.
func (c *conn) drain() {
	c.draining.Store(true)
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.client.SetReadDeadline(time.Unix(1, 0))
}

// kill ends the connection at once.
func (c *conn) kill() {
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
func (c *conn) suspectUpstream() {
	if address, ok := c.listener.proxy.cluster.address(c.node); ok && c.upstream != nil {
		c.listener.proxy.suspect(c.node, address)
	}
}

// report logs why a connection has ended.
func (c *conn) report(err error) {
	var failed *errLogin
	if c.login.refused != nil && !errors.As(err, &failed) {
		err = c.login.refused // many clients leave without a word
	}
	switch {
	case errors.As(err, &failed):
		c.listener.proxy.metrics.failedLogins.Inc()
		c.log.Warn("login failed", "reason", failed.cause.Error())
	case errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed), errors.Is(err, errIdle), errors.Is(err, errDraining), errors.Is(err, errAnswered):
		c.log.Debug("connection closed", "reason", err.Error())
	default:
		c.log.Warn("connection closed", "reason", err.Error())
		c.suspectUpstream()
	}
}
