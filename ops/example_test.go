package ops_test

import (
	"fmt"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// readers allows Read on one topic.
type readers struct{ topic string }

func (a readers) Allowed(op ops.Operation, t resource.Type, name string) bool {
	return t == resource.Topic && name == a.topic && ops.AllowedBy(ops.Read).Has(op)
}

func (a readers) AllowedAny(op ops.Operation, t resource.Type) bool { return a.Allowed(op, t, a.topic) }

func ExampleEvaluate() {
	request := &ops.Request{
		Key: 3, Version: 12, Endpoint: ops.Broker, // Metadata
		Topics: []ops.Topic{{Name: "payments", Exists: true}, {Name: "salaries", Exists: true}},
	}
	outcome := ops.Evaluate(readers{"payments"}, request)
	for i := range outcome.Items {
		item := &outcome.Items[i]
		fmt.Println(request.NameOf(item), item.Code)
	}
	// Output:
	// payments NONE
	// salaries TOPIC_AUTHORIZATION_FAILED
}

func ExampleLookup() {
	produce, _ := ops.Lookup(0)
	for _, step := range produce.Steps {
		fmt.Println(step.Operation, step.Type, step.Denied.Code)
	}
	// Output:
	// WRITE TRANSACTIONAL_ID TRANSACTIONAL_ID_AUTHORIZATION_FAILED
	// WRITE TOPIC TOPIC_AUTHORIZATION_FAILED
}
