package failover_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/internal/kafkatest"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// each is how many records are produced each way.
const each = 100

// TestOldBrokers: a client produces and consumes through the proxy in front of old brokers,
// alone and in a transaction, and is refused what the ACLs of the cluster do not allow.
func TestOldBrokers(t *testing.T) {
	for _, version := range []string{"2.8.2", "3.3.2", "3.9.2"} {
		t.Run(version, func(t *testing.T) {
			cluster := startCluster(t, version, 1)
			cluster.CreateTopics(t, kafkatest.Topic{Name: "orders"}, kafkatest.Topic{Name: "secret"})
			allowed := []acl.Binding{
				allow("alice", ops.All, resource.Topic, "orders"), allow("alice", ops.All, resource.Group, "readers"),
				allow("alice", ops.All, resource.TransactionalID, "orders"),
			}
			cluster.SetACLs(t, allowed...)
			w := &world{t: t, cluster: cluster, gate: newGate(t, cluster, &proxy.Mirror{Interval: mirrorInterval, FollowRelease: true})}
			w.awaitACLs(t, freshAge, allowed)
			exchangeRecords(t, w.gate.address())
		})
	}
}

// exchangeRecords produces and consumes at an address as alice.
func exchangeRecords(t *testing.T, address string) {
	t.Helper()
	producer := newClient(t, address, "alice", passwords["alice"])
	defer producer.Close()
	var want []string
	var records []*kgo.Record
	for i := range each {
		want = append(want, fmt.Sprintf("alone %d", i))
		records = append(records, &kgo.Record{Topic: "orders", Value: []byte(want[i])})
	}
	require.NoError(t, producer.ProduceSync(soon(t), records...).FirstErr(), "produce")

	transactional := newClient(t, address, "alice", passwords["alice"], kgo.TransactionalID("orders"))
	defer transactional.Close()
	for _, commit := range []kgo.TransactionEndTry{kgo.TryCommit, kgo.TryAbort} {
		require.NoError(t, transactional.BeginTransaction())
		var part []*kgo.Record
		for i := range each {
			value := fmt.Sprintf("committed: %v, %d", commit, i)
			part = append(part, &kgo.Record{Topic: "orders", Value: []byte(value)})
			if commit {
				want = append(want, value)
			}
		}
		require.NoError(t, transactional.ProduceSync(soon(t), part...).FirstErr(), "produce in a transaction")
		require.NoError(t, transactional.EndTransaction(soon(t), commit))
	}

	consumer := newClient(t, address, "alice", passwords["alice"], kgo.ConsumeTopics("orders"), kgo.ConsumerGroup("readers"),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	defer consumer.Close()
	var got []string
	for ctx := soon(t); len(got) < len(want); {
		fetches := consumer.PollFetches(ctx)
		require.NoError(t, fetches.Err(), "consume")
		fetches.EachRecord(func(r *kgo.Record) { got = append(got, string(r.Value)) })
	}
	slices.Sort(want)
	slices.Sort(got)
	assert.Equal(t, want, got, "records consumed")
	require.NoError(t, consumer.CommitUncommittedOffsets(soon(t)), "commit")

	secret := producer.ProduceSync(soon(t), &kgo.Record{Topic: "secret", Value: []byte("x")}).FirstErr()
	assert.ErrorIs(t, secret, kerr.TopicAuthorizationFailed)
}
