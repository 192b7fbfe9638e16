package relay

import (
	"net"
	"sync/atomic"
	"time"
)

// maxAheadBytes limits the requests of a connection that are read before their turn;
// the request that exceeds it is the last. Further data stays in the buffers of the
// operating systems, so that the client must wait. A megabyte is many times what a
// producer with Java's defaults sends ahead.
const maxAheadBytes = 1 << 20

// request is a request that was read.
type request struct {
	frame []byte // without its size; nil if there is none
	room  *claim // for the frame, until nothing needs it any more
	trace *Trace // or nil
}

// readAhead are the requests of a connection that were read and whose turn has not come.
type readAhead struct {
	requests chan request  // closed once no more are read
	over     chan struct{} // closed then, too
	limit    int32         // of requests that are not answered
	waiting  atomic.Int32  // requests that are not answered
	answered atomic.Int64  // when the last one was answered, in nanoseconds of Unix time
	sent     atomic.Bool   // the request that has its turn was sent to the broker
	bytes    atomic.Int64  // of requests whose turn has not come
	room     chan struct{} // holds something once there is less of either
	ended    chan struct{} // closed when nobody takes requests any more
	reading  bool          // requests are read ahead: the client is logged in
}

func newReadAhead(limit int) readAhead {
	return readAhead{
		requests: make(chan request, limit), over: make(chan struct{}), limit: int32(limit),
		room: make(chan struct{}, 1), ended: make(chan struct{}),
	}
}

// read reads requests until the connection ends, and returns why it does.
func (c *Conn) read() error {
	limits := &c.relay.limits
	c.ahead.reading = true
	for {
		if err := c.ahead.waitForRoom(); err != nil {
			return err
		}
		r, err := c.next(limits.FrameBytes, func() time.Time { return time.Now().Add(limits.Idle) })
		if err != nil {
			return err
		}
		r.trace = c.newTrace()
		c.ahead.waiting.Add(1)
		c.ahead.bytes.Add(int64(len(r.frame)))
		c.ahead.requests <- r // there is room for as many as the limit
	}
}

// waitForRoom waits until another request may be read.
func (a *readAhead) waitForRoom() error {
	for a.waiting.Load() >= a.limit || a.bytes.Load() >= maxAheadBytes {
		if err := a.waitForChange(); err != nil {
			return err
		}
	}
	return nil
}

// waitForChange waits until a request has had its turn or is answered.
func (a *readAhead) waitForChange() error {
	select {
	case <-a.room:
		return nil
	case <-a.ended:
		return net.ErrClosed
	}
}

// release says that a request has had its turn: its bytes are needed only for its
// answer.
func (a *readAhead) release(frame []byte) {
	a.bytes.Add(-int64(len(frame)))
	a.hasRoom()
}

// done says that a request is answered.
func (a *readAhead) done() {
	a.sent.Store(false)
	a.answered.Store(time.Now().UnixNano())
	a.waiting.Add(-1)
	a.hasRoom()
}

// drop releases the memory of requests whose turn will not come. No more are read.
func (a *readAhead) drop() {
	for r := range a.requests {
		r.room.release()
	}
}

func (a *readAhead) hasRoom() {
	select {
	case a.room <- struct{}{}:
	default: // waitForRoom has not looked since the last time
	}
}
