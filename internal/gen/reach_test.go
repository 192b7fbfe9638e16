package gen_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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
		t.Run(fmt.Sprint(exact), func(t *testing.T) {
			for _, rule := range []refmodel.Rule{refmodel.DefaultDeny, refmodel.NotReady, refmodel.MatchingDeny, refmodel.MatchingAllow, refmodel.DefaultAllow, refmodel.SuperUser} {
				assert.GreaterOrEqual(t, rules[rule], of/200, "exact %t: %v is reached %d times in %d, want %d: %v", exact, rule, rules[rule], of, of/200, rules)
			}
		})
	}
	for what, n := range map[string]int{"Kafka gives no answer": fallbacks, "the semantics differ": disagreements,
		"more than one ACL matches": several, "a filter selects some ACLs and not all": listed} {
		t.Run(what, func(t *testing.T) {
			t.Logf("%s: %d of %d", what, n, of)
			assert.GreaterOrEqual(t, n, of/100, "%s in %d of %d, want %d", what, n, of, of/100)
		})
	}
}

func TestSourcesRepeat(t *testing.T) {
	a, b := gen.World(gen.Seeded(7)), gen.World(gen.Seeded(7))
	require.NotEmpty(t, a.ACLs, "one seed gives %v and %v", a, b)
	require.Len(t, a.ACLs, len(b.ACLs), "one seed gives %v and %v", a, b)
	assert.Equal(t, b.ACLs[0], a.ACLs[0], "one seed gives %v and %v", a, b)
	src := gen.Bytes([]byte{1, 1, 2})
	if a, b, c := src.IntN(256), src.IntN(1000), src.IntN(1000); a != 1 || b != 258 || c != 0 {
		t.Errorf("got %d, %d and %d, want 1, 258 and 0", a, b, c)
	}
}

// TestValidIsValid checks that Valid returns valid ACLs.
func TestValidIsValid(t *testing.T) {
	for seed := range uint64(2000) {
		b := gen.Valid(gen.Seeded(seed))
		require.NoError(t, b.Validate(), "seed %d", seed)
	}
}
