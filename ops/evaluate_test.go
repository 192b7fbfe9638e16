package ops_test

import (
	"math"
	"reflect"
	"slices"
	"testing"
	"unsafe"

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
	if served == 0 {
		t.Error("no request was served")
	}
}

func TestNilAndZeroDeny(t *testing.T) {
	if out := ops.Evaluate(allowAll{}, new(ops.Request)); out.Passes() {
		t.Error("the zero Request passes")
	}
	if out := new(ops.API).Evaluate(allowAll{}, &ops.Request{Endpoint: ops.Broker}); out.Passes() {
		t.Error("the zero API serves a request")
	}
	if out := ops.Evaluate(allowAll{}, nil); out.Passes() {
		t.Error("no request passes")
	}
	r := manyTopics(3, 9, 1)
	if out := ops.Evaluate(nil, r); out.Passes() || out.Items[0].Code != ops.TopicAuthorizationFailed {
		t.Errorf("a nil authorizer gives %+v", out)
	}
	zeroStep := ops.API{Listeners: []ops.Endpoint{ops.Broker}, Steps: make([]ops.Step, 1)}
	if out := zeroStep.Evaluate(nil, &ops.Request{Endpoint: ops.Broker}); out.Passes() || out.Error != ops.UnknownServerError {
		t.Errorf("the zero Step denied gives %+v", out)
	}
}

// TestEveryStepCanDeny asks with nothing allowed: each API with a required step
// must say no to a request that has one of everything.
func TestEveryStepCanDeny(t *testing.T) {
	for _, api := range ops.APIs() {
		needs := slices.ContainsFunc(api.Steps, func(s ops.Step) bool {
			return s.Combine != ops.Sufficient && s.Endpoint != ops.Controller && s.Denied.Scope != ops.FieldWithheld
		})
		r := requestOfEverything(api.Key, api.MaxVersion)
		r.Endpoint = api.Listeners[0]
		if out := ops.Evaluate(nil, r); needs && out.Passes() {
			t.Errorf("%v passes with nothing allowed: %+v", api.Key, out)
		}
	}
}

// requestOfEverything returns a request in which every list has one resource that
// exists.
func requestOfEverything(key ops.APIKey, version int16) *ops.Request {
	id := "x"
	topics := []ops.Topic{{Name: "t", Exists: true}}
	return &ops.Request{
		Key: key, Version: version, Endpoint: ops.Broker,
		Caller: ops.Caller{Principal: "User:alice", Protocol: ops.SASLSSL},
		Topics: topics, Group: "g", Groups: []ops.Holder{{Name: "g", Topics: topics}},
		TransactionalID: &id, Transactions: []ops.Holder{{Name: "x", Topics: topics}},
		Keys: []string{"k"}, Resources: []ops.ConfigResource{{Type: ops.TopicConfig, Name: "t", Exists: true}},
		Subscribed: []string{"t"}, Matched: []string{"t"}, NewTopics: []string{"n"},
		Tokens: []ops.Token{{ID: "d", Owner: "User:bob"}}, Owner: "User:bob",
	}
}

func TestEvaluateKeepsTheRequest(t *testing.T) {
	for _, api := range ops.APIs() {
		r, same := requestOfEverything(api.Key, api.MaxVersion), requestOfEverything(api.Key, api.MaxVersion)
		ops.Evaluate(allowOnly{{Operation: ops.Describe, Type: resource.Topic}}, r)
		if !reflect.DeepEqual(r, same) {
			t.Errorf("%v changes its request", api.Key)
		}
	}
}

