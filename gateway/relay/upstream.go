package relay

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl"

	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/gateway/internal/hostport"
	"github.com/portcullis-authz/portcullis/internal/lines"
)

// bufferBytes is the size of each connection's buffers. Every request or response
// except record batches usually fits.
const bufferBytes = 16 << 10

// upstreamConn is the connection to a broker that belongs to one client connection.
//
// Each client connection has its own. So requests and responses keep their order
// without extra work, a client that does not read its responses delays nobody else, and
// per-connection state of the broker, such as the order of produce requests and
// throttling, applies to that client. Shared connections would be fewer, but would need
// all of that to be rebuilt in the proxy.
type upstreamConn struct {
	net.Conn
	reader lentReader
	heard  bool // the broker has answered something, and so has accepted the connection
	// again is when the proxy has to log in again, before the broker ends its session; zero if it
	// does not. address is that of the broker.
	again   time.Time
	address string
	sending
}

// againAfter is how much of its session a client lets pass before it logs in again, in percent. Which
// part it is differs, so that not all connections do so at the same time.
//
// Source: Kafka's SaslClientAuthenticator; KIP-368.
const againAfter, againWithin = 85, 10

// isDue reports whether the proxy has to log in again before it sends anything.
func (c *upstreamConn) isDue() bool { return !c.again.IsZero() && time.Now().After(c.again) }

// begins notes how long the session lasts that begins now; 0 means that it does not end.
func (c *upstreamConn) begins(lifetimeMillis int64) {
	c.again = time.Time{}
	if lifetimeMillis > 0 {
		part := time.Duration(againAfter*100 + rand.IntN(againWithin*100)) // of 10,000
		c.again = time.Now().Add(time.Duration(min(lifetimeMillis, maxLifetimeMillis)) * time.Millisecond / 10_000 * part)
	}
}

// maxLifetimeMillis bounds what a broker says of a session: a year.
const maxLifetimeMillis = 365 * 24 * 60 * 60 * 1000

// logInAgain continues the session of the proxy at a broker. No response may be left to be read.
func (u *upstream) logInAgain(ctx context.Context, c *upstreamConn) error {
	now, err := u.begin()
	if err != nil {
		return err
	}
	defer now.leave()
	ctx, cancel := context.WithTimeout(ctx, upstreamTimeout)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	if err = c.login(ctx, now.SASL, c.address); !stop() && err == nil {
		err = ctx.Err()
	}
	return err
}

// sending holds the buffers for sending a frame, reused to avoid allocation.
type sending struct {
	size  [4]byte
	parts [2][]byte
	left  net.Buffers
}

// Upstream is the cluster that requests are forwarded to. The program connects as one client:
// the upstream sees all requests as requests of the program's principal. That principal
// must therefore be allowed everything there, best as a super user.
type Upstream struct {
	// Brokers are the addresses (host:port) for the first connection; the others
	// are discovered.
	Brokers []string
	// TLS secures the connections; nil means no TLS. If ServerName is empty, the host
	// of each broker is used.
	TLS *tls.Config
	// SASL is the program's login, such as franz-go's plain.Auth or scram.Auth. A
	// sasl.ClosingMechanism is closed when the Cluster is closed, or when Replace has replaced
	// it by another one; in both cases once no login with it is under way.
	SASL sasl.Mechanism
}

// Validate returns everything that is wrong with u, as far as that can be known without it.
func (u *Upstream) Validate() error {
	var errs []error
	if len(u.Brokers) == 0 {
		errs = append(errs, errors.New("relay: Upstream.Brokers is empty: expected the address of a broker"))
	}
	for _, address := range u.Brokers {
		if _, _, err := hostport.Split(address); err != nil {
			errs = append(errs, fmt.Errorf("upstream broker: %w", err))
		}
	}
	return errors.Join(errs...)
}

// clearMechanisms are those that send what somebody who listens on the way can log in with.
var clearMechanisms = map[string]string{"PLAIN": "password", "OAUTHBEARER": "token"}

// Warnings returns what is unsafe about the connections to the cluster. Log it before
// the first of them.
func (u *Upstream) Warnings() []string {
	if u.SASL == nil || u.TLS != nil {
		return nil
	}
	var found []string
	name := u.SASL.Name()
	for _, address := range u.Brokers {
		if secret := clearMechanisms[name]; secret != "" && !hostport.IsLoopback(address) {
			found = append(found, fmt.Sprintf("%s without TLS: the %s of the proxy crosses the network to %s in clear", name, secret, lines.Name(address)))
		}
	}
	return found
}

