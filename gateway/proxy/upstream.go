package proxy

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl"

	"github.com/portcullis-authz/portcullis/gateway"
)

// bufferBytes is the size of each connection's buffers. Every request or response
// except record batches usually fits.
const bufferBytes = 16 << 10

// maxLoginRounds limits the messages of a login. SCRAM needs two, GSSAPI three.
const maxLoginRounds = 8

// maxLoginRequests limits the requests of a client that is not logged in: the messages
// of a login, and the same number each of ApiVersions and handshakes.
const maxLoginRequests = 3 * maxLoginRounds

// upstreamConn is the connection to a broker that belongs to one client connection.
//
// Each client connection has its own. So requests and responses keep their order
// without extra work, a client that does not read its responses delays nobody else, and
// per-connection state of the broker, such as the order of produce requests and
// throttling, applies to that client. Shared connections would be fewer, but would need
// all of that to be rebuilt in the proxy.
type upstreamConn struct {
	net.Conn
	reader *bufio.Reader
	sending
}

// sending holds the buffers for sending a frame, reused to avoid allocation.
type sending struct {
	size  [4]byte
	parts [2][]byte
	left  net.Buffers
}

// dial connects to the broker at address and logs the proxy in.
func (u *Upstream) dial(ctx context.Context, address string) (*upstreamConn, error) {
	ctx, cancel := context.WithTimeout(ctx, upstreamTimeout)
	defer cancel()
	raw, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	// A handshake that hangs ends with ctx.
	stop := context.AfterFunc(ctx, func() { _ = raw.SetDeadline(time.Unix(1, 0)) })
	c, err := u.secure(ctx, raw, address)
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
	c := &upstreamConn{Conn: raw}
	if u.TLS != nil {
		secured := tls.Client(raw, serverName(u.TLS, address))
		if err := secured.HandshakeContext(ctx); err != nil {
			return nil, err
		}
		c.Conn = secured
	}
	c.reader = bufio.NewReaderSize(c.Conn, bufferBytes)
	if u.SASL == nil {
		return c, nil
	}
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
	for range maxLoginRounds {
		request := kmsg.NewPtrSASLAuthenticateRequest()
		request.Version, request.SASLAuthBytes = 1, message
		answer := kmsg.NewPtrSASLAuthenticateResponse()
		if err := c.ask(request, answer); err != nil {
			return err
		}
		if err := kerr.ErrorForCode(answer.ErrorCode); err != nil {
			return fmt.Errorf("the proxy's login: %w", err)
		}
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
	frame, err := gateway.ReadFrame(c.reader, maxLoginFrameBytes)
	if err != nil {
		return err
	}
	if len(frame) < 4 {
		return io.ErrUnexpectedEOF
	}
	response.SetVersion(request.GetVersion())
	return response.ReadFrom(frame[4:])
}

// send sends a frame, with one system call if possible.
func (c *upstreamConn) send(frame []byte) error {
	binary.BigEndian.PutUint32(c.size[:], uint32(len(frame)))
	c.parts = [2][]byte{c.size[:], frame}
	c.left = c.parts[:]
	_, err := c.left.WriteTo(c.Conn)
	c.parts[1] = nil // so that its memory can be freed
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
