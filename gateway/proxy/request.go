package proxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/ops"
)

// unserved are requests that are refused whatever the ACLs say, and not advertised.
// The upstream takes them for the proxy's own, and the proxy is a super user there.
var unserved = map[ops.APIKey]string{
	ops.CreateDelegationTokenKey:   "a delegation token would be one of the proxy's principal",
	ops.RenewDelegationTokenKey:    "delegation tokens are those of the proxy's principal",
	ops.ExpireDelegationTokenKey:   "delegation tokens are those of the proxy's principal",
	ops.DescribeDelegationTokenKey: "delegation tokens are those of the proxy's principal",
	ops.EnvelopeKey:                "an envelope speaks for other principals",
}

// take does what a request asks for, and returns its answer. With an error the connection
// ends once the answer, if there is one, is written.
func (c *conn) take(ctx context.Context, frame []byte) (answer, error) {
	if c.login.state == expectsToken {
		return c.takeToken(frame)
	}
	h, err := gateway.ParseHeader(frame)
	if err != nil {
		return answer{}, err
	}
	c.listener.proxy.metrics.requests(h.Key).Inc()
	switch reason, refused := unserved[h.Key]; {
	case refused:
		return answer{}, fmt.Errorf("%v is not served: %s", h.Key, reason)
	case c.login.expired(h):
		return answer{}, errors.New("the session has ended and the client did not log in again")
	case h.Key == ops.APIVersionsKey:
		return c.takeAPIVersions(h, frame)
	case h.Key == ops.SASLHandshakeKey || h.Key == ops.SASLAuthenticateKey:
		return c.takeLogin(h, frame)
	case c.login.state != loggedIn:
		return answer{}, fmt.Errorf("%v before the client is logged in", h.Key)
	}
	return c.takeRequest(ctx, frame)
}

// takeAPIVersions answers by what the broker is known to serve, so that nobody who is
// not logged in makes the proxy open a connection.
func (c *conn) takeAPIVersions(h gateway.Header, frame []byte) (answer, error) {
	decide := c.decide
	if decide == nil {
		decide = c.listener.gateway.Conn(gateway.Client{})
	}
	plan, err := decide.Request(frame)
	if err != nil {
		return answer{}, err
	}
	var replies [][]byte
	if len(plan.Forward) > 0 {
		served, ok := c.listener.proxy.cluster.served(c.node)
		if !ok {
			return answer{}, errors.New("no broker of the upstream has said what it serves")
		}
		served.Version = h.Version
		replies = [][]byte{h.Response(&served)}
	}
	response, err := plan.Response(replies...)
	return answer{frame: response}, err
}

// takeLogin answers the requests by which clients log in.
func (c *conn) takeLogin(h gateway.Header, frame []byte) (answer, error) {
	request, err := h.Request(frame)
	if err != nil {
		return answer{}, err
	}
	var response kmsg.Response
	var failure error
	was := c.login.state
	switch r := request.(type) {
	case *kmsg.SASLHandshakeRequest:
		response, failure = c.login.handshake(r)
	case *kmsg.SASLAuthenticateRequest:
		response, failure = c.login.authenticate(r)
	}
	if failure == nil && was == expectsRequest && c.login.state == loggedIn {
		if err := c.become(c.login.who); err != nil {
			return answer{}, err
		}
	}
	if response == nil {
		return answer{}, failure
	}
	return answer{frame: h.Response(response)}, failure
}

// takeToken answers a bare token of the mechanism, which has no header. There is no
// way to answer that it is wrong.
func (c *conn) takeToken(frame []byte) (answer, error) {
	began := time.Now()
	token, err := c.login.token(frame)
	if err != nil {
		time.Sleep(time.Until(began.Add(failedLoginDelay)))
		return answer{}, err
	}
	if c.login.state == loggedIn {
		if err := c.become(c.login.who); err != nil {
			return answer{}, err
		}
	}
	return answer{frame: append([]byte{}, token...)}, nil // a frame also if it is empty
}

// takeRequest decides a request and sends on what is allowed.
func (c *conn) takeRequest(ctx context.Context, frame []byte) (answer, error) {
	began := time.Now()
	c.knows.begin()
	plan, err := c.decide.Request(frame)
	if err != nil {
		return answer{}, err
	}
	c.listener.proxy.metrics.decisions.Observe(time.Since(began).Seconds())
	if len(plan.Forward) > 0 && c.upstream == nil {
		if err := c.connect(ctx); err != nil {
			c.audit(plan)
			return answer{}, err
		}
		// That took time, and the ACLs may be others now.
		if plan, err = c.decide.Request(frame); err != nil {
			return answer{}, err
		}
	}
	var a answer
	if len(plan.Forward) == 0 {
		a.frame, err = plan.Response()
	} else {
		err = c.forward(plan)
	}
	if err == nil && plan.Close {
		err = errAnswered
	}
	if len(plan.Forward) > 0 && !plan.Silent && (err == nil || errors.Is(err, errAnswered)) {
		return answer{plan: plan}, err // audited once it is answered
	}
	c.audit(plan)
	return a, err
}

// forward sends on what is allowed of a request.
func (c *conn) forward(plan *gateway.Plan) error {
	if err := c.upstream.SetWriteDeadline(time.Now().Add(c.listener.proxy.limits.Frame)); err != nil {
		return err
	}
	for i, frame := range plan.Forward {
		if err := c.upstream.send(frame); err != nil {
			return fmt.Errorf("upstream: %w", err)
		}
		plan.Forward[i] = nil // so that the answer does not keep it
	}
	return nil
}

// connect connects to the broker.
func (c *conn) connect(ctx context.Context) error {
	address, ok := c.listener.proxy.cluster.address(c.node)
	if !ok {
		return fmt.Errorf("upstream: broker %d is gone", c.node)
	}
	upstream, err := c.listener.proxy.upstream.dial(ctx, address)
	if err != nil {
		c.listener.proxy.suspect(c.node, address)
		return fmt.Errorf("upstream: broker %d at %s: %w", c.node, address, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.killed {
		_ = upstream.Close()
		return net.ErrClosed
	}
	if !c.until.IsZero() {
		_ = upstream.SetReadDeadline(c.until)
	}
	c.upstream = upstream
	return nil
}
