package ops_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/internal/refmodel"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// TestEveryVersionEqualToTheModel evaluates several requests of each version of each
// API at each endpoint, and compares the outcomes with the documented table.
func TestEveryVersionEqualToTheModel(t *testing.T) {
	table := readProtocol(t)
	authorizers := []ops.Authorizer{
		maskAuthorizer(0), allowAll{}, maskAuthorizer(ops.SetOf(ops.Describe, ops.Read)), maskAuthorizer(ops.SetOf(ops.Write, ops.Alter, ops.Describe)),
		maskAuthorizer(ops.SetOf(ops.ClusterAction, ops.Create, ops.Delete)),
	}
	compared := 0
	for _, api := range ops.APIs() {
		for version := api.MinVersion - 1; version <= api.MaxVersion+1; version++ {
			for seed := range uint64(12) {
				bits := seed * 0x9E3779B97F4A7C15 // spreads over all bits
				r := fuzzRequest(api.Key, version, bits, int(seed%6))
				for i, a := range authorizers {
					for _, r.Release = range []ops.Release{ops.Newest, ops.Kafka42, ops.Kafka43, ops.Kafka44, 401, 405, -1} {
						out := ops.Evaluate(a, r)
						compared++
						diff := refmodel.CompareResponses(refmodel.ResponseOf(r, &out), table.Answer(a, r))
						require.Equal(t, "", diff, "%v version %d of %v at %v, authorizer %d: %s: %+v", r.Key, version, r.Release, r.Endpoint, i, diff, r)
					}
				}
			}
		}
	}
	t.Logf("%d outcomes compared", compared)
	assert.GreaterOrEqual(t, compared, 220_000, "only %d outcomes compared", compared)
}

// TestErrorCodesHaveKafkasNumbers compares the codes with Kafka's
// org.apache.kafka.common.protocol.Errors.
func TestErrorCodesHaveKafkasNumbers(t *testing.T) {
	for code, want := range map[ops.ErrorCode]string{
		-1: "UNKNOWN_SERVER_ERROR", 0: "NONE", 3: "UNKNOWN_TOPIC_OR_PARTITION", 17: "INVALID_TOPIC_EXCEPTION", 23: "INCONSISTENT_GROUP_PROTOCOL",
		29: "TOPIC_AUTHORIZATION_FAILED", 30: "GROUP_AUTHORIZATION_FAILED", 31: "CLUSTER_AUTHORIZATION_FAILED", 34: "ILLEGAL_SASL_STATE",
		35: "UNSUPPORTED_VERSION", 36: "TOPIC_ALREADY_EXISTS", 42: "INVALID_REQUEST", 44: "POLICY_VIOLATION", 53: "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
		55: "OPERATION_NOT_ATTEMPTED", 61: "DELEGATION_TOKEN_AUTH_DISABLED", 62: "DELEGATION_TOKEN_NOT_FOUND", 63: "DELEGATION_TOKEN_OWNER_MISMATCH",
		64: "DELEGATION_TOKEN_REQUEST_NOT_ALLOWED", 65: "DELEGATION_TOKEN_AUTHORIZATION_FAILED", 66: "DELEGATION_TOKEN_EXPIRED",
		67: "INVALID_PRINCIPAL_TYPE", 97: "PRINCIPAL_DESERIALIZATION_FAILURE", 100: "UNKNOWN_TOPIC_ID", 136: "CONTROLLER_ID_NOT_REGISTERED", 137: "ErrorCode(137)", -2: "ErrorCode(-2)",
	} {
		t.Run(want, func(t *testing.T) {
			got := code.String()
			assert.Equal(t, want, got, "%d is %s, want %s", code, got, want)
		})
	}
}

// TestEnvelopeThatIsRefused: the embedded request of a refused Envelope is not
// evaluated, and other requests have none.
func TestEnvelopeThatIsRefused(t *testing.T) {
	session := func(string, string) ops.Authorizer { t.Error("a session is asked for"); return nil }
	inner := &ops.Request{Key: 3, Version: 9, Endpoint: ops.Broker}
	for _, r := range []*ops.Request{
		{Key: 58, Endpoint: ops.Controller, Embedded: &ops.Embedded{Principal: "User:alice", Request: inner}}, // denied: only brokers may send it
		{Key: 3, Version: 9, Endpoint: ops.Broker},
		{Key: 3, Version: 9, Endpoint: ops.Broker, Embedded: &ops.Embedded{Principal: "User:alice"}},
	} {
		t.Run(fmt.Sprint(r), func(t *testing.T) {
			out := ops.EvaluateEnvelope(nil, r, session)
			assert.Nil(t, out.Inner, r.Key)
		})
	}
}

