package ops_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// allowOnly allows the permissions that it lists, on every resource of the type.
type allowOnly []ops.Permission

func (a allowOnly) Allowed(op ops.Operation, t resource.Type, _ string) bool {
	return slices.Contains(a, ops.Permission{Operation: op, Type: t})
}

func (a allowOnly) AllowedAny(op ops.Operation, t resource.Type) bool { return a.Allowed(op, t, "") }

func TestUnknownRequestsAreRefused(t *testing.T) {
	served := 0
	for key := math.MinInt16; key <= math.MaxInt16; key++ {
		api, known := ops.Lookup(ops.APIKey(key))
		for _, version := range []int16{math.MinInt16, -1, 0, api.MinVersion, api.MaxVersion, api.MinVersion - 1, api.MaxVersion + 1, math.MaxInt16} {
			for endpoint := ops.Endpoint(-1); endpoint <= 3; endpoint++ {
				out := ops.Evaluate(allowAll{}, &ops.Request{Key: ops.APIKey(key), Version: version, Endpoint: endpoint})
				refused := out.Error == ops.UnsupportedVersion && !out.Passes()
				serves := known && version >= api.MinVersion && version <= api.MaxVersion && slices.Contains(api.Listeners, endpoint)
				if refused == serves && key != 58 { // an empty envelope is unreadable
					t.Errorf("API %d version %d at %v: refused %v, want %v", key, version, endpoint, refused, !serves)
				}
				if !serves && out.CloseConnection == (key == 18) {
					t.Errorf("API %d version %d at %v: connection closed %v", key, version, endpoint, out.CloseConnection)
				}
				if serves {
					served++
				}
			}
		}
	}
	assert.NotEqual(t, 0, served, "no request was served")
}

func TestNilAndZeroDeny(t *testing.T) {
	out := ops.Evaluate(allowAll{}, new(ops.Request))
	assert.False(t, out.Passes(), "the zero Request passes")
	out = new(ops.API).Evaluate(allowAll{}, &ops.Request{Endpoint: ops.Broker})
	assert.False(t, out.Passes(), "the zero API serves a request")
	out = ops.Evaluate(allowAll{}, nil)
	assert.False(t, out.Passes(), "no request passes")
	r := manyTopics(3, 9, 1)
	out = ops.Evaluate(nil, r)
	assert.False(t, out.Passes(), "a nil authorizer gives %+v", out)
	assert.Equal(t, ops.TopicAuthorizationFailed, out.Items[0].Code, "a nil authorizer gives %+v", out)
	zeroStep := ops.API{Listeners: []ops.Endpoint{ops.Broker}, Steps: make([]ops.Step, 1)}
	out = zeroStep.Evaluate(nil, &ops.Request{Endpoint: ops.Broker})
	assert.False(t, out.Passes(), "the zero Step denied gives %+v", out)
	assert.Equal(t, ops.UnknownServerError, out.Error, "the zero Step denied gives %+v", out)
}

// passesWithNothing are the APIs that are answered in full without any permission:
// those that anyone may send and, at a broker, DescribeCluster.
var passesWithNothing = []ops.APIKey{18, 60, 71, 72}

// TestNothingAllowedPassesNothing sends every version of every API, with one of
// everything, to each of its listeners, with nothing allowed.
func TestNothingAllowedPassesNothing(t *testing.T) {
	sent := 0
	for _, api := range ops.APIs() {
		for version := api.MinVersion; version <= api.MaxVersion; version++ {
			for _, endpoint := range api.Listeners {
				r := requestOfEverything(api.Key, version)
				r.Endpoint = endpoint
				sent++
				want := slices.Contains(passesWithNothing, api.Key) && (api.Key != 60 || endpoint == ops.Broker)
				out := ops.Evaluate(nil, r)
				assert.Equal(t, want, out.Passes(), "%v version %d at %v: passes %v with nothing allowed: %+v", api.Key, version, endpoint, !want, out)
			}
		}
	}
	assert.GreaterOrEqual(t, sent, 300, "%d requests sent, want more", sent)
}

// requestOfEverything returns a request in which every list has one resource that
// exists.
func requestOfEverything(key ops.APIKey, version int16) *ops.Request {
	id := "x"
	topics := []ops.Topic{{Name: "t", Exists: true}}
	return &ops.Request{
		Key: key, Version: version, Endpoint: ops.Broker,
		Caller: ops.Caller{Principal: "User:alice", Protocol: ops.SASLSSL},
		Topics: topics, Group: "g", Groups: []ops.TopicSet{{Name: "g", Topics: topics}},
		TransactionalID: &id, Transactions: []ops.TopicSet{{Name: "x", Topics: topics}},
		Keys: []string{"k"}, Resources: []ops.ConfigResource{{Type: ops.TopicConfig, Name: "t", Exists: true}},
		Subscribed: []string{"t"}, Matched: []string{"t"}, NewTopics: []string{"n"},
		Tokens: []ops.Token{{ID: "d", Owner: "User:bob"}}, Owner: "User:bob",
	}
}

