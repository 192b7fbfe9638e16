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
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// decider decides the requests of one connection: a *gateway.Conn.
type decider interface {
	Request(frame []byte) (*gateway.Plan, error)
}

// conn is the connection of a client. One goroutine reads requests, decides them and
// sends on what is allowed; another writes the answers, in the order of the requests.
type conn struct {
	listener *listener
	node     int32      // of the broker that it leads to
	address  netip.Addr // of the client
	known    bool       // the client was logged in; guarded by the proxy's mutex
	client   net.Conn
	reader   *bufio.Reader
	writer   *bufio.Writer
	log      *slog.Logger

	login  loginFlow
	decide decider // nil until the client is logged in

	answers  chan answer   // what is to be written; its capacity is Limits.Pipelined
	written  chan struct{} // closed when nothing more is written
	waiting  atomic.Int32  // requests whose answer is not written
	queued   atomic.Int64  // bytes of the answers that are ready and not written
	room     chan struct{} // holds something once queued has become less
	frame    *claim        // the room of the request that is taken, until an answer has it
	draining atomic.Bool

	mu       sync.Mutex
	upstream *upstreamConn // nil until the first request that reaches the upstream
	killed   bool
}

// The reasons why a connection ends that are not worth a warning.
var (
	errIdle     = errors.New("idle")
	errDraining = errors.New("the proxy stops")
	errAnswered = errors.New("closed after the answer, as a broker does")
)

func newConn(l *listener, node int32, client net.Conn) *conn {
	c := &conn{
		listener: l, node: node, client: client,
		log:     l.proxy.log.With("listener", string(l.Protocol), "client", client.RemoteAddr().String(), "node", node),
		login:   loginFlow{listener: l},
		answers: make(chan answer, l.proxy.limits.Pipelined),
		written: make(chan struct{}),
		room:    make(chan struct{}, 1),
	}
	c.address = addressOf(c)
	return c
}

// serve serves the connection until it ends, and closes it.
func (c *conn) serve(ctx context.Context) {
	defer c.kill()
	if err := c.begin(ctx); err != nil {
		c.listener.proxy.metrics.failedLogins.Inc()
		c.log.Warn("connection refused", "reason", err.Error())
		return
	}
	failed := make(chan error, 1)
	go func() {
		defer close(c.written)
		err := c.write()
		if err != nil {
			c.kill() // which ends read
		}
		failed <- err
	}()
	err := c.read(ctx)
	close(c.answers)
	c.finish(err)
	if failure := <-failed; failure != nil && !errors.Is(err, errDraining) {
		err = failure
	}
	for a := range c.answers { // that were not to be written any more
		if a.plan != nil {
			c.audit(a.plan)
		}
		a.frameHeld.release()
	}
	c.report(err)
}

// begin secures the connection, and where there is no SASL it logs the client in.
func (c *conn) begin(ctx context.Context) error {
	limits := &c.listener.proxy.limits
	if err := c.client.SetDeadline(time.Now().Add(limits.Login)); err != nil {
		return err
	}
	var state *tls.ConnectionState
	if c.listener.TLS != nil {
		secured := tls.Server(c.client, c.listener.TLS)
		if err := secured.HandshakeContext(ctx); err != nil {
			return err
		}
		c.mu.Lock()
		c.client = secured
		c.mu.Unlock()
		s := secured.ConnectionState()
		state = &s
	}
	c.reader, c.writer = bufio.NewReaderSize(c.client, bufferBytes), bufio.NewWriterSize(c.client, bufferBytes)
	if c.listener.SASL != nil {
		return nil
	}
	who, err := c.listener.unsecured(state)
	if err != nil {
		return err
	}
	return c.become(who)
}

// become makes the client who.
func (c *conn) become(who identity) error {
	remote, err := netip.ParseAddrPort(c.client.RemoteAddr().String())
	if err != nil {
		return err
	}
	if c.decide == nil {
		// Once: who logs in again is the same, and the log is the writer's too by then.
		c.log = c.log.With("principal", printable(who.principal.String()))
		c.listener.proxy.admitted(c)
	}
	c.decide = c.listener.newDecider(gateway.Client{
		Subject:  snapshot.Subject{Principal: who.principal, Groups: who.groups, Host: remote.Addr()},
		Protocol: securityProtocols[c.listener.Protocol],
	})
	c.login.state = loggedIn
	return nil
}

