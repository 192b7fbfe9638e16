package gateway

import (
	"errors"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/audit"
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
	audit   *audit.Session
	hears   hearing                  // what of the decisions audit receives
	events  func(events int) (n int) // of the Client; may be nil
	session *snapshot.Session
	nobody  error // why the peer may only log in: it is not authenticated, or its address is unknown; or nil
	facts   Facts // what the Cluster provides
	reader  reader
	memory  *memory
	turn    func(decide func()) bool // of the Client; may be nil
	inTurn  bool                     // turn is calling
	last    string                   // the client id of the previous request, if it is no longer than maxKeptClientID

	// Memory that the plans of earlier requests no longer need, cleared, or nil.
	spare   *query
	produce *kmsg.ProduceRequest
}

// maxKeptClientID limits the client id that is kept between requests, in bytes. Ids are names of
// programs; a protocol that allows 32 kB must not occupy them on every connection.
const maxKeptClientID = 256

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
	if cluster == nil {
		cluster = NoCluster{}
	}
	audited := g.config.Audit.Session(g.config.Store, client.Subject)
	c := &Conn{
		gateway: g,
		audit:   audited,
		hears:   hearingOf(audited),
		events:  client.Events,
		session: audited.Live(),
		facts:   cluster.Provides(),
		nobody:  nobody(client.Subject),
		reader: reader{
			cluster: cluster, tokens: client.Tokens, layouts: g.layouts,
			endpoint: endpoint, caller: caller, forwarded: forwarded,
		},
		memory: &memory{keep: client.Keep}, turn: client.Turn,
	}
	if b := client.Before; b != nil && b.gateway == g && b.reader.caller.Principal == caller.Principal {
		c.memory = b.memory
	}
	return c
}

// Why a peer may send no other requests.
var (
	errNobody  = errors.New("the client is not authenticated: expected ApiVersions, SaslHandshake or SaslAuthenticate")
	errNowhere = errors.New("the client has a principal and no address, which DENY entries need: expected Subject.Host to be set")
)

// nobody returns why a peer may only log in, or nil.
func nobody(s snapshot.Subject) error {
	switch {
	case s.Principal.IsZero():
		return errNobody
	case !s.Host.IsValid():
		return errNowhere
	}
	return nil
}

// Request decides one request. frame is what [ReadFrame] returned; the Plan keeps it,
// so it must not be changed. All authorization questions of the request are answered by
// one state of the ACLs. Request has no effect until Forward or Response of the Plan is
// called: a request can be decided again, and only one of its Plans used. Decide a request
// when Response for the one before has returned, as a broker does: it may depend on what a
// share session has acquired, or on a subscription that the cluster rejected.
//
// The error is a *FrameError: the request cannot be answered, because it is malformed
// or because Kafka closes the connection for it. Then close this connection; others are
// not affected.
func (c *Conn) Request(frame []byte) (*Plan, error) {
	if c.memory == nil { // the zero Conn
		c.memory = new(memory)
	}
	if p, err := c.decided(frame); err != nil || !p.waits {
		return p, err
	}
	return c.decideInTurn(frame)
}

// decideInTurn decides one request in the turn of the client. It keeps no plan while it waits, and
// nothing that the Cluster has answered: any number of requests may wait.
func (c *Conn) decideInTurn(frame []byte) (p *Plan, err error) {
	defer func() { c.inTurn = false }()
	decide := func() {
		c.inTurn = true
		p, err = c.decided(frame)
	}
	if !c.turn(decide) {
		return nil, &FrameError{Err: errNoTurn}
	}
	return p, err
}

// decided decides one request by the ACLs of when it returns, or until it waits for the turn
// of the client.
func (c *Conn) decided(frame []byte) (*Plan, error) {
	for range maxDecisions {
		p, err := c.request(frame)
		if err != nil || p.waits || !p.asked || p.asker.view.Generation() == c.session.View().Generation() {
			return p, err
		}
	}
	return nil, &FrameError{Err: errRestless}
}

// needsTurn reports whether to decide the request has to wait for the turn of the client. If
// it has, nothing more is decided now: the plan is dropped.
func (p *Plan) needsTurn() bool {
	p.waits = p.conn.turn != nil && !p.conn.inTurn
	return p.waits
}

// maxDecisions limits how often one request is decided. It is decided again when the
// ACLs have changed while the cluster was asked about it.
const maxDecisions = 10

var errNoTurn = errors.New("the client does not get its turn")

var errRestless = errors.New("the ACLs change faster than the cluster answers")

// request decides one request. If only topic ids had to be looked up, or nothing, the
// ACLs are those after the lookup. If the plan asked the cluster more, the ACLs may
// have changed by now.
func (c *Conn) request(frame []byte) (*Plan, error) {
	h, err := parseHeader(frame, c.last)
	if err != nil {
		return nil, err
	}
	if c.last = h.ClientID; len(c.last) > maxKeptClientID {
		c.last = ""
	}
	if c.gateway == nil {
		return nil, &FrameError{Header: h, Err: errors.New("the Conn was not created by a Gateway")}
	}
	if c.nobody != nil && !apiOf(h.Key).beforeLogin {
		return nil, &FrameError{Header: h, Err: c.nobody}
	}
	p := &Plan{Header: h, gateway: c.gateway, asker: asker{view: c.session.View(), hears: c.hears}, conn: c}
	if h.Key == ops.APIVersionsKey && !c.serves(h) {
		p.local = c.gateway.unknownApiVersions()
		return p, nil
	}
	if !c.serves(h) {
		return nil, &FrameError{Header: h, Err: errUnknown}
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