func TestEvaluateKeepsTheRequest(t *testing.T) {
	for _, api := range ops.APIs() {
		r, same := requestOfEverything(api.Key, api.MaxVersion), requestOfEverything(api.Key, api.MaxVersion)
		ops.Evaluate(allowOnly{{Operation: ops.Describe, Type: resource.Topic}}, r)
		assert.Equal(t, same, r, "%v changes its request", api.Key)
	}
}

// TestRepeatedEvaluationIsEqual compares two outcomes of the same request.
func TestRepeatedEvaluationIsEqual(t *testing.T) {
	for _, api := range ops.APIs() {
		r := requestOfEverything(api.Key, api.MaxVersion)
		a, b := ops.Evaluate(allowAll{}, r), ops.Evaluate(allowAll{}, r)
		assert.Equal(t, b, a, "%v: %+v, then %+v", api.Key, a, b)
	}
}

func TestEvaluateAllocatesTheOutcomeOnly(t *testing.T) {
	all := ops.Authorizer(allowAll{})
	for _, test := range []struct {
		name    string
		request *ops.Request
		want    float64
	}{
		{"Metadata of 500 topics", manyTopics(3, 9, 500), 1},
		{"Produce of 500 topics", manyTopics(0, 9, 500), 1},
		{"Metadata with authorized operations", withOperations(manyTopics(3, 9, 500)), 1},
		{"a heartbeat", &ops.Request{Key: 12, Version: 4, Endpoint: ops.Broker, Group: "g"}, 0},
		{"a refused request", &ops.Request{Key: 999}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := testing.AllocsPerRun(100, func() { ops.Evaluate(all, test.request) }); got != test.want {
				t.Errorf("%s: Evaluate allocates %v times, want %v", test.name, got, test.want)
			}
		})
	}
}

// TestEvaluateAllocatesForDenials has every topic left out.
func TestEvaluateAllocatesForDenials(t *testing.T) {
	r := manyTopics(3, 9, 500)
	r.AllTopics = true
	if got := testing.AllocsPerRun(100, func() { ops.Evaluate(nil, r) }); got != 2 {
		t.Errorf("Evaluate allocates %v times, want 2: the entries and those left out", got)
	}
}

func withOperations(r *ops.Request) *ops.Request {
	r.IncludeOperations = true
	return r
}

func TestItemIsSmall(t *testing.T) {
	size := unsafe.Sizeof(ops.Item{})
	assert.Equal(t, uintptr(24), size, "an Item has %d bytes, want 24", size)
}

// TestEnvelopeWithoutSession: the embedded request is refused if its principal has no
// session.
func TestEnvelopeWithoutSession(t *testing.T) {
	r := &ops.Request{Key: 58, Endpoint: ops.Controller, Embedded: &ops.Embedded{
		Principal: "User:alice", ClientAddress: "10.0.0.1",
		Request: &ops.Request{Key: 19, Version: 7, Endpoint: ops.Broker, Topics: []ops.Topic{{Name: "t"}}},
	}}
	var principal, address string
	out := ops.EvaluateEnvelope(allowAll{}, r, func(p, a string) ops.Authorizer { principal, address = p, a; return nil })
	assert.Equal(t, ops.None, out.Error)
	require.NotNil(t, out.Inner)
	assert.False(t, out.Passes(), "got %+v", out)
	assert.Equal(t, ops.TopicAuthorizationFailed, out.Inner.Items[0].Code)
	assert.Equal(t, "User:alice", principal, "the session is of %q at %q", principal, address)
	assert.Equal(t, "10.0.0.1", address, "the session is of %q at %q", principal, address)
	assert.False(t, r.Embedded.Request.Forwarded, "the embedded request was changed")
	assert.Equal(t, ops.Broker, r.Embedded.Request.Endpoint, "the embedded request was changed")
	assert.Nil(t, ops.Evaluate(allowAll{}, r).Inner, "Evaluate alone answers the embedded request")
}

// TestEnvelopeIsTheClients creates a token for the client itself through an Envelope.
// Only the client's principal matters, not the permissions and the connection of the
// broker.
func TestEnvelopeIsTheClients(t *testing.T) {
	for principal, want := range map[string]ops.ErrorCode{"User:alice": ops.None, "User:eve": ops.DelegationTokenAuthorizationFailed} {
		t.Run(principal, func(t *testing.T) {
			r := &ops.Request{Key: 58, Endpoint: ops.Controller, Caller: ops.Caller{Principal: "User:broker"}, Embedded: &ops.Embedded{
				Principal: principal,
				Request:   &ops.Request{Key: 38, Version: 3, Owner: "User:alice"},
			}}
			out := ops.EvaluateEnvelope(allowAll{}, r, nil)
			require.NotNil(t, out.Inner)
			assert.Equal(t, want, out.Inner.Error)
		})
	}
}

