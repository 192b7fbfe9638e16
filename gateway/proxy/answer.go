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

	frameHeld *claim // the room of the request, which the plan still needs, or nil
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
		a.frameHeld.release()
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
	frame, held := a.frame, 0
	if a.plan != nil {
		var err error
		if frame, held, err = c.response(a.plan); err != nil || frame == nil {
			return err
		}
	}
	if err := c.writeBefore(); err != nil {
		return err
	}
	size := binary.BigEndian.AppendUint32(c.writer.AvailableBuffer(), uint32(len(frame)))
	if _, err := c.writer.Write(size); err != nil {
		return err
	}
	if _, err := c.writer.Write(frame); err != nil {
		return err
	}
	if held > 0 {
		if _, err := c.upstream.reader.Discard(held); err != nil {
			return err
		}
	}
	if a.plan != nil && a.plan.Close {
		return errors.Join(c.writer.Flush(), errAnswered)
	}
	return nil
}

func (c *conn) writeBefore() error {
	return c.client.SetWriteDeadline(time.Now().Add(c.listener.proxy.limits.Frame))
}

// flushBefore sends the client what is written, unless all that comes next is there: an
// answer must neither wait for the one behind it, nor be lost if the upstream goes before
// that is complete.
func (c *conn) flushBefore(plan *gateway.Plan) error {
	if c.writer.Buffered() == 0 || len(plan.Forward) == 1 && c.upstream.hasResponse() {
		return nil
	}
	if err := c.writeBefore(); err != nil {
		return err
	}
	return c.writer.Flush()
}

// response reads what the upstream answers and makes the client's answer of it, or hands
// it to the client and returns nil. Most responses fit in the buffer of the upstream and
// are not copied: then held bytes of it are to be discarded once the answer is written.
func (c *conn) response(plan *gateway.Plan) (answer []byte, held int, err error) {
	defer c.audit(plan)
	if err := c.flushBefore(plan); err != nil {
		return nil, 0, err
	}
	if len(plan.Forward) > 1 {
		answer, err = c.join(plan)
		return answer, 0, err
	}
	whole, fits, err := c.peek()
	switch {
	case err != nil:
		return nil, 0, fmt.Errorf("upstream: %w", err)
	case plan.AsIs:
		return c.relay(plan.Header, whole, fits)
	case fits:
		answer, err = plan.Response(whole[4:])
		return answer, len(whole), err
	}
	answer, err = c.join(plan)
	return answer, 0, err
}

// peek returns the next response of the upstream with its size, if it fits in the
// buffer, or how it begins.
func (c *conn) peek() (frame []byte, fits bool, err error) {
	from := c.upstream.reader
	prefix, err := from.Peek(4)
	if err != nil {
		return nil, false, err
	}
	size := int32(binary.BigEndian.Uint32(prefix))
	if size < 4 {
		return nil, false, fmt.Errorf("a response of %d bytes", size)
	}
	if fits = int64(size) <= int64(from.Size()-4); fits {
		frame, err = from.Peek(4 + int(size))
	} else {
		frame, err = from.Peek(8)
	}
	return frame, fits, err
}

// join reads as many responses as requests were sent and makes one answer of them.
func (c *conn) join(plan *gateway.Plan) ([]byte, error) {
	replies := make([][]byte, len(plan.Forward))
	for i := range replies {
		var err error
		if replies[i], err = gateway.ReadFrame(c.upstream.reader, math.MaxInt32); err != nil {
			return nil, fmt.Errorf("upstream: %w", err)
		}
	}
	return plan.Response(replies...)
}

// relay answers with the upstream's next response as it comes: it is returned if it fits
// in the buffer, and else handed to the client.
func (c *conn) relay(h gateway.Header, frame []byte, fits bool) (answer []byte, held int, err error) {
	if correlation := int32(binary.BigEndian.Uint32(frame[4:])); correlation != h.CorrelationID {
		return nil, 0, fmt.Errorf("upstream: a response to request %d, expected one to %d", correlation, h.CorrelationID)
	}
	if fits {
		return frame[4:], len(frame), nil
	}
	if err := c.writeBefore(); err != nil {
		return nil, 0, err
	}
	_, err = io.CopyN(c.writer, c.upstream.reader, 4+int64(binary.BigEndian.Uint32(frame)))
	return nil, 0, err
}
