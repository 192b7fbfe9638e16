package proxy_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway/proxy"
)

// TestRequestsThatWaitBeyondTheSession: a request waits for the audit log, or for the name of a topic,
// for longer than the session of its client lasts. It is not sent on afterwards.
func TestRequestsThatWaitBeyondTheSession(t *testing.T) {
	const session, wait = 1500 * time.Millisecond, 3 * time.Second
	for name, byID := range map[string]bool{"for the audit log": false, "for the name of a topic": true} {
		t.Run(name, func(t *testing.T) {
			cluster := upstream(t, kfake.SeedTopics(1, "open"), kfake.NumBrokers(1))
			l := plainListener()
			l.SASL.MaxSession = session
			config := proxy.Config{Store: store(t, "alice ALLOW ALL TOPIC open"), Listeners: []proxy.Listener{l}}
			log := &slowAudit{make(chan struct{}, 1), make(chan struct{})}
			letGo := sync.OnceFunc(func() { close(log.goOn) })
			t.Cleanup(letGo)
			if !byID {
				config.Audit, config.AuditAll, config.AuditAllows = log, true, true
			}
			p := start(t, cluster, config)
			var reached atomic.Int32
			cluster.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
				cluster.KeepControl()
				reached.Add(1)
				return nil, nil, false
			})
			cluster.ControlKey(int16(kmsg.Metadata), func(r kmsg.Request) (kmsg.Response, error, bool) {
				cluster.KeepControl()
				if byID && len(r.(*kmsg.MetadataRequest).Topics) > 0 {
					cluster.SleepControl(func() { time.Sleep(wait) })
				}
				return nil, nil, false
			})
			w := dial(t, p.Addresses()[0])
			w.login("alice", passwords["alice"])
			if byID {
				brokers := kmsg.NewPtrMetadataRequest() // connects to the broker
				brokers.Topics = []kmsg.MetadataRequestTopic{}
				w.ask(brokers, 8)
				m := kmsg.NewPtrProduceRequest()
				m.Acks = -1
				m.Topics = []kmsg.ProduceRequestTopic{{TopicID: cluster.TopicInfo("open").TopicID, Partitions: make([]kmsg.ProduceRequestTopicPartition, 1)}}
				w.send(m, 13)
			} else {
				produce := changes()["Produce"]
				w.send(produce.request, produce.version)
			}
			time.Sleep(wait)
			letGo()
			time.Sleep(1500 * time.Millisecond)
			assert.Zero(t, reached.Load(), "requests that reached the broker after the session")
		})
	}
}
