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
)

// TestLeftBeforeATopicIsKnown: a program writes to a topic by its id, with acks=0, and leaves. What
// it has sent is carried out, as by a broker, also if the proxy has just begun and must ask which
// topic that is.
func TestLeftBeforeATopicIsKnown(t *testing.T) {
	for name, known := range map[string]bool{"known": true, "unknown": false} {
		t.Run(name, func(t *testing.T) {
			cluster := upstream(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
			var written atomic.Int32
			cluster.ControlKey(int16(kmsg.Metadata), func(r kmsg.Request) (kmsg.Response, error, bool) {
				cluster.KeepControl()
				if m := r.(*kmsg.MetadataRequest); len(m.Topics) > 0 {
					cluster.SleepControl(func() { time.Sleep(300 * time.Millisecond) })
				}
				return nil, nil, false
			})
			cluster.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
				cluster.KeepControl()
				written.Add(1)
				return nil, nil, false
			})
			p := start(t, cluster, proxy.Config{Store: store(t, "alice ALLOW ALL TOPIC orders")})
			w := dial(t, p.Addresses()[0])
			w.login("alice", passwords["alice"])
			if known {
				m := kmsg.NewPtrMetadataRequest()
				m.Topics = []kmsg.MetadataRequestTopic{{Topic: new("orders")}}
				m.AllowAutoTopicCreation = false
				w.ask(m, 12)
				require.Equal(t, int16(0), codeOf(w, cluster.TopicInfo("orders").TopicID))
			}
			m := kmsg.NewPtrProduceRequest()
			m.Acks = 0
			m.Topics = []kmsg.ProduceRequestTopic{{TopicID: cluster.TopicInfo("orders").TopicID, Partitions: make([]kmsg.ProduceRequestTopicPartition, 1)}}
			w.send(m, 13)
			require.NoError(t, w.Close())
			assert.Eventually(t, func() bool { return written.Load() == 1 }, 8*time.Second, 20*time.Millisecond, "the records are lost")
		})
	}
}
