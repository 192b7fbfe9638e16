package proxy

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/portcullis-authz/portcullis/gateway"
)

// answer is the answer to a request. The zero answer means that there is none.
type answer struct {
	frame []byte        // complete, without its length prefix; or
	plan  *gateway.Plan // of a forwarded request, for the upstream's response

	room *claim // memory of the request, held as long as the plan needs it; or nil
}

func (a answer) none() bool { return a.frame == nil && a.plan == nil }

// turns processes the requests that were read, one at a time, until there are no more
// or an error occurs.
//
// A broker handles one request of a connection at a time, and decides it when it
// starts. The proxy does the same: it decides a request when the previous one is
// answered, and forwards it immediately. The request never waits behind another one at
// the broker, where a long poll could delay it until the ACLs that allowed it are gone.
func (c *conn) turns(ctx context.Context) error {
	var a answer
	var last error // ends the connection after a is written
	for {
		switch {
		case !a.none():
			next, after, err := c.reply(ctx, a, last != nil)
			if err != nil {
				return err
			}
			if a = next; last == nil {
				last = after
			}
		case last != nil:
			return errors.Join(c.flush(), last)
		default:
			r, err := c.request()
			if r.frame == nil {
				return err
			}
			a, last = c.turn(ctx, r)
		}
	}
}

// turn processes the next request.
func (c *conn) turn(ctx context.Context, r request) (answer, error) {
	a, err := c.take(ctx, r.frame)
	c.ahead.release(r.frame)
	if a.plan != nil && a.plan.NeedsRequest() {
		a.room = r.room
		a.room.sent()
	} else {
		r.room.release()
	}
	if a.none() {
		c.ahead.done()
	}
	return a, err
}

// request waits for the next request and returns it; it returns the zero request if
// there are no more.
func (c *conn) request() (request, error) {
	select {
	case r := <-c.ahead.requests:
		if r.frame != nil {
			return r, nil
		}
	default:
	}
	if err := c.flush(); err != nil {
		return request{}, err
	}
	return <-c.ahead.requests, nil
}

// reply writes an answer. If the broker is ready for the next request earlier, and
// there is one, the next request is processed first, so that the broker does not wait
// for the client. Then next is the answer to that request, and after is its error. This
// does not happen after the last answer, or if the next request depends on this answer.
func (c *conn) reply(ctx context.Context, a answer, last bool) (next answer, after, err error) {
	defer c.ahead.done()
	defer a.room.release()
	if a.plan == nil {
		return answer{}, nil, c.send(a.frame)
	}
	defer c.audit(a.plan)
	came, err := c.await(a.plan)
	if err != nil {
		return answer{}, nil, err
	}
	if came.whole && !last && !a.plan.IsNoted() {
		select {
		case r := <-c.ahead.requests:
			if r.frame != nil {
				next, after = c.turn(ctx, r)
			}
		default:
		}
	}
	if err = c.respond(a.plan, came); err != nil && next.plan != nil {
		c.audit(next.plan) // it will not be answered
		next.room.release()
	}
	return next, after, err
}

// send buffers a frame with its length, unless it is nil. flush sends it.
func (c *conn) send(frame []byte) error {
	if frame == nil {
		return nil
	}
	if err := c.writeBefore(); err != nil {
		return err
	}
	size := binary.BigEndian.AppendUint32(c.writer.AvailableBuffer(), uint32(len(frame)))
	if _, err := c.writer.Write(size); err != nil {
		return err
	}
	_, err := c.writer.Write(frame)
	return err
}

// flush sends the buffered frames.
func (c *conn) flush() error {
	if c.writer.Buffered() == 0 {
		return nil
	}
	if err := c.writeBefore(); err != nil {
		return err
	}
	return c.writer.Flush()
}

func (c *conn) writeBefore() error {
	return c.client.SetWriteDeadline(time.Now().Add(c.listener.proxy.limits.Frame))
}

// arrival is the part of an upstream response that has arrived.
type arrival struct {
	begins []byte // including the length, in the upstream's buffer
	whole  bool   // begins is the complete response
}

// await waits for the response to a plan: until it is complete, if it fits in the
// buffer, or else until it has begun to arrive. A response that is combined from
// several is not waited for. Frames that were buffered before are sent first, unless
// the whole response is available already. An answer must not wait for the next one,
// and must not be lost if the upstream disconnects before the next one is complete.
func (c *conn) await(plan *gateway.Plan) (came arrival, err error) {
	several := len(plan.Forward) > 1
	if several || !c.upstream.hasResponse() {
		if err := c.flush(); err != nil {
			return arrival{}, err
		}
	}
	if several {
		return arrival{}, nil
	}
	if came.begins, came.whole, err = c.peek(); err != nil {
		return arrival{}, fmt.Errorf("upstream: %w", err)
	}
	return came, nil
}

// respond turns the upstream's response to a plan into the answer and writes it. Most
// responses fit in the upstream's buffer and are not copied.
func (c *conn) respond(plan *gateway.Plan, came arrival) error {
	if plan.AsIs && !plan.Outdated() {
		return c.relay(plan.Header, came)
	}
	c.knows.begin()
	var frame []byte
	var err error
	if came.whole {
		frame, err = plan.Response(came.begins[4:])
	} else {
		var room *claim
		frame, room, err = c.join(plan)
		defer room.release()
	}
	if err == nil {
		err = c.send(frame)
	}
	if err == nil && came.whole {
		_, err = c.upstream.reader.Discard(len(came.begins))
	}
	return err
}

// peek returns the next upstream response with its length, or only its beginning if it
// does not fit in the buffer.
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

// join reads as many responses as requests were sent and makes one answer of them. room is
// that of what it has read, to be released once the answer is sent; nil if it has none.
func (c *conn) join(plan *gateway.Plan) (answer []byte, room *claim, err error) {
	replies := make([][]byte, len(plan.Forward))
	for i := range replies {
		// The others are read in any case: who waits for room while he has some might wait
		// for somebody who waits for him.
		if i == 0 {
			if room, err = c.claimAnswer(); err != nil {
				return nil, nil, err
			}
		}
		if replies[i], err = gateway.ReadFrame(c.upstream.reader, math.MaxInt32); err != nil {
			return nil, room, fmt.Errorf("upstream: %w", err)
		}
	}
	answer, err = plan.Response(replies...)
	return answer, room, err
}

// claimAnswer waits for the room of the next response of the upstream.
func (c *conn) claimAnswer() (*claim, error) {
	prefix, err := c.upstream.reader.Peek(4)
	if err != nil {
		return nil, fmt.Errorf("upstream: %w", err)
	}
	p := c.listener.proxy
	return p.frames.claimAnswer(c.ctx, int64(binary.BigEndian.Uint32(prefix)), c.tenant, p.limits.Frame)
}

// relay copies the upstream's next response to the client unchanged.
func (c *conn) relay(h gateway.Header, came arrival) error {
	if correlation := int32(binary.BigEndian.Uint32(came.begins[4:])); correlation != h.CorrelationID {
		return fmt.Errorf("upstream: a response to request %d, expected one to %d", correlation, h.CorrelationID)
	}
	if err := c.writeBefore(); err != nil {
		return err
	}
	if came.whole {
		if _, err := c.writer.Write(came.begins); err != nil {
			return err
		}
		_, err := c.upstream.reader.Discard(len(came.begins))
		return err
	}
	_, err := io.CopyN(c.writer, c.upstream.reader, 4+int64(binary.BigEndian.Uint32(came.begins)))
	return err
}
