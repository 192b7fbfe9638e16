package proxy

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"time"

	"github.com/portcullis-authz/portcullis/gateway"
)

// answer is what a request is answered with.
type answer struct {
	frame []byte        // ready, without its size; or
	plan  *gateway.Plan // of the upstream's response
}

// maxQueuedBytes is the size of all answers of a connection that are ready and not
// written, unless it is one that is larger. Pipelined bounds how many there are, and
// one can be as large as a request: tens of megabytes. A megabyte is thousands of the
// answers that clients get who ask for many things at once.
const maxQueuedBytes = 1 << 20

// answer has a written after all before it. It waits until there is room.
func (c *conn) answer(a answer) error {
	size := int64(len(a.frame))
	for queued := c.queued.Load(); size > 0 && queued > 0 && queued+size > maxQueuedBytes; queued = c.queued.Load() {
		select {
		case <-c.room:
		case <-c.written:
			return net.ErrClosed
		}
	}
	c.queued.Add(size)
	c.waiting.Add(1)
	select {
	case c.answers <- a:
		return nil
	case <-c.written:
		return net.ErrClosed
	}
}

// write writes the answers in the order of the requests. It returns nil once there are
// no more.
func (c *conn) write() error {
	for a := range c.answers {
		err := c.writeOne(a)
		if err == nil && len(c.answers) == 0 {
			err = c.writer.Flush()
		}
		if err != nil {
			return err
		}
		c.queued.Add(-int64(len(a.frame)))
		select {
		case c.room <- struct{}{}:
		default: // answer has not looked since the last time
		}
		c.waiting.Add(-1)
	}
	return nil
}

func (c *conn) writeOne(a answer) error {
	frame := a.frame
	if a.plan != nil {
		if a.plan.AsIs {
			c.audit(a.plan)
			return c.relay(a.plan.Header)
		}
		var err error
		if frame, err = c.response(a.plan); err != nil || frame == nil {
			return err
		}
	}
	if err := c.writeBefore(); err != nil {
		return err
	}
	size := binary.BigEndian.AppendUint32(make([]byte, 0, 4), uint32(len(frame)))
	if _, err := c.writer.Write(size); err != nil {
		return err
	}
	_, err := c.writer.Write(frame)
	if err == nil && a.plan != nil && a.plan.Close {
		return errors.Join(c.writer.Flush(), errAnswered)
	}
	return err
}

func (c *conn) writeBefore() error {
	return c.client.SetWriteDeadline(time.Now().Add(c.listener.proxy.limits.Frame))
}

// flushBefore sends the client what is written, if the upstream may take its time with
// what comes next: an answer must not wait for the one behind it.
func (c *conn) flushBefore() error {
	if c.writer.Buffered() == 0 || c.upstream.reader.Buffered() > 0 {
		return nil
	}
	if err := c.writeBefore(); err != nil {
		return err
	}
	return c.writer.Flush()
}

// response reads what the upstream answers and makes the client's answer of it.
func (c *conn) response(plan *gateway.Plan) ([]byte, error) {
	defer c.audit(plan)
	if err := c.flushBefore(); err != nil {
		return nil, err
	}
	replies := make([][]byte, len(plan.Forward))
	for i := range replies {
		var err error
		if replies[i], err = gateway.ReadFrame(c.upstream.reader, math.MaxInt32); err != nil {
			return nil, fmt.Errorf("upstream: %w", err)
		}
	}
	return plan.Response(replies...)
}

// relay hands the upstream's next response to the client as it comes.
func (c *conn) relay(h gateway.Header) error {
	if err := c.flushBefore(); err != nil {
		return err
	}
	head, err := c.upstream.reader.Peek(8)
	if err != nil {
		return fmt.Errorf("upstream: %w", err)
	}
	size, correlation := int32(binary.BigEndian.Uint32(head)), int32(binary.BigEndian.Uint32(head[4:]))
	if size < 4 || correlation != h.CorrelationID {
		return fmt.Errorf("upstream: a response of %d bytes to request %d, expected one to %d", size, correlation, h.CorrelationID)
	}
	if err := c.writeBefore(); err != nil {
		return err
	}
	_, err = io.CopyN(c.writer, c.upstream.reader, 4+int64(size))
	return err
}
