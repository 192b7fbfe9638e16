package ops_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// logger denies everything except Describe on topics, and records each question with
// its Action.
type logger struct {
	action ops.Action
	asked  []string
}

func (l *logger) Begin(a ops.Action) { l.action = a }

func (l *logger) Allowed(op ops.Operation, t resource.Type, name string) bool {
	l.note(fmt.Sprintf("%v %v %s", op, t, name))
	return op == ops.Describe && t == resource.Topic
}

func (l *logger) AllowedAny(op ops.Operation, t resource.Type) bool {
	l.note(fmt.Sprintf("%v some %v", op, t))
	return false
}

func (l *logger) note(question string) {
	l.asked = append(l.asked, fmt.Sprintf("%s: %v step %d, allow %t, denial %t", question, l.action.Key, l.action.Step, l.action.LogAllowed, l.action.LogDenied))
}

func TestActions(t *testing.T) {
	for _, test := range []struct {
		name    string
		request ops.Request
		want    []string
	}{
		{"a topic to create", ops.Request{Key: 3, Version: 9, AllowAutoCreate: true, Topics: []ops.Topic{{Name: "a"}}}, []string{
			"DESCRIBE TOPIC a: Metadata step 1, allow true, denial true",
			"CREATE CLUSTER kafka-cluster: Metadata step 2, allow true, denial false",
			"CREATE TOPIC a: Metadata step 3, allow true, denial true",
		}},
		{"every topic", ops.Request{Key: 3, Version: 12, AllTopics: true, Topics: []ops.Topic{{Name: "a", Exists: true}}}, []string{
			"DESCRIBE TOPIC a: Metadata step 1, allow true, denial false",
		}},
		{"a producer id", ops.Request{Key: 22, Version: 4}, []string{
			"IDEMPOTENT_WRITE CLUSTER kafka-cluster: InitProducerId step 3, allow true, denial false",
			"WRITE some TOPIC: InitProducerId step 4, allow true, denial false",
		}},
		{"authorized operations", ops.Request{Key: 3, Version: 11, IncludeOperations: true, Topics: []ops.Topic{{Name: "a", Exists: true}}}, []string{
			"DESCRIBE TOPIC a: Metadata step 1, allow true, denial true",
			"READ TOPIC a: Metadata step 0, allow false, denial false",
			"WRITE TOPIC a: Metadata step 0, allow false, denial false",
			"CREATE TOPIC a: Metadata step 0, allow false, denial false",
			"DELETE TOPIC a: Metadata step 0, allow false, denial false",
			"ALTER TOPIC a: Metadata step 0, allow false, denial false",
			"DESCRIBE TOPIC a: Metadata step 0, allow false, denial false",
			"DESCRIBE_CONFIGS TOPIC a: Metadata step 0, allow false, denial false",
			"ALTER_CONFIGS TOPIC a: Metadata step 0, allow false, denial false",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.request.Endpoint = ops.Broker
			var l logger
			ops.Evaluate(&l, &test.request)
			assert.Equal(t, test.want, l.asked)
		})
	}
}

// TestQuietSteps lists the steps for which Kafka sets logIfDenied=false.
func TestQuietSteps(t *testing.T) {
	var quiet []string
	for _, api := range ops.APIs() {
		for i, s := range api.Steps {
			switch {
			case s.QuietDenial:
				quiet = append(quiet, fmt.Sprintf("%v %d: %v on %v", api.Key, i+1, s.Operation, s.Type))
			case s.QuietWhenAll:
				quiet = append(quiet, fmt.Sprintf("%v %d when all: %v on %v", api.Key, i+1, s.Operation, s.Type))
			}
		}
	}
	want := []string{
		"Metadata 1 when all: DESCRIBE on TOPIC",
		"Metadata 2: CREATE on CLUSTER",
		"ListGroups 1: DESCRIBE on CLUSTER",
		"ListGroups 2: DESCRIBE on GROUP",
		"CreateTopics 1: CREATE on CLUSTER",
		"CreateTopics 3: DESCRIBE_CONFIGS on TOPIC",
		"DeleteTopics 1: DELETE on CLUSTER",
		"InitProducerId 3: IDEMPOTENT_WRITE on CLUSTER",
		"InitProducerId 4: WRITE on TOPIC",
		"OffsetForLeaderEpoch 1: CLUSTER_ACTION on CLUSTER",
		"WriteTxnMarkers 1: ALTER on CLUSTER",
		"ConsumerGroupHeartbeat 3: DESCRIBE on TOPIC",
		"StreamsGroupHeartbeat 3: CREATE on CLUSTER",
	}
	assert.Equal(t, want, quiet)
}
