package relay

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// unserved are requests that are refused and not advertised, regardless of the ACLs: those about
// tokens unless the program has called [Cluster.OpenTokens]. The upstream would treat them as requests
// of the proxy's principal, which is a super user there.
var unserved = map[ops.APIKey]string{
	ops.CreateDelegationTokenKey:   "delegation tokens would belong to the proxy's principal",
	ops.RenewDelegationTokenKey:    "delegation tokens would belong to the proxy's principal",
	ops.ExpireDelegationTokenKey:   "delegation tokens would belong to the proxy's principal",
	ops.DescribeDelegationTokenKey: "delegation tokens would belong to the proxy's principal",
	ops.EnvelopeKey:                "an envelope carries requests of other principals",
}

// take processes a request, and returns its answer. If it returns an error, the
// connection ends after the answer, if any, is written.
func (c *Conn) take(ctx context.Context, frame []byte) (answer, error) {
	login := c.config.Login
	taken, err := login.Take(c.ctx, frame)
	if err == nil && taken != nil && !taken.Who.Principal.IsZero() {
		err = c.become(taken.Who)
	}
	switch {
	case taken == nil && err != nil:
		c.failedLogin = true
		return answer{}, err
	case taken != nil:
		c.failedLogin = err != nil
		return answer{frame: taken.Answer}, err
	}
	h, err := gateway.ParseHeader(frame)
	if err != nil {
		return answer{}, err
	}
	c.trace.turn(h, c.subject)
	switch reason := c.unserved(h.Key); {
	case reason != "":
		return answer{}, fmt.Errorf("%v is not served: %s", h.Key, reason)
	case h.Key == ops.APIVersionsKey:
		return c.takeAPIVersions(h, frame)
	case c.decide == nil || !login.LoggedIn():
		return answer{}, fmt.Errorf("%v before login", h.Key)
	}
	return c.takeRequest(ctx, frame)
}

// unserved returns why requests are not served regardless of the ACLs, or "".
func (c *Conn) unserved(key ops.APIKey) string {
	if unserved[key] == "" {
		return ""
	}
	served, _ := c.relay.cluster.served(c.config.Node)
	return c.relay.cluster.refuses(key, served.ApiKeys)
}

// takeAPIVersions answers from the known versions of the broker, so that a client that
// is not logged in cannot make the proxy open a connection.
func (c *Conn) takeAPIVersions(h gateway.Header, frame []byte) (answer, error) {
	decide := c.decide
	if decide == nil {
		decide = c.config.Gateway.Conn(gateway.Client{Cluster: c.knows})
	}
	plan, err := decide.Request(frame)
	if err != nil {
		return answer{}, err
	}
	var replies [][]byte
	if plan.Frames() > 0 {
		served, ok := c.relay.cluster.served(c.config.Node)
		if !ok {
			return answer{}, errors.New("the versions of the upstream's brokers are unknown")
		}
		other, err := c.expectsOther(h, frame)
		if err != nil {
			return answer{}, err
		}
		if other {
			served = kmsg.NewApiVersionsResponse()
			served.ErrorCode = int16(ops.RebootstrapRequired)
		}
		served.Version = h.Version
		replies = [][]byte{h.Response(&served)}
	}
	response, err := plan.Response(replies...)
	return answer{frame: response}, err
}

// expectsOther reports whether an ApiVersions request says that the client expects another
// cluster or another broker than that of the connection. The proxy shows clients the
// upstream's id and node ids, so it compares with these. Before login it compares nothing,
// as a broker does, so that only clients that may connect can try ids.
//
// Source: KIP-1242; Kafka's KafkaApis.handleApiVersionsRequest and SaslServerAuthenticator.
func (c *Conn) expectsOther(h gateway.Header, frame []byte) (bool, error) {
	if c.decide == nil || !c.config.Login.LoggedIn() {
		return false, nil
	}
	request, err := h.Request(frame)
	if err != nil {
		return false, err
	}
	m := request.(*kmsg.ApiVersionsRequest)
	cluster := c.relay.cluster.ID()
	return m.ClusterID != nil && cluster != "" && (*m.ClusterID != cluster || m.NodeID != c.config.Node), nil
}

