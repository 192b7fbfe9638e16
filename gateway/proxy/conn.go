package proxy

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/gateway/relay"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// conn is the connection of a client: what package relay does not know of it. It is the
// relay.Login of the client.
type conn struct {
	*relay.Conn
	listener *listener
	log      *slog.Logger
	login    loginFlow
	refused  bool // before a login could begin: Begin returned an error
}

// serve serves the connection until it ends, and logs why it has.
func (c *conn) serve(ctx context.Context, node int32) {
	l := c.listener
	_ = c.Serve(ctx, relay.Client{
		Node: node, LoginBytes: l.access.Load().sasl.maxReceive(), Gateway: l.gateway, Protocol: l.Protocol, Login: c, Decide: c.followGroups(ctx, l.newDecider()), Events: c.events, Ending: c.report,
		Decided: func(took time.Duration) { l.proxy.metrics.decisions.Observe(took.Seconds()) }, Answered: l.proxy.metrics.answered, Tracer: l.proxy.tracer, Quotas: l.proxy.quotas.tracker(),
	})
}

// Begin secures the connection. Without SASL it also says who the client is.
func (c *conn) Begin(ctx context.Context, client net.Conn) (net.Conn, snapshot.Subject, error) {
	secured, who, err := c.begin(ctx, client)
	c.refused = err != nil
	return secured, who, err
}

func (c *conn) begin(ctx context.Context, client net.Conn) (net.Conn, snapshot.Subject, error) {
	var state *tls.ConnectionState
	access := c.listener.access.Load()
	if access.tls != nil {
		secured := tls.Server(client, access.tls)
		if err := secured.HandshakeContext(ctx); err != nil {
			return nil, snapshot.Subject{}, err
		}
		client = secured
		s := secured.ConnectionState()
		state = &s
	}
	c.login.remote = client.RemoteAddr().String()
	if access.sasl != nil {
		return client, snapshot.Subject{}, nil
	}
	who, err := access.unsecured(state)
	if err != nil {
		return nil, snapshot.Subject{}, err
	}
	c.login.state = loggedIn
	c.login.who = who
	subject, err := c.subject(ctx, who)
	return client, subject, err
}

// subject returns who a client is that has logged in.
func (c *conn) subject(ctx context.Context, who identity) (snapshot.Subject, error) {
	host, err := relay.HostOf(c.login.remote)
	if err != nil {
		return snapshot.Subject{}, err
	}
	if !c.login.named { // once: who logs in again is the same
		c.login.named = true
		c.log = c.log.With("principal", lines.Name(who.principal.String()))
	}
	return snapshot.Subject{Principal: who.principal, Groups: c.groupsAtLogin(ctx, who), Host: host}, nil
}

// LoggedIn reports whether no login is under way and the session has not ended, for [relay.Login].
func (c *conn) LoggedIn() bool { return c.login.state == loggedIn && !c.login.ended() }

// Take answers the requests of a login, for [relay.Login].
func (c *conn) Take(ctx context.Context, frame []byte) (*relay.Taken, error) {
	if c.login.state == expectsToken {
		return c.takeToken(ctx, frame)
	}
	if len(frame) < 2 {
		return nil, nil // which is no request
	}
	key := ops.APIKey(binary.BigEndian.Uint16(frame)) // where every header begins
	c.listener.proxy.metrics.requests(key).Inc()
	switch {
	case c.login.expired(key):
		return nil, errors.New("the session has ended and the client did not log in again")
	case key == ops.SASLHandshakeKey || key == ops.SASLAuthenticateKey:
		return c.takeLogin(ctx, frame)
	}
	return nil, nil
}

