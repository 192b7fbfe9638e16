package relay

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/internal/pause"
)

// A broker does not answer a Produce with acks=0. It handles the next request of the
// connection when it is done with the Produce, which can take seconds: the batch is large, or
// the client has used up its quota. So the proxy sends a fence behind it, an ApiVersions
// request of its own, and decides the next request when the fence is answered: also another
// Produce with acks=0. Otherwise a client whose right to write is gone would go on writing what
// it had sent before, for as long as the broker takes.
//
// Behind an answer that says that the client has used up a quota, a broker reads nothing of
// the connection for the time that the answer says (KIP-219). The proxy decides the next
// request when that time is over. If an answer does not tell, for example because its version
// is too old, the proxy sends a fence behind it.

// fenceID is the correlation id of a fence.
const fenceID = -1

// fenceVersion is the first version whose answer tells the time of throttling. Every broker
// has it.
const fenceVersion = 1

// fence is the frame of a fence, with its length.
var fence = kmsg.NewRequestFormatter().AppendRequest(nil, &kmsg.ApiVersionsRequest{Version: fenceVersion}, fenceID)

// silence is why the broker may not be done with what it was sent. The zero value says that it
// is done.
type silence struct {
	// unknown says that the broker may read nothing for a while, nobody knows for how long.
	unknown bool
	fenced  bool      // a fence is not answered
	until   time.Time // the broker reads nothing before
}

// heard notes for how long the broker reads nothing after an answer.
func (s *silence) heard(wait time.Duration, known bool) {
	switch {
	case !known:
		s.unknown = true
	case wait > 0:
		s.until = time.Now().Add(wait)
	}
}

// isReady reports whether a request can be sent now.
func (c *Conn) isReady() bool {
	return c.upstream != nil && c.silence == silence{} && !c.upstream.isDue()
}

// getReady waits until the broker is connected, and done with what it was sent. That takes
// time, and the ACLs may change. Call it only if no response of the upstream is left to be read.
func (c *Conn) getReady(ctx context.Context) error {
	if err := c.flush(); err != nil {
		return err
	}
	if c.upstream == nil {
		return c.connect(ctx)
	}
	if c.silence.unknown && !c.silence.fenced {
		if err := c.sendFence(); err != nil {
			return err
		}
	}
	if c.silence.fenced {
		if err := c.awaitFence(); err != nil {
			return err
		}
	}
	if err := c.awaitTime(); err != nil || !c.upstream.isDue() {
		return err
	}
	return c.logInAgain()
}

// logInAgain logs the proxy in again at the broker, whose session would end otherwise: it closes the
// connection with the first request after that.
func (c *Conn) logInAgain() error {
	c.hold()
	defer c.unhold()
	if err := c.relay.cluster.upstream.logInAgain(c.ctx, c.upstream); err != nil {
		return fmt.Errorf("upstream: the proxy's session ends: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.upstream.SetWriteDeadline(time.Time{})
	return c.upstream.SetReadDeadline(c.until)
}

// awaitTime waits until the broker reads again. It stops waiting when the connection ends, or
// when the client has left and the time is over that is given to its last requests: the one
// that waits here is one of them.
func (c *Conn) awaitTime() error {
	if c.silence.until.IsZero() {
		return nil
	}
	c.hold()
	defer c.unhold()
	for {
		wait := time.Until(c.silence.until)
		if wait <= 0 {
			c.silence.until = time.Time{}
			return nil
		}
		c.mu.Lock()
		gone := !c.until.IsZero() && time.Now().After(c.until)
		c.mu.Unlock()
		if gone || !pause.Sleep(c.ctx, min(wait, leavePoll)) {
			return net.ErrClosed
		}
	}
}

// leavePoll is how often a connection that waits for a time looks whether its client has left.
const leavePoll = 100 * time.Millisecond

// sendFence sends a fence. What it stands behind has been sent, and what waits for it is to be
// sent, even if the client has left meanwhile: see finish.
func (c *Conn) sendFence() error {
	c.hold()
	if err := c.upstream.SetWriteDeadline(time.Now().Add(c.relay.limits.Frame)); err != nil {
		return err
	}
	if _, err := c.upstream.Write(fence); err != nil {
		return fmt.Errorf("upstream: %w", err)
	}
	c.silence.fenced = true
	return nil
}

// awaitFence waits for the answer to the fence.
func (c *Conn) awaitFence() error {
	begins, err := c.upstream.reader.Peek(8)
	if err != nil {
		return fmt.Errorf("upstream: %w", err)
	}
	size, id := int32(binary.BigEndian.Uint32(begins)), int32(binary.BigEndian.Uint32(begins[4:]))
	if size < 4 || size > MaxLoginFrameBytes || id != fenceID {
		return fmt.Errorf("upstream: a response of %d bytes to request %d, expected one to %d", size, id, fenceID)
	}
	answer := make([]byte, size)
	_, _ = c.upstream.reader.Discard(4) // which are there
	if _, err := io.ReadFull(&c.upstream.reader, answer); err != nil {
		return fmt.Errorf("upstream: %w", err)
	}
	if wait, known := gateway.ThrottledVersions(fenceVersion, answer); known && wait > 0 {
		c.silence.until = time.Now().Add(wait)
	}
	c.silence.fenced, c.silence.unknown = false, false
	c.unhold()
	return nil
}

// hold says that a request waits for the broker, and gives it the time of the last requests if
// the client has left already.
func (c *Conn) hold() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held = true
	if !c.until.IsZero() {
		c.waitUntil(time.Now().Add(c.relay.limits.Drain))
	}
}

// unhold says that no request waits for the broker, unless a fence is not answered.
func (c *Conn) unhold() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held = c.silence.fenced
}

// settle waits for the answer to a fence before the connection to the broker is closed. If it
// came afterwards, the broker would be told that the connection is broken, and could drop
// requests that it has not read.
func (c *Conn) settle() {
	if !c.silence.fenced {
		return
	}
	c.mu.Lock()
	if c.until.IsZero() {
		c.waitUntil(time.Now().Add(c.relay.limits.Drain))
	}
	c.mu.Unlock()
	_ = c.awaitFence()
}
