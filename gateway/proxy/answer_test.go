package proxy_test

import (
	"bytes"
	"net/netip"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway/proxy"
)

// TestResponsesOfEverySize: responses that fit in the upstream's buffer are passed on
// from there, larger ones as they arrive or in memory of their own. No byte may be lost
// between them, even if the client has already sent the next requests.
func TestResponsesOfEverySize(t *testing.T) {
	cluster := upstream(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	broker := netip.MustParseAddrPort(cluster.ListenAddrs()[0])
	answer := func(m *kmsg.FetchRequest) *kmsg.FetchResponse {
		r := m.ResponseKind().(*kmsg.FetchResponse)
		p := kmsg.NewFetchResponseTopicPartition()
		p.RecordBatches = bytes.Repeat([]byte{byte(m.MaxBytes)}, int(m.MaxBytes))
		r.Topics = []kmsg.FetchResponseTopic{{Topic: "orders", TopicID: m.Topics[0].TopicID, Partitions: []kmsg.FetchResponseTopicPartition{p}}}
		if m.MinBytes > 0 {
			r.Brokers = []kmsg.FetchResponseBroker{{Host: broker.Addr().String(), Port: int32(broker.Port())}}
		}
		return r
	}
	cluster.ControlKey(int16(kmsg.Fetch), func(r kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		return answer(r.(*kmsg.FetchRequest)), nil, true
	})
	p := start(t, cluster, proxy.Config{Store: store(t, "alice ALLOW READ TOPIC orders")})
	w := dial(t, p.Addresses()[0])
	w.login("alice", passwords["alice"])

	metadata := kmsg.NewPtrMetadataRequest()
	metadata.Topics = []kmsg.MetadataRequestTopic{{Topic: new("orders")}}
	known := w.ask(metadata, 12).(*kmsg.MetadataResponse)
	sizes := []int32{0, 1, 100_000}
	for size := int32(16<<10 - 120); size <= 16<<10; size++ {
		sizes = append(sizes, size)
	}
	for _, tt := range []struct {
		name    string
		version int16
		brokers int32
	}{{"as it is", 11, 0}, {"looked at", 16, 0}, {"with an address", 16, 1}} {
		t.Run(tt.name, func(t *testing.T) {
			for i := 0; i < len(sizes); i += 10 {
				ask := func(do func(*kmsg.FetchRequest)) {
					for _, size := range sizes[i:min(i+10, len(sizes))] {
						m := kmsg.NewPtrFetchRequest()
						m.SessionEpoch, m.MaxBytes, m.MinBytes = -1, size, tt.brokers
						m.Topics = []kmsg.FetchRequestTopic{{Topic: "orders", TopicID: known.Topics[0].TopicID, Partitions: []kmsg.FetchRequestTopicPartition{kmsg.NewFetchRequestTopicPartition()}}}
						do(m)
					}
				}
				ask(func(m *kmsg.FetchRequest) { w.send(m, tt.version) })
				ask(func(m *kmsg.FetchRequest) {
					m.SetVersion(tt.version)
					got, want := w.receive(m).(*kmsg.FetchResponse), answer(m)
					if !bytes.Equal(got.Topics[0].Partitions[0].RecordBatches, want.Topics[0].Partitions[0].RecordBatches) {
						t.Fatalf("of %d bytes: they are others", m.MaxBytes)
					}
					if len(got.Brokers) != len(want.Brokers) || len(got.Brokers) > 0 && got.Brokers[0].Port != known.Brokers[0].Port {
						t.Fatalf("of %d bytes: brokers %+v", m.MaxBytes, got.Brokers)
					}
				})
			}
		})
	}
}
