package proxy_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway/proxy"
)

// TestRequestsAfterTheSession: a request waits because the broker throttles, for longer than
// the session of its client lasts. It is not sent on: a broker reads it when it has throttled
// enough, and closes the connection then.
func TestRequestsAfterTheSession(t *testing.T) {
	const session, throttle = 1500 * time.Millisecond, 3 * time.Second
	cluster := upstream(t, kfake.SeedTopics(1, "open"), kfake.NumBrokers(1))
	l := plainListener()
	l.SASL.MaxSession = session
	p := start(t, cluster, proxy.Config{Store: store(t, "alice ALLOW ALL TOPIC open"), Listeners: []proxy.Listener{l}})
	var reached atomic.Int32
	cluster.ControlKey(int16(kmsg.Produce), func(r kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		if reached.Add(1) > 1 {
			return nil, nil, false
		}
		answer := r.ResponseKind().(*kmsg.ProduceResponse)
		answer.ThrottleMillis = int32(throttle.Milliseconds())
		return answer, nil, true
	})
	w := dial(t, p.Addresses()[0])
	w.login("alice", passwords["alice"])
	began := time.Now()
	produce := changes()["Produce"]
	w.send(produce.request, produce.version)
	w.receive(produce.request)
	w.send(produce.request, produce.version)
	_ = w.SetDeadline(time.Now().Add(10 * time.Second))
	w.closed("the end of the session")
	t.Logf("%v after the login, with a session of %v: %d requests reached the broker", time.Since(began), session, reached.Load())
	assert.EqualValues(t, 1, reached.Load(), "requests that reached the broker")
}