// TestRepeatedEvaluationIsEqual compares two outcomes of the same request.
func TestRepeatedEvaluationIsEqual(t *testing.T) {
	for _, api := range ops.APIs() {
		r := requestOfEverything(api.Key, api.MaxVersion)
		if a, b := ops.Evaluate(allowAll{}, r), ops.Evaluate(allowAll{}, r); !reflect.DeepEqual(a, b) {
			t.Errorf("%v: %+v, then %+v", api.Key, a, b)
		}
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
		if got := testing.AllocsPerRun(100, func() { ops.Evaluate(all, test.request) }); got != test.want {
			t.Errorf("%s: Evaluate allocates %v times, want %v", test.name, got, test.want)
		}
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
	if size := unsafe.Sizeof(ops.Item{}); size != 24 {
		t.Errorf("an Item has %d bytes, want 24", size)
	}
}

// TestEnvelopeWithoutSession answers the embedded request of a principal that has
// no session with a refusal.
func TestEnvelopeWithoutSession(t *testing.T) {
	r := &ops.Request{Key: 58, Endpoint: ops.Controller, Embedded: &ops.Embedded{
		Principal: "User:alice", ClientAddress: "10.0.0.1",
		Request: &ops.Request{Key: 19, Version: 7, Endpoint: ops.Broker, Topics: []ops.Topic{{Name: "t"}}},
	}}
	var principal, address string
	out := ops.EvaluateEnvelope(allowAll{}, r, func(p, a string) ops.Authorizer { principal, address = p, a; return nil })
	if out.Error != ops.None || out.Inner == nil || out.Passes() || out.Inner.Items[0].Code != ops.TopicAuthorizationFailed {
		t.Errorf("got %+v", out)
	}
	if principal != "User:alice" || address != "10.0.0.1" {
		t.Errorf("the session is of %q at %q", principal, address)
	}
	if r.Embedded.Request.Forwarded || r.Embedded.Request.Endpoint != ops.Broker {
		t.Error("the embedded request was changed")
	}
	if inner := ops.Evaluate(allowAll{}, r).Inner; inner != nil {
		t.Errorf("Evaluate alone answers the embedded request: %+v", inner)
	}
}

// FuzzEvaluate evaluates requests made of arbitrary bytes. Whatever they are:
// nothing panics, entries are neither lost nor made up, allowing more never shows
// less, and what passes without any permission passes for everybody.
func FuzzEvaluate(f *testing.F) {
	for _, api := range ops.APIs() {
		f.Add(int16(api.Key), api.MaxVersion, uint16(0xffff), uint64(1<<30-1), uint8(7))
		f.Add(int16(api.Key), api.MinVersion, uint16(0x0108), uint64(0x5a5a5a5a), uint8(2))
	}
	f.Fuzz(func(t *testing.T, key, version int16, allowed uint16, bits uint64, n uint8) {
		r := fuzzRequest(ops.APIKey(key), version, bits, int(n%8))
		none, some, all := ops.Evaluate(nil, r), ops.Evaluate(maskAuthorizer(allowed), r), ops.Evaluate(allowAll{}, r)
		if none.Passes() && !some.Passes() || some.Passes() && !all.Passes() {
			t.Errorf("allowing more refuses more: %+v, %+v, %+v", none, some, all)
		}
		for _, out := range []*ops.Outcome{&none, &some, &all} {
			checkOutcome(t, r, out)
		}
		if len(some.Filtered) < len(all.Filtered) {
			t.Errorf("allowing more filters more: %+v, %+v", some, all)
		}
	})
}

// maskAuthorizer allows the operations of a set on the resources whose name has
// an even length.
type maskAuthorizer ops.Set

func (m maskAuthorizer) Allowed(op ops.Operation, _ resource.Type, name string) bool {
	return ops.Set(m).Has(op) && len(name)%2 == 0
}

func (m maskAuthorizer) AllowedAny(op ops.Operation, _ resource.Type) bool { return ops.Set(m).Has(op) }

// checkOutcome checks what holds of every outcome.
func checkOutcome(t *testing.T, r *ops.Request, out *ops.Outcome) {
	type place struct{ parent, index int32 }
	seen := make(map[place]bool)
	for _, items := range [][]ops.Item{out.Items, out.Filtered} {
		for i := range items {
			it := &items[i]
			p := place{it.Parent, it.Index}
			if seen[p] {
				t.Errorf("entry %v comes twice in %+v", p, out)
			}
			seen[p] = true
			if it.NameWithheld && (it.Code == ops.None || r.NameOf(it) != "") {
				t.Errorf("name withheld of %+v", it)
			}
		}
	}
	if out.Error != ops.None && len(out.Items)+len(out.Create)+len(out.CannotCreate) > 0 {
		t.Errorf("a failed request has entries: %+v", out)
	}
	if len(out.Create) > 0 && len(out.CannotCreate) > 0 {
		t.Errorf("creates some topics only: %+v", out)
	}
}

// fuzzRequest makes a request with lists of n resources and flags from bits.
func fuzzRequest(key ops.APIKey, version int16, bits uint64, n int) *ops.Request {
	bit := func(i int) bool { return bits>>i&1 != 0 }
	r := requestOfEverything(key, version)
	r.Endpoint = ops.Endpoint(bits >> 60)
	r.Topics, r.Groups, r.Transactions, r.Keys, r.Resources, r.Tokens = nil, nil, nil, nil, nil, nil
	names := []string{"", "a", "bb", "__consumer_offsets", "a/b", "a", "ccc", "__cluster_metadata"}
	for i, name := range names[:n] {
		topic := ops.Topic{Name: name, ByID: bit(i), Exists: bit(i + 8)}
		r.Topics = append(r.Topics, topic)
		h := ops.Holder{Name: name, Topics: r.Topics[:i], AllTopics: bit(i + 16)}
		r.Groups, r.Transactions = append(r.Groups, h), append(r.Transactions, h)
		r.Keys = append(r.Keys, name)
		r.Resources = append(r.Resources, ops.ConfigResource{Type: ops.ConfigType(bits >> i), Name: name, OtherNode: bit(i)})
		r.Tokens = append(r.Tokens, ops.Token{ID: name, Owner: "User:alice", Expired: bit(i)})
	}
	r.Subscribed, r.Matched, r.NewTopics = r.Keys, r.Keys, r.Keys
	r.KeyType, r.AllTopics, r.Follower = ops.KeyType(bits>>24&7)-1, bit(27), bit(28)
	r.TransactionalRecords, r.NoResponse, r.TwoPhaseCommit, r.AllowAutoCreate = bit(29), bit(30), bit(31), bit(32)
	r.IncludeClusterOperations, r.IncludeOperations, r.Forwarded = bit(33), bit(34), bit(35)
	if bit(36) {
		r.TransactionalID = nil
	}
	if bit(37) {
		r.Embedded = &ops.Embedded{Principal: "User:a", Request: &ops.Request{Key: ops.APIKey(bits >> 40), Version: version}}
	}
	return r
}