// takeRequest decides a request and forwards the allowed part.
func (c *Conn) takeRequest(ctx context.Context, frame []byte) (answer, error) {
	began := time.Now()
	c.knows.Begin()
	plan, err := c.plan(frame)
	if err != nil {
		return answer{}, err
	}
	c.noteGranted(plan)
	c.trace.decided()
	if c.config.Decided != nil {
		c.config.Decided(time.Since(began))
	}
	plan, room, frames, err := c.handOut(ctx, plan, frame)
	if err != nil {
		return answer{}, err
	}
	c.countRequest(plan.Header, len(frame))
	a := answer{made: room}
	switch {
	case len(frames) > 0:
		err = c.forward(plan, frames, frame)
	case room != nil:
		a.frame, err = plan.Response()
	default:
		a.frame, a.made, err = c.made(plan)
	}
	if err == nil && plan.Close {
		err = errAnswered
	}
	if len(frames) > 0 && !plan.Silent && (err == nil || errors.Is(err, errAnswered)) {
		a.plan = plan // audited when it is answered
		return a, err
	}
	c.audit(plan)
	a.made.shrink(int64(len(a.frame)))
	c.tellThrottle(plan, a.frame, true)
	return a, err
}

// handOut prepares a plan and returns its frames. If the ACLs have changed between, it decides the
// request again.
func (c *Conn) handOut(ctx context.Context, plan *gateway.Plan, frame []byte) (_ *gateway.Plan, room *claim, frames [][]byte, err error) {
	for range maxPrepared {
		if plan, room, err = c.prepare(ctx, plan, frame); err != nil {
			return nil, nil, nil, err
		}
		if !c.config.Login.LoggedIn() { // it may have ended while the request waited
			room.release()
			return nil, nil, nil, errNoLogin
		}
		wanted := plan.Frames() > 0
		if frames = plan.Forward(); !wanted || len(frames) > 0 || !plan.Outdated() {
			return plan, room, frames, nil
		}
		room.release()
		if plan, err = c.plan(frame); err != nil {
			return nil, nil, nil, err
		}
	}
	return nil, nil, nil, errRestless
}

// errNoLogin ends a connection.
var errNoLogin = errors.New("the session of the client ended before its request was decided")

// plan decides a request. It returns an error if the session of the client has ended, which it may
// while the request waits.
func (c *Conn) plan(frame []byte) (*gateway.Plan, error) {
	if !c.config.Login.LoggedIn() {
		return nil, errNoLogin
	}
	return c.decide.Request(frame)
}

// changed reports whether the last request has to be decided again, whatever the ACLs are: see Changing.
func (c *Conn) changed() bool {
	decide, ok := c.decide.(Changing)
	return ok && decide.Changed()
}

// prepare waits for all that a plan needs: the broker, if something is sent to it, room, and the
// audit log.
// After each wait the request is decided again, since the ACLs may have changed; then it may
// need what it did not need before.
func (c *Conn) prepare(ctx context.Context, plan *gateway.Plan, frame []byte) (_ *gateway.Plan, room *claim, err error) {
	for range maxPrepared {
		if plan.Frames() > 0 && !c.isReady() {
			plan = nil // so that it takes no memory while it waits
			failure := c.getReady(ctx)
			if plan, err = c.plan(frame); err != nil {
				return nil, nil, errors.Join(failure, err)
			}
			if failure != nil {
				c.audit(plan)
				return nil, nil, failure
			}
		}
		if plan, room, err = c.claimPlan(plan, frame); err != nil {
			return nil, nil, err
		}
		ready := plan.Frames() == 0 || c.isReady()
		if ready && plan.Record() && !c.changed() {
			return plan, room, nil
		}
		if room.release(); !ready {
			continue
		}
		if plan, err = c.plan(frame); err != nil {
			return nil, nil, err
		}
	}
	return nil, nil, errRestless
}

// maxPrepared limits how often a request is decided again before it is sent on. It is, each time
// that the ACLs have changed while it waited.
const maxPrepared = 100

var errRestless = errors.New("the ACLs change faster than a request can be sent on")

