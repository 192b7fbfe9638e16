package gateway_test

import (
	"testing"

	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// BenchmarkRequest decides requests that pass, as nearly all do: what a proxy pays for
// each.
func BenchmarkRequest(b *testing.B) {
	produce := kmsg.NewPtrProduceRequest()
	produce.SetVersion(9)
	produce.Acks = -1
	produce.Topics = []kmsg.ProduceRequestTopic{{Topic: "t1", Partitions: []kmsg.ProduceRequestTopicPartition{{Records: make([]byte, 16<<10)}}}}
	fetch := kmsg.NewPtrFetchRequest()
	fetch.SetVersion(12)
	fetch.SessionEpoch = -1
	metadata := kmsg.NewPtrMetadataRequest()
	metadata.SetVersion(9)
	for range 10 {
		fetch.Topics = append(fetch.Topics, kmsg.FetchRequestTopic{Topic: "t1", Partitions: []kmsg.FetchRequestTopicPartition{kmsg.NewFetchRequestTopicPartition()}})
		metadata.Topics = append(metadata.Topics, kmsg.MetadataRequestTopic{Topic: new("t1")})
	}
	heartbeat := kmsg.NewPtrHeartbeatRequest()
	heartbeat.SetVersion(4)
	heartbeat.Group = "g"
	g, err := gateway.New(gateway.Config{Store: allowing(b, "All Topic:t*", "All Group:g")})
	if err != nil {
		b.Fatal(err)
	}
	conn := g.Conn(client("alice"))
	for _, bench := range []struct {
		name    string
		request kmsg.Request
	}{{"produce/16KiB", produce}, {"fetch/10topics", fetch}, {"metadata/10topics", metadata}, {"heartbeat", heartbeat}} {
		b.Run(bench.name, func(b *testing.B) {
			frame := frameOf(bench.request)
			b.ReportAllocs()
			for b.Loop() {
				plan, err := conn.Request(frame)
				if err != nil || len(plan.Forward) != 1 {
					b.Fatal(plan, err)
				}
			}
		})
	}
}
