package relay_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway/relay"
	"github.com/portcullis-authz/portcullis/quota"
)

// produce is a request that is refused: it counts all the same, as at a broker.
func produce(size int) *kmsg.ProduceRequest {
	m := kmsg.NewPtrProduceRequest()
	m.Acks, m.TimeoutMillis = -1, 1000
	m.Topics = []kmsg.ProduceRequestTopic{{Topic: "payroll", Partitions: []kmsg.ProduceRequestTopicPartition{{Records: make([]byte, size)}}}}
	return m
}

// throttling returns a tracker by which alice may produce so many bytes a second, in windows of a tenth.
func throttling(t *testing.T, limit float64) *quota.Tracker {
	t.Helper()
	table, err := quota.New(quota.Entry{Entity: quota.Entity{User: quota.Literal("alice")}, Kind: quota.ProducerByteRate, Limit: limit})
	require.NoError(t, err)
	tracker := quota.NewTracker(quota.Window{Samples: 2, Size: 100 * time.Millisecond})
	tracker.Set(table)
	return tracker
}

func TestThrottledClient(t *testing.T) {
	_, c := cluster(t)
	newRelay := func(limits relay.Limits) *relay.Relay {
		r, err := relay.New(c, limits)
		require.NoError(t, err)
		t.Cleanup(r.Close)
		return r
	}
	serveThrottled := func(r *relay.Relay, limit float64, mechanism string) *served {
		s := serveAs(t, r, relay.Client{Login: &opens{}, Quotas: throttling(t, limit)})
		s.ask(handshake(mechanism), 1)
		return s
	}
	told := func(s *served) time.Duration {
		return time.Duration(s.ask(produce(2000), 8).(*kmsg.ProduceResponse).ThrottleMillis) * time.Millisecond
	}
	t.Run("the answer says for how long, and the next request waits", func(t *testing.T) {
		s := serveThrottled(newRelay(relay.Limits{}), 10_000, "PLAIN")
		began := time.Now()
		wait := told(s)
		assert.Less(t, time.Since(began), wait+5*time.Second)
		assert.Greater(t, wait, 50*time.Millisecond)
		answered := time.Now()
		s.ask(metadata(), 7)
		assert.GreaterOrEqual(t, time.Since(answered), wait-20*time.Millisecond)
	})
	t.Run("another user is not throttled", func(t *testing.T) {
		s := serveThrottled(newRelay(relay.Limits{}), 1, "SCRAM-SHA-256")
		assert.Zero(t, told(s))
		s.ask(metadata(), 7)
	})
	t.Run("no quotas", func(t *testing.T) {
		s := serve(t, newRelay(relay.Limits{}), &opens{})
		s.ask(handshake("PLAIN"), 1)
		assert.Zero(t, told(s))
	})
	t.Run("a client that leaves is gone", func(t *testing.T) {
		s := serveThrottled(newRelay(relay.Limits{}), 1, "PLAIN")
		assert.Greater(t, told(s), 10*time.Minute)
		require.NoError(t, s.Close())
		assert.True(t, relay.Ended(s.why()))
	})
	t.Run("a client that has sent more leaves", func(t *testing.T) {
		s := serveThrottled(newRelay(relay.Limits{Drain: time.Second}), 1, "PLAIN")
		assert.Greater(t, told(s), 10*time.Minute)
		m := metadata()
		m.SetVersion(7)
		_, err := s.Write(kmsg.NewRequestFormatter().AppendRequest(nil, m, 6))
		require.NoError(t, err)
		require.NoError(t, s.Close())
		_ = s.why()
	})
	t.Run("the relay drains", func(t *testing.T) {
		r := newRelay(relay.Limits{})
		s := serveThrottled(r, 1, "PLAIN")
		assert.Greater(t, told(s), 10*time.Minute)
		began := time.Now()
		assert.Zero(t, r.Drain())
		assert.Less(t, time.Since(began), 5*time.Second)
		assert.True(t, relay.Ended(s.why()))
	})
	t.Run("the relay is closed", func(t *testing.T) {
		r := newRelay(relay.Limits{})
		s := serveThrottled(r, 1, "PLAIN")
		assert.Greater(t, told(s), 10*time.Minute)
		r.Close()
		_ = s.why()
	})
}