// claimPlan waits for the room of what a plan takes in addition to its request. While it
// waits it does not keep the plan, and decides about the request again afterwards: the ACLs
// may have changed.
func (c *Conn) claimPlan(plan *gateway.Plan, frame []byte) (_ *gateway.Plan, room *claim, err error) {
	kind, bytes := answerFrame, plan.Memory()
	if plan.Frames() > 0 {
		kind = sentPlan
	}
	if bytes <= MaxSmallFrame {
		return plan, nil, nil
	}
	if room, err = c.tryMemory(kind, bytes); room != nil || err != nil {
		return plan, room, err
	}
	plan = nil
	room, failure := c.claimMemory(kind, bytes)
	if plan, err = c.plan(frame); err != nil {
		room.release()
		return nil, nil, errors.Join(failure, err)
	}
	if failure != nil {
		c.audit(plan)
		return plan, nil, failure
	}
	if isAnswer := plan.Frames() == 0; isAnswer != (kind == answerFrame) { // by the ACLs of now
		room.release()
		return c.claimPlan(plan, frame)
	}
	return plan, room, nil
}

// forward sends the allowed part of a request, which came as request, to the broker.
func (c *Conn) forward(plan *gateway.Plan, frames [][]byte, request []byte) error {
	for i, frame := range frames {
		isWanted := func() bool { return c.isWanted(plan, len(frames), i, frame, request) }
		if err := c.upstream.send(frame, c.relay.limits.Frame, isWanted); err != nil {
			return fmt.Errorf("upstream: %w", err)
		}
		frames[i] = nil // so that the answer does not keep it in memory
	}
	c.sent()
	c.ahead.sent.Store(true)
	if plan.Silent {
		return c.sendFence()
	}
	return nil
}

// isWanted reports whether a frame of a plan that is being sent is still to be sent. If the ACLs have
// changed, the request is decided again: the same frames must come of it.
func (c *Conn) isWanted(plan *gateway.Plan, frames, i int, frame, request []byte) bool {
	if !c.config.Login.LoggedIn() {
		return false
	}
	if plan.Current() && !c.changed() {
		return true
	}
	again, err := c.plan(request)
	return err == nil && again.Frames() == frames && again.Sends(i, frame) && again.Current()
}

// noteGranted notes once that a client was allowed something.
func (c *Conn) noteGranted(plan *gateway.Plan) {
	if !c.wasGranted && plan.Granted() {
		c.wasGranted = true
		c.relay.granted(c)
	}
}

// audit passes on the events of a request that is answered or given up.
func (c *Conn) audit(plan *gateway.Plan) {
	c.noteGranted(plan) // of a list, the answer is what is allowed
	plan.Audit()
	if c.trace != nil {
		c.trace.Refused = len(plan.Denied)
	}
	if c.config.Answered != nil {
		c.config.Answered(plan)
	}
}

// rightlessAfter is for how long a connection of a client without any right counts after its end. The
// proxy connects to the cluster for it, and logs in. Who comes and goes makes it do that no more often than
// the limit in this time: 51 times a second with the default.
const rightlessAfter = 5 * time.Second

// countRightless counts the connection if the client has no right, and returns an error beyond
// the limit. It counts until the client has left, and rightlessAfter more.
func (c *Conn) countRightless() error {
	if c.rightless || mayAnything(c.config.Gateway.Store().Session(c.subject).View()) {
		return nil
	}
	limit := c.relay.limits.RightlessUpstreams
	if c.rightless = c.tenant.rightless.Add(1) <= int64(limit); !c.rightless {
		c.tenant.rightless.Add(-1)
		return fmt.Errorf("%d connections to the cluster are open for clients without any right of this principal or address: see Limits.RightlessUpstreams, --max-rightless-connections", limit)
	}
	return nil
}

// mayAnything reports whether something may be allowed to a client.
func mayAnything(view *snapshot.View) bool {
	for _, t := range resource.Types() {
		for op := range ops.Supported(t).All() {
			if view.MayAllow(op, t) {
				return true
			}
		}
	}
	return false
}

// connect connects to the broker.
func (c *Conn) connect(ctx context.Context) error {
	address, ok := c.relay.cluster.Address(c.config.Node)
	if !ok {
		return fmt.Errorf("upstream: broker %d is gone", c.config.Node)
	}
	if err := c.countRightless(); err != nil {
		return err
	}
	upstream, err := c.relay.cluster.upstream.dial(ctx, address)
	if err != nil {
		c.relay.cluster.Suspect(c.config.Node, address)
		return fmt.Errorf("upstream: broker %d at %s: %w", c.config.Node, address, err)
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
	// A broker that has answered nothing may accept the connection much later, when there are
	// fewer (max.connections, max.connection.creation.rate).
	c.silence.unknown = !upstream.heard
	return nil
}