// questions counts the questions to an authorizer that denies everything.
type questions map[string]int

func (q questions) Allowed(op ops.Operation, t resource.Type, name string) bool {
	q[op.String()+" "+t.String()+" "+name]++
	return false
}

func (q questions) AllowedAny(op ops.Operation, t resource.Type) bool { return q.Allowed(op, t, "any") }

// TestNothingIsAskedAfterADenial denies the group, the transactional id or the topic
// that later steps depend on.
func TestNothingIsAskedAfterADenial(t *testing.T) {
	for key, want := range map[ops.APIKey]questions{
		8:  {"READ GROUP g": 1},
		9:  {"DESCRIBE GROUP g": 1},
		20: {"DELETE CLUSTER kafka-cluster": 1, "DESCRIBE TOPIC t": 1},
		28: {"WRITE TRANSACTIONAL_ID x": 1},
		65: {"DESCRIBE TRANSACTIONAL_ID x": 1},
		69: {"DESCRIBE GROUP g": 1},
		16: {"DESCRIBE CLUSTER kafka-cluster": 1, "DESCRIBE GROUP g": 1},
		22: {"WRITE TRANSACTIONAL_ID x": 1},
		41: {"DESCRIBE DELEGATION_TOKEN d": 1, "DESCRIBE_TOKENS USER User:bob": 1},
	} {
		t.Run(fmt.Sprint(key), func(t *testing.T) {
			api, _ := ops.Lookup(key)
			got := questions{}
			out := ops.Evaluate(got, requestOfEverything(key, api.MaxVersion))
			assert.Equal(t, want, got, "%v asks %v, want %v", key, got, want)
			if key == 9 && len(out.Filtered) != 0 {
				t.Errorf("the topics of a refused group count as filtered: %+v", out)
			}
		})
	}
}

// TestNothingIsAskedAboutWhatIsHidden has a missing topic without Describe. Create must
// not be asked about.
func TestNothingIsAskedAboutWhatIsHidden(t *testing.T) {
	got := questions{}
	ops.Evaluate(got, &ops.Request{Key: 3, Version: 9, Endpoint: ops.Broker, AllowAutoCreate: true, Topics: []ops.Topic{{Name: "new"}}})
	want := (questions{"DESCRIBE TOPIC new": 1})
	assert.Equal(t, want, got, "asks %v, want %v", got, want)
}

// TestAutoCreateIsImpliedBelowVersion4 requests a missing topic without the flag.
func TestAutoCreateIsImpliedBelowVersion4(t *testing.T) {
	for version, want := range map[int16]int{3: 1, 4: 0} {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			r := &ops.Request{Key: 3, Version: version, Endpoint: ops.Broker, Topics: []ops.Topic{{Name: "new"}}}
			out := ops.Evaluate(allowAll{}, r)
			assert.Len(t, out.Create, want, "version %d creates %v, want %d", version, out.Create, want)
		})
	}
}

// TestLateFailureShowsNothing fails a request after earlier steps have allowed entries.
func TestLateFailureShowsNothing(t *testing.T) {
	for _, key := range []ops.APIKey{3, 60, 68, 88} {
		t.Run(fmt.Sprint(key), func(t *testing.T) {
			api, _ := ops.Lookup(key)
			api.Guards = append(api.Guards, ops.Guard{After: len(api.Steps), Effect: ops.Effect{Code: ops.InvalidRequest}})
			r := requestOfEverything(key, api.MaxVersion)
			r.IncludeClusterOperations, r.AllowAutoCreate = true, true
			r.Topics = append(r.Topics, ops.Topic{Name: "new"})
			out, want := api.Evaluate(allowAll{}, r), (ops.Outcome{Error: ops.InvalidRequest})
			assert.Equal(t, want, out)
		})
	}
}

// TestFailureStopsTheQuestions has two keys in a version that allows one.
func TestFailureStopsTheQuestions(t *testing.T) {
	got := questions{}
	out := ops.Evaluate(got, &ops.Request{Key: 10, Version: 3, Endpoint: ops.Broker, Keys: []string{"a", "b"}})
	want := (questions{"DESCRIBE GROUP a": 1})
	assert.Equal(t, want, got, "asks %v, want %v", got, want)
	assert.Equal(t, ops.GroupAuthorizationFailed, out.Error, "asks %v, want %v", got, want)
}

