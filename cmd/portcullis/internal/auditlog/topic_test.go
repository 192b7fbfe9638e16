package auditlog

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway/relay"
	"github.com/portcullis-authz/portcullis/internal/logtest"
)

// cluster starts a cluster, with a topic for the log.
func cluster(t *testing.T, options ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1), kfake.SeedTopics(1, "audit")}, options...)...)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// openTopic returns a log in a topic.
func openTopic(t *testing.T, c *kfake.Cluster, name, format string, failure Failure) (*Log, *Topic, *logtest.Log) {
	t.Helper()
	to, err := OpenTopic(name, format, relay.Upstream{Brokers: c.ListenAddrs()})
	require.NoError(t, err)
	encode, err := EncoderOf(format, "/portcullis")
	require.NoError(t, err)
	text := &logtest.Log{}
	l, err := New(to, encode, failure, slog.New(slog.NewTextHandler(text, nil)))
	require.NoError(t, err)
	return l, to, text
}

// consume returns the names in a topic once there are n records, and the type of the first.
func consume(t *testing.T, c *kfake.Cluster, n int) (names []string, contentType string) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...), kgo.ConsumeTopics("audit"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	require.NoError(t, err)
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for len(names) < n {
		fetched := client.PollFetches(ctx)
		require.NoError(t, fetched.Err0())
		fetched.EachRecord(func(r *kgo.Record) {
			names = append(names, namesIn(t, r.Value)...)
			contentType = string(r.Headers[0].Value)
		})
	}
	return names, contentType
}

// Each event is a record of its own, in order.
func TestTopic(t *testing.T) {
	for format, contentType := range contentTypes {
		t.Run(format, func(t *testing.T) {
			c := cluster(t)
			l, to, log := openTopic(t, c, "audit", format, Block)
			const events = 1000
			for i := range events {
				if i == events/2 {
					require.NoError(t, to.Reconfigure(relay.Upstream{Brokers: []string{"ignored:1"}}))
				}
				require.NoError(t, l.Handle(numbered(i)))
			}
			require.NoError(t, l.Close(time.Minute), log)
			names, got := consume(t, c, events)
			assert.Equal(t, contentType, got)
			assert.Subset(t, names, numbers(events), "a record in progress may be there twice")
		})
	}
}

// A broker that is down: deny refuses until it is up again, and no event that was accepted is
// lost.
func TestBrokerIsDown(t *testing.T) {
	for failure, name := range map[Failure]string{Block: "block", Deny: "deny", Drop: "drop"} {
		t.Run(name, func(t *testing.T) {
			c := cluster(t)
			down := make(chan struct{})
			l, _, log := openTopic(t, c, "audit", JSON, failure)
			require.NoError(t, l.Handle(numbered(0)))
			consume(t, c, 1)
			c.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
				c.KeepControl()
				select {
				case <-down:
					return nil, nil, false
				default:
					return nil, assert.AnError, true // which closes the connection
				}
			})
			began := time.Now()
			require.NoError(t, l.Handle(numbered(1)))
			require.Eventually(t, l.failing.Load, time.Minute, time.Millisecond)
			t.Log("noticed after", time.Since(began), log)
			assert.Equal(t, failure == Deny, l.Refusing())
			require.NoError(t, l.Handle(numbered(2)), "there is room in the queue")
			close(down)
			require.Eventually(t, func() bool { return !l.failing.Load() }, time.Minute, time.Millisecond)
			assert.False(t, l.Refusing())
			require.NoError(t, l.Close(time.Minute))
			names, _ := consume(t, c, 3)
			assert.Equal(t, numbers(3), names)
		})
	}
}

// A topic that is not there is an error that says so, from the start.
func TestNoSuchTopic(t *testing.T) {
	l, _, log := openTopic(t, cluster(t), "nothing", JSON, Deny)
	require.Eventually(t, l.Refusing, time.Minute, time.Millisecond)
	assert.NotEmpty(t, log.WaitFor(t, 1, "topic nothing: UNKNOWN_TOPIC_OR_PARTITION")) // it refuses first
	require.NoError(t, l.Handle(numbered(0)))
	began := time.Now()
	require.EqualError(t, l.Close(50*time.Millisecond), "1 events could not be written before the end")
	assert.Less(t, time.Since(began), 5*time.Second)
}

// Nothing listens there: Close does not wait for it.
func TestNoBroker(t *testing.T) {
	to, err := OpenTopic("audit", JSON, relay.Upstream{Brokers: []string{"127.0.0.1:1"}})
	require.NoError(t, err)
	l, _ := open(t, to, Deny)
	require.Eventually(t, l.Refusing, time.Minute, time.Millisecond)
	require.NoError(t, l.Handle(numbered(0)))
	began := time.Now()
	require.Error(t, l.Close(50*time.Millisecond))
	assert.Less(t, time.Since(began), 5*time.Second)
}

// A topic that takes small records has all events, with the texts of large ones cut. What is behind
// them is not kept out, and a batch of many events is divided.
func TestTopicOfSmallRecords(t *testing.T) {
	const events = 200
	c := cluster(t, kfake.BrokerConfigs(map[string]string{"message.max.bytes": "2000"}))
	l, _, log := openTopic(t, c, "audit", JSON, Deny)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range events {
		e := numbered(i)
		if i%50 == 7 {
			name := make([]byte, maxText) // which cannot be compressed by much
			for at := range name {
				name[at] = byte(1 + random.IntN(0x1f))
			}
			e.Request.Name = string(name)
		}
		require.NoError(t, l.Handle(e))
	}
	require.NoError(t, l.Close(time.Minute), log)
	names, _ := consume(t, c, events)
	assert.Len(t, names, events)
	assert.NotContains(t, log.String(), "cannot be written")
}