// upstream is an Upstream whose certificates and login can be replaced: see
// [Cluster.Replace]. It is also the sasl.Mechanism of the clients of franz-go.
type upstream struct{ now atomic.Pointer[inForce] }

func newUpstream(config Upstream) *upstream {
	u := &upstream{}
	u.now.Store(&inForce{Upstream: config, use: &use{mechanism: config.SASL}})
	return u
}

// inForce is an Upstream with the use of its mechanism.
type inForce struct {
	Upstream
	*use
}

// use counts who logs in with a mechanism. A mechanism may keep something that has to be
// closed, as Kerberos keeps tickets that it renews; but not while a login needs it.
type use struct {
	mechanism sasl.Mechanism // nil without SASL

	mu      sync.Mutex
	logins  int
	retired bool // no login begins any more
}

// enter says that a login begins, and reports whether it may.
func (u *use) enter() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.retired {
		return false
	}
	u.logins++
	return true
}

// leave says that a login has ended.
func (u *use) leave() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.logins--; u.retired {
		u.closeUnused()
	}
}

// retire says that no more logins begin.
func (u *use) retire() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.retired {
		u.retired = true
		u.closeUnused()
	}
}

// closeUnused closes a retired mechanism if no login needs it any more. u.mu is held.
func (u *use) closeUnused() {
	if mechanism, ok := u.mechanism.(sasl.ClosingMechanism); ok && u.logins == 0 {
		mechanism.Close()
	}
}

// is reports whether this is the use of a mechanism. Mechanisms that cannot be compared, such
// as functions, keep nothing.
func (u *use) is(mechanism sasl.Mechanism) bool {
	return reflect.ValueOf(mechanism).Comparable() && reflect.ValueOf(u.mechanism).Comparable() && mechanism == u.mechanism
}

// begin returns what a login uses, which has to leave it. It returns an error once the proxy
// is closed.
func (u *upstream) begin() (*inForce, error) {
	for {
		now := u.now.Load()
		if now.enter() {
			return now, nil
		}
		if u.now.Load() == now {
			return nil, net.ErrClosed
		}
	}
}

// close closes the mechanism once the logins under way have ended. None begins any more.
func (u *upstream) close() { u.now.Load().retire() }

// Name returns the name of the mechanism, which is always the same.
func (u *upstream) Name() string { return u.now.Load().SASL.Name() }

// Authenticate begins a login with the present credentials.
func (u *upstream) Authenticate(ctx context.Context, host string) (sasl.Session, []byte, error) {
	now, err := u.begin()
	if err != nil {
		return nil, nil, err
	}
	defer now.leave() // a session has what it needs
	return now.SASL.Authenticate(ctx, host)
}

// connect connects to a broker, with TLS if the upstream has it.
func (u *upstream) connect(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := &net.Dialer{Timeout: upstreamTimeout}
	config := u.now.Load().TLS
	if config == nil {
		return dialer.DialContext(ctx, network, address)
	}
	return (&tls.Dialer{NetDialer: dialer, Config: config}).DialContext(ctx, network, address)
}

// accepts returns an error if config cannot replace what is there: see [Cluster.Replace].
func (u *upstream) accepts(config Upstream) error {
	now := u.now.Load()
	if (now.TLS == nil) != (config.TLS == nil) {
		return errors.New("relay: whether the connections to the upstream have TLS cannot change while it runs")
	}
	if (now.SASL == nil) != (config.SASL == nil) || now.SASL != nil && now.SASL.Name() != config.SASL.Name() {
		return errors.New("relay: the mechanism of the login to the upstream cannot change while it runs")
	}
	return nil
}

// replace replaces the certificates and the login, for connections that begin later.
func (u *upstream) replace(config Upstream) {
	before := u.now.Load()
	config.Brokers = before.Brokers
	next := &inForce{Upstream: config, use: before.use}
	if before.is(config.SASL) {
		u.now.Store(next)
		return
	}
	next.use = &use{mechanism: config.SASL}
	u.now.Store(next)
	before.retire()
}

// dial connects to the broker at address and logs the proxy in.
func (u *upstream) dial(ctx context.Context, address string) (*upstreamConn, error) {
	now, err := u.begin()
	if err != nil {
		return nil, err
	}
	defer now.leave()
	ctx, cancel := context.WithTimeout(ctx, upstreamTimeout)
	defer cancel()
	raw, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	// A handshake that hangs ends with ctx.
	stop := context.AfterFunc(ctx, func() { _ = raw.SetDeadline(time.Unix(1, 0)) })
	c, err := now.secure(ctx, raw, address)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = raw.Close()
		return nil, err
	}
	return c, nil
}

