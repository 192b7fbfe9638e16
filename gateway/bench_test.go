package gateway_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/audit"
	"github.com/portcullis-authz/portcullis/gateway"
)

// exchanges are allowed requests, as nearly all are, with the answers of a healthy
// cluster, and the number of allocations that deciding and answering each may take.
func exchanges() []exchange {
	topic, id := "t1", idOf("t1")
	records := make([]byte, 16<<10)
	var list []exchange
	for _, version := range []int16{9, 13} { // with the name of the topic, with its id
		produce := kmsg.NewPtrProduceRequest()
		produce.SetVersion(version)
		produce.Acks = -1
		produce.Topics = []kmsg.ProduceRequestTopic{{Topic: topic, TopicID: id, Partitions: []kmsg.ProduceRequestTopicPartition{{Records: records}}}}
		produced := produce.ResponseKind().(*kmsg.ProduceResponse)
		produced.Topics = []kmsg.ProduceResponseTopic{{Topic: topic, TopicID: id, Partitions: make([]kmsg.ProduceResponseTopicPartition, 1)}}
		list = append(list, exchange{"produce/" + map[int16]string{9: "name", 13: "id"}[version], produce, produced, 4})
	}
	fetch := kmsg.NewPtrFetchRequest() // begins a session, and so is not sent on as it came
	fetch.SetVersion(17)
	fetch.SessionEpoch = 0
	fetched := fetch.ResponseKind().(*kmsg.FetchResponse)
	metadata := kmsg.NewPtrMetadataRequest()
	metadata.SetVersion(9)
	described := metadata.ResponseKind().(*kmsg.MetadataResponse)
	described.Brokers = []kmsg.MetadataResponseBroker{{NodeID: 1, Host: "kafka"}}
	for range 10 {
		fetch.Topics = append(fetch.Topics, kmsg.FetchRequestTopic{TopicID: id, Partitions: []kmsg.FetchRequestTopicPartition{kmsg.NewFetchRequestTopicPartition()}})
		fetched.Topics = append(fetched.Topics, kmsg.FetchResponseTopic{TopicID: id, Partitions: []kmsg.FetchResponseTopicPartition{{RecordBatches: records}}})
		metadata.Topics = append(metadata.Topics, kmsg.MetadataRequestTopic{Topic: &topic})
		described.Topics = append(described.Topics, kmsg.MetadataResponseTopic{Topic: &topic, Partitions: make([]kmsg.MetadataResponseTopicPartition, 3)})
	}
	heartbeat := kmsg.NewPtrHeartbeatRequest()
	heartbeat.SetVersion(4)
	heartbeat.Group = "g"
	return append(list,
		exchange{"fetch/10topics", fetch, fetched, 22},
		exchange{"metadata/10topics", metadata, described, 71},
		exchange{"heartbeat", heartbeat, heartbeat.ResponseKind(), 2},
	)
}

type exchange struct {
	name        string
	request     kmsg.Request
	response    kmsg.Response
	allocations int
}

// run returns a function that has the exchange with a connection, with an auditor or nil.
func (e *exchange) run(tb testing.TB, auditor *audit.Auditor) func() {
	g, err := gateway.New(gateway.Config{
		Store: allowing(tb, "All Topic:t*", "All Group:g"), Cluster: cluster{"t1"},
		Address: func(gateway.Broker) (gateway.Broker, error) {
			return gateway.Broker{NodeID: 1, Host: "proxy", Port: 9092}, nil
		},
		Audit: auditor,
	})
	if err != nil {
		tb.Fatal(err)
	}
	conn := g.Conn(client("alice"))
	frame, reply := frameOf(e.request), replyOf(e.response)
	return func() {
		plan, err := conn.Request(frame)
		if err != nil || len(plan.Forward()) != 1 {
			tb.Fatal(plan, err)
		}
		if _, err := plan.Response(reply); err != nil {
			tb.Fatal(err)
		}
	}
}

// BenchmarkExchange measures what a request and its response cost a proxy.
func BenchmarkExchange(b *testing.B) {
	for _, e := range exchanges() {
		b.Run(e.name, func(b *testing.B) {
			do := e.run(b, nil)
			b.ReportAllocs()
			for b.Loop() {
				do()
			}
		})
	}
}

// BenchmarkAllTopics measures a request for all topics of a cluster with 10,000 of them,
// for users with different rights.
func BenchmarkAllTopics(b *testing.B) {
	m := kmsg.NewPtrMetadataRequest()
	m.SetVersion(12)
	m.Topics = nil
	all := m.ResponseKind().(*kmsg.MetadataResponse)
	all.Brokers = []kmsg.MetadataResponseBroker{{NodeID: 1, Host: "kafka"}}
	none := *all
	for i := range 10_000 {
		name := fmt.Sprint("t", i)
		partition := kmsg.MetadataResponseTopicPartition{Replicas: []int32{1, 2, 3}, ISR: []int32{1, 2, 3}}
		all.Topics = append(all.Topics, kmsg.MetadataResponseTopic{Topic: &name, TopicID: idOf(name), Partitions: []kmsg.MetadataResponseTopicPartition{partition, partition, partition}})
	}
	for _, tt := range []struct {
		name string
		acls []string
	}{
		{"no rights", []string{"Read Group:g"}},
		{"one topic", []string{"Read Topic:t1"}},
		{"ten prefixes", []string{"Read Topic:t10*", "Read Topic:t11*", "Read Topic:t12*", "Read Topic:t13*", "Read Topic:t14*",
			"Read Topic:t15*", "Read Topic:t16*", "Read Topic:t17*", "Read Topic:t18*", "Read Topic:t19*"}},
		{"all topics", []string{"Read Topic:t*"}},
	} {
		b.Run(tt.name, func(b *testing.B) {
			g, err := gateway.New(gateway.Config{Store: allowing(b, tt.acls...), Cluster: cluster{}})
			require.NoError(b, err)
			conn, frame := g.Conn(client("alice")), frameOf(m)
			replies := [2][]byte{replyOf(all), replyOf(&none)}
			b.ReportAllocs()
			for b.Loop() {
				plan, err := conn.Request(frame)
				if err != nil || len(plan.Forward()) != 1 {
					b.Fatal(plan, err)
				}
				reply := replies[0]
				if !asksForAll(b, plan.Forward()[0]) {
					reply = replies[1]
				}
				if _, err := plan.Response(reply); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// asksForAll reports whether a frame is a request for all topics.
func asksForAll(tb testing.TB, frame []byte) bool {
	h, err := gateway.ParseHeader(frame)
	require.NoError(tb, err)
	r, err := h.Request(frame)
	require.NoError(tb, err)
	return r.(*kmsg.MetadataRequest).Topics == nil
}
