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

// unserved are requests that are refused and not advertised, regardless of the ACLs.
// The upstream would treat them as requests of the proxy's principal, which is a super
// user there.
var unserved = map[ops.APIKey]string{
	ops.CreateDelegationTokenKey:   "delegation tokens would belong to the proxy's principal",
	ops.RenewDelegationTokenKey:    "delegation tokens would belong to the proxy's principal",
	ops.ExpireDelegationTokenKey:   "delegation tokens would belong to the proxy's principal",
	ops.DescribeDelegationTokenKey: "delegation tokens would belong to the proxy's principal",
	ops.EnvelopeKey:                "an envelope carries requests of other principals",
}

// take processes a request, and returns its answer. If it returns an error, the
// connection ends after the answer, if any, is written.
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
		return answer{}, fmt.Errorf("%v before login", h.Key)
	}
	return c.takeRequest(ctx, frame)
}

// takeAPIVersions answers from the known versions of the broker, so that a client that
// is not logged in cannot make the proxy open a connection.
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
			return answer{}, errors.New("the versions of the upstream's brokers are unknown")
		}
		served.Version = h.Version
		replies = [][]byte{h.Response(&served)}
	}
	response, err := plan.Response(replies...)
	return answer{frame: response}, err
}

// takeLogin answers the requests of a login.
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

// takeToken answers a bare token of the mechanism, which has no header. There is no way
// to report an error to the client.
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
	return answer{frame: append([]byte{}, token...)}, nil // a non-nil frame, even if it is empty
}

// takeRequest decides a request and forwards the allowed part.
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
		// That took time, and the ACLs may have changed.
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
		return answer{plan: plan}, err // audited when it is answered
	}
	c.audit(plan)
	return a, err
}

// forward sends the allowed part of a request to the broker.
func (c *conn) forward(plan *gateway.Plan) error {
	if err := c.upstream.SetWriteDeadline(time.Now().Add(c.listener.proxy.limits.Frame)); err != nil {
		return err
	}
	for i, frame := range plan.Forward {
		if err := c.upstream.send(frame); err != nil {
			return fmt.Errorf("upstream: %w", err)
		}
		plan.Forward[i] = nil // so that the answer does not keep it in memory
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