// takeLogin answers the requests of a login.
func (c *conn) takeLogin(ctx context.Context, frame []byte) (*relay.Taken, error) {
	h, err := gateway.ParseHeader(frame)
	if err != nil {
		return nil, err
	}
	request, err := h.Request(frame)
	if err != nil {
		return nil, err
	}
	var response kmsg.Response
	var failure error
	was := c.login.state
	switch r := request.(type) {
	case *kmsg.SASLHandshakeRequest:
		response, failure = c.login.handshake(r)
	case *kmsg.SASLAuthenticateRequest:
		response, failure = c.login.authenticate(ctx, r)
	}
	taken := new(relay.Taken)
	if failure == nil && was == expectsRequest && c.login.state == loggedIn {
		if taken.Who, err = c.subject(ctx, c.login.who); err != nil {
			return nil, err
		}
	}
	if response != nil {
		taken.Answer = h.Response(response)
	}
	return taken, failure
}

// takeToken answers a bare token of the mechanism, which has no header. There is no way
// to report an error to the client.
func (c *conn) takeToken(ctx context.Context, frame []byte) (*relay.Taken, error) {
	began := time.Now()
	token, err := c.login.token(ctx, frame)
	if err != nil {
		time.Sleep(time.Until(began.Add(failedLoginDelay)))
		return nil, err
	}
	taken := &relay.Taken{Answer: append([]byte{}, token...)} // a non-nil frame, even if it is empty
	if c.login.state == loggedIn {
		taken.Who, err = c.subject(ctx, c.login.who)
	}
	return taken, err
}

// events returns for how many events of a request there is room, for [gateway.Client].
func (c *conn) events(events int) int {
	return c.listener.proxy.auditor.take(time.Now(), c.Tenant().Key(), events)
}

// answered counts the decisions of a request that is answered or given up.
func (m *metrics) answered(plan *gateway.Plan) {
	m.checks.Add(float64(plan.Checks))
	if len(plan.Denied) == 0 {
		m.allowed(plan.Header.Key).Inc()
		return
	}
	byType := map[resource.Type]int{}
	for i := range plan.Denied {
		byType[plan.Denied[i].Type]++
	}
	for t, n := range byType {
		m.denied(plan.Header.Key, t).Add(float64(n))
	}
}

// report logs why a connection has ended.
func (c *conn) report(err error) {
	failedLogins := c.listener.proxy.metrics.failedLogins
	if c.refused {
		failedLogins.Inc()
		c.warn("connection refused", err)
		return
	}
	var failed *errLogin
	if c.login.refused != nil && !errors.As(err, &failed) {
		err = c.login.refused // many clients leave without a word
	}
	switch {
	case errors.As(err, &failed):
		failedLogins.Inc()
		c.warn("login failed", failed.cause)
	case relay.Ended(err):
		c.log.Debug("connection closed", "reason", fmt.Sprint(err))
	default:
		c.warn("connection closed", err)
	}
}

// warn logs why a connection has ended, unless there were too many such lines.
func (c *conn) warn(what string, why error) {
	may, left := c.listener.endings.next(time.Now())
	if left > 0 {
		c.listener.log.Warn("lines about connections left out", "count", left, "limit a minute", maxEndings)
	}
	if may {
		c.log.Warn(what, "reason", why.Error())
	}
}

// choice decides as if there were no ACLs while Config.Refuse says so.
type choice struct {
	decide, refused *gateway.Conn
	refuse          func() bool
}

// Request decides a request.
func (c *choice) Request(frame []byte) (*gateway.Plan, error) {
	if c.refuse() {
		return c.refused.Request(frame)
	}
	return c.decide.Request(frame)
}

// newDecider returns what makes the deciders of one connection, or nil if its gateway does.
func (l *listener) newDecider() func(gateway.Client) relay.Decider {
	if l.decideBy != nil {
		return l.decideBy()
	}
	if l.proxy.refuse == nil {
		return nil
	}
	var last *gateway.Conn
	return func(client gateway.Client) relay.Decider {
		refused := client
		refused.Keep = func(int) bool { return false } // nothing is allowed that could be kept
		client.Before = last
		last = l.gateway.Conn(client)
		return &choice{last, l.refusing.Conn(refused), l.proxy.refuse}
	}
}
