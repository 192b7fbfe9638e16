package relay_test

import (
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway/relay"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
)

// traces is a Tracer that keeps what it gets.
type traces struct {
	asked    atomic.Int32
	finished chan *relay.Trace
	none     bool
}

func (k *traces) Sampled() bool {
	k.asked.Add(1)
	return !k.none
}

func (k *traces) Finished(t *relay.Trace) { k.finished <- t }

// next waits for the next trace.
func (k *traces) next(t *testing.T) *relay.Trace {
	t.Helper()
	select {
	case got := <-k.finished:
		return got
	case <-time.After(30 * time.Second):
		require.Fail(t, "no trace")
		return nil
	}
}

// ordered fails unless the times are there, and in order.
func ordered(t *testing.T, times ...time.Time) {
	t.Helper()
	for i, at := range times {
		assert.False(t, at.IsZero(), "time %d", i)
	}
	assert.True(t, slices.IsSortedFunc(times, time.Time.Compare), "%v", times)
}

// topic is a request for the metadata of a topic.
func topic(name string) *kmsg.MetadataRequest {
	m := kmsg.NewPtrMetadataRequest()
	m.Topics = []kmsg.MetadataRequestTopic{{Topic: &name}}
	return m
}

// TestTraces: a Tracer receives each request of a client that is logged in once, with what became
// of it; and nothing of logins, nor of requests before them.
func TestTraces(t *testing.T) {
	brokers, c := cluster(t)
	r, err := relay.New(c, relay.Limits{})
	require.NoError(t, err)
	open := func(login relay.Login, k *traces) *served {
		return serveAs(t, r, relay.Client{Login: login, Node: 1, Tracer: k})
	}
	known := relay.Known{Principal: principal.User("alice"), Host: netip.MustParseAddr("127.0.0.1")}
	address, _ := c.Address(1)
	require.Contains(t, brokers.ListenAddrs(), address)

	t.Run("allowed", func(t *testing.T) {
		k := &traces{finished: make(chan *relay.Trace, 10)}
		s := open(known, k)
		s.ask(topic("orders"), 8)
		got := k.next(t)
		assert.Equal(t, ops.MetadataKey, got.Header.Key)
		assert.EqualValues(t, 8, got.Header.Version)
		assert.EqualValues(t, 5, got.Header.CorrelationID)
		assert.Equal(t, "alice", got.Subject.Principal.Name)
		assert.Equal(t, s.LocalAddr().String(), got.Client.String())
		assert.EqualValues(t, 1, got.Node)
		assert.Equal(t, address, got.Broker)
		assert.Zero(t, got.Refused)
		require.NoError(t, got.Err)
		ordered(t, got.Read, got.Turn, got.Decided, got.Sent, got.Heard, got.Answered)
	})
	t.Run("one of two names", func(t *testing.T) {
		k := &traces{finished: make(chan *relay.Trace, 10)}
		open(known, k).ask(metadata(), 8)
		got := k.next(t)
		assert.Equal(t, 1, got.Refused)
		ordered(t, got.Read, got.Turn, got.Decided, got.Sent, got.Heard, got.Answered)
	})
	t.Run("refused", func(t *testing.T) {
		k := &traces{finished: make(chan *relay.Trace, 10)}
		m := kmsg.NewPtrDeleteTopicsRequest()
		m.TopicNames = []string{"orders", "payroll"}
		open(known, k).ask(m, 3)
		got := k.next(t)
		assert.Equal(t, ops.DeleteTopicsKey, got.Header.Key)
		assert.Equal(t, 2, got.Refused)
		assert.Empty(t, got.Broker)
		ordered(t, got.Read, got.Turn, got.Decided, got.Answered)
		assert.Equal(t, []bool{true, true}, []bool{got.Sent.IsZero(), got.Heard.IsZero()})
		require.NoError(t, got.Err)
	})
	t.Run("closed", func(t *testing.T) {
		k := &traces{finished: make(chan *relay.Trace, 10)}
		s := open(known, k)
		m := kmsg.NewPtrDescribeDelegationTokenRequest()
		m.SetVersion(1)
		_, err := s.Write(kmsg.NewRequestFormatter().AppendRequest(nil, m, 6))
		require.NoError(t, err)
		got := k.next(t)
		assert.Equal(t, ops.DescribeDelegationTokenKey, got.Header.Key)
		require.ErrorContains(t, got.Err, "is not served")
		ordered(t, got.Read, got.Turn, got.Answered)
		require.ErrorIs(t, s.why(), got.Err)
	})
	t.Run("the broker leaves", func(t *testing.T) {
		k := &traces{finished: make(chan *relay.Trace, 10)}
		s := open(known, k)
		brokers.ControlKey(int16(kmsg.Metadata), func(kmsg.Request) (kmsg.Response, error, bool) {
			return nil, assert.AnError, true // which closes the connection
		})
		m := topic("orders")
		m.SetVersion(8)
		_, err := s.Write(kmsg.NewRequestFormatter().AppendRequest(nil, m, 6))
		require.NoError(t, err)
		got := k.next(t)
		require.Error(t, got.Err)
		ordered(t, got.Read, got.Turn, got.Decided, got.Sent, got.Answered)
		assert.True(t, got.Heard.IsZero())
	})
	t.Run("the client leaves", func(t *testing.T) {
		k := &traces{finished: make(chan *relay.Trace, 10)}
		s := open(known, k)
		came, answer := make(chan struct{}, 1), make(chan struct{})
		defer close(answer)
		brokers.ControlKey(int16(kmsg.Metadata), func(q kmsg.Request) (kmsg.Response, error, bool) {
			if q.GetVersion() != 8 { // of the relay itself
				return nil, nil, false
			}
			select {
			case came <- struct{}{}:
			default: // asked again while it waits
			}
			<-answer // as a Fetch waits for records
			return nil, nil, false
		})
		m := topic("orders")
		m.SetVersion(8)
		_, err := s.Write(kmsg.NewRequestFormatter().AppendRequest(nil, m, 6))
		require.NoError(t, err)
		<-came
		require.NoError(t, s.Close())
		got := k.next(t)
		require.ErrorIs(t, got.Err, s.why(), "not that the wait for the broker was ended")
		assert.True(t, relay.Ended(got.Err))
		ordered(t, got.Read, got.Turn, got.Decided, got.Sent, got.Answered)
	})
	t.Run("a login", func(t *testing.T) {
		k := &traces{finished: make(chan *relay.Trace, 10)}
		s := open(new(opens), k)
		s.ask(kmsg.NewPtrApiVersionsRequest(), 0)
		s.ask(handshake("PLAIN"), 1)
		assert.Zero(t, k.asked.Load(), "before the login")
		s.ask(handshake("PLAIN"), 1)
		s.ask(topic("orders"), 8)
		assert.Equal(t, ops.MetadataKey, k.next(t).Header.Key)
		require.NoError(t, s.Close())
		s.why()
		assert.Empty(t, k.finished)
	})
	t.Run("not sampled", func(t *testing.T) {
		k := &traces{finished: make(chan *relay.Trace, 10), none: true}
		s := open(known, k)
		s.ask(topic("orders"), 8)
		s.ask(topic("orders"), 8)
		assert.EqualValues(t, 2, k.asked.Load())
		require.NoError(t, s.Close())
		s.why()
		assert.Empty(t, k.finished)
	})
}
