package relay

import (
	"time"

	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/quota"
)

// Clients are throttled as by a broker (KIP-13, KIP-219): the answer says for how long, it is sent at once,
// and the next request of the connection has its turn when that time is over. Requests that were read ahead
// wait in their room; no more are read than without a quota. There are two differences. A broker answers a
// Fetch that is beyond the quota without records, and asks for no more than the quota allows at once; here
// the records have come, are sent, and count. And the answer to a Produce of more than the buffers of a
// connection does not say for how long the client waits, since the field is at its end.

// countRequest counts the bytes of a request against the quotas of the client.
func (c *Conn) countRequest(h gateway.Header, bytes int) {
	if h.Key == ops.ProduceKey {
		c.use(quota.ProducerByteRate, h, bytes)
	}
}

// countAnswer counts the bytes of an answer.
func (c *Conn) countAnswer(h gateway.Header, bytes int64) {
	if h.Key == ops.FetchKey || h.Key == ops.ShareFetchKey {
		c.use(quota.ConsumerByteRate, h, int(bytes))
	}
}

func (c *Conn) use(kind quota.Kind, h gateway.Header, bytes int) {
	if c.config.Quotas == nil {
		return
	}
	of := quota.Request{User: c.subject.Principal.Name, ClientID: h.ClientID}
	c.throttle = max(c.throttle, c.config.Quotas.Use(kind, of, float64(bytes), time.Now()))
}

// tellThrottle writes into an answer for how long the client will have to wait.
func (c *Conn) tellThrottle(plan *gateway.Plan, begins []byte, whole bool) {
	if c.throttle > 0 {
		plan.Throttle(begins, whole, c.throttle)
	}
}

// mute waits for as long as the client is throttled, unless it has left and nothing of it is in progress,
// or the relay drains and the client has sent nothing before.
func (c *Conn) mute() error {
	wait := c.throttle
	if c.throttle = 0; wait <= 0 {
		return nil
	}
	if err := c.flush(); err != nil {
		return err
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-c.ctx.Done():
		return nil
	case <-c.ahead.over:
	}
	if len(c.ahead.requests) == 0 {
		return nil
	}
	select {
	case <-timer.C:
	case <-c.asking.Done():
	}
	return nil
}
