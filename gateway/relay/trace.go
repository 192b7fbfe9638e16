package relay

import (
	"net"
	"time"

	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// Tracer receives what became of some requests. It must be safe for concurrent use: the goroutines
// of the connections call it, and their clients wait while they do.
type Tracer interface {
	// Sampled reports whether a request that was read is traced. It is asked before anything is
	// known of the request, only for clients that are logged in.
	Sampled() bool
	// Finished is called once for a sampled request, when it is answered or given up, before the
	// connection ends because of it. It is not called if the header cannot be read, if the
	// request belongs to a login, or if the connection ends before its turn.
	Finished(t *Trace)
}

// Trace is what became of one request. Its times are in order; those of steps that it did not reach
// are zero. It belongs to the Tracer once it is finished.
type Trace struct {
	Header  gateway.Header
	Subject snapshot.Subject // the client
	Client  net.Addr         // of the client's end of the connection
	// Node is the broker that the connection leads to, and Broker its host and port, as the
	// cluster says; "" if the request was not sent to it, or if it is gone.
	Node   int32
	Broker string
	// Refused is how many names were refused, as many as there are in gateway.Plan.Denied.
	Refused int

	Read     time.Time // the whole request was there
	Turn     time.Time // the earlier requests of the connection were answered
	Decided  time.Time // for the first time: it is decided again if the ACLs change while it waits
	Sent     time.Time // to the broker
	Heard    time.Time // the answer of the broker began to come; if it is made of several, all of them were there
	Answered time.Time // the answer was passed on to be sent, or there is none; never zero

	// Err is why the connection ends with this request, and nil if it goes on: see [Ended].
	Err error
}

// newTrace returns the trace of a request that was read just now, or nil if it has none. All methods
// of a nil *Trace do nothing, so that nothing is done for requests without one.
func (c *Conn) newTrace() *Trace {
	if c.config.Tracer == nil || !c.config.Tracer.Sampled() {
		return nil
	}
	return &Trace{Client: c.client.RemoteAddr(), Node: c.config.Node, Read: time.Now()}
}

// turn says that the turn of the request has come.
func (t *Trace) turn(h gateway.Header, who snapshot.Subject) {
	if t != nil {
		t.Header, t.Subject, t.Turn = h, who, time.Now()
	}
}

// decided says that the request is decided.
func (t *Trace) decided() {
	if t != nil {
		t.Decided = time.Now()
	}
}

// heard says that the answer of the broker is there.
func (t *Trace) heard() {
	if t != nil {
		t.Heard = time.Now()
	}
}

// sent says that the request is sent to the broker of the connection.
func (c *Conn) sent() {
	if t := c.trace; t != nil {
		t.Sent = time.Now()
		t.Broker, _ = c.relay.cluster.Address(t.Node)
	}
}

// finished passes the trace of a request on. err is why the connection ends, or nil: if the client
// has left, that, as Serve returns, and not that the wait for the broker was ended because of it.
func (c *Conn) finished(err error) {
	t := c.trace
	if t == nil {
		return
	}
	c.trace = nil
	if t.Turn.IsZero() { // it has no header, or belongs to a login
		return
	}
	if err != nil {
		c.mu.Lock()
		if c.cause != nil {
			err = c.cause
		}
		c.mu.Unlock()
	}
	t.Err, t.Answered = err, time.Now()
	c.config.Tracer.Finished(t)
}