func (u *Upstream) secure(ctx context.Context, raw net.Conn, address string) (*upstreamConn, error) {
	c := &upstreamConn{Conn: raw, address: address}
	if u.TLS != nil {
		secured := tls.Client(raw, serverName(u.TLS, address))
		if err := secured.HandshakeContext(ctx); err != nil {
			return nil, err
		}
		c.Conn, c.heard = secured, true
	}
	c.reader.from = c.Conn
	if u.SASL == nil {
		return c, nil
	}
	c.heard = true
	return c, c.login(ctx, u.SASL, address)
}

// login logs the proxy in with a mechanism.
func (c *upstreamConn) login(ctx context.Context, mechanism sasl.Mechanism, address string) error {
	handshake := kmsg.NewPtrSASLHandshakeRequest()
	handshake.Version, handshake.Mechanism = 1, mechanism.Name()
	answer := kmsg.NewPtrSASLHandshakeResponse()
	if err := c.ask(handshake, answer); err != nil {
		return err
	}
	if err := kerr.ErrorForCode(answer.ErrorCode); err != nil {
		return fmt.Errorf("SASL mechanism %s: %w: the broker has %q", mechanism.Name(), err, answer.SupportedMechanisms)
	}
	session, message, err := mechanism.Authenticate(ctx, address)
	if err != nil {
		return err
	}
	for range MaxLoginRounds {
		request := kmsg.NewPtrSASLAuthenticateRequest()
		request.Version, request.SASLAuthBytes = 1, message
		answer := kmsg.NewPtrSASLAuthenticateResponse()
		if err := c.ask(request, answer); err != nil {
			return err
		}
		if err := kerr.ErrorForCode(answer.ErrorCode); err != nil {
			return fmt.Errorf("the proxy's login: %w", err)
		}
		c.begins(answer.SessionLifetimeMillis)
		var done bool
		if done, message, err = session.Challenge(answer.SASLAuthBytes); err != nil {
			return err
		}
		if done && len(message) == 0 {
			return nil
		}
		if done { // with a final message, as in GSSAPI
			session = lastWord{}
		}
	}
	return errors.New("the proxy's login takes too many messages")
}

// lastWord is a session that ends with the broker's next answer.
type lastWord struct{}

func (lastWord) Challenge([]byte) (bool, []byte, error) { return true, nil, nil }

// ask sends a request and reads its response. Both must have non-flexible versions.
func (c *upstreamConn) ask(request kmsg.Request, response kmsg.Response) error {
	if _, err := c.Write(kmsg.NewRequestFormatter().AppendRequest(nil, request, 0)); err != nil {
		return err
	}
	frame, err := gateway.ReadFrame(&c.reader, MaxLoginFrameBytes)
	if err != nil {
		return err
	}
	if len(frame) < 4 {
		return io.ErrUnexpectedEOF
	}
	response.SetVersion(request.GetVersion())
	return response.ReadFrom(frame[4:])
}

// errWithdrawn says that a request was not sent whole.
var errWithdrawn = errors.New("a request was withdrawn while the broker read it, since the client may no longer send it")

// send sends a frame, with one system call if possible. The broker may take patience for
// each progressBytes. Before each but the first, it asks whether the frame is still to be sent.
func (c *upstreamConn) send(frame []byte, patience time.Duration, isWanted func() bool) error {
	binary.BigEndian.PutUint32(c.size[:], uint32(len(frame)))
	c.parts = [2][]byte{c.size[:], frame[:min(len(frame), progressBytes)]}
	c.left = c.parts[:]
	if err := c.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	_, err := c.left.WriteTo(c.Conn)
	c.parts[1] = nil // so that its memory can be freed
	for rest := frame[min(len(frame), progressBytes):]; err == nil && len(rest) > 0; {
		part := rest[:min(len(rest), progressBytes)]
		rest = rest[len(part):]
		if !isWanted() {
			return errWithdrawn
		}
		if err = c.SetWriteDeadline(time.Now().Add(patience)); err == nil {
			_, err = c.Write(part)
		}
	}
	return err
}

// hasResponse reports whether the complete next response is in the buffer.
func (c *upstreamConn) hasResponse() bool {
	came := c.reader.Buffered()
	if came < 4 {
		return false
	}
	size, err := c.reader.Peek(4)
	return err == nil && int64(binary.BigEndian.Uint32(size)) <= int64(came-4)
}
