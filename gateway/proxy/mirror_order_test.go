package proxy_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// TestMirrorsDoNotGoBack: the broker that has read most of the metadata is asked for its ACLs. If
// none has read what the ACLs in force may be of, they stay.
func TestMirrorsDoNotGoBack(t *testing.T) {
	cluster := upstream(t, kfake.NumBrokers(3))
	var lag atomic.Int64 // of all brokers
	var asked [3]atomic.Int32
	hosts := atomic.Pointer[[]string]{}
	hosts.Store(&[]string{"*", "127.0.0.1"})
	cluster.ControlKey(int16(kmsg.ApiVersions), func(r kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		response := r.ResponseKind().(*kmsg.ApiVersionsResponse)
		for _, key := range []kmsg.Key{kmsg.Produce, kmsg.Fetch, kmsg.Metadata, kmsg.SASLHandshake, kmsg.ApiVersions, kmsg.DescribeACLs, kmsg.SASLAuthenticate, kmsg.DescribeQuorum, kmsg.DescribeCluster} {
			most := min(kmsg.RequestForKey(int16(key)).MaxVersion(), 2)
			if key == kmsg.Metadata {
				most = 12
			}
			response.ApiKeys = append(response.ApiKeys, kmsg.ApiVersionsResponseApiKey{ApiKey: int16(key), MaxVersion: most})
		}
		return response, nil, true
	})
	cluster.ControlKey(int16(kmsg.DescribeQuorum), func(r kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		response := r.ResponseKind().(*kmsg.DescribeQuorumResponse)
		p := kmsg.NewDescribeQuorumResponseTopicPartition()
		p.HighWatermark = 1000
		for node, behind := range []int64{300, 0, 100} {
			replica := kmsg.NewDescribeQuorumResponseTopicPartitionReplicaState()
			replica.ReplicaID, replica.LogEndOffset = int32(node), 1000-behind-lag.Load()
			p.Observers = append(p.Observers, replica)
		}
		response.Topics = []kmsg.DescribeQuorumResponseTopic{{Topic: "__cluster_metadata", Partitions: []kmsg.DescribeQuorumResponseTopicPartition{p}}}
		return response, nil, true
	})
	cluster.ControlKey(int16(kmsg.DescribeACLs), func(r kmsg.Request) (kmsg.Response, error, bool) {
		asked[cluster.CurrentNode()].Add(1)
		return aclsOfAlice(cluster, *hosts.Load()...)(r)
	})
	s := snapshot.NewStore(snapshot.Config{})
	var heard reports
	start(t, cluster, proxy.Config{Store: s, Mirror: &proxy.Mirror{Interval: 5 * time.Millisecond, Report: heard.add}})
	require.Equal(t, 2, s.Load().Len())
	lag.Store(1)
	require.NoError(t, func() error { heard.next(t); return nil }())
	assert.ErrorContains(t, heard.next(t), "no broker has the metadata up to offset 1000")
	hosts.Store(&[]string{"*"}) // as it was before
	assert.Error(t, heard.next(t))
	assert.Equal(t, 2, s.Load().Len(), "the ACLs stay")
	lag.Store(0)
	eventually(t, "the ACLs are taken over again", func() bool { return s.Load().Len() == 1 })
	assert.Zero(t, asked[0].Load()+asked[2].Load(), "brokers that have read less are not asked")
	assert.Positive(t, asked[1].Load())
}
