package proxy_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/gateway/relay"
)

// TestBehindAThrottledAnswer: a broker answers a client beyond its quota at once, and reads no
// more of the connection for throttle_time_ms (KIP-219). The next request is decided when that
// is over, so that a right that went meanwhile does not count.
func TestBehindAThrottledAnswer(t *testing.T) {
	b := newThrottlingBroker(t, 1500*time.Millisecond)
	s := store(t, "alice ALLOW ALL TOPIC open")
	p := start(t, nil, proxy.Config{Store: s, Upstream: relay.Upstream{Brokers: []string{b.Addr().String()}}})
	w := dial(t, p.Addresses()[0])
	w.login("alice", passwords["alice"])
	produce := produceTo("open", 1)
	require.Zero(t, first(first(w.ask(produce, 9).(*kmsg.ProduceResponse).Topics).Partitions).ErrorCode)
	remove := kmsg.NewPtrDeleteTopicsRequest()
	remove.TopicNames = []string{"open"}
	w.send(remove, 4)
	time.Sleep(b.throttle / 5)
	replace(t, s) // all rights are gone
	got := first(w.receive(remove).(*kmsg.DeleteTopicsResponse).Topics).ErrorCode
	assert.Contains(t, refusals, got, "the answer to the change")
	assert.Zero(t, b.erased.Load(), "changes that the broker carried out after the right was gone")
}

// TestLeftBehindAThrottledAnswer: a client that is throttled sends a Produce with acks=0 and
// leaves, as a program does that has nothing more to do. The request is sent on when the broker
// reads again.
func TestLeftBehindAThrottledAnswer(t *testing.T) {
	b := newThrottlingBroker(t, 2*time.Second)
	p := start(t, nil, proxy.Config{Store: store(t, "alice ALLOW ALL TOPIC open"), Upstream: relay.Upstream{Brokers: []string{b.Addr().String()}}, Limits: relay.Limits{Drain: 10 * time.Second}})
	w := dial(t, p.Addresses()[0])
	w.login("alice", passwords["alice"])
	produce := produceTo("open", 1)
	require.Equal(t, int32(2000), w.ask(produce, 9).(*kmsg.ProduceResponse).ThrottleMillis)
	produce.Acks = 0
	w.send(produce, 9)
	time.Sleep(200 * time.Millisecond)
	w.Close()
	time.Sleep(4 * time.Second)
	assert.Equal(t, int32(1), b.silent.Load(), "of what the client has sent before it left")
}
