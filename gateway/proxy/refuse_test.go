package proxy_test

import (
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/ops"
)

// fetchOf asks a broker for what is in a partition, and does not wait.
func fetchOf(topic string) *kmsg.FetchRequest {
	f := kmsg.NewPtrFetchRequest()
	t, p := kmsg.NewFetchRequestTopic(), kmsg.NewFetchRequestTopicPartition()
	t.Topic, p.PartitionMaxBytes = topic, 1000
	t.Partitions = append(t.Partitions, p)
	f.Topics, f.MaxBytes = append(f.Topics, t), 1000
	return f
}

// While Config.Refuse says so, every request gets the error of its API for refused requests,
// also those of super users, and on connections that are open. Afterwards all is as before.
func TestRefuse(t *testing.T) {
	var refusing atomic.Bool
	taken := &events{}
	p := start(t, upstream(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders")), proxy.Config{
		Store: store(t, "alice ALLOW ALL TOPIC orders", "alice ALLOW ALL GROUP readers"), Audit: taken, Refuse: refusing.Load,
	})
	for _, user := range []string{"alice", "admin"} {
		w := dial(t, p.Addresses()[0])
		w.login(user, passwords[user])
		for name, ask := range map[string]func() (got, refused int16){
			"Metadata": func() (int16, int16) {
				r := w.ask(metadataOf("orders"), 9).(*kmsg.MetadataResponse)
				return r.Topics[0].ErrorCode, int16(ops.TopicAuthorizationFailed)
			},
			"Metadata of all topics": func() (int16, int16) { // which leaves out what is not allowed
				r := w.ask(kmsg.NewPtrMetadataRequest(), 12).(*kmsg.MetadataResponse)
				return int16(1 - len(r.Topics)), 1
			},
			"Fetch": func() (int16, int16) {
				r := w.ask(fetchOf("orders"), 11).(*kmsg.FetchResponse)
				return r.Topics[0].Partitions[0].ErrorCode, int16(ops.TopicAuthorizationFailed)
			},
			"FindCoordinator": func() (int16, int16) {
				find := kmsg.NewPtrFindCoordinatorRequest()
				find.CoordinatorKey = "readers"
				return w.ask(find, 3).(*kmsg.FindCoordinatorResponse).ErrorCode, int16(ops.GroupAuthorizationFailed)
			},
		} {
			t.Run(user+" "+name, func(t *testing.T) {
				for _, refuse := range []bool{false, true, false} {
					refusing.Store(refuse)
					got, want := ask()
					if !refuse {
						want = 0
					}
					require.Equal(t, want, got, "refusing: %v", refuse)
				}
			})
		}
		t.Run(user+" Produce without an answer", func(t *testing.T) {
			refusing.Store(true)
			r := kmsg.NewPtrProduceRequest()
			topic, partition := kmsg.NewProduceRequestTopic(), kmsg.NewProduceRequestTopicPartition()
			topic.Topic, topic.Partitions = "orders", append(topic.Partitions, partition)
			r.Topics, r.Acks = append(r.Topics, topic), 0
			w.send(r, 7)
			w.closed("a refused Produce without an answer")
		})
	}
	p.stop()
	assert.NotEmpty(t, taken.list, "what is refused is recorded")
}

// With AuditAll the limit of events does not count.
func TestAuditAll(t *testing.T) {
	taken := &events{}
	p := start(t, upstream(t), proxy.Config{Store: store(t), Audit: taken, AuditAll: true, AuditEvents: 10})
	w := dial(t, p.Addresses()[0])
	w.login("bob", passwords["bob"])
	w.ask(metadataOf(hidden(1000)...), 9)
	p.stop()
	assert.Len(t, taken.list, 1000)
	assert.Empty(t, p.log.With("audit events dropped"))
}
