package relay

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"time"

	"github.com/portcullis-authz/portcullis/gateway"
)

// answer is the answer to a request. The zero answer means that there is none.
type answer struct {
	frame []byte        // complete, without its length prefix; or
	plan  *gateway.Plan // of a forwarded request, for the upstream's response

	room *claim // memory of the request, held as long as the plan needs it; or nil
	made *claim // memory of the frame, or of what the plan keeps; or nil
}

// release gives the room back.
func (a answer) release() {
	a.room.release()
	a.made.release()
}

func (a answer) none() bool { return a.frame == nil && a.plan == nil }

// turns processes the requests that were read, one at a time, until there are no more
// or an error occurs.
//
// A broker handles one request of a connection at a time, and decides it when it
// starts. The proxy does the same: it decides a request when the previous one is
// answered, and forwards it immediately. The request never waits behind another one at
// the broker, where a long poll could delay it until the ACLs that allowed it are gone.
// Behind a request without an answer stands a fence: see sendFence.
func (c *Conn) turns(ctx context.Context) error {
	for {
		r, err := c.request()
		if r.frame == nil {
			return err
		}
		a, last := c.turn(ctx, r)
		if !a.none() {
			if err := c.reply(a); err != nil {
				c.finished(err)
				return err
			}
		}
		c.finished(last)
		if last != nil {
			return errors.Join(c.flush(), last)
		}
		if err := c.mute(); err != nil {
			return err
		}
	}
}

