package gateway_test

import (
	"fmt"
	"net/netip"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// A proxy hands each request of a client to the gateway, and the cluster's response to
// the plan.
func Example() {
	store := snapshot.NewStore(snapshot.Config{})
	if err := store.Update(func(tx *snapshot.Tx) error {
		tx.Add(acl.Binding{
			Pattern: resource.Pattern{Type: resource.Topic, PatternType: resource.Literal, Name: "payments"},
			Entry:   acl.Entry{Principal: "User:billing", Host: "*", Operation: ops.Write, Permission: acl.Allow},
		})
		return nil
	}); err != nil {
		panic(err)
	}
	g, err := gateway.New(gateway.Config{Store: store})
	if err != nil {
		panic(err)
	}
	conn := g.Conn(gateway.Client{Subject: snapshot.Subject{
		Principal: principal.User("billing"),
		Host:      netip.MustParseAddr("10.20.0.7"),
	}})

	plan, err := conn.Request(produce("payments", "salaries"))
	if err != nil {
		panic(err) // a proxy logs it and closes the connection
	}
	for _, d := range plan.Denied {
		fmt.Println("denied:", d.Operation, d.Type, d.Name)
	}
	reply := broker(plan.Forward()[0])
	answer, err := plan.Response(reply)
	if err != nil {
		panic(err)
	}
	var r kmsg.ProduceResponse
	r.SetVersion(8)
	if err := r.ReadFrom(answer[4:]); err != nil {
		panic(err)
	}
	for _, t := range r.Topics {
		fmt.Println(t.Topic, ops.ErrorCode(t.Partitions[0].ErrorCode), t.Partitions[0].BaseOffset)
	}
	// Output:
	// denied: WRITE TOPIC salaries
	// payments NONE 42
	// salaries TOPIC_AUTHORIZATION_FAILED -1
}

// produce returns the request that a client would send.
func produce(topics ...string) []byte {
	m := kmsg.NewPtrProduceRequest()
	m.SetVersion(8)
	m.Acks = -1
	for _, name := range topics {
		m.Topics = append(m.Topics, kmsg.ProduceRequestTopic{Topic: name, Partitions: []kmsg.ProduceRequestTopicPartition{{}}})
	}
	return kmsg.NewRequestFormatter().AppendRequest(nil, m, 1)[4:]
}

// broker answers a request with offset 42 for each topic that is left in it.
func broker(frame []byte) []byte {
	h, err := gateway.ParseHeader(frame)
	if err != nil {
		panic(err)
	}
	m, err := h.Request(frame)
	if err != nil {
		panic(err)
	}
	r := m.ResponseKind().(*kmsg.ProduceResponse)
	for _, t := range m.(*kmsg.ProduceRequest).Topics {
		p := kmsg.NewProduceResponseTopicPartition()
		p.BaseOffset = 42
		r.Topics = append(r.Topics, kmsg.ProduceResponseTopic{Topic: t.Topic, Partitions: []kmsg.ProduceResponseTopicPartition{p}})
	}
	return h.Response(r)
}