// TestStepsOfOnesOwn evaluates rows that are not in the table: with the maximum number
// of steps, and with fallbacks of the first step, of the last, and of none.
func TestStepsOfOnesOwn(t *testing.T) {
	step := func(op ops.Operation, combine ops.Combine, of int) ops.Step {
		return ops.Step{Operation: op, Type: resource.Cluster, Combine: combine, FallbackOf: of, Denied: ops.Effect{Code: ops.ClusterAuthorizationFailed}}
	}
	pad := func(n int) (steps []ops.Step) {
		for range n {
			steps = append(steps, step(ops.Read, ops.Sufficient, 0))
		}
		return steps
	}
	for _, test := range []struct {
		steps []ops.Step
		want  ops.ErrorCode
	}{
		{append(pad(2), step(ops.Write, ops.Fallback, 1)), ops.None},
		{append(pad(2), step(ops.Write, ops.Fallback, 2)), ops.None},
		{append([]ops.Step{step(ops.Write, ops.Sufficient, 0)}, append(pad(1), step(ops.Write, ops.Fallback, 1))...), ops.ClusterAuthorizationFailed},
		{append(pad(16), step(ops.Write, ops.Fallback, 16)), ops.None},
		{append(pad(17), step(ops.Write, ops.Fallback, 17)), ops.ClusterAuthorizationFailed}, // a step beyond the size of a stepSet is not remembered, so its fallback is asked
		{append(pad(2), step(ops.Write, ops.Fallback, 0)), ops.ClusterAuthorizationFailed},
		{append(pad(2), step(ops.Write, ops.Fallback, -1)), ops.ClusterAuthorizationFailed},
		{append(pad(2), step(ops.Write, ops.Fallback, 200)), ops.ClusterAuthorizationFailed},
	} {
		t.Run(fmt.Sprintf("%+v", test), func(t *testing.T) {
			api := ops.API{Listeners: []ops.Endpoint{ops.Broker}, Steps: test.steps}
			out := api.Evaluate(allowOnly{{Operation: ops.Read, Type: resource.Cluster}}, &ops.Request{Endpoint: ops.Broker})
			assert.Equal(t, test.want, out.Error, fmt.Sprint(len(test.steps), " steps, the last a fallback of ", test.steps[len(test.steps)-1].FallbackOf))
		})
	}
}

// TestEntryStepsOfOnesOwn has fallbacks for each topic, without a condition.
func TestEntryStepsOfOnesOwn(t *testing.T) {
	api, _ := ops.Lookup(2) // ListOffsets asks one question for each topic
	step := func(op ops.Operation, combine ops.Combine, of int) ops.Step {
		s := api.Steps[0]
		s.Operation, s.Combine, s.FallbackOf = op, combine, of
		return s
	}
	allow := allowOnly{{Operation: ops.Read, Type: resource.Topic}, {Operation: ops.Alter, Type: resource.Topic}}
	for _, test := range []struct {
		first, second ops.Operation // both are enough by themselves
		of            int
		want          ops.ErrorCode
	}{
		{ops.Read, ops.Alter, 1, ops.None},
		{ops.Read, ops.Alter, 2, ops.None},
		{ops.Create, ops.Alter, 1, ops.TopicAuthorizationFailed},
		{ops.Create, ops.Alter, 2, ops.None},
		{ops.Read, ops.Create, 1, ops.None},
		{ops.Read, ops.Create, 2, ops.TopicAuthorizationFailed},
	} {
		t.Run(fmt.Sprint(test.first), func(t *testing.T) {
			row := api
			row.Steps = []ops.Step{step(test.first, ops.Sufficient, 0), step(test.second, ops.Sufficient, 0), step(ops.Write, ops.Fallback, test.of)}
			r := &ops.Request{Key: 2, Version: api.MaxVersion, Endpoint: ops.Broker, Topics: []ops.Topic{{Name: "t", Exists: true}}}
			out := row.Evaluate(allow, r)
			require.Len(t, out.Items, 1, "%v, %v and a fallback of %d", test.first, test.second, test.of)
			assert.Equal(t, test.want, out.Items[0].Code, "%v, %v and a fallback of %d", test.first, test.second, test.of)
		})
	}
}