// turn processes the next request.
func (c *Conn) turn(ctx context.Context, r request) (answer, error) {
	c.trace = r.trace
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
func (c *Conn) request() (request, error) {
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
	if c.upstream == nil {
		return <-c.ahead.requests, nil
	}
	c.upstream.reader.release() // nothing is to be answered
	c.idle.Reset(watchAfter)
	select {
	case r := <-c.ahead.requests:
		c.idle.Stop()
		return r, nil
	case <-c.idle.C:
		return c.requestWhileOpen()
	}
}

// watchAfter is how long a connection waits for a request until it looks whether the broker has
// closed its own. It is long enough that busy connections never do.
const watchAfter = time.Second

// requestWhileOpen waits for the next request as long as the broker keeps its connection open. A
// broker closes one that is idle, or when it stops. The client is told by the end of its own:
// otherwise what it sends next would be lost, and without an answer (acks=0) nobody would say so.
func (c *Conn) requestWhileOpen() (request, error) {
	if c.silence.fenced { // the answer comes first
		if err := c.awaitFence(); err != nil {
			return request{}, err
		}
		c.upstream.reader.release()
	}
	ended := make(chan error, 1)
	go func() {
		n, err := c.upstream.Conn.Read(make([]byte, 1))
		if n > 0 {
			err = errors.New("a response that belongs to no request")
		}
		ended <- err
	}()
	select {
	case err := <-ended:
		if errors.Is(err, os.ErrDeadlineExceeded) { // the client has left
			return <-c.ahead.requests, nil
		}
		return request{}, fmt.Errorf("%w: %w", errUpstreamLeft, err)
	case r := <-c.ahead.requests:
		err := c.stopWatching(ended)
		if err != nil {
			r.room.release()
			return request{}, err
		}
		return r, nil
	}
}

// stopWatching ends the read of requestWhileOpen. It returns an error if that was not needed.
func (c *Conn) stopWatching(ended <-chan error) error {
	c.mu.Lock()
	_ = c.upstream.SetReadDeadline(time.Unix(1, 0))
	c.mu.Unlock()
	if err := <-ended; !errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("%w: %w", errUpstreamLeft, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.upstream.SetReadDeadline(c.until)
}

// reply writes an answer, and does not wait for the client to read it if it fits in the
// buffer. The next request has its turn afterwards: it may wait for the broker, for room or
// for what the proxy has to ask, and an answer that has come must not wait with it.
func (c *Conn) reply(a answer) error {
	defer c.ahead.done()
	defer a.release()
	if a.plan == nil {
		return c.send(a.frame)
	}
	defer c.audit(a.plan)
	came, err := c.await(a.plan)
	if err != nil {
		return err
	}
	if a.plan.Frames() == 1 {
		c.silence.heard(a.plan.Throttled(0, came.begins[4:], came.whole))
	}
	return c.respond(a.plan, came)
}

// send buffers a frame with its length, unless it is nil. flush sends it.
func (c *Conn) send(frame []byte) error {
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
	for part := range slices.Chunk(frame, progressBytes) {
		if err := c.writeBefore(); err != nil {
			return err
		}
		if _, err := c.writer.Write(part); err != nil {
			return err
		}
	}
	return nil
}

// flush sends the buffered frames.
func (c *Conn) flush() error {
	if c.writer.Buffered() == 0 {
		return c.writer.Flush() // which gives the buffer back: a large answer went past it
	}
	if err := c.writeBefore(); err != nil {
		return err
	}
	return c.writer.Flush()
}

// progressBytes is how much of a frame must get through within Limits.Frame: 4 kB a second
// with the default. A frame of any size is read and written as long as that goes on.
const progressBytes = 256 << 10

// writeBefore lets the client take as long as it may for the next progressBytes.
func (c *Conn) writeBefore() error {
	return c.client.SetWriteDeadline(time.Now().Add(c.relay.limits.Frame))
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
func (c *Conn) await(plan *gateway.Plan) (came arrival, err error) {
	several := plan.Frames() > 1
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
	c.trace.heard()
	return came, nil
}

// respond turns the upstream's response to a plan into the answer and writes it. Most
// responses fit in the upstream's buffer and are not copied.
func (c *Conn) respond(plan *gateway.Plan, came arrival) error {
	if plan.AsIs && !plan.Outdated() {
		c.countAnswer(plan.Header, int64(binary.BigEndian.Uint32(came.begins)))
		c.tellThrottle(plan, came.begins[4:], came.whole)
		return c.copyAnswer(plan.Header, came)
	}
	c.knows.Begin()
	var frame []byte
	var rooms []*claim
	var err error
	inPlace := came.whole && !plan.MatchesPattern() // which has to wait for its turn
	if inPlace {
		var room *claim
		frame, room, err = c.made(plan, came.begins[4:])
		rooms = append(rooms, room)
	} else {
		frame, rooms, err = c.join(plan)
	}
	for _, room := range rooms {
		defer room.release()
	}
	if err == nil {
		c.countAnswer(plan.Header, int64(len(frame)))
		c.tellThrottle(plan, frame, true)
		err = c.send(frame)
	}
	if err == nil && inPlace {
		_, err = c.upstream.reader.Discard(len(came.begins))
	}
	return err
}

// peek returns the next upstream response with its length, or only its beginning if it
// does not fit in the buffer.
func (c *Conn) peek() (frame []byte, fits bool, err error) {
	from := &c.upstream.reader
	prefix, err := from.Peek(4)
	if err != nil {
		return nil, false, err
	}
	size := int32(binary.BigEndian.Uint32(prefix))
	if size < 4 {
		return nil, false, fmt.Errorf("a response of %d bytes", size)
	}
	if fits = int64(size) <= bufferBytes-4; fits {
		frame, err = from.Peek(4 + int(size))
	} else {
		frame, err = from.Peek(4 + gateway.ThrottleBytes)
	}
	return frame, fits, err
}

// join reads as many responses as requests were sent, one or two, and makes one answer of
// them. rooms are those of what it has read, to be released once the answer is sent.
//
// The second response has room of another kind. If connections waited for the kind that they
// hold, they could wait for each other.
func (c *Conn) join(plan *gateway.Plan) (answer []byte, rooms []*claim, err error) {
	replies := make([][]byte, plan.Frames())
	for i := range replies {
		kind, more := answerFrame, plan.AddedMemory()
		if i > 0 {
			kind, more = laterAnswer, 0
		}
		room, err := c.claimAnswer(kind, more, plan.Repeats())
		if err != nil {
			return nil, rooms, err
		}
		rooms = append(rooms, room)
		if replies[i], err = gateway.ReadFrame(&c.upstream.reader, math.MaxInt32); err != nil {
			return nil, rooms, fmt.Errorf("upstream: %w", err)
		}
		if plan.Frames() > 1 {
			c.silence.heard(plan.Throttled(i, replies[i], true))
			c.trace.heard()
		}
	}
	decide := func() { answer, err = plan.Response(replies...) }
	if !plan.ListsAll() {
		decide()
		return answer, rooms, err
	}
	if err := c.flush(); err != nil {
		return nil, rooms, err
	}
	if late := c.decideList(decide); late != nil {
		err = late
	}
	return answer, rooms, err
}

// claimAnswer waits for the room of the next response of the upstream, whose answer is times as
// large, and of more bytes.
func (c *Conn) claimAnswer(kind frameKind, more, times int64) (*claim, error) {
	prefix, err := c.upstream.reader.Peek(4)
	if err != nil {
		return nil, fmt.Errorf("upstream: %w", err)
	}
	size := int64(binary.BigEndian.Uint32(prefix))
	if size, err = c.fits(kind, size, times); err != nil {
		return nil, err
	}
	return c.claimMemory(kind, size+more)
}

// fits returns how many bytes a response of the upstream takes with its answer, in which the
// largest part is there so many times. It is an error if no room of the kind has as much.
func (c *Conn) fits(kind frameKind, size, times int64) (int64, error) {
	room := c.relay.frames.rooms[kind].size
	if times > 1 {
		times++ // the response, too
	}
	if size > room/times {
		return 0, fmt.Errorf("upstream: a response of %d bytes, which has to be read whole and takes %d times as much with its answer: expected at most %d together, see Limits.FramesBytes", size, times, room)
	}
	return size * times, nil
}

// claimMemory waits for room of a kind. What is as small as the buffers of a connection needs
// none: then the claim is nil.
func (c *Conn) claimMemory(kind frameKind, bytes int64) (*claim, error) {
	if bytes <= MaxSmallFrame {
		return nil, nil
	}
	if room, err := c.tryMemory(kind, bytes); room != nil || err != nil {
		return room, err
	}
	if err := c.flush(); err != nil {
		return nil, err
	}
	p := c.relay
	room, err := p.frames.claimAnswer(c.ctx, kind, bytes, c.tenant, p.limits.Frame)
	if err == nil {
		c.claimed = append(c.claimed, room)
	}
	return room, err
}

// errClaimOrder is a fault of the proxy: see frameKind.
var errClaimOrder = errors.New("room is claimed that the connection holds already, or that comes before what it holds")

// tryMemory is claimMemory for what is larger than the buffers, but returns nil if there is no
// room now.
func (c *Conn) tryMemory(kind frameKind, bytes int64) (*claim, error) {
	c.claimed = slices.DeleteFunc(c.claimed, func(held *claim) bool { return held.bytes == 0 })
	if slices.ContainsFunc(c.claimed, func(held *claim) bool { return held.room.kind >= kind }) {
		return nil, errClaimOrder
	}
	room := c.relay.frames.claimNow(kind, bytes, c.tenant)
	if room != nil {
		c.claimed = append(c.claimed, room)
	}
	return room, nil
}

// made returns an answer that is made here, of a response of the upstream that is no larger
// than the buffers of a connection or of none, and its room. It waits for the room first.
func (c *Conn) made(plan *gateway.Plan, replies ...[]byte) (answer []byte, room *claim, err error) {
	bytes := plan.AddedMemory()
	for _, reply := range replies {
		size, err := c.fits(answerFrame, int64(len(reply)), plan.Repeats())
		if err != nil {
			return nil, nil, err
		}
		bytes += size
	}
	if room, err = c.claimMemory(answerFrame, bytes); err != nil {
		return nil, nil, err
	}
	answer, err = plan.Response(replies...)
	return answer, room, err
}

// copyAnswer copies the upstream's next response to the client unchanged.
func (c *Conn) copyAnswer(h gateway.Header, came arrival) error {
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
	for left := 4 + int64(binary.BigEndian.Uint32(came.begins)); left > 0; left -= progressBytes {
		if err := c.writeBefore(); err != nil {
			return err
		}
		if _, err := io.CopyN(&c.writer, &c.upstream.reader, min(left, progressBytes)); err != nil {
			return err
		}
	}
	return nil
}
