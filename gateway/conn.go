package gateway

import (
	"errors"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// Conn decides the requests of one connection. Pass the requests to it one at a time,
// in order, each after the forwarded part of the previous one was answered. A broker
// handles them in the same way, and a request that waited at the cluster would be
// decided too early. A Conn is not safe for concurrent use, not even with its own Plans
// or with the Conn that it replaces (see [Client]). The zero Conn refuses everything.
type Conn struct {
	gateway *Gateway
	subject snapshot.Subject
	session *snapshot.Session
	nobody  bool // the peer is not authenticated, or its address is unknown
	reader  reader
	memory  *memory
	last    string // the client id of the previous request

	// Memory that the plans of earlier requests no longer need, cleared, or nil.
	spare   *query
	produce *kmsg.ProduceRequest
}

// memory is what a connection remembers about sessions and group members. It is kept
// when the peer authenticates again: an answer that is still on its way then belongs to
// the same session as the requests after it.
type memory struct {
	share   shareSession
	members subscriptions
}

// maxSpareTopics limits the memory that is kept for the topics of a produce request. A
// client usually writes to a few topics at a time; a single request for thousands must
// not occupy memory permanently.
const maxSpareTopics = 16

// Conn returns the state of a new connection. When a peer authenticates again, or only
// after its first requests, create a new Conn.
func (g *Gateway) Conn(client Client) *Conn {
	return g.conn(client, g.config.Endpoint, false)
}

// conn returns the state of a connection to an endpoint. forwarded means that its
// requests come in an Envelope.
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

// Request decides one request. frame is what [ReadFrame] returned; the Plan keeps it,
// so it must not be changed. All authorization questions of the request are answered by
// one state of the ACLs.
//
// The error is a *FrameError: the request cannot be answered, because it is malformed
// or because Kafka closes the connection for it. Then close this connection; others are
// not affected.
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

// maxDecisions limits how often one request is decided. It is decided again when the
// ACLs have changed while the cluster was asked about it.
const maxDecisions = 10

var errRestless = errors.New("the ACLs change faster than the cluster answers")

// request decides one request. If only topic ids had to be looked up, or nothing, the
// ACLs are those after the lookup. If the plan asked the cluster more, the ACLs may
// have changed by now.
func (c *Conn) request(frame []byte) (*Plan, error) {
	h, err := parseHeader(frame, c.last)
	if err != nil {
		return nil, err
	}
	c.last = h.ClientID
	if c.gateway == nil {
		return nil, &FrameError{Header: h, Err: errors.New("the Conn was not created by a Gateway")}
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

// blank returns a blank request of this kind.
func (c *Conn) blank(h Header) kmsg.Request {
	if h.Key != ops.ProduceKey || c.produce == nil {
		return h.request()
	}
	r := c.produce
	c.produce, r.Version = nil, h.Version
	return r
}

// recycle takes memory from a plan whose response needs no more decisions. A finished
// answer may still share memory with the request.
func (c *Conn) recycle(p *Plan) {
	if r, ok := p.query.message.(*kmsg.ProduceRequest); ok && p.local == nil && cap(r.Topics) <= maxSpareTopics {
		clear(r.Topics)
		*r = kmsg.ProduceRequest{Topics: r.Topics[:0]}
		c.produce = r
	}
	*p.query = query{}
	c.spare, p.query = p.query, nil
}
