package gateway_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway"
)

// TestAddressesAreReplaced in every response and version with broker addresses: broker
// 1 is at the gateway, broker 2 is hidden.
func TestAddressesAreReplaced(t *testing.T) {
	store := allowing(t, "All Cluster:kafka-cluster", "All Topic:t", "All Group:g")
	address := func(b gateway.Broker) (gateway.Broker, error) {
		if b.NodeID != 1 {
			return gateway.Broker{}, nil
		}
		return gateway.Broker{NodeID: 1, Host: fmt.Sprint("gateway-for-", b.Host, "-", b.Controller), Port: b.Port + 1}, nil
	}
	g := newGateway(t, gateway.Config{Store: store, Cluster: cluster{"t"}, Address: address})
	conn := g.Conn(client("alice"))
	two := func(version int16, m kmsg.Request, reply func(node int32, host string)) {
		reply(1, "real")
		reply(2, "other")
		m.SetVersion(version)
	}
	for version := range int16(14) {
		m := kmsg.NewPtrMetadataRequest()
		var r kmsg.MetadataResponse
		two(version, m, func(node int32, host string) {
			r.Brokers = append(r.Brokers, kmsg.MetadataResponseBroker{NodeID: node, Host: host, Port: 9092})
		})
		r.SetVersion(version)
		got := answer[*kmsg.MetadataResponse](t, decide(t, conn, m), m, &r)
		if len(got.Brokers) != 1 || got.Brokers[0].Host != "gateway-for-real-false" || got.Brokers[0].Port != 9093 {
			t.Errorf("Metadata version %d: %+v", version, got.Brokers)
		}
	}
	for version := range int16(3) {
		for _, kind := range []int8{1, 2} {
			m := kmsg.NewPtrDescribeClusterRequest()
			r := kmsg.NewPtrDescribeClusterResponse()
			two(version, m, func(node int32, host string) {
				r.Brokers = append(r.Brokers, kmsg.DescribeClusterResponseBroker{NodeID: node, Host: host, Port: 9092})
			})
			r.SetVersion(version)
			r.EndpointType = kind
			got := answer[*kmsg.DescribeClusterResponse](t, decide(t, conn, m), m, r)
			want := fmt.Sprint("gateway-for-real-", kind == 2 && version > 0)
			if len(got.Brokers) != 1 || got.Brokers[0].Host != want {
				t.Errorf("DescribeCluster version %d of %d: %+v, expected %s", version, kind, got.Brokers, want)
			}
		}
	}
	for version := range int16(7) {
		for node, host := range map[int32]string{1: "gateway-for-real-false", 2: ""} {
			m := kmsg.NewPtrFindCoordinatorRequest()
			m.SetVersion(version)
			m.CoordinatorKey, m.CoordinatorKeys = "g", []string{"g"}
			r := m.ResponseKind().(*kmsg.FindCoordinatorResponse)
			c := kmsg.FindCoordinatorResponseCoordinator{Key: "g", NodeID: node, Host: "real", Port: 9092}
			r.NodeID, r.Host, r.Port, r.Coordinators = node, c.Host, c.Port, []kmsg.FindCoordinatorResponseCoordinator{c}
			got := answer[*kmsg.FindCoordinatorResponse](t, decide(t, conn, m), m, r)
			at := kmsg.FindCoordinatorResponseCoordinator{NodeID: got.NodeID, Host: got.Host, Port: got.Port, ErrorCode: got.ErrorCode}
			if version >= 4 {
				at = got.Coordinators[0]
			}
			if hidden := node == 2; at.Host != host || hidden != (at.ErrorCode == 15) || hidden != (at.Port == -1) || hidden != (at.NodeID == -1) {
				t.Errorf("FindCoordinator version %d of broker %d: %+v", version, node, at)
			}
		}
	}
	for version := int16(4); version <= 18; version++ {
		m := kmsg.NewPtrFetchRequest()
		m.ReplicaID, m.ReplicaState.ID = 3, 3 // a follower's, which is not touched otherwise
		r := kmsg.NewPtrFetchResponse()
		two(version, m, func(node int32, host string) {
			r.Brokers = append(r.Brokers, kmsg.FetchResponseBroker{NodeID: node, Host: host, Port: 9092})
		})
		r.SetVersion(version)
		plan := decide(t, conn, m)
		if plan.AsIs != (version < 16) {
			t.Errorf("Fetch version %d: as it is: %t", version, plan.AsIs)
		}
		got := answer[*kmsg.FetchResponse](t, plan, m, r)
		if version >= 16 && (len(got.Brokers) != 1 || got.Brokers[0].Host != "gateway-for-real-false") {
			t.Errorf("Fetch version %d: %+v", version, got.Brokers)
		}
	}
	m := kmsg.NewPtrDescribeQuorumRequest()
	r := kmsg.NewPtrDescribeQuorumResponse()
	two(2, m, func(node int32, host string) {
		l := kmsg.DescribeQuorumResponseNodeListener{Name: "C", Host: host, Port: 9093}
		r.Nodes = append(r.Nodes, kmsg.DescribeQuorumResponseNode{NodeID: node, Listeners: []kmsg.DescribeQuorumResponseNodeListener{l}})
	})
	r.SetVersion(2)
	got := answer[*kmsg.DescribeQuorumResponse](t, decide(t, conn, m), m, r)
	if len(got.Nodes) != 2 || got.Nodes[0].Listeners[0].Host != "gateway-for-real-true" || got.Nodes[0].Listeners[0].Port != 9094 || len(got.Nodes[1].Listeners) != 0 {
		t.Errorf("DescribeQuorum: %+v", got.Nodes)
	}
}

