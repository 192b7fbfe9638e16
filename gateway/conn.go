package gateway

import (
	"errors"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// Conn decides the requests of one connection. It is not safe for concurrent use: the
// requests of a connection are handed to it one by one, in their order. The Plans that
// it returns do not depend on it: their responses may be handed over by another
// goroutine, while the next request is decided. The zero Conn refuses everything.
type Conn struct {
	gateway *Gateway
	client  Client
	session *snapshot.Session
}

// Conn returns the state of a new connection. A peer that authenticates again, or only
// after its first requests, gets a new Conn.
func (g *Gateway) Conn(client Client) *Conn {
	return &Conn{gateway: g, client: client, session: g.config.Store.Session(client.Subject)}
}

// Request decides one request. frame is what [ReadFrame] returned; it is kept by the
// Plan and must not be changed. All questions that the request raises are answered by
// one state of the ACLs.
//
// The error is a *FrameError: the frame is no request that can be answered, because it
// is malformed, or because Kafka closes the connection on it. Then the connection is
// to be closed; no other is concerned.
func (c *Conn) Request(frame []byte) (*Plan, error) {
	h, err := ParseHeader(frame)
	if err != nil {
		return nil, err
	}
	return nil, &FrameError{Header: h, Err: errors.New("requests are not decided yet")}
}

// Plan is what is to be done about one request: send Forward on, hand what comes back
// to Response, send the client what that returns, and close the connection if Close is
// set. A Plan is not safe for concurrent use. The zero Plan sends nothing and answers
// nothing.
type Plan struct {
	Header Header // of the request
	// Forward are the frames to send to the cluster, in this order on one connection,
	// each of which is answered by one frame unless Silent is set. It is empty if the
	// request does not reach the cluster. There is more than one only for a Metadata
	// request that names topics that the client may create and others that it may not.
	Forward [][]byte
	// Silent says that there is no response, neither from the cluster nor to the
	// client: a Produce with acks=0. Response need not be called.
	Silent bool
	// AsIs says that the response of the cluster may be sent to the client unread;
	// Response would return it as it is.
	AsIs bool
	// Close says that the connection is to be closed once the answer, if any, is sent.
	Close bool
	// Denied are the questions whose denial the client feels, in the order in which
	// they were asked: each is a line of an audit log. What is silently left out of a
	// list is not among them, as Kafka does not log it either. Response adds to it.
	Denied []Denial
	// Checks is how many questions were asked. Response adds to it.
	Checks int
}

// Denial is a question that was answered with a denial.
type Denial struct {
	Operation ops.Operation
	Type      resource.Type
	Name      string
	Decision  snapshot.Decision
}

// Response returns the answer to the client: nil if there is none. replies are the
// responses of the cluster, one for each frame of Forward, in their order. They are
// kept where the answer is made of them. It is to be called once.
//
// The error is a *FrameError: the cluster has answered what cannot be read or does not
// answer the request. Nothing of it may be shown; both connections are to be closed.
func (p *Plan) Response(replies ...[]byte) ([]byte, error) {
	return nil, &FrameError{Header: p.Header, Err: errors.New("requests are not decided yet")}
}