// securityProtocols are Kafka's codes.
var securityProtocols = map[Protocol]ops.SecurityProtocol{
	Plaintext: ops.Plaintext, SSL: ops.SSL, SASLPlaintext: ops.SASLPlaintext, SASLSSL: ops.SASLSSL,
}

// read takes requests until the connection ends, and returns why it does.
func (c *conn) read(ctx context.Context) error {
	began := time.Now()
	for {
		frame, err := c.next(ctx, began)
		if err == nil {
			err = c.take(ctx, frame)
		}
		c.frame.release()
		c.frame = nil
		if err != nil {
			return err
		}
	}
}

// next reads the next request.
func (c *conn) next(ctx context.Context, began time.Time) ([]byte, error) {
	limits := &c.listener.proxy.limits
	limit := limits.FrameBytes
	if c.decide == nil {
		limit = maxLoginFrameBytes
	}
	for {
		until := time.Now().Add(limits.Idle)
		if c.decide == nil {
			until = began.Add(limits.Login)
		}
		if err := c.client.SetReadDeadline(until); err != nil {
			return nil, err
		}
		if c.draining.Load() { // looked at after the deadline is set: see drain
			return nil, errDraining
		}
		_, err := c.reader.Peek(1)
		switch {
		case err == nil:
			if c.decide != nil {
				_ = c.client.SetReadDeadline(time.Now().Add(limits.Frame))
			}
			return c.readFrame(ctx, limit)
		case errors.Is(err, syscall.ECONNRESET):
			return nil, io.EOF // another way for a client to leave
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return nil, err
		case c.draining.Load():
			return nil, errDraining
		case c.decide == nil:
			return nil, fmt.Errorf("not logged in within %v", limits.Login)
		case c.waiting.Load() == 0:
			return nil, errIdle
		}
	}
}

// readFrame reads a request that has begun to come, once there is room for it.
func (c *conn) readFrame(ctx context.Context, limit int) ([]byte, error) {
	prefix, err := c.reader.Peek(4)
	if err != nil {
		return nil, err
	}
	size := int(int32(binary.BigEndian.Uint32(prefix)))
	if size < 0 || size > limit {
		return nil, fmt.Errorf("a frame of %d bytes: expected 0 to %d", size, limit)
	}
	patience := c.listener.proxy.limits.Frame
	if c.frame, err = c.listener.proxy.frames.claim(ctx, size, c.decide != nil, patience); err != nil {
		return nil, err
	}
	if c.decide != nil {
		_ = c.client.SetReadDeadline(time.Now().Add(patience)) // it may have waited
		if c.draining.Load() {
			return nil, errDraining
		}
	}
	_, _ = c.reader.Discard(4) // which are there
	frame := make([]byte, size)
	if _, err := io.ReadFull(c.reader, frame); errors.Is(err, io.EOF) {
		return nil, io.ErrUnexpectedEOF
	} else if err != nil {
		return nil, err
	}
	return frame, nil
}

// finish lets the answers under way be written, if there is a client for them: until
// the proxy has stopped, or for as long as that may take. err is why no more requests
// are read.
func (c *conn) finish(err error) {
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed):
		c.kill()
	case errors.Is(err, errDraining):
	default:
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.upstream != nil {
			_ = c.upstream.SetReadDeadline(time.Now().Add(c.listener.proxy.limits.Drain))
		}
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
	_ = c.client.Close()
	if c.upstream != nil {
		_ = c.upstream.Close()
	}
}

// report logs why a connection has ended.
func (c *conn) report(err error) {
	var failed *errLogin
	switch {
	case errors.As(err, &failed):
		c.listener.proxy.metrics.failedLogins.Inc()
		c.log.Warn("login failed", "reason", failed.cause.Error())
	case errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed), errors.Is(err, errIdle), errors.Is(err, errDraining), errors.Is(err, errAnswered):
		c.log.Debug("connection closed", "reason", err.Error())
	default:
		c.log.Warn("connection closed", "reason", err.Error())
	}
}
