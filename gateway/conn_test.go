package gateway

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/ops"
)

// TestWhatIsKeptIsBounded: a connection does not keep memory for the many topics of an
// earlier request.
func TestWhatIsKeptIsBounded(t *testing.T) {
	g, client := halfGateway(t, ops.Broker)
	conn := g.Conn(client)
	for _, topics := range []int{1, maxSpareTopics / 2, maxSpareTopics + 1, 2_000} {
		m := kmsg.NewPtrProduceRequest()
		m.SetVersion(9)
		m.Acks = -1
		for range topics {
			m.Topics = append(m.Topics, kmsg.ProduceRequestTopic{Topic: "topic"})
		}
		plan := request(t, conn, kmsg.NewRequestFormatter().AppendRequest(nil, m, 5)[4:])
		if plan == nil || len(plan.Forward()) != 1 {
			t.Fatalf("%d topics: %+v", topics, plan)
		}
		if kept := conn.produce != nil; kept != (topics <= maxSpareTopics) {
			t.Errorf("%d topics: room for them is kept: %t", topics, kept)
		}
	}
}