// TestAnUnchangedResponseIsPassedOn byte for byte, although it was inspected.
func TestAnUnchangedResponseIsPassedOn(t *testing.T) {
	g := newGateway(t, gateway.Config{Store: allowing(t, "All Topic:t"), Cluster: cluster{"t"}, Address: func(b gateway.Broker) (gateway.Broker, error) { return b, nil }})
	m := kmsg.NewPtrProduceRequest()
	m.SetVersion(13)
	m.Acks, m.Topics = -1, []kmsg.ProduceRequestTopic{{TopicID: idOf("t")}}
	plan := decide(t, g.Conn(client("alice")), m)
	r := m.ResponseKind().(*kmsg.ProduceResponse)
	r.Brokers = []kmsg.ProduceResponseBroker{{NodeID: 1, Host: "h", Port: 1}}
	reply := replyOf(r)
	got, err := plan.Response(reply)
	if err != nil || &got[0] != &reply[0] {
		t.Errorf("%x, %v", got, err)
	}
}

// TestUndecodedResponsesAreRead: a response without tags, and so without addresses, is
// passed on byte for byte, but is still checked against its layout.
func TestUndecodedResponsesAreRead(t *testing.T) {
	g := newGateway(t, gateway.Config{
		Store: allowing(t, "All Topic:t"), Cluster: cluster{"t"},
		Address: func(gateway.Broker) (gateway.Broker, error) {
			t.Error("there is no address")
			return gateway.Broker{}, nil
		},
	})
	conn := g.Conn(client("alice"))
	produce, fetch := kmsg.NewPtrProduceRequest(), kmsg.NewPtrFetchRequest()
	produce.SetVersion(13)
	produce.Acks, produce.Topics = -1, []kmsg.ProduceRequestTopic{{TopicID: idOf("t")}}
	produced := produce.ResponseKind().(*kmsg.ProduceResponse)
	produced.Topics = []kmsg.ProduceResponseTopic{{TopicID: idOf("t"), Partitions: make([]kmsg.ProduceResponseTopicPartition, 2)}}
	fetch.SetVersion(18)
	fetch.SessionEpoch, fetch.Topics = -1, []kmsg.FetchRequestTopic{{TopicID: idOf("t")}}
	fetched := fetch.ResponseKind().(*kmsg.FetchResponse)
	fetched.Topics = []kmsg.FetchResponseTopic{{TopicID: idOf("t"), Partitions: []kmsg.FetchResponseTopicPartition{{RecordBatches: []byte("records")}}}}
	for _, tt := range []struct {
		request  kmsg.Request
		response kmsg.Response
	}{{produce, produced}, {fetch, fetched}} {
		reply := replyOf(tt.response)
		got, err := decide(t, conn, tt.request).Response(reply)
		if err != nil || &got[0] != &reply[0] || len(got) != len(reply) {
			t.Errorf("%T: %x, %v", tt.response, got, err)
		}
		wrong := [][]byte{append(bytes.Clone(reply), 0), append([]byte{0, 0, 0, 8}, reply[4:]...)}
		for n := range reply {
			wrong = append(wrong, reply[:n])
		}
		for _, reply := range wrong {
			if got, err := decide(t, conn, tt.request).Response(reply); err == nil || got != nil {
				t.Errorf("%T: %x passes as %x", tt.response, reply, got)
			}
		}
	}
}
