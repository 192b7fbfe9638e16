package gateway

import (
	"errors"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// Conn decides the requests of one connection. The requests of a connection are handed to
// it one by one, in their order, each once what was sent on of the one before is answered:
// so a broker takes them too, and a request that waited behind another at the cluster
// would be decided too early. It is not safe for concurrent use, neither beside its Plans
// nor beside the Conn that it follows (see [Client]). The zero Conn refuses everything.
type Conn struct {
	gateway *Gateway
	subject snapshot.Subject
	session *snapshot.Session
	nobody  bool // nobody knows who the peer is, or where
	reader  reader
	memory  *memory
	last    string // the client id of the last request

	// What the plans of earlier requests do not need any more, blank, or nil.
	spare   *query
	produce *kmsg.ProduceRequest
}

// memory is what a connection remembers of sessions and of members of groups. There is one
// for the connection, also when the peer authenticates again: an answer that is still on its
// way then belongs to the same session as the requests that come after it.
type memory struct {
	share   shareSession
	members subscriptions
}

// maxSpareTopics is for how many topics a request to produce is kept room. A client
// writes to a few at a time; who once wrote to thousands is not to hold memory for it.
const maxSpareTopics = 16

// Conn returns the state of a new connection. A peer that authenticates again, or only
// after its first requests, gets a new Conn.
func (g *Gateway) Conn(client Client) *Conn {
	return g.conn(client, g.config.Endpoint, false)
}

// conn returns the state of a connection to an endpoint; the requests of a forwarded
// one came in an Envelope.
func (g *Gateway) conn(client Client, endpoint ops.Endpoint, forwarded bool) *Conn {
	caller := ops.Caller{TokenAuthenticated: client.TokenAuthenticated, Protocol: client.Protocol}
	if !client.Subject.Principal.IsZero() {
		caller.Principal = client.Subject.Principal.String()
	}
	cluster := client.Cluster
	if cluster == nil {
		cluster = g.config.Cluster
	}
	c := &Conn{
		gateway: g,
		subject: client.Subject,
		session: g.config.Store.Session(client.Subject),
		nobody:  client.Subject.Principal.IsZero() || !client.Subject.Host.IsValid(),
		reader: reader{
			cluster: cluster, layouts: g.layouts,
			endpoint: endpoint, caller: caller, forwarded: forwarded,
		},
		memory: new(memory),
	}
	if b := client.Before; b != nil && b.gateway == g && b.reader.caller.Principal == caller.Principal {
		c.memory = b.memory
	}
	return c
}

var errNobody = errors.New("the client is not authenticated: expected ApiVersions, SaslHandshake or SaslAuthenticate")

// Request decides one request. frame is what [ReadFrame] returned; it is kept by the
// Plan and must not be changed. All questions that the request raises are answered by
// one state of the ACLs.
//
// The error is a *FrameError: the frame is no request that can be answered, because it
// is malformed, or because Kafka closes the connection on it. Then the connection is
// to be closed; no other is concerned.
func (c *Conn) Request(frame []byte) (*Plan, error) {
	if c.memory == nil { // the zero Conn
		c.memory = new(memory)
	}
	for range maxDecisions {
		members := slices.Clone(c.memory.members)
		p, err := c.request(frame)
		if err != nil || !p.asked || p.asker.view.Generation() == c.session.View().Generation() {
			return p, err
		}
		c.memory.members = members
	}
	return nil, &FrameError{Err: errRestless}
}

// maxDecisions is how often a request is decided whose questions to the cluster take so long
// that the ACLs have changed when they are answered.
const maxDecisions = 10

var errRestless = errors.New("the ACLs change faster than the cluster answers")

// request decides one request by the ACLs as they are when nothing, or nothing but ids of
// topics, is left to ask the cluster. If the plan has asked more, they may be others by now.
func (c *Conn) request(frame []byte) (*Plan, error) {
	h, err := parseHeader(frame, c.last)
	if err != nil {
		return nil, err
	}
	c.last = h.ClientID
	if c.gateway == nil {
		return nil, &FrameError{Header: h, Err: errors.New("a connection that no gateway made")}
	}
	if c.nobody && !apiOf(h.Key).beforeLogin {
		return nil, &FrameError{Header: h, Err: errNobody}
	}
	p := &Plan{Header: h, gateway: c.gateway, asker: asker{view: c.session.View()}, conn: c}
	if h.Key == ops.APIVersionsKey && !c.gateway.serves(h) {
		p.local = c.gateway.unknownApiVersions()
		return p, nil
	}
	if h, frame, err = c.gateway.layouts.canonical(h, frame); err != nil {
		return nil, err
	}
	p.Header = h
	message := c.blank(h)
	if err := h.decode(frame, message); err != nil {
		return nil, err
	}
	if p.query, c.spare = c.spare, nil; p.query == nil {
		p.query = new(query)
	}
	if err = c.reader.read(p.query, message); err == nil {
		p.findTopics()
		err = p.decide(frame)
	}
	if err != nil {
		return nil, &FrameError{Header: h, Err: err}
	}
	if p.isDecided() {
		c.recycle(p)
	}
	return p, nil
}

// blank returns a blank request of the kind.
func (c *Conn) blank(h Header) kmsg.Request {
	if h.Key != ops.ProduceKey || c.produce == nil {
		return h.request()
	}
	r := c.produce
	c.produce, r.Version = nil, h.Version
	return r
}

// recycle takes from a plan what is needed only to decide about the response. The answer that
// is ready may share memory with the request.
func (c *Conn) recycle(p *Plan) {
	if r, ok := p.query.message.(*kmsg.ProduceRequest); ok && p.local == nil && cap(r.Topics) <= maxSpareTopics {
		clear(r.Topics)
		*r = kmsg.ProduceRequest{Topics: r.Topics[:0]}
		c.produce = r
	}
	*p.query = query{}
	c.spare, p.query = p.query, nil
}
