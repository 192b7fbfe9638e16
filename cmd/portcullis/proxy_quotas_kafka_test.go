package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/acltest"
	"github.com/portcullis-authz/portcullis/internal/kafkatest"
	"github.com/portcullis-authz/portcullis/ops"
)

// throttles adds up for how long a client was told that it is throttled.
type throttles struct {
	mu  sync.Mutex
	sum time.Duration
}

func (t *throttles) OnBrokerThrottle(_ kgo.BrokerMetadata, wait time.Duration, _ bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sum += wait
}

// TestKafkaQuotas sets quotas at a real broker. A client that produces and consumes there is throttled by
// the broker; the same client, through a proxy that has taken over the quotas, is throttled by the proxy:
// for the same time within a tenth.
func TestKafkaQuotas(t *testing.T) {
	const rate, records, size = 200_000, 64, 50_000 // a second; what is beyond eleven seconds' worth is throttled
	cluster := kafkatest.Start(t, kafkatest.Config{LogLevel: "warn", Listeners: []kafkatest.Listener{{Name: "CLIENT", Users: map[string]string{"alice": "a"}}}})
	cluster.CreateTopics(t, kafkatest.Topic{Name: "direct"}, kafkatest.Topic{Name: "through"})
	cluster.SetACLs(t, acltest.Allow("User:alice", ops.Write, acltest.Topic("direct")), acltest.Allow("User:alice", ops.Read, acltest.Topic("direct")))
	admin, err := kgo.NewClient(kgo.SeedBrokers(cluster.Bootstrap(kafkatest.Internal)), kgo.SASL(plain.Auth{User: kafkatest.Admin, Pass: kafkatest.AdminPassword}.AsMechanism()))
	require.NoError(t, err)
	defer admin.Close()
	setQuota(t, admin, "producer_byte_rate", rate)
	setQuota(t, admin, "consumer_byte_rate", rate)

	p := &auditedProxy{status: make(chan int, 1)}
	var acls strings.Builder
	require.NoError(t, acl.Write(&acls, acl.FormatText, slices.Values([]acl.Binding{acltest.Allow("User:alice", ops.Write, acltest.Topic("through")), acltest.Allow("User:alice", ops.Read, acltest.Topic("through"))})))
	args := []string{"proxy", "--acls", file(t, "acls.txt", acls.String()),
		"--listen", "SASL_PLAINTEXT://127.0.0.1:0", "--users", file(t, "users.txt", "alice:a\n"), "--upstream", cluster.Bootstrap(kafkatest.Internal),
		"--upstream-user", kafkatest.Admin, "--upstream-password-file", file(t, "password", kafkatest.AdminPassword), "--upstream-mechanism", "PLAIN", "--upstream-quotas"}
	go func() { p.status <- run(args, strings.NewReader(""), &p.stdout, &p.log) }()
	p.address = p.log.wait(t, `msg=serving listeners=(\S+) acls=2`)

	type measured struct{ produced, consumed, producerTold, consumerTold time.Duration }
	measure := func(address, topic string) (m measured) {
		var producing, consuming throttles
		login := kgo.SASL(plain.Auth{User: "alice", Pass: "a"}.AsMechanism())
		c, err := kgo.NewClient(kgo.SeedBrokers(address), login, kgo.DisableIdempotentWrite(), kgo.WithHooks(&producing), kgo.ProducerBatchCompression(kgo.NoCompression()))
		if !assert.NoError(t, err) {
			return m
		}
		defer c.Close()
		began := time.Now()
		for range records {
			if !assert.NoError(t, c.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Value: make([]byte, size)}).FirstErr()) {
				return m
			}
		}
		m.produced, m.producerTold = time.Since(began), producing.sum
		reader, err := kgo.NewClient(kgo.SeedBrokers(address), login, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxBytes(2*size), kgo.FetchMaxPartitionBytes(2*size),
			kgo.WithHooks(&consuming))
		if !assert.NoError(t, err) {
			return m
		}
		defer reader.Close()
		began = time.Now()
		for n := 0; n < records; {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			fetches := reader.PollFetches(ctx)
			cancel()
			if !assert.NoError(t, fetches.Err()) {
				return m
			}
			n += fetches.NumRecords()
		}
		m.consumed, m.consumerTold = time.Since(began), consuming.sum
		return m
	}
	var direct, through measured
	var running sync.WaitGroup
	running.Go(func() { direct = measure(cluster.Bootstrap("CLIENT"), "direct") })
	running.Go(func() { through = measure(p.address, "through") })
	running.Wait()
	t.Logf("rows compared: direct %+v, through the proxy %+v", direct, through)
	within := func(name string, direct, through time.Duration) {
		assert.Greater(t, direct, 4*time.Second, name)
		assert.InEpsilon(t, direct, through, 0.1, "%s: %v direct, %v through", name, direct, through)
	}
	within("producing takes", direct.produced, through.produced)
	within("a producer is told", direct.producerTold, through.producerTold)
	within("consuming takes", direct.consumed, through.consumed)
	assert.Positive(t, through.consumerTold)
	p.stop(t)
}

// setQuota sets a quota of alice.
func setQuota(t *testing.T, admin *kgo.Client, key string, limit float64) {
	t.Helper()
	alice := "alice"
	request := kmsg.NewPtrAlterClientQuotasRequest()
	request.Entries = []kmsg.AlterClientQuotasRequestEntry{{
		Entity: []kmsg.AlterClientQuotasRequestEntryEntity{{Type: "user", Name: &alice}},
		Ops:    []kmsg.AlterClientQuotasRequestEntryOp{{Key: key, Value: limit}},
	}}
	answer, err := request.RequestWith(t.Context(), admin)
	require.NoError(t, err)
	require.Len(t, answer.Entries, 1)
	require.NoError(t, kerr.ErrorForCode(answer.Entries[0].ErrorCode), fmt.Sprint(answer.Entries[0]))
}
