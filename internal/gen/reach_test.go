package gen_test

import (
	"testing"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/gen"
	"github.com/portcullis-authz/portcullis/internal/refmodel"
)

// TestEveryRuleIsReached checks the generators: their worlds must reach every rule
// often, in both semantics. Otherwise a test that uses them tests little.
func TestEveryRuleIsReached(t *testing.T) {
	const worlds, questions = 400, 8
	reached := map[bool]map[refmodel.Rule]int{false: {}, true: {}}
	fallbacks, disagreements, several, listed := 0, 0, 0, 0
	for seed := range uint64(worlds) {
		src := gen.Seeded(seed)
		w := gen.World(src)
		for range questions {
			s, r := gen.Question(src, w.ACLs)
			a := w.Check(s, r)
			reached[w.Exact][a.Rule]++
			if a.Fallback {
				fallbacks++
			}
			other := w
			other.Exact = !w.Exact
			if other.Check(s, r).Allowed() != a.Allowed() {
				disagreements++
			}
			if len(w.Explain(s, r)) > 1 {
				several++
			}
			if n := len(w.Select(gen.Filter(src, w.ACLs))); n > 0 && n < len(w.Select(acl.AnyBinding)) {
				listed++
			}
		}
	}
	const of = worlds * questions
	for exact, rules := range reached {
		for _, rule := range []refmodel.Rule{refmodel.DefaultDeny, refmodel.NotReady, refmodel.MatchingDeny, refmodel.MatchingAllow, refmodel.DefaultAllow, refmodel.SuperUser} {
			if rules[rule] < of/200 {
				t.Errorf("exact %t: %v is reached %d times in %d, want %d: %v", exact, rule, rules[rule], of, of/200, rules)
			}
		}
	}
	for what, n := range map[string]int{"Kafka gives no answer": fallbacks, "the semantics differ": disagreements,
		"more than one ACL matches": several, "a filter selects some ACLs and not all": listed} {
		t.Logf("%s: %d of %d", what, n, of)
		if n < of/100 {
			t.Errorf("%s in %d of %d, want %d", what, n, of, of/100)
		}
	}
}

func TestSourcesRepeat(t *testing.T) {
	if a, b := gen.World(gen.Seeded(7)), gen.World(gen.Seeded(7)); len(a.ACLs) == 0 || len(a.ACLs) != len(b.ACLs) || a.ACLs[0] != b.ACLs[0] {
		t.Errorf("one seed gives %v and %v", a, b)
	}
	src := gen.Bytes([]byte{1, 1, 2})
	if a, b, c := src.IntN(256), src.IntN(1000), src.IntN(1000); a != 1 || b != 258 || c != 0 {
		t.Errorf("got %d, %d and %d, want 1, 258 and 0", a, b, c)
	}
}

// TestValidIsValid checks that Valid returns valid ACLs.
func TestValidIsValid(t *testing.T) {
	for seed := range uint64(2000) {
		if b := gen.Valid(gen.Seeded(seed)); b.Validate() != nil {
			t.Fatalf("seed %d: %v: %v", seed, b, b.Validate())
		}
	}
}