// TestAllTopicsCreatesNone has a missing topic in a request for every topic.
func TestAllTopicsCreatesNone(t *testing.T) {
	r := &ops.Request{Key: 3, Version: 9, Endpoint: ops.Broker, AllowAutoCreate: true, AllTopics: true, Topics: []ops.Topic{{Name: "t"}}}
	out := ops.Evaluate(allowAll{}, r)
	assert.Empty(t, out.Create, "creates %v", out.Create)
}

// TestRepeatedTopics has similar topics, of which only equal ones count as repeated.
func TestRepeatedTopics(t *testing.T) {
	for _, test := range []struct {
		a, b ops.Topic
		want ops.ErrorCode
	}{
		{ops.Topic{Name: "t", Exists: true}, ops.Topic{Name: "t", Exists: true}, ops.InvalidRequest},
		{ops.Topic{Name: "t", Exists: true}, ops.Topic{Name: "u", Exists: true}, ops.None},
		{ops.Topic{Name: "t", ByID: true, ID: [16]byte{1}, Exists: true}, ops.Topic{Name: "t", ByID: true, ID: [16]byte{1}, Exists: true}, ops.InvalidRequest},
		{ops.Topic{Name: "t", ByID: true, ID: [16]byte{1}, Exists: true}, ops.Topic{Name: "t", ByID: true, ID: [16]byte{2}, Exists: true}, ops.None},
		{ops.Topic{ByID: true, Exists: true}, ops.Topic{Exists: true}, ops.UnknownTopicID}, // an id of no topic, and the empty name
	} {
		t.Run(fmt.Sprint(test.a), func(t *testing.T) {
			r := &ops.Request{Key: 20, Version: 6, Endpoint: ops.Broker, Topics: []ops.Topic{test.a, test.b}}
			assert.Equal(t, test.want, ops.Evaluate(allowAll{}, r).Items[0].Code, "DeleteTopics of %+v and %+v", test.a, test.b)
		})
	}
}

// TestNobodyOwnsNoToken has tokens without an owner and callers without a principal.
func TestNobodyOwnsNoToken(t *testing.T) {
	for _, key := range []ops.APIKey{39, 40, 41} {
		t.Run(fmt.Sprint(key), func(t *testing.T) {
			r := &ops.Request{
				Key: key, Version: 2, Endpoint: ops.Broker, Caller: ops.Caller{Protocol: ops.SASLSSL},
				Tokens: []ops.Token{{ID: "k", Renewers: []string{""}}},
			}
			out := ops.Evaluate(nil, r)
			assert.False(t, out.Passes(), "%+v", out)
		})
	}
}

func TestOperationFieldsHaveAVersion(t *testing.T) {
	for version, want := range map[int16]bool{7: false, 8: true} {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			out := ops.Evaluate(allowAll{}, withOperations(manyTopics(3, version, 1)))
			assert.Equal(t, want, out.Items[0].HasOperations, "version %d: authorized operations %v, want %v", version, !want, want)
		})
	}
}

func TestTopicNames(t *testing.T) {
	long := strings.Repeat("x", 249)
	for name, want := range map[string]ops.ErrorCode{
		"a.B_c-9": ops.None, long: ops.None, "...": ops.None, "azAZ09": ops.None,
		"`": ops.InvalidTopicException, "{": ops.InvalidTopicException, "@": ops.InvalidTopicException, "[": ops.InvalidTopicException,
		"/": ops.InvalidTopicException, ":": ops.InvalidTopicException,
		"": ops.InvalidTopicException, ".": ops.InvalidTopicException, "..": ops.InvalidTopicException,
		long + "x": ops.InvalidTopicException, "a b": ops.InvalidTopicException, "é": ops.InvalidTopicException, "a\x00": ops.InvalidTopicException,
	} {
		t.Run(name, func(t *testing.T) {
			r := &ops.Request{Key: 61, Endpoint: ops.Broker, Topics: []ops.Topic{{Name: name, Exists: true}}}
			assert.Equal(t, want, ops.Evaluate(allowAll{}, r).Items[0].Code)
		})
	}
	id := "x"
	for name, want := range map[string]ops.ErrorCode{
		"__consumer_offsets": ops.TopicAuthorizationFailed, "__transaction_state": ops.TopicAuthorizationFailed,
		"__share_group_state": ops.TopicAuthorizationFailed, "__mine": ops.None,
	} {
		r := &ops.Request{Key: 24, Version: 3, Endpoint: ops.Broker, TransactionalID: &id, Topics: []ops.Topic{{Name: name, Exists: true}}}
		assert.Equal(t, want, ops.Evaluate(allowAll{}, r).Items[0].Code, "AddPartitionsToTxn of %q", name)
	}
}
