package ops_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/internal/refmodel"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// FuzzEvaluate evaluates requests made from arbitrary bytes and compares the outcomes
// with the model, which reads docs/protocol.json. For every request: nothing panics,
// entries are neither lost nor invented, allowing more never shows less, and a request
// that passes without any permission passes for everyone.
func FuzzEvaluate(f *testing.F) {
	table := readProtocol(f)
	for _, api := range ops.APIs() {
		f.Add(int16(api.Key), api.MaxVersion, uint16(0xffff), uint64(1<<30-1), uint8(7))
		f.Add(int16(api.Key), api.MinVersion, uint16(0x0108), uint64(0x5a5a5a5a), uint8(2))
		f.Add(int16(api.Key), api.MaxVersion, uint16(0x0508), uint64(1<<61|0xa5a5a5a5), uint8(5))
	}
	f.Add(int16(3), int16(12), uint16(1<<ops.Describe), uint64(1<<32|0x0f), uint8(4)) // missing topics by id, with automatic creation
	f.Fuzz(func(t *testing.T, key, version int16, allowed uint16, bits uint64, n uint8) {
		if key%16 != 0 { // most keys should be known
			key = int16(uint16(key) % 93)
		}
		r := fuzzRequest(ops.APIKey(key), version, bits, int(n%8))
		none, some, all := ops.Evaluate(nil, r), ops.Evaluate(maskAuthorizer(allowed), r), ops.Evaluate(allowAll{}, r)
		if none.Passes() && !some.Passes() || some.Passes() && !all.Passes() {
			t.Errorf("allowing more refuses more: %+v, %+v, %+v", none, some, all)
		}
		for _, out := range []*ops.Outcome{&none, &some, &all} {
			checkOutcome(t, r, out)
		}
		for _, answer := range []struct {
			out  *ops.Outcome
			from ops.Authorizer
		}{{&none, maskAuthorizer(0)}, {&some, maskAuthorizer(allowed)}, {&all, allowAll{}}} {
			if diff := refmodel.CompareResponses(refmodel.ResponseOf(r, answer.out), table.Answer(answer.from, r)); diff != "" {
				t.Errorf("%v version %d at %v, %T: %s: %+v", r.Key, r.Version, r.Endpoint, answer.from, diff, r)
			}
		}
		if len(some.Filtered) < len(all.Filtered) {
			t.Errorf("allowing more filters more: %+v, %+v", some, all)
		}
	})
}

// readProtocol reads docs/protocol.json.
func readProtocol(t testing.TB) refmodel.Protocol {
	t.Helper()
	data, err := os.ReadFile("../docs/protocol.json")
	require.NoError(t, err)
	table, err := refmodel.ReadProtocol(data)
	require.NoError(t, err)
	return table
}

// maskAuthorizer allows the operations of a set on the resources whose name has
// an even length.
type maskAuthorizer ops.Set

func (m maskAuthorizer) Allowed(op ops.Operation, _ resource.Type, name string) bool {
	return ops.Set(m).Has(op) && len(name)%2 == 0
}

func (m maskAuthorizer) AllowedAny(op ops.Operation, _ resource.Type) bool { return ops.Set(m).Has(op) }

// checkOutcome checks the invariants of every outcome.
func checkOutcome(t *testing.T, r *ops.Request, out *ops.Outcome) {
	type place struct{ parent, index int32 }
	seen := make(map[place]bool)
	for _, items := range [][]ops.Item{out.Items, out.Filtered} {
		for i := range items {
			it := &items[i]
			p := place{it.Parent, it.Index}
			assert.False(t, seen[p], "entry %v comes twice in %+v", p, out)
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

// fuzzRequest returns a request with lists of n resources and flags from bits.
func fuzzRequest(key ops.APIKey, version int16, bits uint64, n int) *ops.Request {
	bit := func(i int) bool { return bits>>i&1 != 0 }
	r := requestOfEverything(key, version)
	r.Endpoint = []ops.Endpoint{ops.Broker, ops.Controller, ops.Broker, ops.Controller, ops.Broker, ops.Controller, 0, 3}[bits>>61]
	r.Topics, r.Groups, r.Transactions, r.Keys, r.Resources, r.Tokens = nil, nil, nil, nil, nil, nil
	names := []string{"", "a", "bb", "__consumer_offsets", "a/b", "a", "ccc", "__cluster_metadata"}
	for i, name := range names[:n] {
		topic := ops.Topic{Name: name, ByID: bit(i), Exists: bit(i + 8)}
		r.Topics = append(r.Topics, topic)
		h := ops.TopicSet{Name: name, Topics: r.Topics[:i], AllTopics: bit(i + 16)}
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
