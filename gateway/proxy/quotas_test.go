package proxy

import (
	"bytes"
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway/relay"
	"github.com/portcullis-authz/portcullis/quota"
)

// TestQuotasOfTheUpstream: they are loaded before a port is open, again when they change, and the last ones
// stay in force while they cannot be loaded. What is not known is left out and told.
func TestQuotasOfTheUpstream(t *testing.T) {
	brokers, err := kfake.NewCluster(kfake.NumBrokers(1))
	require.NoError(t, err)
	t.Cleanup(brokers.Close)
	var answer atomic.Pointer[kmsg.DescribeClientQuotasResponse]
	brokers.ControlKey(int16(kmsg.DescribeClientQuotas), func(request kmsg.Request) (kmsg.Response, error, bool) {
		brokers.KeepControl()
		copied := *answer.Load()
		copied.Version = request.GetVersion()
		return &copied, nil, true
	})
	name := func(text string) *string { return &text }
	entity := func(kind string, name *string) kmsg.DescribeClientQuotasResponseEntryEntity {
		return kmsg.DescribeClientQuotasResponseEntryEntity{Type: kind, Name: name}
	}
	entry := func(key string, value float64, of ...kmsg.DescribeClientQuotasResponseEntryEntity) kmsg.DescribeClientQuotasResponseEntry {
		return kmsg.DescribeClientQuotasResponseEntry{Entity: of, Values: []kmsg.DescribeClientQuotasResponseEntryValue{{Key: key, Value: value}}}
	}
	answering := func(entries ...kmsg.DescribeClientQuotasResponseEntry) {
		answer.Store(&kmsg.DescribeClientQuotasResponse{Entries: entries})
	}
	var log bytes.Buffer
	cluster, err := relay.NewCluster(relay.Upstream{Brokers: brokers.ListenAddrs()}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	tracker := quota.NewTracker(quota.Window{})
	p := &Proxy{cluster: cluster, log: slog.New(slog.NewTextHandler(&log, nil)), quotas: newFollowing(&Quotas{Tracker: tracker, Upstream: true})}
	assert.Equal(t, DefaultQuotasInterval, p.quotas.Interval)

	answer.Store(&kmsg.DescribeClientQuotasResponse{ErrorCode: kerr.ClusterAuthorizationFailed.Code})
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	require.Error(t, p.awaitQuotas(ctx), "no port is open")
	cancel()
	t.Cleanup(func() { p.quotas.client.Close() })
	assert.Contains(t, log.String(), "CLUSTER_AUTHORIZATION_FAILED")

	answering(entry("producer_byte_rate", 5, entity("user", name("alice")), entity("client-id", nil)),
		entry("connection_creation_rate", 6, entity("ip", name("10.0.0.1"))), entry("consumer_byte_rate", 7, entity("client-id", name("app"))))
	require.NoError(t, p.loadQuotas(t.Context()))
	assert.Contains(t, log.String(), "taken over again")
	assert.Equal(t, 3, tracker.Table().Len())
	_, limit, ok := tracker.Table().Find(quota.ProducerByteRate, "alice", "anything")
	assert.True(t, ok)
	assert.EqualValues(t, 5, limit)

	answer.Store(&kmsg.DescribeClientQuotasResponse{ErrorCode: kerr.UnknownServerError.Code})
	require.Error(t, p.loadQuotas(t.Context()))
	assert.Equal(t, 3, tracker.Table().Len())

	log.Reset()
	answering(entry("producer_byte_rate", 5, entity("user", name("alice"))), entry("of\x1bthe_future", 6, entity("user", nil)), entry("producer_byte_rate", 7, entity("tenant", nil)),
		entry("connection_creation_rate", 1, entity("ip", name("localhost"))))
	for range 2 {
		require.NoError(t, p.loadQuotas(t.Context()))
	}
	assert.Equal(t, 1, tracker.Table().Len())
	assert.Equal(t, 1, bytes.Count(log.Bytes(), []byte("is not known here, and limits nobody")), "told once: %s", log.String())
	assert.NotContains(t, log.String(), "\x1b")
}

// TestQuotasNeedATracker: what would count nothing is refused.
func TestQuotasNeedATracker(t *testing.T) {
	config := Config{Quotas: &Quotas{}}
	assert.ErrorContains(t, config.Validate(), "proxy: Quotas.Tracker is nil")
	assert.Nil(t, (*following)(nil).tracker())
}
